#include "tuner/coordinator/active.h"

#include "tuner/execution/execution.h"
#include "tuner/history/history.h"
#include "tuner/policy/policy.h"

#include <stdlib.h>

/* What cannot begin was not created. */
static enum status load_others(struct history *history, struct error *err)
{
    const struct memory *m = history_memory(history);
    struct error ignored;
    enum status s = warm_start_load(history, err);
    if (s && m->opened.fresh) store_study_delete(m->store, m->study_id, &ignored);
    return s;
}

/* Somebody has asked for this run, and may have mended what kept the last one from beginning. */
static enum status try_again(struct active *r, const struct opening *opening, struct error *err)
{
    struct history *s = r->history;
    if (opening->goes_on) return STATUS_OK;
    history_on_behalf_of(s, opening->token);
    r->n_again = retry_beginning(s, r->again, sizeof r->again);
    history_on_behalf_of(s, NULL);
    return history_flush(s, err);
}

/* The programs of its stages are as they are now. */
static enum status open_history(struct active *r, struct store *store, const struct opening *opening,
                                const struct clock *clock, struct error *err)
{
    struct arena arena = {0};
    struct opening with = *opening;
    const char **print = NULL;
    enum status s = fingerprint_make(r->study, &arena, &print, err);
    with.print = print;
    if (!s) s = history_open(store, r->study, &with, clock, &r->history, err);
    arena_done(&arena);
    return s;
}

enum status active_open(struct store *store, const struct study *study, const struct opening *opening,
                        const struct clock *clock, struct active **ret, struct error *err)
{
    struct active *r = must_alloc(1, sizeof *r);
    r->study = study;
    r->hold = opening->hold;
    enum status s = r->hold ? STATUS_OK : store_hold_take(store, study->name, &r->hold, err);
    if (!s) s = open_history(r, store, opening, clock, err);
    if (!s) r->memory = history_memory(r->history);
    if (!s) s = load_others(r->history, err);
    if (!s) s = try_again(r, opening, err);
    if (s) {
        active_close(r);
        return s;
    }
    r->store = store;
    *ret = r;
    return s;
}

enum status active_start(struct active *r, const struct coordinator_options *options, uv_loop_t *loop,
                         struct error *err)
{
    enum status s = coordinator_create(options, r->history, loop, &r->coordinator, err);
    if (!s && *r->again) options->listen(options->data, NEWS_NOTE, NULL, r->again);
    return s ? s : coordinator_start(r->coordinator, err);
}

void active_close(struct active *r)
{
    if (!r) return;
    coordinator_free(r->coordinator);
    history_free(r->history);
    store_hold_release(r->hold);
    if (r->store) store_close(r->store);
    free(r);
}

/* ---- the last run ---- */

struct last_run {
    bool over;  /* stopped or complete */
    bool found; /* a budget */
    struct budget budget;
    enum status status;
    struct error *err;
};

static void on_last(void *data, const struct store_event *stored)
{
    struct last_run *l = data;
    struct arena a = {0};
    struct event e;
    json_t *body = NULL;
    l->status = event_read(stored, NULL, &a, &body, &e, l->err);
    if (!l->status && e.kind == EVENT_PHASE) l->over = e.phase.phase != STUDY_OPEN && e.phase.phase != STUDY_PAUSED;
    if (!l->status && e.kind == EVENT_OPENED && e.opened.budget) l->budget = *e.opened.budget, l->found = true;
    l->found |= l->status != STATUS_OK;
    json_decref(body);
    arena_done(&a);
}

enum status active_was_open(struct store *store, int64_t study, bool *ret, struct budget *ret_budget, struct error *err)
{
    struct last_run phase = {.err = err}, run = {.err = err};
    enum status s =
        store_events_back(store, &(struct store_scan){.study = study, .limit = 1}, EVENT_PHASE, on_last, &phase, err);
    if (!s)
        s = store_events_back(store, &(struct store_scan){.study = study, .stop = &run.found}, EVENT_OPENED, on_last,
                              &run, err);
    if (!s) s = phase.status ? phase.status : run.status;
    if (s) return s;
    *ret = run.found && !phase.over;
    *ret_budget = run.budget;
    return STATUS_OK;
}

struct budget active_budget(const struct study *study, const struct budget *given)
{
    struct budget b = study->budget;
    if (given->trials) b.trials = given->trials;
    if (given->tokens > 0) b.tokens = given->tokens;
    if (given->cost > 0) b.cost = given->cost;
    if (given->wall_ms) b.wall_ms = given->wall_ms;
    if (given->until_minutes >= 0) b.until_minutes = given->until_minutes;
    return b;
}
