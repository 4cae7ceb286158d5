/* plan_study: is a plan about what the study measures? Only one that names no metrics may be not: its defaults are
 * exact match and tokens, and clients of another study would be refused each outcome.
 *
 *     s = live_plan_read("plan", text, &arena, &plan, &err);
 *     if (!s) s = live_plan_suits(&plan, text, study, &err);
 */
#ifndef TUNER_LIVE_PLAN_STUDY_H
#define TUNER_LIVE_PLAN_STUDY_H

#include "tuner/live/plan.h"

#include "tuner/study/study.h"

/* `text`: what it was read from. STATUS_INVALID: it names no metrics, and the study lacks one of the default's. */
enum status live_plan_suits(const struct live_plan *p, const char *text, const struct study *study, struct error *err);

#endif
