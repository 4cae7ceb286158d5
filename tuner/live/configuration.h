/* configuration: what can be served: parameters, and where they come from. Immutable, known by its content: the SHA-256
 * of its JSON on one line, keys sorted, as it is kept.
 *
 *     {"parameters": {…}, "stages": [{"stage", "digest"}, …]?, "study": "g2p", "trial": 41?, "metrics": {…}?}
 */
#ifndef TUNER_LIVE_CONFIGURATION_H
#define TUNER_LIVE_CONFIGURATION_H

#include "tuner/base/digest.h"
#include "tuner/base/json.h"

#include "tuner/history/history.h"

struct configuration {
    unsigned char hash[DIGEST_BYTES];
    char *body; /* the caller frees it */
};

/* Of a trial that is complete. STATUS_INVALID: it is not; STATUS_NOT_FOUND. */
enum status configuration_of_trial(const struct memory *s, long trial, struct configuration *ret, struct error *err);
/* The study's best, which fresh seeds have confirmed, for configuration_of_trial. STATUS_NOT_FOUND: nothing is complete
 * that satisfies its constraints; STATUS_INVALID: it is the baseline, or it is not confirmed. */
enum status configuration_best(const struct memory *s, long *ret_trial, struct error *err);
/* Of the study's baseline: of its trial, if that is complete, else of the parameters alone. STATUS_NOT_FOUND: it has
 * none. */
enum status configuration_of_baseline(const struct memory *s, struct configuration *ret, struct error *err);
/* Of parameters that somebody wrote: they must fit the study's space. */
enum status configuration_of_params(const struct study *study, const json_t *params, struct configuration *ret,
                                    struct error *err);
/* Of any JSON object. */
void configuration_of_json(const json_t *body, struct configuration *ret);

#endif
