/* bounded: sums and means that stay finite, whatever finite numbers programs report: 1.7e308 twice is the greatest
 * double, not infinity, which no JSON can say and which compares with nothing. */
#ifndef TUNER_BASE_BOUNDED_H
#define TUNER_BASE_BOUNDED_H

#include <float.h>
#include <math.h>
#include <stddef.h>

static inline double bounded(double v)
{
    return fmin(fmax(v, -DBL_MAX), DBL_MAX);
}

static inline double bounded_sum(double a, double b)
{
    return bounded(a + b);
}

/* The mean of n numbers, of which `v` is the last and `mean` that of the others. */
static inline double bounded_mean(double mean, double v, size_t n)
{
    double step = (v - mean) / (double)n;
    return isfinite(step) ? mean + step : mean - mean / (double)n + v / (double)n;
}

#endif
