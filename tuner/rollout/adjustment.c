#include "tuner/rollout/adjustment.h"

#include <math.h>

static double clip(double x, double low, double high)
{
    return fmin(fmax(x, low), high);
}

bool adjustment_fit(struct adjustment *a, const struct adjustment_history *h)
{
    double sxx = h->xx - h->x * h->x / h->n, sxy = h->xy - h->x * h->y / h->n, syy = h->yy - h->y * h->y / h->n;
    double slope = sxy / sxx, left = (syy - slope * sxy) / h->n;
    if (!(h->n >= 3 && sxx > 1e-12 * h->xx && syy >= 0 && isfinite(slope) && isfinite(left))) return false;
    *a = (struct adjustment){.mean = h->y / h->n, .slope = slope, .centre = h->x / h->n, .low = -1, .high = 1};
    a->variance = fmax(left, 0);
    return true;
}

double adjustment_outcome(const struct adjustment *a, double x, double outcome)
{
    if (!isfinite(x) || !(outcome >= 0 && outcome <= 1)) return NAN;
    double expected = clip(a->mean + a->slope * (x - a->centre), 0, 1);
    return (clip(outcome - expected, a->low, a->high) - a->low) / (a->high - a->low);
}

double adjustment_difference(const struct adjustment *a, double difference)
{
    return difference / (a->high - a->low);
}

double adjustment_offset(const struct adjustment *a)
{
    return -a->low / (a->high - a->low);
}

bool adjustment_tally(const struct adjustment *a, double share, struct tally *ret)
{
    double range = a->high - a->low;
    return tally_begin(ret, share, adjustment_offset(a), fmin(a->variance / (range * range), 0.25));
}
