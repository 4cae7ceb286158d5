/* errand: a change that a service is asked for: what is said, and what comes back in words that say whose turn it is.
 *
 * Durable when they return. A study that another process of the service's machine runs is asked by the service, as a
 * command there would ask it. STATUS_DENIED: the token's role may not do that, or it is not for this study. */
#ifndef TUNER_REMOTE_ERRAND_H
#define TUNER_REMOTE_ERRAND_H

#include "tuner/remote/caller.h"

/* Start nothing new; asked twice: end what runs. *ret_asked: false if it does not run. */
enum status errand_stop(struct caller *c, const char *study, bool *ret_asked, struct error *err);
/* Go on with a study that was stopped or paused, or is complete and gets more: `budget` as the API takes it, its limits
 * from the command line; NULL: those of its study file. STATUS_CONFLICT: it is at work. */
enum status errand_resume(struct caller *c, const char *study, const json_t *budget, struct error *err);
/* `params`: of all parameters. */
enum status errand_enqueue(struct caller *c, const char *study, const json_t *params, struct error *err);
/* `trial` −1: of the study; "": there is none any more. */
enum status errand_note(struct caller *c, const char *study, long trial, const char *text, struct error *err);
/* One after the other; the error names the trial, and those before it are queued again. */
enum status errand_retry(struct caller *c, const char *study, const long *trial, size_t n, struct error *err);

/* Rollouts: `body` as the API takes it. A new experiment; a watch; one of the verbs "ramp", "pause" …; outcomes, *ret: what
 * became of them, the caller's. */
enum status errand_start(struct caller *c, const json_t *body, struct error *err);
enum status errand_watch(struct caller *c, const char *rollout, const json_t *body, struct error *err);
enum status errand_order(struct caller *c, const char *rollout, const char *verb, const json_t *body,
                         struct error *err);
enum status errand_outcomes(struct caller *c, const char *rollout, const json_t *body, json_t **ret, struct error *err);

#endif
