/* surface: what the results of a study say of its whole space: a model of every metric and of the utility
 * (search/landscape.h), with the trials it was made from.
 *
 *     struct surface *f = NULL;
 *     surface_make(memory, &f, &err);
 *     surface_free(f);
 *
 * What is asked of it: slice.h, importance.h, rerun.h. A pure function of the log: the same events give the same
 * numbers. Memory must live as long and may not change meanwhile. How long making it takes: tests/bench/README.md,
 * "Importance"; asking takes little. Confirmations count as the further measurements that they are. What is not known
 * is NaN, and null in JSON.
 */
#ifndef TUNER_ANALYSIS_SURFACE_H
#define TUNER_ANALYSIS_SURFACE_H

#include "tuner/history/history.h"

enum { SURFACE_POINTS_MAX = 1000 }; /* configurations of one request */

/* For everybody to read. */
struct surface {
    const struct memory *memory;
    struct landscape *landscape;
    const struct trial *winner; /* else the best by the model; never NULL */
    size_t n;
    const struct trial **best; /* complete ones, the best by the model first, what breaks a constraint last */
    const double *usual;       /* space.n: each parameter in the best trial that has it; NaN: none has */
    struct arena arena;
};

/* STATUS_EXHAUSTED: there are too few results so far; the error says how many are needed. */
enum status surface_make(const struct memory *s, struct surface **ret, struct error *err);
void surface_free(struct surface *f);

/* Complete trials that the models see, confirmations included. */
size_t surface_complete(const struct memory *s);

/* ---- which metric ---- */

/* Targets are metrics by number; n_metrics: the utility. STATUS_INVALID names those that there are. A metric that is
 * called "utility" hides the study's own. */
enum status surface_target(const struct study *study, const char *name, size_t *ret, struct error *err);
const char *surface_target_name(const struct study *study, size_t target);
/* Is this target to be listed by its name? All but a hidden utility. */
bool surface_lists(const struct study *study, size_t target);
const struct landscape_value *surface_value(const struct study *study, const struct landscape_view *v, size_t target);

/* ---- configurations ---- */

/* Fills what has to exist but is NaN with the usual values, and takes off what must not. */
void surface_settle(const struct surface *f, double *config);

/* {"params": [{…}, …]} → {"predictions": [{"metrics": {name: {"mean", "low", "high"}}, "utility": {…}, "feasible"}]}:
 * what one more trial of each would say, as median and 90 % interval. The caller owns *ret. */
enum status surface_predict_json(const struct surface *f, const json_t *request, json_t **ret, struct error *err);

/* {name: {"r2", "trials"}}: how well each trial is told by all the others (landscape_quality). */
json_t *surface_quality_json(const struct surface *f);

/* What was searched: [low, high], or all values. */
json_t *surface_range_json(const struct param *p);

#endif
