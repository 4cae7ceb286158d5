/* Health, metrics, tokens, and the API's own description */
#include "tuner/service/api.h"
#include "tuner/service/service.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCOPE_STUDIES_MAX = 100 };

extern const char service_openapi_begin[], service_openapi_end[]; /* openapi.S */

const char *service_openapi(size_t *ret_n)
{
    *ret_n = (size_t)(service_openapi_end - service_openapi_begin);
    return service_openapi_begin;
}

void api_openapi(struct call *c)
{
    size_t n;
    const char *text = service_openapi(&n);
    call_text(c, 200, "application/yaml", text, n);
}

void api_service_get(struct call *c)
{
    call_answer(c, 200,
                json_pack("{s:s, s:s, s:I, s:I}", "name", "nocturne", "version", NOCTURNE_VERSION, "up_ms",
                          (json_int_t)(clock_mono_ms(c->service->clock) - c->service->started_ms), "slots",
                          (json_int_t)c->service->options.slots));
}

/* 503 while a study's disk refuses: nothing is lost, but nothing new starts. */
void api_health(struct call *c)
{
    struct error trouble;
    if (store_check_ground(c->service->store, &trouble)) {
        call_fail(c, &trouble);
        return;
    }
    for (struct hosted *h = c->service->hosted; h; h = h->next)
        if (!h->over && journal_trouble(h->run->history->journal, &trouble)) {
            call_problem(c, 503, "the disk refuses; the studies pause and go on by themselves");
            return;
        }
    call_answer(c, 200, json_pack("{s:s}", "status", "ok"));
}

/* ---- Prometheus [text format 0.0.4] ---- */

static void put_help(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP nocturne_%s %s\n# TYPE nocturne_%s %s\n", name, help, name, type);
}

static void put_studies(FILE *out, const struct service *s)
{
    size_t n = 0;
    for (const struct hosted *h = s->hosted; h; h = h->next) n += !h->over;
    put_help(out, "studies", "gauge", "Studies at work.");
    fprintf(out, "nocturne_studies %zu\n", n);
    put_help(out, "trials", "gauge", "Trials of the studies at work, by state.");
    for (const struct hosted *h = s->hosted; h; h = h->next)
        for (int state = 0; !h->over && state < TRIAL_STATES; state++)
            fprintf(out, "nocturne_trials{study=\"%s\",state=\"%s\"} %zu\n", h->study->name,
                    trial_state_name((enum trial_state)state), memory_count(h->run->history, (enum trial_state)state));
    put_help(out, "tokens_spent", "gauge", "Tokens that trials of the studies at work have spent.");
    for (const struct hosted *h = s->hosted; h; h = h->next)
        if (!h->over)
            fprintf(out, "nocturne_tokens_spent{study=\"%s\"} %.0f\n", h->study->name, ledger_tokens(h->run->history));
    put_help(out, "best_utility", "gauge", "Utility of the best trial so far.");
    for (const struct hosted *h = s->hosted; h; h = h->next)
        if (!h->over && h->run->history->best)
            fprintf(out, "nocturne_best_utility{study=\"%s\"} %.9g\n", h->study->name, h->run->history->best_utility);
}

static long resident_bytes(void)
{
    long pages = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    if (!in) return 0;
    if (fscanf(in, "%*s %ld", &pages) != 1) pages = 0;
    fclose(in);
    return pages * sysconf(_SC_PAGESIZE);
}

void api_metrics(struct call *c)
{
    const struct service *s = c->service;
    char *text = NULL;
    size_t n = 0, busy, seats = fleet_seats(s->fleet, &busy);
    FILE *out = open_memstream(&text, &n);
    put_studies(out, s);
    put_help(out, "trials_finished_total", "counter", "Trials that have become final since the start.");
    fprintf(out, "nocturne_trials_finished_total %llu\n", s->trials_finished);
    put_help(out, "agent_slots", "gauge", "Slots of all agents.");
    fprintf(out, "nocturne_agent_slots %zu\n", seats);
    put_help(out, "agent_slots_busy", "gauge", "Slots of agents that have a trial.");
    fprintf(out, "nocturne_agent_slots_busy %zu\n", busy);
    put_help(out, "http_answers_total", "counter", "Answers, by status.");
    for (int i = 100; i < CALL_STATUSES; i++)
        if (s->answers[i]) fprintf(out, "nocturne_http_answers_total{status=\"%d\"} %llu\n", i, s->answers[i]);
    put_help(out, "http_connections", "gauge", "Open connections.");
    fprintf(out, "nocturne_http_connections %u\n", http_connections(s->http));
    put_help(out, "resident_bytes", "gauge", "Resident memory of the service.");
    fprintf(out, "nocturne_resident_bytes %ld\n", resident_bytes());
    fclose(out);
    call_text(c, 200, "text/plain; version=0.0.4; charset=utf-8", text, n);
    free(text);
}

/* ---- tokens ---- */

static void list_tokens(struct call *c)
{
    struct error err;
    json_t *all = NULL;
    if (auth_list(c->store, c->service->clock, &all, &err))
        call_fail(c, &err);
    else
        call_answer(c, 200, json_pack("{s:o}", "tokens", all));
}

void api_tokens_list(struct call *c)
{
    call_work(c, NULL, list_tokens, NULL);
}

/* ["a", "b"] → "a,b"; NULL: there is none, or it is no list of texts. */
static const char *scope_of(struct call *c, const json_t *studies)
{
    const char *scope = NULL;
    const json_t *name;
    size_t i;
    if (json_array_size(studies) > SCOPE_STUDIES_MAX) return NULL;
    json_array_foreach((json_t *)studies, i, name)
    {
        if (!json_is_string(name) || strchr(json_string_value(name), ',')) return NULL;
        scope = scope ? arena_printf(&c->arena, "%s,%s", scope, json_string_value(name)) : json_string_value(name);
    }
    return scope;
}

static bool read_wish(struct call *c, struct token_wish *w)
{
    const json_t *expires = json_object_get(c->body, "expires"), *studies = json_object_get(c->body, "studies");
    *w = (struct token_wish){.name = json_string_value(json_object_get(c->body, "name")),
                             .role = json_string_value(json_object_get(c->body, "role")),
                             .scope = scope_of(c, studies)};
    if (!call_fields(c, "name", "role", "expires", "studies", NULL)) return false;
    if (w->name && *w->name && words_length(w->name) <= TOKEN_NAME_MAX && w->role && auth_grants(w->role) &&
        (!studies || w->scope) &&
        (!expires || (json_is_string(expires) && words_duration_ms(json_string_value(expires), &w->ttl_ms))))
        return call_checked(c, auth_check_wish(w, &c->err));
    call_problem(c, 422,
                 "a token takes a name (1 to %d characters), a role (viewer, worker or operator) and perhaps expires, "
                 "a duration such as \"30d\", and studies, the names of those that a worker's is for",
                 TOKEN_NAME_MAX);
    return false;
}

struct new_token {
    struct token_wish wish;
    char text[TOKEN_TEXT_MAX], id[TOKEN_ID_MAX]; /* "": not made yet */
};

static json_t *token_json(const struct call *c, const struct new_token *t)
{
    json_t *out = json_pack("{s:s, s:s, s:s}", "id", t->id, "name", t->wish.name, "role", t->wish.role);
    if (t->wish.scope) json_object_set(out, "studies", json_object_get(c->body, "studies"));
    return out;
}

static void create_token(struct call *c)
{
    struct new_token *t = c->state;
    struct error err;
    enum status s = *t->id ? STATUS_OK : auth_create(c->store, c->service->clock, &t->wish, t->text, t->id, &err);
    json_t *kept = token_json(c, t); /* it is shown once */
    if (!s) s = call_keep_answer(c, 201, kept, &err);
    json_decref(kept);
    if (s) call_fail(c, &err);
}

static void say_token(struct call *c)
{
    const struct new_token *t = c->state;
    const struct token_wish *w = &t->wish;
    json_t *answer = token_json(c, t);
    service_say(c->service, NULL, "token %s (%s, %s%s%s) created by token %s", t->id, w->name, w->role,
                w->scope ? " for " : "", w->scope ? w->scope : "", c->who.id);
    c->location = arena_printf(&c->arena, "/api/v1/tokens/%s", t->id);
    json_object_set_new(answer, "token", json_string(t->text));
    call_answer(c, 201, answer);
}

/* {"name": "ci", "role": "worker", "expires": "30d", "studies": ["a", "b"]} */
void api_token_create(struct call *c)
{
    struct new_token *t = c->state = arena_alloc(&c->arena, sizeof *t);
    if (read_wish(c, &t->wish)) call_work(c, NULL, create_token, say_token);
}

static void revoke_token(struct call *c)
{
    struct error err;
    if (store_token_revoke(c->store, c->param[0], clock_wall_ms(c->service->clock), &err)) call_fail(c, &err);
}

static void say_revoked(struct call *c)
{
    service_say(c->service, NULL, "token %s revoked by token %s", c->param[0], c->who.id);
    call_answer(c, 200, json_pack("{s:s, s:b}", "id", c->param[0], "revoked", 1));
}

void api_token_revoke(struct call *c)
{
    call_work(c, NULL, revoke_token, say_revoked);
}
