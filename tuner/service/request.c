#include "tuner/service/request.h"

#include "tuner/service/folded.h"
#include "tuner/service/gzip.h"

#include "tuner/base/json.h"
#include "tuner/base/plain.h"
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
    case 406: return "Not Acceptable";
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

struct query {
    const struct query *next;
    const char *name, *value;
};

enum { SPOOLED_BYTES = 256 << 10, HEADERS_MAX = 10 };

/* A large answer waits in a file without a name, not in memory, for a client that may be slow. */
static int spool(const struct request *r, const char *text, size_t n)
{
    if (n <= SPOOLED_BYTES) return -1;
    int fd = service_spool(r->service);
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
static void keep(struct request *r, unsigned status, const char *type, const char *text, size_t n)
{
    struct answer *o = &r->beside.outcome;
    char *packed = NULL;
    if (o->status) return;
    bool large = status == 200 && r->seen.gzip && n >= GZIP_LEAST_BYTES;
    *o = (struct answer){.status = status, .type = type, .n = n, .fd = -1};
    o->packed = large && gzip_pack(text, n, &packed, &o->n);
    if (o->packed) text = packed;
    if (status == 200) o->fd = spool(r, text, o->n);
    if (o->fd >= 0) {
        free(packed);
        return;
    }
    o->text = packed ? packed : must_alloc(n + 1, 1);
    if (!packed) memcpy(o->text, text, n);
}

/* Ended by a NULL name. */
static void set_headers(const struct request *r, const struct answer *o, struct http_header headers[HEADERS_MAX])
{
    size_t k = 0;
    unsigned status = o->status;
    if (status == 401) headers[k++] = (struct http_header){"WWW-Authenticate", "Bearer realm=\"nocturne\""};
    if (status == 429 || status == 503) headers[k++] = (struct http_header){"Retry-After", "5"};
    if (status == 405 && r->location) headers[k++] = (struct http_header){"Allow", r->location};
    if (status == 201 && r->location) headers[k++] = (struct http_header){"Location", r->location};
    if (o->packed) headers[k++] = (struct http_header){"Content-Encoding", "gzip"};
    if (o->packed) headers[k++] = (struct http_header){"Vary", "Accept-Encoding"};
    if ((status == 200 || status == 304) && r->seen.tag) headers[k++] = (struct http_header){"ETag", r->seen.tag};
    for (const struct http_header *h = o->more; h && h->name; h++) headers[k++] = *h;
    headers[k] = (struct http_header){NULL, NULL};
}

/* The answer's text stays the caller's, its file does not. */
static void send_answer(struct request *r, const struct answer *o)
{
    struct http_header headers[HEADERS_MAX];
    set_headers(r, o, headers);
    request_leave(r);
    r->stage = REQUEST_ANSWERED;
    if (!r->http) {
        if (o->fd >= 0) close(o->fd);
        return;
    }
    r->service->counts.answers[o->status < SERVICE_STATUSES ? o->status : 0]++;
    if (o->fd >= 0)
        http_request_answer_file(r->http, o->type, o->fd, o->n, headers);
    else if (o->lasting)
        http_request_answer_lasting(r->http, o->status, o->type, o->text, o->n, headers);
    else
        http_request_answer(r->http, o->status, o->type, o->text, o->n, headers);
}

/* "120" is in "*", in "\"119\", W/\"120\"" and so on: whatever the client says of how it compares. */
static bool has_tag(const char *list, const char *tag)
{
    if (!list) return false;
    return strcmp(list, "*") == 0 || strstr(list, strchr(tag, '"')) != NULL;
}

void request_lasting(struct request *r, const struct answer *o)
{
    struct answer x = *o;
    x.lasting = true;
    if (has_tag(r->seen.match, r->seen.tag)) x = (struct answer){.status = 304, .text = "", .fd = -1, .more = o->more};
    send_answer(r, &x);
}

static void finish(struct request *r, unsigned status, const char *type, const char *text, size_t n)
{
    if (r->stage == REQUEST_AT_WORK) {
        keep(r, status, type, text, n);
        return;
    }
    int fd = status == 200 && r->http ? spool(r, text, n) : -1;
    send_answer(r, &(struct answer){.status = status, .type = type, .text = (char *)text, .n = n, .fd = fd});
}

void request_text(struct request *r, unsigned status, const char *type, const char *text, size_t n)
{
    finish(r, status, type, text, n);
}

void request_tagged(struct request *r, const char *tag, const char *type, const char *text, size_t n)
{
    r->seen.tag = tag;
    if (has_tag(r->seen.match, tag))
        finish(r, 304, NULL, "", 0);
    else
        finish(r, 200, type, text, n);
}

void request_file(struct request *r, const char *type, int fd, uint64_t bytes)
{
    const struct answer o = {.status = 200, .type = type, .n = bytes, .fd = fd};
    if (r->stage == REQUEST_AT_WORK)
        r->beside.outcome = o;
    else
        send_answer(r, &o);
}

void request_answer(struct request *r, unsigned status, json_t *answer)
{
    char *text = json_text(answer);
    finish(r, status, "application/json", text, strlen(text));
    free(text);
    json_decref(answer);
}

static void problem(struct request *r, unsigned status, const char *detail)
{
    json_t *o = json_pack("{s:s, s:s, s:I, s:s}", "type", "about:blank", "title", title(status), "status",
                          (json_int_t)status, "detail", detail);
    char *text = json_text(o);
    finish(r, status, "application/problem+json", text, strlen(text));
    free(text);
    json_decref(o);
}

void request_problem(struct request *r, unsigned status, const char *fmt, ...)
{
    char detail[1200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    plain_repair(detail, strlen(detail)); /* bytes of a request */
    problem(r, status, detail);
}

void request_fail(struct request *r, const struct error *err)
{
    unsigned status = 500;
    if (r->stage == REQUEST_AT_WORK && err->status == STATUS_BUSY && !r->beside.work.last) {
        r->beside.busy = true;
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
    problem(r, status, err->text);
}

/* ---- waiting ---- */

void request_wait(struct request *r, struct request **list, void (*cancel)(struct request *r))
{
    request_wait_no_more(r);
    r->cancel = cancel;
    r->wait.list = list;
    r->wait.next = *list;
    r->wait.prev = NULL;
    if (r->wait.next) r->wait.next->wait.prev = r;
    *list = r;
}

void request_wait_no_more(struct request *r)
{
    if (r->wait.coordinator) coordinator_forget(r->wait.coordinator, r);
    if (!r->wait.list) return;
    if (r->wait.prev)
        r->wait.prev->wait.next = r->wait.next;
    else
        *r->wait.list = r->wait.next;
    if (r->wait.next) r->wait.next->wait.prev = r->wait.prev;
    r->wait.next = r->wait.prev = NULL;
    r->wait.list = NULL;
}

void request_leave(struct request *r)
{
    request_wait_no_more(r);
    r->awaited = NULL;
    r->wait.coordinator = NULL;
}

void request_refuse_all(struct request **list, unsigned status, const char *why)
{
    while (*list) {
        struct request *r = *list;
        if (r->cancel) r->cancel(r);
        request_leave(r);
        request_problem(r, status, "%s", why);
    }
}

struct store_answer request_kept_answer(const struct request *r, unsigned status, const char *body)
{
    struct store_answer a = {.token = r->who.id,
                             .key = r->repeat.key,
                             .status = (int)status,
                             .body = body,
                             .at_ms = clock_wall_ms(r->service->clock)};
    memcpy(a.what, r->repeat.what, sizeof a.what);
    return a;
}

enum status request_keep_answer(struct request *r, unsigned status, const json_t *kept, struct error *err)
{
    if (!r->repeat.key) return STATUS_OK;
    char *text = json_text(kept);
    struct store_answer a = request_kept_answer(r, status, text);
    enum status s = store_answer_insert(r->store, &a, err);
    free(text);
    return s;
}

bool request_checked(struct request *r, enum status status)
{
    if (status) request_fail(r, &r->err);
    return status == STATUS_OK;
}

/* ---- working beside the loop ---- */

enum { WORKS_OF_CLIENT = 256, WORKS = 4096 };

static bool on_run(struct work *w, struct store *store)
{
    struct request *r = w->data;
    r->store = store;
    r->beside.busy = false;
    r->beside.run(r);
    return r->beside.busy;
}

static void send_outcome(struct request *r)
{
    struct answer o = r->beside.outcome;
    r->beside.outcome = (struct answer){.fd = -1};
    send_answer(r, &o);
    free(o.text);
}

static void give_back(struct request *r)
{
    if (r->beside.lent) --*r->beside.lent;
    r->beside.lent = NULL;
}

static void on_worked(struct work *w)
{
    struct request *r = w->data;
    r->stage = REQUEST_OPEN;
    r->store = r->service->store;
    give_back(r);
    request_wait_no_more(r);
    if (w->unable)
        request_problem(r, 503, "the service is stopping");
    else if (r->beside.outcome.status)
        send_outcome(r);
    else
        r->then(r);
    if (!r->http) request_gone(r);
}

static void on_query(void *data, const char *name, const char *value)
{
    struct request *r = data;
    struct query *q = arena_alloc(&r->arena, sizeof *q);
    *q = (struct query){r->beside.query, arena_strdup(&r->arena, name), arena_strdup(&r->arena, value)};
    r->beside.query = q;
}

const char *request_query(const struct request *r, const char *name)
{
    if (r->stage != REQUEST_AT_WORK) return http_request_query(r->http, name);
    for (const struct query *q = r->beside.query; q; q = q->next)
        if (strcmp(q->name, name) == 0) return q->value;
    return NULL;
}

void request_take_spool(struct request *r)
{
    r->spool.fd = r->http->spool;
    r->spool.bytes = r->http->n;
    r->http->spool = -1;
}

static void work(struct request *r, const struct work *w)
{
    struct works *x = r->service->works;
    if (works_of(x, w->who) >= WORKS_OF_CLIENT || works_of(x, NULL) >= WORKS) {
        give_back(r);
        request_problem(r, 429, "too many requests that take their time are waiting; send fewer at once");
        return;
    }
    request_wait(r, &r->service->queues.working, NULL);
    if (r->http && !r->beside.query) http_request_each_query(r->http, on_query, r);
    r->stage = REQUEST_AT_WORK;
    r->beside.work = *w;
    r->beside.work.who = arena_strdup(&r->arena, w->who);
    works_add(x, &r->beside.work);
}

static void work_as(struct request *r, enum work_kind kind, void (*run)(struct request *r),
                    void (*then)(struct request *r))
{
    const char *who = *r->who.id ? r->who.id : r->http ? r->http->peer : "";
    const struct work w = {.who = who, .kind = kind, .data = r, .run = on_run, .done = on_worked};
    r->beside.run = run;
    r->then = then;
    work(r, &w);
}

void request_work(struct request *r, void (*run)(struct request *r), void (*then)(struct request *r))
{
    work_as(r, WORK_QUICK, run, then);
}

void request_work_changing(struct request *r, void (*run)(struct request *r), void (*then)(struct request *r))
{
    work_as(r, WORK_CHANGING, run, then);
}

void request_work_live(struct request *r, void (*run)(struct request *r), void (*then)(struct request *r))
{
    work_as(r, WORK_LIVE, run, then);
}

void request_work_slowly(struct request *r, void (*run)(struct request *r))
{
    work_as(r, WORK_SLOW, run, NULL);
}

void request_gone(struct request *r)
{
    r->http = NULL;
    if (r->stage == REQUEST_AT_WORK) return; /* it is freed when it has worked */
    if (r->cancel && r->stage != REQUEST_ANSWERED) r->cancel(r);
    request_wait_no_more(r);
    if (r->spool.fd >= 0) close(r->spool.fd);
    json_decref(r->body);
    json_decref(r->later.body);
    arena_done(&r->arena);
    free(r);
}

/* ---- understanding ---- */

bool request_may_see(const struct request *r, const char *study)
{
    return words_lists(r->who.scope, study);
}

bool request_sees_all(struct request *r)
{
    if (*r->who.scope) request_problem(r, 403, "this token is for some studies only, and this is about all");
    return !*r->who.scope;
}

char *request_study_folder(struct request *r, const char *study)
{
    return arena_printf(&r->arena, "%s/%s/study", r->service->files, study);
}

bool request_knows(struct request *r, const char *study, int64_t *ret_id)
{
    struct error ignored;
    return store_study_id(r->store, study, ret_id, &ignored) == STATUS_OK;
}

bool request_number(struct request *r, const char *name, long usual, long min, long max, long *ret)
{
    const char *text = request_query(r, name);
    *ret = usual;
    if (!text || words_whole(text, min, max, ret)) return true;
    request_problem(r, 422, "'%s' takes a whole number from %ld to %ld, not '%.60s'", name, min, max, text);
    return false;
}

bool request_boolean(struct request *r, const char *name, bool usual, bool *ret)
{
    const char *text = request_query(r, name);
    *ret = text ? strcmp(text, "true") == 0 : usual;
    if (!text || *ret || strcmp(text, "false") == 0) return true;
    request_problem(r, 422, "'%s' is true or false, not '%.40s'", name, text);
    return false;
}

bool request_read(struct request *r, struct reading *ret)
{
    struct error err;
    struct folded_study *x = NULL;
    enum status st = folded_take(r->service->folded[r->beside.work.kind], r->store, r->param[0], &x, &err);
    if (st == STATUS_NOT_FOUND)
        request_problem(r, 404, "there is no study '%s'", r->param[0]);
    else if (st)
        request_fail(r, &err);
    else
        *ret = (struct reading){x->study, x->history, x};
    return st == STATUS_OK;
}

bool request_is_news(struct request *r, const char *more)
{
    int64_t id, seq = 0;
    struct error err;
    enum status st = store_study_id(r->store, r->param[0], &id, &err);
    if (!st) st = store_last_event(r->store, id, &seq, &err);
    if (st == STATUS_NOT_FOUND)
        request_problem(r, 404, "there is no study '%s'", r->param[0]);
    else if (st)
        request_fail(r, &err);
    if (st) return false;
    r->seen.tag = arena_printf(&r->arena, "W/\"%lld%s%s\"", (long long)seq, more ? "-" : "", more ? more : "");
    if (!has_tag(r->seen.match, r->seen.tag)) return true;
    request_text(r, 304, NULL, "", 0);
    return false;
}

void request_read_done(struct request *r, struct reading *from)
{
    folded_give(r->service->folded[r->beside.work.kind], from->folded);
}

void request_hold(struct request *r, enum status (*change)(struct request *r, struct history *h))
{
    struct store_hold *hold = NULL;
    struct study *study = NULL;
    struct history *s = NULL;
    enum status st = store_hold_take(r->store, r->param[0], &hold, &r->err);
    if (!st) st = history_load(r->store, r->param[0], r->service->clock, &study, &s, &r->err);
    if (!st) st = change(r, s);
    history_free(s);
    study_free(study);
    store_hold_release(hold);
    if (st == STATUS_BUSY && store_hold_taken(r->store, r->param[0]))
        request_problem(r, 409, "%s", r->err.text); /* another process runs it */
    else if (st)
        request_fail(r, &r->err);
}

const struct trial *request_trial(struct request *r, const struct memory *s)
{
    long v;
    const char *text = r->param[1];
    const struct trial *t = NULL;
    if (words_whole(text, 0, 1000000000, &v)) t = memory_trial(s, v);
    if (!t) request_problem(r, 404, "study '%s' has no trial '%.40s'", r->param[0], text);
    return t;
}
