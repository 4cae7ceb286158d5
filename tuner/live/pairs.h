/* pairs: what the champion and the challengers in its shadow made of the same requests of one unit.
 *
 * An outcome's values: those of the plan's metrics, and in a shadow behind them as many of each challenger: NaN of one
 * that did not run, PAIRS_UNHEARD of a metric that was not measured of one that did.
 */
#ifndef TUNER_LIVE_PAIRS_H
#define TUNER_LIVE_PAIRS_H

#include "tuner/live/experiment.h"

#include <math.h>

#define PAIRS_UNHEARD INFINITY
enum { PAIRS_VALUES_MAX = LIVE_METRICS_MAX * LIVE_ARMS_MAX };

/* Means over the requests to which both ran, in the metrics' units; NaN: not measured. */
struct pair {
    double champion[LIVE_METRICS_MAX], challenger[LIVE_METRICS_MAX];
};

struct pair_mean {
    double n, sum;
};

struct pairs {
    size_t n_metrics, n_challengers;
    struct {
        double requests;
        struct pair_mean champion[LIVE_METRICS_MAX], challenger[LIVE_METRICS_MAX];
    } of[LIVE_CHALLENGERS_MAX];
};

/* An outcome with n values. */
void pairs_add(struct pairs *p, const double *value, size_t n);
/* False: this challenger never ran. */
bool pairs_of(const struct pairs *p, size_t challenger, struct pair *ret);

#endif
