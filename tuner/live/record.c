#include "tuner/live/record.h"

#include "tuner/base/digest.h"

#include <stdlib.h>
#include <string.h>

static enum status parse(const char *text, json_t **ret, struct error *err)
{
    return json_parse_object(text, strlen(text), ret, err);
}

static enum status read_variants(struct record *r, struct error *err)
{
    json_error_t ignored;
    json_t *all = json_loads(r->row.variants, 0, &ignored);
    enum status s = STATUS_OK;
    r->n_hashes = json_array_size(all);
    if (r->n_hashes < 2 || r->n_hashes > LIVE_ARMS_MAX) s = STATUS_INVALID;
    for (size_t i = 0; !s && i < r->n_hashes; i++) {
        const char *hex = json_string_value(json_array_get(all, i));
        if (!hex || !digest_parse(hex, r->hash[i])) s = STATUS_INVALID;
    }
    json_decref(all);
    return s ? error_set(err, s, "the variants of experiment %ld cannot be read", r->row.number) : s;
}

static enum status read_state(struct record *r, struct error *err)
{
    json_t *state = NULL;
    enum status s = parse(r->row.state, &state, err);
    if (!s) s = experiment_read(state, &r->plan, r->n_hashes - 1, &r->arena, &r->experiment, err);
    json_decref(state);
    return s;
}

static enum status read_findings(struct record *r, struct error *err)
{
    json_t *in = NULL;
    enum status s = parse(r->row.evidence, &in, err);
    findings_init(&r->findings, &r->plan, r->n_hashes - 1, &r->arena);
    if (!s) s = findings_read(in, &r->findings, err);
    json_decref(in);
    return s;
}

/* ---- who watches ---- */

static void lay_intake(struct watching *x)
{
    x->intake = (struct live_plan){.n_metrics = x->plan.n,
                                   .window_ms = x->plan.window_ms,
                                   .late_ms = x->plan.late_ms,
                                   .n_steps = 1,
                                   .step = {0.5},
                                   .outcomes_max = 1000};
    for (size_t i = 0; i < x->plan.n; i++) {
        const struct watch_metric *m = &x->plan.metric[i];
        x->intake.metric[i] = (struct live_metric){.name = m->name, .low = m->low, .high = m->high};
    }
}

static enum status read_plan(struct record *r, const char *name, const char *plan, struct watching **ret,
                             struct error *err)
{
    struct watching *x = arena_alloc(&r->arena, sizeof *x);
    x->text = arena_strdup(&r->arena, plan);
    enum status s = watch_plan_read(name, x->text, &r->arena, &x->plan, err);
    if (!s) lay_intake(x);
    if (!s) *ret = x;
    return s;
}

enum status record_watch(struct record *r, const char *plan_name, const char *plan, int64_t now_ms, struct error *err)
{
    struct watching *x = NULL;
    enum status s = read_plan(r, plan_name, plan, &x, err);
    if (s) return s;
    watch_begin(&x->watch, &x->plan, now_ms, &r->arena);
    experiment_begin(&x->units, &x->intake, 0, now_ms, &r->arena);
    r->watching = x;
    return s;
}

static enum status read_watching(struct record *r, const json_t *in, struct error *err)
{
    struct watching *x = NULL;
    const char *text = json_string_value(json_object_get(in, "plan"));
    if (!in) return STATUS_OK;
    enum status s = read_plan(r, "the watch", text ? text : "", &x, err);
    if (!s) s = watch_read(json_object_get(in, "state"), &x->plan, &r->arena, &x->watch, err);
    if (!s) s = experiment_read(json_object_get(in, "units"), &x->intake, 0, &r->arena, &x->units, err);
    if (!s) r->watching = x;
    return s;
}

static enum status read_rollout(struct record *r, struct error *err)
{
    json_t *in = NULL;
    enum status s = parse(r->rollout.state, &in, err);
    const char *killed = json_string_value(json_object_get(in, "killed"));
    r->killed = arena_strdup(&r->arena, killed ? killed : "");
    if (!s) s = read_watching(r, json_object_get(in, "watch"), err);
    json_decref(in);
    return s;
}

static void write_rollout(struct record *r)
{
    const struct watching *w = r->watching;
    json_t *out = json_object();
    if (*r->killed) json_object_set_new(out, "killed", json_string(r->killed));
    if (w)
        json_object_set_new(out, "watch",
                            json_pack("{s:s, s:o, s:o}", "plan", w->text, "state", watch_json(&w->watch), "units",
                                      experiment_json(&w->units)));
    char *text = json_tight(out);
    r->rollout.state = arena_strdup(&r->arena, text);
    free(text);
    json_decref(out);
}

bool record_watch_lane(struct record *r, struct lane *ret)
{
    struct watching *w = r->watching;
    if (!w) return false;
    *ret = (struct lane){r->store, -r->rollout.id, 0, r->rollout.name, r->rollout.name, &w->intake, &w->units,
                         r->row.id ? &r->plan : NULL};
    return true;
}

bool record_lane(struct record *r, struct lane *ret)
{
    if (!record_is_open(r)) return record_watch_lane(r, ret);
    *ret = (struct lane){r->store, r->row.id, r->row.number, r->rollout.name, r->row.salt, &r->plan, &r->experiment,
                         r->watching ? &r->watching->intake : NULL};
    return true;
}

void record_serve(struct record *r, const unsigned char hash[STORE_HASH_BYTES], int64_t now_ms)
{
    memcpy(r->rollout.champion, hash, STORE_HASH_BYTES);
    r->rollout.since_ms = now_ms;
    if (r->watching) watch_forget_lately(&r->watching->watch);
    if (r->watching && r->watching->watch.phase != WATCH_TRYING) watch_again(&r->watching->watch, now_ms);
}

json_t *record_watch_json(const struct record *r)
{
    json_t *out = watch_json(&r->watching->watch);
    json_object_set_new(out, "rules", watch_plan_json(&r->watching->plan));
    return out;
}

/* ---- reading and writing ---- */

enum status record_check_name(const char *name, struct error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    size_t n = strlen(name);
    bool is_folder = *name == '.'; /* of the SDKs: "..", say */
    if (strcmp(name, "all") == 0)
        return error_set(err, STATUS_INVALID, "'all' stands for all rollouts where they are killed; give this one another name");
    if (n > 0 && n <= 100 && strspn(name, allowed) == n && !is_folder) return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "'%.60s': a rollout's name has letters, digits, _, - and points, at most 100, and begins with no point",
                     name);
}

static enum status open_experiment(struct record *r, long number, enum record_part part, struct error *err)
{
    enum status s = store_experiment_find(r->store, r->rollout.id, number, &r->arena, &r->row, err);
    if (s == STATUS_NOT_FOUND && number == 0) return r->row.id = 0, STATUS_OK;
    if (s == STATUS_NOT_FOUND)
        error_set(err, s, "rollout '%s' has no experiment %ld; 'nocturne rollout events %s' lists those it has had",
                  r->rollout.name, number, r->rollout.name);
    if (!s) s = live_plan_read("plan", r->row.plan, &r->arena, &r->plan, err);
    if (!s) s = read_variants(r, err);
    if (!s) s = read_state(r, err);
    return s || part == RECORD_STATE ? s : read_findings(r, err);
}

static enum status open_rollout(struct record *r, struct store *store, const char *name, struct error *err)
{
    *r = (struct record){.store = store, .killed = ""};
    enum status s = store_rollout_find(store, name, &r->arena, &r->rollout, err);
    return s ? s : read_rollout(r, err);
}

enum status record_open(struct record *r, struct store *store, const char *name, enum record_part part,
                        struct error *err)
{
    enum status s = open_rollout(r, store, name, err);
    return s ? s : open_experiment(r, 0, part, err);
}

enum status record_open_number(struct record *r, struct store *store, const char *name, long number, struct error *err)
{
    enum status s = open_rollout(r, store, name, err);
    return s ? s : open_experiment(r, number, RECORD_WHOLE, err);
}

void record_done(struct record *r)
{
    arena_done(&r->arena);
}

int64_t record_time(const struct record *r, int64_t now_ms)
{
    int64_t since = r->row.id ? experiment_now(&r->experiment)->from_ms : 0;
    int64_t watched = r->watching ? r->watching->watch.since_ms : 0;
    if (watched > since) since = watched;
    return now_ms > since ? now_ms : since;
}

bool record_is_open(const struct record *r)
{
    return r->row.id && !live_phase_is_end(r->experiment.phase);
}

enum status record_say(struct record *r, const char *kind, json_t *body, int64_t at_ms, struct error *err)
{
    if (r->row.id) json_object_set_new(body, "experiment", json_integer(r->row.number));
    char *text = json_tight(body);
    struct store_live_event e = {++r->rollout.version, at_ms, kind, text};
    enum status s = store_live_event_add(r->store, r->rollout.id, &e, err);
    free(text);
    json_decref(body);
    return s;
}

enum status record_keep(struct record *r, struct error *err)
{
    r->rollout.experiment = record_is_open(r) ? r->row.id : 0;
    write_rollout(r);
    enum status s = store_rollout_update(r->store, &r->rollout, err);
    if (s || !r->row.id) return s;
    json_t *state = experiment_json(&r->experiment), *findings = r->changed ? findings_json(&r->findings) : NULL;
    char *state_text = json_tight(state), *findings_text = findings ? json_tight(findings) : NULL;
    s = store_experiment_update(r->store, r->row.id, state_text, findings_text, err);
    free(state_text);
    free(findings_text);
    json_decref(state);
    json_decref(findings);
    return s;
}

