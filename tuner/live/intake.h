/* intake: outcomes as clients send them, into the store: checked one by one, known by unit and id, so that what is sent
 * again changes nothing.
 *
 *     {"outcomes": [{"unit", "variant", "id"?, "at_ms"?, "experiment"?, "period"?, "segment"?, "expected"?,
 *                    "metrics": {"em": 1, "tokens": 120}?, "shadow": {"challenger": {"em": 0, "tokens": 90}, …}?}, …]}
 *
 * taken     it is there now
 * repeated  it was there before
 * late      its unit's window was closed
 * left out  not counted by any rule: an override, the holdout, another group's, another experiment's, one of a unit
 *           that now has another variant than first, or nothing runs
 * refused   it cannot be: unknown variant, a value beyond the metric's range, a time in the future, a variant that is
 *           not the unit's, a metric that nobody follows. Of what only says nonsense of what it did the unit was served all the same
 *
 * What only the watch follows is left out of what an experiment is told, and the other way round: clients tell all of it.
 */
#ifndef TUNER_LIVE_INTAKE_H
#define TUNER_LIVE_INTAKE_H

#include "tuner/live/lane.h"

enum { INTAKE_ITEMS_MAX = 10000, INTAKE_FUTURE_MS = 300000, INTAKE_ID_MAX = 200 };

enum intake_word { INTAKE_TAKEN, INTAKE_REPEATED, INTAKE_LATE, INTAKE_LEFT_OUT, INTAKE_REFUSED };

struct intake_answer {
    long n[INTAKE_REFUSED + 1];
    json_t *refused; /* [{"index", "why"}, …], the first hundred; the caller's */
};

/* Within a transaction of the lane's store. `lane` NULL: nothing runs, and all is left out. What the database refuses
 * is the status; what is wrong with an item is in the answer. `outcomes`: the list. */
enum status intake_take(const struct lane *lane, const json_t *outcomes, int64_t now_ms, struct intake_answer *ret,
                        struct error *err);

/* Who is not counted, whatever is drawn. */
enum intake_aside { ASIDE_NOT, ASIDE_OVERRIDE, ASIDE_HOLDOUT, ASIDE_GROUP };
enum intake_aside intake_aside(const struct live_plan *p, const char *rollout, const char *unit,
                               const char **ret_variant);
/* The salt of a rollout's holdout: the same for all its experiments. */
const char *intake_holdout_salt(const char *rollout, char *buf, size_t size);

#endif
