/* replay: computes every suggestion of a study again, from its log alone.
 *
 * A suggestion is a function of the study file, the seed, the trial's number and the events that were known when it was
 * made (tuner/search/README.md). So none may differ; what comes next after a crash is what would have come without it.
 */
#ifndef TUNER_ANALYSIS_REPLAY_H
#define TUNER_ANALYSIS_REPLAY_H

#include "tuner/history/history.h"

struct replay {
    size_t checked;            /* suggestions that were computed again */
    size_t skipped;            /* from before there was a log of what was known */
    long differs;              /* number of the first trial that came out otherwise; −1: none */
    char was[1024], now[1024]; /* its configuration and reason, then and now */
    json_t *next; /* the suggestion that would come next; NULL: none (the space is exhausted). The caller's */
};

/* `progress` is called now and then with the number of suggestions done and in all; may be NULL. */
enum status replay_study(struct store *store, const char *name, const struct clock *clock,
                         void (*progress)(size_t done, size_t all), struct replay *ret, struct error *err);

#endif
