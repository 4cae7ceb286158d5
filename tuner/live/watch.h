/* watch: has what is live begun to run worse, or on other inputs; and what follows.
 *
 *   LEARNING ──▶ WATCHING ──drift──▶ DRIFTED ──▶ EVALUATING ──▶ TUNING ──▶ TRYING
 *      ▲                               │             │            │          │
 *      └───────────────────────────────┴─────────────┴────────────┴──────────┘   the new usual is learnt
 *
 *   LEARNING     so many units of the champion show what is usual, unless the plan says it
 *   WATCHING     each scored unit is looked at: a Shiryaev-Roberts e-detector for each metric [rollout/detector.h]
 *   DRIFTED      an alarm, with its evidence; people are told. Units from after it are gathered, for what follows learns of them
 *   EVALUATING   the champion and the best of the study are run again, on what is the case now
 *   TUNING       a new study, warm-started from the old one, with a budget of its own
 *   TRYING       its winner is a challenger in an experiment, by the plan of the last one
 *
 * How far it goes by itself the plan says (`then`), and which steps wait for a person (`ask`). What EVALUATING finds may be
 * tried at once. Pure: whoever keeps it writes its JSON with each change; who runs programs is `nocturne watch`.
 */
#ifndef TUNER_LIVE_WATCH_H
#define TUNER_LIVE_WATCH_H

#include "tuner/live/track.h"

#include "tuner/base/json.h"

#define WATCH_PHASES(X)                                                                                                \
    X(LEARNING, "learning") X(WATCHING, "watching") X(DRIFTED, "drifted") X(EVALUATING, "evaluating")                  \
        X(TUNING, "tuning") X(TRYING, "trying")

#define WATCH_PHASE(id, name) WATCH_##id,
enum watch_phase { WATCH_PHASES(WATCH_PHASE) };
#undef WATCH_PHASE

enum watch_work { /* of a phase in which somebody has something to do */
    WATCH_DUE,
    WATCH_ASKED, /* it waits for a person */
    WATCH_BEGUN,
};

struct watch_metric {
    const char *name;
    bool amount;   /* no bound: tokens. Then smaller is better */
    bool minimize;
    bool both;     /* an input: it matters that it moves, not where */
    double low, high, missing;
    double baseline; /* the mean that is usual, in its unit; NaN: learnt */
    struct saving_marks marks;
};

struct watch_plan {
    size_t n;
    struct watch_metric metric[LIVE_METRICS_MAX];
    int64_t window_ms, late_ms;
    double learn;      /* units */
    bool careful;      /* the promise holds for 95 % of what could be learnt, not on average; a fall is found later */
    double run_length; /* units between two false alarms, on average, at least */
    int64_t every_ms;  /* the study's program is run with the champion so often; 0: only outcomes that are told */
    enum watch_phase far;        /* how far it goes by itself: DRIFTED … TRYING */
    bool ask[WATCH_TRYING + 1];  /* before this step a person is asked */
    double fresh;                /* units from after an alarm that are gathered before anything is run again */
    long top;                    /* configurations that are run again, the champion among them */
    long seeds;                  /* on which they are; 0: as many as the study confirms by */
    long trials;                 /* of the new study */
    size_t n_command;
    const char **command;        /* what is run with the champion, with {parameter} in it; none: the study's program */
    const char *experiment;      /* plan of the experiment, as YAML on one line; "": that of the last one */
};

/*     metrics: {em: {baseline: 0.61}, tokens: {amount: true, cap: 512}, letters: {range: [0, 40], both: true}}
 *     run_length: 10000    # units between two false alarms
 *     every: 24h           # run the champion again so often, besides what is told
 *     then: trying         # how far it goes by itself: drifted, evaluating, tuning, trying
 *     ask: [tuning]        # before these a person is asked
 *     fresh: 500           # units from after an alarm that are gathered before anything is run again
 *     command: [./evaluate, "{args}"]   # what is run with the champion, in the study program's place
 *     experiment: {units: 20000, promote: auto}   # plan of the experiment; without it that of the last one
 *
 * As live_plan_read: "" is the plan of all defaults. Texts lie in the arena. */
enum status watch_plan_read(const char *file, const char *text, struct arena *arena, struct watch_plan *ret,
                            struct error *err);
/* All of it, with what was left out filled in: JSON that is read back to the same plan. The caller's. */
json_t *watch_plan_json(const struct watch_plan *p);

enum { WATCH_COMMAND_MAX = 200, WATCH_LATELY = 200 };

struct watch_mean { /* in the metric's unit */
    double n, mean;
};

struct watch_stream {
    double n, sum, squares; /* of outcomes in [0, 1], while it learns */
    struct detector worse, better; /* better: of both */
    struct watch_mean usual, lately; /* lately: of about the last WATCH_LATELY units, in every phase */
};

struct watch {
    const struct watch_plan *plan;
    enum watch_phase phase;
    int64_t since_ms;
    enum watch_work work; /* of this phase */
    double learnt, seen;
    double gather; /* DRIFTED: units that are still to come */
    struct watch_metric metric[LIVE_METRICS_MAX]; /* the plan's, with marks that were learnt */
    struct watch_stream stream[LIVE_METRICS_MAX];
    double *sample[LIVE_METRICS_MAX]; /* of amounts, until their marks are known */
    const char *why;                  /* of the last alarm, in words; "" */
    const char *study;                /* the one that is tuned now, or was last; "" */
    const char *challenger;           /* hash in hex of what is to be tried, or was last; "" */
    long tunings;                     /* so far */
    int64_t evaluated_ms;             /* when the champion was run last */
    struct arena *arena;
};

const char *watch_phase_name(enum watch_phase phase);
void watch_begin(struct watch *w, const struct watch_plan *plan, int64_t now_ms, struct arena *arena);
/* `value`: n of the plan's metrics, NaN where nothing was heard; `has`: false where it was not looked at. True: an
 * alarm has just begun. */
bool watch_see(struct watch *w, const double *value, const bool *has, int64_t now_ms);
/* The same of an evaluation on n items, of which these are the means. Of an amount it is one outcome. */
bool watch_see_run(struct watch *w, const double *mean, const bool *has, double n, int64_t now_ms);
/* log R of all, an alarm at log(run_length); *ret_metric: that says most. −INFINITY: nothing seen. */
double watch_statistic(const struct watch *w, size_t *ret_metric);
/* Units of the champion that an alarm waits for, so that what follows learns of them; 0: it waits for nothing. An alarm that
 * a run has raised waits for none: the program has seen already what is the case now. */
double watch_gathers(const struct watch *w);
/* The phase that follows, when this one's work is done. */
void watch_go_on(struct watch *w, int64_t now_ms);
/* A challenger was found: TRYING, whatever lies between. */
void watch_found(struct watch *w, int64_t now_ms);
/* A person has said yes: to a step, or that no more units are waited for. STATUS_CONFLICT: nothing waits. */
enum status watch_approve(struct watch *w, struct error *err);
/* … or no: it was no drift, or one that is to stay. What is usual now is learnt. STATUS_CONFLICT: nothing waits. */
enum status watch_decline(struct watch *w, int64_t now_ms, struct error *err);
/* From the beginning: what is usual now is learnt. */
void watch_again(struct watch *w, int64_t now_ms);
/* Another champion is served: what was heard lately was of the one before. */
void watch_forget_lately(struct watch *w);

json_t *watch_json(const struct watch *w);
enum status watch_read(const json_t *in, const struct watch_plan *plan, struct arena *arena, struct watch *ret,
                       struct error *err);

#endif
