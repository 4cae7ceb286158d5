/* net: a model that learns. What is evaluated is a moving average of its weights. */
#ifndef G2P_NET_H
#define G2P_NET_H

#include "architecture.h"

/* Targets besides the words' own: with a teacher, the loss of a letter is
 *     (1 − alpha) · CE(chunk, p) + alpha · T² · KL(teacher's p at T ‖ p at T)
 * (Hinton, Vinyals & Dean 2015). */
struct lesson {
    const struct model *teacher; /* NULL: none */
    struct pass *pass;           /* the teacher's */
    float alpha, temperature;
};

/* What one letter needs between its forward and its backward pass: the rows that were added for it, the units below the
 * output layer before their ReLU, their gradient, and logits that lesson_slope makes a gradient of. */
struct letter {
    size_t row[ROWS_MAX];
    _Alignas(64) float h[HIDDEN_MAX], dh[HIDDEN_MAX], logit[PAD];
};

/* All weights in one vector of `n` floats, as model_place lays them out. */
struct net {
    struct model model, grads; /* the same shape over w and over grad */
    size_t n;
    float *w, *grad, *m, *v, *mean; /* weights, gradient, Adam's moments, moving average */
    void *workspace;                /* of architecture's learn */
    long steps;
    double seen;
};

struct net net_create(const struct architecture *arch, struct units units, const struct data *d, uint64_t *s);
void net_done(struct net *n);

/* Goes on from a model of floats that has its shape, instead of from random weights. */
void net_begin_at(struct net *n, const struct model *m);

/* The model with other weights of its shape; it points to them. */
struct model net_model(const struct net *n, float *weights);

/* One step of Adam on `count` words. Returns their letters. */
long net_train(struct net *n, const struct lesson *lesson, const struct word *w, size_t count, double rate);

/* What the teacher says of a word's letters, if there is one. */
void lesson_begin(const struct lesson *l, const struct word *w, float (*ret_logit)[PAD]);
/* Turns the logits of one letter into d loss / d logit. */
void lesson_slope(const struct lesson *l, float *logit, size_t target, const float *teacher_logit);
/* The gradient of the output layer, which n letters (LETTERS_MAX at most) add to grad, and their dh. */
enum { LETTERS_MAX = 16 };
void output_backward(const struct layer *out, const struct layer *grad, struct letter *letter, int n);
/* The loss itself, for tests. */
double lesson_loss(const struct lesson *l, const float *logit, size_t target, const float *teacher_logit);

#endif
