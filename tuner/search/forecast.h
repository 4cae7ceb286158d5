/* forecast: where a running trial is going, told by the learning curves of all trials.
 *
 * For each metric that matters a Gaussian process over (configuration, log cost) learns the surface on which the curves
 * of all trials lie, ended, stopped and running ones alike. Conditioned on a trial's own reports it is sampled forward
 * at a few nodes; each sample, with the jitter of single evaluations put back, is a future that the trial's own
 * stopping rule is run on. (Freeze-thaw [Swersky et al. 2014] is the idea; samples instead of a parametric family.)
 *
 *     struct forecaster *f = forecaster_create(study, seed);
 *     struct forecast *x = NULL;
 *     struct forecast_end outcome[FORECAST_DRAWS];
 *     forecast_make(f, &evidence, &running, &x, &err);
 *     forecast_outcomes(x, &rule, outcome);
 *     forecast_free(x);
 *     forecaster_free(f);
 */
#ifndef TUNER_SEARCH_FORECAST_H
#define TUNER_SEARCH_FORECAST_H

#include "tuner/search/evidence.h"

#include "tuner/study/study.h"

#include <stdint.h>

enum { FORECAST_DRAWS = 64, FORECAST_NEAREST = 5, FORECAST_FROM = 2 };

struct forecaster;
/* Keeps fitted hyperparameters between forecasts. One thread at a time. `study` must outlive it. */
struct forecaster *forecaster_create(const struct study *study, uint64_t seed);
void forecaster_free(struct forecaster *f);

struct forecast;

/* STATUS_NOT_FOUND: too little is known (fewer than FORECAST_FROM complete trials with a curve); STATUS_NUMERIC. */
enum status forecast_make(struct forecaster *f, const struct evidence *evidence, const struct running *running,
                          struct forecast **ret, struct error *err);
void forecast_free(struct forecast *x);

/* How one future ends. */
struct forecast_end {
    double cost;               /* when; in units of the curve */
    double value[METRICS_MAX]; /* of the metrics that matter, as a result; others NaN */
};

/* The ends of FORECAST_DRAWS futures under a stopping rule; NULL: as other trials have ended. */
void forecast_outcomes(const struct forecast *x, const struct early_stopping *rule,
                       struct forecast_end ret[FORECAST_DRAWS]);

/* Standard deviation of one evaluation of a metric around its smooth curve, at the trial's present level. */
double forecast_noise(const struct forecast *x, size_t metric);

/* The trials whose curves are the most like this one's so far, nearest first; returns how many. */
size_t forecast_nearest(const struct forecast *x, long ret[FORECAST_NEAREST]);

#endif
