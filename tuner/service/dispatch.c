#include "tuner/service/dispatch.h"

#include "tuner/service/active_study.h"
#include "tuner/service/gzip.h"
#include "tuner/service/request.h"
#include "tuner/service/route.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { KEY_MAX = 200, PATH_TEXT_MAX = 1024, MARKS_MAX = 100000, CLIENTS_RATE = 10 /* times that of an address */ };

#define X(name) api_##name##_routes,
static const struct route *const tables[] = {ROUTE_TABLES(X)};
#undef X

/* ---- routing ---- */

/* Takes the parameters; {name...} takes the rest, slashes and all. */
static bool matches(const char *pattern, const char *path, struct request *r)
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
        if (k == 0 || n == REQUEST_PARAMS_MAX) return false;
        r->param[n++] = arena_printf(&r->arena, "%.*s", (int)k, path);
        path += k;
        pattern = end + 1;
    }
    return !*path;
}

static bool is_method(const char *route, const char *method)
{
    return strcmp(route, method) == 0 || (strcmp(route, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/* NULL: there is none; of a path that has other methods `location` names them. */
static const struct route *find_route(struct request *r, const char *method, const char *path)
{
    char allow[80] = "";
    if (strlen(path) > PATH_TEXT_MAX) return NULL;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct route *at = tables[i]; at->method; at++) {
            if (!matches(at->path, path, r)) continue;
            if (is_method(at->method, method)) return at;
            snprintf(allow + strlen(allow), sizeof allow - strlen(allow), "%s%s", *allow ? ", " : "", at->method);
        }
    if (*allow) r->location = arena_strdup(&r->arena, allow);
    return NULL;
}

static void refuse_path(struct request *r)
{
    const struct http_request *http = r->http;
    if (strlen(http->path) > PATH_TEXT_MAX)
        request_problem(r, 414, "there is no resource with such a long path");
    else if (r->location)
        request_problem(r, 405, "this resource knows %s, not %.20s", r->location, http->method);
    else
        request_problem(r, 404, "there is no resource '%.200s'; they are listed in /api/v1/openapi.yaml", http->path);
}

/* ---- who may ---- */

/* A token may be for some studies and rollouts only. */
static bool is_in_scope(struct request *r)
{
    bool about_study = strstr(r->route->path, "{study}") != NULL, about_rollout = strstr(r->route->path, "{rollout}") != NULL;
    if ((!about_study && !about_rollout) || request_may_see(r, r->param[0])) return true;
    request_problem(r, 403, "this token is not for %s '%.100s'", about_study ? "study" : "rollout", r->param[0]);
    return false;
}

/* Whom a route is for. */
static const char *takers(unsigned grants)
{
    if (grants & GRANT_OPERATE) return "an operator";
    if (grants & GRANT_VIEW) return "a viewer or an operator";
    return grants & GRANT_WORK ? "a worker or an operator" : "a client or an operator";
}

/* Such requests are many, from few addresses, and cost little: their tokens have limits of their own. */
static bool is_for_clients(const struct request *r)
{
    return r->route && r->route->grants & GRANT_CLIENT;
}

static bool is_allowed(struct request *r)
{
    struct error err;
    if (r->route->grants == 0) return true;
    enum status s =
        auth_check(r->service->auth, r->http->peer, http_request_header(r->http, "Authorization"), &r->who, &err);
    if (s) {
        request_problem(r, s == STATUS_BUSY ? 429 : s == STATUS_IO ? 503 : 401, "%s", err.text);
        return false;
    }
    if (!http_request_shows(r->http, r->who.id)) {
        request_problem(r, 503, "this token has too many connections; close some, or keep them for several requests");
        return false;
    }
    if (is_for_clients(r) && auth_is_flood(r->service->auth, r->who.id, CLIENTS_RATE * r->service->options.rate)) {
        request_problem(r, 429, "more than %g requests a second with this token", CLIENTS_RATE * r->service->options.rate);
        return false;
    }
    if (r->who.grants & r->route->grants) return is_in_scope(r);
    request_problem(r, 403, "this token's role may not do that: it takes %s", takers(r->route->grants));
    return false;
}

/* ---- the body ---- */

static void expect_body(struct request *r)
{
    struct http_request *http = r->http;
    http->body_max = r->route->body_max;
    if (r->route->body != BODY_FILE) return;
    http->spool = service_spool(r->service);
    if (http->spool >= 0) return;
    bool full = status_of_errno(errno) == STATUS_FULL;
    request_problem(r, full ? 507 : 503, "no file can be made in the folder for the attempts' files: %s",
                    strerror(errno));
}

static bool is_json(const struct request *r)
{
    const char *type = http_request_header(r->http, "Content-Type");
    return type && (strncasecmp(type, "application/json", 16) == 0) && strchr("; \t", type[16]);
}

static bool expect_json(struct request *r)
{
    const char *type = http_request_header(r->http, "Content-Type");
    if (is_json(r)) return true;
    request_problem(r, 415, "this resource takes application/json, not '%.80s'", type ? type : "nothing");
    return false;
}

/* Whatever it is, it would be taken for something else. */
static bool expect_plain(struct request *r)
{
    const char *packed = http_request_header(r->http, "Content-Encoding");
    if (r->http->n == 0 || !packed || strcasecmp(packed, "identity") == 0) return true;
    request_problem(r, 415, "send it as it is, not compressed ('%.40s'); exporters of OTLP call that compression: none",
                    packed);
    return false;
}

static bool read_json(struct request *r)
{
    struct error err;
    if (r->http->n == 0 && r->route->body == BODY_OPTIONAL_JSON) {
        r->body = json_object();
        return true;
    }
    if (!expect_json(r)) return false;
    if (json_marks(r->http->body, r->http->n) > MARKS_MAX) { /* each takes up to a hundred times its bytes */
        request_problem(r, 400, "this JSON has more than %d commas, colons and brackets; send less at once", MARKS_MAX);
        return false;
    }
    if (json_parse_object(r->http->body, r->http->n, &r->body, &err) == STATUS_OK) return true;
    request_problem(r, 400, "%s", err.text);
    return false;
}

/* ---- Idempotency-Key ---- */

struct kept {
    struct request *r;
    bool found;
};

static void on_kept(void *data, const struct store_answer *a)
{
    struct kept *k = data;
    k->found = true;
    if (memcmp(a->what, k->r->repeat.what, sizeof a->what) == 0)
        request_text(k->r, (unsigned)a->status, "application/json", a->body, strlen(a->body));
    else
        request_problem(k->r, 422, "this Idempotency-Key was used for another request");
}

/* Somebody else's request with this key is on its way. */
static bool is_twin(const struct request *r, const struct request *list)
{
    for (; list; list = list->wait.next)
        if (list != r && list->repeat.key && strcmp(list->repeat.key, r->repeat.key) == 0 &&
            strcmp(list->who.id, r->who.id) == 0)
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
static bool answer_again(struct request *r)
{
    struct kept k = {r, false};
    struct error err;
    r->repeat.key = r->route->creates ? http_request_header(r->http, "Idempotency-Key") : NULL;
    if (!r->repeat.key) return false;
    if (!is_key(r->repeat.key)) {
        request_problem(r, 400, "an Idempotency-Key has 1 to %d visible ASCII characters", KEY_MAX);
        return true;
    }
    r->repeat.key = arena_strdup(&r->arena, r->repeat.key);
    size_t n = strlen(r->http->method) + strlen(r->http->path);
    char *all = must_alloc(n + r->http->n + 3, 1);
    n = (size_t)sprintf(all, "%s %s\n", r->http->method, r->http->path);
    if (r->http->n) memcpy(all + n, r->http->body, r->http->n);
    digest(all, n + r->http->n, r->repeat.what);
    free(all);
    bool twin = is_twin(r, r->service->queues.working) || is_twin(r, r->service->left.waiting);
    for (struct active_study *as = r->service->active; !twin && as; as = as->next) twin = is_twin(r, as->waiting);
    if (twin) {
        request_problem(r, 409, "a request with this Idempotency-Key is being worked on");
        return true;
    }
    if (store_answer_find(r->service->store, r->who.id, r->repeat.key, on_kept, &k, &err)) {
        request_fail(r, &err);
        return true;
    }
    return k.found;
}

/* ---- the hooks ---- */

void dispatch_begin(void *data, struct http_request *http)
{
    struct service *s = data;
    struct request *r = must_alloc(1, sizeof *r);
    http->owner = r;
    r->service = s;
    r->store = s->store;
    r->http = http;
    r->beside.outcome.fd = r->spool.fd = -1;
    r->route = find_route(r, http->method, http->path);
    if (!is_for_clients(r) && auth_is_flood(s->auth, http->peer, s->options.rate))
        request_problem(r, 429, "more than %g requests a second from %s", s->options.rate, http->peer);
    else if (!r->route)
        refuse_path(r);
    else if (is_allowed(r))
        expect_body(r);
}

/* Nothing is promised on a database that has lost its file. */
static bool may_change(struct request *r)
{
    struct error err;
    bool asks = is_method("GET", r->http->method) || r->route->body == BODY_QUESTION;
    if (asks || store_check_ground(r->service->store, &err) == STATUS_OK) return true;
    request_fail(r, &err);
    return false;
}

/* For works, which have no header to look at. */
static void hear_client(struct request *r)
{
    const char *match = http_request_header(r->http, "If-None-Match");
    r->seen.gzip = gzip_is_taken(http_request_header(r->http, "Accept-Encoding"));
    r->seen.match = match ? arena_strdup(&r->arena, match) : NULL;
}

void dispatch_handle(void *data, struct http_request *http)
{
    struct request *r = http->owner;
    (void)data;
    if (r->service->closing) {
        request_problem(r, 503, "the service is stopping");
        return;
    }
    if (!expect_plain(r) || !may_change(r) || answer_again(r)) return;
    bool json = r->route->body == BODY_JSON || r->route->body == BODY_OPTIONAL_JSON;
    if ((json && !read_json(r)) || (r->route->body == BODY_LATER_JSON && !expect_json(r))) return;
    hear_client(r);
    active_study_handle(r, r->route->handle);
}

void dispatch_gone(void *data, struct http_request *http)
{
    struct request *r = http->owner;
    (void)data;
    if (r) request_gone(r);
}

bool dispatch_is_valid(void *data, const char *token)
{
    struct service *s = data;
    return auth_is_valid(s->auth, token);
}

/* What cannot be taken back any more is answered as it would have been. */
void dispatch_unwelcome(void *data, struct http_request *http)
{
    struct request *r = http->owner;
    (void)data;
    if (!r || !r->cancel || r->stage == REQUEST_ANSWERED) return;
    r->cancel(r);
    r->cancel = NULL;
    request_problem(r, 401, "the token has expired or was revoked");
}
