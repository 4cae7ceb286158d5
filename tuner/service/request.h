/* request: a request to the API on its way: routed, understood, answered when what it did is durable.
 *
 *   dispatch ─▶ handler ─▶ request_answer | request_text | request_fail            at once
 *                        └──▶ active_study_answer                                when the journal has it
 *                        └──▶ active_study_calm(handler)                         when no suggestion is being computed
 *                        └──▶ request_work(run, then)                            when it has been done beside the loop
 *                        └──▶ kept by the handler (a poll, an ask), `cancel` if its client goes away
 */
#ifndef TUNER_SERVICE_REQUEST_H
#define TUNER_SERVICE_REQUEST_H

#include "tuner/service/auth.h"
#include "tuner/service/http.h"
#include "tuner/service/parts.h"
#include "tuner/service/route.h"
#include "tuner/service/work.h"

#include "tuner/base/digest.h"
#include "tuner/history/history.h"

enum { REQUEST_PARAMS_MAX = 4, REQUEST_PAGE_BYTES = 1 << 20 /* of a list, and one item more */ };

/* In a list of requests that wait for the same, or alone. */
struct waiting {
    struct request *next, *prev;
    struct request **list;           /* which; NULL: alone */
    struct coordinator *coordinator; /* that may call back; NULL */
    const char *study;               /* while in left.waiting: for which */
};

/* What is answered once it is durable. */
struct answer_to_come {
    unsigned status;
    json_t *body;
};

/* Idempotency-Key. */
struct repetition {
    const char *key;                  /* NULL: none */
    unsigned char what[DIGEST_BYTES]; /* of the whole request */
};

/* The body, taken over from the request. */
struct spool {
    int fd; /* −1: none */
    size_t bytes;
};

/* What the client has and takes, by its header; in the arena. */
struct seen {
    const char *match; /* If-None-Match; NULL: none */
    const char *tag;   /* of the answer: its ETag; NULL: none */
    bool gzip;         /* it takes that */
};

/* An answer that waits to be sent. */
struct answer {
    unsigned status; /* 0: there is none yet */
    const char *type;
    char *text;
    size_t n;                       /* bytes of the text or of the file */
    int fd;                         /* −1: the text */
    bool packed;                    /* by gzip */
    bool lasting;                   /* the text is, as long as the program */
    const struct http_header *more; /* ended by a NULL name; may be NULL */
};

/* What is done beside the loop. */
struct beside {
    struct work work;
    void (*run)(struct request *r);
    bool busy;                 /* the database was, so that it is worked on again */
    size_t *lent;              /* of a study at work that it reads; NULL: none */
    const struct query *query; /* a copy */
    struct answer outcome;
};

/*   REQUEST_OPEN ⇄ REQUEST_AT_WORK   beside the loop: answers are kept for later, and nothing of it may be touched
 *    └──▶ REQUEST_ANSWERED
 */
enum request_stage { REQUEST_OPEN, REQUEST_AT_WORK, REQUEST_ANSWERED };

struct request {
    struct service *service;
    struct http_request *http; /* NULL: the client is gone, and a work ends in vain or for others */
    struct store *store;       /* the service's; during a work its thread's */
    const struct route *route;
    struct identity who;
    const char *param[REQUEST_PARAMS_MAX]; /* of the path, in the arena */
    struct arena arena;
    json_t *body; /* of a JSON request; an object; NULL: none */
    struct spool spool;
    struct repetition repeat;
    enum request_stage stage;
    struct waiting wait;
    struct active_study *awaited; /* whose answer it waits for; NULL: none */
    void (*then)(struct request *r);
    void (*cancel)(struct request *r); /* the client is gone, or the study has ended */
    void *state;                       /* of the handler */
    struct answer_to_come later;
    const char *location;
    struct seen seen;
    struct beside beside;
    struct error err; /* for whoever needs one */
};

/* ---- answering: each ends the request's work ---- */

void request_answer(struct request *r, unsigned status, json_t *answer); /* takes the reference */
void request_text(struct request *r, unsigned status, const char *type, const char *text, size_t n);
/* Of a text that is called so, a strong ETag or a weak one: 304 if the client has it. */
void request_tagged(struct request *r, const char *tag, const char *type, const char *text, size_t n);
/* Whose text and headers last as long as the program; 304 if the client has what is called `seen.tag`. */
void request_lasting(struct request *r, const struct answer *o);
void request_file(struct request *r, const char *type, int fd, uint64_t bytes); /* takes the descriptor */
void request_fail(struct request *r, const struct error *err); /* a problem document [RFC 9457] by the error's status */
void request_problem(struct request *r, unsigned status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* What a repetition of a creating request is told, as the store keeps it; `body` is the caller's. */
struct store_answer request_kept_answer(const struct request *r, unsigned status, const char *body);
/* Keeps it for one that belongs to no run. */
enum status request_keep_answer(struct request *r, unsigned status, const json_t *kept, struct error *err);

/* Worked on beside the loop by `run`, which sees of the request its own texts, `body`, `state` and `store`, and may
 * answer; a database that is busy lets it be run again, so that it begins anew. Unless it has answered, `then` follows
 * on the loop, even if the client is gone. It is quick, and only reads. */
void request_work(struct request *r, void (*run)(struct request *r), void (*then)(struct request *r));
/* The same of what changes something, or moves files. */
void request_work_changing(struct request *r, void (*run)(struct request *r), void (*then)(struct request *r));
/* … of what changes rollouts. */
void request_work_live(struct request *r, void (*run)(struct request *r), void (*then)(struct request *r));
/* The same of what may take seconds: a model, a file with all trials. It only reads, and answers in any case. */
void request_work_slowly(struct request *r, void (*run)(struct request *r));
void request_take_spool(struct request *r);                           /* for works: the request would take it along */
const char *request_query(const struct request *r, const char *name); /* of the query; NULL: there is none */
void request_gone(struct request *r);                                 /* its client is */

/* No other fields than these, the list ended with NULL: "one", "two", NULL. False: a problem has been answered. */
#define request_fields(r, ...) request_checked((r), json_only((r)->body, &(r)->err, __VA_ARGS__))
/* False: a problem has been answered, that of r->err. */
bool request_checked(struct request *r, enum status status);

/* ---- waiting ---- */

/* The handler keeps it for later. */
void request_wait(struct request *r, struct request **list, void (*cancel)(struct request *r));
void request_wait_no_more(struct request *r);
void request_leave(struct request *r); /* the same, and no study is waited for any more */
/* All that wait there. */
void request_refuse_all(struct request **list, unsigned status, const char *why);

/* ---- understanding ---- */

/* Is the token for this study? */
bool request_may_see(const struct request *r, const char *study);
/* Is it for all of them? False: a problem has been answered. */
bool request_sees_all(struct request *r);

/* Is there such a study? */
bool request_knows(struct request *r, const char *study, int64_t *ret_id);
/* A number of the query, between the bounds. False: a problem has been answered. */
bool request_number(struct request *r, const char *name, long usual, long min, long max, long *ret);
/* true or false of the query. */
bool request_boolean(struct request *r, const char *name, bool usual, bool *ret);

/* The study of {study}, at work or not, for reading, by a work. */
struct reading {
    const struct study *study;
    const struct memory *history;
    struct folded_study *folded;
};
bool request_read(struct request *r, struct reading *ret); /* false: a problem has been answered */
/* By a work, for what follows from the log alone, and from `more` (may be NULL; no quotation marks): is it not what the
 * client has already? Its tag is that of the last event. False: that has been answered, 304, or a problem. */
bool request_is_news(struct request *r, const char *more);
void request_read_done(struct request *r, struct reading *from);
/* By a work: `change` writes to the study of {study}, which nobody runs meanwhile; a problem is answered for it. */
void request_hold(struct request *r, enum status (*change)(struct request *r, struct history *h));
/* The study's own folder, FILES/STUDY/study: its file lies there, and what is uploaded for it. In the arena. */
char *request_study_folder(struct request *r, const char *study);
/* {trial}; NULL: a problem has been answered */
const struct trial *request_trial(struct request *r, const struct memory *s);

#endif
