#include "tuner/live/ruleset.h"

#include "tuner/live/intake.h"

#include "tuner/base/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- as JSON ---- */

static enum status add_variant(struct record *r, json_t *into, const char *name,
                               const unsigned char hash[STORE_HASH_BYTES], struct error *err)
{
    const char *text = NULL;
    char hex[DIGEST_HEX];
    json_t *body = NULL;
    enum status s = store_configuration(r->store, hash, &r->arena, &text, err);
    if (!s) s = json_parse_object(text, strlen(text), &body, err);
    if (!s)
        json_object_set_new(into, name, json_pack("{s:s, s:O}", "hash", digest_hex(hash, hex), "parameters",
                                                  json_object_get(body, "parameters")));
    json_decref(body);
    return s;
}

static enum status variants_json(struct record *r, json_t **ret, struct error *err)
{
    json_t *out = json_object();
    char name[32];
    enum status s = add_variant(r, out, "champion", r->rollout.champion, err);
    for (size_t arm = 1; !s && record_is_open(r) && arm < r->n_hashes; arm++)
        s = add_variant(r, out, experiment_variant(&r->experiment, arm, name, sizeof name), r->hash[arm], err);
    if (!s)
        *ret = out;
    else
        json_decref(out);
    return s;
}

static json_t *ranges_json(const struct experiment *x)
{
    const struct period *p = experiment_now(x);
    json_t *out = json_array();
    char name[32];
    for (size_t i = 0; i < p->n; i++)
        json_array_append_new(out, json_pack("[f, f, s]", p->range[i].from, p->range[i].to,
                                             experiment_variant(x, p->range[i].arm, name, sizeof name)));
    return out;
}

static json_t *shadow_json(const struct experiment *x)
{
    json_t *out = json_array();
    char name[32];
    for (size_t i = 0; i < x->n_challengers; i++)
        if (!x->dropped[i]) json_array_append_new(out, json_string(experiment_variant(x, i + 1, name, sizeof name)));
    return out;
}

static void add_experiment(const struct record *r, json_t *out)
{
    const struct live_plan *p = &r->plan;
    char salt[ASSIGNMENT_SALT_MAX + 1];
    json_object_set_new(out, "experiment", json_integer(r->row.number));
    json_object_set_new(out, "period", json_integer((json_int_t)r->experiment.n_periods - 1));
    json_object_set_new(out, "salt", json_string(r->row.salt));
    json_object_set_new(out, "ranges", ranges_json(&r->experiment));
    if (r->experiment.phase == LIVE_SHADOW) json_object_set_new(out, "shadow", shadow_json(&r->experiment));
    if (p->holdout > 0)
        json_object_set_new(out, "holdout",
                            json_pack("{s:s, s:f}", "salt", intake_holdout_salt(r->rollout.name, salt, sizeof salt),
                                      "share", p->holdout));
    if (p->group.salt)
        json_object_set_new(
            out, "group",
            json_pack("{s:s, s:f, s:f}", "salt", p->group.salt, "from", p->group.from, "to", p->group.to));
    if (p->n_overrides == 0) return;
    json_t *overrides = json_object();
    for (size_t i = 0; i < p->n_overrides; i++)
        json_object_set_new(overrides, p->override[i].unit, json_string(p->override[i].variant));
    json_object_set_new(out, "overrides", overrides);
}

static enum status write_document(struct record *r, json_t **ret, struct error *err)
{
    json_t *variants;
    enum status s = variants_json(r, &variants, err);
    if (s) return s;
    json_t *out = json_pack("{s:s, s:I, s:i, s:i, s:o}", "rollout", r->rollout.name, "version",
                            (json_int_t)r->rollout.version, "valid_ms", RULESET_VALID_MS, "refresh_ms",
                            RULESET_REFRESH_MS, "variants", variants);
    if (*r->killed) json_object_set_new(out, "killed", json_string(r->killed));
    if (record_is_open(r) && !*r->killed) add_experiment(r, out);
    *ret = out;
    return s;
}

/* ---- in memory ---- */

struct ruleset {
    struct arena arena;
    json_t *document;
    bool killed, open;
    char *name, *salt;
    struct live_plan plan;
    struct experiment experiment;
};

const char *ruleset_reason_name(enum ruleset_reason reason)
{
    static const char *const names[] = {"STATIC", "SPLIT", "TARGETING_MATCH", "DISABLED"};
    return names[reason];
}

struct ruleset *ruleset_create(struct record *r, struct error *err)
{
    struct ruleset *x = must_alloc(1, sizeof *x);
    if (write_document(r, &x->document, err)) {
        ruleset_free(x);
        return NULL;
    }
    x->killed = *r->killed != 0;
    x->open = record_is_open(r) && !x->killed;
    x->name = arena_strdup(&x->arena, r->rollout.name);
    if (!x->open) return x;
    /* Read again, so that all of it lies in this arena. */
    json_t *state = experiment_json(&r->experiment);
    x->salt = arena_strdup(&x->arena, r->row.salt);
    enum status s = live_plan_read("plan", r->row.plan, &x->arena, &x->plan, err);
    if (!s) s = experiment_read(state, &x->plan, r->n_hashes - 1, &x->arena, &x->experiment, err);
    json_decref(state);
    if (!s) return x;
    ruleset_free(x);
    return NULL;
}

void ruleset_free(struct ruleset *x)
{
    if (!x) return;
    json_decref(x->document);
    arena_done(&x->arena);
    free(x);
}

const json_t *ruleset_document(const struct ruleset *x)
{
    return x->document;
}

static struct assigned assigned_as(const char *variant, enum ruleset_reason reason, bool counted)
{
    struct assigned a = {.reason = reason, .counted = counted};
    snprintf(a.variant, sizeof a.variant, "%s", variant);
    return a;
}

struct assigned ruleset_assign(const struct ruleset *x, const char *unit)
{
    const char *variant = "champion";
    char name[32];
    if (!x->open) return assigned_as(variant, x->killed ? REASON_DISABLED : REASON_STATIC, false);
    switch (intake_aside(&x->plan, x->name, unit, &variant)) {
    case ASIDE_OVERRIDE: return assigned_as(variant, REASON_TARGETING_MATCH, false);
    case ASIDE_HOLDOUT:
    case ASIDE_GROUP: return assigned_as(variant, REASON_STATIC, false);
    case ASIDE_NOT: break;
    }
    const struct period *p = experiment_now(&x->experiment);
    size_t arm = assignment_arm(assignment_place(x->salt, unit, strlen(unit)), p->range, p->n);
    return assigned_as(experiment_variant(&x->experiment, arm, name, sizeof name), REASON_SPLIT, true);
}
