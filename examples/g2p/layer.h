/* layer: a table of weights, and what a network does with it: add up some of its rows, or multiply a vector by it.
 *
 * In training and in full size it holds floats. A compressed one holds integers of 8 or 4 bits, and one scale for each
 * column: w = q · scale. Integers are added up and multiplied exactly, so every processor finds the same sums; floats
 * come in only where a sum is scaled. How small the integers are decides how many products fit into 16 bits:
 *
 *     bits  weights  inputs  products in 16 bits
 *     8     ±127     0..63   4
 *     4     ±7       0..127  32 */
#ifndef G2P_LAYER_H
#define G2P_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One binary: the loader picks the clone that the processor can run. x86-64-v3 is AVX2 and FMA, of any maker (a clone
 * for "haswell" would be taken on Intel alone); AVX-512 is no faster here. Without AVX2 it takes four times as long. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define FAST __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define FAST
#endif

enum { LANES = 8, UNITS_STEP = 16 /* numbers of hidden units are multiples of it */, HIDDEN_MAX = 1024 };

/* One 256-bit register, or two narrower ones: the compiler splits it. All vectors here are 64-byte aligned. */
typedef float lanes __attribute__((vector_size(4 * LANES), may_alias));

struct layer {
    size_t in, out, cols; /* out: a multiple of UNITS_STEP, of which the first `cols` are used */
    double spread;        /* standard deviation of its weights before training */
    bool has_bias;
    float *w, *bias; /* in × out; out */
    int bits;        /* 0: floats; 8 or 4: the rest is valid, and w is not */
    float *scale;    /* out */
    int8_t *q;       /* in × out; of a layer that multiplies: [in / 4][out][4] */
    int16_t *start;  /* out; bias / scale, for adding rows */
};

/* ---- floats ---- */

/* sum = start + the n rows that begin at w + row[k]. `sum` may be `start`. */
void layer_add_rows(const struct layer *l, const size_t *row, int n, const float *start, float *sum);

/* y = bias + ReLU(x) · w */
void layer_multiply(const struct layer *l, const float *x, float *y);

/* Some inputs of a layer and the gradients of its outputs and theirs; step: floats from one to the next. */
struct inputs {
    size_t n; /* 64 at most */
    const float *x, *dy;
    float *dx;
    size_t x_step, dy_step;
};

/* grad += ReLU(x)ᵀ · dy; dx += dy · wᵀ where x > 0. x and dx: in; dy: out; grad: as w. */
void layer_backward(const struct layer *l, float *grad, const struct inputs *inputs);

/* Adds d to n rows of a gradient, and to its bias if it has one. */
void layer_backward_rows(const struct layer *grad, const size_t *row, int n, const float *d);

/* ---- integers ---- */

enum { TOGETHER = 3 };

struct kernels {
    const char *name;
    /* sum = start + the n rows */
    void (*add_rows)(const struct layer *l, const size_t *row, int n, int16_t *sum);
    /* y = x · q for n vectors x, TOGETHER at most, of 0..layer_input_max; step: from one to the next. y: n × out */
    void (*multiply)(const struct layer *l, const uint8_t *x, size_t step, size_t n, int32_t *y);
};

/* Those that this processor has, the fastest first; returns how many. All of them say the same, to the last bit. */
enum { KERNELS_MAX = 3 };
size_t kernels_all(const struct kernels *ret[KERNELS_MAX]);
const struct kernels *kernels_best(void);

int layer_input_max(const struct layer *l);

/* From a table [in][out] to [in / 4][out][4]: what multiplies finds four inputs' weights side by side. */
void layer_interleave(struct layer *l);

/* x = ReLU(sum) in 0..max; returns what 1 of x is worth. n: a multiple of UNITS_STEP. */
float squeeze_integers(const int16_t *sum, size_t n, int max, uint8_t *x);
float squeeze_floats(const float *sum, size_t n, int max, uint8_t *x);

/* y = bias + acc · scale · unit */
void layer_scale(const struct layer *l, const int32_t *acc, float unit, float *y);

#endif
