/* contest: is a configuration worse than the champion, seed by seed, each pair on the same seed? Who is worse for sure need
 * not be run on the others.
 *
 * A race [rollout/race.h] for each metric of the objective that is a proportion; others have no bound, and race is told
 * nothing of them. The champion is known on all seeds. It is for programs that say nothing of single items (duel.h): a seed
 * is an item, its mean one answer: a challenger that is much worse goes early, one that is a little worse at the end. Of
 * means that vary by 0.02 around a champion's 0.6, 2,000 races each: 20 points behind goes after 7 of 10 seeds, 14 of 20,
 * 22 of 50; 40 points after 3 of 5, 6 of 10, 11 of 50.
 *
 *     contest_begin(&c, &objective, champion, seeds);
 *     for (size_t k = 0; k < seeds && !contest_see(&c, k, challenger); k++) continue; // challenger: as it is on seed k
 */
#ifndef TUNER_LIVE_CONTEST_H
#define TUNER_LIVE_CONTEST_H

#include "tuner/analysis/analysis.h"
#include "tuner/rollout/rollout.h"

struct contest {
    const struct objective *objective;
    const double *const *champion; /* [metric][seed], NaN: no result */
    size_t n;
    struct contest_race {
        size_t metric;
        struct race race;
    } race[METRICS_MAX];
};

/* `champion` must live as long. */
void contest_begin(struct contest *c, const struct objective *o, const double *const *champion, size_t seeds);
/* `challenger`: of each metric what it has on this seed, NaN: nothing, which changes nothing. True: by more than the
 * study's margin it is worse in one of them, for sure: of those that are not, on all these seeds, few in a hundred are called
 * so (race.h). */
bool contest_see(struct contest *c, size_t seed, const double *challenger);

#endif
