/* track: one thing that is followed of a metric, as an outcome in [0, 1].
 *
 *   scale     where the outcome lies in the metric's range; larger is better
 *   typical   of an amount: where it lies between the marks on the logarithmic scale; larger is better (fewer tokens)
 *   bill      of an amount: its share of the cap; smaller is better, so that ratios of means are those of the bill
 *
 * A metric that proves `fewer` has the two last ones, any other the first.
 */
#ifndef TUNER_LIVE_TRACK_H
#define TUNER_LIVE_TRACK_H

#include "tuner/live/plan.h"

enum track_kind { TRACK_SCALE, TRACK_TYPICAL, TRACK_BILL };

const char *track_kind_name(enum track_kind kind); /* "scale" … */

enum { LIVE_TRACKS_MAX = 2 * LIVE_METRICS_MAX };

struct track {
    size_t metric;
    enum track_kind kind;
};

/* ret: LIVE_TRACKS_MAX. How many there are: the same for every experiment with this plan. */
size_t track_list(const struct live_plan *p, struct track *ret);

/* In [0, 1], whatever the value. `m`: with its marks. `value`: in the metric's unit; of which nothing was heard, NaN,
 * is what the plan declares. */
double track_outcome(const struct live_metric *m, enum track_kind kind, double value);
/* Of a difference of outcomes that of the metric: in its unit and direction, or, of `typical`, the ratio less 1. */
double track_difference(const struct live_metric *m, enum track_kind kind, double by);
/* … and of an effect or margin, ≥ 0, in the metric's unit or as a ratio, that of outcomes. */
double track_effect(const struct live_metric *m, enum track_kind kind, double effect);

/* Is it a value that the metric can have? STATUS_INVALID names what it should be. */
enum status track_check(const struct live_metric *m, double value, struct error *err);

#endif
