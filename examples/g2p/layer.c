/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "layer.h"

#include "words.h"

#include <string.h>

enum { PART = 8 /* vectors that stay in registers, whatever their width */, ON_MAX = 5 * HIDDEN_MAX };

/* `n` is a constant where this is inlined. */
static inline __attribute__((always_inline)) void add_rows(const struct layer *l, const size_t *row, const int n,
                                                           const float *start, float *restrict sum)
{
    const float *restrict w = l->w;
    size_t out = l->out;
    for (size_t j = 0; j < out; j += LANES) {
        lanes s = *(const lanes *)(start + j);
        for (int k = 0; k < n; k++) s += *(const lanes *)(w + row[k] + j);
        *(lanes *)(sum + j) = s;
    }
}

FAST void layer_add_rows(const struct layer *l, const size_t *row, int n, const float *start, float *sum)
{
    switch (n) {
    case 13: add_rows(l, row, 13, start, sum); return;
    case 5: add_rows(l, row, 5, start, sum); return;
    case 2: add_rows(l, row, 2, start, sum); return;
    }
    add_rows(l, row, n, start, sum);
}

/* ---- multiplying ---- */

/* Inputs that are on, so that the loops over them need no unpredictable branch. */
struct on {
    size_t n;
    unsigned short at[ON_MAX + 1];
};

/* `v` is a constant where this is inlined: the sums are in registers. */
static inline __attribute__((always_inline)) void multiply_part(const struct layer *l, const float *restrict x,
                                                                const struct on *on, size_t part, float *restrict y,
                                                                const int v)
{
    lanes sum[PART];
    for (int i = 0; i < v; i++) sum[i] = ((const lanes *)(l->bias + part))[i];
    for (size_t k = 0; k < on->n; k++) {
        const lanes *o = (const lanes *)(l->w + (size_t)on->at[k] * l->out + part);
        for (int i = 0; i < v; i++) sum[i] += x[on->at[k]] * o[i];
    }
    for (int i = 0; i < v; i++) ((lanes *)(y + part))[i] = sum[i];
}

FAST void layer_multiply(const struct layer *l, const float *x, float *y)
{
    struct on on;
    size_t n = 0;
    for (size_t j = 0; j < l->in; j++) {
        on.at[n] = (unsigned short)j;
        n += x[j] > 0;
    }
    on.n = n;
    size_t part = 0, end = (l->cols + LANES - 1) / LANES * LANES;
    for (; part + 5 * LANES <= end; part += 5 * LANES) multiply_part(l, x, &on, part, y, 5);
    for (; part + 4 * LANES <= end; part += 4 * LANES) multiply_part(l, x, &on, part, y, 4);
    for (; part < end; part += LANES) multiply_part(l, x, &on, part, y, 1);
    for (; part < l->out; part++) y[part] = l->bias[part];
}

/* ---- backward ---- */

/* `v` is a constant where this is inlined. */
static inline __attribute__((always_inline)) void backward_part(const struct layer *l, float *grad,
                                                                const struct inputs *in, size_t part, const int v)
{
    for (size_t j = 0; j < l->in; j++) {
        lanes o[PART], go[PART], *g = (lanes *)(grad + j * l->out + part);
        uint64_t live = 0;
        for (size_t k = 0; k < in->n; k++) live |= (uint64_t)(in->x[k * in->x_step + j] > 0) << k;
        for (int i = 0; i < v; i++) o[i] = ((const lanes *)(l->w + j * l->out + part))[i], go[i] = g[i];
        for (; live; live &= live - 1) {
            size_t k = (size_t)__builtin_ctzll(live);
            const lanes *d = (const lanes *)(in->dy + k * in->dy_step + part);
            float x = in->x[k * in->x_step + j], *dx = &in->dx[k * in->x_step + j];
            lanes dot = {0};
            for (int i = 0; i < v; i++) dot += d[i] * o[i], go[i] += x * d[i];
            for (int i = 0; i < LANES; i++) *dx += dot[i];
        }
        for (int i = 0; i < v; i++) g[i] = go[i];
    }
}

FAST void layer_backward(const struct layer *l, float *grad, const struct inputs *inputs)
{
    size_t part = 0;
    for (; part + PART * LANES <= l->out; part += PART * LANES) backward_part(l, grad, inputs, part, PART);
    for (; part < l->out; part += 2 * LANES) backward_part(l, grad, inputs, part, 2);
}

FAST void layer_backward_rows(const struct layer *grad, const size_t *row, int n, const float *d)
{
    for (size_t j = 0; j < grad->out; j += LANES) {
        lanes v = *(const lanes *)(d + j);
        if (grad->has_bias) *(lanes *)(grad->bias + j) += v;
        for (int k = 0; k < n; k++) *(lanes *)(grad->w + row[k] + j) += v;
    }
}
