/* fitted: what was made of a study's results at some cost, kept for as long as there are no others: trials that are
 * suggested, begin and report change nothing, those that end, and what is said of them later, do.
 *
 * fitted_keep drops what is about other results, fitted_surface and fitted_importance make what is not there,
 * fitted_drop ends it. One of zeros is empty.
 *
 * Whoever has the memory has what was fitted to it; nobody else may change either meanwhile. What is returned lives
 * until fitted_keep finds something new, or fitted_drop. STATUS_EXHAUSTED: there are too few results so far.
 */
#ifndef TUNER_SERVICE_FITTED_H
#define TUNER_SERVICE_FITTED_H

#include "tuner/analysis/analysis.h"

/* Results: the same numbers, the same results, in the log of one study. */
struct fitted_to {
    size_t n;         /* trials that have ended */
    int64_t seq;      /* of the last event about one of these */
    int64_t baseline; /* … since which utilities are relative to the same */
};

struct fitted {
    struct fitted_to to;
    struct surface *surface; /* NULL: nobody has asked */
    json_t *importance;      /* the same */
};

enum status fitted_surface(struct fitted *f, const struct memory *s, const struct surface **ret, struct error *err);
/* As `nocturne importance --json` has it; not the caller's. */
enum status fitted_importance(struct fitted *f, const struct memory *s, json_t **ret, struct error *err);

void fitted_keep(struct fitted *f, const struct memory *s);
void fitted_drop(struct fitted *f);
size_t fitted_bytes(const struct fitted *f); /* about */

#endif
