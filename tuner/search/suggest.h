/* suggest: what to try next.
 *
 * A suggestion is a pure function of the study, the seed, the trial's number and the history. A struct search keeps
 * fitted models between calls, which saves time and changes no bit: a new one answers the same. It may be used by any
 * one thread at a time, with a snapshot of the history.
 *
 *     struct search *search = search_create(study, seed, NULL, 0);       no earlier studies
 *     search_suggest(search, &history, number, &suggestion, &err);
 *     search_free(search);
 */
#ifndef TUNER_SEARCH_SUGGEST_H
#define TUNER_SEARCH_SUGGEST_H

#include "tuner/search/observations.h"
#include "tuner/search/rank.h"
#include "tuner/search/suggestion.h"

struct search;

/* The study and the names of the earlier ones must outlive it. */
struct search *search_create(const struct study *study, uint64_t seed, const struct search_prior *prior,
                             size_t n_priors);
void search_free(struct search *search);

/* STATUS_EXHAUSTED when a finite space has been tried completely. Numerical trouble is no failure: the suggestion is
 * then random (SUGGESTION_FALLBACK), and its source says why. */
enum status search_suggest(struct search *search, const struct search_history *history, long number,
                           struct suggestion *ret, struct error *err);

/* The model's view of every complete trial: posterior mean of the utility, and the probability that its constraints
 * hold (1 without constraints). Arrays of history->n; NaN for trials that are not complete. STATUS_NUMERIC if no model
 * can be fitted. */
enum status search_estimate(struct search *search, const struct search_history *history, double *ret_utility,
                            double *ret_feasible, struct error *err);

/* Of every metric that the objective uses (others: NaN), at a configuration. `coverage`: 0.9 for a 90 % interval. */
enum status search_predict(struct search *search, const struct search_history *history, const double *config,
                           double coverage, struct prediction ret[METRICS_MAX], struct error *err);

/* Which trial to name as the best, as its place in the history. Where the utility is measured with much noise, the best
 * by the model's mean: a single measurement flatters whom it makes the winner. SIZE_MAX: the best measured will do. */
size_t search_winner(struct search *search, const struct search_history *history);

#endif
