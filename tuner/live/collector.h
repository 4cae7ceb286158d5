/* collector: takes outcomes in the service's place, scores their units itself and passes on sums: a few kilobytes for any
 * number of units. For more outcomes than one service takes, near where they arise.
 *
 * It has a store of its own (the same tables, in a file that is not the service's), in which rollout and experiment stand as
 * the service has them. All outcomes of a unit must come to the same collector, or a unit would be scored by each. What
 * it cannot score is passed on as it is: before the first challenger (what is usual, and the shadow, are learnt of the
 * outcomes themselves), of other experiments, or without a period.
 *
 * Units and what was counted of them change in one transaction; sums that are to be sent keep their number until the
 * service has taken them, which takes each number once. So whatever ends the process, nothing is lost or counted twice.
 *
 *     const struct collector c = {store, "g2p"};
 *     collector_mirror(&c, scoring, &err);                        // what live_scoring says, every few seconds
 *     collector_take(&c, outcomes, false, now_ms, &taken, &err);  // taken.plain goes to the service
 *     collector_score(&c, &more, &err);
 *     collector_pack(&c, &sums, &err);                            // which goes to live_sums
 *     collector_sent(&c, &err);
 */
#ifndef TUNER_LIVE_COLLECTOR_H
#define TUNER_LIVE_COLLECTOR_H

#include "tuner/base/json.h"

#include "store/store.h"

struct collector {
    struct store *store;
    const char *rollout;
};

/* How the service has it now. Units are scored up to then: whether shares have changed is known until then, and no longer. */
enum status collector_mirror(const struct collector *c, const json_t *scoring, struct error *err);

struct collector_taken {
    bool newer;         /* a period that has not been mirrored: nothing was taken; mirror it first */
    json_t *plain;      /* those that the service must have itself; the caller's */
    json_t *refused;    /* [{"index", "why"}, …], of those that were taken; the caller's */
};
/* `outcomes`: a list; `known`: what is newer by now is passed on, and the service says what it thinks of it. Durable when it
 * returns; the same ones again change nothing. STATUS_NOT_FOUND: nothing is mirrored yet. */
enum status collector_take(const struct collector *c, const json_t *outcomes, bool known, int64_t now_ms,
                           struct collector_taken *ret, struct error *err);
/* *ret_more: at once again. */
enum status collector_score(const struct collector *c, bool *ret_more, struct error *err);
/* The body for live_sums, the same until collector_sent; the caller's. NULL: there is nothing. */
enum status collector_pack(const struct collector *c, json_t **ret, struct error *err);
enum status collector_sent(const struct collector *c, struct error *err);

#endif
