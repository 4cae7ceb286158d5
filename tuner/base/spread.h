/* spread: mean and deviation of numbers that come one after another [Welford 1962]. Zero: none has come. */
#ifndef TUNER_BASE_SPREAD_H
#define TUNER_BASE_SPREAD_H

#include <math.h>
#include <stddef.h>

struct spread {
    size_t n;
    double mean, square; /* square: sum of the squared deviations from the mean */
};

/* What is not finite was not measured. */
static inline void spread_join(struct spread *x, double v)
{
    if (!isfinite(v)) return;
    double delta = v - x->mean;
    x->mean += delta / (double)++x->n;
    x->square += delta * (v - x->mean);
}

/* Of the distribution that they come from; NaN: fewer than two have come. */
static inline double spread_variance(const struct spread *x)
{
    return x->n > 1 ? x->square / (double)(x->n - 1) : NAN;
}

#endif
