/* Several challengers at once, and races on a finite set of questions. */
#include "tests/bench/rollout_bench.h"

#include <stdlib.h>

/* ---- several challengers; the champion's EM is 0.6 ---- */

enum rule { CLOSED, LISTED, EACH /* Bonferroni */ };
enum { CHALLENGERS = 4, STEPS_ALL = 220 };

struct several {
    double apart[CHALLENGERS];
    bool top_two; /* else equal shares */
    enum rule rule;
    long until;
    bool finding; /* stop at a posterior of 0.95: below: the right one; above: another */
};

struct experiment {
    struct tally steps[CHALLENGERS][STEPS_ALL];
    struct allocation_arm arms[CHALLENGERS + 1];
    struct sequence s;
    size_t n; /* steps */
    double shares[CHALLENGERS + 1];
    struct assignment_range ranges[SHARES_RANGES_MAX];
    size_t n_ranges;
};

static void next_step(struct experiment *e, const struct several *c, struct rng *r)
{
    const struct allocation_floors floors = {c->finding ? .05 : .25, .25 / (CHALLENGERS + 1)};
    if (c->top_two)
        allocation_share(e->arms, CHALLENGERS + 1, &floors, r, e->shares);
    else if (e->n)
        return;
    for (size_t i = 0; i <= CHALLENGERS && !c->top_two; i++) e->shares[i] = 1.0 / (CHALLENGERS + 1);
    for (size_t i = 0; i < CHALLENGERS; i++)
        tally_begin(&e->steps[i][e->n], e->shares[i + 1] / (e->shares[i + 1] + e->shares[0]), .6, .24);
    shares_lay(e->ranges, e->n_ranges, e->shares + 1, CHALLENGERS, e->ranges, &e->n_ranges);
    e->n++;
}

static void one_user(struct experiment *e, const struct several *c, struct rng *r)
{
    double place = rng_unit(r);
    size_t arm = assignment_arm(place, e->ranges, e->n_ranges), y;
    double p = .6 + (arm ? c->apart[arm - 1] : 0), right = rng_unit(r) < p;
    y = right > 0 ? TALLY_LEVELS - 1 : 0;
    e->arms[arm].units++, e->arms[arm].sum += right;
    for (size_t i = 1; i <= CHALLENGERS; i++)
        if (i == arm || !arm) e->steps[i - 1][e->n - 1].units[i == arm ? ARM_CHALLENGER : ARM_CHAMPION][y]++;
}

/* Which are better, at 5 % altogether. */
static void judge(const struct experiment *e, const struct several *c, bool *ret_better)
{
    double log_e[CHALLENGERS];
    for (size_t i = 0; i < CHALLENGERS; i++) log_e[i] = sequence_evidence(&e->s, e->steps[i], e->n, SIDE_ABOVE, 0);
    for (size_t i = 0; i < CHALLENGERS; i++) ret_better[i] = log_e[i] >= log(CHALLENGERS / .05);
    if (c->rule == CLOSED) evidence_closed(log_e, CHALLENGERS, .05, ret_better);
    if (c->rule == LISTED) evidence_listed(log_e, CHALLENGERS, .05, ret_better);
}

static struct simulated simulate(const struct simulation *x, struct rng *r)
{
    const struct several *c = x->of;
    struct experiment *e = calloc(1, sizeof *e);
    struct simulated out = {.spent = (double)c->until};
    sequence_begin(&e->s, &(struct sequence_plan){.effect = .05, .alpha = .1});
    for (long unit = 0; unit < c->until && (size_t)(unit / ALLOCATION_UNITS) < STEPS_ALL; unit++) {
        if (unit % ALLOCATION_UNITS == 0) next_step(e, c, r);
        one_user(e, c, r);
        if ((unit + 1) % (c->top_two ? ALLOCATION_UNITS : 50)) continue;
        bool better[CHALLENGERS], done = true;
        judge(e, c, better);
        for (size_t i = 0; i < CHALLENGERS; i++) {
            if (better[i] && c->apart[i] <= 0) out.wrong = true;
            if (better[i] && c->apart[i] > 0 && out.at == 0) out.at = out.spent = (double)unit + 1;
            if (c->apart[i] > 0 && !better[i]) done = false;
        }
        if (out.wrong && out.at > 0 && done) break;
    }
    free(e);
    return out;
}

/* How often the mean's posterior says that an arm is the best; independent normal distributions do. */
static size_t most_likely(const struct experiment *e, struct rng *r, double *ret_chance)
{
    double votes[CHALLENGERS + 1] = {0};
    size_t best = 0;
    for (size_t k = 0; k < 400; k++) {
        size_t first = 0;
        double most = -1;
        for (size_t i = 0; i <= CHALLENGERS; i++) {
            double n = e->arms[i].units + 2, m = (e->arms[i].sum + 1) / n,
                   y = m + sqrt(m * (1 - m) / n) * rng_normal(r);
            if (y > most) most = y, first = i;
        }
        votes[first] += 1.0 / 400;
    }
    for (size_t i = 1; i <= CHALLENGERS; i++)
        if (votes[i] > votes[best]) best = i;
    *ret_chance = votes[best];
    return best;
}

static struct simulated simulate_finding(const struct simulation *x, struct rng *r)
{
    const struct several *c = x->of;
    struct experiment *e = calloc(1, sizeof *e);
    struct simulated out = {.spent = (double)c->until};
    for (long unit = 0; unit < c->until && out.at == 0; unit++) {
        if (unit % ALLOCATION_UNITS == 0) e->n = 0, next_step(e, c, r);
        one_user(e, c, r);
        if ((unit + 1) % 500) continue;
        double chance;
        size_t best = most_likely(e, r, &chance);
        if (chance >= .95) out = (struct simulated){(double)unit + 1, (double)unit + 1, best == 1, best != 1};
    }
    free(e);
    return out;
}

/* ---- races: 3,000 questions ---- */

enum { QUESTIONS_MAX = 3000 };

struct contest {
    size_t questions;
    double mean, sd; /* of challenger − champion, over challengers */
    double correlation, alpha;
};

struct answers {
    unsigned char champion[QUESTIONS_MAX], challenger[QUESTIONS_MAX];
    double champions, challengers;
};

static void answer(const struct contest *c, struct rng *r, struct answers *ret)
{
    double p = .6, q = fmin(fmax(p + c->mean + c->sd * rng_normal(r), .05), .95);
    double both = fmin(p * q + c->correlation * sqrt(p * (1 - p) * q * (1 - q)), fmin(p, q));
    for (size_t i = 0; i < c->questions; i++) {
        double u = rng_unit(r);
        ret->champion[i] = u < p;
        ret->challenger[i] = u < both || (u >= p && u < p + q - both);
        ret->champions += ret->champion[i], ret->challengers += ret->challenger[i];
    }
}

static struct simulated simulate_race(const struct simulation *x, struct rng *r)
{
    const struct contest *c = x->of;
    struct answers a = {0};
    struct race race;
    double n = (double)c->questions;
    enum race_word word = RACE_OPEN;
    answer(c, r, &a);
    race_begin(&race, &(struct race_plan){c->questions, a.champions / n, 0, c->alpha});
    for (size_t i = 0; word == RACE_OPEN; i++) word = race_see(&race, a.champion[i], a.challenger[i]);
    bool worse = a.challengers < a.champions, wrong = (word == RACE_WORSE) != worse;
    return (struct simulated){(double)race.asked / n * 10000, (double)race.asked / n * 10000, word == RACE_WORSE, wrong};
}

#define SEVERAL(...)                                                                                                   \
    &(const struct several)                                                                                            \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define RACE(...)                                                                                                      \
    &(const struct contest)                                                                                            \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

static const struct simulation all[] = {
    {"several-none-closed", simulate, SEVERAL(.until = 20000), 0},
    {"several-none-listed", simulate, SEVERAL(.rule = LISTED, .until = 20000), 0},
    {"several-none-each", simulate, SEVERAL(.rule = EACH, .until = 20000), 0},
    {"several-none-top-two", simulate, SEVERAL(.top_two = true, .until = 20000), 0},
    {"several-one-closed", simulate, SEVERAL({.05}, .until = 30000), 0},
    {"several-one-listed", simulate, SEVERAL({.05}, .rule = LISTED, .until = 30000), 0},
    {"several-one-each", simulate, SEVERAL({.05}, .rule = EACH, .until = 30000), 0},
    {"several-one-top-two", simulate, SEVERAL({.05}, true, .until = 30000), 0},
    {"finding-equal", simulate_finding, SEVERAL({.05}, .until = 40000), 0},
    {"finding-top-two", simulate_finding, SEVERAL({.05}, true, .until = 40000, .finding = true), 0},
    {"race-spread-5", simulate_race, RACE(3000, -.02, .03, .5, .05), 0},
    {"race-spread-7", simulate_race, RACE(3000, -.02, .03, .7, .05), 0},
    {"race-spread-9", simulate_race, RACE(3000, -.02, .03, .9, .05), 0},
    {"race-same-7", simulate_race, RACE(3000, 0, 0, .7, .05), 0},
    {"race-same-7-15", simulate_race, RACE(3000, 0, 0, .7, .15), 0},
    {"race-spread-7-15", simulate_race, RACE(3000, -.02, .03, .7, .15), 0},
    {"race-far-7", simulate_race, RACE(3000, -.05, .05, .7, .05), 0},
    {"race-few-7", simulate_race, RACE(500, -.02, .03, .7, .05), 0},
};

struct simulations many_simulations(void)
{
    return (struct simulations){all, sizeof all / sizeof *all};
}
