#include "tuner/history/event.h"

#include "tuner/history/checkpoint.h"

#include "tuner/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *event_name(enum event_kind kind)
{
    switch (kind) {
#define EVENT(number, NAME, name, subject, word)                                                                       \
    case EVENT_##NAME:                                                                                                 \
        return word;
#include "tuner/history/event.def"
#undef EVENT
    }
    return "unknown";
}

/* Whose events are read, and where what they are made of goes. */
struct reading {
    const struct study *study;
    struct arena *arena;
};

/* ---- fields ---- */

static void put_text(json_t *o, const char *key, const char *v)
{
    if (v && *v) json_object_set_new(o, key, json_string(v));
}

static void put_int(json_t *o, const char *key, int64_t v, int64_t usual)
{
    if (v != usual) json_object_set_new(o, key, json_integer(v));
}

static void put_number(json_t *o, const char *key, double v)
{
    if (isfinite(v) && v > 0) json_object_set_new(o, key, json_amount(v));
}

static void put_flag(json_t *o, const char *key, bool v)
{
    if (v) json_object_set_new(o, key, json_true());
}

static const char *get_text(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static int64_t get_int(const json_t *o, const char *key, int64_t usual)
{
    const json_t *v = json_object_get(o, key);
    return json_is_integer(v) ? json_integer_value(v) : usual;
}

static double get_number(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static bool get_flag(const json_t *o, const char *key)
{
    return json_is_true(json_object_get(o, key));
}

/* ---- parts of several events ---- */

static json_t *budget_json(const struct budget *b)
{
    json_t *o = json_object();
    put_int(o, "trials", b->trials, 0);
    put_number(o, "tokens", b->tokens);
    put_int(o, "wall", b->wall_ms, 0);
    put_int(o, "until", b->until_minutes, -1);
    put_number(o, "cost", b->cost);
    put_number(o, "price_token", b->price_token);
    put_number(o, "price_hour", b->price_hour);
    return o;
}

static const struct budget *get_budget(const json_t *o, struct arena *arena)
{
    if (!o) return NULL;
    struct budget *b = arena_alloc(arena, sizeof *b);
    *b = (struct budget){.trials = (long)get_int(o, "trials", 0),
                         .tokens = get_number(o, "tokens"),
                         .wall_ms = get_int(o, "wall", 0),
                         .until_minutes = (int)get_int(o, "until", -1),
                         .cost = get_number(o, "cost"),
                         .price_token = get_number(o, "price_token"),
                         .price_hour = get_number(o, "price_hour")};
    return b;
}

static void put_end(json_t *o, const struct event_end *e)
{
    put_text(o, "outcome", outcome_name(e->outcome));
    put_text(o, "reason", e->reason);
    put_int(o, "backoff", e->backoff_ms, 0);
    put_number(o, "ms", round(e->took_ms));
    put_number(o, "spent", e->spent_tokens);
}

static struct event_end get_end(const json_t *o)
{
    return (struct event_end){.outcome = outcome_parse(get_text(o, "outcome")),
                              .reason = get_text(o, "reason"),
                              .backoff_ms = get_int(o, "backoff", 0),
                              .took_ms = get_number(o, "ms"),
                              .spent_tokens = get_number(o, "spent")};
}

static void put_policy(json_t *o, const struct rule_values *p)
{
    json_t *policy = json_object();
    if (p) put_number(policy, "patience", p->patience);
    if (p) json_object_set_new(policy, "threshold", json_number(p->threshold));
    if (p) json_object_set(o, "policy", policy);
    json_decref(policy);
}

static const struct rule_values *get_policy(const json_t *o, struct arena *arena)
{
    const json_t *policy = json_object_get(o, "policy");
    if (!policy) return NULL;
    struct rule_values *p = arena_alloc(arena, sizeof *p);
    *p = (struct rule_values){get_number(policy, "patience"), get_number(policy, "threshold")};
    return p;
}

/* NULL: outside the space as it is now; *ret_why then, in the arena. */
static const double *get_config(const json_t *params, const struct reading *r, const char **ret_why)
{
    double *config = arena_array(r->arena, r->study->space.n + 1, sizeof *config);
    struct error why;
    if (space_from_json(&r->study->space, params, config, &why) == STATUS_OK) return config;
    if (ret_why) *ret_why = arena_strdup(r->arena, why.text);
    return NULL;
}

/* ---- of the study ---- */

/* By the stages' names: the file that they stand in may change. */
static void put_prints(json_t *o, const struct study *study, const struct event_opened *e)
{
    json_t *prints = json_object();
    for (size_t i = 0; i < study->pipeline.n; i++) put_text(prints, study->pipeline.stage[i].name, e->print[i]);
    if (json_object_size(prints)) json_object_set(o, "stages", prints);
    json_decref(prints);
}

static void get_prints(const json_t *o, const struct study *study, struct event_opened *e)
{
    const json_t *prints = json_object_get(o, "stages");
    for (size_t i = 0; study && i < study->pipeline.n; i++)
        e->print[i] = get_text(prints, study->pipeline.stage[i].name);
}

static void write_opened(const struct memory *s, const struct event *event, json_t *o)
{
    const struct event_opened *e = &event->opened;
    (void)s;
    put_text(o, "host", e->host);
    put_text(o, "boot", e->boot);
    put_int(o, "pid", e->pid, 0);
    put_text(o, "path", e->path);
    put_text(o, "file", e->file);
    put_int(o, "slots", (int64_t)e->slots, 0);
    put_int(o, "began", e->began_ms, 0);
    put_int(o, "spent", e->spent_ms, 0);
    put_int(o, "gone", e->gone_ms, 0);
    if (e->budget) json_object_set_new(o, "budget", budget_json(e->budget));
    json_t *warm = json_array();
    for (size_t i = 0; i < e->n_warm; i++) json_array_append_new(warm, json_integer(e->warm_seq[i]));
    if (e->n_warm) json_object_set(o, "warm", warm);
    json_decref(warm);
    put_prints(o, s->study, e);
}

static bool read_opened(const json_t *o, const struct reading *r, struct event *event)
{
    struct event_opened *e = &event->opened;
    const json_t *warm = json_object_get(o, "warm");
    *e = (struct event_opened){.host = get_text(o, "host"),
                               .boot = get_text(o, "boot"),
                               .pid = get_int(o, "pid", 0),
                               .path = get_text(o, "path"),
                               .file = get_text(o, "file"),
                               .slots = (size_t)get_int(o, "slots", 0),
                               .began_ms = get_int(o, "began", 0),
                               .spent_ms = get_int(o, "spent", 0),
                               .gone_ms = get_int(o, "gone", 0),
                               .budget = get_budget(json_object_get(o, "budget"), r->arena)};
    for (; e->n_warm < json_array_size(warm) && e->n_warm < WARM_START_MAX; e->n_warm++)
        e->warm_seq[e->n_warm] = json_integer_value(json_array_get(warm, e->n_warm));
    get_prints(o, r->study, e);
    return true;
}

static void write_phase(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    put_text(o, "phase", study_phase_name(e->phase.phase));
    put_text(o, "why", e->phase.why);
}

static bool read_phase(const json_t *o, const struct reading *r, struct event *e)
{
    const char *name = get_text(o, "phase");
    (void)r;
    e->phase.why = get_text(o, "why");
    return name && study_phase_parse(name, &e->phase.phase);
}

static void write_note(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    put_text(o, "text", e->note.text);
}

static bool read_note(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    e->note.text = get_text(o, "text");
    return true;
}

static void write_noted(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    put_text(o, "text", e->noted.text);
}

static bool read_noted(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    e->noted.text = get_text(o, "text");
    return true;
}

/* ---- of a trial ---- */

static void write_added(const struct memory *s, const struct event *event, json_t *o)
{
    const struct event_added *e = &event->added;
    const struct space *space = &s->study->space;
    if (e->role != ROLE_SEARCH) put_text(o, "role", trial_role_name(e->role));
    put_text(o, "source", e->source);
    put_int(o, "seed", (int64_t)e->seed, (int64_t)memory_trial_seed(s, event->trial));
    put_int(o, "confirms", e->confirms, -1);
    put_int(o, "parent", e->parent, -1);
    if (e->trajectory) json_object_set_new(o, "course", trajectory_json(e->trajectory, space));
    put_int(o, "known", e->known, event->seq - 1);
    put_number(o, "expect_tokens", e->expect_tokens);
    put_number(o, "expect_ms", e->expect_ms);
    put_number(o, "expect_gain", e->expect_gain);
    json_object_set_new(o, "params", space_to_json(space, e->config));
}

static bool get_role(const json_t *o, enum trial_role *ret)
{
    const char *text = get_text(o, "role");
    if (!text) return *ret = ROLE_SEARCH, true;
    for (int r = ROLE_BASELINE; r <= ROLE_MEMBER; r++)
        if (strcmp(text, trial_role_name((enum trial_role)r)) == 0) return *ret = (enum trial_role)r, true;
    return false;
}

/* As far as it lies in the space as it is now. */
static const struct trajectory *get_trajectory(const json_t *o, const struct reading *r)
{
    if (!o) return NULL;
    struct trajectory *t = arena_alloc(r->arena, sizeof *t);
    trajectory_parse(o, &r->study->space, r->arena, t, NULL);
    return t;
}

static bool read_added(const json_t *o, const struct reading *r, struct event *event)
{
    struct event_added *e = &event->added;
    const json_t *params = json_object_get(o, "params");
    if (!r->study || !json_is_object(params)) return false;
    *e = (struct event_added){.params = params,
                              .source = get_text(o, "source"),
                              .seed = (uint64_t)get_int(o, "seed", 0),
                              .confirms = (long)get_int(o, "confirms", -1),
                              .parent = (long)get_int(o, "parent", -1),
                              .known = get_int(o, "known", event->seq - 1),
                              .expect_tokens = get_number(o, "expect_tokens"),
                              .expect_ms = get_number(o, "expect_ms"),
                              .expect_gain = get_number(o, "expect_gain"),
                              .trajectory = get_trajectory(json_object_get(o, "course"), r)};
    e->config = get_config(params, r, &e->outside);
    return get_role(o, &e->role);
}

static void write_adjusted(const struct memory *s, const struct event *event, json_t *o)
{
    const struct event_adjusted *e = &event->adjusted;
    put_number(o, "from", e->from);
    if (e->set) json_object_set_new(o, "set", space_to_json(&s->study->space, e->set));
    put_policy(o, e->policy);
    put_text(o, "reason", e->reason);
}

static bool read_adjusted(const json_t *o, const struct reading *r, struct event *event)
{
    struct event_adjusted *e = &event->adjusted;
    const json_t *set = json_object_get(o, "set");
    bool settings = json_is_object(set);
    if (settings && !r->study) return false;
    *e = (struct event_adjusted){.reason = get_text(o, "reason"),
                                 .from = get_number(o, "from"),
                                 .policy = settings ? NULL : get_policy(o, r->arena),
                                 .set = settings ? get_config(set, r, NULL) : NULL};
    return settings || e->policy;
}

static void write_checkpoint(const struct memory *s, const struct event *event, json_t *o)
{
    const struct checkpoint *c = &event->checkpoint.left;
    (void)s;
    put_int(o, "attempt", c->attempt, -1);
    put_text(o, "name", c->name);
    if (c->digest) put_text(o, "digest", c->digest);
    put_int(o, "step", c->step, -1);
    put_int(o, "bytes", c->bytes, 0);
    put_number(o, "cost", c->cost);
}

static bool read_checkpoint(const json_t *o, const struct reading *r, struct event *event)
{
    struct checkpoint *c = &event->checkpoint.left;
    const char *path = get_text(o, "path");
    (void)r;
    *c = (struct checkpoint){.trial = event->trial,
                             .attempt = (long)get_int(o, "attempt", 0),
                             .name = get_text(o, "name"),
                             .digest = get_text(o, "digest")};
    if (path && !checkpoint_parse(path, event->trial, c)) c->name = path; /* it will not be found */
    c->step = (long)get_int(o, "step", 0);
    c->bytes = get_int(o, "bytes", 0);
    c->cost = get_number(o, "cost");
    return c->name != NULL;
}

/* ---- of an attempt ---- */

static void write_leased(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    put_text(o, "dir", e->leased.dir);
    put_text(o, "agent", e->leased.agent);
    put_int(o, "ttl", e->leased.ttl_ms, 0);
    put_text(o, "stage", e->leased.stage);
    put_text(o, "key", e->leased.key);
}

static bool read_leased(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    e->leased = (struct event_leased){.dir = get_text(o, "dir"),
                                      .agent = get_text(o, "agent"),
                                      .ttl_ms = get_int(o, "ttl", 0),
                                      .stage = get_text(o, "stage"),
                                      .key = get_text(o, "key")};
    return true;
}

static void write_started(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    put_int(o, "pid", e->started.pid, 0);
    put_number(o, "resumed", e->started.resumed_cost);
}

static bool read_started(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    e->started = (struct event_started){get_int(o, "pid", 0), get_number(o, "resumed")};
    return true;
}

static void write_renewed(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    put_int(o, "ttl", e->renewed.ttl_ms, 0);
}

static bool read_renewed(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    e->renewed.ttl_ms = get_int(o, "ttl", 0);
    return true;
}

static void write_announced(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    json_object_set(o, "policy", (json_t *)e->announced.policy);
}

static bool read_announced(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    return json_is_object(e->announced.policy = json_object_get(o, "policy"));
}

static void write_retried(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s, (void)e, (void)o;
}

static bool read_retried(const json_t *o, const struct reading *r, struct event *e)
{
    (void)o, (void)r, (void)e;
    return true;
}

/* What it was decided by stands beside the reason, as for the condemned. */
static void write_resumed(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    if (e->resumed.details) json_object_update(o, (json_t *)e->resumed.details);
    put_text(o, "reason", e->resumed.reason);
    put_flag(o, "whole", e->resumed.whole);
    put_int(o, "step", e->resumed.from.step, 0);
    put_number(o, "cost", e->resumed.from.cost);
}

static bool read_resumed(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    e->resumed = (struct event_resumed){.reason = get_text(o, "reason"),
                                        .details = o,
                                        .whole = get_flag(o, "whole"),
                                        .from = {(long)get_int(o, "step", 0), get_number(o, "cost")}};
    return true;
}

static void write_returned(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    put_end(o, &e->returned.end);
}

static bool read_returned(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    e->returned.end = get_end(o);
    return true;
}

static void write_finished(const struct memory *s, const struct event *event, json_t *o)
{
    const struct event_finished *e = &event->finished;
    (void)s;
    if (e->state != TRIAL_COMPLETE) put_text(o, "state", trial_state_name(e->state));
    if (e->metrics) json_object_set(o, "metrics", (json_t *)e->metrics);
    put_flag(o, "poisonous", e->poisonous);
    put_policy(o, e->policy);
    put_end(o, &e->end);
}

static bool read_finished(const json_t *o, const struct reading *r, struct event *event)
{
    struct event_finished *e = &event->finished;
    const char *state = get_text(o, "state");
    if (!r->study) return false;
    *e = (struct event_finished){.state = TRIAL_COMPLETE,
                                 .metrics = json_object_get(o, "metrics"),
                                 .poisonous = get_flag(o, "poisonous"),
                                 .policy = get_policy(o, r->arena),
                                 .end = get_end(o)};
    e->value = event_values(&r->study->objective, e->metrics, r->arena);
    return !state || trial_state_parse(state, &e->state);
}

static void write_staged(const struct memory *s, const struct event *event, json_t *o)
{
    const struct event_staged *e = &event->staged;
    const struct product *p = &e->left;
    (void)s;
    put_text(o, "stage", p->stage);
    put_text(o, "key", p->key);
    put_int(o, "taken", e->taken ? p->trial : -1, -1);
    if (e->taken) return;
    put_text(o, "digest", p->digest);
    put_int(o, "bytes", p->bytes, 0);
    put_number(o, "cost", p->cost);
    if (e->metrics) json_object_set(o, "metrics", (json_t *)e->metrics);
    put_policy(o, e->policy);
    put_end(o, &e->end);
}

static bool read_staged(const json_t *o, const struct reading *r, struct event *event)
{
    struct event_staged *e = &event->staged;
    *e = (struct event_staged){.left = {.stage = get_text(o, "stage"),
                                        .key = get_text(o, "key"),
                                        .digest = get_text(o, "digest"),
                                        .bytes = get_int(o, "bytes", 0),
                                        .cost = get_number(o, "cost"),
                                        .trial = (long)get_int(o, "taken", event->trial)},
                               .taken = json_is_integer(json_object_get(o, "taken")),
                               .metrics = json_object_get(o, "metrics"),
                               .policy = get_policy(o, r->arena),
                               .end = get_end(o)};
    return r->study && e->left.stage && e->left.key;
}

static void write_evicted(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    put_text(o, "digest", e->evicted.digest);
    put_text(o, "why", e->evicted.why);
}

static bool read_evicted(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    e->evicted = (struct event_evicted){get_text(o, "digest"), get_text(o, "why")};
    return e->evicted.digest != NULL;
}

static void write_condemned(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    put_text(o, "reason", e->condemned.reason);
    json_object_update(o, (json_t *)e->condemned.details);
    put_flag(o, "audit", e->condemned.audit);
}

/* At first both decisions to stop an attempt were of one kind, told apart by who had made them. */
static bool read_condemned(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    const char *reason = get_text(o, "reason");
    if (json_object_get(o, "by"))
        e->condemned = (struct event_condemned){.reason = reason, .details = o, .audit = get_flag(o, "audit")};
    else {
        e->kind = EVENT_HALTED;
        e->halted = (struct event_halted){.reason = reason};
    }
    return true;
}

static void write_halted(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    put_text(o, "reason", e->halted.reason);
}

static bool read_halted(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    e->halted.reason = get_text(o, "reason");
    return true;
}

/* ---- the body ---- */

const double *event_values(const struct objective *o, const json_t *metrics, struct arena *arena)
{
    double *value = arena_array(arena, o->n_metrics + 1, sizeof *value);
    for (size_t i = 0; i < o->n_metrics; i++) value[i] = json_number_at(metrics, o->metric[i].name);
    return value;
}

static void write_body(const struct memory *s, const struct event *e, json_t *o)
{
    switch (e->kind) {
#define EVENT(number, NAME, name, subject, word)                                                                       \
    case EVENT_##NAME:                                                                                                 \
        write_##name(s, e, o);                                                                                         \
        break;
#include "tuner/history/event.def"
#undef EVENT
    }
    put_text(o, "token", e->token);
}

const char *event_body(const struct memory *s, const struct event *e, struct arena *arena)
{
    json_t *o = json_object();
    const char *body = "";
    write_body(s, e, o);
    if (json_object_size(o) > 0) {
        char *text = json_tight(o);
        body = arena_strdup(arena, text);
        free(text);
    }
    json_decref(o);
    return body;
}

/* False: a body that no version has written. */
static bool read_body(const json_t *o, const struct reading *r, struct event *e)
{
    e->token = get_text(o, "token");
    switch (e->kind) {
#define EVENT(number, NAME, name, subject, word)                                                                       \
    case EVENT_##NAME:                                                                                                 \
        return read_##name(o, r, e);
#include "tuner/history/event.def"
#undef EVENT
    }
    return false;
}

enum status event_read(const struct store_event *stored, const struct study *study, struct arena *arena,
                       json_t **ret_body, struct event *ret, struct error *err)
{
    const struct reading r = {study, arena};
    json_t *body = NULL;
    *ret = (struct event){
        .kind = (enum event_kind)stored->kind, .trial = stored->trial, .seq = stored->seq, .at_ms = stored->at_ms};
    enum status s = *stored->body ? json_parse_object(stored->body, strlen(stored->body), &body, err) : STATUS_OK;
    if (!s && !read_body(body, &r, ret)) s = error_set(err, STATUS_IO, "it is stored in an unknown way");
    if (s) {
        json_decref(body);
        return error_context(err, "event %lld (%s)", (long long)stored->seq, event_name((enum event_kind)stored->kind));
    }
    *ret_body = body;
    return STATUS_OK;
}
