/* architecture: what two kinds of network do differently, in training and in inference. */
#ifndef G2P_ARCHITECTURE_H
#define G2P_ARCHITECTURE_H

#include "model.h"

struct net;
struct lesson;

struct architecture {
    const char *name;
    size_t window, taps; /* letters that the first layer sees; of the first layer that the second sees, 0: no second */
    void (*shape)(struct model *m, struct units units);
    /* The rows of the first layer that are added for letter i; prev: the chunks before it, the nearest first, or -1
     * before the word. Returns how many. */
    int (*rows)(const struct model *m, const struct word *w, int i, const int prev[2], size_t *row);
    /* What does not depend on outputs, for all letters of a word at once; NULL: nothing. */
    void (*begin)(const struct model *m, struct pass *p, const struct word *w);
    /* p->logit of letter i */
    void (*letter)(const struct model *m, struct pass *p, const struct word *w, int i, const int prev[2]);
    /* Adds the gradient of `count` words to n->grad. Returns their letters. */
    long (*learn)(struct net *n, const struct lesson *lesson, const struct word *w, size_t count);
    size_t workspace; /* bytes that learn needs besides */
};

extern const struct architecture mlp, conv;
const struct architecture *architecture_named(const char *name); /* NULL: none */
const struct architecture *architecture_numbered(size_t i);      /* as in files; NULL: none */
size_t architecture_number(const struct architecture *arch);

enum { ROWS_MAX = 13 };

/* Where the rows of the letters around letter i begin in a table of so many units; `side` to each side. */
void rows_of_letters(const struct word *w, int i, int side, size_t units, size_t *row);
/* And those of the two chunks before it, in a table of their own. */
void rows_of_chunks(const struct model *m, const int prev[2], size_t units, size_t row[2]);

#endif
