/* envelope: under which weights which configuration wins, without trying any.
 *
 * Vary the weight w of one metric from 0 to 1, the others keeping their proportions. With g a configuration's gain in
 * that metric over the baseline, in units of it (objective_gain), and h its mean gain in the others, by those
 * proportions, its utility is the line
 *     u(w) = w g + (1 − w) h
 * The winner at each w is on the upper envelope of all lines, whose corners are those of the upper hull of the points
 * (h, g) [de Berg et al., Computational Geometry, 8.2]: a sort, and one walk. From the corner of a to the next one, b,
 *     w = (hₐ − h_b) / ((hₐ − h_b) + (g_b − gₐ))
 * Of the same point the one that `best` names counts: what keeps farther from the constraints, then the older.
 *
 * What may win is what `nocturne best --weights` lets win: any configuration that satisfies the constraints, measured
 * once or often. By exactly the study's own weights only a confirmed one does, if there is any: the winner is asked of
 * the ranking, not of this.
 */
#ifndef TUNER_ANALYSIS_ENVELOPE_H
#define TUNER_ANALYSIS_ENVELOPE_H

#include "tuner/analysis/ranking.h"

#include <jansson.h>

struct envelope_step {
    double weight; /* from this one on, up to the next step's, … */
    long trial;    /* … this one wins */
};

struct envelope {
    size_t metric; /* whose weight it is */
    double weight; /* that it has now */
    size_t n_front;
    const long *front; /* trials that no other beats in both g and h, by falling h */
    size_t n;
    const struct envelope_step *from; /* the first from weight 0 */
};

/* `o`: an objective of weights, by which `all` was made; `metric`: −1: the first that has a weight. The others share as
 * `o` has them; if it has none of them, as the study's own objective has, else equally. In the arena. False: there is
 * one metric only, and nothing to weigh it against. */
bool envelope_make(const struct memory *s, const struct objective *o, const struct ranking *all, int metric,
                   struct arena *arena, struct envelope *ret);

/* {"metric", "weights", "winner", "front", "from"}; the caller owns it. */
json_t *envelope_json(const struct objective *o, const struct ranking *all, const struct envelope *x);

#endif
