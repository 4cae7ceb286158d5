/* nocturne rollout tick: scores and decides here, for who has no service. */
#include "tuner/cli/rollout.h"

#include "tuner/cli/rollouts.h"

#include "tuner/report/report.h"

#include <signal.h>
#include <string.h>

enum { EVENTS_MAX = 1000 };

struct ticking {
    const struct rollout_options *o;
    struct rollouts r;
    uv_loop_t loop;
    uv_timer_t second;
    uv_signal_t signal[2];
    bool waits; /* the database cannot be had now, and it was said */
    enum status status;
    struct error *err;
};

static void show_events(const struct rollout_options *o, const char *name, json_t *events)
{
    json_t *event;
    size_t i;
    if (json_array_size(events) == 0) return;
    if (!o->common.json) {
        printf("rollout %s:\n", name);
        report_rollout_events(stdout, events);
    }
    json_array_foreach(events, i, event)
    {
        json_t *line = o->common.json ? json_copy(event) : NULL;
        if (!line) continue;
        json_object_set_new(line, "rollout", json_string(name));
        cli_print_json(line);
    }
    fflush(stdout);
}

/* As often as there is something to do; then what has happened. */
static enum status tick_one(const struct ticking *t, const char *name, struct error *err)
{
    struct arena a = {0};
    struct store_rollout row;
    struct live_ticked done = {.more = true};
    json_t *events = NULL;
    enum status s = store_rollout_find(t->r.store, name, &a, &row, err);
    while (!s && done.more) {
        done = (struct live_ticked){false, false};
        s = live_tick(t->r.store, name, clock_wall_ms(clock_real()), &done, err);
    }
    if (!s) s = live_events(t->r.store, name, row.version + 1, EVENTS_MAX, &events, err);
    if (!s) show_events(t->o, name, events);
    json_decref(events);
    arena_done(&a);
    return s;
}

static enum status tick_all(const struct ticking *t, struct error *err)
{
    struct arena a = {0};
    const char **name = NULL;
    size_t n = 0;
    enum status s = store_rollout_names(t->r.store, &a, &name, &n, err);
    for (size_t i = 0; !s && i < n; i++)
        if (t->o->n == 0 || strcmp(name[i], t->o->arg[0]) == 0) s = tick_one(t, name[i], err);
    arena_done(&a);
    return s;
}

/* ---- until somebody stops it ---- */

static void stop(struct ticking *t)
{
    uv_stop(&t->loop);
}

static void on_second(uv_timer_t *timer)
{
    struct ticking *t = timer->data;
    enum status s = tick_all(t, t->err);
    bool waits = s && (s == STATUS_BUSY || store_may_recover(t->r.store));
    if (waits && !t->waits)
        fprintf(stderr, "nocturne: paused: %s; goes on by itself when that is over\n", t->err->text);
    t->waits = waits;
    t->status = waits ? STATUS_OK : s;
    if (t->status) stop(t);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    stop(handle->data);
}

static void follow(struct ticking *t)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    uv_loop_init(&t->loop);
    uv_timer_init(&t->loop, &t->second);
    t->second.data = t;
    uv_timer_start(&t->second, on_second, 0, 1000);
    for (size_t i = 0; i < 2; i++) cli_catch_signal(&t->loop, &t->signal[i], numbers[i], on_signal, t);
    uv_run(&t->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&t->second, NULL);
    for (size_t i = 0; i < 2; i++) uv_close((uv_handle_t *)&t->signal[i], NULL);
    uv_run(&t->loop, UV_RUN_DEFAULT);
    uv_loop_close(&t->loop);
}

/* ---- once ---- */

static enum status show_heads(const struct ticking *t, struct error *err)
{
    json_t *list = NULL, *status;
    size_t i;
    enum status s = rollouts_all(&t->r, NULL, &list, err);
    json_array_foreach(list, i, status)
    {
        const char *name = json_string_value(json_object_get(status, "rollout"));
        if (t->o->n == 0 || strcmp(name, t->o->arg[0]) == 0) report_rollout_head(stdout, status, "");
    }
    json_decref(list);
    return s;
}

enum status rollout_tick(const struct rollout_options *o, int *ret_code, struct error *err)
{
    struct ticking t = {.o = o, .err = err};
    json_t *status = NULL;
    enum status s = rollouts_open(&o->common, &t.r, err);
    if (!s && o->n) s = rollouts_status(&t.r, o->arg[0], 0, &status, err); /* is it there? */
    if (!s && o->follow) {
        follow(&t);
        s = t.status;
        *ret_code = EXIT_OK;
    } else if (!s) {
        s = tick_all(&t, err);
        if (!s && !o->common.json) s = show_heads(&t, err);
    }
    json_decref(status);
    rollouts_close(&t.r);
    return s;
}
