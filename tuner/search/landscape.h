/* landscape: what the results of a study look like over its space: a model of every metric, whether the objective uses
 * it or not, and with these of the utility. For looking, not for searching.
 *
 *     struct landscape *l = NULL;
 *     landscape_fit(study, &history, seed, &l, &err);
 *     struct landscape_view v;
 *     landscape_look(l, config, 1, LANDSCAPE_MEAN, &v);        v.utility.middle, v.feasible, v.metric[0].low
 *     landscape_free(l);
 *
 * Each metric is a Gaussian process of its own on the scale where it is nearly Gaussian (targets.h), fitted to all
 * results at once: a pure function of study, history and seed. Trials that were stopped count with what is to be
 * expected of them and how uncertain that is (partial.h), never as results. A metric of unknown kind whose bad half
 * reaches out ten times as far as its good half spreads is learnt by ranks there. Of more than 1,024 results a part is
 * taken, spread over all of them, and what is nearest to the best. A metric with fewer than LANDSCAPE_LEAST measured
 * results has no model; what follows from it is NaN.
 *
 * The study must live as long. Reading (all that takes it const) is safe from any thread.
 */
#ifndef TUNER_SEARCH_LANDSCAPE_H
#define TUNER_SEARCH_LANDSCAPE_H

#include "tuner/search/observations.h"

enum { LANDSCAPE_LEAST = 4 };
#define LANDSCAPE_COVERAGE 0.9 /* of every interval, nominally */

struct landscape;

/* STATUS_EXHAUSTED: no metric has LANDSCAPE_LEAST results yet. STATUS_INVALID: the space cannot be encoded. */
enum status landscape_fit(const struct study *study, const struct search_history *history, uint64_t seed,
                          struct landscape **ret, struct error *err);
void landscape_free(struct landscape *l);

/* ---- looking ---- */

enum landscape_of {
    LANDSCAPE_MEAN,        /* what would come out on average */
    LANDSCAPE_MEASUREMENT, /* what one more measurement would say, its noise included */
};

/* In the metric's own units. Intervals hold what they promise for the trials there are, which the search has chosen:
 * they are widened by how far each lay from what all the others said. Elsewhere they are nominal. */
struct landscape_value {
    double middle, sd, low, high; /* median, half of the central 68 %, central LANDSCAPE_COVERAGE; NaN: unknown */
};

struct landscape_view {
    struct landscape_value metric[METRICS_MAX], utility;
    double feasible; /* chance that a trial succeeds and every constraint holds; NaN: unknown */
};

/* n configurations of space.n numbers. O(n_results²) each. */
void landscape_look(const struct landscape *l, const double *configs, size_t n, enum landscape_of of,
                    struct landscape_view *ret);

/* ---- how good is it? ---- */

/* Measured results it has learnt from; how many of all. */
size_t landscape_results(const struct landscape *l, size_t metric);
/* Every result is the same. */
bool landscape_is_constant(const struct landscape *l, size_t metric);
/* R² of what all others say of each trial, on the scale of landscape_tame: 1 is perfect, 0 no better than the mean.
 * Configurations that were measured more than once are left out, unless there are no others. NaN: no model, or a
 * constant. `metric` n_metrics: of the utility. */
double landscape_quality(const struct landscape *l, size_t metric);

/* ---- draws: functions that the results leave possible ---- */

enum { LANDSCAPE_DRAWS = 64 };

/* From now on draws come from up to eight models of each metric, whose lengths were fitted to a random part of the
 * results: with few of these the lengths are hardly known. With more than a few hundred they are, and there is no other
 * model. */
void landscape_vary(struct landscape *l);

struct encoding;
const struct encoding *landscape_encoding(const struct landscape *l);

/* At n encoded points: n × (LANDSCAPE_DRAWS + 1), the last column the mean, on the scale of the model. Draws of the
 * same landscape belong together, whenever they are made. False: the metric has no model. */
bool landscape_draw(const struct landscape *l, size_t metric, const double *points, size_t n, double *ret);
/* The same of the utility at n configurations, in its own units. False: a metric that it needs has no model, or no
 * baseline is known. */
bool landscape_draw_configs(const struct landscape *l, const double *configs, size_t n, double *ret);
/* The utility of draws of each metric that it uses: `size` numbers each, on the scale of its model. Only with
 * landscape_has_utility. */
void landscape_join(const struct landscape *l, double *const f[METRICS_MAX], size_t size, double *ret);
/* Is the utility known at all, and does it vary with what was measured? */
bool landscape_has_utility(const struct landscape *l);

/* From the model's scale to that on which differences of a metric are judged: points of a proportion, the logarithm of
 * a count, any other as it is (its bad half by ranks, if that is how it was learnt). */
double landscape_tame(const struct landscape *l, size_t metric, double f);

#endif
