/* checkup: what all checks of a study look at, brought together once.
 *
 * Memory is read, never changed.
 */
#ifndef TUNER_ANALYSIS_CHECKUP_H
#define TUNER_ANALYSIS_CHECKUP_H

#include "tuner/analysis/health_facts.h"
#include "tuner/analysis/plan.h"
#include "tuner/analysis/ranking.h"

struct checkup {
    const struct memory *s;
    const struct health_facts *facts;
    struct arena *arena;
    const struct plan *plan;
    struct ranking all;
    size_t n; /* complete trials of the search in the space as it is now: what confirms or was told outside is not in */
    const struct trial **result;
    size_t ended, failed; /* trials that are final but for cancelled ones; those that failed */
};

/* Everything lies in the arena; memory, facts and `plan` (of now) must live as long. */
struct checkup checkup_make(const struct memory *s, const struct health_facts *facts, const struct plan *plan,
                            struct arena *arena);

/* A metric's value as people write it. In the arena. */
const char *checkup_shown(const struct checkup *x, size_t metric, double v);
/* The utility of a complete trial against the baseline as it was measured; NaN: it has none. */
double checkup_utility(const struct checkup *x, const struct trial *t);
/* Does it satisfy each constraint, as far as the baseline is known that it refers to? */
bool checkup_feasible(const struct checkup *x, const struct trial *t);
/* The chance that of n trials at least k are so, if each is with this probability: exact binomial. */
double checkup_chance(size_t k, size_t n, double p);

#endif
