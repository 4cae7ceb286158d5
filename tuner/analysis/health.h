/* health: is a study all right? A list of checks, each one sentence with its numbers and one action.
 *
 * The same list, in the same words, for terminal, API, page, report and notification. It is made from memory and the
 * clock when somebody asks, and never kept: much of it changes while nothing happens. run_checks.h, space_checks.h and
 * result_checks.h have the rules, and how often each cries wolf. Costs a few passes over the trials, the plan's
 * simulation, and of a study that rests a model of its results (result_checks.h, "model").
 *
 *     struct arena a = {0};
 *     struct health h = health_of(memory, &(struct health_facts){.known = true, .running = true}, &a);
 *     json_t *json = health_json(&h);
 *     arena_done(&a);
 */
#ifndef TUNER_ANALYSIS_HEALTH_H
#define TUNER_ANALYSIS_HEALTH_H

#include "tuner/analysis/end_forecast.h"
#include "tuner/analysis/finding.h"
#include "tuner/analysis/health_facts.h"

struct health {
    enum health_level level; /* the worst; HEALTH_FINE if nothing can be said yet */
    int64_t run_ms;          /* how long the run has gone on; 0: there was none */
    size_t n;
    struct finding finding[HEALTH_CHECKS_ALL]; /* in the order of their kinds; those that have something to say */
    struct plan plan;                          /* of the rest, as of now … */
    struct end_forecast forecast;              /* … and by it */
};

/* Texts are in the arena. `facts` need not live on. */
struct health health_of(const struct memory *s, const struct health_facts *facts, struct arena *arena);

/* {"level", "checks": [{"check", "level", "sentence", "action"}], "later": [{"check", "sentence"}]}: action null where
 * nothing is to be done. The caller owns it. */
json_t *health_json(const struct health *h);

#endif
