/* Group commit. The caller appends to the open batch; journal_submit puts it at the end of the queue; the writer takes
 * the whole queue, writes it in one transaction, and takes what has come in the meantime.
 *
 *   open batch ──submit──▶ queue ──writer──▶ BEGIN … COMMIT ──▶ durable, answers go out
 *                            ▲                    │ refused
 *                            └──── kept, again ◀──┘  0.1 s, 0.2 s, … 2 s later
 *
 * What was committed into a file that has lost its name meanwhile is not durable either: it waits, without being
 * written again, until the file is back.
 */
#include "store/curve.h"
#include "store/event.h"
#include "store/item.h"
#include "store/request.h"
#include "store/study.h"

#include "tuner/base/arena.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    FULL_BYTES = 8 << 20, /* on their way to the disk before callers should wait */
    ROW_BYTES = 64,       /* of an event besides its text, roughly */
    ROWS_LOOKED_AT = 256,
    POLL_MS = 500,
    RETRY_MS = 100,
    RETRY_MAX_MS = 2000,
    CLOSE_MS = 5000, /* how long a disk that refuses can hold up the end */
    BUSY_MS = 1000,  /* so that a locked database is said soon */
};

enum op_kind { OP_EVENT, OP_CURVE, OP_ITEMS, OP_STUDY, OP_REQUEST_DONE, OP_ANSWER };

struct op {
    struct op *next;
    enum op_kind kind;
    union {
        struct store_event event;
        struct report_row curve;
        struct item_row items;
        struct {
            const char *path, *file, *identity;
        } study;
        int64_t request;
        struct store_answer answer;
    };
};

struct batch {
    struct batch *next;
    uint64_t number;
    struct arena arena;
    struct op *first, *last;
    struct op *row[ROWS_LOOKED_AT]; /* the newest curves and items, by their number modulo the size */
    size_t n_rows;
    char *state; /* the last one; NULL: none */
    char *answers;
    size_t n_answers, answers_room;
    size_t bytes;
};

struct request {
    struct request *next;
    int64_t id;
    char *verb, *payload;
};

enum writer { WRITER_NONE, WRITER_RUNS, WRITER_CLOSING };

struct journal {
    struct store *store;
    int64_t study;
    struct batch *open; /* the caller's */
    struct calls durable_calls;
    uint64_t committed; /* batches up to this number; only whoever writes looks at it */

    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t work, done;
    pthread_t thread;
    enum writer writer;
    struct journal_hooks hooks;
    struct batch *queue, **queue_end;
    size_t waiting; /* bytes submitted and not yet durable */
    uint64_t durable;
    struct error trouble; /* status OK: none */
    struct request *request, **request_end;
    int64_t last_request; /* id of the newest one read */
};

/* ---- batches ---- */

static struct batch *batch_create(uint64_t number)
{
    struct batch *b = must_alloc(1, sizeof *b);
    b->number = number;
    return b;
}

static void batch_free(struct batch *b)
{
    for (struct op *op = b->first; op; op = op->next) {
        if (op->kind == OP_CURVE) free(op->curve.pack.bytes);
        if (op->kind == OP_ITEMS) free(op->items.pack.bytes);
    }
    free(b->state);
    free(b->answers);
    arena_done(&b->arena);
    free(b);
}

static bool is_empty(const struct batch *b)
{
    return !b->first && !b->state && b->n_answers == 0;
}

static struct op *append(struct journal *j, enum op_kind kind, size_t bytes)
{
    struct batch *b = j->open;
    struct op *op = arena_alloc(&b->arena, sizeof *op);
    op->kind = kind;
    if (b->last)
        b->last->next = op;
    else
        b->first = op;
    b->last = op;
    b->bytes += bytes + ROW_BYTES;
    return op;
}

void journal_event(struct journal *j, const struct store_event *e)
{
    struct op *op = append(j, OP_EVENT, strlen(e->body));
    op->event = *e;
    op->event.body = arena_strdup(&j->open->arena, e->body);
}

static int64_t lease_of(const struct op *op)
{
    return op->kind == OP_CURVE ? op->curve.lease : op->items.lease;
}

/* The row of this batch that what a lease says continues; NULL: it begins one. */
static struct op *find_row(const struct batch *b, enum op_kind kind, int64_t lease)
{
    size_t n = b->n_rows < ROWS_LOOKED_AT ? b->n_rows : ROWS_LOOKED_AT;
    for (size_t i = 1; i <= n; i++) {
        struct op *op = b->row[(b->n_rows - i) % ROWS_LOOKED_AT];
        if (op->kind == kind && lease_of(op) == lease) return op;
    }
    return NULL;
}

static struct op *begin_row(struct journal *j, enum op_kind kind)
{
    struct batch *b = j->open;
    return b->row[b->n_rows++ % ROWS_LOOKED_AT] = append(j, kind, 0);
}

void journal_report(struct journal *j, const struct store_report *r)
{
    struct op *op = find_row(j->open, OP_CURVE, r->lease);
    if (!op) {
        op = begin_row(j, OP_CURVE);
        op->curve.lease = r->lease;
        op->curve.first = r->number;
    }
    size_t before = op->curve.pack.n;
    report_row_add(&op->curve, r);
    j->open->bytes += op->curve.pack.n - before;
}

void journal_item(struct journal *j, const struct store_item *item)
{
    struct op *op = find_row(j->open, OP_ITEMS, item->lease);
    if (!op) op = begin_row(j, OP_ITEMS);
    op->items.lease = item->lease;
    size_t before = op->items.pack.n;
    item_row_add(&op->items, item);
    j->open->bytes += op->items.pack.n - before;
}

void journal_study(struct journal *j, const char *path, const char *file, const char *identity)
{
    struct op *op = append(j, OP_STUDY, strlen(file));
    op->study.path = arena_strdup(&j->open->arena, path);
    op->study.file = arena_strdup(&j->open->arena, file);
    op->study.identity = arena_strdup(&j->open->arena, identity);
}

void journal_state(struct journal *j, const char *state)
{
    free(j->open->state);
    j->open->state = must_strdup(state);
}

void journal_request_done(struct journal *j, int64_t id)
{
    append(j, OP_REQUEST_DONE, 0)->request = id;
    pthread_mutex_lock(&j->lock);
    if (id > j->last_request) j->last_request = id; /* not to be read again before it is gone */
    pthread_mutex_unlock(&j->lock);
}

void journal_keep_answer(struct journal *j, const struct store_answer *a)
{
    struct op *op = append(j, OP_ANSWER, strlen(a->body));
    struct arena *arena = &j->open->arena;
    op->answer = *a;
    op->answer.token = arena_strdup(arena, a->token);
    op->answer.key = arena_strdup(arena, a->key);
    op->answer.body = arena_strdup(arena, a->body);
}

void journal_answer(struct journal *j, const char *bytes, size_t n)
{
    struct batch *b = j->open;
    b->answers = must_reserve(b->answers, b->n_answers + n, &b->answers_room, 1);
    memcpy(b->answers + b->n_answers, bytes, n);
    b->n_answers += n;
    b->bytes += n;
}

/* ---- writing ---- */

static enum status apply(struct journal *j, const struct op *op, struct error *err)
{
    switch (op->kind) {
    case OP_EVENT: return event_insert(j->store, j->study, &op->event, err);
    case OP_CURVE: return report_row_insert(j->store, j->study, &op->curve, err);
    case OP_ITEMS: return item_row_insert(j->store, j->study, &op->items, err);
    case OP_STUDY: return study_update(j->store, j->study, op->study.path, op->study.file, op->study.identity, err);
    case OP_REQUEST_DONE: return request_done(j->store, op->request, err);
    case OP_ANSWER: return store_answer_insert(j->store, &op->answer, err);
    }
    return STATUS_OK;
}

/* All of the list in one transaction. */
static enum status commit(struct journal *j, const struct batch *list, struct error *err)
{
    const char *state = NULL;
    enum status s = store_begin(j->store, err);
    for (const struct batch *b = list; !s && b; b = b->next) {
        for (const struct op *op = b->first; !s && op; op = op->next) s = apply(j, op, err);
        if (b->state) state = b->state;
    }
    if (!s && state) s = study_set_state(j->store, j->study, state, err);
    if (!s) s = store_commit(j->store, err);
    if (s) store_rollback(j->store);
    return s;
}

static enum status write_batches(struct journal *j, const struct batch *list, struct error *err)
{
    bool any = false;
    uint64_t last = 0;
    for (const struct batch *b = list; b; b = b->next) {
        any |= b->first || b->state;
        last = b->number;
    }
    enum status s = any && last > j->committed ? commit(j, list, err) : STATUS_OK;
    if (s) return s;
    j->committed = last;
    return store_check_ground(j->store, err);
}

/* ---- the writer ---- */

static void wait_ms(struct journal *j, long ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    pthread_cond_timedwait(&j->work, &j->lock, &until);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Says what has changed; the lock is held, and let go for the hook. */
static void set_trouble(struct journal *j, enum status status, const char *text)
{
    bool changed = status != j->trouble.status;
    error_set(&j->trouble, status, "%s", text);
    if (!changed || !j->hooks.trouble) return;
    pthread_mutex_unlock(&j->lock);
    j->hooks.trouble(j->hooks.data, status ? text : NULL);
    pthread_mutex_lock(&j->lock);
}

/* Until the disk has them. False: it never will, or the journal is closed. */
static bool write_until_durable(struct journal *j, const struct batch *list)
{
    struct error err;
    long closing = 0; /* spent waiting since somebody wants to close */
    for (long pause = RETRY_MS;; pause = pause < RETRY_MAX_MS ? 2 * pause : RETRY_MAX_MS) {
        pthread_mutex_unlock(&j->lock);
        enum status s = write_batches(j, list, &err);
        pthread_mutex_lock(&j->lock);
        if (!s) break;
        set_trouble(j, store_may_recover(j->store) ? STATUS_IO : STATUS_FAILED, err.text);
        if (j->trouble.status == STATUS_FAILED) return false;
        if (j->writer == WRITER_CLOSING && (closing += pause) > CLOSE_MS) return false;
        wait_ms(j, pause);
    }
    if (j->trouble.status) set_trouble(j, STATUS_OK, "");
    return true;
}

static void deliver(struct journal *j, struct batch *list)
{
    for (struct batch *b = list, *next; b; b = next) {
        next = b->next;
        j->durable = b->number;
        j->waiting -= b->bytes;
        pthread_mutex_unlock(&j->lock);
        if (j->hooks.durable) j->hooks.durable(j->hooks.data, b->answers, b->n_answers);
        batch_free(b);
        pthread_mutex_lock(&j->lock);
    }
    pthread_cond_broadcast(&j->done);
}

static void on_request(void *data, int64_t id, const char *verb, const char *payload)
{
    struct journal *j = data;
    struct request *r = must_alloc(1, sizeof *r);
    r->id = id;
    r->verb = must_strdup(verb);
    r->payload = must_strdup(payload);
    pthread_mutex_lock(&j->lock);
    *j->request_end = r;
    j->request_end = &r->next;
    j->last_request = id;
    pthread_mutex_unlock(&j->lock);
}

/* A failure that may pass is the next transaction's, too, which will say so. */
static void poll_requests(struct journal *j)
{
    struct error err;
    int64_t before = j->last_request;
    pthread_mutex_unlock(&j->lock);
    enum status s = store_requests(j->store, j->study, before, on_request, j, &err);
    pthread_mutex_lock(&j->lock);
    if (s && !store_may_recover(j->store)) set_trouble(j, STATUS_FAILED, err.text);
    if (before == j->last_request || !j->hooks.durable) return;
    pthread_mutex_unlock(&j->lock);
    j->hooks.durable(j->hooks.data, "", 0); /* wakes the loop, which will ask for them */
    pthread_mutex_lock(&j->lock);
}

/* Also when there is nothing to write: a person is told soon, and nobody is promised anything. */
static void look_at_ground(struct journal *j)
{
    struct error err;
    pthread_mutex_unlock(&j->lock);
    enum status s = store_check_ground(j->store, &err);
    pthread_mutex_lock(&j->lock);
    if (s)
        set_trouble(j, store_may_recover(j->store) ? STATUS_IO : STATUS_FAILED, err.text);
    else if (j->trouble.status == STATUS_IO)
        set_trouble(j, STATUS_OK, "");
}

static void *writer_main(void *data)
{
    struct journal *j = data;
    int64_t polled = 0;
    pthread_mutex_lock(&j->lock);
    while (j->trouble.status != STATUS_FAILED) {
        if (now_ms() - polled >= POLL_MS) {
            poll_requests(j);
            look_at_ground(j);
            polled = now_ms();
            continue;
        }
        if (!j->queue && j->writer == WRITER_CLOSING) break;
        if (!j->queue) {
            wait_ms(j, POLL_MS);
            continue;
        }
        struct batch *list = j->queue;
        j->queue = NULL;
        j->queue_end = &j->queue;
        if (write_until_durable(j, list)) {
            deliver(j, list);
            continue;
        }
        while (list) { /* lost, as in a crash: nobody was told of it */
            struct batch *next = list->next;
            batch_free(list);
            list = next;
        }
        break;
    }
    pthread_cond_broadcast(&j->done);
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

/* ---- life ---- */

struct journal *journal_create(struct store *store, int64_t study)
{
    struct journal *j = must_alloc(1, sizeof *j);
    pthread_condattr_t monotonic;
    j->store = store;
    j->study = study;
    j->open = batch_create(1);
    j->queue_end = &j->queue;
    j->request_end = &j->request;
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&j->work, &monotonic);
    pthread_cond_init(&j->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return j;
}

enum status journal_start(struct journal *j, const struct journal_hooks *hooks, struct error *err)
{
    j->hooks = *hooks;
    j->writer = WRITER_RUNS;
    sqlite3_busy_timeout(j->store->db, BUSY_MS);
    int code = pthread_create(&j->thread, NULL, writer_main, j);
    if (code == 0) return STATUS_OK;
    j->writer = WRITER_NONE;
    return error_set(err, STATUS_FAILED, "cannot start a thread: %s; end some processes and run the same command again",
                     strerror(code));
}

enum status journal_stop(struct journal *j, struct error *err)
{
    if (j->writer == WRITER_NONE) return STATUS_OK;
    pthread_mutex_lock(&j->lock);
    j->writer = WRITER_CLOSING;
    pthread_cond_broadcast(&j->work);
    pthread_mutex_unlock(&j->lock);
    pthread_join(j->thread, NULL);
    j->writer = WRITER_NONE;
    return j->trouble.status ? error_set(err, STATUS_IO, "%s", j->trouble.text) : STATUS_OK;
}

void journal_free(struct journal *j)
{
    if (!j) return;
    journal_stop(j, NULL);
    calls_done(&j->durable_calls);
    while (j->queue) {
        struct batch *next = j->queue->next;
        batch_free(j->queue);
        j->queue = next;
    }
    journal_requests(j, NULL, NULL);
    batch_free(j->open);
    pthread_cond_destroy(&j->work);
    pthread_cond_destroy(&j->done);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

static struct batch *close_batch(struct journal *j)
{
    struct batch *b = j->open;
    j->open = batch_create(b->number + 1);
    return b;
}

enum status journal_flush(struct journal *j, struct error *err)
{
    enum status s = write_batches(j, j->open, err);
    if (s) return s;
    j->durable = j->open->number;
    batch_free(close_batch(j));
    return STATUS_OK;
}

void journal_submit(struct journal *j)
{
    if (is_empty(j->open)) return;
    struct batch *b = close_batch(j);
    pthread_mutex_lock(&j->lock);
    *j->queue_end = b;
    j->queue_end = &b->next;
    j->waiting += b->bytes;
    pthread_cond_signal(&j->work);
    pthread_mutex_unlock(&j->lock);
}

void journal_wait(struct journal *j)
{
    pthread_mutex_lock(&j->lock);
    while (j->waiting > FULL_BYTES && j->trouble.status != STATUS_FAILED) pthread_cond_wait(&j->done, &j->lock);
    pthread_mutex_unlock(&j->lock);
}

bool journal_full(struct journal *j)
{
    pthread_mutex_lock(&j->lock);
    bool full = j->waiting + j->open->bytes > FULL_BYTES;
    pthread_mutex_unlock(&j->lock);
    return full;
}

uint64_t journal_batch(const struct journal *j)
{
    return j->open->number;
}

uint64_t journal_mark(const struct journal *j)
{
    return is_empty(j->open) ? j->open->number - 1 : j->open->number;
}

uint64_t journal_durable(struct journal *j)
{
    pthread_mutex_lock(&j->lock);
    uint64_t durable = j->durable;
    pthread_mutex_unlock(&j->lock);
    return durable;
}

void journal_when_durable(struct journal *j, call_fn *call, void *data, call_fn *drop)
{
    calls_add(&j->durable_calls, journal_mark(j), call, data, drop);
}

void journal_deliver(struct journal *j)
{
    calls_make(&j->durable_calls, journal_durable(j));
}

void journal_forget(struct journal *j, const void *data)
{
    calls_forget(&j->durable_calls, data);
}

enum status journal_trouble(struct journal *j, struct error *ret)
{
    pthread_mutex_lock(&j->lock);
    *ret = j->trouble;
    pthread_mutex_unlock(&j->lock);
    return ret->status;
}

void journal_requests(struct journal *j, store_request_fn *fn, void *data)
{
    pthread_mutex_lock(&j->lock);
    struct request *list = j->request;
    j->request = NULL;
    j->request_end = &j->request;
    pthread_mutex_unlock(&j->lock);
    for (struct request *next; list; list = next) {
        next = list->next;
        if (fn) fn(data, list->id, list->verb, list->payload);
        free(list->verb);
        free(list->payload);
        free(list);
    }
}
