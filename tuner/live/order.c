#include "tuner/live/change.h"
#include "tuner/live/decision.h"
#include "tuner/live/live.h"

#include <string.h>

const char *live_verb_name(enum live_verb verb)
{
#define NAME(id, name) [LIVE_DO_##id] = name,
    static const char *const names[] = {LIVE_VERBS(NAME)};
#undef NAME
    return names[verb];
}

bool live_verb_parse(const char *name, enum live_verb *ret)
{
    for (int i = 0; i < LIVE_VERB_COUNT; i++)
        if (strcmp(name, live_verb_name((enum live_verb)i)) == 0) return *ret = (enum live_verb)i, true;
    return false;
}

struct ordering {
    const char *rollout;
    const struct live_order *order;
    int64_t now_ms;
    struct record r;
};

static enum status order_ramp(struct ordering *o, struct error *err)
{
    struct record *r = &o->r;
    size_t step = r->experiment.step + 1;
    while (step < r->plan.n_steps && r->plan.step[step] < o->order->share) step++;
    if (r->experiment.phase != LIVE_RUNNING)
        return error_set(err, STATUS_CONFLICT, "the experiment is %s; only a running one is ramped",
                         live_phase_name(r->experiment.phase));
    if (step >= r->plan.n_steps)
        return error_set(err, STATUS_CONFLICT,
                         "it is at %g %%, and the plan's ramp has no step %s; promote it, or wait",
                         100 * r->plan.step[r->experiment.step], o->order->share > 0 ? "of that share" : "beyond that");
    return change_step(r, step, change_body(o->order->why, o->order->by), o->now_ms, err);
}

static enum status order_promote(struct ordering *o, struct error *err)
{
    struct experiment *e = &o->r.experiment;
    int arm = e->n_challengers == 1 ? 1 : e->winner + 1;
    if (o->order->variant) arm = experiment_arm(e, o->order->variant);
    if (arm < 1)
        return error_set(err, STATUS_INVALID, "which challenger? Give one of challenger-1 … challenger-%zu",
                         e->n_challengers);
    return change_promote(&o->r, (size_t)arm - 1, change_body(o->order->why, o->order->by), o->now_ms, err);
}

static enum status order_kill(struct ordering *o, struct error *err)
{
    struct record *r = &o->r;
    const char *why = o->order->why && *o->order->why ? o->order->why : "killed by an operator";
    enum status s = STATUS_OK;
    if (record_is_open(r) && r->experiment.phase != LIVE_PAUSED)
        s = change_phase(r, LIVE_PAUSED, change_body(why, o->order->by), o->now_ms, err);
    if (s) return s;
    r->killed = why;
    return record_say(r, "killed", change_body(why, o->order->by), o->now_ms, err);
}

static enum status order_revive(struct ordering *o, struct error *err)
{
    o->r.killed = "";
    return record_say(&o->r, "revived", change_body(o->order->why, o->order->by), o->now_ms, err);
}

/* Also of what was promoted, as long as nothing came after it: the champion of before is served again. */
static enum status order_rollback(struct ordering *o, struct error *err)
{
    struct record *r = &o->r;
    bool promoted = r->row.id && r->experiment.phase == LIVE_PROMOTED;
    if (!record_is_open(r) && !promoted)
        return error_set(err, STATUS_CONFLICT, "rollout '%s' has nothing that could be rolled back", o->rollout);
    enum status s = change_phase(r, LIVE_ROLLED_BACK, change_body(o->order->why, o->order->by), o->now_ms, err);
    if (!s && promoted) record_serve(r, r->hash[0], o->now_ms);
    return s;
}

static enum status order_approve(struct ordering *o, struct error *err)
{
    if (!o->r.watching) return error_set(err, STATUS_CONFLICT, "nobody watches rollout '%s'", o->rollout);
    enum status s = watch_approve(&o->r.watching->watch, err);
    return s ? s : record_say(&o->r, "approved", change_body(o->order->why, o->order->by), o->now_ms, err);
}

static enum status order_decline(struct ordering *o, struct error *err)
{
    if (!o->r.watching) return error_set(err, STATUS_CONFLICT, "nobody watches rollout '%s'", o->rollout);
    enum status s = watch_decline(&o->r.watching->watch, o->now_ms, err);
    return s ? s : record_say(&o->r, "declined", change_body(o->order->why, o->order->by), o->now_ms, err);
}

static enum status order_unwatch(struct ordering *o, struct error *err)
{
    if (!o->r.watching) return error_set(err, STATUS_CONFLICT, "nobody watches rollout '%s'", o->rollout);
    o->r.watching = NULL;
    return record_say(&o->r, "unwatched", change_body(o->order->why, o->order->by), o->now_ms, err);
}

static enum status give(struct ordering *o, struct error *err)
{
    const struct live_order *x = o->order;
    if (x->verb == LIVE_DO_KILL) return order_kill(o, err);
    if (x->verb == LIVE_DO_REVIVE) return order_revive(o, err);
    if (x->verb == LIVE_DO_APPROVE) return order_approve(o, err);
    if (x->verb == LIVE_DO_DECLINE) return order_decline(o, err);
    if (x->verb == LIVE_DO_UNWATCH) return order_unwatch(o, err);
    if (x->verb == LIVE_DO_ROLLBACK) return order_rollback(o, err);
    if (!record_is_open(&o->r))
        return error_set(err, STATUS_CONFLICT, "rollout '%s' has no experiment that runs", o->rollout);
    switch (x->verb) {
    case LIVE_DO_RAMP: return order_ramp(o, err);
    case LIVE_DO_PAUSE: return change_phase(&o->r, LIVE_PAUSED, change_body(x->why, x->by), o->now_ms, err);
    case LIVE_DO_RESUME:
        o->r.experiment.heard_ms = o->now_ms;
        return change_phase(&o->r, decide_phase(&o->r.experiment, &o->r.findings),
                            change_body(x->why, x->by), o->now_ms, err);
    case LIVE_DO_STOP: return change_phase(&o->r, LIVE_STOPPED, change_body(x->why, x->by), o->now_ms, err);
    case LIVE_DO_PROMOTE: return order_promote(o, err);
    case LIVE_DO_ROLLBACK:
    case LIVE_DO_KILL:
    case LIVE_DO_REVIVE:
    case LIVE_DO_APPROVE:
    case LIVE_DO_DECLINE:
    case LIVE_DO_UNWATCH:
    case LIVE_VERB_COUNT: break;
    }
    return STATUS_OK;
}

static enum status order_it(struct store *store, void *data, struct error *err)
{
    struct ordering *o = data;
    enum status s = record_open(&o->r, store, o->rollout, RECORD_WHOLE, err);
    if (!s && o->order->version && o->order->version != o->r.rollout.version)
        s = error_set(err, STATUS_CONFLICT,
                      "rollout '%s' has changed since you looked (it is at %lld, not %lld); look again", o->rollout,
                      (long long)o->r.rollout.version, (long long)o->order->version);
    if (!s) o->now_ms = record_time(&o->r, o->now_ms);
    if (!s) s = give(o, err);
    return s ? s : record_keep(&o->r, err);
}

enum status live_order(struct store *store, const char *rollout, const struct live_order *order, int64_t now_ms,
                       struct error *err)
{
    struct ordering o = {.rollout = rollout, .order = order, .now_ms = now_ms};
    enum status s = store_live(store, order_it, &o, err);
    record_done(&o.r);
    return s;
}
