/* api: a request to the API on its way: routed, understood, answered when what it did is durable. Only this folder
 * includes it.
 *
 *   dispatch ─▶ handler ─▶ call_answer | call_text | call_fail            at once
 *                        └──▶ call_answer_durably                            when the journal has it
 *                        └──▶ call_calmly(handler)                           when no suggestion is being computed
 *                        └──▶ call_work(run, then)                           when it has been done beside the loop
 *                        └──▶ kept by the handler (a poll, an ask), `cancel` if its client goes away
 */
#ifndef TUNER_SERVICE_API_H
#define TUNER_SERVICE_API_H

#include "tuner/service/auth.h"
#include "tuner/service/feed.h"
#include "tuner/service/folded.h"
#include "tuner/service/http.h"
#include "tuner/service/options.h"
#include "tuner/service/work.h"

#include "tuner/base/digest.h"

#include "tuner/coordinator/coordinator.h"
#include "tuner/execution/execution.h"

#include "workers/workers.h"

#include <sys/stat.h>

/* A busy database is waited for so long on the loop; what has to wait longer is a work's. */
enum { SERVICE_BUSY_MS = 50 };
enum { CALL_PARAMS_MAX = 4, CALL_STATUSES = 600, CALL_PAGE_BYTES = 1 << 20 /* of a list, and one item more */ };

struct hosted;
struct pilot;

/* A file that agents need to run a study; shipped by its hash. */
struct shipped {
    char *path; /* relative to the study's folder */
    unsigned char hash[DIGEST_BYTES];
    int64_t bytes;
    bool executable;
    struct stat seen; /* as it was hashed */
    bool settled;     /* it had not changed for a while then: as long as it looks the same, it is */
};

struct parcel {
    struct shipped *file;
    size_t n, capacity;
    char definition[DIGEST_HEX]; /* of the study's text and all files */
    char *text;                  /* what agents are told of it, JSON */
};

/* A study that is at work in this process. */
struct hosted {
    struct hosted *next;
    struct service *service;
    struct study *study;
    struct active *run;
    struct feed *feed;
    struct parcel parcel;
    struct gpus gpus;    /* for its trials on this machine */
    bool has_gpus;       /* … false: the environment stays as it is */
    char shown[120];     /* what that means, for people; "": nothing */
    char unpacked[1024]; /* why the files that agents need cannot be had; "": they can */
    struct call *call;   /* requests that wait for it */
    bool over;           /* has ended: taken away at a turn of the loop */
    size_t lent;         /* works that read its study: it stays until they are done */
};

/* Feeds outlive the runs of their studies. */
struct feed_entry {
    struct feed_entry *next;
    char *study; /* "": it was deleted, and readers are left */
    int64_t id;  /* another study may have the name by now */
    struct feed *feed;
};

/* Studies that the last process left at work. */
struct left {
    bool looking;         /* for them */
    struct waking *first; /* it is on its way; the others wait */
    struct call *call;    /* requests that wait for one of them */
};

/* Of what deleted studies have left. */
struct sweeping {
    struct work work;
    bool more; /* than it took */
    enum { SWEEP_IDLE, SWEEP_AT_WORK, SWEEP_AND_AGAIN } state;
};

struct service {
    struct service_options options;
    uv_loop_t *loop;
    struct clock *clock; /* a steady one: what has expired stays so */
    struct store *store; /* for what belongs to no run: tokens, reading, creating */
    struct auth *auth;
    struct http *http;
    struct fleet *fleet;
    struct pilot *pilot;
    struct workers *workers; /* the slots of this machine, for all studies */
    struct hosted *hosted;
    struct feed_entry *feed;
    struct call *polling; /* long polls of agents */
    struct call *saying;  /* messages of agents that wait to be durable */
    struct works *works;
    struct folded *folded;
    struct shelf *shelf;  /* of pages of feeds */
    struct call *working; /* requests that are worked on beside the loop */
    struct left left;
    struct sweeping sweeping;
    char guard[NEEDS_PATH_MAX], files[NEEDS_PATH_MAX];
    uv_timer_t tick;
    uv_prepare_t turn;
    int64_t started_ms, pulsed_ms, forgot_ms;
    bool closing;
    unsigned long long answers[CALL_STATUSES]; /* by HTTP status */
    unsigned long long trials_finished;
};

/* An answer that waits to be sent. */
struct answer {
    unsigned status; /* 0: there is none yet */
    const char *type;
    char *text;
    size_t n; /* bytes of the text or of the file */
    int fd;   /* −1: the text */
};

struct query {
    const struct query *next;
    const char *name, *value;
};

struct call {
    struct call *next, *prev; /* in hosted->call or service->polling, or alone */
    struct call **list;       /* which; NULL: alone */
    struct service *service;
    struct request *http; /* NULL: the client is gone, and a work ends in vain or for others */
    struct store *store;  /* the service's; during a work its thread's */
    const struct route *route;
    struct identity who;
    const char *param[CALL_PARAMS_MAX]; /* of the path, in the arena */
    struct arena arena;
    json_t *body;          /* of a JSON request; an object; NULL: none */
    struct hosted *hosted; /* that it waits for; NULL */
    void (*then)(struct call *c);
    void (*cancel)(struct call *c); /* the client is gone, or the study has ended */
    void *state;                    /* of the handler */
    unsigned status;                /* of the answer to come */
    json_t *answer;
    const char *location;
    const char *key; /* Idempotency-Key; NULL: none */
    unsigned char what[DIGEST_BYTES];
    bool answered;
    struct error err; /* for whoever needs one */
    struct work work;
    const char *awaits;        /* while in service->left.call: the study */
    struct hosted *lent;       /* that a work reads; NULL */
    int spool;                 /* the body, taken over from the request; −1: none */
    size_t bytes;              /* of it */
    bool at_work;              /* answers are outcomes, and nothing of the loop's may be touched */
    bool busy;                 /* the database was, so that it is worked on again */
    const struct query *query; /* while at work */
    struct answer outcome;
    void (*run)(struct call *c);
};

struct route {
    const char *method, *path; /* "/api/v1/studies/{study}" */
    unsigned grants;           /* any of them; 0: anybody */
    void (*handle)(struct call *c);
    size_t body_max;
    enum body { BODY_NONE, BODY_JSON, BODY_OPTIONAL_JSON, BODY_ANY, BODY_FILE } body;
    bool creates; /* takes an Idempotency-Key */
};

/* ---- answering: each ends the call's work ---- */

void call_answer(struct call *c, unsigned status, json_t *answer); /* takes the reference */
void call_text(struct call *c, unsigned status, const char *type, const char *text, size_t n);
void call_file(struct call *c, const char *type, int fd, uint64_t bytes); /* takes the descriptor */
void call_fail(struct call *c, const struct error *err); /* a problem document [RFC 9457] by the error's status */
void call_problem(struct call *c, unsigned status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Once all that the hosted study has recorded so far is durable, the answer's own record (if it creates) included. */
void call_answer_durably(struct call *c, struct hosted *h, unsigned status, json_t *answer);
/* What a repetition of a creating request that belongs to no run is told. */
enum status call_keep_answer(struct call *c, unsigned status, const json_t *kept, struct error *err);

/* Worked on beside the loop by `run`, which sees of the call its own texts, `body`, `state` and `store`, and may
 * answer; a database that is busy lets it be run again, so that it begins anew. Unless it has answered, `then` follows
 * on the loop, even if the client is gone. `about`: a study that no other work may be about meanwhile; may be NULL. */
void call_work(struct call *c, const char *about, void (*run)(struct call *c), void (*then)(struct call *c));
/* For the works: the body, which the request would take along, and a study at work, which might end. */
void call_take_spool(struct call *c);
void call_lend(struct call *c, struct hosted *h);               /* NULL is fine */
const char *call_query(const struct call *c, const char *name); /* of the query; NULL: there is none */
void call_gone(struct call *c);                                 /* its client is */

/* What the handler records in the study of {study} is recorded on behalf of the request's token. */
void call_handle(struct call *c, void (*handle)(struct call *c));
/* No other fields than these, the list ended with NULL: "one", "two", NULL. False: a problem has been answered. */
#define call_fields(c, ...) call_checked((c), json_only((c)->body, &(c)->err, __VA_ARGS__))
/* False: a problem has been answered, that of c->err. */
bool call_checked(struct call *c, enum status status);

/* Handles it again, by `then`, when trials may be added. */
void call_calmly(struct call *c, struct hosted *h, void (*then)(struct call *c));
/* The handler keeps it for later. */
void call_wait(struct call *c, struct call **list, void (*cancel)(struct call *c));
void call_wait_no_more(struct call *c);
/* All that wait there. */
void call_refuse_all(struct call **list, unsigned status, const char *why);

/* ---- understanding ---- */

/* The study of {study} that is at work, or NULL after a problem: 409 if it is there but not at work. */
struct hosted *call_hosted(struct call *c);
/* Is there such a study? */
bool call_knows(struct call *c, const char *study, int64_t *ret_id);
/* A number of the query, between the bounds. False: a problem has been answered. */
bool call_number(struct call *c, const char *name, long usual, long min, long max, long *ret);

/* true or false of the query. */
bool call_boolean(struct call *c, const char *name, bool usual, bool *ret);

/* The study of {study}, at work or not, for reading, by a work. */
struct reading {
    const struct study *study;
    const struct history *history;
    struct folded_study *folded;
};
bool call_read(struct call *c, struct reading *ret); /* false: a problem has been answered */
void call_read_done(struct call *c, struct reading *r);
/* The study's own folder, FILES/STUDY/study: its file lies there, and what is uploaded for it. In the arena. */
char *call_study_folder(struct call *c, const char *study);
struct trial *call_trial(struct call *c, const struct history *s); /* {trial}; NULL: a problem has been answered */

/* A file without a name in the folder for the attempts' files; −1: it cannot be made. Of any thread. */
int service_spool(const struct service *s);

/* ---- studies at work: hosted.c ---- */

struct hosted *service_hosted(struct service *s, const char *study); /* NULL: not at work */
bool service_owns(const struct service *s, const char *path);        /* in the folder of the attempts' files */
/* Puts a study to work in two steps: a work opens it, with all that is in its log, and the loop starts it. Both take
 * what they are given, also if they fail, the hold included. `how`: its seed and slots are the study's; its budget, if
 * there is one, goes before the file's. */
enum status hosted_open(struct service *s, struct study *study, const struct opening *how, struct hosted **ret,
                        struct error *err);
enum status hosted_start(struct hosted *h, struct error *err);
void hosted_free(struct hosted *h);         /* one that was not started */
void hosted_packed(const struct hosted *h); /* says what agents miss */
void hosted_sweep(struct service *s);       /* takes away those that are over */

/* ---- studies of the last process: waking.c ---- */

/* Looks for them, and puts them to work one after the other. */
void service_wake_left(struct service *s);
/* Is the study one that the last process left, and not at work again yet? */
bool service_is_waking(const struct service *s, const char *study);
/* True: so the call waits, and is handled anew once it is. */
bool service_waits(struct call *c, const char *study);
/* Those that have waited for this study (NULL: for all) are handled now. */
void service_go_on(struct service *s, const char *study);

/* ---- the service itself ---- */

struct feed *service_feed(struct service *s, const char *study, int64_t id);
void service_forget_feed(struct service *s, const char *study);
/* Takes away what deleted studies have left, a little at a time. */
void service_sweep(struct service *s);
void service_say(struct service *s, const char *study, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The manifest of `files:`; STATUS_INVALID names what is missing, outside, or too much. */
/* `before`: an earlier one of the study, whose files are not read again unless they have changed; may be NULL. */
enum status parcel_make(struct parcel *p, const struct parcel *before, const struct study *study, struct error *err);
void parcel_done(struct parcel *p);
const struct shipped *parcel_find(const struct parcel *p, const unsigned char hash[DIGEST_BYTES]);

/* ---- agents: what the service's life needs of them ---- */

void api_agents_open(struct service *s);
void api_agents_tick(struct service *s); /* ends long polls that have waited long enough */

/* ---- handlers ---- */

/* clang-format off */
#define API_HANDLERS(X) \
    X(studies_list) X(studies_create) X(study_get) X(study_delete) X(study_pause) X(study_resume) X(study_stop) \
    X(study_budgets) \
    X(study_best) X(study_export) X(study_events) X(study_log) \
    X(study_definition) X(study_file_put) X(blob_get) \
    X(trials_list) X(trials_create) X(trial_get) X(trial_cancel) X(trial_retry) X(trial_reports) X(trial_report) X(trial_tell) \
    X(trial_renew) X(ask) \
    X(artefacts_list) X(artefact_get) X(artefact_put) \
    X(agents_list) X(agent_get) X(agent_register) X(agent_poll) X(agent_messages) X(agent_leave) \
    X(tokens_list) X(token_create) X(token_revoke) X(health) X(metrics) X(openapi) X(service_get)
/* clang-format on */
#define X(name) void api_##name(struct call *c);
API_HANDLERS(X)
#undef X

#endif
