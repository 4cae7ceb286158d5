/* findings: what the units that were scored say so far: counts and evidence, of each challenger and track.
 *
 *   findings_learn    the champion alone, before the first challenger: how large amounts are, where the metrics lie
 *   findings_begin    what was learnt is fixed, and bets are laid
 *   findings_see      a unit whose window is closed
 *   findings_see_pair a unit beside which a challenger ran in the shadow: for its guard there
 *
 * A unit of which something was expected (a number in [0, 1], known before its assignment) counts by what is left of
 * its outcome once that is taken off (tuner/rollout/adjustment.h), if that explains enough of the champion's outcomes
 * in the learning phase; so fewer units decide. What is taken off is fixed in findings_begin; a unit of which nothing
 * was expected is an average one. Bills are left as they are.
 *
 * Units are told in an order that outcomes have no part in. All of it goes to JSON and back, to the last bit, and is
 * kept with each change; what it says is a function of the plan and the units in their order.
 */
#ifndef TUNER_LIVE_FINDINGS_H
#define TUNER_LIVE_FINDINGS_H

#include "tuner/live/pairs.h"
#include "tuner/live/sums.h"
#include "tuner/live/track.h"

#include "tuner/base/json.h"

enum { FINDINGS_PAIRS = 50 }; /* of expected and outcome, from which on something is taken off */

/* Champion's outcomes of a track, adjusted: sums over units. */
struct known {
    double n, sum, squares;
};

/* Units of one period and segment, of one track. */
struct stratum {
    long period, segment;
    struct tally tally;
    double unheard[ARMS]; /* units of which its metric was not heard */
};

struct followed { /* a track of one challenger */
    size_t n;
    struct stratum *stratum;
    struct sequence sequence; /* not of a bill */
    struct guard guard, shadow;
    double apart; /* in the shadow: the sum of differences of outcomes */
};

struct challenger {
    double units[ARMS]; /* scored: the champion's beside it and its own */
    double missing[ARMS]; /* … of which nothing was heard */
    double pairs;         /* units beside which it ran in the shadow */
    struct followed track[LIVE_TRACKS_MAX];
};

struct findings {
    const struct live_plan *plan;
    struct live_metric metric[LIVE_METRICS_MAX]; /* the plan's, with marks that were learnt */
    size_t n_tracks;
    struct track track[LIVE_TRACKS_MAX];
    bool begun;
    struct adjustment adjustment[LIVE_TRACKS_MAX]; /* of outcomes; that of nothing until it has begun */
    struct known known[LIVE_TRACKS_MAX];
    double learnt; /* units of the champion that were looked at */
    double *sample[LIVE_METRICS_MAX], *expected; /* what they had, until it has begun; learnt of them */
    size_t n_challengers;
    struct challenger challenger[LIVE_CHALLENGERS_MAX];
    struct arena *arena; /* whose memory it is */
};

/* Nothing seen yet. `plan` and `arena` must live as long. */
void findings_init(struct findings *f, const struct live_plan *plan, size_t n_challengers, struct arena *arena);

/* Values in the metrics' units, NaN of what was not heard; n_metrics. */
struct scored_unit {
    long period, segment;
    size_t arm;          /* 0: the champion */
    double expected;     /* in [0, 1]; NaN: nothing */
    double chance;       /* uniform in [0, 1), of the unit: how what lies between two levels is rounded */
    const double *value; /* all NaN: nothing was heard of it */
    const struct pairs *pairs;
    int64_t at_ms; /* its first exposure */
};

void findings_learn(struct findings *f, const struct scored_unit *unit);
/* STATUS_INVALID: amounts that were all the same, or none. */
enum status findings_begin(struct findings *f, struct error *err);
/* shares: of the unit's period, the champion's first. */
void findings_see(struct findings *f, const struct scored_unit *unit, const double *shares);

/* The same of many units at once: those of a period and segment, of all arms, are one bet. */
void findings_fold(struct findings *f, const struct sums *sums, const struct experiment *x);
/* What counts of a unit: its cell, and the level of each track. */
void findings_sum(const struct findings *f, const struct scored_unit *unit, struct sums *into);

/* Scored units of all challengers. */
double findings_exposed(const struct findings *f);
/* The tallies of a track's strata, as many; the caller frees them. */
struct tally *findings_tallies(const struct followed *x);

void findings_see_pair(struct findings *f, size_t challenger, const struct pair *pair);
/* log E of a guard at which a challenger is taken back: half of what the plan allows to go wrong, if there are two. */
double findings_guard_limit(const struct findings *f);

/* Variance of a track's outcomes, adjusted, as far as it is known. */
double findings_variance(const struct findings *f, size_t track);

/* What is fixed once it has begun, for who scores units elsewhere: {"begun", "marks", "adjustments"}. */
json_t *findings_rules_json(const struct findings *f);
/* Into one that was made by findings_init. False: it is none of this plan. */
bool findings_rules_read(const json_t *in, struct findings *f);

json_t *findings_json(const struct findings *f);
/* STATUS_INVALID: it is none of this plan. Into one that was made by findings_init. */
enum status findings_read(const json_t *in, struct findings *f, struct error *err);

#endif
