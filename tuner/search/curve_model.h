/* curve_model: what the learning curves of all trials lie on: a metric as a Gaussian process over (configuration, log
 * cost).
 *
 * Hyperparameters are fitted when a quarter more trials are complete than at the last fit; each forecast conditions
 * anew on the curves nearest to its trial and on the trial's own. It does not know how far single trials deviate
 * from it: that is measured by backtests (curve_model_excess).
 */
#ifndef TUNER_SEARCH_CURVE_MODEL_H
#define TUNER_SEARCH_CURVE_MODEL_H

#include "tuner/search/encode.h"
#include "tuner/search/evidence.h"

enum { CURVE_MODEL_CUTS = 4 };

/* A proportion as it is: on the logit scale the first evaluations, with hardly a hit, would be all that the model is
 * about. A count, and a positive value that spans decades (a loss), as its logarithm. */
enum scale { SCALE_LINEAR, SCALE_LOG };

double curve_model_to_metric(enum scale scale, const struct metric *m, double f);

/* Fitted hyperparameters of one metric's surface. */
struct curve_model {
    bool fitted;
    struct gp_hyper hyper;
    double
        excess[CURVE_MODEL_CUTS]; /* variance of the ends of trials beyond what the surface says, seen from each cut */
};

struct forecaster {
    const struct study *study;
    uint64_t seed;
    struct arena arena; /* of the encoding */
    struct encoding encoding;
    enum status status;
    struct error err;
    bool inert[SPACE_PARAMS_MAX]; /* patience and threshold: they end a curve and do not bend it */
    size_t fitted_at;             /* complete trials at the last fit */
    bool fitted_inert;
    struct curve_model model[METRICS_MAX];
};

/* What one forecast sees; `arena`, `f`, `evidence` and `running` are given, view_open does the rest. */
struct view {
    struct arena arena;
    struct forecaster *f;
    const struct evidence *evidence;
    const struct running *running;
    size_t d;         /* of a point: the encoding's, and the cost */
    size_t n;         /* curves chosen */
    size_t *chosen;   /* their places in the evidence, nearest configuration first */
    double *point;    /* evidence->n × (d − 1) */
    double *own;      /* d − 1 */
    double low, high; /* logs of the costs at the ends of the axis */
    enum scale scale[METRICS_MAX];
};

void view_open(struct view *v);

/* The metric's surface, conditioned on all that is seen. STATUS_NOT_FOUND: the reports do not have it; STATUS_NUMERIC.
 */
enum status curve_model_make(struct view *v, size_t metric, struct gp **ret, struct error *err);

/* A point of it: a configuration (encoded) at a cost. ret: v->d. */
void curve_model_point(const struct view *v, const double *config, double at, double *ret);

/* Standard deviation of one evaluation around its smooth curve: the trial's own, if it is long enough to say, else the
 * median of the others'. */
double curve_model_jitter(struct view *v, size_t metric);

/* Variance by which the ends of trials deviate from what the surface says, seen from a cost. */
double curve_model_excess(const struct view *v, size_t metric, double cost);

struct curve_model_near {
    double distance;
    size_t at;
};
/* Keeps the `most` nearest, nearest first; of those as near the first in the evidence. */
void curve_model_near_keep(struct curve_model_near *near, size_t *n, size_t most, struct curve_model_near one);

#endif
