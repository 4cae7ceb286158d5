/* event: an event of the log, understood: what the JSON of its body says, in the space of the study as it is now. */
#ifndef TUNER_HISTORY_EVENT_H
#define TUNER_HISTORY_EVENT_H

#include "tuner/history/memory.h"
#include "tuner/history/outcome.h"

enum event_kind {
#define EVENT(number, NAME, name, subject, word) EVENT_##NAME = (number),
#include "tuner/history/event.def"
#undef EVENT
};

const char *event_name(enum event_kind kind); /* "unknown" for what is no kind */

struct event_opened {
    const char *path, *file, *host, *boot; /* file: NULL if it is as before */
    int64_t pid;
    const struct budget *budget; /* NULL: nobody runs trials */
    bool probe;                  /* a few trials to judge by: its limits are nobody's wish for the study */
    size_t slots;
    int64_t began_ms, spent_ms, gone_ms; /* of the run (memory.h), if it is not new; 0 */
    size_t n_warm;
    int64_t warm_seq[WARM_START_MAX];
    const char *print[STAGES_MAX]; /* by place of the stage: its program's fingerprint; NULL: nobody has taken it */
};

struct event_added {
    enum trial_role role;
    const double *config; /* space.n; NULL: outside the space */
    const char *outside;  /* … why */
    const json_t *params; /* as stored; NULL in a new one */
    const char *source;
    uint64_t seed;                                /* 0: follows from the study's and the number */
    long confirms;                                /* −1: none */
    long parent;                                  /* −1: none */
    int64_t known;                                /* seq; −1: unknown, from before there was a log */
    double expect_tokens, expect_ms, expect_gain; /* as struct expectation has them */
    const struct trajectory *trajectory;          /* NULL: none */
};

struct event_leased {
    const char *dir;   /* NULL: a client has it */
    const char *agent; /* NULL: it is run here */
    int64_t ttl_ms;    /* 0: for ever */
    const char *stage; /* its name; NULL: the whole of the trial */
    const char *key;   /* of what the stage is to leave (product.h) */
};

struct event_started {
    int64_t pid;
    double resumed_cost;
};

struct event_renewed {
    int64_t ttl_ms; /* 0: for ever */
};

struct event_condemned {
    const char *reason;
    const json_t *details; /* by, at, chance, target, saves, nearest, expected */
    bool audit;            /* it runs on all the same */
};

struct event_halted {
    const char *reason;
};

struct rule_values {
    double patience, threshold;
};

/* How an attempt ended. */
struct event_end {
    enum outcome outcome;
    const char *reason;
    int64_t backoff_ms;
    double took_ms, spent_tokens; /* of the attempt; tokens of a complete one are its metric's */
};

struct event_returned {
    struct event_end end;
};

struct event_finished {
    enum trial_state state;
    const double *value;   /* n_metrics, NaN where there is none */
    const json_t *metrics; /* all that were reported; NULL: just those of the study, or none */
    bool poisonous;
    const struct rule_values *policy; /* that, unchanged from the start, would have led to this result; NULL: its own */
    struct event_end end;
};

struct event_phase {
    enum study_phase phase;
    const char *why; /* failed; else NULL */
};

struct event_staged {
    struct product left;              /* its texts need not live on */
    bool taken;                       /* from an earlier trial: the product that has this key */
    const json_t *metrics;            /* what the stage said; NULL: nothing */
    const struct rule_values *policy; /* as in event_finished */
    struct event_end end;
};

struct event_evicted {
    const char *digest, *why;
};

struct event_note {
    const char *text;
};

struct event_noted {
    const char *text; /* NULL: nothing any more */
};

struct event_adjusted {
    const char *reason;
    const struct rule_values *policy; /* the stopping rule is another now; NULL: the settings are */
    double from;
    const double *set; /* space.n; NULL: outside the space as it is now */
};

struct event_checkpoint {
    struct checkpoint left;
};

struct event_announced {
    const json_t *policy; /* as the trial said it */
};

struct event_retried {
    char nothing; /* but who, and when */
};

struct event_resumed {
    const char *reason;
    const json_t *details; /* by, chance, target */
    bool whole;            /* it is not judged any more */
    struct standing from;
};

struct event {
    enum event_kind kind;
    long trial; /* −1: about the study */
    int64_t seq, at_ms;
    const char *token; /* id of the token that asked for it; leased: that holds it; NULL: none */
    union {
#define EVENT(number, NAME, name, subject, word) struct event_##name name;
#include "tuner/history/event.def"
#undef EVENT
    };
};

/* Metrics of the study out of a JSON object (may be NULL): n_metrics, NaN where there is none; in the arena. */
const double *event_values(const struct objective *o, const json_t *metrics, struct arena *arena);

/* The body, in the arena. `s` for what can be left out because it follows from the memory. */
const char *event_body(const struct memory *s, const struct event *e, struct arena *arena);

/* Reads an event into the arena; *ret_body holds what it points into besides, and is the caller's (may be NULL).
 * `study`: whose it is; NULL: for events about a study only. STATUS_IO: no version has written such a body. */
enum status event_read(const struct store_event *stored, const struct study *study, struct arena *arena,
                       json_t **ret_body, struct event *ret, struct error *err);

#endif
