/* sums: scored units as counts: how many of a period, segment and arm lie on which level of each track. They add up, in
 * whatever order, so that who collects outcomes elsewhere sends counts instead of units.
 *
 *     {"cells": [{"period": 5, "segment": "long"?, "variant": "challenger", "units": 120, "missing": 2,
 *                 "unheard": [2, 5]?, "tracks": [[[0, 40], [64, 80]], …]}, …],
 *      "arrived": [{"period": 5, "variant": "challenger", "units": 130}, …],
 *      "counts": {"taken": 260, …}?}
 *
 * unheard: of each metric of the plan, of how many units it was not heard; without it, of those that are missing
 * altogether.
 * tracks: as track.h lists them, [level, units] of those that there are (tuner/rollout/tally.h); each adds up to
 * `units`. arrived: units whose first exposure was in the period, whether their window is closed or not. No segment:
 * all that the plan does not name.
 *
 * All arms of a period and segment come in the same sums: what is folded is one bet on units that were drawn, and sums
 * of which one arm came later, or were chosen by what they say, would be evidence of nothing.
 */
#ifndef TUNER_LIVE_SUMS_H
#define TUNER_LIVE_SUMS_H

#include "tuner/live/experiment.h"
#include "tuner/live/track.h"

enum { SUMS_CELLS_MAX = 1000 };
#define SUMS_NUMBER_MAX 1000000000000LL /* of a collector's messages */
#define SUMS_UNITS_MAX 1e12             /* of an experiment: nobody has so many, and beyond counts are not exact */

struct sums_cell {
    long period, segment;
    size_t arm;
    double units, missing;
    double unheard[LIVE_METRICS_MAX]; /* units of which this metric was not heard */
    double level[LIVE_TRACKS_MAX][TALLY_LEVELS];
};

struct arrived {
    long period;
    size_t arm;
    double units;
};

struct sums {
    size_t n_tracks;
    size_t n, n_arrived;
    struct sums_cell *cell;
    struct arrived *arrived;
    struct live_counts counts;
    struct arena *arena; /* whose memory it is */
};

/* None yet; `arena` must live as long. */
void sums_begin(struct sums *s, size_t n_tracks, struct arena *arena);
/* NULL: there is none. */
const struct sums_cell *sums_find(const struct sums *s, long period, long segment, size_t arm);
/* The first one of the period and segment, of whichever arm. */
const struct sums_cell *sums_first(const struct sums *s, long period, long segment);
/* The same, a new one if there is none. Until the next one. */
struct sums_cell *sums_cell(struct sums *s, long period, long segment, size_t arm);
void sums_arrived(struct sums *s, long period, size_t arm, double units);
bool sums_are_none(const struct sums *s);

json_t *sums_json(const struct sums *s, const struct experiment *x);
/* Into ones that have begun, added to what is there. STATUS_INVALID: a period that has not been, no such variant,
 * counts that are not whole, tracks that do not add up, too many cells; then what is there is of no use. */
enum status sums_read(const json_t *in, const struct experiment *x, struct sums *s, struct error *err);

#endif
