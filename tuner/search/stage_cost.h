/* stage_cost: what a suggestion would still cost: the stages that no earlier trial has run for it.
 *
 * log cost of each stage is a Gaussian process over all parameters, learnt from the trials that ran it. A stage need
 * not run if an earlier trial agrees in all that it follows from (stage_reach). To the sum three tenths of the usual
 * cost of a whole trial are added: nothing is free, for it takes a slot and a place in the budget, and of what is
 * nearly free very much would be tried that says very little (with a tenth, 80 trials cost less and their front was
 * worse: tests/bench).
 *
 * A suggestion is worth its improvement by that cost to the power of what is left of the budget: cost matters at first,
 * improvement in the end ["cost cooling", Lee et al. 2020; with memoised pipelines: EEIPU, Essofi et al. 2024].
 */
#ifndef TUNER_SEARCH_STAGE_COST_H
#define TUNER_SEARCH_STAGE_COST_H

#include "tuner/search/task.h"

struct stage_cost; /* fitted models, kept between suggestions; changes no bit */

struct stage_cost *stage_cost_create(const struct study *study);
void stage_cost_free(struct stage_cost *x);

/* Brings it to the task's history, after task_encode. False: too little is known of what stages cost. */
bool stage_cost_update(struct stage_cost *x, const struct task *t);

/* In the units of search_stage; > 0. */
struct stage_price {
    double usual, upper; /* median; what nine of ten stay under */
};

/* Of a configuration at its point. */
struct stage_price stage_cost_left(const struct stage_cost *x, const struct task *t, const double *config,
                                   const double *point);

/* By how much the log of an improvement goes down for it. */
double stage_cost_penalty(const struct task *t, double cost);

#endif
