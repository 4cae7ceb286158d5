/* noise: how much one measurement varies from seed to seed, as far as anything was measured more than once.
 *
 * The deviations within each configuration, pooled: s² = Σ (v − mean)² / Σ (k − 1), over all that was confirmed; the
 * degrees of freedom Σ (k − 1) say how well it is known. Nothing is guessed from `of` or from a model.
 */
#ifndef TUNER_ANALYSIS_NOISE_H
#define TUNER_ANALYSIS_NOISE_H

#include "tuner/analysis/ranking.h"

struct noise {      /* zero: unknown */
    size_t freedom; /* degrees of; 0: nothing was measured twice */
    double sd;      /* of one measurement, in the metric's unit or in utility */
};

/* Of a metric, over fresh seeds alone: what a first measurement is compared with is not in it. */
struct noise noise_fresh(const struct ranking *all, size_t metric);

/* The same with the first measurements of the baseline and the references, which nobody chose for what they measured;
 * known as soon as the baseline has run twice. `metric` n_metrics: of the study's utility, relative to the baseline's
 * mean. */
struct noise noise_of(const struct memory *s, const struct ranking *all, size_t metric);
/* … of one configuration alone. */
struct noise noise_of_one(const struct memory *s, const struct ranking *all, const struct ranked *x, size_t metric);

/* The deviation is at least so much, with this confidence (0 … 1): √(freedom s² / χ²), 0 if it is unknown. */
double noise_least(struct noise noise, double confidence);

#endif
