/* ladder: what a curve that was cut short says of its end, told by how all curves went from rung to rung.
 *
 * Rungs are the reports 1, 2, 4, 8, …; above the last one is the result. From each rung to the next, the trials that
 * went that far give a regression: of the next value on this one and on what it has gained since the rung before,
 * shrunk towards "it stays where it is", and the variance around it. What is known of a trial is carried up rung by
 * rung. Who goes on was chosen by what it had reported, and on that the regressions condition: so the stopped ones bias
 * nothing (missing at random [Little & Rubin 2002]), and hundreds of short curves are of use. It is the autoregressive
 * scheme of multi-fidelity models [Kennedy & O'Hagan 2000] with rungs that are linear.
 *
 * The scale: larger is better; a count, and a positive value that spans decades, as its logarithm. What lies far below
 * the median of its rung counts as there, so that what has gone wrong does not say how the others go on.
 */
#ifndef TUNER_SEARCH_LADDER_H
#define TUNER_SEARCH_LADDER_H

#include "tuner/search/learning_curve.h"

enum { LADDER_RUNGS = 24 };

struct ladder_trial {
    const struct learning_curve *curve;
    double result; /* in the metric's units; NaN: none */
};

/* From one rung to the next. */
struct ladder_step {
    double slope, trend;     /* of the next value: on this one; on what it has gained since the rung before */
    double from, gained, to; /* the means of those that it was learnt from */
    double variance;
};

struct ladder {
    const struct metric *metric;
    size_t index;   /* of the metric */
    bool log, best; /* scale; is a result the best report, or the last? */
    double unit;    /* a power of two: squares of values near the ends of a double's range are no numbers */
    size_t n;       /* rungs; the result is the one after them */
    struct ladder_step step[LADDER_RUNGS];
    double floor[LADDER_RUNGS + 1];
};

/* Learns from n trials. The objective must outlive it. */
void ladder_fit(const struct objective *o, size_t metric, const struct ladder_trial *trial, size_t n,
                struct ladder *ret);

/* Result of a trial on the ladder's scale. */
struct ladder_end {
    double mean, sd;
};

/* From the highest rung of the curve that is not above `top`; false: it has none. */
bool ladder_expect(const struct ladder *l, const struct learning_curve *c, size_t top, struct ladder_end *ret);

double ladder_scale(const struct ladder *l, double value);
double ladder_unscale(const struct ladder *l, double y);

#endif
