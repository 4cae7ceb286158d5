#include "tuner/history/event.h"

#include "tuner/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

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

static void put_opened(json_t *o, const struct event *c)
{
    put_text(o, "host", c->host);
    put_text(o, "boot", c->boot);
    put_int(o, "pid", c->pid, 0);
    put_text(o, "path", c->path);
    put_text(o, "file", c->file);
    put_int(o, "slots", (int64_t)c->slots, 0);
    put_int(o, "began", c->began_ms, 0);
    put_int(o, "spent", c->spent_ms, 0);
    put_int(o, "gone", c->gone_ms, 0);
    if (c->budget) json_object_set_new(o, "budget", budget_json(c->budget));
    if (c->n_warm) {
        json_t *warm = json_array();
        for (size_t i = 0; i < c->n_warm; i++) json_array_append_new(warm, json_integer(c->warm_seq[i]));
        json_object_set_new(o, "warm", warm);
    }
}

static void put_added(json_t *o, const struct history *s, const struct event *c)
{
    if (c->role != ROLE_SEARCH) put_text(o, "role", trial_role_name(c->role));
    put_text(o, "source", c->source);
    put_int(o, "seed", (int64_t)c->seed, (int64_t)memory_trial_seed(s, c->trial));
    put_int(o, "confirms", c->confirms, -1);
    put_int(o, "parent", c->parent, -1);
    if (c->trajectory) json_object_set_new(o, "course", trajectory_json(c->trajectory, &s->study->space));
    put_int(o, "known", c->known, c->seq - 1);
    put_number(o, "expect_tokens", c->expect_tokens);
    put_number(o, "expect_ms", c->expect_ms);
    json_object_set_new(o, "params", space_to_json(&s->study->space, c->config));
}

static void put_end(json_t *o, const struct event *c)
{
    put_text(o, "outcome", c->outcome);
    put_text(o, "reason", c->reason);
    put_int(o, "backoff", c->backoff_ms, 0);
    put_number(o, "ms", round(c->took_ms));
    put_number(o, "spent", c->spent_tokens);
}

static json_t *policy_json(const struct event *c)
{
    json_t *o = json_object();
    put_number(o, "patience", c->patience);
    json_object_set_new(o, "threshold", json_number(c->threshold));
    return o;
}

const char *event_body(const struct history *s, const struct event *c, struct arena *arena)
{
    json_t *o = json_object();
    switch (c->kind) {
    case LOGGED_OPENED: put_opened(o, c); break;
    case LOGGED_ADDED: put_added(o, s, c); break;
    case LOGGED_LEASED:
        put_text(o, "dir", c->dir);
        put_text(o, "agent", c->agent);
        put_int(o, "ttl", c->ttl_ms, 0);
        break;
    case LOGGED_STARTED:
        put_int(o, "pid", c->pid, 0);
        put_number(o, "resumed", c->resumed_cost);
        break;
    case LOGGED_RENEWED: put_int(o, "ttl", c->ttl_ms, 0); break;
    case LOGGED_CONDEMNED:
        put_text(o, "reason", c->reason);
        if (c->details) json_object_update(o, (json_t *)c->details);
        if (c->audit) json_object_set_new(o, "audit", json_true());
        break;
    case LOGGED_ADJUSTED:
        put_number(o, "from", c->set_from);
        if (c->set)
            json_object_set_new(o, "set", space_to_json(&s->study->space, c->set));
        else
            json_object_set_new(o, "policy", policy_json(c));
        put_text(o, "reason", c->reason);
        break;
    case LOGGED_CHECKPOINT:
        put_text(o, "path", c->checkpoint.path);
        put_int(o, "step", c->checkpoint.step, -1);
        put_int(o, "bytes", c->checkpoint.bytes, 0);
        put_number(o, "cost", c->checkpoint.cost);
        break;
    case LOGGED_ANNOUNCED: json_object_set(o, "policy", (json_t *)c->policy); break;
    case LOGGED_RETRIED: break;
    case LOGGED_RETURNED: put_end(o, c); break;
    case LOGGED_FINISHED:
        if (c->state != TRIAL_COMPLETE) put_text(o, "state", trial_state_name(c->state));
        if (c->metrics) json_object_set(o, "metrics", (json_t *)c->metrics);
        if (c->poisonous) json_object_set_new(o, "poisonous", json_true());
        if (c->adjusted) json_object_set_new(o, "policy", policy_json(c));
        put_end(o, c);
        break;
    case LOGGED_PHASE:
        put_text(o, "phase", c->reason);
        put_text(o, "why", c->why);
        break;
    case LOGGED_NOTE: put_text(o, "text", c->reason); break;
    }
    put_text(o, "token", c->token);
    const char *body = "";
    if (json_object_size(o) > 0) {
        char *text = json_tight(o);
        body = arena_strdup(arena, text);
        free(text);
    }
    json_decref(o);
    return body;
}

/* ---- reading ---- */

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

static void get_budget(const json_t *o, struct budget *b)
{
    *b = (struct budget){.trials = (long)get_int(o, "trials", 0),
                         .tokens = get_number(o, "tokens"),
                         .wall_ms = get_int(o, "wall", 0),
                         .until_minutes = (int)get_int(o, "until", -1),
                         .cost = get_number(o, "cost"),
                         .price_token = get_number(o, "price_token"),
                         .price_hour = get_number(o, "price_hour")};
}

static bool get_role(const json_t *o, enum trial_role *ret)
{
    const char *text = get_text(o, "role");
    if (!text) return *ret = ROLE_SEARCH, true;
    for (int r = ROLE_BASELINE; r <= ROLE_MEMBER; r++)
        if (strcmp(text, trial_role_name((enum trial_role)r)) == 0) return *ret = (enum trial_role)r, true;
    return false;
}

static void get_end(const json_t *o, struct event *c)
{
    c->outcome = get_text(o, "outcome");
    c->reason = get_text(o, "reason");
    c->backoff_ms = get_int(o, "backoff", 0);
    c->took_ms = get_number(o, "ms");
    c->spent_tokens = get_number(o, "spent");
}

static bool get_policy(const json_t *o, struct event *c)
{
    const json_t *policy = json_object_get(o, "policy");
    c->adjusted = policy != NULL;
    c->patience = get_number(policy, "patience");
    c->threshold = get_number(policy, "threshold");
    return c->adjusted;
}

static bool get_finished(const json_t *o, struct event *c)
{
    const char *state = get_text(o, "state");
    c->state = TRIAL_COMPLETE;
    c->metrics = json_object_get(o, "metrics");
    c->poisonous = json_is_true(json_object_get(o, "poisonous"));
    get_end(o, c);
    get_policy(o, c);
    return !state || trial_state_parse(state, &c->state);
}

/* False: a body that no version has written. */
static bool get_body(const json_t *o, struct event *c, struct budget *budget)
{
    const json_t *b;
    c->token = get_text(o, "token");
    switch (c->kind) {
    case LOGGED_OPENED:
        c->host = get_text(o, "host");
        c->boot = get_text(o, "boot");
        c->pid = get_int(o, "pid", 0);
        c->path = get_text(o, "path");
        c->file = get_text(o, "file");
        c->slots = (size_t)get_int(o, "slots", 0);
        c->began_ms = get_int(o, "began", 0);
        c->spent_ms = get_int(o, "spent", 0);
        c->gone_ms = get_int(o, "gone", 0);
        b = json_object_get(o, "warm");
        for (; c->n_warm < json_array_size(b) && c->n_warm < WARM_START_MAX; c->n_warm++)
            c->warm_seq[c->n_warm] = json_integer_value(json_array_get(b, c->n_warm));
        if ((b = json_object_get(o, "budget"))) get_budget(b, budget), c->budget = budget;
        return true;
    case LOGGED_ADDED:
        c->source = get_text(o, "source");
        c->seed = (uint64_t)get_int(o, "seed", 0);
        c->confirms = (long)get_int(o, "confirms", -1);
        c->parent = (long)get_int(o, "parent", -1);
        c->trajectory_json = json_object_get(o, "course");
        c->known = get_int(o, "known", c->seq - 1);
        c->expect_tokens = get_number(o, "expect_tokens");
        c->expect_ms = get_number(o, "expect_ms");
        c->params = json_object_get(o, "params");
        return get_role(o, &c->role) && json_is_object(c->params);
    case LOGGED_LEASED:
        c->dir = get_text(o, "dir");
        c->agent = get_text(o, "agent");
        c->ttl_ms = get_int(o, "ttl", 0);
        return true;
    case LOGGED_RENEWED: c->ttl_ms = get_int(o, "ttl", 0); return true;
    case LOGGED_STARTED:
        c->pid = get_int(o, "pid", 0);
        c->resumed_cost = get_number(o, "resumed");
        return true;
    case LOGGED_CONDEMNED:
        c->reason = get_text(o, "reason");
        c->details = json_object_get(o, "by") ? o : NULL;
        c->audit = json_is_true(json_object_get(o, "audit"));
        return true;
    case LOGGED_ADJUSTED:
        c->reason = get_text(o, "reason");
        c->set_from = get_number(o, "from");
        c->set_json = json_object_get(o, "set");
        return json_is_object(c->set_json) || get_policy(o, c);
    case LOGGED_CHECKPOINT:
        c->checkpoint = (struct checkpoint){get_text(o, "path"), (long)get_int(o, "step", 0), get_int(o, "bytes", 0),
                                            get_number(o, "cost")};
        return c->checkpoint.path != NULL;
    case LOGGED_ANNOUNCED: return json_is_object(c->policy = json_object_get(o, "policy"));
    case LOGGED_RETRIED: return true;
    case LOGGED_RETURNED: get_end(o, c); return true;
    case LOGGED_FINISHED: return get_finished(o, c);
    case LOGGED_PHASE: c->why = get_text(o, "why"); return (c->reason = get_text(o, "phase")) != NULL;
    case LOGGED_NOTE: c->reason = get_text(o, "text"); return true;
    }
    return false;
}

enum status event_read(const struct store_event *e, json_t **ret_body, struct budget *budget, struct event *ret,
                       struct error *err)
{
    json_t *body = NULL;
    *ret = (struct event){.kind = e->kind, .trial = e->trial, .seq = e->seq, .at_ms = e->at_ms, .parent = -1};
    enum status s = *e->body ? json_parse_object(e->body, strlen(e->body), &body, err) : STATUS_OK;
    if (!s && !get_body(body, ret, budget)) s = error_set(err, STATUS_IO, "it is stored in an unknown way");
    if (s) {
        json_decref(body);
        return error_context(err, "event %lld (%s)", (long long)e->seq, logged_name(e->kind));
    }
    *ret_body = body;
    return STATUS_OK;
}
