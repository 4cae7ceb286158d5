#include "surrogate/feasibility.h"

#include <math.h>

double feasibility_z(const struct acquisition_bound *b, const struct moment *m)
{
    double z = (m[b->output].mean - b->bound) / sqrt(m[b->output].variance);
    return b->at_least ? z : -z;
}

double feasibility_log(const struct acquisition *a, const struct moment *m, int but, struct slope *d)
{
    double sum = 0;
    for (size_t c = 0; c < a->n_bounds; c++) {
        if ((int)c == but) continue;
        const struct acquisition_bound *b = &a->bound[c];
        double t = feasibility_z(b, m), log_cdf = normal_log_cdf(t), v = m[b->output].variance;
        sum += log_cdf;
        if (!d) continue;
        double slope = exp(normal_log_pdf(t) - log_cdf);
        d[b->output].mean += slope * (b->at_least ? 1 : -1) / sqrt(v);
        d[b->output].variance -= slope * t / (2 * v);
    }
    return sum;
}

bool feasibility_in_draw(const struct acquisition *a, gsl_matrix *const *f, size_t i, size_t s)
{
    for (size_t c = 0; c < a->n_bounds; c++) {
        double v = gsl_matrix_get(f[a->bound[c].output], i, s);
        if (a->bound[c].at_least ? v < a->bound[c].bound : v > a->bound[c].bound) return false;
    }
    return true;
}
