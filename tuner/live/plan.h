/* plan: what an experiment is to show, how far it may go, and what ends it: read from YAML (or JSON, which is YAML)
 * with a default for everything.
 *
 *     metrics:
 *       em:         {prove: not_worse, margin: 0.01}          # share of right answers: by no more than a point
 *       tokens:     {prove: fewer, saving: 0.1, cap: 512}     # a tenth fewer is to be found
 *       latency_ms: {goal: minimize, range: [0, 5000], guard: 100}
 *     window: 10m          # a unit is scored by what it did so long after its first exposure
 *     shadow: {units: 500} # beside so many of the champion's the challengers run unseen first; costs each twice
 *     ramp: [0.01, 0.05, 0.25, 0.5]
 *     units: 20000         # it may take; refused if they cannot decide it
 *     promote: ask         # or auto
 *     otlp: {correctness: em}   # an evaluation of another name
 *
 * All fields are read-only for everyone but plan_file.c; texts lie in the arena that was given.
 */
#ifndef TUNER_LIVE_PLAN_H
#define TUNER_LIVE_PLAN_H

#include "tuner/base/arena.h"
#include "tuner/base/error.h"
#include "tuner/base/json.h"
#include "tuner/rollout/rollout.h"

#include <stdint.h>

enum {
    LIVE_METRICS_MAX = 8,
    LIVE_CHALLENGERS_MAX = 8,
    LIVE_STEPS_MAX = 16,
    LIVE_SEGMENTS_MAX = 8, /* the last one is for all that are not named */
    LIVE_OVERRIDES_MAX = 1000,
    LIVE_PLAN_BYTES = 64 << 10,
    LIVE_LEARN_MIN = 20,
    LIVE_LEARN_MAX = 5000,
};

enum proof {
    PROOF_NONE, /* it is only guarded */
    PROOF_NOT_WORSE,
    PROOF_FEWER, /* an amount without a bound: tokens */
};

struct live_metric {
    const char *name;
    const char *measured; /* what telemetry calls it; NULL: so, too (tuner/live/mapping.h) */
    enum proof proof;
    bool minimize;
    double low, high; /* of an outcome, in the metric's unit; of amounts 0 and infinity */
    double margin;    /* ≥ 0. Not worse: by no more, in its unit. Fewer: the bill may not rise by more, as a ratio */
    double effect;    /* > 0: the difference that is to be found, in its unit; of fewer a ratio (0.1: a tenth fewer) */
    double missing;   /* what counts for a unit of which nothing was heard; of amounts NaN: the cap */
    double guard;     /* ≥ 0: it may be worse by so much, in its unit or as a ratio; beyond that it is taken back.
                         INFINITY: never */
    struct saving_marks marks; /* of amounts; what is 0 is learnt from the champion */
};

struct live_override {
    const char *unit, *variant;
};

/* Takes part only who has a place in there; experiments with other places never share a unit. */
struct live_group {
    const char *salt; /* NULL: none */
    double from, to;
};

enum live_prefer { PREFER_PROOF, PREFER_FINDING };

struct live_plan {
    size_t n_metrics;
    struct live_metric metric[LIVE_METRICS_MAX];
    int64_t window_ms, late_ms; /* what came so long after it happened still counts */
    int64_t silence_ms;         /* nothing heard for so long: paused; 0: never */
    size_t n_steps;
    double step[LIVE_STEPS_MAX]; /* shares of all challengers together, growing, in (0, 1) */
    double step_units;           /* units of each challenger that are scored before the next step */
    double units;                /* that it may take; 0: as many as it takes */
    double learn;                /* units of the champion that are looked at first; 0: none */
    double shadow;               /* units of the champion beside which challengers run unseen first; 0: none */
    double alpha, guard_alpha;
    double limit;   /* units of challengers that are exposed in a day (UTC); 0: no limit */
    double holdout; /* share of units that always get the champion and are not counted */
    struct live_group group;
    size_t n_overrides;
    const struct live_override *override;
    size_t n_segments; /* those that are named */
    const char *segment[LIVE_SEGMENTS_MAX - 1];
    enum live_prefer prefer;
    bool promote_alone; /* without asking */
    long outcomes_max;  /* of a unit */
};

/* `file`: what errors call it. "" as text is the plan of all defaults: em not worse by a point, fewer tokens. */
enum status live_plan_read(const char *file, const char *text, struct arena *arena, struct live_plan *ret,
                           struct error *err);

/* All of it, with what was left out filled in: JSON that is read back to the same plan. The caller's. */
json_t *live_plan_json(const struct live_plan *p);

/* −1: it has none of this name. */
int live_plan_metric(const struct live_plan *p, const char *name);
/* What a challenger's share of the last step is, among it and the champion; *ret_both: their part of all units. */
double live_plan_last_share(const struct live_plan *p, size_t n_challengers, double *ret_both);
/* The segment of this name; of one that is not named, or NULL, the last. */
long live_plan_segment(const struct live_plan *p, const char *name);

#endif
