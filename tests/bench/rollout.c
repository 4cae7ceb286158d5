/* The live side's statistics by simulation: how often they are wrong, and how many units they need.
 *
 *     build/release/bin/rollout-bench SCENARIO [RUNS] [SEED]       a line of JSON; without arguments: the names
 */
#include "tuner/rollout/sequence.h"

#include "tuner/base/rng.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 4 };

struct scenario {
    const char *name;
    double champion, drift; /* its EM, and how far that moves over the run */
    double apart;           /* challenger − champion */
    double effect, target_above, target_below;
    size_t n_steps;
    double share[STEPS_MAX];
    long until[STEPS_MAX]; /* units, the last: of the run */
    double planned;        /* units of the plan, at the last step's share; 0: none */
};

static const struct scenario all[] = {
    {"aa", .6, 0, 0, .04, 0, 0, 1, {.5}, {20000}, 20000},
    {"aa-ramp-up", .6, .1, 0, .04, 0, 0, 3, {.05, .25, .5}, {2000, 4000, 20000}, 20000},
    {"aa-ramp-down", .6, -.1, 0, .04, 0, 0, 3, {.05, .25, .5}, {2000, 4000, 20000}, 20000},
    {"aa-95", .95, 0, 0, .04, 0, 0, 1, {.05}, {20000}, 20000},
    {"loss-2", .6, 0, -.02, .04, 0, 0, 1, {.5}, {76000}, 1.25 * 18979},
    {"loss-5", .6, 0, -.05, .1, 0, 0, 1, {.5}, {12300}, 1.25 * 3062},
    {"loss-5-ramp", .6, 0, -.05, .1, 0, 0, 3, {.05, .25, .5}, {2000, 4000, 20000}, 1.25 * 3062},
    {"not-worse", .6, 0, 0, .02, -.01, -.01, 1, {.5}, {300000}, 1.25 * 75350},
};

struct run {
    long at;        /* units until the verdict; 0: none */
    enum side side; /* of it */
};

static struct run simulate(const struct scenario *c, uint64_t seed, long every)
{
    struct tally steps[STEPS_MAX] = {0};
    struct sequence s = {.plan = {c->effect, {c->target_above, c->target_below}, .05, 0}};
    struct rng r = rng_derive(seed, c->name, 0);
    long unit = 0, end = c->until[c->n_steps - 1];
    for (size_t h = 0; h < c->n_steps; h++)
        steps[h] = (struct tally){.share = c->share[h], .offset = c->champion, .variance = c->champion * (1 - c->champion)};
    s.plan.information = sequence_information(&steps[c->n_steps - 1], c->planned);
    for (size_t h = 0; h < c->n_steps; h++)
        for (; unit < c->until[h]; unit++) {
            struct tally one = steps[h];
            memset(one.units, 0, sizeof one.units);
            enum arm arm = rng_unit(&r) < c->share[h] ? ARM_CHALLENGER : ARM_CHAMPION;
            double p = c->champion + c->drift * (double)unit / (double)end + (arm == ARM_CHALLENGER ? c->apart : 0);
            one.units[arm][rng_unit(&r) < p ? TALLY_LEVELS - 1 : 0] = 1;
            sequence_fold(&s, &one);
            tally_add(&steps[h], &one);
            if ((unit + 1) % every) continue;
            for (size_t side = 0; side < SIDES; side++)
                if (sequence_evidence(&s, steps, c->n_steps, (enum side)side, s.plan.target[side]) >= sequence_limit(&s.plan))
                    return (struct run){unit + 1, (enum side)side};
        }
    return (struct run){0};
}

static int compare(const void *a, const void *b)
{
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    long runs = argc > 2 ? atol(argv[2]) : 2000, every = argc > 4 ? atol(argv[4]) : 1, n = 0, sides[SIDES] = {0};
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (argc < 2) puts(all[i].name);
        if (argc < 2 || strcmp(argv[1], all[i].name) != 0) continue;
        long *at = calloc((size_t)runs, sizeof *at);
        for (long k = 0; k < runs; k++) {
            struct run x = simulate(&all[i], seed * 1000003 + (uint64_t)k, every);
            if (x.at) at[n++] = x.at, sides[x.side]++;
        }
        qsort(at, (size_t)n, sizeof *at, compare);
        long p50 = runs / 2 < n ? at[runs / 2] : 0, p80 = runs * 4 / 5 < n ? at[runs * 4 / 5] : 0;
        printf("{\"scenario\": \"%s\", \"runs\": %ld, \"above\": %.4f, \"below\": %.4f, \"median\": %ld, \"n80\": %ld}\n",
               all[i].name, runs, (double)sides[SIDE_ABOVE] / (double)runs, (double)sides[SIDE_BELOW] / (double)runs, p50, p80);
        free(at);
    }
    return 0;
}
