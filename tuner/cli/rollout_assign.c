/* nocturne rollout assign: who gets what, and why. */
#include "tuner/cli/rollout.h"

#include "tuner/cli/rollouts.h"

#include "tuner/base/plain.h"
#include "tuner/base/width.h"

#include <string.h>

/* ---- at a service ---- */

static bool parse_reason(const char *name, enum ruleset_reason *ret)
{
    for (int i = REASON_STATIC; name && i <= REASON_DISABLED; i++)
        if (strcmp(name, ruleset_reason_name((enum ruleset_reason)i)) == 0) return *ret = (enum ruleset_reason)i, true;
    return false;
}

/* OFREP, which every client may ask. */
static enum status ask(struct caller *c, const char *rollout, const char *unit, struct assigned *ret,
                       struct error *err)
{
    struct arena a = {0};
    json_t *answer = NULL, *body = json_pack("{s:{s:s}}", "context", "targetingKey", unit);
    const char *path = arena_printf(&a, "/ofrep/v1/evaluate/flags/%s", caller_escaped(&a, rollout));
    enum status s = body ? caller_ask(c, &(struct question){"POST", path, body}, &answer, err)
                         : error_set(err, STATUS_INVALID, "a unit is UTF-8 text");
    const char *variant = json_string_value(json_object_get(answer, "variant"));
    struct assigned x = {.counted = json_is_true(json_object_get(json_object_get(answer, "metadata"), "counted"))};
    if (!s && (!variant || !parse_reason(json_string_value(json_object_get(answer, "reason")), &x.reason)))
        s = error_set(err, STATUS_IO, "%s: the answer is none of a service of ours", caller_url(c));
    if (!s) snprintf(x.variant, sizeof x.variant, "%s", variant);
    if (!s) *ret = x;
    json_decref(body);
    json_decref(answer);
    arena_done(&a);
    return s;
}

/* ---- why ---- */

static double number(const json_t *object, const char *key)
{
    return json_number_at(object, key);
}

static double place(const json_t *rule, const char *unit)
{
    const char *salt = json_string_value(json_object_get(rule, "salt"));
    return salt ? assignment_place(salt, unit, strlen(unit)) : 1;
}

static const char *why_static(const json_t *rules, const char *unit, struct arena *a)
{
    const json_t *holdout = json_object_get(rules, "holdout"), *group = json_object_get(rules, "group");
    const char *name = json_string_value(json_object_get(group, "salt"));
    if (!json_object_get(rules, "experiment")) return "no experiment runs";
    if (holdout && place(holdout, unit) < number(holdout, "share"))
        return arena_printf(a, "held out, as %.3g %% are", 100 * number(holdout, "share"));
    return arena_printf(a, "in another part of group %s", name ? plain_shown(a, name) : "");
}

static const char *why(const json_t *rules, const char *unit, const struct assigned *x, struct arena *a)
{
    const char *killed = json_string_value(json_object_get(rules, "killed"));
    switch (x->reason) {
    case REASON_SPLIT: return arena_printf(a, "by its place, %.4f", place(rules, unit));
    case REASON_TARGETING_MATCH: return "the plan's overrides say so";
    case REASON_DISABLED: return arena_printf(a, "killed: %s", killed ? plain_shown(a, killed) : "");
    case REASON_STATIC: break;
    }
    return why_static(rules, unit, a);
}

/* ---- printing ---- */

enum { UNIT_WIDTH = 24, VARIANT_WIDTH = 14 };

static void show(const char *unit, const struct assigned *x, const char *because)
{
    struct arena a = {0};
    printf("%s  %s  %-11s  %s\n", width_cell(&a, plain_shown(&a, unit), UNIT_WIDTH, false),
           width_cell(&a, plain_shown(&a, x->variant), VARIANT_WIDTH, false), x->counted ? "counted" : "not counted",
           because);
    arena_done(&a);
}

static json_t *as_json(const char *unit, const struct assigned *x, const char *because)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:s}", "unit", unit, "variant", x->variant, "reason",
                     ruleset_reason_name(x->reason), "counted", x->counted, "why", because);
}

struct asking {
    const struct rollout_options *o;
    struct rollouts r;
    struct ruleset *ruleset; /* of a database */
    json_t *rules;
};

static enum status assign_one(const struct asking *x, const char *unit, json_t *into, struct error *err)
{
    struct arena a = {0};
    struct assigned got;
    enum status s = STATUS_OK;
    if (!*unit || strlen(unit) > ASSIGNMENT_UNIT_MAX)
        return error_set(err, STATUS_INVALID, "a unit has 1 to %d bytes", ASSIGNMENT_UNIT_MAX);
    if (x->ruleset && json_object_get(x->rules, "killed"))
        got = (struct assigned){"champion", REASON_DISABLED, false};
    else if (x->ruleset)
        got = ruleset_assign(x->ruleset, unit);
    else
        s = ask(x->r.remote.caller, x->o->arg[0], unit, &got, err);
    const char *because = s ? "" : why(x->rules, unit, &got, &a);
    if (!s && x->o->common.json)
        json_array_append_new(into, as_json(unit, &got, because));
    else if (!s)
        show(unit, &got, because);
    arena_done(&a);
    return s;
}

enum status rollout_assign(const struct rollout_options *o, struct error *err)
{
    struct asking x = {.o = o};
    json_t *all = json_array();
    enum status s = rollouts_open(&o->common, &x.r, err);
    if (!s) s = rollouts_ruleset(&x.r, o->arg[0], &x.rules, err);
    if (!s && x.r.store) s = live_ruleset(x.r.store, o->arg[0], &x.ruleset, err);
    for (size_t i = 1; !s && i < o->n; i++) s = assign_one(&x, o->arg[i], all, err);
    if (!s && o->common.json) cli_print_json(json_pack("{s:s, s:O}", "rollout", o->arg[0], "units", all));
    ruleset_free(x.ruleset);
    json_decref(x.rules);
    json_decref(all);
    rollouts_close(&x.r);
    return s;
}
