/* model: a trained network, in full size or compressed, that says how words are pronounced.
 *
 *     struct model m;
 *     const char *wrong = model_load(&m, "large.model");
 *     struct pass *p = pass_create(&m);
 *     unsigned char chunk[WORD_MAX];
 *     double sure;
 *     model_decode(&m, p, &word, chunk, &sure);
 *     free(p);
 *     model_done(&m);
 *
 * Its file is sealed and holds everything: architecture, sizes, the names of its classes, weights in 32, 8 or 4 bits.
 */
#ifndef G2P_MODEL_H
#define G2P_MODEL_H

#include "layer.h"
#include "words.h"

enum { PAD = CLASSES_MAX /* floats in a vector of logits */, LAYERS_MAX = 4, NAMES_MAX = 17 * CLASSES_MAX };
enum { PHONES_MAX = 17 * WORD_MAX /* bytes of a word's phones */ };

struct architecture;

/* Layers that an architecture has not are empty: in = 0. */
struct model {
    const struct architecture *arch;
    int bits; /* 32, 8, 4 */
    size_t classes;
    struct layer letters, conv, chunks, out;
    const struct kernels *kernels;
    char names[NAMES_MAX]; /* of the classes, a blank behind each */
    void *owned;           /* what the layers point into; NULL: somebody else's */
};

/* Two numbers of units: those of the first layer, and of the second where there is one. */
struct units {
    size_t first, second;
};

/* The shape alone: no layer has weights. */
void model_shape(struct model *m, const struct architecture *arch, struct units units, size_t classes);
size_t model_layers(struct model *m, struct layer *ret[LAYERS_MAX]);
struct units model_units(const struct model *m);

/* Floats of all weights, and where they are in one vector: layer after layer, weights, then biases. */
size_t model_floats(struct model *m);
void model_place(struct model *m, float *vector);

/* Takes memory of its own for weights of 32 bits, or integers and scales of 8 or 4. Freed by model_done. */
void model_allocate(struct model *m, int bits);
void model_done(struct model *m);

/* NULL, or what is wrong with the file; then there is nothing to free. */
const char *model_load(struct model *m, const char *path);
/* 0, or -1 with errno set. A model of integers must not be interleaved yet: that is what model_load does. */
int model_save(struct model *m, const char *path);
size_t model_bytes(struct model *m); /* of its file */
void model_names(const struct data *d, char ret[NAMES_MAX]);

/* ---- inference ---- */

/* Workspace for the words of one model; free() it. */
struct pass {
    size_t units;     /* the larger number */
    float *a, *c, *h; /* (WORD_MAX + 2 · REACH) × units; WORD_MAX × units; units */
    int16_t *sum;     /* WORD_MAX × units */
    uint8_t *x;       /* as a */
    int32_t *acc;     /* TOGETHER × units, or PAD if that is more */
    _Alignas(64) float logit[PAD];
};

enum { REACH = 2 /* letters to each side that a convolution sees */, TAPS = 2 * REACH + 1 };

struct pass *pass_create(const struct model *m);

/* Greedy. *ret_sure: how sure it is, 0..1: the product of its outputs' probabilities. NULL: need not be known. */
void model_decode(const struct model *m, struct pass *p, const struct word *w, unsigned char *chunk, double *ret_sure);
/* The logits at each letter of a training word, whose chunks are known. */
void model_logits(const struct model *m, struct pass *p, const struct word *w, float (*ret)[PAD]);

/* "T+AH+M+EY+T+OW", as in the data. False: it says nothing. */
bool model_phones(const struct data *d, const struct word *w, const unsigned char *chunk, char ret[PHONES_MAX]);
/* Do the phones equal one of the word's pronunciations? */
bool model_is_right(const struct data *d, const struct word *w, const unsigned char *chunk);
double model_exact_match(const struct model *m, struct pass *p, const struct data *d, const struct words *ws);

/* Multiply-adds for a word of so many letters, every unit counted, on or off; adding a row counts as one for each unit.
 */
double model_cost(const struct model *m, size_t letters);

#endif
