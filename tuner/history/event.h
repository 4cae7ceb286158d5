/* change: an event of the log, understood: what the JSON of its body says. */
#ifndef TUNER_HISTORY_EVENT_H
#define TUNER_HISTORY_EVENT_H

#include "tuner/history/memory.h"

struct event {
    enum logged kind;
    long trial; /* −1: about the study */
    int64_t seq, at_ms;
    const char *token; /* id of the token that asked for it; leased: that holds it; NULL: none */

    /* opened */
    const char *path, *file, *host, *boot; /* file: NULL if it is as before */
    int64_t pid;                           /* started, too */
    const struct budget *budget;           /* NULL: nobody runs trials */
    size_t slots;
    int64_t began_ms, spent_ms, gone_ms; /* of the run (memory.h), if it is not new; 0 */
    size_t n_warm;
    int64_t warm_seq[WARM_START_MAX];

    /* added */
    enum trial_role role;
    const double *config; /* NULL in a decoded one, where `params` are as stored */
    const json_t *params;
    const char *source;
    uint64_t seed;
    long confirms;
    int64_t known; /* seq; −1: unknown, from before there was a log */
    double expect_tokens, expect_ms;

    /* leased, renewed */
    const char *dir;   /* NULL: a client has it */
    const char *agent; /* NULL: it is run here */
    int64_t ttl_ms;    /* 0: for ever */

    /* condemned */
    const json_t *details; /* of the pruner's verdict; NULL: it was not the pruner */
    bool audit;

    const struct trajectory *trajectory; /* added; NULL: none */
    const json_t *trajectory_json;       /* … as stored */
    long parent;                         /* added: −1: none */
    double set_from;                     /* adjusted by a set: */
    const double *set;                   /* space.n; NULL: it is the stopping rule that was adjusted */
    const json_t *set_json;              /* … as stored */

    const json_t *policy; /* announced: as the trial said it */
    struct checkpoint checkpoint;
    double resumed_cost; /* started */

    /* adjusted; finished: patience and threshold that, unchanged from the start, would have led to this result */
    bool adjusted;
    double patience, threshold;

    const char *why; /* phase "failed"; NULL */

    /* returned, finished, condemned, adjusted, phase, note */
    enum trial_state state;
    const json_t *metrics;
    const double *value; /* instead of metrics: n_metrics numbers; NULL: see metrics */
    const char *outcome, *reason;
    int64_t backoff_ms;
    double took_ms, spent_tokens; /* of the attempt; tokens of a complete one are its metric's */
    bool poisonous;
};

/* The body, in the arena. `s` for what can be left out because it follows from the session. */
const char *event_body(const struct history *s, const struct event *c, struct arena *arena);

/* Reads an event. *ret_body holds what the change points into, and is the caller's (may be NULL). Texts of the change
 * live as long as it; `budget` (one, to be filled) must be given. */
enum status event_read(const struct store_event *e, json_t **ret_body, struct budget *budget, struct event *ret,
                       struct error *err);

#endif
