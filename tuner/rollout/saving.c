/* The score for a ratio r is (X/r − m)/π of the challenger, −(X − m)/(1 − π) of the champion: its mean is μ1/r − μ0,
 * and it falls as r grows, whatever came. So does the evidence, on the side above, whose bet does not depend on r. On
 * the side below a bet must shrink as X/r may grow; it does so in notches of r, between which it is constant and the
 * evidence monotone: an interval is found exactly, notch by notch. */
#include "tuner/rollout/saving.h"

#include "tuner/rollout/evidence.h"
#include "tuner/rollout/mixture.h"

#include <math.h>
#include <stdlib.h>

static double clip(double x, double low, double high)
{
    return fmin(fmax(x, low), high);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t n, double q)
{
    return sorted[(size_t)fmin(floor((double)n * q), (double)n - 1)];
}

bool saving_learn(double *tokens, size_t n, double max_tokens, struct saving_marks *ret)
{
    size_t empty = 0;
    for (size_t i = 0; i < n; i++)
        if (!(tokens[i] >= 0 && tokens[i] < INFINITY)) return false;
    qsort(tokens, n, sizeof *tokens, compare);
    while (empty < n && tokens[empty] < 1) empty++;
    if (empty == n || !(max_tokens >= 0 && max_tokens < INFINITY)) return false;
    double low = quantile(tokens + empty, n - empty, 0.01), high = quantile(tokens + empty, n - empty, 0.995);
    if (!(low < high)) return false;
    *ret = (struct saving_marks){low, high, max_tokens > 0 ? max_tokens : fmax(quantile(tokens, n, 0.99), 1)};
    return true;
}

double saving_typical(const struct saving_marks *m, double tokens)
{
    if (!(tokens >= 0 && tokens < INFINITY)) return NAN;
    return log(clip(tokens, m->low, m->high) / m->low) / log(m->high / m->low);
}

double saving_billed(const struct saving_marks *m, double tokens)
{
    if (!(tokens >= 0 && tokens < INFINITY)) return NAN;
    return fmin(tokens / m->cap, 1);
}

double saving_ratio(const struct saving_marks *m, double difference)
{
    return expm1(difference * log(m->high / m->low));
}

double saving_difference(const struct saving_marks *m, double ratio)
{
    return log1p(ratio) / log(m->high / m->low);
}

enum { NOTCHES = 4, OCTAVES = 6 }; /* an octave has so many; ratios from 1/2^OCTAVES to 2^OCTAVES */

static double notch(double r) /* the one at or below it */
{
    return exp2(floor(log2(r) * NOTCHES + 1e-9) / NOTCHES);
}

/* The bet cannot lose more than three quarters. */
static double careful(const struct tally *t, enum side side, double r, double lambda)
{
    double m = t->offset, above = fmax(m / t->share, (1 - m) / (1 - t->share));
    double below = fmax((1 / notch(r) - m) / t->share, m / (1 - t->share));
    return fmin(lambda, 0.75 / (side == SIDE_ABOVE ? above : below));
}

double saving_evidence(const struct tally *steps, size_t n, enum side side, double r, double effect)
{
    const struct mixture all = mixture_make();
    struct scores x;
    double wealth[MIXTURE_BETS];
    for (size_t k = 0; k < MIXTURE_BETS; k++) wealth[k] = all.log_weight[k];
    for (size_t h = 0; h < n; h++) {
        double v = tally_score_variance(&steps[h]), difference = effect * fmax(steps[h].offset, 1e-3);
        scores_of_ratio(&steps[h], r, &x);
        for (size_t k = 0; k < MIXTURE_BETS; k++)
            wealth[k] +=
                scores_growth(&x, side, careful(&steps[h], side, r, mixture_bet(all.size[k] * difference, v)), 0);
    }
    return evidence_sum(wealth, MIXTURE_BETS);
}

struct asked {
    const struct tally *steps;
    size_t n;
    double effect, limit;
};

static bool is_refuted(const struct asked *q, enum side side, double log2_r)
{
    return saving_evidence(q->steps, q->n, side, exp2(log2_r), q->effect) >= q->limit;
}

/* Between one that is refuted and one that is open, of which nothing but one change lies between. */
static double turn(const struct asked *q, enum side side, double refuted, double open)
{
    while (fabs(open - refuted) > 1e-7) {
        double middle = (refuted + open) / 2;
        if (is_refuted(q, side, middle))
            refuted = middle;
        else
            open = middle;
    }
    return exp2(refuted);
}

static double low_end(const struct asked *q)
{
    return is_refuted(q, SIDE_ABOVE, -OCTAVES) ? turn(q, SIDE_ABOVE, -OCTAVES, OCTAVES) : exp2(-OCTAVES);
}

/* The last notch whose beginning is open; within it evidence grows with r. */
static double high_end(const struct asked *q)
{
    const double width = 1.0 / NOTCHES, within = width * (1 - 1e-7);
    for (double at = OCTAVES; at >= -OCTAVES; at -= width)
        if (!is_refuted(q, SIDE_BELOW, at)) {
            if (at >= OCTAVES) return exp2(OCTAVES);
            return is_refuted(q, SIDE_BELOW, at + within) ? turn(q, SIDE_BELOW, at + within, at) : exp2(at + width);
        }
    return exp2(-OCTAVES);
}

struct sequence_interval saving_interval(const struct tally *steps, size_t n, double effect, double alpha)
{
    const struct asked q = {steps, n, effect, log(2 / alpha)};
    return (struct sequence_interval){low_end(&q), high_end(&q)};
}
