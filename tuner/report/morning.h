/* morning: the story of a study for who sees nothing else of it: what won, against what, how sure, what it cost, what
 * next. Words first; every number is one that `best`, `status`, `trials`, `stopping` and `plan` give as well.
 *
 * Any state of a study has one: also nothing complete, no baseline, nothing confirmed; what is not known is said. Fixed
 * to the last event in memory: the same log makes the same story, but for its health, which knows the clock.
 * Everything lies in the arena; memory and health must live as long. STATUS_IO.
 */
#ifndef TUNER_REPORT_MORNING_H
#define TUNER_REPORT_MORNING_H

#include "tuner/report/morning_facts.h"
#include "tuner/report/story.h"

enum status morning_make(const struct memory *s, const struct morning_facts *facts, struct arena *a, struct story *ret,
                         struct error *err);

#endif
