/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conv: two convolutions over the letters of the word, five letters wide, so that each letter sees ±4; embeddings of
 * the two chunks predicted before are added to the second one's units before their ReLU; softmax over chunks.
 *
 *     a[i] = bias + Σ_{k = −2..2} letters[k][letter i + k]              first
 *     c[i] = bias + Σ_{k = −2..2} ReLU(a[i + k]) · conv[k]             second; a is 0 beyond the word
 *     h[i] = c[i] + chunks[0][chunk i − 1] + chunks[1][chunk i − 2]    second
 *     logits = bias + ReLU(h[i]) · out
 *
 * Only h and the logits wait for the outputs before them: a and c are made for the whole word at once. */
#include "net.h"

#include <math.h>
#include <string.h>

static void shape(struct model *m, struct units u)
{
    size_t inputs = TAPS * u.first;
    m->letters = (struct layer){
        .in = TAPS * SYMBOLS, .out = u.first, .cols = u.first, .has_bias = true, .spread = sqrt(2.0 / TAPS)};
    m->conv = (struct layer){
        .in = inputs, .out = u.second, .cols = u.second, .has_bias = true, .spread = sqrt(2.0 / (double)inputs)};
    m->chunks = (struct layer){.in = 2 * (m->classes + 1), .out = u.second, .cols = u.second, .spread = 0.5};
    m->out = (struct layer){
        .in = u.second, .out = PAD, .cols = m->classes, .has_bias = true, .spread = sqrt(1.0 / (double)u.second)};
}

static int rows_of(const struct model *m, const struct word *w, int i, const int prev[2], size_t *row)
{
    (void)prev;
    rows_of_letters(w, i, REACH, m->letters.out, row);
    return TAPS;
}

/* c_step: floats from one letter's to the next one's. */
static void begin_floats(const struct model *m, const struct word *w, float *a, float *c, size_t c_step)
{
    size_t first = m->letters.out, row[TAPS];
    for (int i = 0; i < w->len; i++) {
        rows_of_letters(w, i, REACH, first, row);
        layer_add_rows(&m->letters, row, TAPS, m->letters.bias, a + (size_t)(i + REACH) * first);
    }
    memset(a + (size_t)(w->len + REACH) * first, 0, REACH * first * sizeof *a); /* a longer word was there */
    for (int i = 0; i < w->len; i++) layer_multiply(&m->conv, a + (size_t)i * first, c + (size_t)i * c_step);
}

static void begin_integers(const struct model *m, struct pass *p, const struct word *w)
{
    size_t first = m->letters.out, row[TAPS], n = w->len;
    for (int i = 0; i < w->len; i++) {
        rows_of_letters(w, i, REACH, first, row);
        m->kernels->add_rows(&m->letters, row, TAPS, p->sum + (size_t)i * first);
    }
    float unit = squeeze_integers(p->sum, n * first, layer_input_max(&m->conv), p->x + REACH * first);
    memset(p->x + (n + REACH) * first, 0, REACH * first);
    for (size_t i = 0; i < n; i += TOGETHER) {
        size_t left = n - i < TOGETHER ? n - i : TOGETHER;
        m->kernels->multiply(&m->conv, p->x + i * first, first, left, p->acc);
        for (size_t k = 0; k < left; k++)
            layer_scale(&m->conv, p->acc + k * m->conv.out, unit, p->c + (i + k) * m->conv.out);
    }
}

static void begin(const struct model *m, struct pass *p, const struct word *w)
{
    if (m->bits == 32)
        begin_floats(m, w, p->a, p->c, m->conv.out);
    else
        begin_integers(m, p, w);
}

/* h = c + chunks; the row's scale makes floats of it */
FAST static void add_scaled(const struct layer *chunks, const int16_t *sum, const float *c, float *h)
{
    for (size_t j = 0; j < chunks->out; j++) h[j] = c[j] + chunks->scale[j] * (float)sum[j];
}

static void letter(const struct model *m, struct pass *p, const struct word *w, int i, const int prev[2])
{
    (void)w;
    size_t second = m->conv.out, row[2];
    const float *c = p->c + (size_t)i * second;
    rows_of_chunks(m, prev, second, row);
    if (m->bits == 32) {
        layer_add_rows(&m->chunks, row, 2, c, p->h);
        layer_multiply(&m->out, p->h, p->logit);
        return;
    }
    m->kernels->add_rows(&m->chunks, row, 2, p->sum);
    add_scaled(&m->chunks, p->sum, c, p->h);
    uint8_t *x = p->x + REACH * m->letters.out; /* what lies before stays 0: the left end of words */
    float unit = squeeze_floats(p->h, second, layer_input_max(&m->out), x);
    m->kernels->multiply(&m->out, x, 0, 1, p->acc);
    layer_scale(&m->out, p->acc, unit, p->logit);
}

/* ---- training ---- */

/* One word between its forward and its backward pass. a and da have rows of as many floats as there are units. */
struct seen {
    _Alignas(64) float a[(WORD_MAX + 2 * REACH) * HIDDEN_MAX], da[(WORD_MAX + 2 * REACH) * HIDDEN_MAX];
    float teacher[WORD_MAX][PAD];
    struct letter letter[WORD_MAX];
};

static const size_t STEP = sizeof(struct letter) / sizeof(float);

static void forward(const struct model *m, const struct lesson *lesson, const struct word *w, struct seen *s)
{
    begin_floats(m, w, s->a, s->letter->h, STEP);
    lesson_begin(lesson, w, s->teacher);
    for (int i = 0; i < w->len; i++) {
        struct letter *x = &s->letter[i];
        int prev[2] = {i > 0 ? w->chunk[i - 1] : -1, i > 1 ? w->chunk[i - 2] : -1};
        rows_of_chunks(m, prev, m->chunks.out, x->row);
        layer_add_rows(&m->chunks, x->row, 2, x->h, x->h);
        layer_multiply(&m->out, x->h, x->logit);
        lesson_slope(lesson, x->logit, w->chunk[i], s->teacher[i]);
    }
}

static void backward(struct net *n, const struct word *w, struct seen *s)
{
    size_t first = n->model.letters.out, row[TAPS], len = w->len;
    struct letter *x = s->letter;
    for (size_t i = 0; i < len; i += LETTERS_MAX)
        output_backward(&n->model.out, &n->grads.out, x + i, (int)(len - i < LETTERS_MAX ? len - i : LETTERS_MAX));
    memset(s->da, 0, (len + 2 * REACH) * first * sizeof(float));
    layer_backward(&n->model.conv, n->grads.conv.w, &(struct inputs){len, s->a, x->dh, s->da, first, STEP});
    for (size_t i = 0; i < len; i++) {
        layer_backward_rows(&n->grads.conv, NULL, 0, x[i].dh);
        layer_backward_rows(&n->grads.chunks, x[i].row, 2, x[i].dh);
        rows_of_letters(w, (int)i, REACH, first, row);
        layer_backward_rows(&n->grads.letters, row, TAPS, s->da + (i + REACH) * first);
    }
}

static long learn(struct net *n, const struct lesson *lesson, const struct word *w, size_t count)
{
    long letters = 0;
    for (size_t k = 0; k < count; letters += w[k++].len) {
        forward(&n->model, lesson, &w[k], n->workspace);
        backward(n, &w[k], n->workspace);
    }
    return letters;
}

const struct architecture conv = {.name = "conv",
                                  .window = TAPS,
                                  .taps = TAPS,
                                  .shape = shape,
                                  .rows = rows_of,
                                  .begin = begin,
                                  .letter = letter,
                                  .learn = learn,
                                  .workspace = sizeof(struct seen)};
