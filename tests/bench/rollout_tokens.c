/* Tokens: log-normal and Pareto, with zeros, what a typical request costs and what the bill is. */
#include "tests/bench/rollout_bench.h"

enum shape { LOG_NORMAL, PARETO };
enum { HISTORY = 2000 };

struct tokens {
    enum shape shape;
    double zeros;         /* share of requests without any */
    double saved, spread; /* the challenger's tokens are less by this share; its σ, 0: 1 */
    struct {
        double share;
        long until;
    } steps[STEPS_MAX];
    bool bill;   /* else of a typical request */
    bool hybrid; /* with a plan for the saving of a tenth */
};

static double draw(const struct tokens *c, bool challenger, struct rng *r)
{
    double sigma = challenger && c->spread > 0 ? c->spread : 1, scale = challenger ? 1 - c->saved : 1;
    if (c->zeros > 0 && rng_unit(r) < c->zeros) return 0;
    return 300 * scale * (c->shape == PARETO ? pow(rng_unit(r), -1 / 2.2) : exp(sigma * rng_normal(r)));
}

/* Marks, offset and variance: all of what a real history of the champion says. */
struct known {
    struct saving_marks marks;
    double offset, variance;
};

static double outcome(const struct tokens *c, const struct saving_marks *m, double tokens)
{
    return c->bill ? saving_billed(m, tokens) : saving_typical(m, tokens);
}

static struct known learn(const struct tokens *c, struct rng *r)
{
    double x[HISTORY], sum = 0, squares = 0;
    for (size_t i = 0; i < HISTORY; i++) x[i] = draw(c, false, r);
    struct known out = {0};
    saving_learn(x, HISTORY, 0, &out.marks);
    for (size_t i = 0; i < HISTORY; i++) {
        double y = outcome(c, &out.marks, x[i]);
        sum += y, squares += y * y;
    }
    out.offset = sum / HISTORY;
    out.variance = squares / HISTORY - out.offset * out.offset;
    return out;
}

static bool look_bill(struct looker *l, const struct tally *steps, size_t n, double *r_of, int *ret_side)
{
    double limit = log(2 / 0.05), most = -INFINITY;
    if (l->most < limit) return false;
    for (int side = 0; side < SIDES; side++) {
        double e = saving_evidence(steps, n, (enum side)side, r_of[side], 0.1);
        *ret_side = side;
        if (e >= limit) return true;
        most = fmax(most, e);
    }
    l->most = most;
    return false;
}

static struct simulated simulate(const struct simulation *x, struct rng *r)
{
    const struct tokens *c = x->of;
    const struct known k = learn(c, r);
    struct tally steps[STEPS_MAX], block;
    struct sequence s;
    struct looker l = {0};
    size_t n = 0;
    long unit = 0;
    double r_of[SIDES] = {1, 1};
    for (; n < STEPS_MAX && c->steps[n].until; n++) tally_begin(&steps[n], c->steps[n].share, k.offset, k.variance);
    double saving = -saving_difference(&k.marks, -0.1), share = steps[n - 1].share;
    struct sequence_plan plan = {.effect = 1.5 * saving, .alpha = 0.05};
    if (c->hybrid) plan.information = sequence_information(&steps[n - 1], exposure_needed(k.variance, share, saving));
    sequence_begin(&s, &plan);
    for (size_t h = 0; h < n; h++) {
        block = steps[h];
        l.largest = largest_bet(c->bill ? 0.1 * fmax(k.offset, 1e-3) : plan.effect, &steps[h]);
        for (; unit < c->steps[h].until; unit++) {
            enum arm arm = rng_unit(r) < block.share ? ARM_CHALLENGER : ARM_CHAMPION;
            size_t y = tally_level(outcome(c, &k.marks, draw(c, arm == ARM_CHALLENGER, r)), rng_unit(r));
            steps[h].units[arm][y]++;
            block.units[arm][y] = 1;
            if (c->hybrid) sequence_fold(&s, &block);
            has_seen(&l, &block, 0);
            block.units[arm][y] = 0;
            int side = 0;
            bool found = c->bill ? look_bill(&l, steps, n, r_of, &side) : look(&l, &s, steps, n, &side);
            if (!found) continue;
            return (struct simulated){(double)unit + 1, (double)unit + 1, side, c->saved > 0 ? side == SIDE_ABOVE : true};
        }
    }
    return (struct simulated){.spent = (double)unit};
}

/* Offset and variance of a step of the bill, or of typical requests. */
static void begin(const struct tokens *c, bool bill, const struct saving_marks *m, struct tally *ret)
{
    const struct tokens of = {.shape = c->shape, .zeros = c->zeros, .bill = bill};
    struct rng r = rng_derive(1, "history", 0);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < HISTORY; i++) {
        double y = outcome(&of, m, draw(&of, false, &r));
        sum += y, squares += y * y;
    }
    sum /= HISTORY;
    tally_begin(ret, .5, sum, squares / HISTORY - sum * sum);
}

/* A lower median and a longer tail: 10 % less and 5.7 % more. Counted: who says "a typical request saves" (above), …
 * and "the bill does not rise by more than 2 %", so that it would be promoted (below), which is wrong. */
static struct simulated simulate_trap(const struct simulation *x, struct rng *r)
{
    const struct tokens *c = x->of;
    const struct known k = learn(c, r);
    struct tally typical, bill;
    struct sequence s;
    struct sequence_plan plan = {.effect = -1.5 * saving_difference(&k.marks, -0.1), .alpha = 0.05};
    bool saves = false, promoted = false;
    begin(c, false, &k.marks, &typical);
    begin(c, true, &k.marks, &bill);
    sequence_begin(&s, &plan);
    for (long unit = 0; unit < c->steps[0].until; unit++) {
        enum arm arm = rng_unit(r) < .5 ? ARM_CHALLENGER : ARM_CHAMPION;
        double tokens = draw(c, arm == ARM_CHALLENGER, r);
        typical.units[arm][tally_level(saving_typical(&k.marks, tokens), rng_unit(r))]++;
        bill.units[arm][tally_level(saving_billed(&k.marks, tokens), rng_unit(r))]++;
        if (unit % 50) continue;
        saves = saves || sequence_evidence(&s, &typical, 1, SIDE_BELOW, 0) >= sequence_limit(&plan);
        promoted = promoted || (saves && saving_evidence(&bill, 1, SIDE_BELOW, 1.02, 0.1) >= log(2 / 0.05));
    }
    return (struct simulated){saves ? 1 : 0, 1, promoted, promoted};
}

/* What is known of a request before it is assigned explains a part of its tokens: the correlation of the logarithms. */
enum { CORRELATION = 60 /* % */ };

static double with_known(bool challenger, struct rng *r, double *ret_known)
{
    const double rho = CORRELATION / 100.0;
    double z = rng_normal(r);
    *ret_known = rho * z + sqrt(1 - rho * rho) * rng_normal(r);
    return 300 * exp(z) * (challenger ? 0.9 : 1);
}

static struct adjustment adjust(const struct saving_marks *m, struct rng *r)
{
    struct adjustment_history h = {0};
    struct adjustment out = {0};
    for (size_t i = 0; i < HISTORY; i++) {
        double x, y = saving_typical(m, with_known(false, r, &x));
        h.n++, h.x += x, h.y += y, h.xx += x * x, h.xy += x * y, h.yy += y * y;
    }
    adjustment_fit(&out, &h);
    return out;
}

static struct simulated simulate_cuped(const struct simulation *x, struct rng *r)
{
    const struct tokens *c = x->of;
    const struct known k = learn(c, r);
    const struct adjustment a = adjust(&k.marks, r);
    struct tally t, block;
    struct sequence s;
    struct looker l = {0};
    adjustment_tally(&a, c->steps[0].share, &t);
    block = t;
    struct sequence_plan plan = {.effect = adjustment_difference(&a, -1.5 * saving_difference(&k.marks, -0.1)),
                                 .alpha = 0.05};
    sequence_begin(&s, &plan);
    l.largest = largest_bet(plan.effect, &t);
    for (long unit = 1; unit <= c->steps[0].until; unit++) {
        enum arm arm = rng_unit(r) < t.share ? ARM_CHALLENGER : ARM_CHAMPION;
        double known, y = saving_typical(&k.marks, with_known(arm == ARM_CHALLENGER, r, &known));
        size_t level = tally_level(adjustment_outcome(&a, known, y), rng_unit(r));
        t.units[arm][level]++;
        block.units[arm][level] = 1;
        has_seen(&l, &block, 0);
        block.units[arm][level] = 0;
        int side = 0;
        if (look(&l, &s, &t, 1, &side)) return (struct simulated){(double)unit, (double)unit, side, side == SIDE_ABOVE};
    }
    return (struct simulated){.spent = (double)c->steps[0].until};
}

#define RAMP                                                                                                           \
    {                                                                                                                  \
        {.05, 2000}, {.25, 4000},                                                                                      \
        {                                                                                                              \
            .5, 16000                                                                                                  \
        }                                                                                                              \
    }
#define OF(...)                                                                                                        \
    &(const struct tokens)                                                                                             \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

static const struct simulation all[] = {
    {"tokens-aa-log-normal-ramp", simulate, OF(.steps = RAMP, .hybrid = true), 0},
    {"tokens-aa-pareto", simulate, OF(PARETO, .steps = {{.5, 20000}}, .hybrid = true), 0},
    {"tokens-aa-pareto-zeros-ramp", simulate, OF(PARETO, .01, .steps = RAMP, .hybrid = true), 0},
    {"tokens-aa-bill-log-normal-ramp", simulate, OF(.steps = RAMP, .bill = true), 0},
    {"tokens-aa-bill-pareto", simulate, OF(PARETO, .steps = {{.5, 20000}}, .bill = true), 0},
    {"tokens-aa-bill-pareto-zeros-ramp", simulate, OF(PARETO, .01, .steps = RAMP, .bill = true), 0},
    {"tokens-log-normal", simulate, OF(.saved = .1, .steps = {{.5, 12000}}, .hybrid = true), 2798},
    {"tokens-log-normal-bet", simulate, OF(.saved = .1, .steps = {{.5, 12000}}), 2798},
    {"tokens-log-normal-zeros", simulate, OF(.zeros = .01, .saved = .1, .steps = {{.5, 12000}}, .hybrid = true), 3674},
    {"tokens-log-normal-at-5", simulate, OF(.saved = .1, .steps = {{.05, 60000}}, .hybrid = true), 14728},
    {"tokens-pareto", simulate, OF(PARETO, .saved = .1, .steps = {{.5, 6000}}, .hybrid = true), 582},
    {"tokens-pareto-zeros", simulate, OF(PARETO, .01, .1, .steps = {{.5, 6000}}, .hybrid = true), 1511},
    {"tokens-pareto-zeros-bet", simulate, OF(PARETO, .01, .1, .steps = {{.5, 6000}}), 1511},
    {"tokens-bill-log-normal", simulate, OF(.saved = .1, .steps = {{.5, 15000}}, .bill = true), 4884},
    {"tokens-bill-pareto", simulate, OF(PARETO, .saved = .1, .steps = {{.5, 15000}}, .bill = true), 6457},
    {"tokens-log-normal-cuped", simulate_cuped, OF(.saved = .1, .steps = {{.5, 12000}}), 2798},
    {"tokens-trap", simulate_trap, OF(.saved = .1, .spread = 1.15, .steps = {{.5, 6000}}), 0},
};

struct simulations tokens_simulations(void)
{
    return (struct simulations){all, sizeof all / sizeof *all};
}
