/* Z_r = (X − r m)/π of the challenger, −r (X − m)/(1 − π) of the champion: its mean is μ1 − r μ0, whatever the offset m. */
#include "tuner/rollout/saving.h"

#include "tuner/rollout/evidence.h"

#include <math.h>

enum { BETS = 12 };

static double clip(double x, double low, double high)
{
    return fmin(fmax(x, low), high);
}

double saving_typical(const struct saving_marks *m, double tokens)
{
    return log(clip(tokens, m->low, m->high) / m->low) / log(m->high / m->low);
}

double saving_billed(const struct saving_marks *m, double tokens)
{
    return clip(tokens / m->cap, 0, 1);
}

double saving_ratio(const struct saving_marks *m, double difference)
{
    return expm1(difference * log(m->high / m->low));
}

double saving_difference(const struct saving_marks *m, double ratio)
{
    return log1p(ratio) / log(m->high / m->low);
}

static double score_r(const struct tally *t, enum arm arm, size_t level, double r)
{
    double x = tally_outcome(level);
    return arm == ARM_CHALLENGER ? (x - r * t->offset) / t->share : -r * (x - t->offset) / (1 - t->share);
}

static double largest_r(const struct tally *t, double r)
{
    double most = 0;
    for (size_t a = 0; a < ARMS; a++)
        most = fmax(most, fmax(fabs(score_r(t, (enum arm)a, 0, r)), fabs(score_r(t, (enum arm)a, TALLY_LEVELS - 1, r))));
    return most;
}

static double growth_r(const struct tally *t, double r, double signed_bet)
{
    double sum = 0;
    for (size_t a = 0; a < ARMS; a++)
        for (size_t i = 0; i < TALLY_LEVELS; i++)
            if (t->units[a][i] > 0) sum += t->units[a][i] * log1p(signed_bet * score_r(t, (enum arm)a, i, r));
    return sum;
}

/* Of the score, if both arms have the champion's variance times r². */
static double variance_r(const struct tally *t, double r)
{
    return r * r * tally_score_variance(t);
}

double saving_evidence(const struct tally *steps, size_t n, enum side side, double r, double effect)
{
    double wealth[BETS], weights = 0;
    for (size_t k = 0; k < BETS; k++) {
        double x = 0.12 * pow(1.37, (double)k), weight = x * exp(-x * x / 2);
        weights += weight;
        wealth[k] = log(weight);
        for (size_t h = 0; h < n; h++) {
            double v = variance_r(&steps[h], r), delta = x * effect * steps[h].offset;
            double bet = fmin(delta / (v + delta * delta), 0.5 / largest_r(&steps[h], r));
            wealth[k] += growth_r(&steps[h], r, side == SIDE_ABOVE ? bet : -bet);
        }
    }
    return evidence_sum(wealth, BETS) - log(weights);
}

enum { GRID = 480 };

static const double furthest = 100;

/* Evidence is not monotone in r for every path, so the hull of what is open is taken, and a point of the grid more. */
struct sequence_interval saving_interval(const struct tally *steps, size_t n, double effect, double alpha)
{
    struct sequence_interval all = {INFINITY, -INFINITY};
    double limit = log(2 / alpha), step = 2 * log(furthest) / GRID;
    for (size_t i = 0; i <= GRID; i++) {
        double log_r = -log(furthest) + step * (double)i, r = exp(log_r);
        if (saving_evidence(steps, n, SIDE_ABOVE, r, effect) >= limit ||
            saving_evidence(steps, n, SIDE_BELOW, r, effect) >= limit)
            continue;
        all.low = fmin(all.low, exp(log_r - step));
        all.high = fmax(all.high, exp(log_r + step));
    }
    return all;
}
