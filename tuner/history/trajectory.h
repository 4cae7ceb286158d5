/* trajectory: settings that change while a trial runs, by what training has cost (tokens, or reports), and where it
 * ends.
 *
 *     {"until": 800000, "steps": [{"from": 200000, "trial": 12, "params": {…}}]}
 *
 * The settings before the first step are the trial's own. As a whole schedule, to be exported and run again, the first
 * step is from 0.
 */
#ifndef TUNER_HISTORY_TRAJECTORY_H
#define TUNER_HISTORY_TRAJECTORY_H

#include "tuner/base/arena.h"
#include "tuner/study/study.h"

struct trajectory_step {
    double from;
    const double *config; /* space.n: all settings from then on */
    long trial;           /* the member that found it; −1: none */
};

struct trajectory { /* zero: no change, no end */
    double until;   /* it is to end there; 0: where it will */
    size_t n;
    const struct trajectory_step *step; /* in order */
};

/* One more step at the end. The list is a new one, as is the copy of `config`: snapshots keep theirs. */
void trajectory_add(struct trajectory *c, const struct space *space, struct arena *arena, double from,
                    const double *config, long trial);

/* The settings in force at a cost. */
const double *trajectory_settings(const struct trajectory *c, const double *own, double cost);

/* The caller owns them. */
json_t *trajectory_step_json(const struct trajectory_step *x, const struct space *space);
json_t *trajectory_json(const struct trajectory *c, const struct space *space);

/* In the arena. STATUS_INVALID: a step is incomplete, outside the space, or before the one in front of it; *ret then
 * has the steps until there. */
enum status trajectory_parse(const json_t *object, const struct space *space, struct arena *arena,
                             struct trajectory *ret, struct error *err);

#endif
