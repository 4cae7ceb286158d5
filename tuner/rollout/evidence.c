#include "tuner/rollout/evidence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double evidence_sum(const double *log_e, size_t n)
{
    double most = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(log_e[i])) return NAN;
        most = fmax(most, log_e[i]);
    }
    if (isinf(most)) return most;
    for (size_t i = 0; i < n; i++) sum += exp(log_e[i] - most);
    return most + log(sum);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool is_closed(const double *log_e, size_t n, size_t i, double limit)
{
    double others[EVIDENCE_MAX], sum = log_e[i];
    size_t m = 0;
    for (size_t k = 0; k < n; k++)
        if (k != i) others[m++] = log_e[k];
    qsort(others, m, sizeof *others, ascending);
    for (size_t k = 0; k <= m; k++) {
        if (!(sum - log((double)k + 1) >= limit)) return false; /* NaN is no evidence */
        if (k < m) sum = evidence_sum((const double[]){sum, others[k]}, 2);
    }
    return true;
}

void evidence_closed(const double *log_e, size_t n, double alpha, bool *ret_rejected)
{
    for (size_t i = 0; i < n; i++) ret_rejected[i] = n <= EVIDENCE_MAX && is_closed(log_e, n, i, -log(alpha));
}

void evidence_listed(const double *log_e, size_t n, double alpha, bool *ret_rejected)
{
    double sorted[EVIDENCE_MAX], limit = INFINITY;
    memset(ret_rejected, 0, n * sizeof *ret_rejected);
    if (n > EVIDENCE_MAX) return;
    for (size_t i = 0; i < n; i++)
        if (isnan(log_e[i])) return;
    memcpy(sorted, log_e, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, ascending);
    for (size_t k = 1; k <= n; k++) /* the k largest are at least n/(k alpha) */
        if (sorted[n - k] >= log((double)n / ((double)k * alpha))) limit = sorted[n - k];
    for (size_t i = 0; i < n; i++) ret_rejected[i] = log_e[i] >= limit;
}
