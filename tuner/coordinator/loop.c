#include "tuner/coordinator/loop.h"

#include "tuner/coordinator/ending.h"
#include "tuner/coordinator/machine.h"
#include "tuner/coordinator/placement.h"
#include "tuner/coordinator/requests.h"
#include "tuner/coordinator/step.h"

#include "tuner/analysis/analysis.h"
#include "tuner/policy/policy.h"

#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 250, KEEP_MS = 10000 };

/* Back-pressure: what trials report waits in their pipes while the disk is slow. */
static void hold_jobs(struct coordinator *c)
{
    bool full = journal_full(c->journal);
    for (size_t i = 0; i < c->attempts.n; i++) {
        struct execution *x = c->attempts.attempt[i]->at;
        if (x && x->at->throttle) x->at->throttle(x, full);
    }
}

static void on_closed(uv_handle_t *handle);

static void on_turn(uv_prepare_t *turn)
{
    struct coordinator *c = turn->data;
    if (!c->mind.thinking) journal_requests(c->journal, requests_obeys, c);
    if (!c->mind.thinking) calls_make(&c->later, 0);
    int64_t before;
    do {
        before = c->memory->seq;
        step(c);
    } while (c->memory->seq != before && c->phase != PHASE_ENDED);
    journal_submit(c->journal);
    hold_jobs(c);
    if (c->phase != PHASE_ENDED) return;
    uv_close((uv_handle_t *)&c->handles.tick, on_closed);
    uv_close((uv_handle_t *)&c->handles.turn, on_closed);
}

/* While trials run, at each tick; a budget of time is spent also when nothing happens. */
static bool keeps_state(const struct coordinator *c, int64_t now)
{
    const struct memory *s = c->memory;
    bool timed = s->run.budget.wall_ms || s->run.budget.until_minutes >= 0;
    return c->kept.seq != s->seq || memory_in_flight(s) > 0 || (timed && now - c->kept.ms >= KEEP_MS);
}

static void on_tick(uv_timer_t *timer)
{
    struct coordinator *c = timer->data;
    int64_t now = clock_mono_ms(c->memory->clock);
    machine_say_now(c, NEWS_TICK, NULL, NULL);
    requests_answers(c, false);
    if (!keeps_state(c, now)) return;
    snapshot_keep(c->history);
    c->kept.ms = now;
    c->kept.seq = c->memory->seq;
}

static void on_wake(uv_async_t *wake)
{
    (void)wake; /* the turn that it begins looks at the journal */
}

static void on_durable(void *data, const char *answers, size_t n)
{
    struct coordinator *c = data;
    (void)answers;
    (void)n;
    uv_async_send(&c->handles.wake);
}

static void on_trouble(void *data, const char *text)
{
    struct coordinator *c = data;
    (void)text;
    uv_async_send(&c->handles.wake);
}

/* ---- life ---- */

static void on_attempt_says(void *data, enum news event, const struct trial *t, const char *text)
{
    machine_say(data, event, t, text);
}

static void on_attempt_failed(void *data, enum status status, const struct error *err)
{
    ending_give_up(data, status, err);
}

enum status coordinator_create(const struct coordinator_options *options, struct history *history, uv_loop_t *loop,
                               struct coordinator **ret, struct error *err)
{
    const struct memory *m = history_memory(history);
    enum status s = monitor_recover(history, err);
    if (!s) s = lease_recover(history, options->fleet != NULL, err);
    if (s) return s;
    struct coordinator *c = must_alloc(1, sizeof *c);
    c->found = m->phase;
    c->paused_by_person = m->phase == STUDY_PAUSED && options->fleet;
    if (!c->paused_by_person) history_set_phase(history, STUDY_OPEN);
    c->options = *options;
    c->history = history;
    c->memory = m;
    c->journal = history_journal(history);
    c->loop = loop;
    c->workers = placement_open(options, m->study, loop);
    c->mind.search = search_create(m->study, m->seed, m->priors.prior, m->priors.n);
    c->mind.forecaster = forecaster_create(m->study, m->seed);
    c->home = (struct attempt_home){.history = history,
                                    .memory = m,
                                    .files = options->files,
                                    .pause = &c->pause,
                                    .depot = {loop, history, options->files},
                                    .options = &c->options,
                                    .say = on_attempt_says,
                                    .fail = on_attempt_failed,
                                    .ended = ending_of_attempt,
                                    .data = c};
    const struct tenant_hooks hooks = {requests_hears, requests_loses, c};
    if (options->fleet) c->tenant = fleet_join(options->fleet, m->study->name, &hooks);
    if (options->fleet) requests_adopt(c);
    *ret = c;
    return STATUS_OK;
}

void coordinator_free(struct coordinator *c)
{
    if (!c) return;
    attempts_done(&c->attempts);
    if (c->tenant) fleet_leave(c->tenant);
    calls_done(&c->later);
    if (!c->options.workers) workers_free(c->workers);
    search_free(c->mind.search);
    forecaster_free(c->mind.forecaster);
    free(c);
}

/* A study that was complete is so after something more was run for it, too. */
static enum study_phase phase_after(const struct coordinator *c)
{
    bool part = c->options.probe || c->options.only_queued;
    bool complete =
        c->result.end == COORDINATOR_DONE && (!part || (c->options.only_queued && c->found == STUDY_COMPLETE));
    return complete ? STUDY_COMPLETE : STUDY_STOPPED;
}

/* The last words, and the writer's end. */
static enum status close_journal(struct coordinator *c, struct error *err)
{
    if (*c->result.failure)
        history_fail(c->history, c->result.failure);
    else if (!c->result.status && c->result.end != COORDINATOR_LEFT)
        history_set_phase(c->history, phase_after(c));
    snapshot_keep(c->history);
    journal_submit(c->journal);
    enum status s = journal_stop(c->journal, err);
    journal_deliver(c->journal);
    return s;
}

static void on_wake_closed(uv_handle_t *handle)
{
    struct coordinator *c = handle->data;
    c->options.ended(c->options.data, c->result.end, c->result.status, &c->result.err);
}

/* The writer wakes the loop until it is stopped, so its handle goes last. */
static void on_closed(uv_handle_t *handle)
{
    struct coordinator *c = handle->data;
    struct error last;
    if (--c->handles.open > 0) return;
    enum status s = close_journal(c, &last);
    if (!c->result.status && s) c->result.status = s, c->result.err = last;
    uv_close((uv_handle_t *)&c->handles.wake, on_wake_closed);
}

static void open_handles(struct coordinator *c)
{
    uv_timer_init(c->loop, &c->handles.tick);
    uv_prepare_init(c->loop, &c->handles.turn);
    uv_async_init(c->loop, &c->handles.wake, on_wake);
    c->handles.open = 2;
    c->handles.tick.data = c->handles.turn.data = c->handles.wake.data = c;
    uv_timer_start(&c->handles.tick, on_tick, TICK_MS, TICK_MS);
    uv_prepare_start(&c->handles.turn, on_turn);
}

/* What a person should know before anything runs. */
static void say_first(struct coordinator *c)
{
    const struct memory *s = c->memory;
    struct arena a = {0};
    bool searches = !c->options.probe && !c->options.only_queued;
    const char *spent = searches ? remark_spent(s, &a) : NULL;
    const char *lapsed = searches ? remark_lapsed(s, &a) : NULL;
    if (s->opened.rejudged) machine_say_now(c, NEWS_NOTE, NULL, s->opened.rejudged);
    for (size_t i = 0; searches && !spent && i < s->priors.n; i++)
        if (s->priors.prior[i].note) machine_say_now(c, NEWS_NOTE, NULL, s->priors.prior[i].note);
    if (spent) machine_say_now(c, NEWS_NOTE, NULL, spent);
    if (lapsed) machine_say_now(c, NEWS_NOTE, NULL, lapsed);
    arena_done(&a);
}

enum status coordinator_start(struct coordinator *c, struct error *err)
{
    struct error last;
    enum status s =
        store_requests(c->memory->store, c->memory->study_id, 0, requests_obeys_late, c, err); /* before the writer */
    if (s) return s;
    open_handles(c);
    load_sweep(&c->home.depot);
    placement_say_left(c);
    say_first(c);
    if (journal_start(c->journal, &(struct journal_hooks){on_durable, on_trouble, c}, &last))
        ending_give_up(c, STATUS_FAILED, &last);
    for (size_t i = 0; i < c->memory->n; i++)
        if (failure_of_baseline(c->memory, c->memory->trial[i], &last)) ending_fail_study(c, &last);
    return STATUS_OK;
}

/* ---- by a person ---- */

void coordinator_pause(struct coordinator *c, bool paused)
{
    c->paused_by_person = paused;
    history_set_phase(c->history, paused ? STUDY_PAUSED : STUDY_OPEN);
    uv_async_send(&c->handles.wake);
}

/* ---- looking ---- */

size_t coordinator_wants(const struct coordinator *c)
{
    const struct memory *s = c->memory;
    if (!machine_runs_trials(c) || c->paused_by_person) return 0;
    size_t queued = memory_count(s, TRIAL_QUEUED), left = SIZE_MAX;
    if (s->run.budget.trials)
        left = (size_t)s->run.budget.trials -
               (s->tally.searched < (size_t)s->run.budget.trials ? s->tally.searched : (size_t)s->run.budget.trials);
    if (c->phase != PHASE_SEARCH || c->progress.exhausted || c->options.only_queued) left = 0;
    return left > 100000 ? 100000 : queued + left;
}

const char *coordinator_phase(const struct coordinator *c)
{
    static const char *const names[] = {"search", "confirm", "stopping", "stopping", "stopping", "ended"};
    return names[c->phase];
}

const char *coordinator_pause_reason(const struct coordinator *c)
{
    return c->paused_by_person ? "paused by a person" : c->pause.reason;
}
