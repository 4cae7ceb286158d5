#include "tuner/live/change.h"
#include "tuner/live/live.h"

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

static enum status begin_watch(struct store *store, void *data, struct error *err)
{
    struct beginning *x = data;
    const struct live_watch_wish *w = x->wish;
    enum status s = record_open(&x->r, store, w->rollout, RECORD_WHOLE, err);
    if (s == STATUS_NOT_FOUND) s = found(x, err);
    if (!s) s = record_watch(&x->r, w->plan_name, w->plan, x->now_ms, err);
    if (!s) s = record_say(&x->r, "watched", change_body("", w->by), x->now_ms, err);
    return s ? s : record_keep(&x->r, err);
}

enum status live_watch(struct store *store, const struct live_watch_wish *wish, int64_t now_ms, struct error *err)
{
    struct beginning x = {.wish = wish, .now_ms = now_ms};
    enum status s = store_live(store, begin_watch, &x, err);
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

static json_t *stands_json(const struct record *r, const char *champion)
{
    const struct watch_plan *p = &r->watching->plan;
    json_error_t ignored;
    return json_pack("{s:s, s:s, s:{s:I, s:I, s:I, s:f, s:s}, s:o, s:o, s:b, s:I}", "rollout", r->rollout.name, "study",
                     r->rollout.study, "plan", "every_ms", (json_int_t)p->every_ms, "top", (json_int_t)p->top, "trials",
                     (json_int_t)p->trials, "run_length", p->run_length, "then", watch_phase_name(p->far), "watch",
                     watch_json(&r->watching->watch), "champion", json_loads(champion, 0, &ignored), "open",
                     record_is_open(r), "since_ms", (json_int_t)r->rollout.since_ms);
}

enum status live_watch_status(struct store *store, const char *rollout, json_t **ret, struct error *err)
{
    struct record r;
    const char *champion = NULL;
    enum status s = open_watched(&r, store, rollout, err);
    if (!s) s = store_configuration(store, r.rollout.champion, &r.arena, &champion, err);
    if (!s) *ret = stands_json(&r, champion);
    record_done(&r);
    return s;
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
    json_t *body = change_body(work->why, NULL);
    if (work->study) json_object_set_new(body, "study", json_string(work->study));
    if (work->evidence) json_object_set(body, "evidence", (json_t *)work->evidence);
    return body;
}

static enum status do_work(struct store *store, void *data, struct error *err)
{
    struct working *x = data;
    enum status s = open_watched(&x->r, store, x->rollout, err);
    if (s) return s;
    struct watch *w = &x->r.watching->watch;
    x->now_ms = record_time(&x->r, x->now_ms);
    if (w->phase != x->work->phase || w->asked)
        return error_set(err, STATUS_CONFLICT, "the watch of '%s' is %s%s", x->rollout, watch_phase_name(w->phase),
                         w->asked ? ", and waits for a person" : "");
    if (x->work->study) {
        w->tunings += strcmp(w->study, x->work->study) != 0;
        w->study = arena_strdup(&x->r.arena, x->work->study);
    }
    if (!x->work->begun) watch_go_on(w, x->now_ms);
    s = record_say(&x->r, x->work->begun ? "begun" : watch_phase_name(x->work->phase), work_body(x->work), x->now_ms,
                   err);
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
    json_t *body = json_pack("{s:O, s:f}", "metrics", (json_t *)x->run->metrics, "items", x->run->n);
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
