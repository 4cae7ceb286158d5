/* The same statistics as the live side has them (tuner/live: plan, findings, judgement), without a store: what is expected
 * of a unit is learnt from the champion's first 200 units. One metric with a standard deviation of 0.2. */
#include "tests/bench/rollout_bench.h"
#include "tests/findings_world.h"

#include <stdio.h>
#include <stdlib.h>

struct told {
    double told; /* correlation of what is expected with the outcome */
    double apart;
    long until;
};

static struct simulated simulate(const struct simulation *x, struct rng *r)
{
    const struct told *c = x->of;
    struct findings_world w = {.told = c->told, .better = {c->apart}};
    struct error err;
    bool good = false;
    static const char plan[] = "metrics: {score: {prove: not_worse, range: [0, 1], margin: 0, effect: 0.02, guard: 0.9}}\n"
                               "learn: 200\nramp: [0.5]\n";
    if (!findings_world_open(&w, plan, 1, rng_bits(r), &err)) fprintf(stderr, "%s\n", err.text), exit(1);
    double at = findings_world_verdict(&w, 20, c->until, &good);
    findings_world_close(&w);
    return (struct simulated){at, at > 0 ? at : (double)c->until, good ? 0 : 1, at > 0 && (c->apart == 0 || good != (c->apart > 0))};
}

#define TOLD(...) &(const struct told){__VA_ARGS__}

static const struct simulation all[] = {
    {"live-aa-told-7", simulate, TOLD(.7, 0, 6000), 0},
    {"live-loss", simulate, TOLD(0, -.03, 12000), 1395},
    {"live-loss-told-5", simulate, TOLD(.5, -.03, 12000), 1395},
    {"live-loss-told-7", simulate, TOLD(.7, -.03, 12000), 1395},
    {"live-loss-told-9", simulate, TOLD(.9, -.03, 12000), 1395},
};

struct simulations live_simulations(void)
{
    return (struct simulations){all, sizeof all / sizeof *all};
}
