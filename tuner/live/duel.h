/* duel: is a configuration worse than the champion on this seed, item by item, each pair on the same item? Who is worse
 * for sure need not answer the others.
 *
 * A race [rollout/race.h] for each metric of the objective that is a proportion; others have no bound. The champion has
 * answered all items, the challenger answers them one after the other, in an order that is random. Whether it is, shows
 * in the champion's answers to the items so far: if they are far from its mean, the order is not (easy ones first,
 * say), and that race says nothing any more.
 *
 *     duel_begin(&d, &objective, &champion, leeway, seeds, &arena);
 *     const struct duel_race *lost = duel_see(&d, id, value);      each time a program says something of an item
 */
#ifndef TUNER_LIVE_DUEL_H
#define TUNER_LIVE_DUEL_H

#include "tuner/analysis/analysis.h"
#include "tuner/live/answers.h"
#include "tuner/rollout/rollout.h"

enum duel_word { DUEL_OPEN, DUEL_LOST, DUEL_VOID /* the order is not random */ };

struct duel_race {
    size_t metric;
    enum duel_word word;
    double spread; /* of the champion's answers */
    struct race race;
};

struct duel {
    const struct objective *objective;
    const struct answers *champion;
    struct answers challenger; /* of items that the champion has answered */
    size_t n;
    struct duel_race race[METRICS_MAX];
    const struct duel_race *lost; /* once it is, it stays; NULL: none */
};

/* Has the champion said of some item what a race is about? Else nobody can lose. */
bool duel_has_races(const struct objective *o, const struct answers *champion);

/* By how much more than the study's margin a configuration may be worse on one seed, for seeds differ: as far as the
 * champion's do, of which each has said `champion[k]`. Of one seed, and of seeds that do not differ, 0. `ret`:
 * n_metrics. */
void duel_leeway(const struct objective *o, const struct answers *champion, size_t seeds, double *ret);

/* `leeway`: n_metrics, ≥ 0: duel_leeway; `seeds`: on which this is asked. Of those that are not worse on all of them
 * few in a hundred lose. `champion` and the arena must live as long. False: there is nothing to compare. */
bool duel_begin(struct duel *d, const struct objective *o, const struct answers *champion, const double *leeway,
                size_t seeds, struct arena *arena);
/* `value`: n_metrics, of the challenger's, NaN: nothing. An item that the champion does not know, and one that was
 * answered before, change nothing. Returns d->lost. */
const struct duel_race *duel_see(struct duel *d, const char *id, const double *value);

#endif
