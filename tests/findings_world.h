/* findings_world: an experiment without a store or clients: units are drawn, scored at once and judged. For what is to be
 * repeated some hundred times. */
#ifndef TESTS_FINDINGS_WORLD_H
#define TESTS_FINDINGS_WORLD_H

#include "tuner/live/decision.h"

#include "tuner/base/rng.h"

#include <math.h>

/* One metric, score: 0.5 on average, with a standard deviation of 0.2. What is expected of a unit has the correlation
 * `told` with it. */
struct findings_world {
    double told;
    double better[LIVE_CHALLENGERS_MAX]; /* than the champion, in score */
    int64_t apart_ms;                    /* between two units */
    int64_t now_ms;
    struct arena arena;
    struct live_plan plan;
    struct experiment x;
    struct findings f;
    struct rng rng;
};

static inline struct scored_unit findings_world_unit(struct findings_world *w, size_t arm, double *value)
{
    double x = rng_unit(&w->rng), sd = 0.2, part = (x - 0.5) * sqrt(12); /* mean 0, variance 1 */
    double noise = sqrt(1 - w->told * w->told) * rng_normal(&w->rng);
    value[0] = fmin(fmax(0.5 + sd * (w->told * part + noise) + (arm ? w->better[arm - 1] : 0), 0), 1);
    return (struct scored_unit){.period = (long)w->x.n_periods - 1,
                                .arm = arm,
                                .expected = w->told > 0 ? x : NAN,
                                .chance = rng_unit(&w->rng),
                                .value = value};
}

/* Learnt, and running. False: what cannot be is in err. */
static inline bool findings_world_open(struct findings_world *w, const char *plan, size_t n_challengers, uint64_t seed,
                                       struct error *err)
{
    double value[1];
    w->rng = rng_derive(seed, "findings", 0);
    if (live_plan_read("plan", plan, &w->arena, &w->plan, err)) return false;
    experiment_begin(&w->x, &w->plan, n_challengers, 0, &w->arena);
    findings_init(&w->f, &w->plan, n_challengers, &w->arena);
    for (double i = 0; i < w->plan.learn; i++) {
        struct scored_unit unit = findings_world_unit(w, 0, value);
        findings_learn(&w->f, &unit);
    }
    if (findings_begin(&w->f, err)) return false;
    return w->x.phase == LIVE_RUNNING || !experiment_enter(&w->x, LIVE_RUNNING, "", w->now_ms, err);
}

static inline void findings_world_close(struct findings_world *w)
{
    arena_done(&w->arena);
    w->arena = (struct arena){0};
}

/* Some more units, by the shares of now. */
static inline void findings_world_more(struct findings_world *w, long units)
{
    double value[1];
    const struct period *p = experiment_now(&w->x);
    for (long i = 0; i < units; i++) {
        size_t arm = assignment_arm(rng_unit(&w->rng), p->range, p->n);
        struct scored_unit unit = findings_world_unit(w, arm, value);
        findings_see(&w->f, &unit, p->share);
        w->x.counts.scored++;
        w->now_ms += w->apart_ms;
    }
}

/* Other shares, if the plan prefers finding and it is time; nothing else is decided. */
static inline void findings_world_share(struct findings_world *w)
{
    struct preferred p;
    if (preference_is_due(&w->x, w->now_ms) && preference_weigh(&w->x, &w->f, &p))
        experiment_prefer(&w->x, p.weight, p.part, w->now_ms);
}

/* Units until the first challenger is surely better (*ret_good) or worse than its margin, looked at after each `every`;
 * 0: not within `most`. */
static inline double findings_world_verdict(struct findings_world *w, long every, long most, bool *ret_good)
{
    struct judgement j;
    for (long n = every; n <= most; n += every) {
        findings_world_more(w, every);
        judge(&w->x, &w->f, false, &j);
        const struct track_reading *r = &j.challenger[0].track[0];
        *ret_good = r->good;
        if (r->good || r->bad) return (double)n;
    }
    return 0;
}

#endif
