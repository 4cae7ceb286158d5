/* What watches: the guard, the detector (beside CUSUM and Page-Hinkley), the shares. */
#include "tests/bench/rollout_bench.h"

/* ---- guard: the champion at 0.6, 5 % exposure ---- */

struct fall {
    double fall, after, until; /* exposed units before it, and at the end */
    double correlation;        /* of a shadow's answers; 0: none, 5 % exposure */
    bool known;                /* is the variance of the pairs known from the study? */
};

static struct simulated simulate_guard(const struct simulation *x, struct rng *r)
{
    const struct fall *c = x->of;
    struct guard g;
    struct tally block;
    double exposed = 0, limit = log(100);
    tally_begin(&block, .05, .6, .24);
    guard_begin(&g, &(struct guard_plan){.fall = .05, .exposed = 2000});
    while (exposed < c->until) {
        enum arm arm = rng_unit(r) < .05 ? ARM_CHALLENGER : ARM_CHAMPION;
        double p = .6 - (arm == ARM_CHALLENGER && exposed >= c->after ? c->fall : 0);
        size_t y = rng_unit(r) < p ? TALLY_LEVELS - 1 : 0;
        exposed += arm;
        block.units[arm][y] = 1;
        guard_see(&g, &block);
        block.units[arm][y] = 0;
        if (guard_evidence(&g) < limit) continue;
        bool early = exposed <= c->after || c->fall == 0;
        return (struct simulated){early ? 0 : exposed - c->after, early ? NAN : exposed - c->after, 1, early};
    }
    return (struct simulated){.spent = exposed - c->after};
}

/* Pairs of answers with the correlation of 0/1 variables. */
static void answer(double p, double q, double correlation, struct rng *r, double *ret_x, double *ret_y)
{
    double both = p * q + correlation * sqrt(p * (1 - p) * q * (1 - q)), u = rng_unit(r);
    both = fmin(both, fmin(p, q));
    *ret_x = u < p;
    *ret_y = u < both || (u >= p && u < p + q - both);
}

static struct simulated simulate_shadow(const struct simulation *x, struct rng *r)
{
    const struct fall *c = x->of;
    struct guard g;
    double variance = 2 * .24 * (1 - c->correlation);
    guard_begin(&g, &(struct guard_plan){.fall = .05, .exposed = 2000, .pair_variance = c->known ? variance : 0});
    for (double n = 1; n <= c->until; n++) {
        double champion, challenger;
        answer(.6, .6 - c->fall, c->correlation, r, &champion, &challenger);
        guard_see_pair(&g, champion, challenger);
        if (guard_evidence(&g) >= log(100)) return (struct simulated){n, n, 1, c->fall == 0};
    }
    return (struct simulated){.spent = c->until};
}

/* ---- detector: 0.6, alarms at an average run length of 10,000 ---- */

enum method { OURS, CUSUM, PAGE_HINKLEY };

struct drift {
    enum method method;
    double after, fall;
    double baseline; /* outcomes that it was estimated from; 0: known */
    bool careful;
};

struct watcher {
    enum method method;
    struct detector d;
    double sum, least, n, mean;
};

static bool alarm(struct watcher *w, double y)
{
    switch (w->method) {
    case OURS: detector_see(&w->d, y); return detector_statistic(&w->d) >= log(10000);
    case CUSUM: /* log likelihood ratio of 0.57 to 0.6, calibrated by simulation */
        w->sum = fmax(0, w->sum + (y > 0 ? log(.57 / .6) : log(.43 / .4)));
        return w->sum >= 3.05;
    case PAGE_HINKLEY: /* of the mean so far, calibrated by simulation */
        w->mean += (y - w->mean) / ++w->n;
        w->sum += w->mean - y - .005;
        w->least = fmin(w->least, w->sum);
        return w->sum - w->least >= 36.2;
    }
    return false;
}

static struct simulated simulate_drift(const struct simulation *x, struct rng *r)
{
    const struct drift *c = x->of;
    struct watcher w = {.method = c->method};
    double p = .6;
    if (c->baseline > 0) {
        double right = c->baseline * .6 + sqrt(c->baseline * .24) * rng_normal(r);
        p = right / c->baseline;
        if (c->careful) p = detector_careful(p, p * (1 - p), c->baseline);
    }
    detector_begin(&w.d, p, p * (1 - p));
    for (double n = 1;; n++) {
        double y = rng_unit(r) < (n > c->after ? .6 - c->fall : .6);
        if (!alarm(&w, y)) {
            if (n >= 200000) return (struct simulated){.spent = n};
            continue;
        }
        if (n <= c->after) return (struct simulated){0, NAN, 0, true};
        return (struct simulated){n - c->after, n - c->after, 0, false};
    }
}

/* ---- shares ---- */

struct loss {
    double share, lost; /* of the challenger's units */
    bool ramp;          /* 5 → 25 → 50 % */
    double until;
};

/* Units are counted that arrive. */
static struct simulated simulate_mismatch(const struct simulation *x, struct rng *r)
{
    const struct loss *c = x->of;
    struct arrivals steps[3] = {{.05, 0, 0}, {.25, 0, 0}, {.5, 0, 0}};
    size_t n = c->ramp ? 3 : 1, h = 0;
    double limit = log(100), most = 0;
    if (!c->ramp) steps[0].share = c->share;
    for (double unit = 1; unit <= c->until;) {
        if (c->ramp) h = unit > 4000 ? 2 : unit > 2000 ? 1 : 0;
        bool challenger = rng_unit(r) < steps[h].share;
        if (challenger && rng_unit(r) < c->lost) continue;
        steps[h].challenger += challenger;
        steps[h].champion += !challenger;
        most += .32; /* no more a unit: the largest tilt */
        if (most >= limit && (most = mismatch_evidence(steps, n)) >= limit)
            return (struct simulated){unit, unit, 1, c->lost == 0};
        unit++;
    }
    return (struct simulated){.spent = c->until};
}

#define FALL(...)                                                                                                      \
    &(const struct fall)                                                                                               \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define DRIFT(...)                                                                                                     \
    &(const struct drift)                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define LOSS(...)                                                                                                      \
    &(const struct loss)                                                                                               \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

static const struct simulation all[] = {
    {"guard-aa", simulate_guard, FALL(.until = 3000), 0},
    {"guard-fall-5", simulate_guard, FALL(.fall = .05, .until = 8000), 0},
    {"guard-fall-10", simulate_guard, FALL(.fall = .1, .until = 4000), 0},
    {"guard-fall-5-late", simulate_guard, FALL(.fall = .05, .after = 1000, .until = 12000), 0},
    {"shadow-aa", simulate_shadow, FALL(.until = 3000, .correlation = .9, .known = true), 0},
    {"shadow-aa-unknown", simulate_shadow, FALL(.until = 3000, .correlation = .9), 0},
    {"shadow-7", simulate_shadow, FALL(.fall = .05, .until = 8000, .correlation = .7, .known = true), 0},
    {"shadow-9", simulate_shadow, FALL(.fall = .05, .until = 4000, .correlation = .9, .known = true), 0},
    {"shadow-9-unknown", simulate_shadow, FALL(.fall = .05, .until = 4000, .correlation = .9), 0},
    {"drift-none", simulate_drift, DRIFT(.method = OURS), 0},
    {"drift-none-cusum", simulate_drift, DRIFT(.method = CUSUM), 0},
    {"drift-none-page-hinkley", simulate_drift, DRIFT(.method = PAGE_HINKLEY), 0},
    {"drift-3", simulate_drift, DRIFT(.method = OURS, .after = 2000, .fall = .03), 0},
    {"drift-3-cusum", simulate_drift, DRIFT(.method = CUSUM, .after = 2000, .fall = .03), 0},
    {"drift-3-page-hinkley", simulate_drift, DRIFT(.method = PAGE_HINKLEY, .after = 2000, .fall = .03), 0},
    {"drift-5", simulate_drift, DRIFT(.method = OURS, .after = 2000, .fall = .05), 0},
    {"drift-5-cusum", simulate_drift, DRIFT(.method = CUSUM, .after = 2000, .fall = .05), 0},
    {"drift-none-estimated", simulate_drift, DRIFT(.method = OURS, .baseline = 10000), 0},
    {"drift-none-careful", simulate_drift, DRIFT(.method = OURS, .baseline = 10000, .careful = true), 0},
    {"drift-3-careful", simulate_drift,
     DRIFT(.method = OURS, .after = 2000, .fall = .03, .baseline = 10000, .careful = true), 0},
    {"mismatch-none", simulate_mismatch, LOSS(.5, .until = 20000), 0},
    {"mismatch-none-at-5", simulate_mismatch, LOSS(.05, .until = 20000), 0},
    {"mismatch-none-ramp", simulate_mismatch, LOSS(.ramp = true, .until = 20000), 0},
    {"mismatch-10", simulate_mismatch, LOSS(.5, .1, .until = 40000), 4216},
    {"mismatch-10-at-5", simulate_mismatch, LOSS(.05, .1, .until = 200000), 24341},
    {"mismatch-5", simulate_mismatch, LOSS(.5, .05, .until = 120000), 17763},
    {"mismatch-10-ramp", simulate_mismatch, LOSS(0, .1, true, 60000), 0},
};

struct simulations watch_simulations(void)
{
    return (struct simulations){all, sizeof all / sizeof *all};
}
