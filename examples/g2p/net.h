/* net: for each letter, the sum of embeddings of a window of ±5 letters and of the two chunks predicted before, one
 * ReLU layer of H units, softmax over chunks. What is evaluated is a moving average of the weights. */
#ifndef G2P_NET_H
#define G2P_NET_H

#include "words.h"

enum { HIDDEN_MAX = 1024 };

/* All weights in one vector of `n` floats:
 * embed rows × H | hidden bias H | out H × PAD | out bias PAD */
struct net {
    size_t H, classes, n;
    size_t at_bias, at_out, at_out_bias;
    float *w, *grad, *m, *v, *mean; /* weights, gradient, Adam's moments, moving average */
    long steps;
    double seen;
};

struct block; /* workspace of training */

struct net net_create(size_t H, int classes, uint64_t *s);
void net_done(struct net *n);
struct block *block_create(void); /* free() it */

/* One step of Adam on `count` words. Returns their letters. */
long train_batch(struct net *n, struct block *b, const struct word *w, size_t count, double rate);

/* Share of the words whose whole greedy output, with these weights, equals one of their pronunciations. */
double exact_match(const struct net *n, const float *weights, const struct data *d, const struct words *ws);

#endif
