/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * mlp: for each letter, the sum of embeddings of a window of ±5 letters and of the two chunks predicted before, one
 * ReLU layer, softmax over chunks. Its letters' table has the chunks' rows behind those of the letters. */
#include "net.h"

#include <math.h>

enum {
    SIDE = 5,
    WINDOW = 2 * SIDE + 1,
    ROWS = WINDOW + 2, /* embedding rows that are summed for one letter */
    LOGIT_LANES = PAD / LANES,
    BLOCK = 16, /* letters whose gradients are added together */
};

_Static_assert((int)ROWS <= (int)ROWS_MAX, "they fit");

static void shape(struct model *m, struct units units)
{
    size_t rows = WINDOW * SYMBOLS + 2 * (m->classes + 1), H = units.first;
    m->letters = (struct layer){.in = rows, .out = H, .cols = H, .has_bias = true, .spread = sqrt(2.0 / ROWS)};
    m->out = (struct layer){.in = H, .out = PAD, .cols = m->classes, .has_bias = true, .spread = sqrt(1.0 / (double)H)};
}

static int rows_of(const struct model *m, const struct word *w, int i, const int prev[2], size_t *row)
{
    size_t H = m->letters.out;
    rows_of_letters(w, i, SIDE, H, row);
    rows_of_chunks(m, prev, H, row + WINDOW);
    for (int k = WINDOW; k < ROWS; k++) row[k] += WINDOW * SYMBOLS * H;
    return ROWS;
}

static void letter(const struct model *m, struct pass *p, const struct word *w, int i, const int prev[2])
{
    size_t row[ROWS];
    rows_of(m, w, i, prev, row);
    if (m->bits == 32) {
        layer_add_rows(&m->letters, row, ROWS, m->letters.bias, p->h);
        layer_multiply(&m->out, p->h, p->logit);
        return;
    }
    m->kernels->add_rows(&m->letters, row, ROWS, p->sum);
    float unit = squeeze_integers(p->sum, m->letters.out, layer_input_max(&m->out), p->x);
    m->kernels->multiply(&m->out, p->x, 0, 1, p->acc);
    layer_scale(&m->out, p->acc, unit, p->logit);
}

/* ---- training ---- */

struct block {
    int n;
    struct letter letter[LETTERS_MAX];
    float teacher[WORD_MAX][PAD];
};

/* Adds the gradient of the letters of one block. */
static void backward(struct net *n, struct block *b)
{
    output_backward(&n->model.out, &n->grads.out, b->letter, b->n);
    for (int l = 0; l < b->n; l++) layer_backward_rows(&n->grads.letters, b->letter[l].row, ROWS, b->letter[l].dh);
    b->n = 0;
}

static long learn(struct net *n, const struct lesson *lesson, const struct word *w, size_t count)
{
    struct block *b = n->workspace;
    const struct model *m = &n->model;
    long letters = 0;
    for (size_t k = 0; k < count; k++) {
        lesson_begin(lesson, &w[k], b->teacher);
        for (int i = 0; i < w[k].len; i++, letters++) {
            struct letter *x = &b->letter[b->n++];
            rows_of(m, &w[k], i, (int[]){i > 0 ? w[k].chunk[i - 1] : -1, i > 1 ? w[k].chunk[i - 2] : -1}, x->row);
            layer_add_rows(&m->letters, x->row, ROWS, m->letters.bias, x->h);
            layer_multiply(&m->out, x->h, x->logit);
            lesson_slope(lesson, x->logit, w[k].chunk[i], b->teacher[i]);
            if (b->n == LETTERS_MAX) backward(n, b);
        }
    }
    backward(n, b);
    return letters;
}

const struct architecture mlp = {.name = "mlp",
                                 .window = WINDOW,
                                 .shape = shape,
                                 .rows = rows_of,
                                 .letter = letter,
                                 .learn = learn,
                                 .workspace = sizeof(struct block)};
