/* standing: how the configurations of a study compare, and who has won.
 *
 * A standing is one configuration with what was measured of it: the means over its
 * confirmation seeds if it was confirmed, else its single trial. Utilities are relative to
 * the baseline's own standing. If anything was confirmed, only confirmed configurations can
 * win: selection on one noisy trial flatters.
 */
#ifndef TUNER_COORDINATOR_STANDING_H
#define TUNER_COORDINATOR_STANDING_H

#include "tuner/coordinator/session.h"

struct standing {
    const struct trial *trial;                 /* baseline, reference, search or enqueued; complete */
    const char *label;                         /* "baseline", the reference's name, or NULL */
    size_t confirmed;                          /* number of confirmation seeds; 0: `mean` is the trial itself */
    double mean[METRICS_MAX], sd[METRICS_MAX]; /* sd: 0 for fewer than two seeds */
    double utility; /* pareto: the score by which the front's knee is named (front.h); NaN: not on it */
    bool feasible;
    bool on_front; /* pareto: feasible, and no other dominates it */
};

struct standings {
    size_t n;
    struct standing *all;            /* by trial number */
    const struct standing *baseline; /* may be NULL */
    const struct standing *winner;   /* may be NULL: nothing feasible is complete. May be the baseline. */
};

/* In the arena. `objective` is the study's own, or another weighting of its metrics; `eligible_all`: unconfirmed
 * configurations may win as well (a weighting that was not searched for has no confirmed winner). */
struct standings standings_make(const struct session *s, const struct objective *objective, bool eligible_all,
                                struct arena *arena);

/* The best trial so far on its own single measurement, for progress; NULL if none is feasible. */
const struct trial *standing_incumbent(const struct session *s, double *ret_utility);

/* {"trial", "params", "metrics" (means), "sd", "utility", "feasible", "confirmed_seeds", "label", "front"}; the caller
 * owns it. */
json_t *standing_json(const struct session *s, const struct standing *x);

/* The rows worth comparing: baseline, references, front, winner: an array of the above, with "baseline" and "winner".
 */
json_t *standings_json(const struct session *s, const struct standings *all);

#endif
