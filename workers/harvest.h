/* harvest: the numbers of one execution: what the program has said of itself, and what was found in its output. */
#ifndef WORKERS_HARVEST_H
#define WORKERS_HARVEST_H

#include "workers/match.h"

#include "tuner/base/arena.h"

struct harvest {
    const char **metric; /* that a result must have */
    size_t n_metrics;
    bool may_be_silent; /* a result may be nothing at all */
    struct matcher *matcher; /* NULL: no metric has a pattern */
    json_t *result, *last_report;
    json_t *gathered; /* either, with what patterns have found */
};

/* `spec` is copied into the arena. STATUS_INVALID: a pattern is none. */
enum status harvest_init(struct harvest *h, const struct job_spec *spec, const struct match_handler *handler,
                         void *data, struct arena *arena, struct error *err);
void harvest_done(struct harvest *h);

/* The metrics become the harvest's. A report's are the last one's from now on, and returned as they are kept; of
 * results the first counts. `said`: by the program itself, not found by a pattern. */
const json_t *harvest_report(struct harvest *h, long step, json_t *metrics, bool said);
void harvest_result(struct harvest *h, json_t *metrics);

/* All that is known, at the end; NULL: nothing. */
const json_t *harvest_metrics(struct harvest *h);

/* Is it a result? Else why not. */
bool harvest_is_whole(struct harvest *h, char *why, size_t size);

#endif
