/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One binary: the loader picks the clone that the processor can run. x86-64-v3 is AVX2 and FMA, of any maker (a clone
 * for "haswell" would be taken on Intel alone); AVX-512 is no faster here. Without AVX2 it takes four times as long. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define FAST __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define FAST
#endif

enum {
    SIDE = 5,
    WINDOW = 2 * SIDE + 1,
    PAD = CLASSES_MAX, /* floats in a vector of logits */
    LANES = 8,
    LOGIT_LANES = PAD / LANES,
    BLOCK = 16,        /* letters whose gradients are added together */
    ROWS = WINDOW + 2, /* embedding rows that are summed for one letter */
};

/* One 256-bit register, or two narrower ones: the compiler splits it. All vectors here are 64-byte aligned. */
typedef float lanes __attribute__((vector_size(4 * LANES), may_alias));

/* What one letter needs between its forward and its backward pass. */
struct letter {
    size_t row[ROWS];
    _Alignas(64) float h[HIDDEN_MAX], dh[HIDDEN_MAX], logit[PAD];
};

struct block {
    int n;
    struct letter letter[BLOCK];
};

struct net net_create(size_t H, int classes, uint64_t *s)
{
    struct net n = {
        .H = H,
        .classes = (size_t)classes,
    };
    size_t rows = WINDOW * SYMBOLS + 2 * ((size_t)classes + 1);
    n.at_bias = rows * H;
    n.at_out = n.at_bias + H;
    n.at_out_bias = n.at_out + H * PAD;
    n.n = n.at_out_bias + PAD;
    n.w = zeroed(n.n, sizeof(float));
    n.grad = zeroed(n.n, sizeof(float));
    n.m = zeroed(n.n, sizeof(float));
    n.v = zeroed(n.n, sizeof(float));
    n.mean = zeroed(n.n, sizeof(float));
    for (size_t i = 0; i < n.at_bias; i++) n.w[i] = (float)(sqrt(2.0 / ROWS) * random_normal(s));
    for (size_t j = 0; j < H; j++)
        for (size_t c = 0; c < n.classes; c++)
            n.w[n.at_out + j * PAD + c] = (float)(sqrt(1.0 / (double)H) * random_normal(s));
    for (size_t c = n.classes; c < PAD; c++) n.w[n.at_out_bias + c] = -1e9f; /* never predicted */
    memcpy(n.mean, n.w, n.n * sizeof(float));
    return n;
}

void net_done(struct net *n)
{
    free(n->w);
    free(n->grad);
    free(n->m);
    free(n->v);
    free(n->mean);
}

/* Offsets of the embedding rows for letter i; prev1, prev2 are chunks, or -1 before the word. */
static void rows_of(const struct net *n, const struct word *w, int i, int prev1, int prev2, size_t row[ROWS])
{
    for (int k = 0; k < WINDOW; k++) {
        int at = i + k - SIDE;
        size_t symbol = at >= 0 && at < w->len ? w->letter[at] : 0;
        row[k] = ((size_t)k * SYMBOLS + symbol) * n->H;
    }
    size_t base = WINDOW * SYMBOLS;
    row[WINDOW] = (base + (size_t)(prev1 + 1)) * n->H;
    row[WINDOW + 1] = (base + n->classes + 1 + (size_t)(prev2 + 1)) * n->H;
}

/* h = ReLU(Σ rows + bias); logits = h · out + bias. Lists the units that are on, so that
 * the loops over them need no unpredictable branch; returns how many there are. */
FAST static size_t forward(const struct net *n, const float *restrict w, const size_t row[ROWS], float *restrict h,
                           unsigned short *restrict on, float *restrict logit)
{
    size_t H = n->H, n_on = 0;
    const float *bias = w + n->at_bias, *out = w + n->at_out, *out_bias = w + n->at_out_bias;
    for (size_t j = 0; j < H; j += LANES) {
        lanes sum = *(const lanes *)(bias + j);
        for (int k = 0; k < ROWS; k++) sum += *(const lanes *)(w + row[k] + j);
        *(lanes *)(h + j) = sum;
    }
    for (size_t j = 0; j < H; j++) {
        on[n_on] = (unsigned short)j;
        n_on += h[j] > 0;
    }
    for (size_t part = 0; part < PAD; part += PAD / 2) {
        lanes sum[LOGIT_LANES / 2]; /* half of the logits at a time: they stay in registers, whatever their width */
        for (int i = 0; i < LOGIT_LANES / 2; i++) sum[i] = ((const lanes *)(out_bias + part))[i];
        for (size_t k = 0; k < n_on; k++) {
            const lanes *o = (const lanes *)(out + (size_t)on[k] * PAD + part);
            for (int i = 0; i < LOGIT_LANES / 2; i++) sum[i] += h[on[k]] * o[i];
        }
        for (int i = 0; i < LOGIT_LANES / 2; i++) ((lanes *)(logit + part))[i] = sum[i];
    }
    return n_on;
}

/* Turns logits into d(−log p[target])/dlogit. */
FAST static void softmax_gradient(float *restrict logit, size_t n, size_t target)
{
    float max = logit[0], sum = 0;
    for (size_t c = 1; c < n; c++)
        if (logit[c] > max) max = logit[c];
    for (size_t c = 0; c < n; c++) sum += logit[c] = expf(logit[c] - max);
    for (size_t c = 0; c < n; c++) logit[c] /= sum;
    logit[target] -= 1;
}

/* Adds the gradient of the letters of one block. Units are the outer loop, so that a row
 * of `out` and of its gradient is loaded once for the whole block. */
FAST static void backward(struct net *n, struct block *b)
{
    size_t H = n->H;
    float *g = n->grad;
    for (size_t j = 0; j < H; j++) {
        lanes o[LOGIT_LANES], go[LOGIT_LANES], *grad = (lanes *)(g + n->at_out + j * PAD);
        unsigned live = 0;
        for (int l = 0; l < b->n; l++) {
            live |= (unsigned)(b->letter[l].h[j] > 0) << l;
            b->letter[l].dh[j] = 0;
        }
        for (int i = 0; i < LOGIT_LANES; i++) o[i] = ((const lanes *)(n->w + n->at_out + j * PAD))[i], go[i] = grad[i];
        for (; live; live &= live - 1) {
            struct letter *x = &b->letter[__builtin_ctz(live)];
            const lanes *d = (const lanes *)x->logit;
            lanes dot = {0};
            for (int i = 0; i < LOGIT_LANES; i++) dot += d[i] * o[i], go[i] += x->h[j] * d[i];
            for (int i = 0; i < LANES; i++) x->dh[j] += dot[i];
        }
        for (int i = 0; i < LOGIT_LANES; i++) grad[i] = go[i];
    }
    for (int l = 0; l < b->n; l++) {
        const struct letter *x = &b->letter[l];
        for (int i = 0; i < LOGIT_LANES; i++) ((lanes *)(g + n->at_out_bias))[i] += ((const lanes *)x->logit)[i];
        for (size_t j = 0; j < H; j += LANES) {
            lanes d = *(const lanes *)(x->dh + j);
            *(lanes *)(g + n->at_bias + j) += d;
            for (int k = 0; k < ROWS; k++) *(lanes *)(g + x->row[k] + j) += d;
        }
    }
}

/* One Adam step (Kingma & Ba 2015) with the gradient scaled by 1/letters, then the moving average. */
FAST static void adam(struct net *n, float rate, float scale, float keep)
{
    float *restrict w = n->w, *restrict g = n->grad, *restrict m = n->m, *restrict v = n->v, *restrict mean = n->mean;
    float c1 = 1 - powf(0.9f, (float)n->steps), c2 = 1 - powf(0.999f, (float)n->steps);
    float step = rate / c1, root = 1 / sqrtf(c2);
    for (size_t i = 0; i < n->n; i++) {
        float d = g[i] * scale;
        m[i] = 0.9f * m[i] + 0.1f * d;
        v[i] = 0.999f * v[i] + 0.001f * d * d;
        w[i] -= step * m[i] / (sqrtf(v[i]) * root + 1e-8f);
        mean[i] = keep * mean[i] + (1 - keep) * w[i];
        g[i] = 0;
    }
}

long train_batch(struct net *n, struct block *b, const struct word *w, size_t count, double rate)
{
    unsigned short on[HIDDEN_MAX + 1];
    long letters = 0;
    b->n = 0;
    for (size_t k = 0; k < count; k++)
        for (int i = 0; i < w[k].len; i++, letters++) {
            struct letter *x = &b->letter[b->n++];
            rows_of(n, &w[k], i, i > 0 ? w[k].chunk[i - 1] : -1, i > 1 ? w[k].chunk[i - 2] : -1, x->row);
            forward(n, n->w, x->row, x->h, on, x->logit);
            softmax_gradient(x->logit, PAD, w[k].chunk[i]);
            if (b->n == BLOCK) backward(n, b), b->n = 0;
        }
    backward(n, b);
    n->steps++;
    n->seen += (double)letters;
    double horizon = fmin(100e3, (double)letters + 0.2 * n->seen); /* short at first, or the start's weights linger */
    adam(n, (float)rate, 1 / (float)letters, (float)exp(-(double)letters / horizon));
    return letters;
}

/* Greedy decoding; true if the phones equal one of the word's pronunciations. */
static bool decodes(const struct net *n, const float *weights, const struct data *d, const struct word *w)
{
    _Alignas(64) float h[HIDDEN_MAX], logit[CLASSES_MAX];
    unsigned short on[HIDDEN_MAX + 1];
    size_t row[ROWS];
    char text[16 * WORD_MAX + 2] = "|";
    size_t at = 1;
    int prev1 = -1, prev2 = -1;
    for (int i = 0; i < w->len; i++) {
        rows_of(n, w, i, prev1, prev2, row);
        forward(n, weights, row, h, on, logit);
        int best = 0;
        for (int c = 1; c < (int)n->classes; c++)
            if (logit[c] > logit[best]) best = c;
        prev2 = prev1, prev1 = best;
        if (strcmp(d->class_name[best], "_") != 0)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", at > 1 ? "+" : "", d->class_name[best]);
    }
    if (at + 2 > sizeof text) return false;
    strcpy(text + at, "|");
    return strstr(w->prons, text) != NULL;
}

double exact_match(const struct net *n, const float *weights, const struct data *d, const struct words *ws)
{
    size_t right = 0;
    for (size_t i = 0; i < ws->n; i++) right += decodes(n, weights, d, &ws->word[i]);
    return (double)right / (double)ws->n;
}

struct block *block_create(void)
{
    return zeroed(1, sizeof(struct block));
}
