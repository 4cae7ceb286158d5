#include "tuner/history/event.h"

#include "tuner/history/checkpoint.h"
#include "tuner/history/field.h"

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

/* ---- parts of several events ---- */

static json_t *budget_json(const struct budget *b)
{
    json_t *o = json_object();
    field_put_int(o, "trials", b->trials, 0);
    field_put_number(o, "tokens", b->tokens);
    field_put_int(o, "wall", b->wall_ms, 0);
    field_put_int(o, "until", b->until_minutes, -1);
    field_put_number(o, "cost", b->cost);
    field_put_number(o, "price_token", b->price_token);
    field_put_number(o, "price_hour", b->price_hour);
    return o;
}

static const struct budget *get_budget(const json_t *o, struct arena *arena)
{
    if (!o) return NULL;
    struct budget *b = arena_alloc(arena, sizeof *b);
    *b = (struct budget){.trials = (long)field_get_int(o, "trials", 0),
                         .tokens = field_get_number(o, "tokens"),
                         .wall_ms = field_get_int(o, "wall", 0),
                         .until_minutes = (int)field_get_int(o, "until", -1),
                         .cost = field_get_number(o, "cost"),
                         .price_token = field_get_number(o, "price_token"),
                         .price_hour = field_get_number(o, "price_hour")};
    return b;
}

static void put_end(json_t *o, const struct event_end *e)
{
    field_put_text(o, "outcome", outcome_name(e->outcome));
    field_put_text(o, "reason", e->reason);
    field_put_int(o, "backoff", e->backoff_ms, 0);
    field_put_number(o, "ms", round(e->took_ms));
    field_put_number(o, "spent", e->spent_tokens);
}

static struct event_end get_end(const json_t *o)
{
    return (struct event_end){.outcome = outcome_parse(field_get_text(o, "outcome")),
                              .reason = field_get_text(o, "reason"),
                              .backoff_ms = field_get_int(o, "backoff", 0),
                              .took_ms = field_get_number(o, "ms"),
                              .spent_tokens = field_get_number(o, "spent")};
}

static void put_policy(json_t *o, const struct rule_values *p)
{
    json_t *policy = json_object();
    if (p) field_put_number(policy, "patience", p->patience);
    if (p) json_object_set_new(policy, "threshold", json_number(p->threshold));
    if (p) json_object_set(o, "policy", policy);
    json_decref(policy);
}

static const struct rule_values *get_policy(const json_t *o, struct arena *arena)
{
    const json_t *policy = json_object_get(o, "policy");
    if (!policy) return NULL;
    struct rule_values *p = arena_alloc(arena, sizeof *p);
    *p = (struct rule_values){field_get_number(policy, "patience"), field_get_number(policy, "threshold")};
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
    for (size_t i = 0; i < study->pipeline.n; i++) field_put_text(prints, study->pipeline.stage[i].name, e->print[i]);
    if (json_object_size(prints)) json_object_set(o, "stages", prints);
    json_decref(prints);
}

static void get_prints(const json_t *o, const struct study *study, struct event_opened *e)
{
    const json_t *prints = json_object_get(o, "stages");
    for (size_t i = 0; study && i < study->pipeline.n; i++)
        e->print[i] = field_get_text(prints, study->pipeline.stage[i].name);
}

static void write_opened(const struct memory *s, const struct event *event, json_t *o)
{
    const struct event_opened *e = &event->opened;
    (void)s;
    field_put_text(o, "host", e->host);
    field_put_text(o, "boot", e->boot);
    field_put_int(o, "pid", e->pid, 0);
    field_put_text(o, "path", e->path);
    field_put_text(o, "file", e->file);
    if (e->probe) json_object_set_new(o, "probe", json_true());
    field_put_int(o, "slots", (int64_t)e->slots, 0);
    field_put_int(o, "began", e->began_ms, 0);
    field_put_int(o, "spent", e->spent_ms, 0);
    field_put_int(o, "gone", e->gone_ms, 0);
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
    *e = (struct event_opened){.host = field_get_text(o, "host"),
                               .boot = field_get_text(o, "boot"),
                               .pid = field_get_int(o, "pid", 0),
                               .path = field_get_text(o, "path"),
                               .file = field_get_text(o, "file"),
                               .probe = json_is_true(json_object_get(o, "probe")),
                               .slots = (size_t)field_get_int(o, "slots", 0),
                               .began_ms = field_get_int(o, "began", 0),
                               .spent_ms = field_get_int(o, "spent", 0),
                               .gone_ms = field_get_int(o, "gone", 0),
                               .budget = get_budget(json_object_get(o, "budget"), r->arena)};
    for (; e->n_warm < json_array_size(warm) && e->n_warm < WARM_START_MAX; e->n_warm++)
        e->warm_seq[e->n_warm] = json_integer_value(json_array_get(warm, e->n_warm));
    get_prints(o, r->study, e);
    return true;
}

static void write_phase(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    field_put_text(o, "phase", study_phase_name(e->phase.phase));
    field_put_text(o, "why", e->phase.why);
}

static bool read_phase(const json_t *o, const struct reading *r, struct event *e)
{
    const char *name = field_get_text(o, "phase");
    (void)r;
    e->phase.why = field_get_text(o, "why");
    return name && study_phase_parse(name, &e->phase.phase);
}

static void write_note(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    field_put_text(o, "text", e->note.text);
}

static bool read_note(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    e->note.text = field_get_text(o, "text");
    return true;
}

static void write_noted(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    field_put_text(o, "text", e->noted.text);
}

static bool read_noted(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    e->noted.text = field_get_text(o, "text");
    return true;
}

/* ---- of a trial ---- */

static void write_added(const struct memory *s, const struct event *event, json_t *o)
{
    const struct event_added *e = &event->added;
    const struct space *space = &s->study->space;
    if (e->role != ROLE_SEARCH) field_put_text(o, "role", trial_role_name(e->role));
    field_put_text(o, "source", e->source);
    field_put_int(o, "seed", (int64_t)e->seed, (int64_t)memory_trial_seed(s, event->trial));
    field_put_int(o, "confirms", e->confirms, -1);
    field_put_int(o, "parent", e->parent, -1);
    if (e->trajectory) json_object_set_new(o, "course", trajectory_json(e->trajectory, space));
    field_put_int(o, "known", e->known, event->seq - 1);
    field_put_number(o, "expect_tokens", e->expect_tokens);
    field_put_number(o, "expect_ms", e->expect_ms);
    field_put_number(o, "expect_gain", e->expect_gain);
    json_object_set_new(o, "params", space_to_json(space, e->config));
}

static bool get_role(const json_t *o, enum trial_role *ret)
{
    const char *text = field_get_text(o, "role");
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
                              .source = field_get_text(o, "source"),
                              .seed = (uint64_t)field_get_int(o, "seed", 0),
                              .confirms = (long)field_get_int(o, "confirms", -1),
                              .parent = (long)field_get_int(o, "parent", -1),
                              .known = field_get_int(o, "known", event->seq - 1),
                              .expect_tokens = field_get_number(o, "expect_tokens"),
                              .expect_ms = field_get_number(o, "expect_ms"),
                              .expect_gain = field_get_number(o, "expect_gain"),
                              .trajectory = get_trajectory(json_object_get(o, "course"), r)};
    e->config = get_config(params, r, &e->outside);
    return get_role(o, &e->role);
}

static void write_adjusted(const struct memory *s, const struct event *event, json_t *o)
{
    const struct event_adjusted *e = &event->adjusted;
    field_put_number(o, "from", e->from);
    if (e->set) json_object_set_new(o, "set", space_to_json(&s->study->space, e->set));
    put_policy(o, e->policy);
    field_put_text(o, "reason", e->reason);
}

static bool read_adjusted(const json_t *o, const struct reading *r, struct event *event)
{
    struct event_adjusted *e = &event->adjusted;
    const json_t *set = json_object_get(o, "set");
    bool settings = json_is_object(set);
    if (settings && !r->study) return false;
    *e = (struct event_adjusted){.reason = field_get_text(o, "reason"),
                                 .from = field_get_number(o, "from"),
                                 .policy = settings ? NULL : get_policy(o, r->arena),
                                 .set = settings ? get_config(set, r, NULL) : NULL};
    return settings || e->policy;
}

static void write_checkpoint(const struct memory *s, const struct event *event, json_t *o)
{
    const struct checkpoint *c = &event->checkpoint.left;
    (void)s;
    field_put_int(o, "attempt", c->attempt, -1);
    field_put_text(o, "name", c->name);
    if (c->digest) field_put_text(o, "digest", c->digest);
    field_put_int(o, "step", c->step, -1);
    field_put_int(o, "bytes", c->bytes, 0);
    field_put_number(o, "cost", c->cost);
}

static bool read_checkpoint(const json_t *o, const struct reading *r, struct event *event)
{
    struct checkpoint *c = &event->checkpoint.left;
    const char *path = field_get_text(o, "path");
    (void)r;
    *c = (struct checkpoint){.trial = event->trial,
                             .attempt = (long)field_get_int(o, "attempt", 0),
                             .name = field_get_text(o, "name"),
                             .digest = field_get_text(o, "digest")};
    if (path && !checkpoint_parse(path, event->trial, c)) c->name = path; /* it will not be found */
    c->step = (long)field_get_int(o, "step", 0);
    c->bytes = field_get_int(o, "bytes", 0);
    c->cost = field_get_number(o, "cost");
    return c->name != NULL;
}

/* ---- of an attempt ---- */

static void write_leased(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    field_put_text(o, "dir", e->leased.dir);
    field_put_text(o, "agent", e->leased.agent);
    field_put_int(o, "ttl", e->leased.ttl_ms, 0);
    field_put_text(o, "stage", e->leased.stage);
    field_put_text(o, "key", e->leased.key);
}

static bool read_leased(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    e->leased = (struct event_leased){.dir = field_get_text(o, "dir"),
                                      .agent = field_get_text(o, "agent"),
                                      .ttl_ms = field_get_int(o, "ttl", 0),
                                      .stage = field_get_text(o, "stage"),
                                      .key = field_get_text(o, "key")};
    return true;
}

static void write_started(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    field_put_int(o, "pid", e->started.pid, 0);
    field_put_number(o, "resumed", e->started.resumed_cost);
}

static bool read_started(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    e->started = (struct event_started){field_get_int(o, "pid", 0), field_get_number(o, "resumed")};
    return true;
}

static void write_renewed(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    field_put_int(o, "ttl", e->renewed.ttl_ms, 0);
}

static bool read_renewed(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    e->renewed.ttl_ms = field_get_int(o, "ttl", 0);
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
    field_put_text(o, "reason", e->resumed.reason);
    field_put_flag(o, "whole", e->resumed.whole);
    field_put_int(o, "step", e->resumed.from.step, 0);
    field_put_number(o, "cost", e->resumed.from.cost);
}

static bool read_resumed(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    e->resumed = (struct event_resumed){.reason = field_get_text(o, "reason"),
                                        .details = o,
                                        .whole = field_get_flag(o, "whole"),
                                        .from = {(long)field_get_int(o, "step", 0), field_get_number(o, "cost")}};
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
    if (e->state != TRIAL_COMPLETE) field_put_text(o, "state", trial_state_name(e->state));
    if (e->metrics) json_object_set(o, "metrics", (json_t *)e->metrics);
    field_put_flag(o, "poisonous", e->poisonous);
    put_policy(o, e->policy);
    put_end(o, &e->end);
}

static bool read_finished(const json_t *o, const struct reading *r, struct event *event)
{
    struct event_finished *e = &event->finished;
    const char *state = field_get_text(o, "state");
    if (!r->study) return false;
    *e = (struct event_finished){.state = TRIAL_COMPLETE,
                                 .metrics = json_object_get(o, "metrics"),
                                 .poisonous = field_get_flag(o, "poisonous"),
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
    field_put_text(o, "stage", p->stage);
    field_put_text(o, "key", p->key);
    field_put_int(o, "taken", e->taken ? p->trial : -1, -1);
    if (e->taken) return;
    field_put_text(o, "digest", p->digest);
    field_put_int(o, "bytes", p->bytes, 0);
    field_put_number(o, "cost", p->cost);
    if (e->metrics) json_object_set(o, "metrics", (json_t *)e->metrics);
    put_policy(o, e->policy);
    put_end(o, &e->end);
}

static bool read_staged(const json_t *o, const struct reading *r, struct event *event)
{
    struct event_staged *e = &event->staged;
    *e = (struct event_staged){.left = {.stage = field_get_text(o, "stage"),
                                        .key = field_get_text(o, "key"),
                                        .digest = field_get_text(o, "digest"),
                                        .bytes = field_get_int(o, "bytes", 0),
                                        .cost = field_get_number(o, "cost"),
                                        .trial = (long)field_get_int(o, "taken", event->trial)},
                               .taken = json_is_integer(json_object_get(o, "taken")),
                               .metrics = json_object_get(o, "metrics"),
                               .policy = get_policy(o, r->arena),
                               .end = get_end(o)};
    return r->study && e->left.stage && e->left.key;
}

static void write_evicted(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    field_put_text(o, "digest", e->evicted.digest);
    field_put_text(o, "why", e->evicted.why);
}

static bool read_evicted(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    e->evicted = (struct event_evicted){field_get_text(o, "digest"), field_get_text(o, "why")};
    return e->evicted.digest != NULL;
}

static void write_condemned(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    field_put_text(o, "reason", e->condemned.reason);
    json_object_update(o, (json_t *)e->condemned.details);
    field_put_flag(o, "audit", e->condemned.audit);
}

/* At first both decisions to stop an attempt were of one kind, told apart by who had made them. */
static bool read_condemned(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    const char *reason = field_get_text(o, "reason");
    if (json_object_get(o, "by"))
        e->condemned = (struct event_condemned){.reason = reason, .details = o, .audit = field_get_flag(o, "audit")};
    else {
        e->kind = EVENT_HALTED;
        e->halted = (struct event_halted){.reason = reason};
    }
    return true;
}

static void write_halted(const struct memory *s, const struct event *e, json_t *o)
{
    (void)s;
    field_put_text(o, "reason", e->halted.reason);
}

static bool read_halted(const json_t *o, const struct reading *r, struct event *e)
{
    (void)r;
    e->halted.reason = field_get_text(o, "reason");
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
    field_put_text(o, "token", e->token);
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
    e->token = field_get_text(o, "token");
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
