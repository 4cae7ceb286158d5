#include "tuner/cli/ticker.h"

#include "tuner/live/live.h"

#include "tuner/base/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct ticker {
    struct ticker_wish wish;
    struct store *store;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping, troubled;
};

static void note_trouble(struct ticker *t, enum status s, const struct error *err)
{
    if (s && !t->troubled) fprintf(stderr, "nocturne: paused: %s; goes on by itself when that is over\n", err->text);
    if (!s && t->troubled) fprintf(stderr, "nocturne: it goes on\n");
    t->troubled = s != STATUS_OK;
}

static bool is_stopping(struct ticker *t)
{
    pthread_mutex_lock(&t->lock);
    bool out = t->stopping;
    pthread_mutex_unlock(&t->lock);
    return out;
}

/* All that is due now. */
static void tick(struct ticker *t)
{
    struct live_ticked ticked = {.more = true};
    struct error err;
    enum status s = STATUS_OK;
    while (!s && ticked.more && !is_stopping(t)) {
        ticked = (struct live_ticked){.more = false};
        s = live_tick(t->store, t->wish.rollout, clock_wall_ms(clock_real()), &ticked, &err);
    }
    note_trouble(t, s, &err);
    if (!s && t->wish.alive) t->wish.alive(t->wish.data);
}

static void wait_a_second(struct ticker *t)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    pthread_mutex_lock(&t->lock);
    while (!t->stopping && pthread_cond_timedwait(&t->changed, &t->lock, &until) == 0) {}
    pthread_mutex_unlock(&t->lock);
}

static void *run(void *data)
{
    struct ticker *t = data;
    while (!is_stopping(t)) {
        tick(t);
        wait_a_second(t);
    }
    return NULL;
}

static void prepare(struct ticker *t)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&t->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&t->lock, NULL);
}

static void ticker_free(struct ticker *t)
{
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    store_close(t->store);
    free(t);
}

enum status ticker_start(const struct ticker_wish *wish, struct ticker **ret, struct error *err)
{
    struct store *store = NULL;
    enum status s = store_open(wish->db, STORE_EXISTING, &store, err);
    if (s) return s;
    struct ticker *t = must_alloc(1, sizeof *t);
    t->wish = *wish;
    t->store = store;
    prepare(t);
    if (pthread_create(&t->thread, NULL, run, t) == 0) return *ret = t, STATUS_OK;
    ticker_free(t);
    return error_set(err, STATUS_FAILED, "the machine has no thread left");
}

void ticker_stop(struct ticker *t)
{
    if (!t) return;
    pthread_mutex_lock(&t->lock);
    t->stopping = true;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    ticker_free(t);
}
