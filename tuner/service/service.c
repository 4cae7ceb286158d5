#include "tuner/service/service.h"

#include "tuner/service/active_study.h"
#include "tuner/service/all_events.h"
#include "tuner/service/api_agents.h"
#include "tuner/service/credential.h"
#include "tuner/service/dispatch.h"
#include "tuner/service/folded.h"
#include "tuner/service/rules.h"
#include "tuner/service/streams.h"
#include "tuner/service/sweeping.h"
#include "tuner/service/tailing.h"
#include "tuner/service/telling.h"
#include "tuner/service/tracing.h"
#include "tuner/service/keeper.h"
#include "tuner/service/waking.h"

#include "tuner/base/host.h"
#include "tuner/base/words.h"

#include "workers/workers.h"

#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 1000, PULSE_MS = 15000, FORGET_MS = 3600000, IDLE_S = 120 };

/* ---- the loop ---- */

static void finish_if_left(struct service *s);

/* Whoever waits until something is durable would wait for a database that may never come back. */
static void check_ground(struct service *s)
{
    struct error err;
    if (store_check_ground(s->store, &err) == STATUS_OK) return;
    for (struct active_study *as = s->active; as; as = as->next) request_refuse_all(&as->waiting, 503, err.text);
    request_refuse_all(&s->queues.saying, 503, err.text);
    request_refuse_all(&s->live.waiting, 503, err.text);
}

static bool is_active(const struct service *s, const char *study)
{
    return active_study_find(s, study) != NULL;
}

static void tell_how_they_stand(struct service *s)
{
    telling_alive(s);
    for (const struct active_study *as = s->active; as; as = as->next)
        if (!as->over) telling_look(s, as->active, false);
}

static void on_tick(uv_timer_t *timer)
{
    struct service *s = timer->data;
    int64_t now = clock_mono_ms(s->clock);
    check_ground(s);
    fleet_tick(s->fleet);
    api_agents_tick(s);
    tailing_tick(s);
    tell_how_they_stand(s);
    if (!s->closing) provisioner_tick(s->provisioner);
    if (!s->closing) all_events_look(s->streams.together);
    if (!s->closing) keeper_look(s->live.keeper);
    if (now - s->beat.pulsed_ms >= PULSE_MS) {
        s->beat.pulsed_ms = now;
        streams_pulse(s, is_active);
        all_events_pulse(s->streams.together, is_active);
    }
    if (now - s->beat.forgot_ms >= FORGET_MS) {
        s->beat.forgot_ms = now;
        sweeping_begin(s);
    }
}

static void on_turn(uv_prepare_t *turn)
{
    struct service *s = turn->data;
    for (struct active_study *as = s->active; as; as = as->next)
        if (!as->over) event_stream_durable(as->stream, journal_durable(history_journal(as->active->history)));
    active_study_sweep(s);
    finish_if_left(s);
}

/* ---- life ---- */

static void service_free(struct service *s)
{
    active_study_sweep(s);
    streams_drop(s);
    all_events_free(s->streams.together);
    keeper_free(s->live.keeper);
    tracing_free(s->live.tracing);
    rules_free(s->live.rules);
    auth_close(s->auth);
    fleet_free(s->fleet);
    for (size_t i = 0; i < WORK_KINDS; i++) folded_free(s->folded[i]);
    shelf_free(s->streams.shelf);
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
    provisioner_free(s->provisioner);
    s->provisioner = NULL;
    uv_close((uv_handle_t *)&s->beat.tick, NULL);
    uv_close((uv_handle_t *)&s->beat.turn, on_closed);
}

static void on_all_told(void *data)
{
    struct service *s = data;
    works_close(s->works, on_works_closed, s);
}

static void on_http_closed(void *data)
{
    telling_close(data, on_all_told);
}

static void finish_if_left(struct service *s)
{
    if (!s->closing || s->active || !s->http) return;
    struct http *h = s->http;
    s->http = NULL;
    uv_prepare_stop(&s->beat.turn);
    http_close(h, on_http_closed, s);
}

void service_pass(struct service *s, const char *name, char *ret_text)
{
    auth_lend(s->auth, &(struct token_wish){.name = name, .role = "operator"}, ret_text);
}

void service_guest_ended(struct service *s)
{
    for (struct active_study *as = s->active; as; as = as->next)
        if (!as->own && !as->over) active_study_leave(as);
}

bool service_has_guest(const struct service *s)
{
    return s->active != NULL && s->options.guest != NULL;
}

void service_close(struct service *s)
{
    if (s->closing) return;
    s->closing = true;
    telling_refuse(s);
    waking_go_on(s, NULL);
    for (struct active_study *as = s->active; as; as = as->next)
        if (!as->over) coordinator_leave(as->active->coordinator);
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
    if (!st) st = workers_guard(s->guard, err);
    if (!st) st = needs_folder(s->options.db, s->files, err);
    if (!st) st = http_create(&http, &hooks, s->loop, &s->http, err);
    if (!st) st = works_create(s->loop, s->options.db, &s->works, err);
    if (!st) st = telling_open(s, err);
    if (!st) s->streams.shelf = shelf_create(s->works);
    if (!st) s->streams.together = all_events_create(s);
    s->live.rules = rules_create(s->options.db, s->clock);
    s->live.keeper = keeper_create(s);
    s->live.tracing = tracing_create(s->clock);
    return st;
}

/* ---- agents from elsewhere ---- */

static struct provision_wish *wishes(void *data, struct arena *arena, size_t *ret_n)
{
    const struct service *s = data;
    size_t n = 0;
    for (const struct active_study *as = s->active; as; as = as->next) n++;
    struct provision_wish *all = arena_array(arena, n + 1, sizeof *all);
    *ret_n = 0;
    for (const struct active_study *as = s->active; as; as = as->next) {
        const struct coordinator *c = as->active->coordinator;
        if (as->over || as->study->agents.kind == PROVISIONER_NONE) continue;
        all[(*ret_n)++] =
            (struct provision_wish){as->study, coordinator_busy(c) - coordinator_busy_here(c) + coordinator_wants(c)};
    }
    return all;
}

static void on_say(void *data, const char *study, const char *text)
{
    service_say(data, study, "%s", text);
}

/* Where agents find it. A wildcard is no place to go to. */
static const char *own_url(const struct service *s, struct arena *a)
{
    char host[HOST_TEXT_MAX];
    const char *address = s->options.address;
    if (s->options.url) return s->options.url;
    bool any = strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0, v6 = strchr(address, ':') && !any;
    if (any) address = host_name(host);
    return arena_printf(a, "http%s://%s%s%s:%u", s->options.cert ? "s" : "", v6 ? "[" : "", address, v6 ? "]" : "",
                        http_port(s->http));
}

static void open_provisioner(struct service *s)
{
    struct arena a = {0};
    const struct provisioner_options options = {.loop = s->loop,
                                                .clock = s->clock,
                                                .fleet = s->fleet,
                                                .files = s->files,
                                                .url = own_url(s, &a),
                                                .ca = s->options.cert,
                                                .wishes = wishes,
                                                .token = credential_ensure,
                                                .say = on_say,
                                                .data = s};
    s->provisioner = provisioner_create(&options);
    credential_recall(s);
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
    s->counts.since_ms = clock_mono_ms(s->clock);
    for (size_t i = 0; i < WORK_KINDS; i++) s->folded[i] = folded_create(s->clock);
    s->fleet = fleet_create(s->clock, options->silence_ms);
    enum status st = open_parts(s, err);
    if (st) {
        service_free(s);
        return st;
    }
    open_slots(s);
    s->auth = auth_open(s->store, s->clock, options->tries);
    uv_timer_init(loop, &s->beat.tick);
    uv_prepare_init(loop, &s->beat.turn);
    s->beat.tick.data = s->beat.turn.data = s;
    uv_timer_start(&s->beat.tick, on_tick, TICK_MS, TICK_MS);
    uv_prepare_start(&s->beat.turn, on_turn);
    api_agents_open(s);
    open_provisioner(s);
    if (options->guest)
        active_study_host(s, options->guest);
    else
        waking_begin(s);
    keeper_look(s->live.keeper);
    sweeping_begin(s); /* what the last process did not live to */
    *ret = s;
    return STATUS_OK;
}

uint16_t service_port(const struct service *s)
{
    return http_port(s->http);
}
