#include "tuner/live/contest.h"

#include "tuner/live/raced.h"

#include <math.h>

static const double ALPHA = 0.15; /* the measured one is below 5 % (race.h) */

static double mean_of(const double *value, size_t seeds, size_t *ret_n)
{
    double sum = 0;
    *ret_n = 0;
    for (size_t k = 0; k < seeds; k++)
        if (!isnan(value[k])) sum += value[k], ++*ret_n;
    return *ret_n ? sum / (double)*ret_n : NAN;
}

void contest_begin(struct contest *c, const struct objective *o, const double *const *champion, size_t seeds)
{
    *c = (struct contest){.objective = o, .champion = champion};
    for (size_t m = 0; m < o->n_metrics; m++) {
        struct contest_race *x = &c->race[c->n];
        size_t n = 0;
        if (!raced(o, m)) continue;
        double mean = mean_of(champion[m], seeds, &n);
        const struct race_plan plan = {n, raced_answer(o, m, mean), fmin(verdict_margin(o, m, false, mean), 1),
                                       ALPHA / raced_count(o)};
        x->metric = m;
        c->n += race_begin(&x->race, &plan);
    }
}

bool contest_see(struct contest *c, size_t seed, const double *challenger)
{
    bool worse = false;
    for (size_t i = 0; i < c->n; i++) {
        size_t m = c->race[i].metric;
        double champion = raced_answer(c->objective, m, c->champion[m][seed]);
        worse |= race_see(&c->race[i].race, champion, raced_answer(c->objective, m, challenger[m])) == RACE_WORSE;
    }
    return worse;
}
