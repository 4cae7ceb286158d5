/* api: a request to the API on its way: routed, understood, answered when what it did is durable. Only this folder
 * includes it.
 *
 *   dispatch ─▶ handler ─▶ call_answer | call_text | call_fail            at once
 *                        └──▶ call_answer_durably                            when the journal has it
 *                        └──▶ call_calmly(handler)                           when no suggestion is being computed
 *                        └──▶ kept by the handler (a poll, an ask), `cancel` if its client goes away
 */
#ifndef TUNER_SERVICE_API_H
#define TUNER_SERVICE_API_H

#include "tuner/service/auth.h"
#include "tuner/service/feed.h"
#include "tuner/service/http.h"
#include "tuner/service/service.h"

#include "tuner/coordinator/fleet.h"
#include "tuner/coordinator/run.h"

#include "workers/workers.h"

#include "tuner/base/digest.h"

enum { CALL_PARAMS_MAX = 4, CALL_STATUSES = 600 };

struct hosted;
struct pilot;

/* A file that agents need to run a study; shipped by its hash. */
struct shipped {
    char *path; /* relative to the study's folder */
    unsigned char hash[DIGEST_BYTES];
    int64_t bytes;
    bool executable;
};

struct parcel {
    struct shipped *file;
    size_t n, room;
    char definition[DIGEST_HEX]; /* of the study's text and all files */
};

/* A study that is at work in this process. */
struct hosted {
    struct hosted *next;
    struct service *service;
    struct study *study;
    struct run *run;
    struct feed *feed;
    struct parcel parcel;
    char unpacked[1024]; /* why the files that agents need cannot be had; "": they can */
    struct call *call;   /* requests that wait for it */
    bool over;           /* has ended: taken away at the loop's next turn */
};

/* Feeds outlive the runs of their studies. */
struct feed_entry {
    struct feed_entry *next;
    char *study;
    struct feed *feed;
};

struct service {
    struct service_options options;
    uv_loop_t *loop;
    const struct clock *clock;
    struct store *store; /* for what belongs to no run: tokens, reading, creating */
    struct auth *auth;
    struct http *http;
    struct fleet *fleet;
    struct pilot *pilot;
    struct hosted *hosted;
    struct feed_entry *feed;
    struct call *polling; /* long polls of agents */
    struct call *saying;  /* messages of agents that wait to be durable */
    char guard[RUN_PATH_MAX], files[RUN_PATH_MAX];
    uv_timer_t tick;
    uv_prepare_t turn;
    int64_t started_ms, pulsed_ms, forgot_ms;
    bool closing;
    unsigned long long answers[CALL_STATUSES]; /* by HTTP status */
    unsigned long long trials_finished;
};

struct call {
    struct call *next, *prev; /* in hosted->call or service->polling, or alone */
    struct call **list;       /* which; NULL: alone */
    struct service *service;
    struct request *http;
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
void call_file(struct call *c, int fd, uint64_t bytes);  /* takes the descriptor */
void call_fail(struct call *c, const struct error *err); /* a problem document [RFC 9457] by the error's status */
void call_problem(struct call *c, unsigned status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Once all that the hosted study has recorded so far is durable, the answer's own record (if it creates) included. */
void call_answer_durably(struct call *c, struct hosted *h, unsigned status, json_t *answer);
/* A creating request that belongs to no run: keeps the answer, and answers. `kept`: what a repetition is told; NULL:
 * the same. */
void call_answer_kept(struct call *c, unsigned status, json_t *answer, json_t *kept);

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

/* ---- understanding ---- */

/* The study of {study} that is at work, or NULL after a problem: 409 if it is there but not at work. */
struct hosted *call_hosted(struct call *c);
/* The study's row, in the call's arena; false: there is none, and nothing is answered. */
bool call_row(struct call *c, const char *study, struct store_study *ret);
/* A number of the query, between the bounds. False: a problem has been answered. */
bool call_number(struct call *c, const char *name, long usual, long min, long max, long *ret);

/* true or false of the query. */
bool call_boolean(struct call *c, const char *name, bool usual, bool *ret);

/* The study of {study}, at work or not, for reading. */
struct reading {
    const struct study *study;
    const struct session *session;
    struct hosted *hosted;   /* NULL: not at work */
    struct study *own_study; /* to be freed */
    struct session *own_session;
};
bool call_read(struct call *c, struct reading *ret); /* false: a problem has been answered */
void reading_done(struct reading *r);
struct trial *call_trial(struct call *c, const struct session *s); /* {trial}; NULL: a problem has been answered */

/* ---- studies at work ---- */

/* Of the whole database, in order of creation. Done also after a failure. */
struct study_names {
    struct arena arena;
    const char **name;
    size_t n, room;
};
enum status service_names(struct service *s, struct study_names *ret, struct error *err);
void study_names_done(struct study_names *l);

struct hosted *service_hosted(struct service *s, const char *study); /* NULL: not at work */
/* Puts a study to work. `budget`: instead of its file's; may be NULL. `token`: of whoever wants it; NULL: nobody. */
enum status service_host(struct service *s, struct study *study, const struct budget *budget, const char *token,
                         struct hosted **ret, struct error *err);
/* Looks for the files that agents need. */
void service_pack(struct hosted *h);
struct feed *service_feed(struct service *s, const char *study, int64_t id);
void service_forget_feed(struct service *s, const char *study);
void service_say(struct service *s, const char *study, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The manifest of `files:`; STATUS_INVALID names what is missing, outside, or too much. */
enum status parcel_make(struct parcel *p, const struct study *study, struct error *err);
void parcel_done(struct parcel *p);
json_t *parcel_json(const struct parcel *p, const struct study *study);
const struct shipped *parcel_find(const struct parcel *p, const unsigned char hash[DIGEST_BYTES]);

/* ---- agents: what the service's life needs of them ---- */

void api_agents_open(struct service *s);
void api_agents_tick(struct service *s); /* ends long polls that have waited long enough */

/* ---- handlers ---- */

#define API_HANDLERS(X)                                                                                                \
    X(studies_list)                                                                                                    \
    X(studies_create)                                                                                                  \
    X(study_get)                                                                                                       \
    X(study_delete)                                                                                                    \
    X(study_pause)                                                                                                     \
    X(study_resume)                                                                                                    \
    X(study_stop)                                                                                                      \
    X(study_best)                                                                                                      \
    X(study_export)                                                                                                    \
    X(study_budgets)                                                                                                   \
    X(study_events) X(study_log) X(study_definition) X(study_file_put) X(trials_list) X(trials_create) X(trial_get)    \
        X(trial_cancel) X(trial_reports) X(trial_report) X(trial_tell) X(trial_renew) X(artefacts_list)                \
            X(artefact_get) X(artefact_put) X(ask) X(blob_get) X(agents_list) X(agent_get) X(agent_register)           \
                X(agent_poll) X(agent_messages) X(agent_leave) X(tokens_list) X(token_create) X(token_revoke)          \
                    X(health) X(metrics) X(openapi) X(service_get)
#define X(name) void api_##name(struct call *c);
API_HANDLERS(X)
#undef X

#endif
