#include "tuner/notify/heartbeat.h"

#include <stdlib.h>

enum { AGAIN_MS = 1000 }; /* who was not alive is asked again sooner */

struct heartbeat {
    struct heartbeat_hooks hooks;
    struct web *web;
    uv_timer_t timer;
    uint64_t every_ms;
    bool calling, failed;
    int open;
    void (*closed)(void *data);
    void *closed_data;
};

static void on_reply(void *data, const struct reply *reply)
{
    struct heartbeat *h = data;
    h->calling = false;
    if (reply->ok != h->failed) return; /* nothing new */
    h->failed = !reply->ok;
    h->hooks.trouble(h->hooks.data, reply->ok ? NULL : reply->why);
}

static void on_beat(uv_timer_t *timer)
{
    struct heartbeat *h = timer->data;
    bool alive = h->hooks.is_alive(h->hooks.data);
    uv_timer_start(timer, on_beat, alive || h->every_ms < AGAIN_MS ? h->every_ms : AGAIN_MS, 0);
    if (h->calling || !alive) return;
    h->calling = true;
    web_call(h->web, NULL, NULL, on_reply, h);
}

enum status heartbeat_start(const struct heartbeat_plan *plan, uv_loop_t *loop, const struct heartbeat_hooks *hooks,
                            struct heartbeat **ret, struct error *err)
{
    struct web *web = NULL;
    enum status s = web_open(&plan->url, NULL, loop, &web, err);
    if (s) return s;
    struct heartbeat *h = must_alloc(1, sizeof *h);
    h->hooks = *hooks;
    h->web = web;
    uv_timer_init(loop, &h->timer);
    h->timer.data = h;
    h->every_ms = (uint64_t)plan->every_ms;
    uv_timer_start(&h->timer, on_beat, 0, 0);
    *ret = h;
    return STATUS_OK;
}

static void on_part_closed(void *data)
{
    struct heartbeat *h = data;
    if (--h->open > 0) return;
    void (*closed)(void *) = h->closed;
    void *closed_data = h->closed_data;
    free(h);
    closed(closed_data);
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

void heartbeat_close(struct heartbeat *h, void (*closed)(void *data), void *data)
{
    h->closed = closed;
    h->closed_data = data;
    h->open = 2;
    uv_close((uv_handle_t *)&h->timer, on_timer_closed);
    web_close(h->web, on_part_closed, h);
}
