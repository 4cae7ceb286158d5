#include "tuner/service/work.h"

#include "tuner/base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
    SLOW_NICE = 10,
    BUSY_MS = 50, /* a thread waits so long for a busy database */
    LOOK_MS = 25,
    AGAIN_MS = 100, /* … and its work so long until it is tried again */
    GIVE_UP_MS = 10000,
};

/* Works of a kind, and the thread that does them. */
struct lane {
    struct works *works;
    struct work *first; /* those that wait: by round, then as they came */
    uint64_t round;     /* of the one that was begun last */
    pthread_t thread;
    struct store *store;
    struct work *work;   /* at work, or worked and not yet taken back; NULL: it is idle */
    bool worked, again;
};

struct works {
    uv_async_t wake; /* a thread has worked */
    uv_timer_t later;
    int open_handles;
    size_t started; /* threads */
    struct lane lane[WORK_KINDS];
    void (*closed)(void *data);
    void *closed_data;

    pthread_mutex_t lock; /* of the lanes' work, worked and again, and of `ending` */
    pthread_cond_t given;
    bool ending;
};

static int64_t now_ms(void)
{
    return clock_mono_ms(clock_real());
}

/* ---- a thread ---- */

/* The kernel knows of nothing less than 19. */
static void give_way(void)
{
    id_t self = (id_t)gettid();
    setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + SLOW_NICE);
}

static void *lane_main(void *data)
{
    struct lane *l = data;
    struct works *x = l->works;
    if (l == &x->lane[WORK_SLOW]) give_way();
    pthread_mutex_lock(&x->lock);
    while (!x->ending) {
        if (!l->work || l->worked) {
            pthread_cond_wait(&x->given, &x->lock);
            continue;
        }
        pthread_mutex_unlock(&x->lock);
        bool again = l->work->run(l->work, l->store) && !l->work->last;
        pthread_mutex_lock(&x->lock);
        l->again = again;
        l->worked = true;
        uv_async_send(&x->wake);
    }
    pthread_mutex_unlock(&x->lock);
    return NULL;
}

/* ---- whose turn it is ---- */

static bool is_of(const struct work *w, const char *who)
{
    return !who || strcmp(w->who, who) == 0;
}

static size_t lane_works_of(const struct lane *l, const char *who)
{
    size_t n = l->work && is_of(l->work, who);
    for (const struct work *w = l->first; w; w = w->next) n += is_of(w, who);
    return n;
}

size_t works_of(const struct works *x, const char *who)
{
    size_t n = 0;
    for (size_t i = 0; i < WORK_KINDS; i++) n += lane_works_of(&x->lane[i], who);
    return n;
}

/* Each work of a client belongs to a later round than the one before. */
static void put(struct works *x, struct work *w)
{
    struct work **at = &x->lane[w->kind].first;
    while (*at && (*at)->round <= w->round) at = &(*at)->next;
    w->next = *at;
    *at = w;
}

/* Takes it from those that wait; NULL: none can be begun now. */
static struct work *take_next(struct lane *l)
{
    int64_t now = now_ms();
    for (struct work **at = &l->first; *at; at = &(*at)->next) {
        struct work *w = *at;
        if (w->again_ms > now) continue;
        *at = w->next;
        if (w->round > l->round) l->round = w->round;
        return w;
    }
    return NULL;
}

/* ---- the loop ---- */

static void begin(struct works *x)
{
    pthread_mutex_lock(&x->lock);
    for (size_t i = 0; i < WORK_KINDS; i++) {
        struct lane *l = &x->lane[i];
        if (l->work) continue;
        l->work = take_next(l);
        l->worked = false;
    }
    pthread_cond_broadcast(&x->given);
    pthread_mutex_unlock(&x->lock);
}

static bool is_any_for_later(const struct works *x)
{
    int64_t now = now_ms();
    for (size_t i = 0; i < WORK_KINDS; i++)
        for (const struct work *w = x->lane[i].first; w; w = w->next)
            if (w->again_ms > now) return true;
    return false;
}

/* It looks before it begins: a work whose time comes between the two has been begun, or waits for a thread. */
static void on_later(uv_timer_t *timer)
{
    struct works *x = timer->data;
    if (!is_any_for_later(x)) uv_timer_stop(timer);
    begin(x);
}

static void put_later(struct works *x, struct work *w, int64_t ms)
{
    w->again_ms = now_ms() + ms;
    put(x, w);
    if (!uv_is_active((uv_handle_t *)&x->later)) uv_timer_start(&x->later, on_later, LOOK_MS, LOOK_MS);
}

static void put_back(struct works *x, struct work *w)
{
    w->last = now_ms() + AGAIN_MS >= w->since_ms + GIVE_UP_MS;
    put_later(x, w, AGAIN_MS);
}

/* A work that a thread has done; NULL: none. */
static struct work *take_done(struct works *x, bool *ret_again)
{
    struct work *w = NULL;
    pthread_mutex_lock(&x->lock);
    for (size_t i = 0; i < WORK_KINDS && !w; i++) {
        struct lane *l = &x->lane[i];
        if (!l->work || !l->worked) continue;
        w = l->work;
        *ret_again = l->again;
        l->work = NULL;
    }
    pthread_mutex_unlock(&x->lock);
    return w;
}

static bool is_idle(const struct works *x)
{
    for (size_t i = 0; i < WORK_KINDS; i++)
        if (x->lane[i].work) return false;
    return true;
}

static void end(struct works *x);

static void drop(struct work *w)
{
    w->unable = true;
    w->done(w);
}

static void drop_waiting(struct works *x)
{
    for (size_t i = 0; i < WORK_KINDS; i++)
        for (struct work *w; (w = x->lane[i].first);) {
            x->lane[i].first = w->next;
            drop(w);
        }
    if (is_idle(x)) end(x);
}

static void on_wake(uv_async_t *wake)
{
    struct works *x = wake->data;
    bool again;
    for (struct work *w; (w = take_done(x, &again));) {
        if (!again)
            w->done(w);
        else if (x->closed)
            drop(w);
        else
            put_back(x, w);
    }
    if (x->closed)
        drop_waiting(x);
    else
        begin(x);
}

static void reset(struct works *x, struct work *w, int64_t ms)
{
    const struct lane *l = &x->lane[w->kind];
    w->round = l->round + lane_works_of(l, w->who);
    w->since_ms = now_ms() + ms;
    w->again_ms = 0;
    w->last = w->unable = false;
    if (x->closed) uv_async_send(&x->wake);
}

void works_add(struct works *x, struct work *w)
{
    reset(x, w, 0);
    put(x, w);
    if (!x->closed) begin(x);
}

void works_add_later(struct works *x, struct work *w, int64_t ms)
{
    reset(x, w, ms);
    put_later(x, w, ms);
}

/* ---- life ---- */

/* Its database is opened before anything can have happened to it: a connection that finds it cut off would throw away
 * what the others have not written to it yet. */
static enum status start(struct works *x, const char *db, struct error *err)
{
    struct lane *l = &x->lane[x->started];
    enum status st = store_open(db, STORE_EXISTING, &l->store, err);
    if (st) return st;
    store_set_patience(l->store, BUSY_MS);
    l->works = x;
    int code = pthread_create(&l->thread, NULL, lane_main, l);
    if (code) return error_set(err, STATUS_FAILED, "cannot start a thread: %s", strerror(code));
    x->started++;
    return STATUS_OK;
}

static void stop(struct works *x)
{
    pthread_mutex_lock(&x->lock);
    x->ending = true;
    pthread_cond_broadcast(&x->given);
    pthread_mutex_unlock(&x->lock);
    for (size_t i = 0; i < x->started; i++) pthread_join(x->lane[i].thread, NULL);
}

static void works_free(struct works *x)
{
    pthread_mutex_destroy(&x->lock);
    pthread_cond_destroy(&x->given);
    for (size_t i = 0; i < WORK_KINDS; i++)
        if (x->lane[i].store) store_close(x->lane[i].store);
    free(x);
}

enum status works_create(uv_loop_t *loop, const char *db, struct works **ret, struct error *err)
{
    struct works *x = must_alloc(1, sizeof *x);
    pthread_mutex_init(&x->lock, NULL);
    pthread_cond_init(&x->given, NULL);
    enum status st = STATUS_OK;
    while (!st && x->started < WORK_KINDS) st = start(x, db, err);
    if (st) {
        stop(x);
        works_free(x);
        return st;
    }
    uv_async_init(loop, &x->wake, on_wake);
    uv_timer_init(loop, &x->later);
    x->wake.data = x->later.data = x;
    *ret = x;
    return STATUS_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct works *x = handle->data;
    if (--x->open_handles > 0) return;
    void (*closed)(void *) = x->closed;
    void *data = x->closed_data;
    works_free(x);
    closed(data);
}

static void end(struct works *x)
{
    stop(x);
    x->open_handles = 2;
    uv_close((uv_handle_t *)&x->wake, on_closed);
    uv_close((uv_handle_t *)&x->later, on_closed);
}

void works_close(struct works *x, void (*closed)(void *data), void *data)
{
    x->closed = closed;
    x->closed_data = data;
    uv_async_send(&x->wake);
}
