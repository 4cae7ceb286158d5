/* ruleset: what a client needs to assign units by itself (workers/sdk), and the same assignment here, for who asks over
 * the network.
 *
 *     {"rollout", "version", "valid_ms", "refresh_ms", "variants": {"champion": {"hash", "parameters"}, …},
 *      "experiment"?, "period"?, "salt"?, "ranges": [[from, to, variant], …]?, "group"?, "holdout"?, "overrides"?,
 *      "shadow"?: ["challenger", …], "killed"?}
 *
 * `shadow`: whoever asks for the champion runs these, too, on the same request, in the background; only the champion
 * answers, and its outcome says what they would have done (intake.h).
 */
#ifndef TUNER_LIVE_RULESET_H
#define TUNER_LIVE_RULESET_H

#include "tuner/live/record.h"

enum { RULESET_VALID_MS = 60000, RULESET_REFRESH_MS = 5000 };

enum ruleset_reason { REASON_STATIC, REASON_SPLIT, REASON_TARGETING_MATCH, REASON_DISABLED }; /* OpenFeature's words */

struct assigned {
    char variant[32];
    enum ruleset_reason reason;
    bool counted;
};

struct ruleset;
struct ruleset *ruleset_create(struct record *r, struct error *err); /* NULL: failed */
void ruleset_free(struct ruleset *x);
struct assigned ruleset_assign(const struct ruleset *x, const char *unit);
const json_t *ruleset_document(const struct ruleset *x); /* as above */
const char *ruleset_reason_name(enum ruleset_reason reason);

#endif
