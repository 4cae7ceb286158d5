/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compress.h"

#include "architecture.h"
#include "fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_SEEN = 3000, FIT_MAX = 3000 /* inputs: a fit takes their third power */ };

/* ---- what layers are given ---- */

/* Units that one layer makes and the next one takes, `taps` times. */
struct joint {
    struct layer *from, *also; /* also: added to the same units; NULL: none */
    struct layer *to;
    size_t taps;
};

static size_t joints_of(struct model *m, struct joint ret[2])
{
    size_t n = 0;
    if (m->conv.in) ret[n++] = (struct joint){&m->letters, NULL, &m->conv, m->arch->taps};
    ret[n++] =
        m->conv.in ? (struct joint){&m->conv, &m->chunks, &m->out, 1} : (struct joint){&m->letters, NULL, &m->out, 1};
    return n;
}

/* What the layer is given for letter i. */
static void look_at_letter(struct model *m, struct pass *p, struct fit *f, const struct word *w, int i)
{
    size_t row[ROWS_MAX];
    int prev[2] = {i > 0 ? w->chunk[i - 1] : -1, i > 1 ? w->chunk[i - 2] : -1};
    if (f->layer == &m->letters) {
        fit_add_rows(f, row, m->arch->rows(m, w, i, prev, row));
    } else if (f->layer == &m->chunks) {
        rows_of_chunks(m, prev, m->chunks.out, row);
        fit_add_rows(f, row, 2);
    } else {
        m->arch->letter(m, p, w, i, prev);
        fit_add(f, f->layer == &m->out ? p->h : p->a + (size_t)i * m->letters.out);
    }
}

static void look_at_words(struct model *m, struct fit *f, const struct words *ws)
{
    struct pass *p = pass_create(m);
    for (size_t k = 0; k < ws->n && k < WORDS_SEEN; k++) {
        if (m->arch->begin) m->arch->begin(m, p, &ws->word[k]);
        for (int i = 0; i < ws->word[k].len; i++) look_at_letter(m, p, f, &ws->word[k], i);
    }
    free(p);
}

/* Without words: a unit is as large as its weights. */
static void look_at_weights(struct fit *f, const struct joint *j)
{
    size_t units = j->from->out;
    for (size_t i = 0; i < j->to->in; i++) {
        double squares = 1e-12;
        for (size_t r = 0; r < j->from->in; r++) squares += pow((double)j->from->w[r * units + i % units], 2);
        for (size_t r = 0; j->also && r < j->also->in; r++)
            squares += pow((double)j->also->w[r * units + i % units], 2);
        fit_set(f, i, squares);
    }
    fit_set(f, f->n - 1, 1);
}

/* Of a layer of m. j: what it is given comes from there; NULL: from no layer. */
static struct fit fit_of(struct model *m, struct layer *l, const struct joint *j, const struct words *ws)
{
    struct fit f = fit_create(l);
    if (ws && f.n <= FIT_MAX)
        look_at_words(m, &f, ws);
    else if (j)
        look_at_weights(&f, j);
    fit_solve(&f);
    return f;
}

/* ---- taking units out ---- */

/* The units that stay, in their order. */
struct kept {
    size_t n, at[HIDDEN_MAX];
};

static double cost_of_unit(const struct fit *f, const struct joint *j, size_t unit)
{
    double cost = 0;
    for (size_t t = 0; t < j->taps; t++) cost += fit_cost(f, t * j->from->out + unit);
    return cost;
}

/* Takes the cheapest unit out of `kept`, and sets its weights to 0. */
static void drop_cheapest(struct fit *f, const struct joint *j, struct kept *kept)
{
    static const float none[HIDDEN_MAX];
    size_t cheapest = 0;
    double least = INFINITY;
    for (size_t i = 0; i < kept->n; i++) {
        double cost = cost_of_unit(f, j, kept->at[i]);
        if (i == 0 || cost < least) least = cost, cheapest = i;
    }
    for (size_t t = 0; t < j->taps; t++) fit_settle(f, t * j->from->out + kept->at[cheapest], none);
    memmove(&kept->at[cheapest], &kept->at[cheapest + 1], (--kept->n - cheapest) * sizeof kept->at[0]);
}

static struct kept all_units(size_t n)
{
    struct kept k = {.n = n};
    for (size_t i = 0; i < n; i++) k.at[i] = i;
    return k;
}

/* rows: of each tap; NULL: all. cols: NULL: all. */
static void copy_layer(const struct layer *from, struct layer *to, const struct kept *rows, const struct kept *cols)
{
    for (size_t j = 0; j <= to->in; j++) {
        size_t taps = rows ? to->in / rows->n : 1, units = from->in / taps;
        size_t at = rows && j < to->in ? j / rows->n * units + rows->at[j % rows->n] : j;
        const float *w = j < to->in ? from->w + at * from->out : from->bias;
        float *copy = j < to->in ? to->w + j * to->out : to->bias;
        for (size_t c = 0; c < to->cols && (j < to->in || to->has_bias); c++) copy[c] = w[cols ? cols->at[c] : c];
    }
}

/* A copy of m with only those units. */
static struct model copy_model(const struct model *m, const struct kept *first, const struct kept *second)
{
    struct model copy;
    struct units u = {first->n, m->conv.in ? second->n : 0};
    model_shape(&copy, m->arch, u, m->classes);
    memcpy(copy.names, m->names, sizeof copy.names);
    model_allocate(&copy, 32);
    copy_layer(&m->letters, &copy.letters, NULL, first);
    if (m->conv.in) copy_layer(&m->conv, &copy.conv, first, second);
    if (m->chunks.in) copy_layer(&m->chunks, &copy.chunks, NULL, second);
    copy_layer(&m->out, &copy.out, m->conv.in ? second : first, NULL);
    return copy;
}

static size_t units_left(size_t n, double sparsity)
{
    size_t left = (size_t)lrint((1 - sparsity) * (double)n / UNITS_STEP) * UNITS_STEP;
    return left < UNITS_STEP ? UNITS_STEP : left;
}

static void prune(struct model *m, const struct compression *c)
{
    struct units u = model_units(m);
    struct kept kept[2] = {all_units(u.first), all_units(u.second)};
    struct joint joint[2];
    size_t n = joints_of(m, joint);
    for (size_t i = 0; i < n; i++) {
        struct fit f = fit_of(m, joint[i].to, &joint[i], c->words);
        size_t left = units_left(joint[i].from->out, c->sparsity);
        while (kept[i].n > left) drop_cheapest(&f, &joint[i], &kept[i]);
        fit_done(&f);
    }
    struct model small = copy_model(m, &kept[0], &kept[1]);
    model_done(m);
    *m = small;
}

/* ---- integers ---- */

static float largest(const float *w, size_t n)
{
    float top = 0;
    for (size_t j = 0; j < n; j++) top = fmaxf(top, fabsf(w[j]));
    return top;
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float percentile(const float *w, size_t n)
{
    float *size = zeroed(n, sizeof *size);
    for (size_t j = 0; j < n; j++) size[j] = fabsf(w[j]);
    qsort(size, n, sizeof *size, compare);
    float found = size[(n - 1) * 99 / 100];
    free(size);
    return found;
}

static int8_t rounded(float w, float scale, int max)
{
    return (int8_t)fmaxf(fminf(rintf(w / scale), (float)max), (float)-max);
}

static float least_squares(const float *w, size_t n, int max)
{
    float top = largest(w, n), best = top;
    double least = INFINITY;
    for (float share = 1; share > 0.2f; share -= 0.02f) {
        float scale = share * top / (float)max;
        double error = 0;
        for (size_t j = 0; j < n && scale > 0; j++)
            error += pow((double)(w[j] - (float)rounded(w[j], scale, max) * scale), 2);
        if (share == 1 || error < least) least = error, best = share * top;
    }
    return best;
}

/* Of one column. */
static float scale_of(const float *w, size_t n, int max, enum calibration calibration)
{
    float top = 0;
    switch (calibration) {
    case CALIBRATION_MAX: top = largest(w, n); break;
    case CALIBRATION_PERCENTILE: top = percentile(w, n); break;
    case CALIBRATION_MSE: top = least_squares(w, n, max); break;
    }
    return top > 0 ? top / (float)max : 1;
}

static void choose_scales(const struct layer *l, struct layer *to, enum calibration calibration)
{
    float *column = zeroed(l->in, sizeof *column);
    for (size_t c = 0; c < l->cols; c++) {
        for (size_t j = 0; j < l->in; j++) column[j] = l->w[j * l->out + c];
        to->scale[c] = scale_of(column, l->in, to->bits == 4 ? 7 : 127, calibration);
    }
    free(column);
}

/* Rounds the layer of the fit, too, which makes up for it as far as it can. */
static void round_layer(struct fit *f, struct layer *to, enum calibration calibration)
{
    struct layer *l = f->layer;
    float value[HIDDEN_MAX];
    int max = to->bits == 4 ? 7 : 127;
    choose_scales(l, to, calibration);
    for (size_t j = 0; j < l->in; j++) {
        const float *w = l->w + j * l->out;
        for (size_t c = 0; c < l->cols; c++) {
            to->q[j * to->out + c] = rounded(w[c], to->scale[c], max);
            value[c] = to->scale[c] * (float)to->q[j * to->out + c];
        }
        fit_settle(f, j, value);
    }
    if (l->has_bias) memcpy(to->bias, l->bias, l->cols * sizeof *l->bias);
    fit_done(f);
}

/* The same network, whose units of the first layer are counted in its scales: their sums are integers then, and go into
 * the next layer as they are. */
static void fold(const struct joint *j, struct layer *letters)
{
    size_t units = j->from->out;
    for (size_t i = 0; i < j->to->in; i++)
        for (size_t c = 0; c < j->to->cols; c++) j->to->w[i * j->to->out + c] *= letters->scale[i % units];
    for (size_t u = 0; u < units; u++) {
        for (size_t r = 0; r < j->from->in; r++) j->from->w[r * units + u] = (float)letters->q[r * units + u];
        j->from->bias[u] = letters->bias[u] /= letters->scale[u];
        letters->scale[u] = 1;
    }
}

static void make_integers(struct model *m, const struct compression *c)
{
    struct model small;
    struct joint joint[2];
    size_t n = joints_of(m, joint);
    model_shape(&small, m->arch, model_units(m), m->classes);
    memcpy(small.names, m->names, sizeof small.names);
    model_allocate(&small, c->bits);
    struct fit f = fit_of(m, &m->letters, NULL, c->words);
    round_layer(&f, &small.letters, c->calibration);
    fold(&joint[0], &small.letters);
    if (m->chunks.in) {
        f = fit_of(m, &m->chunks, NULL, c->words);
        round_layer(&f, &small.chunks, c->calibration);
    }
    for (size_t i = 0; i < n; i++) {
        f = fit_of(m, joint[i].to, &joint[i], c->words);
        round_layer(&f, joint[i].to == &m->out ? &small.out : &small.conv, c->calibration);
    }
    model_done(m);
    *m = small;
}

void compress(struct model *m, const struct compression *c)
{
    if (c->sparsity > 0) prune(m, c);
    if (c->bits != 32) make_integers(m, c);
}
