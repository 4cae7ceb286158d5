#include "tuner/live/course.h"
#include "tuner/live/live.h"

#include <math.h>
#include <string.h>

/* {"hash", "study", "trial"?, "parameters", …} */
static enum status configuration_json(struct record *r, const unsigned char hash[STORE_HASH_BYTES], json_t **ret,
                                      struct error *err)
{
    const char *text = NULL;
    char hex[DIGEST_HEX];
    json_t *body = NULL;
    enum status s = store_configuration(r->store, hash, &r->arena, &text, err);
    if (!s) s = json_parse_object(text, strlen(text), &body, err);
    if (s) return s;
    json_object_set_new(body, "hash", json_string(digest_hex(hash, hex)));
    *ret = body;
    return s;
}

static enum status variants_json(struct record *r, json_t **ret, struct error *err)
{
    json_t *out = json_object(), *body = NULL;
    char name[32];
    enum status s = STATUS_OK;
    for (size_t arm = 0; !s && arm < r->n_hashes; arm++) {
        s = configuration_json(r, r->hash[arm], &body, err);
        if (!s) json_object_set_new(out, experiment_variant(&r->experiment, arm, name, sizeof name), body);
    }
    if (!s)
        *ret = out;
    else
        json_decref(out);
    return s;
}

/* Of `needed` units `have` are there; the others take so long at the pace of this period. */
static json_t *units_json(double needed, double have, double ms_per_unit)
{
    double left = fmax(needed - have, 0);
    bool is_known = needed > 0 && isfinite(needed);
    return json_pack("{s:o, s:o, s:o}", "units", json_number(is_known ? ceil(needed) : NAN), "left",
                     json_number(is_known ? ceil(left) : NAN), "left_ms",
                     json_number(is_known ? ceil(left * ms_per_unit) : NAN));
}

/* Units of challengers and champion until the plan's effects can be seen; and, if it is as good, its margin. */
static json_t *forecast_json(const struct record *r, const struct judgement *j, int64_t now_ms)
{
    const struct period *p = experiment_now(&r->experiment);
    double needed = 0, same = 0, have = 0, arrived = 0, took = (double)(now_ms - p->from_ms);
    for (size_t i = 0; i < j->n; i++) {
        const double *units = r->findings.challenger[i].units;
        needed = fmax(needed, j->challenger[i].needed);
        same = fmax(same, j->challenger[i].needed_same);
        have = fmax(have, units[0] + units[1]);
    }
    for (size_t arm = 0; arm <= r->experiment.n_challengers; arm++) arrived += p->arrived[arm];
    double pace = arrived > 0 && took > 0 ? took / arrived : NAN;
    json_t *out = units_json(needed, have, pace);
    json_object_set_new(out, "if_as_good", units_json(same, have, pace));
    return out;
}

static enum status experiment_status(struct record *r, int64_t now_ms, json_t **ret, struct error *err)
{
    struct judgement j;
    json_t *variants = NULL;
    enum status s = variants_json(r, &variants, err);
    if (s) return s;
    judge(&r->experiment, &r->findings, true, &j);
    json_t *out = experiment_json(&r->experiment);
    const struct period *p = experiment_now(&r->experiment);
    char name[32];
    json_object_set_new(out, "number", json_integer(r->row.number));
    json_object_set_new(out, "salt", json_string(r->row.salt));
    json_object_set_new(out, "plan", json_string(r->row.plan));
    json_object_set_new(out, "rules", live_plan_json(&r->plan));
    json_object_set_new(out, "created_ms", json_integer(r->row.created_ms));
    json_object_set_new(out, "share", json_number(1 - p->share[0]));
    json_object_set_new(out, "learnt", json_number(r->findings.learnt));
    json_object_set_new(out, "variants", variants);
    json_object_set_new(out, "challengers", judgement_json(&r->experiment, &r->findings, &j));
    json_object_set_new(out, "forecast", forecast_json(r, &j, now_ms));
    if (r->experiment.winner >= 0)
        json_object_set_new(
            out, "ready",
            json_string(experiment_variant(&r->experiment, (size_t)r->experiment.winner + 1, name, sizeof name)));
    *ret = out;
    return s;
}

enum status live_status(struct store *store, const char *rollout, long number, int64_t now_ms, json_t **ret,
                        struct error *err)
{
    struct record r;
    json_t *champion = NULL, *experiment = NULL;
    enum status s = record_open_number(&r, store, rollout, number, err);
    if (!s) s = configuration_json(&r, r.rollout.champion, &champion, err);
    if (!s && r.row.id) s = experiment_status(&r, now_ms, &experiment, err);
    if (!s) {
        *ret = json_pack("{s:s, s:s, s:I, s:I, s:O, s:I}", "rollout", r.rollout.name, "study", r.rollout.study,
                         "version", (json_int_t)r.rollout.version, "since_ms", (json_int_t)r.rollout.since_ms,
                         "champion", champion, "now_ms", (json_int_t)now_ms);
        if (*r.killed) json_object_set_new(*ret, "killed", json_string(r.killed));
        if (r.watching) json_object_set_new(*ret, "watch", record_watch_json(&r));
        if (experiment) json_object_set(*ret, "experiment", experiment);
    }
    json_decref(champion);
    json_decref(experiment);
    record_done(&r);
    return s;
}

enum status live_course(struct store *store, const char *rollout, long number, int64_t now_ms, json_t **ret,
                        struct error *err)
{
    struct record r;
    enum status s = record_open_number(&r, store, rollout, number, err);
    if (!s && !r.row.id) s = error_set(err, STATUS_NOT_FOUND, "rollout '%.100s' has had no experiment", rollout);
    if (!s) s = course_json(&r, now_ms, ret, err);
    record_done(&r);
    return s;
}

enum status live_status_all(struct store *store, const char *study, int64_t now_ms, json_t **ret, struct error *err)
{
    struct arena arena = {0};
    const char **name = NULL;
    size_t n = 0;
    json_t *out = json_array(), *one = NULL;
    enum status s = store_rollout_names(store, &arena, &name, &n, err);
    for (size_t i = 0; !s && i < n; i++) {
        struct store_rollout row;
        s = store_rollout_find(store, name[i], &arena, &row, err);
        if (s || (study && strcmp(row.study, study) != 0)) continue;
        s = live_status(store, name[i], 0, now_ms, &one, err);
        if (!s) json_array_append_new(out, one);
    }
    if (!s)
        *ret = out;
    else
        json_decref(out);
    arena_done(&arena);
    return s;
}

enum status live_courses(struct store *store, json_t *list, int64_t now_ms, struct error *err)
{
    enum status s = STATUS_OK;
    json_t *one, *course = NULL;
    size_t i;
    json_array_foreach(list, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "rollout"));
        if (!name || !json_object_get(one, "experiment")) continue;
        s = live_course(store, name, 0, now_ms, &course, err);
        if (s) return s;
        json_object_set_new(one, "course", course);
    }
    return s;
}

/* ---- the log ---- */

static void add_event(void *data, const struct store_live_event *e)
{
    json_t *body = NULL;
    struct error ignored;
    if (json_parse_object(e->body, strlen(e->body), &body, &ignored)) return;
    json_t *out =
        json_pack("{s:I, s:I, s:s}", "seq", (json_int_t)e->seq, "at_ms", (json_int_t)e->at_ms, "kind", e->kind);
    json_object_update(out, body);
    json_decref(body);
    json_array_append_new(data, out);
}

enum status live_events(struct store *store, const char *rollout, int64_t from, long limit, json_t **ret,
                        struct error *err)
{
    struct arena arena = {0};
    struct store_rollout ro;
    json_t *out = json_array();
    enum status s = store_rollout_find(store, rollout, &arena, &ro, err);
    if (!s) s = store_live_events(store, &(struct store_live_part){ro.id, from, limit}, add_event, out, err);
    if (!s)
        *ret = out;
    else
        json_decref(out);
    arena_done(&arena);
    return s;
}
