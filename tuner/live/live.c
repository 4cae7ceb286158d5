#include "tuner/live/live.h"

#include "tuner/live/decision.h"
#include "tuner/live/scoring.h"

#include <stdlib.h>
#include <string.h>

/* ---- changes ---- */

static json_t *said(const char *why, const char *by)
{
    return json_pack("{s:s, s:s}", "why", why ? why : "", "by", by ? by : "nocturne");
}

/* Enters the phase and says so. */
static enum status enter(struct record *r, enum live_phase phase, json_t *body, int64_t now_ms, struct error *err)
{
    const char *why = json_string_value(json_object_get(body, "why"));
    enum status s = experiment_enter(&r->experiment, phase, why ? why : "", now_ms, err);
    if (s)
        json_decref(body);
    else
        s = record_say(r, live_phase_name(phase), body, now_ms, err);
    return s;
}

static enum status promote(struct record *r, size_t challenger, json_t *body, int64_t now_ms, struct error *err)
{
    char name[32], hex[DIGEST_HEX];
    const unsigned char *hash = r->hash[challenger + 1];
    r->experiment.winner = (int)challenger;
    json_object_set_new(body, "variant",
                        json_string(experiment_variant(&r->experiment, challenger + 1, name, sizeof name)));
    json_object_set_new(body, "champion", json_string(digest_hex(hash, hex)));
    enum status s = enter(r, LIVE_PROMOTED, body, now_ms, err);
    if (s) return s;
    memcpy(r->rollout.champion, hash, STORE_HASH_BYTES);
    r->rollout.since_ms = now_ms;
    return s;
}

static double scored_of_challengers(const struct record *r)
{
    double n = 0;
    for (size_t i = 0; i < r->findings.n_challengers; i++) n += r->findings.challenger[i].units[ARM_CHALLENGER];
    return n;
}

static enum status ramp_to(struct record *r, size_t step, json_t *body, int64_t now_ms, struct error *err)
{
    r->experiment.step = step;
    r->experiment.step_from = scored_of_challengers(r);
    experiment_share(&r->experiment, now_ms);
    json_object_set_new(body, "share", json_number(r->plan.step[step]));
    return record_say(r, "ramped", body, now_ms, err);
}

/* What is left of the challengers' part is shared by the others. */
static enum status drop(struct record *r, size_t challenger, json_t *body, int64_t now_ms, struct error *err)
{
    struct experiment *e = &r->experiment;
    char name[32];
    double left = 0;
    e->dropped[challenger] = true;
    e->weight[challenger] = 0;
    for (size_t i = 0; i < e->n_challengers; i++) left += e->weight[i];
    for (size_t i = 0; i < e->n_challengers; i++) e->weight[i] /= left;
    experiment_share(e, now_ms);
    json_object_set_new(body, "variant", json_string(experiment_variant(e, challenger + 1, name, sizeof name)));
    return record_say(r, "dropped", body, now_ms, err);
}

/* ---- orders ---- */

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
        return error_set(err, STATUS_CONFLICT, "it is at %g %%, and the plan's ramp has no step %s; promote it, or wait",
                         100 * r->plan.step[r->experiment.step], o->order->share > 0 ? "of that share" : "beyond that");
    return ramp_to(r, step, said(o->order->why, o->order->by), o->now_ms, err);
}

static enum status order_promote(struct ordering *o, struct error *err)
{
    struct experiment *e = &o->r.experiment;
    int arm = e->n_challengers == 1 ? 1 : e->winner + 1;
    if (o->order->variant) arm = experiment_arm(e, o->order->variant);
    if (arm < 1)
        return error_set(err, STATUS_INVALID, "which challenger? Give one of challenger-1 … challenger-%zu",
                         e->n_challengers);
    return promote(&o->r, (size_t)arm - 1, said(o->order->why, o->order->by), o->now_ms, err);
}

/* "": revived. */
static void set_killed(struct record *r, const char *why)
{
    json_t *state = *why ? json_pack("{s:s}", "killed", why) : json_object();
    char *text = json_tight(state);
    r->rollout.state = arena_strdup(&r->arena, text);
    free(text);
    json_decref(state);
}

static enum status order_kill(struct ordering *o, struct error *err)
{
    struct record *r = &o->r;
    const char *why = o->order->why && *o->order->why ? o->order->why : "killed by an operator";
    enum status s = STATUS_OK;
    if (record_is_open(r) && r->experiment.phase != LIVE_PAUSED)
        s = enter(r, LIVE_PAUSED, said(why, o->order->by), o->now_ms, err);
    if (s) return s;
    set_killed(r, why);
    return record_say(r, "killed", said(why, o->order->by), o->now_ms, err);
}

static enum status order_revive(struct ordering *o, struct error *err)
{
    set_killed(&o->r, "");
    return record_say(&o->r, "revived", said(o->order->why, o->order->by), o->now_ms, err);
}

static enum status give(struct ordering *o, struct error *err)
{
    const struct live_order *x = o->order;
    if (x->verb == LIVE_DO_KILL) return order_kill(o, err);
    if (x->verb == LIVE_DO_REVIVE) return order_revive(o, err);
    if (!record_is_open(&o->r))
        return error_set(err, STATUS_CONFLICT, "rollout '%s' has no experiment that runs", o->rollout);
    switch (x->verb) {
    case LIVE_DO_RAMP: return order_ramp(o, err);
    case LIVE_DO_PAUSE: return enter(&o->r, LIVE_PAUSED, said(x->why, x->by), o->now_ms, err);
    case LIVE_DO_RESUME:
        o->r.experiment.heard_ms = o->now_ms;
        return enter(&o->r, o->r.findings.begun ? LIVE_RUNNING : LIVE_LEARNING, said(x->why, x->by), o->now_ms, err);
    case LIVE_DO_STOP: return enter(&o->r, LIVE_STOPPED, said(x->why, x->by), o->now_ms, err);
    case LIVE_DO_PROMOTE: return order_promote(o, err);
    case LIVE_DO_ROLLBACK: return enter(&o->r, LIVE_ROLLED_BACK, said(x->why, x->by), o->now_ms, err);
    case LIVE_DO_KILL:
    case LIVE_DO_REVIVE:
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

/* ---- outcomes ---- */

struct taking {
    const char *rollout;
    struct live_batch *batch;
    size_t n;
    int64_t now_ms;
    struct record r;
};

static json_t *answer_json(const struct intake_answer *a)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:o}", "taken", (json_int_t)a->n[INTAKE_TAKEN], "repeated",
                     (json_int_t)a->n[INTAKE_REPEATED], "late", (json_int_t)a->n[INTAKE_LATE], "left_out",
                     (json_int_t)a->n[INTAKE_LEFT_OUT], "refused", a->refused);
}

/* The list; NULL: why it is none is in the batch. */
static const json_t *list_of(struct live_batch *b)
{
    const json_t *list = json_object_get(b->body, "outcomes");
    if (!json_is_array(list))
        error_set(&b->err, STATUS_INVALID, "\"outcomes\" must be a list, such as {\"outcomes\": [{\"unit\": …}]}");
    else if (json_array_size(list) > INTAKE_ITEMS_MAX)
        error_set(&b->err, STATUS_INVALID, "%zu outcomes at once; at most %d", json_array_size(list), INTAKE_ITEMS_MAX);
    else
        return list;
    return NULL;
}

static enum status take(struct store *store, void *data, struct error *err)
{
    struct taking *t = data;
    enum status s = record_open(&t->r, store, t->rollout, RECORD_STATE, err);
    for (size_t i = 0; !s && i < t->n; i++) {
        struct intake_answer a = {.refused = NULL};
        const json_t *list = list_of(&t->batch[i]);
        if (!list) continue;
        s = intake_take(&t->r, list, t->now_ms, &a, err);
        if (s)
            json_decref(a.refused);
        else
            t->batch[i].answer = answer_json(&a);
    }
    return s ? s : record_keep(&t->r, err);
}

enum status live_take(struct store *store, const char *rollout, struct live_batch *batch, size_t n, int64_t now_ms,
                      struct error *err)
{
    struct taking t = {.rollout = rollout, .batch = batch, .n = n, .now_ms = now_ms};
    enum status s = store_live(store, take, &t, err);
    for (size_t i = 0; s && i < n; i++) {
        json_decref(batch[i].answer);
        batch[i].answer = NULL;
        batch[i].err = *err;
    }
    record_done(&t.r);
    return s;
}

/* ---- what it does by itself ---- */

struct ticking {
    const char *rollout;
    int64_t now_ms;
    struct live_ticked ticked;
    struct record r;
};

static enum status begin(struct record *r, const char *why, int64_t now_ms, struct error *err)
{
    struct error cannot;
    if (findings_begin(&r->findings, &cannot))
        return enter(r, LIVE_ROLLED_BACK, said(cannot.text, NULL), now_ms, err);
    r->changed = true;
    return enter(r, LIVE_RUNNING, said(why, NULL), now_ms, err);
}

static enum status act(struct record *r, const struct decision *d, int64_t now_ms, struct error *err)
{
    struct experiment *e = &r->experiment;
    json_t *body = said(d->why, NULL);
    enum status s = STATUS_OK;
    switch (d->act) {
    case ACT_NONE: json_decref(body); return s;
    case ACT_BEGIN: json_decref(body); return begin(r, d->why, now_ms, err);
    case ACT_DROP: return drop(r, d->challenger, body, now_ms, err);
    case ACT_ROLL_BACK: return enter(r, LIVE_ROLLED_BACK, body, now_ms, err);
    case ACT_RESUME: e->heard_ms = now_ms; return enter(r, LIVE_RUNNING, body, now_ms, err);
    case ACT_PROMOTE: return promote(r, d->challenger, body, now_ms, err);
    case ACT_RAMP: return ramp_to(r, e->step + 1, body, now_ms, err);
    case ACT_PAUSE:
        s = enter(r, LIVE_PAUSED, body, now_ms, err);
        if (!s) e->until_ms = d->until_ms;
        return s;
    case ACT_ASK: e->winner = (int)d->challenger; return record_say(r, "ready", body, now_ms, err);
    }
    return s;
}

static enum status tick(struct store *store, void *data, struct error *err)
{
    struct ticking *t = data;
    struct judgement j;
    size_t n = 0;
    enum status s = record_open(&t->r, store, t->rollout, RECORD_WHOLE, err);
    if (s || !record_is_open(&t->r)) return s;
    s = scoring_close(&t->r, t->now_ms, &n, err);
    if (s) return s;
    judge(&t->r.experiment, &t->r.findings, false, &j);
    struct decision d = decide(&t->r.experiment, &t->r.findings, &j, t->now_ms);
    s = act(&t->r, &d, t->now_ms, err);
    t->ticked.changed = n > 0 || d.act != ACT_NONE;
    t->ticked.more = n == SCORING_UNITS || d.act != ACT_NONE;
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

enum status live_ruleset(struct store *store, const char *rollout, struct ruleset **ret, struct error *err)
{
    struct record r;
    struct ruleset *x = NULL;
    enum status s = record_open(&r, store, rollout, RECORD_STATE, err);
    if (!s && !(x = ruleset_create(&r, err))) s = err->status;
    if (!s) *ret = x;
    record_done(&r);
    return s;
}
