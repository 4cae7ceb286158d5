/* anchor: stages of an earlier trial that a suggestion keeps, and with them the parameters that they follow from: what
 * is varied comes after them, and they need not run again. */
#ifndef TUNER_SEARCH_ANCHOR_H
#define TUNER_SEARCH_ANCHOR_H

#include "tuner/search/task.h"

enum { ANCHORS_MAX = 8 };

struct anchor {
    const struct encoding *encoding;
    const double *config, *point;   /* of the trial */
    bool fixed[SURROGATE_DIMS_MAX]; /* parameters that stay */
};

/* Of the trials at `best` in the history, the best first: those stages that are kept and leave something to vary, each
 * set of fixed parameters once. Returns how many. */
size_t anchors_find(const struct task *t, const size_t *best, size_t n, struct anchor ret[ANCHORS_MAX]);

/* encoding_settle, with what is fixed in its place; `data` is a struct anchor. */
void anchor_settle(void *data, double *point, bool *movable);

/* The same for a configuration, to the last bit. */
void anchor_hold(const struct anchor *x, double *config);

#endif
