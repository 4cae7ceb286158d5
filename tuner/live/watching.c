#include "tuner/live/change.h"
#include "tuner/live/live.h"

#include "tuner/base/digest.h"

#include <math.h>
#include <string.h>

/* ---- it begins ---- */

struct beginning {
    const struct live_watch_wish *wish;
    int64_t now_ms;
    struct record r;
};

static enum status found(struct beginning *x, struct error *err)
{
    const struct live_watch_wish *w = x->wish;
    struct store_rollout *ro = &x->r.rollout;
    if (!w->champion)
        return error_set(err, STATUS_INVALID, "rollout '%s' is new: say what is served, with a champion", w->rollout);
    *ro = (struct store_rollout){.name = w->rollout, .study = w->study, .since_ms = x->now_ms, .state = "{}"};
    memcpy(ro->champion, w->champion->hash, STORE_HASH_BYTES);
    enum status s = store_configuration_put(x->r.store, w->champion->hash, w->champion->body, err);
    return s ? s : store_rollout_insert(x->r.store, ro, &ro->id, err);
}

/* What is served stays so: others are made champion by an experiment. */
static enum status check_champion(const struct beginning *x, struct error *err)
{
    const struct configuration *c = x->wish->champion;
    if (!c || memcmp(c->hash, x->r.rollout.champion, STORE_HASH_BYTES) == 0) return STATUS_OK;
    return error_set(err, STATUS_CONFLICT,
                     "rollout '%s' serves another champion already; watch that one, or try yours with 'nocturne rollout "
                     "start'",
                     x->wish->rollout);
}

/* *ret: it is watched by this plan. */
static enum status is_same_plan(struct beginning *x, bool *ret, struct error *err)
{
    struct watch_plan plan;
    enum status s = watch_plan_read(x->wish->plan_name, x->wish->plan, &x->r.arena, &plan, err);
    if (s) return s;
    json_t *wished = watch_plan_json(&plan), *kept = x->r.watching ? watch_plan_json(&x->r.watching->plan) : NULL;
    *ret = kept && json_equal(wished, kept);
    json_decref(wished);
    json_decref(kept);
    return s;
}

static enum status begin_watch(struct store *store, void *data, struct error *err)
{
    struct beginning *x = data;
    const struct live_watch_wish *w = x->wish;
    bool same = false;
    enum status s = record_open(&x->r, store, w->rollout, RECORD_WHOLE, err);
    x->now_ms = record_time(&x->r, x->now_ms);
    s = s == STATUS_NOT_FOUND ? found(x, err) : s ? s : check_champion(x, err);
    if (!s) s = is_same_plan(x, &same, err);
    if (s || same) return s;
    s = record_watch(&x->r, w->plan_name, w->plan, x->now_ms, err);
    if (!s) s = record_say(&x->r, "watched", change_body("", w->by), x->now_ms, err);
    return s ? s : record_keep(&x->r, err);
}

enum status live_watch(struct store *store, const struct live_watch_wish *wish, int64_t now_ms, struct error *err)
{
    struct beginning x = {.wish = wish, .now_ms = now_ms};
    enum status s = record_check_name(wish->rollout, err);
    if (!s) s = store_live(store, begin_watch, &x, err);
    record_done(&x.r);
    return s;
}

/* ---- how it stands ---- */

static enum status open_watched(struct record *r, struct store *store, const char *rollout, struct error *err)
{
    enum status s = record_open(r, store, rollout, RECORD_WHOLE, err);
    if (!s && !r->watching) s = error_set(err, STATUS_NOT_FOUND, "nobody watches rollout '%.100s'", rollout);
    return s;
}

/* What is to be tried, or was last; NULL: nothing. */
static enum status read_challenger(struct record *r, json_t **ret, struct error *err)
{
    unsigned char hash[STORE_HASH_BYTES];
    const char *body = NULL;
    json_error_t ignored;
    if (!digest_parse(r->watching->watch.challenger, hash)) return STATUS_OK;
    enum status s = store_configuration(r->store, hash, &r->arena, &body, err);
    if (!s) *ret = json_loads(body, 0, &ignored);
    return s;
}

enum status live_watch_status(struct store *store, const char *rollout, json_t **ret, struct error *err)
{
    struct record r;
    const char *champion = NULL;
    json_t *challenger = NULL;
    json_error_t ignored;
    enum status s = open_watched(&r, store, rollout, err);
    if (!s) s = store_configuration(store, r.rollout.champion, &r.arena, &champion, err);
    if (!s) s = read_challenger(&r, &challenger, err);
    if (!s)
        *ret = json_pack("{s:s, s:s, s:I, s:o, s:I, s:o, s:o*, s:b, s:b}", "rollout", r.rollout.name, "study",
                         r.rollout.study, "version", (json_int_t)r.rollout.version, "champion",
                         json_loads(champion, 0, &ignored), "since_ms", (json_int_t)r.rollout.since_ms, "watch",
                         record_watch_json(&r), "challenger", challenger, "open", record_is_open(&r),
                         "tried", r.row.id && r.row.created_ms >= r.watching->watch.since_ms);
    record_done(&r);
    return s;
}

/* Not a study's name: this one has a point. */
const char *live_watch_lock(const char *rollout, struct arena *arena)
{
    return arena_printf(arena, "%s.watch", rollout);
}

/* ---- its work ---- */

struct working {
    const char *rollout;
    const struct live_watch_work *work;
    const struct live_watch_run *run;
    int64_t now_ms;
    struct record r;
};

static json_t *work_body(const struct live_watch_work *work)
{
    char hex[DIGEST_HEX];
    json_t *body = change_body(work->why, NULL);
    if (work->study) json_object_set_new(body, "study", json_string(work->study));
    if (work->evidence) json_object_set(body, "evidence", (json_t *)work->evidence);
    if (work->challenger) json_object_set_new(body, "challenger", json_string(digest_hex(work->challenger->hash, hex)));
    return body;
}

static enum status note_work(struct working *x, struct watch *w, struct error *err)
{
    const struct live_watch_work *work = x->work;
    char hex[DIGEST_HEX];
    if (work->study) {
        w->tunings += strcmp(w->study, work->study) != 0;
        w->study = arena_strdup(&x->r.arena, work->study);
    }
    if (!work->challenger) return STATUS_OK;
    w->challenger = arena_strdup(&x->r.arena, digest_hex(work->challenger->hash, hex));
    return store_configuration_put(x->r.store, work->challenger->hash, work->challenger->body, err);
}

static void turn_to(struct watch *w, enum watch_turn turn, int64_t now_ms)
{
    switch (turn) {
    case WATCH_BEGAN: w->work = WATCH_BEGUN; break;
    case WATCH_DONE: watch_go_on(w, now_ms); break;
    case WATCH_FOUND: watch_found(w, now_ms); break;
    case WATCH_OVER: watch_again(w, now_ms); break;
    }
}

static enum status do_work(struct store *store, void *data, struct error *err)
{
    struct working *x = data;
    enum status s = open_watched(&x->r, store, x->rollout, err);
    if (s) return s;
    struct watch *w = &x->r.watching->watch;
    x->now_ms = record_time(&x->r, x->now_ms);
    bool asked = w->work == WATCH_ASKED;
    if (w->phase != x->work->phase || asked || watch_gathers(w) > 0)
        return error_set(err, STATUS_CONFLICT, "the watch of '%s' is %s%s", x->rollout, watch_phase_name(w->phase),
                         asked ? ", and waits for a person" : watch_gathers(w) > 0 ? ", and waits for units" : "");
    s = note_work(x, w, err);
    if (s) return s;
    turn_to(w, x->work->turn, x->now_ms);
    s = record_say(&x->r, x->work->turn == WATCH_BEGAN ? "begun" : watch_phase_name(x->work->phase),
                   work_body(x->work), x->now_ms, err);
    return s ? s : record_keep(&x->r, err);
}

enum status live_watch_done(struct store *store, const char *rollout, const struct live_watch_work *work,
                            int64_t now_ms, struct error *err)
{
    struct working x = {.rollout = rollout, .work = work, .now_ms = now_ms};
    enum status s = store_live(store, do_work, &x, err);
    record_done(&x.r);
    return s;
}

static enum status see_run(struct store *store, void *data, struct error *err)
{
    struct working *x = data;
    double mean[LIVE_METRICS_MAX];
    bool has[LIVE_METRICS_MAX];
    enum status s = open_watched(&x->r, store, x->rollout, err);
    if (s) return s;
    const struct watch_plan *p = &x->r.watching->plan;
    x->now_ms = record_time(&x->r, x->now_ms);
    for (size_t i = 0; i < p->n; i++) {
        mean[i] = json_number_at(x->run->metrics, p->metric[i].name);
        has[i] = mean[i] >= p->metric[i].low && mean[i] <= p->metric[i].high;
    }
    bool alarmed = watch_see_run(&x->r.watching->watch, mean, has, x->run->n, x->now_ms);
    json_t *body = json_pack("{s:O, s:o, s:s*}", "metrics", (json_t *)x->run->metrics, "items", json_amount(x->run->n),
                             "why", x->run->why);
    s = record_say(&x->r, "evaluated", body, x->now_ms, err);
    if (!s && alarmed)
        s = record_say(&x->r, "drift", change_body(x->r.watching->watch.why, NULL), x->now_ms, err);
    return s ? s : record_keep(&x->r, err);
}

enum status live_watch_ran(struct store *store, const char *rollout, const struct live_watch_run *run, int64_t now_ms,
                           struct error *err)
{
    struct working x = {.rollout = rollout, .run = run, .now_ms = now_ms};
    enum status s = store_live(store, see_run, &x, err);
    record_done(&x.r);
    return s;
}
