/* /ofrep/v1: rollouts as flags, for any client of OpenFeature (OpenFeature Remote Evaluation Protocol 0.3) */
#include "tuner/service/flag.h"
#include "tuner/service/keeper.h"
#include "tuner/service/request.h"
#include "tuner/service/rules.h"

#include "tuner/base/json.h"

#include <stdio.h>
#include <string.h>

enum { CONTEXT_MAX = 64 << 10 };

/* What kept a flag from being evaluated. NULL: nothing. */
struct fault {
    const char *code, *details;
};

/* `key`: NULL: of all of them. */
static void refuse(struct request *r, unsigned status, const char *key, const struct fault *fault)
{
    json_t *out = json_pack("{s:s, s:s}", "errorCode", fault->code, "errorDetails", fault->details);
    if (key) json_object_set_new(out, "key", json_string(key));
    request_answer(r, status, out);
}

/* ---- who asks ---- */

static struct fault unit_fault(const json_t *body, const char **ret)
{
    const json_t *context = json_object_get(body, "context"), *key = json_object_get(context, "targetingKey");
    size_t n = json_string_length(key);
    if (!json_is_object(context))
        return (struct fault){"INVALID_CONTEXT", "\"context\" must be an object such as {\"targetingKey\": \"user-17\"}"};
    if (!key || json_is_null(key) || (json_is_string(key) && n == 0))
        return (struct fault){"TARGETING_KEY_MISSING", "the context has no targetingKey: who is served?"};
    if (!json_is_string(key) || n > ASSIGNMENT_UNIT_MAX || strlen(json_string_value(key)) != n)
        return (struct fault){"INVALID_CONTEXT", "targetingKey must be a text of 1 to 1024 bytes"};
    *ret = json_string_value(key);
    return (struct fault){NULL, NULL};
}

/* The unit, as long as the request's body; NULL: a problem has been answered. */
static const char *read_unit(struct request *r, const char *key)
{
    const char *unit = NULL;
    struct fault fault = {"PARSE_ERROR", r->err.text};
    if (json_parse_object(r->http->body, r->http->n, &r->body, &r->err) == STATUS_OK) fault = unit_fault(r->body, &unit);
    if (!unit) refuse(r, 400, key, &fault);
    return unit;
}

/* ---- one flag ---- */

/* The rollout with the longest name that the key begins with (it may have points, too), and which of its flags it is. */
static const struct served *find_flag(const struct rules *rules, const char *key, int *ret_which)
{
    const struct served *found = NULL;
    for (const struct served *x = rules_first(rules); x; x = x->next) {
        size_t n = strlen(x->name);
        int which = strncmp(key, x->name, n) == 0 ? flag_find(x->flag, key + n) : -1;
        if (which < 0) continue;
        found = x;
        *ret_which = which;
    }
    return found;
}

static void refuse_key(struct request *r, const char *key)
{
    char details[300];
    snprintf(details, sizeof details, "there is no rollout '%.100s', nor one with such a parameter", key);
    if (!keeper_knows(r->service->live.keeper))
        request_problem(r, 503, "rollouts have not been read yet");
    else
        refuse(r, 404, key, &(struct fault){"FLAG_NOT_FOUND", details});
}

static void on_evaluate(struct request *r)
{
    struct live_parts *live = &r->service->live;
    const char *key = r->param[0], *unit;
    int which;
    const struct served *of = find_flag(live->rules, key, &which);
    if (!of)
        refuse_key(r, key);
    else if (!request_may_see(r, of->name))
        request_problem(r, 403, "this token is not for rollout '%s'", of->name);
    else if ((unit = read_unit(r, key))) {
        const struct assigned a = rules_assign(live->rules, of, unit);
        struct flag_text *t = rules_text(live->rules);
        flag_write(of->flag, (size_t)which, &a, t);
        request_text(r, 200, "application/json", t->bytes, t->n);
    }
}

/* ---- all of them ---- */

static void add(struct flag_text *t, const char *text)
{
    flag_text_add(t, text, strlen(text));
}

static void write_all(struct request *r, const char *unit, struct flag_text *t)
{
    const struct rules *rules = r->service->live.rules;
    const char *between = "";
    add(t, "{\"flags\":[");
    for (const struct served *x = rules_first(rules); x; x = x->next) {
        if (!request_may_see(r, x->name)) continue;
        const struct assigned a = rules_assign(rules, x, unit);
        for (size_t i = 0; i < flag_count(x->flag); i++) {
            add(t, between);
            flag_write(x->flag, i, &a, t);
            between = ",";
        }
    }
    add(t, "]}");
}

/* The answer's own, whatever it follows from. */
static void on_evaluate_all(struct request *r)
{
    struct flag_text *t = rules_text(r->service->live.rules);
    const char *unit = read_unit(r, NULL);
    if (!unit) return;
    write_all(r, unit, t);
    unsigned char hash[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    digest(t->bytes, t->n, hash);
    request_tagged(r, arena_printf(&r->arena, "\"%.32s\"", digest_hex(hash, hex)), "application/json", t->bytes, t->n);
}

const struct route api_flags_routes[] = {
    {"POST", "/ofrep/v1/evaluate/flags", GRANT_CLIENT, on_evaluate_all, CONTEXT_MAX, BODY_QUESTION, false},
    {"POST", "/ofrep/v1/evaluate/flags/{key...}", GRANT_CLIENT, on_evaluate, CONTEXT_MAX, BODY_QUESTION, false},
    {0},
};
