#include "tuner/rollout/adjustment.h"

#include <math.h>

static double clip(double x, double low, double high)
{
    return fmin(fmax(x, low), high);
}

static double expected_of(const struct adjustment *a, double x)
{
    return clip(a->mean + a->slope * (x - a->centre), 0, 1);
}

bool adjustment_fit(struct adjustment *a, const struct adjustment_history *h)
{
    double sxx = h->xx - h->x * h->x / h->n, sxy = h->xy - h->x * h->y / h->n, syy = h->yy - h->y * h->y / h->n;
    double slope = sxy / sxx, left = (syy - slope * sxy) / h->n;
    if (!(h->n >= 3 && sxx > 1e-12 * h->xx && syy >= 0 && isfinite(slope) && isfinite(left))) return false;
    *a = (struct adjustment){.mean = h->y / h->n, .slope = slope, .centre = h->x / h->n, .low = -1, .high = 1};
    a->variance = fmax(left, 0);
    a->explained = syy > 0 ? clip(1 - a->variance * h->n / syy, 0, 1) : 0;
    return true;
}

void adjustment_bound(struct adjustment *a, double low, double high)
{
    double one = expected_of(a, low), other = expected_of(a, high);
    a->low = -fmax(one, other);
    a->high = 1 - fmin(one, other);
}

struct adjustment adjustment_none(void)
{
    return (struct adjustment){.high = 1, .variance = 0.25};
}

double adjustment_outcome(const struct adjustment *a, double x, double outcome)
{
    if (!isfinite(x) || !(outcome >= 0 && outcome <= 1)) return NAN;
    return (clip(outcome - expected_of(a, x), a->low, a->high) - a->low) / (a->high - a->low);
}

double adjustment_difference(const struct adjustment *a, double difference)
{
    return difference / (a->high - a->low);
}

double adjustment_difference_back(const struct adjustment *a, double difference)
{
    return difference * (a->high - a->low);
}

double adjustment_mean_back(const struct adjustment *a, double mean)
{
    return a->mean + a->low + mean * (a->high - a->low);
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
