/* The live side's statistics by simulation: how often they are wrong, and how many units they need.
 *
 *     build/bench/bin/rollout-bench                           the names of all
 *     build/bench/bin/rollout-bench NAME [RUNS] [SEED]        a line of JSON: shares of runs, units
 */
#include "tests/bench/rollout_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of runs of which n have decided, sorted; 0: fewer have. */
static double quantile(const double *at, long n, double counted, double q)
{
    long i = (long)(counted * q);
    return i < n ? at[i] : 0;
}

static void measure(const struct simulation *x, long runs, uint64_t seed)
{
    double *at = calloc((size_t)runs, sizeof *at), spent = 0, counted = 0;
    long n = 0, sides[2] = {0}, wrong = 0;
    for (long k = 0; k < runs; k++) {
        struct rng r = rng_derive(seed, x->name, (uint64_t)k);
        struct simulated run = x->run(x, &r);
        if (run.at > 0) at[n++] = run.at, sides[run.side]++;
        wrong += run.wrong;
        if (!isnan(run.spent)) spent += run.spent, counted++;
    }
    qsort(at, (size_t)n, sizeof *at, compare);
    printf("{\"name\": \"%s\", \"runs\": %ld, \"above\": %.4f, \"below\": %.4f, \"wrong\": %.4f, \"median\": %.0f, "
           "\"p80\": %.0f, \"p90\": %.0f, \"mean\": %.1f, \"n80\": %.0f}\n",
           x->name, runs, (double)sides[0] / (double)runs, (double)sides[1] / (double)runs,
           (double)wrong / (double)runs, quantile(at, n, counted, .5), quantile(at, n, counted, .8),
           quantile(at, n, counted, .9), spent / counted, x->yardstick);
    free(at);
}

int main(int argc, char **argv)
{
    const struct simulations some[] = {em_simulations(), tokens_simulations(), watch_simulations(), many_simulations(), duel_simulations(),
                                       live_simulations(), product_simulations(), late_simulations()};
    long runs = argc > 2 ? atol(argv[2]) : 2000, found = 0;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    if (runs < 1) return fprintf(stderr, "RUNS is at least 1\n"), 2;
    for (size_t k = 0; k < sizeof some / sizeof *some; k++)
        for (size_t i = 0; i < some[k].n; i++) {
            const struct simulation *x = &some[k].all[i];
            if (argc < 2)
                puts(x->name);
            else if (strcmp(argv[1], x->name) == 0)
                measure(x, runs, seed), found++;
        }
    if (argc > 1 && !found) return fprintf(stderr, "no simulation is called '%s'\n", argv[1]), 2;
    return 0;
}
