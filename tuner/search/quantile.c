#include "tuner/search/quantile.h"

#include "surrogate/surrogate.h"

#include <gsl/gsl_sort.h>
#include <math.h>

double quantile_between(const double *sorted, size_t n, double share)
{
    double at = fmin(fmax(share * (double)n - 0.5, 0), (double)n - 1);
    size_t i = (size_t)at;
    return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[i];
}

double quantile_conformal(double *z, size_t n, double coverage)
{
    size_t at = (size_t)ceil(coverage * (double)(n + 1));
    double normal = normal_quantile(0.5 + coverage / 2);
    gsl_sort(z, 1, n);
    return n ? fmax(z[at > n ? n - 1 : at - 1], normal) : normal;
}
