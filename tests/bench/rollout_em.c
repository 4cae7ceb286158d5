/* Exact match: A/A and power, at constant shares, in ramps, while the base rate moves, several outcomes a unit. */
#include "tests/bench/rollout_bench.h"

struct em {
    double champion, drift, apart; /* its EM, how far that moves, challenger − champion */
    double effect, margin;
    struct {
        double share;
        long until; /* units */
    } steps[STEPS_MAX];
    double planned;           /* units of the plan, at the last step's share; 0: the bet alone */
    double offset;            /* 0: the champion's EM */
    double outcomes, cluster; /* of a unit: how many, and their correlation; 0: one */
    long every;               /* units of a block; 0: one */
};

static size_t steps_of(const struct em *c)
{
    size_t n = 0;
    while (n < STEPS_MAX && c->steps[n].until) n++;
    return n;
}

static double gamma_draw(struct rng *r, double shape)
{
    double boost = shape < 1 ? pow(rng_unit(r), 1 / shape) : 1, d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3;
    for (;;) {
        double x = rng_normal(r), v = pow(1 + x / sqrt(9 * d), 3);
        if (v > 0 && log(rng_unit(r)) < x * x / 2 + d - d * v + d * log(v)) return boost * d * v;
    }
}

static size_t level(const struct em *c, double p, struct rng *r)
{
    if (!(c->outcomes > 1)) return rng_unit(r) < p ? TALLY_LEVELS - 1 : 0;
    double shape = 1 / c->cluster - 1, a = gamma_draw(r, p * shape), own = a / (a + gamma_draw(r, (1 - p) * shape));
    double right = 0;
    for (int i = 0; i < (int)c->outcomes; i++) right += rng_unit(r) < own;
    return tally_level(right / c->outcomes, rng_unit(r));
}

static void begin(const struct em *c, size_t n, struct tally *steps)
{
    double p = c->champion, within = c->outcomes > 1 ? (1 + (c->outcomes - 1) * c->cluster) / c->outcomes : 1;
    for (size_t h = 0; h < n; h++)
        tally_begin(&steps[h], c->steps[h].share, c->offset > 0 ? c->offset : p, p * (1 - p) * within);
}

static struct simulated simulate(const struct simulation *x, struct rng *r)
{
    const struct em *c = x->of;
    size_t n = steps_of(c);
    struct tally steps[STEPS_MAX] = {0}, block;
    struct sequence s;
    long unit = 0, end = c->steps[n - 1].until, every = c->every ? c->every : 1;
    begin(c, n, steps);
    struct sequence_plan plan = {
        c->effect, {-c->margin, -c->margin}, 0.05, sequence_information(&steps[n - 1], c->planned)};
    sequence_begin(&s, &plan);
    struct looker l = {0};
    for (size_t h = 0; h < n; h++) {
        l.largest = largest_bet(plan.effect, &steps[h]);
        block = steps[h];
        while (unit < c->steps[h].until) {
            for (long i = 0; i < every; i++, unit++) {
                enum arm arm = rng_unit(r) < block.share ? ARM_CHALLENGER : ARM_CHAMPION;
                double p = c->champion + c->drift * (double)unit / (double)end + (arm == ARM_CHALLENGER ? c->apart : 0);
                size_t y = level(c, p, r);
                block.units[arm][y]++;
                steps[h].units[arm][y]++;
            }
            sequence_fold(&s, &block);
            has_seen(&l, &block, plan.target[0]); /* both sides have the same */
            for (size_t a = 0; a < ARMS; a++)
                for (size_t i = 0; i < TALLY_LEVELS; i++) block.units[a][i] = 0;
            int side = 0;
            if (!look(&l, &s, steps, n, &side)) continue;
            bool wrong = side == SIDE_ABOVE ? c->apart <= -c->margin : c->apart >= -c->margin;
            return (struct simulated){(double)unit, (double)unit, side, wrong};
        }
    }
    return (struct simulated){.spent = (double)end};
}

#define RAMP                                                                                                           \
    {                                                                                                                  \
        {.05, 2000}, {.25, 4000},                                                                                      \
        {                                                                                                              \
            .5, 20000                                                                                                  \
        }                                                                                                              \
    }
static const struct em
    aa = {.6, .effect = .04, .steps = {{.5, 20000}}, .planned = 20000},
    aa_5 = {.6, .effect = .04, .steps = {{.05, 20000}}, .planned = 20000},
    aa_ramp = {.6, .effect = .04, .steps = RAMP, .planned = 20000},
    aa_up = {.6, .1, .effect = .04, .steps = RAMP, .planned = 20000},
    aa_down = {.6, -.1, .effect = .04, .steps = RAMP, .planned = 20000, .offset = .8},
    aa_95 = {.95, .effect = .04, .steps = {{.05, 20000}}, .planned = 20000},
    aa_bet = {.6, .effect = .02, .steps = {{.5, 20000}}},
    aa_margin = {.6, 0, -.01, .04, .01, .steps = RAMP, .planned = 20000},
    aa_cluster_2 = {.6, .effect = .04, .steps = {{.5, 10000}}, .planned = 10000, .outcomes = 10, .cluster = .2},
    aa_cluster_5 = {.6, .effect = .04, .steps = {{.5, 10000}}, .planned = 10000, .outcomes = 10, .cluster = .5},
    loss_2 = {.6, 0, -.02, .04, 0, .steps = {{.5, 76000}}, .planned = 1.3 * 18979, .every = 10},
    loss_2_bet = {.6, 0, -.02, .02, 0, .steps = {{.5, 76000}}, .every = 10},
    loss_2_5 = {.6, 0, -.02, .04, 0, .steps = {{.05, 400000}}, .planned = 1.3 * 100557, .every = 50},
    loss_5 = {.6, 0, -.05, .1, 0, .steps = {{.5, 12300}}, .planned = 1.3 * 3062},
    loss_5_bet = {.6, 0, -.05, .05, 0, .steps = {{.5, 12300}}, .every = 1},
    loss_5_5 = {.6, 0, -.05, .1, 0, .steps = {{.05, 66000}}, .planned = 1.3 * 16334},
    loss_5_batches = {.6, 0, -.05, .1, 0, .steps = {{.5, 12300}}, .planned = 1.3 * 3062, .every = 50},
    loss_5_ramp = {.6, 0, -.05, .1, 0, .steps = RAMP, .planned = 1.3 * 3062},
    not_worse = {.6, 0, 0, .02, .01, .steps = {{.5, 300000}}, .planned = 1.3 * 75350, .every = 50},
    beyond_margin = {.6, 0, -.02, .02, .01, .steps = {{.5, 300000}}, .planned = 1.3 * 75915, .every = 50};

static const struct simulation all[] = {
    {"em-aa", simulate, &aa, 0},
    {"em-aa-5", simulate, &aa_5, 0},
    {"em-aa-ramp", simulate, &aa_ramp, 0},
    {"em-aa-ramp-up", simulate, &aa_up, 0},
    {"em-aa-ramp-down", simulate, &aa_down, 0},
    {"em-aa-95", simulate, &aa_95, 0},
    {"em-aa-bet", simulate, &aa_bet, 0},
    {"em-aa-margin", simulate, &aa_margin, 0},
    {"em-aa-cluster-2", simulate, &aa_cluster_2, 0},
    {"em-aa-cluster-5", simulate, &aa_cluster_5, 0},
    {"em-loss-2", simulate, &loss_2, 18979},
    {"em-loss-2-bet", simulate, &loss_2_bet, 18979},
    {"em-loss-2-at-5", simulate, &loss_2_5, 100557},
    {"em-loss-5", simulate, &loss_5, 3062},
    {"em-loss-5-bet", simulate, &loss_5_bet, 3062},
    {"em-loss-5-at-5", simulate, &loss_5_5, 16334},
    {"em-loss-5-batches", simulate, &loss_5_batches, 3062},
    {"em-loss-5-ramp", simulate, &loss_5_ramp, 5198},
    {"em-not-worse", simulate, &not_worse, 75350},
    {"em-beyond-margin", simulate, &beyond_margin, 75915},
};

struct simulations em_simulations(void)
{
    return (struct simulations){all, sizeof all / sizeof *all};
}
