#include "tuner/live/change.h"
#include "tuner/live/course.h"
#include "tuner/live/decision.h"
#include "tuner/live/live.h"
#include "tuner/live/scoring.h"

#include <math.h>
#include <string.h>

struct ticking {
    const char *rollout;
    int64_t now_ms;
    struct live_ticked ticked;
    bool alarmed;
    struct record r;
};

/* What was served before this champion says nothing of it; and what is usual now is learnt of who came since, as is what
 * is so after an alarm. */
static bool is_of_now(const struct ticking *t, const struct scored_unit *unit)
{
    const struct watch *w = &t->r.watching->watch;
    bool since = w->phase == WATCH_LEARNING || w->phase == WATCH_DRIFTED;
    return unit->at_ms >= t->r.rollout.since_ms && (!since || unit->at_ms >= w->since_ms);
}

/* A scored unit of the champion, whose values are in the order of `plan`. */
static void watch_unit(struct ticking *t, const struct live_plan *plan, const struct scored_unit *unit)
{
    struct watching *w = t->r.watching;
    double values[LIVE_METRICS_MAX];
    bool has[LIVE_METRICS_MAX];
    if (!w || !is_of_now(t, unit)) return;
    for (size_t i = 0; i < w->plan.n; i++) {
        int m = live_plan_metric(plan, w->plan.metric[i].name);
        has[i] = m >= 0;
        values[i] = has[i] ? unit->value[m] : NAN;
    }
    if (watch_see(&w->watch, values, has, t->now_ms)) t->alarmed = true;
}

/* What was learnt says better than the plan could whether the planned units are enough. */
static enum status check_units(const struct record *r, struct error *err)
{
    for (size_t i = 0; i < r->findings.n_challengers; i++)
        for (size_t t = 0; t < r->findings.n_tracks; t++) {
            const struct sequence_plan *p = &r->findings.challenger[i].track[t].sequence.plan;
            const struct live_metric *m = &r->plan.metric[r->findings.track[t].metric];
            bool decides = m->proof != PROOF_NONE && p->information > 0;
            if (decides && !exposure_can_decide(p->information, p->effect))
                return error_set(err, STATUS_INVALID,
                                 "the %.0f planned units cannot decide a difference of %g in %s, as it varies with the "
                                 "champion; plan more units, or a larger effect",
                                 r->plan.units, m->effect, m->name);
        }
    return STATUS_OK;
}

static enum status begin(struct record *r, const char *why, int64_t now_ms, struct error *err)
{
    struct error cannot;
    if (findings_begin(&r->findings, &cannot) || check_units(r, &cannot))
        return change_phase(r, LIVE_ROLLED_BACK, change_body(cannot.text, NULL), now_ms, err);
    r->changed = true;
    enum live_phase next = decide_phase(&r->experiment, &r->findings);
    return change_phase(r, next, change_body(why, NULL), now_ms, err);
}

static enum status act(struct record *r, const struct decision *d, int64_t now_ms, struct error *err)
{
    struct experiment *e = &r->experiment;
    json_t *body = change_body(d->why, NULL);
    enum status s = STATUS_OK;
    switch (d->act) {
    case ACT_NONE: json_decref(body); return s;
    case ACT_BEGIN: json_decref(body); return begin(r, d->why, now_ms, err);
    case ACT_DROP: return change_drop(r, d->challenger, body, now_ms, err);
    case ACT_ROLL_BACK: return change_phase(r, LIVE_ROLLED_BACK, body, now_ms, err);
    case ACT_RUN: return change_phase(r, LIVE_RUNNING, body, now_ms, err);
    case ACT_RESUME:
        e->heard_ms = now_ms;
        return change_phase(r, decide_phase(e, &r->findings), body, now_ms, err);
    case ACT_PROMOTE: return change_promote(r, d->challenger, body, now_ms, err);
    case ACT_SHARE: return change_share(r, &d->preferred, body, now_ms, err);
    case ACT_RAMP: return change_step(r, e->step + 1, body, now_ms, err);
    case ACT_PAUSE:
        s = change_phase(r, LIVE_PAUSED, body, now_ms, err);
        if (!s) e->until_ms = d->until_ms;
        return s;
    case ACT_ASK: e->winner = (int)d->challenger; return record_say(r, "ready", body, now_ms, err);
    }
    return s;
}

/* ---- the experiment ---- */

static void see_pairs(struct record *r, const struct pairs *pairs)
{
    struct pair pair;
    for (size_t i = 0; i < r->experiment.n_challengers; i++)
        if (pairs_of(pairs, i, &pair)) findings_see_pair(&r->findings, i, &pair);
}

static void see_unit(void *data, const struct scored_unit *unit)
{
    struct ticking *t = data;
    struct record *r = &t->r;
    if (r->findings.begun)
        findings_see(&r->findings, unit, r->experiment.period[unit->period].share);
    else if (unit->arm == 0)
        findings_learn(&r->findings, unit);
    if (r->experiment.phase == LIVE_SHADOW) see_pairs(r, unit->pairs);
    r->changed = true;
    if (unit->arm == 0) watch_unit(t, &r->plan, unit);
}

static bool ends(const struct decision *d)
{
    return d->act == ACT_ROLL_BACK || d->act == ACT_PROMOTE;
}

static enum status tick_experiment(struct ticking *t, struct error *err)
{
    struct record *r = &t->r;
    struct judgement j;
    struct lane lane;
    size_t n = 0;
    record_lane(r, &lane);
    enum status s = scoring_close(&lane, t->now_ms, see_unit, t, &n, err);
    if (s) return s;
    judge(&r->experiment, &r->findings, false, &j);
    struct decision d = decide(&r->experiment, &r->findings, &j, t->now_ms);
    t->ticked.changed = n > 0 || d.act != ACT_NONE;
    t->ticked.more = n == SCORING_UNITS || d.act != ACT_NONE;
    s = course_note(r, ends(&d) ? COURSE_END : COURSE_USUAL, t->now_ms, err);
    return s ? s : act(r, &d, t->now_ms, err);
}

/* ---- who watches ---- */

static void see_champion(void *data, const struct scored_unit *unit)
{
    struct ticking *t = data;
    watch_unit(t, &t->r.watching->intake, unit);
}

static enum status tick_champion(struct ticking *t, struct error *err)
{
    struct lane lane;
    size_t n = 0;
    if (!record_watch_lane(&t->r, &lane)) return STATUS_OK;
    enum status s = scoring_close(&lane, t->now_ms, see_champion, t, &n, err);
    t->ticked.changed = n > 0;
    t->ticked.more = n == SCORING_UNITS;
    return s;
}

/* Its last step is over when the experiment is; with nothing to be done but to tell, at once. */
static enum status tick_watch(struct ticking *t, struct error *err)
{
    struct record *r = &t->r;
    struct watching *w = r->watching;
    enum status s = STATUS_OK;
    if (!w) return s;
    if (t->alarmed) s = record_say(r, "drift", change_body(w->watch.why, NULL), t->now_ms, err);
    bool tried = w->watch.phase == WATCH_TRYING && !record_is_open(r) && r->row.created_ms >= w->watch.since_ms;
    bool told = w->watch.phase == WATCH_DRIFTED && w->plan.far == WATCH_DRIFTED;
    if (s || (!tried && !told)) return s;
    watch_again(&w->watch, t->now_ms);
    t->ticked.changed = true;
    return record_say(r, "watching", change_body(tried ? "the experiment has ended" : "", NULL), t->now_ms, err);
}

/* What was kept of units of an experiment that has ended goes, some thousand at a time. */
static enum status sweep(struct ticking *t, struct error *err)
{
    bool more = false;
    enum status s = t->r.row.id ? store_live_sweep(t->r.store, t->r.row.id, &more, err) : STATUS_OK;
    t->ticked.more = t->ticked.more || more;
    return s;
}

static enum status tick(struct store *store, void *data, struct error *err)
{
    struct ticking *t = data;
    enum status s = record_open(&t->r, store, t->rollout, RECORD_WHOLE, err);
    if (s) return s;
    t->now_ms = record_time(&t->r, t->now_ms);
    s = record_is_open(&t->r) ? tick_experiment(t, err) : tick_champion(t, err);
    if (!s) s = tick_watch(t, err);
    if (!s && !record_is_open(&t->r)) s = sweep(t, err);
    return s || !t->ticked.changed ? s : record_keep(&t->r, err);
}

enum status live_tick(struct store *store, const char *rollout, int64_t now_ms, struct live_ticked *ret,
                      struct error *err)
{
    struct ticking t = {.rollout = rollout, .now_ms = now_ms};
    enum status s = store_live(store, tick, &t, err);
    if (!s) *ret = t.ticked;
    record_done(&t.r);
    return s;
}
