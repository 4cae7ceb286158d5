/* task: one question to the search, and what its answer is made from. */
#ifndef TUNER_SEARCH_TASK_H
#define TUNER_SEARCH_TASK_H

#include "tuner/search/encode.h"
#include "tuner/search/model.h"
#include "tuner/search/rank.h"

#include "tuner/base/arena.h"

struct anchor;
struct stage_cost;

struct task {
    const struct study *study;
    struct encoding *encoding;
    struct model *model;                  /* the search's model, or its spread one */
    const struct search_history *history; /* with what is expected of the stopped */
    double *points;                       /* history->n × d, after task_encode */
    uint64_t search_seed, seed;           /* of the whole search; of this question */
    long number;
    size_t d;
    struct stage_cost *cost;     /* of stages, after stage_cost_update; NULL: the search does not ask for it */
    const struct anchor *anchor; /* what the proposal keeps of an earlier trial; NULL: nothing */
    struct arena arena;
};

/* What a model works on. Sobol and random points need none of it, whatever the length of the history. */
void task_encode(struct task *t);
struct model_input task_input(const struct task *t);

/* How many points come before the model's. */
size_t task_initial_points(const struct task *t);

/* The points of the complete trials that the model has learnt from, n_complete × d. In the arena. */
double *task_complete_points(struct task *t);

/* The same trials, n_complete of them, the model's best first; `at`: in the history. In the arena. */
struct search_rank *task_rank(struct task *t);

#endif
