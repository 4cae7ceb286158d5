/* After an alarm: a configuration beside the champion on the same items, seed after seed, until it has lost. */
#include "tests/bench/rollout_bench.h"

#include "tuner/live/live.h"

#include <stdio.h>

enum { ITEMS_HERE_MAX = 3000, SEEDS_HERE_MAX = 10 };

enum order { SHUFFLED, EASY_FIRST, HARD_FIRST, MOSTLY_HARD_FIRST };

struct duelling {
    size_t items, seeds;
    double apart;       /* challenger − champion, whose EM is 0.6 */
    double correlation; /* of their answers to an item */
    double between;     /* sd of the mean of each between seeds; 0: the same answers on all of them */
    enum order order;   /* as the champion finds them */
};

struct said {
    unsigned char champion[ITEMS_HERE_MAX], challenger[ITEMS_HERE_MAX];
};

/* How easy the item at this place is, in [0, 1). */
static double ease(const struct duelling *c, size_t place, struct rng *r)
{
    double in_order = ((double)place + rng_unit(r)) / (double)c->items, any = rng_unit(r);
    switch (c->order) {
    case SHUFFLED: return any;
    case EASY_FIRST: return in_order;
    case HARD_FIRST: return 1 - in_order;
    case MOSTLY_HARD_FIRST: return rng_unit(r) < 0.3 ? 1 - in_order : any;
    }
    return any;
}

static void answer(const struct duelling *c, struct rng *r, struct said *ret)
{
    double p = .6 + c->between * rng_normal(r), q = fmin(fmax(.6 + c->apart + c->between * rng_normal(r), .02), .98);
    double both = fmin(p * q + c->correlation * sqrt(p * (1 - p) * q * (1 - q)), fmin(p, q));
    for (size_t i = 0; i < c->items; i++) {
        double u = ease(c, i, r);
        ret->champion[i] = u < p;
        ret->challenger[i] = u < both || (u >= p && u < p + q - both);
    }
}

static const struct study *study_of_em(void)
{
    static const char text[] =
        "study: s\ntrial: {command: [a]}\nparameters: {x: {type: float, range: [0, 1]}}\n"
        "metrics: {em: {goal: maximize, kind: proportion}, tokens: {goal: minimize, kind: count}}\n"
        "objective: {minimize: tokens}\nconstraints: [em >= 0]\n";
    static struct study *study;
    struct error err;
    if (!study && study_parse("s.yaml", text, sizeof text - 1, &study, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    return study;
}

static void fill(struct answers *a, const unsigned char *said, size_t n)
{
    char id[24];
    for (size_t i = 0; i < n; i++) {
        snprintf(id, sizeof id, "%zu", i);
        answers_add(a, id, (double[METRICS_MAX]){said[i], NAN});
    }
}

static struct simulated simulate_duel(const struct simulation *x, struct rng *r)
{
    const struct duelling *c = x->of;
    const struct objective *o = &study_of_em()->objective;
    struct arena arena = {0};
    struct said *said = arena_array(&arena, c->seeds, sizeof *said);
    struct answers champion[SEEDS_HERE_MAX];
    double leeway[METRICS_MAX], gap = 0, n = (double)(c->items * c->seeds);
    size_t asked = 0;
    bool lost = false;
    for (size_t k = 0; k < c->seeds; k++) {
        if (k == 0 || c->between > 0)
            answer(c, r, &said[k]);
        else
            said[k] = said[0];
        answers_begin(&champion[k], o->n_metrics, &arena);
        fill(&champion[k], said[k].champion, c->items);
        for (size_t i = 0; i < c->items; i++) gap += said[k].champion[i] - said[k].challenger[i];
    }
    duel_leeway(o, champion, c->seeds, leeway);
    for (size_t k = 0; k < c->seeds && !lost; k++) {
        struct duel d;
        char id[24];
        duel_begin(&d, o, &champion[k], leeway, c->seeds, &arena);
        for (size_t i = 0; i < c->items && !lost; i++, asked++) {
            snprintf(id, sizeof id, "%zu", i);
            lost = duel_see(&d, id, (double[METRICS_MAX]){said[k].challenger[i], NAN}) != NULL;
        }
    }
    arena_done(&arena);
    double share = (double)asked / n * 10000;
    return (struct simulated){share, share, lost, lost && gap <= 0};
}

#define DUEL(...)                                                                                                      \
    &(const struct duelling)                                                                                           \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

static const struct simulation all[] = {
    {"duel-same-1", simulate_duel, DUEL(2000, 1, 0, .7), 0},
    {"duel-same-3", simulate_duel, DUEL(2000, 3, 0, .7, .02), 0},
    {"duel-same-2", simulate_duel, DUEL(2000, 2, 0, .7, .02), 0},
    {"duel-same-10", simulate_duel, DUEL(500, 10, 0, .7, .02), 0},
    {"duel-behind-3-still", simulate_duel, DUEL(2000, 3, -.05, .7), 0},
    {"duel-behind-5-1", simulate_duel, DUEL(2000, 1, -.05, .7), 0},
    {"duel-behind-20-1", simulate_duel, DUEL(2000, 1, -.2, .7), 0},
    {"duel-behind-20-2", simulate_duel, DUEL(2000, 2, -.2, .7, .02), 0},
    {"duel-behind-20-3", simulate_duel, DUEL(2000, 3, -.2, .7, .02), 0},
    {"duel-behind-20-10", simulate_duel, DUEL(500, 10, -.2, .7, .02), 0},
    {"duel-behind-20-3-near", simulate_duel, DUEL(2000, 3, -.2, .7, .005), 0},
    {"duel-easy-first", simulate_duel, DUEL(2000, 1, 0, .5, 0, EASY_FIRST), 0},
    {"duel-hard-first", simulate_duel, DUEL(2000, 1, 0, .5, 0, HARD_FIRST), 0},
    {"duel-mostly-hard-first", simulate_duel, DUEL(2000, 1, 0, .5, 0, MOSTLY_HARD_FIRST), 0},
};

struct simulations duel_simulations(void)
{
    return (struct simulations){all, sizeof all / sizeof *all};
}
