/* document: what is said of a study, whoever asks: tables, exports and progress print these structs, --json, the API
 * and the state kept beside the log are their JSON. Nothing reads that JSON but document_read and document_show.
 *
 * Arrays and texts lie in the arena that was given; the study, and the memory of a trial, must live as long.
 *
 *     struct arena a = {0};
 *     struct document d = document_of(memory, &a);
 *     json_t *json = document_kept_json(&d);
 *     document_show(json, true, NULL);
 *     arena_done(&a);
 */
#ifndef TUNER_ANALYSIS_DOCUMENT_H
#define TUNER_ANALYSIS_DOCUMENT_H

#include "tuner/analysis/comparison.h"
#include "tuner/analysis/stop_audit.h"

struct document_host {  /* the service's part in a study */
    bool hosted;        /* it is at work here; if so: */
    const char *step;   /* what its coordinator does */
    const char *paused; /* why; "": it is not */
    size_t busy;        /* slots */
};

struct document { /* where a study stands */
    const struct study *study;
    int64_t seq; /* the last event it knows */
    enum study_phase phase;
    size_t trials, states[TRIAL_STATES];
    double tokens;    /* spent, in running attempts as well */
    size_t fallbacks; /* suggested at random for numerical reasons */
    size_t n_budgets;
    struct ledger_entry budget[LEDGER_ENTRIES_MAX];
    int64_t began_ms;          /* the last run, wall clock; 0: there was none */
    int64_t spent_ms, gone_ms; /* of work on it; since it began */
    struct comparison comparison;
    size_t taken;          /* stages that were taken over from earlier trials … */
    double saved;          /* … and the tokens that they had cost */
    const char *failure;   /* why it cannot go on; NULL: it can */
    const char *exhausted; /* that nothing is left to try; NULL: there is */
    const char *watched;   /* that it is no search, so nobody has won; NULL: it is one */
    const char *note;      /* what a person has to say of it; NULL: nothing */
    bool running;          /* somebody is at it: not kept, whoever asks looks */
};

struct document_trial { /* what a trial has, and what follows from others; only written */
    const struct memory *memory;
    const struct trial *trial;
    bool judged;    /* it is complete, and has something to be compared with: */
    double utility; /* by the study's objective; NaN: not judged */
    bool breaks;    /* judged, and as it was measured a constraint does not hold: it is not the best */
};

struct document document_of(const struct memory *s, struct arena *arena);
struct document_trial document_trial_of(const struct memory *s, const struct trial *t);

/* ---- JSON; the caller owns it ---- */

json_t *document_kept_json(const struct document *d);     /* what is kept: all that the log alone says */
json_t *document_best_json(const struct comparison *c);   /* the winner, without marks; null: there is none */
json_t *document_export_json(const struct comparison *c); /* the winner, with the baseline beside it */
/* The winner by `o`, with the front of a pareto objective, and with `weights` its weights. There must be one. */
json_t *document_choice_json(const struct comparison *c, const struct objective *o, bool weights);
json_t *document_trial_json(const struct document_trial *t);
json_t *document_trial_params(const struct document_trial *t); /* of it, outside the space as they were given */
json_t *document_stops_json(const struct memory *s, const struct stop_audit *stops);
json_t *document_stop_json(const struct stop_record *stop);

/* Reads what document_kept_json has made, in this version or an earlier one. STATUS_INVALID: it lacks something that
 * the log can say. */
enum status document_read(const struct study *study, const char *kept, struct arena *arena, struct document *ret,
                          struct error *err);

/* Makes of what is kept what is shown: what is left of the budgets comes in, and who is at it. Of all that it says only
 * what was spent is read, so no study is needed. False: that cannot be read, and the budgets are as they were.
 * `host`: NULL: no service says it. */
bool document_show(json_t *kept, bool running, const struct document_host *host);

#endif
