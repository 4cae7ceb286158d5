/* condition: when a parameter exists. `when: distill == true`, "model in [mlp, gru] and (layers >= 2 or not tied ==
 * true)".
 *
 *     or   := and { "or" and }          and := not { "and" not }        not := "not" not | "(" or ")" | test
 *     test := PARAM ("==" | "!=" | "<" | "<=" | ">" | ">=") VALUE | PARAM "in" "[" VALUE {"," VALUE} "]"
 *
 * A test of a parameter that does not exist itself is false, so conditions nest. Comparisons by size are for int, float
 * and ordinal. A condition may refer only to parameters above its own: there are no cycles.
 */
#ifndef TUNER_STUDY_CONDITION_H
#define TUNER_STUDY_CONDITION_H

#include "tuner/study/space.h"

#include "tuner/base/arena.h"

/* `space` holds the parameters above. The text and the result live in the arena. The error has no position. */
enum status condition_parse(const struct space *space, const char *text, struct arena *arena,
                            const struct condition **ret, struct error *err);

/* The parameters that it tests are marked besides what is; `c` may be NULL. ret: one for each parameter */
void condition_params(const struct condition *c, bool *ret);

#endif
