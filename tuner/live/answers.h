/* answers: what one execution said of its items: of each the values of the study's metrics, by its id. */
#ifndef TUNER_LIVE_ANSWERS_H
#define TUNER_LIVE_ANSWERS_H

#include "tuner/base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An open table, at most half full; ids are known by 64 bits of a hash. */
struct answers {
    struct arena *arena;
    size_t n, n_metrics;
    size_t slots;  /* a power of two; 0: none yet */
    uint64_t *key; /* 0: free */
    double *value; /* n_metrics each */
};

void answers_begin(struct answers *a, size_t n_metrics, struct arena *arena);
/* `value`: n_metrics, NaN: nothing. False: the item was answered before; the first counts. */
bool answers_add(struct answers *a, const char *id, const double *value);
/* NULL: not answered. */
const double *answers_find(const struct answers *a, const char *id);
/* The mean of a metric over all items that have it; NaN: none has. */
double answers_mean(const struct answers *a, size_t metric, size_t *ret_n);

#endif
