#include "tuner/notify/notifier.h"

#include "tuner/notify/teller.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { BUSY_MS = 2000 };

struct notifier {
    struct notifier_options options;
    struct desk *desk;
    struct teller *teller;
    uv_async_t news; /* on the caller's loop */
    atomic_bool ended;
    void (*closed)(void *data);
    void *closed_data;
};

/* ---- on the teller's thread ---- */

static void on_left(void *data)
{
    uv_async_send(&((struct notifier *)data)->news);
}

static void on_ended(void *data)
{
    struct notifier *n = data;
    atomic_store(&n->ended, true);
    uv_async_send(&n->news);
}

/* ---- on the caller's ---- */

static void hear(struct notifier *n)
{
    struct desk_saying *next;
    for (struct desk_saying *x = desk_sayings(n->desk); x; x = next) {
        next = x->next;
        if (!x->results)
            n->options.say(n->options.data, *x->study ? x->study : NULL, x->text);
        else if (n->options.tried)
            n->options.tried(n->options.data, x->ticket, json_incref(x->results));
        desk_saying_free(x);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct notifier *n = handle->data;
    void (*closed)(void *) = n->closed;
    void *data = n->closed_data;
    desk_free(n->desk);
    free(n);
    closed(data);
}

static void on_news(uv_async_t *news)
{
    struct notifier *n = news->data;
    bool ended = atomic_load(&n->ended);
    hear(n);
    if (!ended || uv_is_closing((uv_handle_t *)news)) return;
    teller_join(n->teller);
    uv_close((uv_handle_t *)news, on_closed);
}

static void on_failed(uv_handle_t *handle)
{
    struct notifier *n = handle->data;
    desk_free(n->desk);
    free(n);
}

enum status notifier_create(const struct notifier_options *options, struct notifier **ret, struct error *err)
{
    struct store *store = NULL;
    enum status s = store_open(options->db, STORE_EXISTING, &store, err);
    if (s) return s;
    store_set_patience(store, BUSY_MS);
    struct notifier *n = must_alloc(1, sizeof *n);
    n->options = *options;
    n->desk = desk_create();
    uv_async_init(options->loop, &n->news, on_news);
    n->news.data = n;
    const struct teller_options teller = {.file = options->file,
                                          .desk = n->desk,
                                          .store = store,
                                          .adopts = options->adopts,
                                          .silent = options->silent,
                                          .left = on_left,
                                          .ended = on_ended,
                                          .data = n};
    s = teller_start(&teller, &n->teller, err);
    if (s)
        uv_close((uv_handle_t *)&n->news, on_failed);
    else
        *ret = n;
    return s;
}

void notifier_begin(struct notifier *n, const char *study)
{
    desk_begin(n->desk, study);
    teller_wake(n->teller);
}

void notifier_look(struct notifier *n, const char *study, const struct look *look)
{
    desk_look(n->desk, study, look);
}

void notifier_alive(struct notifier *n)
{
    desk_alive(n->desk);
}

void notifier_over(struct notifier *n, const char *study, const char *failure)
{
    desk_over(n->desk, study, failure, false);
    teller_wake(n->teller);
}

void notifier_left(struct notifier *n, const char *study)
{
    desk_over(n->desk, study, NULL, true);
    teller_wake(n->teller);
}

void notifier_collect(struct notifier *n, const char *study)
{
    desk_collect(n->desk, study);
    teller_wake(n->teller);
}

void notifier_try(struct notifier *n, const char *channel, uint64_t ticket)
{
    desk_try(n->desk, channel, ticket);
    teller_wake(n->teller);
}

void notifier_close(struct notifier *n, void (*closed)(void *data), void *data)
{
    n->closed = closed;
    n->closed_data = data;
    desk_close(n->desk);
    teller_wake(n->teller);
}
