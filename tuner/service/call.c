/* What is common to all requests: answers, problems, waiting, understanding. */
#include "tuner/service/api.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- answering ---- */

static const char *title(unsigned status)
{
    switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 503: return "Service Unavailable";
    case 507: return "Insufficient Storage";
    default: return "Internal Server Error";
    }
}

static void finish(struct call *c, unsigned status, const char *type, const char *text, size_t n)
{
    struct http_header headers[4] = {{NULL, NULL}};
    size_t k = 0;
    if (status == 401) headers[k++] = (struct http_header){"WWW-Authenticate", "Bearer realm=\"nocturne\""};
    if (status == 429 || status == 503) headers[k++] = (struct http_header){"Retry-After", "5"};
    if (status == 405 && c->location) headers[k++] = (struct http_header){"Allow", c->location};
    if (status == 201 && c->location) headers[k++] = (struct http_header){"Location", c->location};
    headers[k] = (struct http_header){NULL, NULL};
    call_wait_no_more(c);
    c->hosted = NULL;
    c->answered = true;
    c->service->answers[status < CALL_STATUSES ? status : 0]++;
    request_answer(c->http, status, type, text, n, headers);
}

void call_text(struct call *c, unsigned status, const char *type, const char *text, size_t n)
{
    finish(c, status, type, text, n);
}

void call_file(struct call *c, int fd, uint64_t bytes)
{
    c->answered = true;
    c->service->answers[200]++;
    request_answer_file(c->http, "application/octet-stream", fd, bytes);
}

void call_answer(struct call *c, unsigned status, json_t *answer)
{
    char *text = json_pretty_numbers(answer);
    finish(c, status, "application/json", text, strlen(text));
    free(text);
    json_decref(answer);
}

static void problem(struct call *c, unsigned status, const char *detail)
{
    json_t *o = json_pack("{s:s, s:s, s:I, s:s}", "type", "about:blank", "title", title(status), "status",
                          (json_int_t)status, "detail", detail);
    if (!o) /* the detail has bytes of a request that are not UTF-8 */
        o = json_pack("{s:s, s:s, s:I}", "type", "about:blank", "title", title(status), "status", (json_int_t)status);
    char *text = json_pretty_numbers(o);
    finish(c, status, "application/problem+json", text, strlen(text));
    free(text);
    json_decref(o);
}

void call_problem(struct call *c, unsigned status, const char *fmt, ...)
{
    char detail[1200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    problem(c, status, detail);
}

void call_fail(struct call *c, const struct error *err)
{
    unsigned status = 500;
    switch (err->status) {
    case STATUS_INVALID: status = 422; break;
    case STATUS_NOT_FOUND: status = 404; break;
    case STATUS_CONFLICT: status = 409; break;
    case STATUS_DENIED: status = 403; break;
    case STATUS_BUSY:
    case STATUS_IO: status = 503; break;
    case STATUS_FULL: status = 507; break;
    case STATUS_EXHAUSTED: status = 429; break;
    case STATUS_OK:
    case STATUS_NUMERIC:
    case STATUS_FAILED: break;
    }
    problem(c, status, err->text);
}

/* ---- waiting ---- */

void call_wait(struct call *c, struct call **list, void (*cancel)(struct call *c))
{
    call_wait_no_more(c);
    c->cancel = cancel;
    c->list = list;
    c->next = *list;
    c->prev = NULL;
    if (c->next) c->next->prev = c;
    *list = c;
}

void call_wait_no_more(struct call *c)
{
    if (c->hosted && c->hosted->run) coordinator_forget(c->hosted->run->coordinator, c);
    if (!c->list) return;
    if (c->prev)
        c->prev->next = c->next;
    else
        *c->list = c->next;
    if (c->next) c->next->prev = c->prev;
    c->next = c->prev = NULL;
    c->list = NULL;
}

static void on_durable(void *data)
{
    struct call *c = data;
    json_t *answer = c->answer;
    c->answer = NULL;
    call_answer(c, c->status, answer);
}

static struct store_answer kept_answer(const struct call *c, unsigned status, const char *body)
{
    struct store_answer a = {.token = c->who.id,
                             .key = c->key,
                             .status = (int)status,
                             .body = body,
                             .at_ms = clock_wall_ms(c->service->clock)};
    memcpy(a.what, c->what, sizeof a.what);
    return a;
}

void call_answer_durably(struct call *c, struct hosted *h, unsigned status, json_t *answer)
{
    if (c->key) {
        char *text = json_pretty_numbers(answer);
        struct store_answer a = kept_answer(c, status, text);
        journal_keep_answer(h->run->session->journal, &a);
        free(text);
    }
    c->hosted = h;
    c->status = status;
    c->answer = answer;
    call_wait(c, &h->call, NULL);
    coordinator_promise(h->run->coordinator, on_durable, c);
}

void call_answer_kept(struct call *c, unsigned status, json_t *answer, json_t *kept)
{
    struct error err;
    enum status s = STATUS_OK;
    if (c->key) {
        char *text = json_pretty_numbers(kept ? kept : answer);
        struct store_answer a = kept_answer(c, status, text);
        s = store_answer_insert(c->service->store, &a, &err);
        free(text);
    }
    json_decref(kept);
    if (!s) {
        call_answer(c, status, answer);
        return;
    }
    json_decref(answer);
    call_fail(c, &err);
}

/* A study that ends meanwhile is freed at the loop's next turn only. */
void call_handle(struct call *c, void (*handle)(struct call *c))
{
    bool about_study = strstr(c->route->path, "{study}") != NULL;
    struct hosted *h = about_study ? service_hosted(c->service, c->param[0]) : NULL;
    char token[TOKEN_ID_MAX]; /* the call may be gone when it has been handled */
    memcpy(token, c->who.id, sizeof token);
    if (h) h->run->session->on_behalf_of = token;
    handle(c);
    if (h) h->run->session->on_behalf_of = NULL;
}

bool call_checked(struct call *c, enum status status)
{
    if (status) call_fail(c, &c->err);
    return status == STATUS_OK;
}

static void on_calm(void *data)
{
    struct call *c = data;
    call_wait_no_more(c);
    call_handle(c, c->then);
}

void call_calmly(struct call *c, struct hosted *h, void (*then)(struct call *c))
{
    c->hosted = h;
    c->then = then;
    call_wait(c, &h->call, NULL);
    coordinator_calmly(h->run->coordinator, on_calm, c);
}

/* ---- understanding ---- */

bool call_row(struct call *c, const char *study, struct store_study *ret)
{
    struct error ignored;
    return store_study_find(c->service->store, study, &c->arena, ret, &ignored) == STATUS_OK;
}

struct hosted *call_hosted(struct call *c)
{
    struct hosted *h = service_hosted(c->service, c->param[0]);
    struct store_study row;
    if (h) return h;
    if (call_row(c, c->param[0], &row))
        call_problem(c, 409, "study '%s' is not at work; POST /api/v1/studies/%s/resume puts it to work", c->param[0],
                     c->param[0]);
    else
        call_problem(c, 404, "there is no study '%s'", c->param[0]);
    return NULL;
}

bool call_number(struct call *c, const char *name, long usual, long min, long max, long *ret)
{
    const char *text = request_query(c->http, name);
    double v;
    *ret = usual;
    if (!text) return true;
    if (words_number(text, &v) && v == (double)(long)v && v >= (double)min && v <= (double)max && !strchr(text, '.') &&
        !strchr(text, 'e')) {
        *ret = (long)v;
        return true;
    }
    call_problem(c, 422, "'%s' takes a whole number from %ld to %ld, not '%.60s'", name, min, max, text);
    return false;
}

bool call_boolean(struct call *c, const char *name, bool usual, bool *ret)
{
    const char *text = request_query(c->http, name);
    *ret = text ? strcmp(text, "true") == 0 : usual;
    if (!text || *ret || strcmp(text, "false") == 0) return true;
    call_problem(c, 422, "'%s' is true or false, not '%.40s'", name, text);
    return false;
}

bool call_read(struct call *c, struct reading *ret)
{
    struct error err;
    *ret = (struct reading){.hosted = service_hosted(c->service, c->param[0])};
    if (ret->hosted) {
        ret->study = ret->hosted->study;
        ret->session = ret->hosted->run->session;
        return true;
    }
    if (session_load(c->service->store, c->param[0], c->service->clock, &ret->own_study, &ret->own_session, &err)) {
        if (err.status == STATUS_NOT_FOUND)
            call_problem(c, 404, "there is no study '%s'", c->param[0]);
        else
            call_fail(c, &err);
        return false;
    }
    ret->study = ret->own_study;
    ret->session = ret->own_session;
    return true;
}

void reading_done(struct reading *r)
{
    session_free(r->own_session);
    study_free(r->own_study);
}

struct trial *call_trial(struct call *c, const struct session *s)
{
    double v;
    const char *text = c->param[1];
    struct trial *t = NULL;
    if (words_number(text, &v) && v >= 0 && v <= 1e9 && strspn(text, "0123456789") == strlen(text))
        t = session_trial(s, (long)v);
    if (!t) call_problem(c, 404, "study '%s' has no trial '%.40s'", c->param[0], text);
    return t;
}
