#include "tuner/cli/keeper.h"

#include "tuner/cli/cli.h"
#include "tuner/cli/duty.h"
#include "tuner/cli/bulletin.h"
#include "tuner/cli/ticker.h"

#include "tuner/live/live.h"
#include "tuner/report/report.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS_AT_ONCE = 1000 };

struct keeper {
    const struct keeper_options *o;
    struct store *store;
    const char *study; /* of the rollout */
    struct arena arena;
    uv_loop_t loop;
    uv_signal_t interrupt, terminate;
    uv_timer_t turn;
    enum { KEEPER_WORKS, KEEPER_STOPS } state;
    struct notify_file *file;
    struct bulletin *bulletin;
    struct ticker *ticker;
    struct store_hold *hold; /* one process does the work of a watch */
    int64_t looked;        /* seq: events up to here were looked at */
    int64_t not_before_ms; /* something could not be done now */
    int code;
};

static int64_t now_ms(void)
{
    return clock_wall_ms(clock_real());
}

/* ---- what has happened is shown, and told ---- */

static void look_at(struct keeper *k, const json_t *event)
{
    int64_t seq = json_integer_value(json_object_get(event, "seq"));
    struct arena a = {0};
    bulletin_event(k->bulletin, k->store, event);
    if (seq > k->o->seen && k->o->json) cli_print_json(json_deep_copy(event));
    if (seq > k->o->seen && !k->o->json && !k->o->quiet) cli_say(k->o->rollout, report_rollout_event(event, &a));
    if (seq > k->o->seen && k->o->json) fflush(stdout);
    k->looked = seq;
    arena_done(&a);
}

static enum status look_at_events(struct keeper *k, struct error *err)
{
    size_t n = EVENTS_AT_ONCE;
    enum status s = STATUS_OK;
    while (!s && n == EVENTS_AT_ONCE) {
        json_t *events = NULL, *event;
        size_t i;
        s = live_events(k->store, k->o->rollout, k->looked + 1, EVENTS_AT_ONCE, &events, err);
        n = json_array_size(events);
        json_array_foreach(events, i, event) look_at(k, event);
        json_decref(events);
    }
    return s;
}

/* People are told of what has happened since this watch began. */
static enum status find_place(struct keeper *k, struct error *err)
{
    json_t *events = NULL, *event;
    size_t i;
    enum status s = live_events(k->store, k->o->rollout, 0, 0, &events, err);
    json_array_foreach(events, i, event)
    {
        const char *kind = json_string_value(json_object_get(event, "kind"));
        int64_t seq = json_integer_value(json_object_get(event, "seq"));
        if (strcmp(kind, "watched") == 0) k->looked = seq - 1;
    }
    json_decref(events);
    return s;
}

/* ---- its duty ---- */

static enum duty_end do_duty(struct keeper *k, const struct duty *d)
{
    if (d->watch_work == WATCH_ASKED) {
        bulletin_asks(k->bulletin, k->store, watch_phase_name(d->phase), d->since_ms);
        return DUTY_NONE;
    }
    return now_ms() < k->not_before_ms ? DUTY_NONE : duty_do(d);
}

static void end_duty(struct keeper *k, enum duty_end end)
{
    switch (end) {
    case DUTY_NONE:
    case DUTY_DONE: break;
    case DUTY_LATER: k->not_before_ms = now_ms() + DUTY_LATER_MS; break;
    }
}

static enum status tick(struct keeper *k, struct error *err)
{
    struct live_ticked ticked = {.more = true};
    enum status s = STATUS_OK;
    while (!s && ticked.more) {
        ticked = (struct live_ticked){.more = false};
        s = live_tick(k->store, k->o->rollout, now_ms(), &ticked, err);
    }
    return s;
}

/* What a run has heard is heard here, too. */
static bool is_stopping(void *data)
{
    struct keeper *k = data;
    uv_run(&k->loop, UV_RUN_NOWAIT);
    return k->state == KEEPER_STOPS;
}

/* The ticker says it, and that it is over. */
static bool passes(enum status s)
{
    return s == STATUS_BUSY || s == STATUS_IO || s == STATUS_FULL;
}

/* One thing, if something is to be done. */
static enum duty_end step(struct keeper *k, struct error *err)
{
    struct arena a = {0};
    struct duty d;
    enum duty_end end = DUTY_NONE;
    json_t *status = NULL;
    enum status s = tick(k, err);
    if (!s) s = live_watch_status(k->store, k->o->rollout, &status, err);
    if (!s) s = look_at_events(k, err);
    const struct duty_place at = {k->o->db, k->store, k->o->notify, k->o->quiet, k->o->json, is_stopping, k};
    if (!s) s = duty_read(&d, &at, status, &a, err);
    if (!s) end = do_duty(k, &d);
    end_duty(k, end);
    json_decref(status);
    arena_done(&a);
    if (s && (k->o->once || !passes(s))) k->state = KEEPER_STOPS, k->code = cli_fail(err);
    if (k->o->once && end == DUTY_LATER) k->code = EXIT_INTERRUPTED;
    return end;
}

/* ---- its life ---- */

static void on_signal(uv_signal_t *handle, int number)
{
    struct keeper *k = handle->data;
    (void)number;
    k->state = KEEPER_STOPS;
    k->code = EXIT_INTERRUPTED;
    uv_stop(handle->loop);
}

static void on_turn(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

/* A second passes, or somebody stops it. */
static void rest(struct keeper *k, enum duty_end end)
{
    uv_timer_start(&k->turn, on_turn, end == DUTY_DONE ? 0 : 1000, 0);
    uv_run(&k->loop, UV_RUN_DEFAULT);
}

static void keep(struct keeper *k)
{
    struct error err;
    while (k->state == KEEPER_WORKS) {
        enum duty_end end = step(k, &err);
        if (k->o->once && end != DUTY_DONE) break;
        if (k->state == KEEPER_WORKS) rest(k, end);
    }
    if (!look_at_events(k, &err) && k->code == EXIT_INTERRUPTED && !k->o->json)
        fprintf(stderr, "stopped; nothing is lost, and the same command goes on\n");
}

static enum status take_hold(struct keeper *k, struct error *err)
{
    struct error who;
    enum status s = store_hold_take(k->store, live_watch_lock(k->o->rollout, &k->arena), &k->hold, &who);
    if (s == STATUS_BUSY)
        return error_set(err, s, "rollout '%s' is watched by another process; 'nocturne loop %s' shows how it stands",
                         k->o->rollout, k->o->rollout);
    if (s) *err = who;
    return s;
}

static enum status begin(struct keeper *k, struct error *err)
{
    json_t *status = NULL;
    enum status s = cli_notify_file(k->o->notify, &k->file, err);
    if (!s) s = cli_open_patiently(k->o->db, STORE_EXISTING, 0, &k->store, err);
    if (!s) s = live_watch_status(k->store, k->o->rollout, &status, err);
    if (!s) s = take_hold(k, err);
    if (!s) s = find_place(k, err);
    if (!s) k->study = arena_strdup(&k->arena, json_string_value(json_object_get(status, "study")));
    json_decref(status);
    if (s) return s;
    const struct bulletin_wish bulletin = {k->file, k->o->db, &k->loop, {k->o->rollout, k->study}};
    if (k->file) s = bulletin_begin(&bulletin, &k->bulletin, err);
    const struct ticker_wish ticking = {k->o->db, k->o->rollout, k->bulletin ? bulletin_alive : NULL, k->bulletin};
    return s || k->o->once ? s : ticker_start(&ticking, &k->ticker, err);
}

static void on_closed(uv_handle_t *handle)
{
    (void)handle;
}

static void end(struct keeper *k)
{
    ticker_stop(k->ticker);
    bulletin_end(k->bulletin);
    store_hold_release(k->hold);
    uv_close((uv_handle_t *)&k->interrupt, on_closed);
    uv_close((uv_handle_t *)&k->terminate, on_closed);
    uv_close((uv_handle_t *)&k->turn, on_closed);
    uv_run(&k->loop, UV_RUN_DEFAULT);
    uv_loop_close(&k->loop);
    if (k->store) store_close(k->store);
    notify_file_free(k->file);
    arena_done(&k->arena);
}

int keeper_run(const struct keeper_options *options)
{
    struct keeper k = {.o = options};
    struct error err;
    uv_loop_init(&k.loop);
    uv_timer_init(&k.loop, &k.turn);
    cli_catch_signal(&k.loop, &k.interrupt, SIGINT, on_signal, &k);
    cli_catch_signal(&k.loop, &k.terminate, SIGTERM, on_signal, &k);
    if (begin(&k, &err))
        k.code = cli_fail(&err);
    else
        keep(&k);
    end(&k);
    return k.code;
}
