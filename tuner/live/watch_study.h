/* watch_study: what a study says of how its champion is watched: its metrics, where a plan names none, and how far a watch
 * can go.
 *
 *     s = watch_plan_read("watch.yaml", text, &arena, &plan, &err);
 *     if (!s && !watch_plan_says_metrics(text, &arena))
 *         s = watch_plan_of_study(&plan, memory, champion, &arena, &unwatched, &err);
 *     if (!s) s = watch_plan_fits(&plan, memory->study, &err);
 */
#ifndef TUNER_LIVE_WATCH_STUDY_H
#define TUNER_LIVE_WATCH_STUDY_H

#include "tuner/live/watch.h"

#include "tuner/history/history.h"

/* Does a plan that can be read name metrics? */
bool watch_plan_says_metrics(const char *text, struct arena *arena);
/* Those of the study's objective whose range is known; `champion`: a configuration's JSON, whose results say what is usual.
 * *ret_unwatched: the names of the others, in the arena; "": there are none. STATUS_INVALID: all are others. */
enum status watch_plan_of_study(struct watch_plan *p, const struct memory *s, const json_t *champion, struct arena *arena,
                                const char **ret_unwatched, struct error *err);
/* STATUS_INVALID: the plan goes further than a watch of this study can. */
enum status watch_plan_fits(const struct watch_plan *p, const struct study *study, struct error *err);

/* As text, all of it, in the arena. */
const char *watch_plan_text(const struct watch_plan *p, struct arena *arena);

#endif
