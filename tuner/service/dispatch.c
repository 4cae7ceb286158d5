#include "tuner/service/dispatch.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { JSON_MAX = 1 << 20, FILE_MAX = 256 << 20, KEY_MAX = 200, PATH_TEXT_MAX = 1024, MARKS_MAX = 100000 };

#define STUDY "/api/v1/studies/{study}"
#define TRIAL STUDY "/trials/{trial}"

enum { ANYONE = 0 };

static const struct route routes[] = {
    {"GET", "/healthz", ANYONE, api_health, 0, BODY_NONE, false},
    {"GET", "/metrics", GRANT_VIEW, api_metrics, 0, BODY_NONE, false},
    {"GET", "/api/v1", GRANT_VIEW | GRANT_WORK, api_service_get, 0, BODY_NONE, false},
    {"GET", "/api/v1/openapi.yaml", ANYONE, api_openapi, 0, BODY_NONE, false},
    {"GET", "/api/v1/studies", GRANT_VIEW, api_studies_list, 0, BODY_NONE, false},
    {"POST", "/api/v1/studies", GRANT_OPERATE, api_studies_create, JSON_MAX, BODY_ANY, true},
    {"GET", STUDY, GRANT_VIEW, api_study_get, 0, BODY_NONE, false},
    {"DELETE", STUDY, GRANT_OPERATE, api_study_delete, 0, BODY_NONE, false},
    {"POST", STUDY "/pause", GRANT_OPERATE, api_study_pause, JSON_MAX, BODY_OPTIONAL_JSON, false},
    {"POST", STUDY "/resume", GRANT_OPERATE, api_study_resume, JSON_MAX, BODY_OPTIONAL_JSON, false},
    {"POST", STUDY "/stop", GRANT_OPERATE, api_study_stop, JSON_MAX, BODY_OPTIONAL_JSON, false},
    {"GET", STUDY "/best", GRANT_VIEW, api_study_best, 0, BODY_NONE, false},
    {"GET", STUDY "/export", GRANT_VIEW, api_study_export, 0, BODY_NONE, false},
    {"GET", STUDY "/budgets", GRANT_VIEW, api_study_budgets, 0, BODY_NONE, false},
    {"GET", STUDY "/events", GRANT_VIEW, api_study_events, 0, BODY_NONE, false},
    {"GET", STUDY "/log", GRANT_VIEW, api_study_log, 0, BODY_NONE, false},
    {"GET", STUDY "/definition", GRANT_WORK, api_study_definition, 0, BODY_NONE, false},
    {"PUT", STUDY "/files/{path...}", GRANT_OPERATE, api_study_file_put, FILE_MAX, BODY_FILE, false},
    {"GET", STUDY "/blobs/{sha256}", GRANT_WORK, api_blob_get, 0, BODY_NONE, false},
    {"POST", STUDY "/ask", GRANT_WORK, api_ask, JSON_MAX, BODY_OPTIONAL_JSON, true},
    {"GET", STUDY "/trials", GRANT_VIEW, api_trials_list, 0, BODY_NONE, false},
    {"POST", STUDY "/trials", GRANT_OPERATE, api_trials_create, JSON_MAX, BODY_JSON, true},
    {"GET", TRIAL, GRANT_VIEW, api_trial_get, 0, BODY_NONE, false},
    {"POST", TRIAL "/cancel", GRANT_OPERATE, api_trial_cancel, JSON_MAX, BODY_OPTIONAL_JSON, false},
    {"POST", TRIAL "/retry", GRANT_OPERATE, api_trial_retry, JSON_MAX, BODY_OPTIONAL_JSON, false},
    {"GET", TRIAL "/reports", GRANT_VIEW, api_trial_reports, 0, BODY_NONE, false},
    {"POST", TRIAL "/reports", GRANT_WORK, api_trial_report, JSON_MAX, BODY_JSON, false},
    {"POST", TRIAL "/tell", GRANT_WORK, api_trial_tell, JSON_MAX, BODY_JSON, false},
    {"POST", TRIAL "/renew", GRANT_WORK, api_trial_renew, JSON_MAX, BODY_JSON, false},
    {"GET", TRIAL "/artefacts", GRANT_VIEW | GRANT_WORK, api_artefacts_list, 0, BODY_NONE, false},
    {"GET", TRIAL "/artefacts/{name}", GRANT_VIEW | GRANT_WORK, api_artefact_get, 0, BODY_NONE, false},
    {"PUT", TRIAL "/artefacts/{name}", GRANT_WORK, api_artefact_put, FILE_MAX, BODY_FILE, false},
    {"GET", "/api/v1/agents", GRANT_VIEW, api_agents_list, 0, BODY_NONE, false},
    {"GET", "/api/v1/agents/{agent}", GRANT_VIEW, api_agent_get, 0, BODY_NONE, false},
    {"PUT", "/api/v1/agents/{agent}", GRANT_WORK, api_agent_register, JSON_MAX, BODY_JSON, false},
    {"DELETE", "/api/v1/agents/{agent}", GRANT_WORK, api_agent_leave, 0, BODY_NONE, false},
    {"POST", "/api/v1/agents/{agent}/poll", GRANT_WORK, api_agent_poll, JSON_MAX, BODY_JSON, false},
    {"POST", "/api/v1/agents/{agent}/messages", GRANT_WORK, api_agent_messages, JSON_MAX, BODY_JSON, false},
    {"GET", "/api/v1/tokens", GRANT_OPERATE, api_tokens_list, 0, BODY_NONE, false},
    {"POST", "/api/v1/tokens", GRANT_OPERATE, api_token_create, JSON_MAX, BODY_JSON, true},
    {"DELETE", "/api/v1/tokens/{token}", GRANT_OPERATE, api_token_revoke, 0, BODY_NONE, false},
    {0},
};

/* ---- routing ---- */

/* Takes the parameters; {name...} takes the rest, slashes and all. */
static bool matches(const char *pattern, const char *path, struct call *c)
{
    size_t n = 0;
    while (*pattern) {
        if (*pattern != '{') {
            if (*pattern++ != *path++) return false;
            continue;
        }
        const char *end = strchr(pattern, '}');
        bool rest = end[-1] == '.';
        size_t k = rest ? strlen(path) : strcspn(path, "/");
        if (k == 0 || n == CALL_PARAMS_MAX) return false;
        c->param[n++] = arena_printf(&c->arena, "%.*s", (int)k, path);
        path += k;
        pattern = end + 1;
    }
    return !*path;
}

static bool is_method(const char *route, const char *method)
{
    return strcmp(route, method) == 0 || (strcmp(route, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/* NULL: a problem has been answered. */
static const struct route *find_route(struct call *c, const char *method, const char *path)
{
    char allow[80] = "";
    for (const struct route *r = routes; r->method; r++) {
        if (!matches(r->path, path, c)) continue;
        if (is_method(r->method, method)) return r;
        snprintf(allow + strlen(allow), sizeof allow - strlen(allow), "%s%s", *allow ? ", " : "", r->method);
    }
    if (*allow) {
        c->location = arena_strdup(&c->arena, allow);
        call_problem(c, 405, "this resource knows %s, not %.20s", allow, method);
    } else
        call_problem(c, 404, "there is no resource '%.200s'; they are listed in /api/v1/openapi.yaml", path);
    return NULL;
}

/* ---- who may ---- */

/* A worker's token may be for some studies only. */
static bool is_in_scope(struct call *c)
{
    bool about_study = strstr(c->route->path, "{study}") != NULL;
    if (!about_study || words_lists(c->who.scope, c->param[0])) return true;
    call_problem(c, 403, "this token is not for study '%.60s'", c->param[0]);
    return false;
}

static bool is_allowed(struct call *c)
{
    struct error err;
    if (c->route->grants == ANYONE) return true;
    enum status s =
        auth_check(c->service->auth, c->http->peer, request_header(c->http, "Authorization"), &c->who, &err);
    if (s) {
        call_problem(c, s == STATUS_BUSY ? 429 : s == STATUS_IO ? 503 : 401, "%s", err.text);
        return false;
    }
    if (!request_shows(c->http, c->who.id)) {
        call_problem(c, 503, "this token has too many connections; close some, or keep them for several requests");
        return false;
    }
    if (c->who.grants & c->route->grants) return is_in_scope(c);
    call_problem(c, 403, "this token's role may not do that: %s",
                 c->route->grants & GRANT_OPERATE           ? "it takes an operator"
                 : c->route->grants == (unsigned)GRANT_WORK ? "it takes a worker or an operator"
                                                            : "it takes a viewer or an operator");
    return false;
}

/* ---- the body ---- */

static void expect_body(struct call *c)
{
    struct request *r = c->http;
    r->body_max = c->route->body_max;
    if (c->route->body != BODY_FILE) return;
    r->spool = service_spool(c->service);
    if (r->spool >= 0) return;
    bool full = status_of_errno(errno) == STATUS_FULL;
    call_problem(c, full ? 507 : 503, "no file can be made in the folder for the attempts' files: %s", strerror(errno));
}

static bool is_json(const struct call *c)
{
    const char *type = request_header(c->http, "Content-Type");
    return type && (strncasecmp(type, "application/json", 16) == 0) && strchr("; \t", type[16]);
}

static bool read_json(struct call *c)
{
    struct error err;
    const char *type = request_header(c->http, "Content-Type");
    if (c->http->n == 0 && c->route->body == BODY_OPTIONAL_JSON) {
        c->body = json_object();
        return true;
    }
    if (!is_json(c)) {
        call_problem(c, 415, "this resource takes application/json, not '%.80s'", type ? type : "nothing");
        return false;
    }
    if (json_marks(c->http->body, c->http->n) > MARKS_MAX) { /* each takes up to a hundred times its bytes */
        call_problem(c, 400, "this JSON has more than %d commas, colons and brackets; send less at once", MARKS_MAX);
        return false;
    }
    if (json_parse_object(c->http->body, c->http->n, &c->body, &err) == STATUS_OK) return true;
    call_problem(c, 400, "%s", err.text);
    return false;
}

/* ---- Idempotency-Key ---- */

struct kept {
    struct call *c;
    bool found;
};

static void on_kept(void *data, const struct store_answer *a)
{
    struct kept *k = data;
    k->found = true;
    if (memcmp(a->what, k->c->what, sizeof a->what) == 0)
        call_text(k->c, (unsigned)a->status, "application/json", a->body, strlen(a->body));
    else
        call_problem(k->c, 422, "this Idempotency-Key was used for another request");
}

/* Somebody else's request with this key is on its way. */
static bool is_twin(const struct call *c, const struct call *list)
{
    for (; list; list = list->next)
        if (list != c && list->key && strcmp(list->key, c->key) == 0 && strcmp(list->who.id, c->who.id) == 0)
            return true;
    return false;
}

static bool is_key(const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < n; i++)
        if (key[i] < '!' || key[i] > '~') return false;
    return n > 0 && n <= KEY_MAX;
}

/* True: it has been answered. */
static bool answer_again(struct call *c)
{
    struct kept k = {c, false};
    struct error err;
    c->key = c->route->creates ? request_header(c->http, "Idempotency-Key") : NULL;
    if (!c->key) return false;
    if (!is_key(c->key)) {
        call_problem(c, 400, "an Idempotency-Key has 1 to %d visible ASCII characters", KEY_MAX);
        return true;
    }
    c->key = arena_strdup(&c->arena, c->key);
    size_t n = strlen(c->http->method) + strlen(c->http->path);
    char *all = must_alloc(n + c->http->n + 3, 1);
    n = (size_t)sprintf(all, "%s %s\n", c->http->method, c->http->path);
    if (c->http->n) memcpy(all + n, c->http->body, c->http->n);
    digest(all, n + c->http->n, c->what);
    free(all);
    bool twin = is_twin(c, c->service->working) || is_twin(c, c->service->left.call);
    for (struct hosted *h = c->service->hosted; !twin && h; h = h->next) twin = is_twin(c, h->call);
    if (twin) {
        call_problem(c, 409, "a request with this Idempotency-Key is being worked on");
        return true;
    }
    if (store_answer_find(c->service->store, c->who.id, c->key, on_kept, &k, &err)) {
        call_fail(c, &err);
        return true;
    }
    return k.found;
}

/* ---- the hooks ---- */

void dispatch_begin(void *data, struct request *r)
{
    struct service *s = data;
    struct call *c = must_alloc(1, sizeof *c);
    r->owner = c;
    c->service = s;
    c->store = s->store;
    c->http = r;
    c->outcome.fd = c->spool = -1;
    if (auth_is_flood(s->auth, r->peer, s->options.rate)) {
        call_problem(c, 429, "more than %g requests a second from %s", s->options.rate, r->peer);
        return;
    }
    if (strlen(r->path) > PATH_TEXT_MAX) {
        call_problem(c, 414, "there is no resource with such a long path");
        return;
    }
    c->route = find_route(c, r->method, r->path);
    if (c->route && is_allowed(c)) expect_body(c);
}

/* Nothing is promised on a database that has lost its file. */
static bool may_change(struct call *c)
{
    struct error err;
    if (is_method("GET", c->http->method) || store_check_ground(c->service->store, &err) == STATUS_OK) return true;
    call_fail(c, &err);
    return false;
}

void dispatch_handle(void *data, struct request *r)
{
    struct call *c = r->owner;
    (void)data;
    if (c->service->closing) {
        call_problem(c, 503, "the service is stopping");
        return;
    }
    if (!may_change(c) || answer_again(c)) return;
    bool json = c->route->body == BODY_JSON || c->route->body == BODY_OPTIONAL_JSON;
    if (json && !read_json(c)) return;
    call_handle(c, c->route->handle);
}

void dispatch_gone(void *data, struct request *r)
{
    struct call *c = r->owner;
    (void)data;
    if (c) call_gone(c);
}

bool dispatch_is_valid(void *data, const char *token)
{
    struct service *s = data;
    return auth_is_valid(s->auth, token);
}

/* What cannot be taken back any more is answered as it would have been. */
void dispatch_unwelcome(void *data, struct request *r)
{
    struct call *c = r->owner;
    (void)data;
    if (!c || !c->cancel || c->answered) return;
    c->cancel(c);
    c->cancel = NULL;
    call_problem(c, 401, "the token has expired or was revoked");
}
