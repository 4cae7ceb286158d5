#include "tuner/live/duel.h"

#include "tuner/live/raced.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

static const double ALPHA = 0.15; /* the measured one is below 5 % (race.h) */
static const double SURE = 0.95;  /* that two seeds of the same do not lie further apart */

/* Standard errors of the champion's mean over the items so far from that over all, drawn without replacement, once a
 * race is lost. */
static const double ORDERED = 2.5;

static double spread_of(const struct answers *a, size_t metric, double mean, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < a->slots; i++) {
        double apart = a->key[i] ? a->value[i * a->n_metrics + metric] - mean : NAN;
        if (!isnan(apart)) sum += apart * apart;
    }
    return sqrt(sum / (double)n);
}

void duel_leeway(const struct objective *o, const struct answers *champion, size_t seeds, double *ret)
{
    for (size_t m = 0; m < o->n_metrics; m++) {
        double n = 0, mean = 0, squares = 0;
        for (size_t k = 0; k < seeds; k++) {
            size_t items = 0;
            double x = answers_mean(&champion[k], m, &items), apart = x - mean;
            if (items == 0) continue;
            mean += apart / ++n;
            squares += apart * (x - mean);
        }
        ret[m] = n > 1 && squares > 0 ? gsl_cdf_tdist_Pinv(SURE, n - 1) * sqrt(2 * squares / (n - 1) * (1 - 1 / n)) : 0;
    }
}

bool duel_has_races(const struct objective *o, const struct answers *champion)
{
    for (size_t m = 0; m < o->n_metrics; m++)
        if (raced(o, m) && !isnan(answers_mean(champion, m, &(size_t){0}))) return true;
    return false;
}

bool duel_begin(struct duel *d, const struct objective *o, const struct answers *champion, const double *leeway,
                size_t seeds, struct arena *arena)
{
    *d = (struct duel){.objective = o, .champion = champion};
    answers_begin(&d->challenger, o->n_metrics, arena);
    for (size_t m = 0; m < o->n_metrics; m++) {
        struct duel_race *x = &d->race[d->n];
        size_t n = 0;
        if (!raced(o, m)) continue;
        double mean = answers_mean(champion, m, &n);
        const struct race_plan plan = {n, raced_answer(o, m, mean), fmin(verdict_margin(o, m, false, mean) + leeway[m], 1),
                                       ALPHA / (double)seeds / raced_count(o)};
        *x = (struct duel_race){.metric = m, .spread = n ? spread_of(champion, m, mean, n) : 0};
        d->n += race_begin(&x->race, &plan);
    }
    return d->n > 0;
}

/* Are the champion's answers to the items so far what a random part of all would have? */
static bool is_random(const struct duel_race *x)
{
    double n = (double)x->race.plan.questions, k = (double)x->race.asked, left = n - k;
    double apart = fabs(x->race.champion_sum / k - x->race.plan.champion);
    return apart <= ORDERED * x->spread * sqrt(left / (k * fmax(n - 1, 1))) + 1e-9;
}

/* The race is lost, if its order is random: one that only looks otherwise by chance soon does not. In the second half of
 * the items one that is not comes to look so, too, for the last ones make up for the first. */
static enum duel_word judge(const struct duel_race *x)
{
    if (is_random(x)) return DUEL_LOST;
    return 2 * x->race.asked > x->race.plan.questions ? DUEL_VOID : DUEL_OPEN;
}

const struct duel_race *duel_see(struct duel *d, const char *id, const double *value)
{
    const double *champion = answers_find(d->champion, id);
    if (!champion || !answers_add(&d->challenger, id, value)) return d->lost;
    for (size_t i = 0; i < d->n; i++) {
        struct duel_race *x = &d->race[i];
        size_t m = x->metric;
        enum race_word word =
            race_see(&x->race, raced_answer(d->objective, m, champion[m]), raced_answer(d->objective, m, value[m]));
        if (x->word == DUEL_OPEN && word == RACE_WORSE) x->word = judge(x);
        if (x->word == DUEL_LOST && !d->lost) d->lost = x;
    }
    return d->lost;
}
