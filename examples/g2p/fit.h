/* fit: some inputs of a layer get other weights than they had, and those of the others make up for it.
 *
 * The least squares of Optimal Brain Surgeon (Hassibi & Stork 1993), as in GPTQ (Frantar et al. 2023): with G = E[x xᵀ]
 * over the inputs x of the layer, and w_j the row of input j, setting w_j to v costs |w_j − v|² / [G⁻¹]_jj when every
 * other row l becomes
 *     w_l − (w_j − v) · [G⁻¹]_lj / [G⁻¹]_jj.
 * The bias is the weight of one more input, which is always 1. With a diagonal G nothing makes up for anything, and
 * the cost is a row's magnitude. */
#ifndef G2P_FIT_H
#define G2P_FIT_H

#include "layer.h"

struct fit {
    struct layer *layer; /* its weights are changed */
    size_t n;            /* inputs, and 1 for the bias if there is one */
    double *gram;        /* n × n */
    double *inverse;     /* n × n, of the inputs that are not settled */
};

struct fit fit_create(struct layer *l);
void fit_done(struct fit *f);

/* One more example, x: in, of a layer with a bias; one whose inputs are n ones, at rows that begin at w + row[k], and
 * else zeros; or only how large input j is on average, squared. */
void fit_add(struct fit *f, const float *x);
void fit_add_rows(struct fit *f, const size_t *row, int n);
void fit_set(struct fit *f, size_t j, double square);

/* All has been added. */
void fit_solve(struct fit *f);

double fit_cost(const struct fit *f, size_t j); /* of setting the row of input j to 0 */
void fit_settle(struct fit *f, size_t j, const float *value);

#endif
