/* The whole product: plan, learning, ramp, findings, judgement and decisions of tuner/live, of exact match and tokens
 * without a margin. Where both arms are the same: is anything promoted, taken back or paused? */
#include "tests/bench/rollout_bench.h"
#include "tuner/live/decision.h"

#include <stdio.h>
#include <stdlib.h>

enum shape { LOG_NORMAL, PARETO };
enum { LOOK_EVERY = 25, UNITS = 12000 };

struct arms {
    enum shape shape;
    double em, drift;  /* the base rate, how far it moves */
    double zeros;      /* share of requests without tokens */
    double cluster;    /* correlation of the 10 outcomes of a unit; 0: it has one */
    double apart;      /* segments of half the units: this much above and below the base rate, their tokens ×3; 0: none */
    double lost, saved; /* by the challenger: exact match, share of tokens */
    double margin;      /* of exact match */
};

struct world {
    const struct arms *of;
    struct rng *rng;
    struct arena arena;
    struct live_plan plan;
    struct experiment x;
    struct findings f;
    long units;
};

struct answer {
    double em, tokens;
};

static struct answer answer(struct world *w, size_t arm, long segment)
{
    const struct arms *c = w->of;
    double up = segment ? c->apart : -c->apart, scale = (c->apart > 0 && segment ? 900 : 300) * (arm ? 1 - c->saved : 1);
    double p = c->em + up + c->drift * (double)w->units / UNITS - (arm ? c->lost : 0);
    double tokens = c->shape == PARETO ? pow(rng_unit(w->rng), -1 / 2.2) : exp(rng_normal(w->rng));
    bool none = c->zeros > 0 && rng_unit(w->rng) < c->zeros;
    return (struct answer){rng_unit(w->rng) < p, none ? 0 : scale * tokens};
}

/* Each of ten is the same one with a chance of √cluster: two of them have that correlation. */
static void draw(struct world *w, size_t arm, struct scored_unit *unit, double *value)
{
    const struct arms *c = w->of;
    int n = c->cluster > 0 ? 10 : 1;
    long segment = c->apart > 0 && rng_unit(w->rng) < 0.5;
    struct answer same = answer(w, arm, segment);
    value[0] = value[1] = 0;
    for (int i = 0; i < n; i++) {
        bool own = n > 1 && rng_unit(w->rng) >= sqrt(c->cluster);
        struct answer a = own ? answer(w, arm, segment) : same;
        value[0] += a.em / n, value[1] += a.tokens / n;
    }
    *unit = (struct scored_unit){.period = (long)w->x.n_periods - 1,
                                 .segment = segment,
                                 .arm = arm,
                                 .expected = NAN,
                                 .chance = rng_unit(w->rng),
                                 .value = value};
}

static void next(struct world *w)
{
    const struct period *p = experiment_now(&w->x);
    struct scored_unit unit;
    double value[2];
    size_t arm = w->f.begun ? assignment_arm(rng_unit(w->rng), p->range, p->n) : 0;
    draw(w, arm, &unit, value);
    if (!w->f.begun) return findings_learn(&w->f, &unit);
    experiment_arrived(&w->x, &w->x.period[unit.period], arm, 1, 0);
    findings_see(&w->f, &unit, p->share);
    w->x.counts.scored++;
    w->units++;
}

static bool is_worse(const struct findings *f, const struct challenger_reading *r)
{
    for (size_t t = 0; t < f->n_tracks; t++)
        if (r->track[t].bad || r->track[t].broken) return true;
    return false;
}

static void ramp(struct world *w)
{
    w->x.step++;
    w->x.step_from = w->f.challenger[0].units[ARM_CHALLENGER];
    experiment_share(&w->x, w->units);
}

/* Is it over? By promotion: side 0; taken back, or paused: 1. */
static bool look_at(struct world *w, struct simulated *ret)
{
    const struct arms *c = w->of;
    struct judgement j;
    judge(&w->x, &w->f, false, &j);
    struct decision d = decide(&w->x, &w->f, &j, w->units);
    double at = (double)w->units;
    bool good = c->saved > 0 && !(c->lost > 0);
    if (d.act == ACT_RAMP) ramp(w);
    if (d.act == ACT_NONE || d.act == ACT_RAMP) return false;
    if (d.act == ACT_PROMOTE)
        *ret = (struct simulated){at, at, 0, !good};
    else if (d.act == ACT_ROLL_BACK && is_worse(&w->f, &j.challenger[0]))
        *ret = (struct simulated){at, at, 1, !(c->lost > 0)};
    else if (d.act == ACT_PAUSE)
        *ret = (struct simulated){at, at, 1, true};
    else
        *ret = (struct simulated){.spent = at}; /* the planned units are used */
    return true;
}

static void must(enum status s, const struct error *err)
{
    if (s) fprintf(stderr, "%s\n", err->text), exit(1);
}

static void open_world(struct world *w)
{
    char plan[400];
    struct error err;
    snprintf(plan, sizeof plan,
             "metrics: {em: {prove: not_worse, margin: %g}, tokens: {prove: fewer, margin: 0}}\n"
             "learn: 200\nramp: [0.05, 0.25, 0.5]\nstep_units: 100\nunits: %d\npromote: auto\nsilence: 0\n%s",
             w->of->margin, UNITS, w->of->apart > 0 ? "segments: [short]\n" : "");
    must(live_plan_read("plan", plan, &w->arena, &w->plan, &err), &err);
    experiment_begin(&w->x, &w->plan, 1, 0, &w->arena);
    findings_init(&w->f, &w->plan, 1, &w->arena);
    while (w->f.learnt < w->plan.learn) next(w);
    must(findings_begin(&w->f, &err), &err);
    must(experiment_enter(&w->x, LIVE_RUNNING, "", 0, &err), &err);
}

static struct simulated simulate(const struct simulation *x, struct rng *r)
{
    struct world w = {.of = x->of, .rng = r};
    struct simulated out;
    open_world(&w);
    do
        for (int i = 0; i < LOOK_EVERY; i++) next(&w);
    while (!look_at(&w, &out));
    arena_done(&w.arena);
    return out;
}

#define PRODUCT(...)                                                                                                   \
    &(const struct arms)                                                                                            \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

static const struct simulation all[] = {
    {"product-aa", simulate, PRODUCT(.em = .6), 0},
    {"product-aa-95", simulate, PRODUCT(.shape = PARETO, .em = .95, .zeros = .01), 0},
    {"product-aa-up", simulate, PRODUCT(.shape = PARETO, .em = .6, .drift = .1, .zeros = .01), 0},
    {"product-aa-down", simulate, PRODUCT(.shape = PARETO, .em = .6, .drift = -.1, .zeros = .01), 0},
    {"product-aa-cluster", simulate, PRODUCT(.em = .6, .cluster = .2), 0},
    {"product-aa-segments", simulate, PRODUCT(.em = .6, .drift = .1, .apart = .2), 0},
    {"product-saved", simulate, PRODUCT(.em = .6, .saved = .2, .margin = .05), 0},
    {"product-lost", simulate, PRODUCT(.em = .6, .lost = .05, .saved = .2), 0},
};

struct simulations product_simulations(void)
{
    return (struct simulations){all, sizeof all / sizeof *all};
}
