#include "tuner/service/service.h"

#include "tuner/service/api.h"
#include "tuner/service/dispatch.h"
#include "tuner/service/pilot.h"

#include "tuner/base/beneath.h"
#include "tuner/base/host.h"
#include "tuner/base/redact.h"
#include "tuner/base/words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TICK_MS = 1000,
    PULSE_MS = 15000,
    FORGET_MS = 3600000,
    DAY_MS = 86400000,
    IDLE_S = 120,
    SWEEP_MS = 50 /* others get their turn */
};

void service_say(struct service *s, const char *study, const char *fmt, ...)
{
    char *text;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0) abort(); /* out of memory */
    redact(text, (size_t)n);
    s->options.say(s->options.data, study, text);
    free(text);
}

/* It goes with its last descriptor, whatever happens. */
int service_spool(const struct service *s)
{
    int dir = -1;
    if (beneath_folder(AT_FDCWD, s->files, true, &dir, NULL)) return -1;
    int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), code = errno;
    close(dir);
    errno = code;
    return fd;
}

/* ---- feeds ---- */

struct feed *service_feed(struct service *s, const char *study, int64_t id)
{
    for (struct feed_entry *e = s->feed; e; e = e->next)
        if (strcmp(e->study, study) == 0 && e->id == id) return e->feed;
    service_forget_feed(s, study); /* another process has deleted that one */
    struct feed_entry *e = must_alloc(1, sizeof *e);
    *e = (struct feed_entry){s->feed, must_strdup(study), id, feed_create(s->shelf, s->store, id)};
    s->feed = e;
    return e->feed;
}

static void drop_feed(struct feed_entry **at)
{
    struct feed_entry *e = *at;
    *at = e->next;
    feed_free(e->feed);
    free(e->study);
    free(e);
}

/* The study was deleted. Its readers are told so; the feed goes with the last of them. */
void service_forget_feed(struct service *s, const char *study)
{
    for (struct feed_entry *e = s->feed; e; e = e->next)
        if (strcmp(e->study, study) == 0) {
            feed_end(e->feed);
            free(e->study);
            e->study = must_strdup(""); /* a new study of this name has another feed */
            return;
        }
}

static void pulse_feeds(struct service *s)
{
    for (struct feed_entry **at = &s->feed; *at;) {
        feed_pulse((*at)->feed);
        if (!feed_is_read((*at)->feed) && !service_hosted(s, (*at)->study))
            drop_feed(at);
        else
            at = &(*at)->next;
    }
}

/* ---- what is deleted ---- */

static bool sweep(struct work *work, struct store *store)
{
    struct service *s = work->data;
    struct error err;
    s->sweeping.more = false;
    return store_sweep(store, clock_wall_ms(s->clock) - DAY_MS, &s->sweeping.more, &err) == STATUS_BUSY;
}

static void on_swept(struct work *work)
{
    struct service *s = work->data;
    bool again = s->sweeping.more || s->sweeping.state == SWEEP_AND_AGAIN;
    s->sweeping.state = SWEEP_IDLE;
    if (again) service_sweep(s);
}

void service_sweep(struct service *s)
{
    struct sweeping *x = &s->sweeping;
    if (s->closing) return;
    x->state = x->state == SWEEP_IDLE ? SWEEP_AT_WORK : SWEEP_AND_AGAIN;
    if (x->state == SWEEP_AND_AGAIN) return;
    x->work = (struct work){.who = "", .data = s, .run = sweep, .done = on_swept};
    works_add_later(s->works, &x->work, SWEEP_MS);
}

/* ---- the loop ---- */

static void finish_if_left(struct service *s);

/* Whoever waits until something is durable would wait for a database that may never come back. */
static void check_ground(struct service *s)
{
    struct error err;
    if (store_check_ground(s->store, &err) == STATUS_OK) return;
    for (struct hosted *h = s->hosted; h; h = h->next) call_refuse_all(&h->call, 503, err.text);
    call_refuse_all(&s->saying, 503, err.text);
}

static void on_tick(uv_timer_t *timer)
{
    struct service *s = timer->data;
    int64_t now = clock_mono_ms(s->clock);
    check_ground(s);
    fleet_tick(s->fleet);
    api_agents_tick(s);
    pilot_tick(s->pilot);
    if (now - s->pulsed_ms >= PULSE_MS) {
        s->pulsed_ms = now;
        pulse_feeds(s);
    }
    if (now - s->forgot_ms >= FORGET_MS) {
        s->forgot_ms = now;
        service_sweep(s);
    }
}

static void on_turn(uv_prepare_t *turn)
{
    struct service *s = turn->data;
    for (struct hosted *h = s->hosted; h; h = h->next)
        if (!h->over) feed_durable(h->feed, journal_durable(h->run->history->journal));
    hosted_sweep(s);
    finish_if_left(s);
}

/* ---- life ---- */

static void service_free(struct service *s)
{
    hosted_sweep(s);
    while (s->feed) drop_feed(&s->feed);
    auth_close(s->auth);
    fleet_free(s->fleet);
    folded_free(s->folded);
    shelf_free(s->shelf);
    workers_free(s->workers);
    if (s->store) store_close(s->store);
    clock_steady_free(s->clock);
    free(s);
}

static void on_closed(uv_handle_t *handle)
{
    struct service *s = handle->data;
    void (*ended)(void *) = s->options.ended;
    void *data = s->options.data;
    service_free(s);
    ended(data);
}

static void on_works_closed(void *data)
{
    struct service *s = data;
    s->works = NULL;
    pilot_free(s->pilot);
    s->pilot = NULL;
    uv_close((uv_handle_t *)&s->tick, NULL);
    uv_close((uv_handle_t *)&s->turn, on_closed);
}

static void on_http_closed(void *data)
{
    struct service *s = data;
    works_close(s->works, on_works_closed, s);
}

static void finish_if_left(struct service *s)
{
    if (!s->closing || s->hosted || !s->http) return;
    struct http *h = s->http;
    s->http = NULL;
    uv_prepare_stop(&s->turn);
    http_close(h, on_http_closed, s);
}

void service_close(struct service *s)
{
    if (s->closing) return;
    s->closing = true;
    service_go_on(s, NULL);
    for (struct hosted *h = s->hosted; h; h = h->next)
        if (!h->over) coordinator_leave(h->run->coordinator);
}

static enum status open_parts(struct service *s, struct error *err)
{
    struct http_options http = {.address = s->options.address,
                                .port = s->options.port,
                                .cert = s->options.cert,
                                .key = s->options.key,
                                .connections = s->options.connections,
                                .idle_s = IDLE_S};
    struct http_hooks hooks = {dispatch_begin,    dispatch_handle,    dispatch_gone,
                               dispatch_is_valid, dispatch_unwelcome, s};
    enum status st = store_open(s->options.db, STORE_CREATE, &s->store, err);
    if (!st) store_set_patience(s->store, SERVICE_BUSY_MS); /* what has to wait is a work's */
    if (!st) st = needs_guard(s->guard, err);
    if (!st) st = needs_folder(s->options.db, s->files, err);
    if (!st) st = http_create(&http, &hooks, s->loop, &s->http, err);
    if (!st) st = works_create(s->loop, s->options.db, &s->works, err);
    if (!st) s->shelf = shelf_create(s->works);
    return st;
}

/* A wildcard is no place to go to. */
static void start_pilot(struct service *s)
{
    struct arena a = {0};
    char host[HOST_TEXT_MAX];
    const char *address = s->options.address;
    bool any = strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0, v6 = strchr(address, ':') && !any;
    if (any) address = host_name(host);
    s->pilot =
        pilot_create(s, s->options.url ? s->options.url
                                       : arena_printf(&a, "http%s://%s%s%s:%u", s->options.cert ? "s" : "",
                                                      v6 ? "[" : "", address, v6 ? "]" : "", http_port(s->http)));
    arena_done(&a);
}

/* One numbering for the trials of all studies. */
static void open_slots(struct service *s)
{
    size_t n = s->options.slots;
    s->workers = workers_create(s->loop, s->guard, n);
    if (n) workers_lock_slots(s->workers, s->files);
    size_t left = n - workers_free_slots(s->workers);
    if (left) service_say(s, NULL, "%zu of %zu slot%s: " WORKERS_LEFT_OVER, left, n, words_s(n));
}

enum status service_create(const struct service_options *options, uv_loop_t *loop, struct service **ret,
                           struct error *err)
{
    struct service *s = must_alloc(1, sizeof *s);
    s->options = *options;
    s->loop = loop;
    s->clock = clock_steady_create(clock_real());
    s->started_ms = clock_mono_ms(s->clock);
    s->folded = folded_create(s->clock);
    s->fleet = fleet_create(s->clock, options->silence_ms);
    enum status st = open_parts(s, err);
    if (st) {
        service_free(s);
        return st;
    }
    open_slots(s);
    s->auth = auth_open(s->store, s->clock, options->tries);
    uv_timer_init(loop, &s->tick);
    uv_prepare_init(loop, &s->turn);
    s->tick.data = s->turn.data = s;
    uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
    uv_prepare_start(&s->turn, on_turn);
    api_agents_open(s);
    start_pilot(s);
    service_wake_left(s);
    service_sweep(s); /* what the last process did not live to */
    *ret = s;
    return STATUS_OK;
}

uint16_t service_port(const struct service *s)
{
    return http_port(s->http);
}
