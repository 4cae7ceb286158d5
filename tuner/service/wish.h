/* wish: what is to be tried on a rollout, as a request says it.
 *
 *     {"study": "g2p", "rollout"?: "g2p", "champion"?: 3 | {"parameters": {…}}, "challengers"?: [41 | {"parameters": {…}}],
 *      "plan"?: "units: 20000" | {"units": 20000}, "salt"?: "g2p-3"}
 *
 * Numbers are trials. Without challengers it is the study's best, which fresh seeds have confirmed; without a champion
 * what is served now, or, of a new rollout, the study's baseline.
 */
#ifndef TUNER_SERVICE_WISH_H
#define TUNER_SERVICE_WISH_H

#include "tuner/service/request.h"

#include "tuner/live/live.h"

/* What the body says, without the study's help. */
struct wish {
    const char *study, *rollout, *plan, *salt;
    const json_t *champion, *challengers; /* NULL: not said */
};

/* STATUS_INVALID; texts are the request's. */
enum status wish_read(struct request *r, struct wish *ret, struct error *err);

/* By a work: the same for live_start; configurations are the caller's, wish_done in any case. `from`: the study. */
struct wished {
    struct configuration champion, challenger[LIVE_CHALLENGERS_MAX];
    struct live_wish wish;
};
enum status wish_resolve(const struct wish *w, struct store *store, const struct memory *from, struct wished *ret,
                         struct error *err);
void wish_done(struct wished *x);

/* How a rollout is to be watched: {"study": "g2p", "champion"?: 3 | {"parameters": {…}}, "plan"?: "…" | {…}}. Of a new
 * rollout the champion is the study's best, without more being said; metrics that the plan does not name are the study's. */
enum status wish_read_watch(struct request *r, struct wish *ret, struct error *err);
struct wished_watch {
    struct configuration champion;
    struct live_watch_wish wish;
    const char *unwatched; /* metrics of the study; "" */
};
/* By a work, as wish_resolve; texts lie in the arena, and champion.body is to be freed in any case. */
enum status wish_resolve_watch(const struct wish *w, struct store *store, const struct memory *from, struct arena *arena,
                               struct wished_watch *ret, struct error *err);

#endif
