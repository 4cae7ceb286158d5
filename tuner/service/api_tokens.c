/* /api/v1/tokens */
#include "tuner/service/request.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <string.h>

enum { SCOPE_STUDIES_MAX = 100 };

static void list_tokens(struct request *r)
{
    struct error err;
    json_t *all = NULL;
    if (auth_list(r->store, r->service->clock, &all, &err))
        request_fail(r, &err);
    else
        request_answer(r, 200, json_pack("{s:o}", "tokens", all));
}

static void on_list_tokens(struct request *r)
{
    request_work(r, list_tokens, NULL);
}

/* ["a", "b"] → "a,b"; NULL: there is none, or it is no list of texts. */
static const char *scope_of(struct request *r, const json_t *studies)
{
    const char *scope = NULL;
    const json_t *name;
    size_t i;
    if (json_array_size(studies) > SCOPE_STUDIES_MAX) return NULL;
    json_array_foreach((json_t *)studies, i, name)
    {
        if (!json_is_string(name) || strchr(json_string_value(name), ',')) return NULL;
        scope = scope ? arena_printf(&r->arena, "%s,%s", scope, json_string_value(name)) : json_string_value(name);
    }
    return scope;
}

static bool read_wish(struct request *r, struct token_wish *w)
{
    const json_t *expires = json_object_get(r->body, "expires"), *studies = json_object_get(r->body, "studies");
    *w = (struct token_wish){.name = json_string_value(json_object_get(r->body, "name")),
                             .role = json_string_value(json_object_get(r->body, "role")),
                             .scope = scope_of(r, studies)};
    if (!request_fields(r, "name", "role", "expires", "studies", NULL)) return false;
    if (w->name && *w->name && words_length(w->name) <= TOKEN_NAME_MAX && w->role && auth_grants(w->role) &&
        (!studies || w->scope) &&
        (!expires || (json_is_string(expires) && words_duration_ms(json_string_value(expires), &w->ttl_ms))))
        return request_checked(r, auth_check_wish(w, &r->err));
    request_problem(
        r, 422,
        "a token takes a name (1 to %d characters), a role (viewer, worker, client or operator) and perhaps "
        "expires, a duration such as \"30d\", and studies, the names of those, or of the rollouts, that it is for",
        TOKEN_NAME_MAX);
    return false;
}

struct new_token {
    struct token_wish wish;
    char text[TOKEN_TEXT_MAX], id[TOKEN_ID_MAX]; /* "": not made yet */
};

static json_t *token_json(const struct request *r, const struct new_token *t)
{
    json_t *out = json_pack("{s:s, s:s, s:s}", "id", t->id, "name", t->wish.name, "role", t->wish.role);
    if (t->wish.scope) json_object_set(out, "studies", json_object_get(r->body, "studies"));
    return out;
}

static void create_token(struct request *r)
{
    struct new_token *t = r->state;
    struct error err;
    enum status s = *t->id ? STATUS_OK : auth_create(r->store, r->service->clock, &t->wish, t->text, t->id, &err);
    json_t *kept = token_json(r, t); /* it is shown once */
    if (!s) s = request_keep_answer(r, 201, kept, &err);
    json_decref(kept);
    if (s) request_fail(r, &err);
}

static void say_token(struct request *r)
{
    const struct new_token *t = r->state;
    const struct token_wish *w = &t->wish;
    json_t *answer = token_json(r, t);
    service_say(r->service, NULL, "token %s (%s, %s%s%s) created by token %s", t->id, w->name, w->role,
                w->scope ? " for " : "", w->scope ? w->scope : "", r->who.id);
    r->location = arena_printf(&r->arena, "/api/v1/tokens/%s", t->id);
    json_object_set_new(answer, "token", json_string(t->text));
    request_answer(r, 201, answer);
}

/* {"name": "ci", "role": "worker", "expires": "30d", "studies": ["a", "b"]} */
/* The token of a run's page stands in a terminal's lines, or in a log: none comes of it that opens more later. */
static void on_create_token(struct request *r)
{
    struct new_token *t = r->state = arena_alloc(&r->arena, sizeof *t);
    if (!read_wish(r, &t->wish)) return;
    if (r->service->options.guest)
        request_problem(r, 409,
                        "this is the page of one run, whose token ends with it and makes no others; "
                        "'nocturne token create' does");
    else
        request_work_changing(r, create_token, say_token);
}

static void revoke_token(struct request *r)
{
    struct error err;
    if (store_token_revoke(r->store, r->param[0], clock_wall_ms(r->service->clock), &err)) request_fail(r, &err);
}

static void say_revoked(struct request *r)
{
    service_say(r->service, NULL, "token %s revoked by token %s", r->param[0], r->who.id);
    request_answer(r, 200, json_pack("{s:s, s:b}", "id", r->param[0], "revoked", 1));
}

static void on_revoke_token(struct request *r)
{
    request_work_changing(r, revoke_token, say_revoked);
}

const struct route api_tokens_routes[] = {
    {"GET", "/api/v1/tokens", GRANT_OPERATE, on_list_tokens, 0, BODY_NONE, false},
    {"POST", "/api/v1/tokens", GRANT_OPERATE, on_create_token, ROUTE_JSON_MAX, BODY_JSON, true},
    {"DELETE", "/api/v1/tokens/{token}", GRANT_OPERATE, on_revoke_token, 0, BODY_NONE, false},
    {0},
};
