/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit.h"

#include "architecture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct fit fit_create(struct layer *l)
{
    size_t n = l->in + l->has_bias;
    return (struct fit){
        .layer = l, .n = n, .gram = zeroed(n * n, sizeof(double)), .inverse = zeroed(n * n, sizeof(double))};
}

void fit_done(struct fit *f)
{
    free(f->gram);
    free(f->inverse);
}

FAST void fit_add(struct fit *f, const float *x)
{
    size_t last = f->n - 1;
    for (size_t j = 0; j < last; j++) {
        if (x[j] <= 0) continue;
        double *restrict g = f->gram + j * f->n;
        for (size_t k = 0; k < last; k++) g[k] += (double)(x[j] * (x[k] > 0 ? x[k] : 0));
        g[last] += (double)x[j];
        f->gram[last * f->n + j] += (double)x[j];
    }
    f->gram[last * f->n + last] += 1;
}

void fit_add_rows(struct fit *f, const size_t *row, int n)
{
    size_t at[ROWS_MAX + 1];
    for (int k = 0; k < n; k++) at[k] = row[k] / f->layer->out;
    if (f->layer->has_bias) at[n++] = f->n - 1;
    for (int j = 0; j < n; j++)
        for (int k = 0; k < n; k++) f->gram[at[j] * f->n + at[k]] += 1;
}

void fit_set(struct fit *f, size_t j, double square)
{
    f->gram[j * f->n + j] = square;
}

/* Gauss-Jordan on G with a hundredth of its mean diagonal added: pivots stay positive, and what is seldom seen is not
 * made up for. */
FAST void fit_solve(struct fit *f)
{
    size_t n = f->n;
    double *a = f->inverse, mean = 0;
    memcpy(a, f->gram, n * n * sizeof *a);
    for (size_t j = 0; j < n; j++) mean += a[j * n + j] / (double)n;
    for (size_t j = 0; j < n; j++) a[j * n + j] += 0.01 * mean + 1e-12;
    for (size_t j = 0; j < n; j++) {
        double *restrict pivot = a + j * n, by = 1 / pivot[j];
        for (size_t k = 0; k < n; k++) pivot[k] *= by;
        pivot[j] = by;
        for (size_t i = 0; i < n; i++) {
            double *restrict row = a + i * n, times = row[j];
            if (i == j || times == 0) continue;
            row[j] = 0;
            for (size_t k = 0; k < n; k++) row[k] -= times * pivot[k];
        }
    }
}

static float *row_of(const struct fit *f, size_t j)
{
    return j < f->layer->in ? f->layer->w + j * f->layer->out : f->layer->bias;
}

double fit_cost(const struct fit *f, size_t j)
{
    const float *w = row_of(f, j);
    double squares = 0;
    for (size_t c = 0; c < f->layer->cols; c++) squares += (double)w[c] * (double)w[c];
    return squares / f->inverse[j * f->n + j];
}

FAST static void subtract(float *restrict w, const float *restrict d, float times, size_t n)
{
    for (size_t c = 0; c < n; c++) w[c] -= times * d[c];
}

FAST static void subtract_doubles(double *restrict w, const double *restrict d, double times, size_t n)
{
    for (size_t c = 0; c < n; c++) w[c] -= times * d[c];
}

void fit_settle(struct fit *f, size_t j, const float *value)
{
    size_t n = f->n, cols = f->layer->cols;
    float *w = row_of(f, j), *apart = zeroed(cols, sizeof *apart);
    const double *column = f->inverse + j * n; /* it is symmetric */
    for (size_t c = 0; c < cols; c++) apart[c] = w[c] - value[c];
    memcpy(w, value, cols * sizeof *w);
    for (size_t i = 0; i < n; i++) {
        double times = column[i] / column[j];
        if (i == j || times == 0) continue;
        subtract(row_of(f, i), apart, (float)times, cols);
        subtract_doubles(f->inverse + i * n, column, times, n);
        f->inverse[i * n + j] = 0;
    }
    for (size_t i = 0; i < n; i++) f->inverse[j * n + i] = f->inverse[i * n + j] = i == j;
    free(apart);
}
