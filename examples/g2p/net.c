/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void begin_weights(struct model *m, uint64_t *s)
{
    struct layer *l[LAYERS_MAX];
    size_t n = model_layers(m, l);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < l[i]->in; j++)
            for (size_t c = 0; c < l[i]->cols; c++)
                l[i]->w[j * l[i]->out + c] = (float)(l[i]->spread * random_normal(s));
}

/* The columns beside the classes. */
static void never_predict(struct layer *out)
{
    for (size_t c = out->cols; c < out->out; c++) out->bias[c] = -1e9f;
}

struct net net_create(const struct architecture *arch, struct units units, const struct data *d, uint64_t *s)
{
    struct net n = {0};
    model_shape(&n.model, arch, units, (size_t)d->classes);
    model_names(d, n.model.names);
    n.n = model_floats(&n.model);
    n.w = zeroed(n.n, sizeof(float));
    n.grad = zeroed(n.n, sizeof(float));
    n.m = zeroed(n.n, sizeof(float));
    n.v = zeroed(n.n, sizeof(float));
    n.mean = zeroed(n.n, sizeof(float));
    n.workspace = zeroed(1, arch->workspace);
    n.grads = net_model(&n, n.grad);
    model_place(&n.model, n.w);
    begin_weights(&n.model, s);
    never_predict(&n.model.out);
    memcpy(n.mean, n.w, n.n * sizeof(float));
    return n;
}

void net_begin_at(struct net *n, const struct model *m)
{
    memcpy(n->w, m->owned, n->n * sizeof(float));
    never_predict(&n->model.out);
    memcpy(n->mean, n->w, n->n * sizeof(float));
}

void net_done(struct net *n)
{
    free(n->w);
    free(n->grad);
    free(n->m);
    free(n->v);
    free(n->mean);
    free(n->workspace);
}

struct model net_model(const struct net *n, float *weights)
{
    struct model m = n->model;
    model_place(&m, weights);
    return m;
}

/* ---- loss ---- */

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

/* p = softmax(logit / temperature) */
FAST static void soften(const float *restrict logit, float temperature, float *restrict p)
{
    float max = logit[0], sum = 0;
    for (size_t c = 1; c < PAD; c++)
        if (logit[c] > max) max = logit[c];
    for (size_t c = 0; c < PAD; c++) sum += p[c] = expf((logit[c] - max) / temperature);
    for (size_t c = 0; c < PAD; c++) p[c] /= sum;
}

void lesson_begin(const struct lesson *l, const struct word *w, float (*ret_logit)[PAD])
{
    if (l->teacher) model_logits(l->teacher, l->pass, w, ret_logit);
}

/* d/dlogit of T² · KL is T · (p at T − teacher's p at T). */
void lesson_slope(const struct lesson *l, float *logit, size_t target, const float *teacher_logit)
{
    float p[PAD], teacher[PAD];
    if (!l->teacher) {
        softmax_gradient(logit, PAD, target);
        return;
    }
    soften(logit, l->temperature, p);
    soften(teacher_logit, l->temperature, teacher);
    softmax_gradient(logit, PAD, target);
    for (size_t c = 0; c < PAD; c++)
        logit[c] = (1 - l->alpha) * logit[c] + l->alpha * l->temperature * (p[c] - teacher[c]);
}

double lesson_loss(const struct lesson *l, const float *logit, size_t target, const float *teacher_logit)
{
    float p[PAD], teacher[PAD], hard[PAD];
    soften(logit, 1, hard);
    double loss = -log((double)hard[target]), apart = 0;
    if (!l->teacher) return loss;
    soften(logit, l->temperature, p);
    soften(teacher_logit, l->temperature, teacher);
    for (size_t c = 0; c < PAD; c++)
        if (teacher[c] > 0 && p[c] > 0) apart += (double)teacher[c] * log((double)teacher[c] / (double)p[c]);
    return (1 - (double)l->alpha) * loss + (double)(l->alpha * l->temperature * l->temperature) * apart;
}

/* ---- output layer ---- */

enum { LOGIT_LANES = PAD / LANES };

/* Units are the outer loop, so that a row of `out` and of its gradient is loaded once for all letters. The compiler
 * chooses the order of these sums, and figures are recorded: a change here may change their last digits. */
FAST static void output_backward_units(const struct layer *out, const struct layer *grad, struct letter *letter, int n)
{
    for (size_t j = 0; j < out->in; j++) {
        lanes o[LOGIT_LANES], go[LOGIT_LANES], *g = (lanes *)(grad->w + j * PAD);
        unsigned live = 0;
        for (int l = 0; l < n; l++) {
            live |= (unsigned)(letter[l].h[j] > 0) << l;
            letter[l].dh[j] = 0;
        }
        for (int i = 0; i < LOGIT_LANES; i++) o[i] = ((const lanes *)(out->w + j * PAD))[i], go[i] = g[i];
        for (; live; live &= live - 1) {
            struct letter *x = &letter[__builtin_ctz(live)];
            const lanes *d = (const lanes *)x->logit;
            lanes dot = {0};
            for (int i = 0; i < LOGIT_LANES; i++) dot += d[i] * o[i], go[i] += x->h[j] * d[i];
            for (int i = 0; i < LANES; i++) x->dh[j] += dot[i];
        }
        for (int i = 0; i < LOGIT_LANES; i++) g[i] = go[i];
    }
}

void output_backward(const struct layer *out, const struct layer *grad, struct letter *letter, int n)
{
    output_backward_units(out, grad, letter, n);
    for (int l = 0; l < n; l++)
        for (size_t c = 0; c < PAD; c++) grad->bias[c] += letter[l].logit[c];
}

/* ---- a step ---- */

/* Added to a square before its root, which -ffast-math takes by rsqrtps, and that is infinite for what is not quite 0.
 */
static const float NOT_NONE = 1e-30f;

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
        w[i] -= step * m[i] / (sqrtf(v[i] + NOT_NONE) * root + 1e-8f);
        mean[i] = keep * mean[i] + (1 - keep) * w[i];
        g[i] = 0;
    }
}

long net_train(struct net *n, const struct lesson *lesson, const struct word *w, size_t count, double rate)
{
    long letters = n->model.arch->learn(n, lesson, w, count);
    n->steps++;
    n->seen += (double)letters;
    double horizon = fmin(100e3, (double)letters + 0.2 * n->seen); /* short at first, or the start's weights linger */
    adam(n, (float)rate, 1 / (float)letters, (float)exp(-(double)letters / horizon));
    return letters;
}
