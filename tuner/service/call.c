/* What is common to all requests: answers, problems, waiting, understanding. */
#include "tuner/service/api.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

enum { SPOOLED_BYTES = 256 << 10 };

/* A large answer waits in a file without a name, not in memory, for a client that may be slow. */
static int spool(const struct call *c, const char *text, size_t n)
{
    if (n <= SPOOLED_BYTES) return -1;
    int fd = service_spool(c->service);
    if (fd < 0) return -1;
    for (size_t at = 0; at < n;) {
        ssize_t k = write(fd, text + at, n - at);
        if (k <= 0) {
            close(fd);
            return -1;
        }
        at += (size_t)k;
    }
    return fd;
}

/* For later: the work is not over. */
static void keep(struct call *c, unsigned status, const char *type, const char *text, size_t n)
{
    struct answer *o = &c->outcome;
    if (o->status) return;
    *o = (struct answer){.status = status, .type = type, .n = n, .fd = status == 200 ? spool(c, text, n) : -1};
    if (o->fd >= 0) return;
    o->text = must_alloc(n + 1, 1);
    memcpy(o->text, text, n);
}

static void send_text(struct call *c, unsigned status, const char *type, const char *text, size_t n)
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
    if (!c->http) return;
    c->service->answers[status < CALL_STATUSES ? status : 0]++;
    request_answer(c->http, status, type, text, n, headers);
}

static void finish(struct call *c, unsigned status, const char *type, const char *text, size_t n)
{
    if (c->at_work) {
        keep(c, status, type, text, n);
        return;
    }
    int fd = status == 200 && c->http ? spool(c, text, n) : -1;
    if (fd >= 0)
        call_file(c, type, fd, n);
    else
        send_text(c, status, type, text, n);
}

void call_text(struct call *c, unsigned status, const char *type, const char *text, size_t n)
{
    finish(c, status, type, text, n);
}

void call_file(struct call *c, const char *type, int fd, uint64_t bytes)
{
    if (c->at_work) {
        c->outcome = (struct answer){.status = 200, .type = type, .n = bytes, .fd = fd};
        return;
    }
    call_wait_no_more(c);
    c->answered = true;
    if (!c->http) {
        close(fd);
        return;
    }
    c->service->answers[200]++;
    request_answer_file(c->http, type, fd, bytes);
}

void call_answer(struct call *c, unsigned status, json_t *answer)
{
    char *text = json_text(answer);
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
    char *text = json_text(o);
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
    if (c->at_work && err->status == STATUS_BUSY && !c->work.last) {
        c->busy = true;
        return;
    }
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

void call_refuse_all(struct call **list, unsigned status, const char *why)
{
    while (*list) {
        struct call *c = *list;
        if (c->cancel) c->cancel(c);
        call_wait_no_more(c);
        c->hosted = NULL;
        call_problem(c, status, "%s", why);
    }
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
        char *text = json_text(answer);
        struct store_answer a = kept_answer(c, status, text);
        journal_keep_answer(h->run->history->journal, &a);
        free(text);
    }
    json_decref(c->body); /* whoever waits needs little memory */
    c->body = NULL;
    c->hosted = h;
    c->status = status;
    c->answer = answer;
    call_wait(c, &h->call, NULL);
    coordinator_promise(h->run->coordinator, on_durable, c);
}

enum status call_keep_answer(struct call *c, unsigned status, const json_t *kept, struct error *err)
{
    if (!c->key) return STATUS_OK;
    char *text = json_text(kept);
    struct store_answer a = kept_answer(c, status, text);
    enum status s = store_answer_insert(c->store, &a, err);
    free(text);
    return s;
}

/* A study that ends meanwhile is freed at the loop's next turn only. */
void call_handle(struct call *c, void (*handle)(struct call *c))
{
    bool about_study = strstr(c->route->path, "{study}") != NULL;
    struct hosted *h = about_study ? service_hosted(c->service, c->param[0]) : NULL;
    char token[TOKEN_ID_MAX]; /* the call may be gone when it has been handled */
    memcpy(token, c->who.id, sizeof token);
    if (h) h->run->history->on_behalf_of = token;
    handle(c);
    if (h) h->run->history->on_behalf_of = NULL;
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

/* ---- working beside the loop ---- */

enum { WORKS_OF_CLIENT = 256, WORKS = 4096 };

static bool on_run(struct work *w, struct store *store)
{
    struct call *c = w->data;
    c->store = store;
    c->busy = false;
    c->run(c);
    return c->busy;
}

static void send_outcome(struct call *c)
{
    struct answer o = c->outcome;
    c->outcome = (struct answer){.fd = -1};
    if (o.fd >= 0)
        call_file(c, o.type, o.fd, o.n);
    else
        send_text(c, o.status, o.type, o.text, o.n);
    free(o.text);
}

void call_lend(struct call *c, struct hosted *h)
{
    c->lent = h;
    if (h) h->lent++;
}

static void give_back(struct call *c)
{
    if (c->lent) c->lent->lent--;
    c->lent = NULL;
}

static void on_worked(struct work *w)
{
    struct call *c = w->data;
    c->at_work = false;
    c->store = c->service->store;
    give_back(c);
    call_wait_no_more(c);
    if (w->unable)
        call_problem(c, 503, c->service->closing ? "the service is stopping" : "the database cannot be opened now");
    else if (c->outcome.status)
        send_outcome(c);
    else
        c->then(c);
    if (!c->http) call_gone(c);
}

static void on_query(void *data, const char *name, const char *value)
{
    struct call *c = data;
    struct query *q = arena_alloc(&c->arena, sizeof *q);
    *q = (struct query){c->query, arena_strdup(&c->arena, name), arena_strdup(&c->arena, value)};
    c->query = q;
}

const char *call_query(const struct call *c, const char *name)
{
    if (!c->at_work) return request_query(c->http, name);
    for (const struct query *q = c->query; q; q = q->next)
        if (strcmp(q->name, name) == 0) return q->value;
    return NULL;
}

void call_take_spool(struct call *c)
{
    c->spool = c->http->spool;
    c->bytes = c->http->n;
    c->http->spool = -1;
}

void call_work(struct call *c, const char *about, void (*run)(struct call *c), void (*then)(struct call *c))
{
    struct works *x = c->service->works;
    const char *who = *c->who.id ? c->who.id : c->http ? c->http->peer : "";
    if (works_of(x, who) >= WORKS_OF_CLIENT || works_of(x, NULL) >= WORKS) {
        give_back(c);
        call_problem(c, 429, "too many requests that take their time are waiting; send fewer at once");
        return;
    }
    call_wait(c, &c->service->working, NULL);
    if (c->http && !c->query) request_each_query(c->http, on_query, c);
    c->run = run;
    c->then = then;
    c->at_work = true;
    c->work =
        (struct work){.who = arena_strdup(&c->arena, who), .about = about, .data = c, .run = on_run, .done = on_worked};
    works_add(x, &c->work);
}

void call_gone(struct call *c)
{
    c->http = NULL;
    if (c->at_work) return; /* it is freed when it has worked */
    if (c->cancel && !c->answered) c->cancel(c);
    call_wait_no_more(c);
    if (c->spool >= 0) close(c->spool);
    json_decref(c->body);
    json_decref(c->answer);
    arena_done(&c->arena);
    free(c);
}

/* ---- understanding ---- */

char *call_study_folder(struct call *c, const char *study)
{
    return arena_printf(&c->arena, "%s/%s/study", c->service->files, study);
}

bool call_knows(struct call *c, const char *study, int64_t *ret_id)
{
    struct error ignored;
    return store_study_id(c->store, study, ret_id, &ignored) == STATUS_OK;
}

struct hosted *call_hosted(struct call *c)
{
    struct hosted *h = service_hosted(c->service, c->param[0]);
    int64_t id;
    if (h || service_waits(c, c->param[0])) return h;
    if (call_knows(c, c->param[0], &id))
        call_problem(c, 409, "study '%s' is not at work; POST /api/v1/studies/%s/resume puts it to work", c->param[0],
                     c->param[0]);
    else
        call_problem(c, 404, "there is no study '%s'", c->param[0]);
    return NULL;
}

bool call_number(struct call *c, const char *name, long usual, long min, long max, long *ret)
{
    const char *text = call_query(c, name);
    *ret = usual;
    if (!text || words_whole(text, min, max, ret)) return true;
    call_problem(c, 422, "'%s' takes a whole number from %ld to %ld, not '%.60s'", name, min, max, text);
    return false;
}

bool call_boolean(struct call *c, const char *name, bool usual, bool *ret)
{
    const char *text = call_query(c, name);
    *ret = text ? strcmp(text, "true") == 0 : usual;
    if (!text || *ret || strcmp(text, "false") == 0) return true;
    call_problem(c, 422, "'%s' is true or false, not '%.40s'", name, text);
    return false;
}

bool call_read(struct call *c, struct reading *ret)
{
    struct error err;
    struct folded_study *x = NULL;
    enum status st = folded_take(c->service->folded, c->store, c->param[0], &x, &err);
    if (st == STATUS_NOT_FOUND)
        call_problem(c, 404, "there is no study '%s'", c->param[0]);
    else if (st)
        call_fail(c, &err);
    else
        *ret = (struct reading){x->study, x->history, x};
    return st == STATUS_OK;
}

void call_read_done(struct call *c, struct reading *r)
{
    folded_give(c->service->folded, r->folded);
}

struct trial *call_trial(struct call *c, const struct history *s)
{
    long v;
    const char *text = c->param[1];
    struct trial *t = NULL;
    if (words_whole(text, 0, 1000000000, &v)) t = memory_trial(s, v);
    if (!t) call_problem(c, 404, "study '%s' has no trial '%.40s'", c->param[0], text);
    return t;
}
