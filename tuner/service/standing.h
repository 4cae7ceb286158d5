/* standing: how a study stands, in answers: as its log and its kept state have it, and what only the loop knows.
 *
 *   on the loop ─▶ standing_answer(r, 200, standing_show)      the whole of it, of {study}
 *               └▶ standing_take ─▶ request_work ─▶ standing_find    of any, by the work that follows
 */
#ifndef TUNER_SERVICE_STANDING_H
#define TUNER_SERVICE_STANDING_H

#include "tuner/service/active_study.h"
#include "tuner/service/request.h"

struct standing_now; /* what the loop knew; in the request's arena */

/* Of all studies at work, or of one. */
const struct standing_now *standing_take(struct request *r, const char *study);
/* By a work: the document of a study, the caller's. */
enum status standing_find(struct request *r, const struct standing_now *x, const char *name, json_t **ret,
                          struct error *err);
/* The same on the loop, of one that has just begun. */
json_t *standing_fresh(struct request *r, const struct active_study *as);

/* Answers what is said of {study}, with `status`, by a work whose state is the standing. */
void standing_answer(struct request *r, unsigned status, void (*run)(struct request *r));
void standing_show(struct request *r);      /* such a work: the study's document */
void standing_show_news(struct request *r); /* … unless the client has it */

/* A problem: of {study}, if there is none. */
void standing_fail(struct request *r, const struct error *err);
/* Of a study that could not be opened: a busy database is waited for, another process that runs it is not. */
void standing_fail_opening(struct request *r, const char *study, const struct error *err);

#endif
