/* machine: a coordinator's insides, shared by its loop (coordinator.c), its desk (desk.c) and its room (room.c); nobody
 * else includes it.
 */
#ifndef TUNER_COORDINATOR_MACHINE_H
#define TUNER_COORDINATOR_MACHINE_H

#include "tuner/coordinator/failure.h"
#include "tuner/coordinator/announce.h"
#include "tuner/coordinator/asking.h"
#include "tuner/coordinator/fleet.h"
#include "tuner/coordinator/pause.h"
#include "tuner/coordinator/seating.h"

enum phase { PHASE_SEARCH, PHASE_CONFIRM, PHASE_DRAIN, PHASE_KILL, PHASE_LEAVE, PHASE_ENDED };

struct coordinator {
    struct coordinator_options options;
    struct session *session;
    struct journal *journal;
    uv_loop_t *loop;
    struct workers *workers;
    enum phase phase;
    struct slot_home home;
    struct seating seating;
    struct member *member; /* of the fleet; NULL: there is none */
    struct askings askings;
    struct search *search;
    struct forecaster *forecaster;
    size_t judge_next;     /* slot */
    bool judging;          /* a running trial is being judged */
    bool thinking;         /* a suggestion is being computed */
    bool exhausted;        /* nothing is left to try, to afford, or worth the trouble */
    size_t confirmed_seen; /* confirmations that had ended when it was last asked what to confirm next */
    size_t searched_on;    /* trials when the search last went on after a confirmation; 0: never */
    struct alike failures; /* of this run, while nothing has completed */
    uint32_t lacking;      /* declared metrics that are known to be missing (remark.h) */
    struct pause pause;
    bool held;                        /* a person has paused it */
    char enough[400];                 /* why there will be no more trials */
    struct announcements said, later; /* later: calls that wait until no suggestion is being computed */
    int open_handles;
    uv_timer_t tick;
    uv_prepare_t turn;
    uv_async_t wake;  /* by the journal's writer */
    int64_t kept_seq; /* of the state that was kept last */
    int64_t kept_ms;  /* … and when */
    char failure[sizeof(struct error)]; /* why the study cannot go on; "": it can */
    enum coordinator_end end;
    enum status status; /* the first error; ends the run */
    struct error err;
};

/* Said once what has been recorded so far is durable. */
void machine_say(struct coordinator *c, enum coordinator_event event, const struct trial *t, const char *text);
/* An attempt is over, and its slot free; `crash`: why, if it crashed. `data`: the coordinator. */
void machine_ended(void *data, const struct trial *t, const char *crash);

/* Could a trial start now, if there were one? Clients that ask come first; then this machine, then agents. */
bool room_is_there(struct coordinator *c);
/* The slots of this machine: those of `options`, or its own. */
struct workers *room_open(const struct coordinator_options *options, const struct study *study, uv_loop_t *loop);
/* Says if something of an earlier run is still in its own. */
void room_say_left(struct coordinator *c);
/* A free slot for it. NULL: nobody has room. */
struct slot *room_take(struct coordinator *c);

/* Clients that have waited long enough, or for whom there is no more, get what there is. */
void desk_answers(struct coordinator *c, bool no_more);
/* All clients that wait get what there is, and `why`. */
void desk_sends_away(struct coordinator *c, const char *why);
/* Leases of clients that are over, told or expired, leave their slots. */
void desk_clears(struct coordinator *c);

/* member_hooks: what agents say, and their end. */
bool desk_hears(void *data, const struct holder *from, const json_t *message);
void desk_loses(void *data, void *owner, enum seat_loss loss, const char *why);
/* journal_requests, store_requests: what other processes want. A stop that an earlier run did not live to obey was not
 * meant for this one. */
void desk_obeys(void *data, int64_t id, const char *verb, const char *payload);
void desk_obeys_late(void *data, int64_t id, const char *verb, const char *payload);
/* Leases that agents and clients hold since before this process get slots. */
void desk_adopt(struct coordinator *c);

#endif
