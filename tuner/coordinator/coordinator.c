#include "tuner/coordinator/coordinator.h"

#include "tuner/coordinator/announce.h"
#include "tuner/coordinator/confirm.h"
#include "tuner/coordinator/lease.h"
#include "tuner/coordinator/overseer.h"
#include "tuner/coordinator/pause.h"
#include "tuner/coordinator/population.h"
#include "tuner/coordinator/slot.h"
#include "tuner/coordinator/state.h"
#include "tuner/coordinator/think.h"

#include "tuner/base/json.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum phase { PHASE_SEARCH, PHASE_CONFIRM, PHASE_DRAIN, PHASE_KILL, PHASE_ENDED };

enum { TICK_MS = 250 };

struct coordinator {
    struct coordinator_options options;
    struct session *session;
    struct journal *journal;
    uv_loop_t *loop;
    struct workers *workers;
    enum phase phase;
    struct slot_home home;
    struct slot *slot; /* options.slots of them */
    struct search *search;
    struct forecaster *forecaster;
    size_t judge_next; /* slot */
    bool judging;      /* a running trial is being judged */
    bool thinking;     /* a suggestion is being computed */
    bool exhausted;    /* nothing is left to try, to afford, or worth the trouble */
    struct pause pause;
    struct announcements said;
    uv_timer_t tick;
    uv_prepare_t turn;
    uv_async_t wake; /* by the journal's writer */
    uv_signal_t interrupt, terminate;
    int64_t kept_seq; /* of the state that was kept last */
    enum coordinator_end end;
    enum status status; /* the first error; ends the run */
    struct error err;
};

static bool runs_trials(const struct coordinator *c)
{
    return c->phase == PHASE_SEARCH || c->phase == PHASE_CONFIRM;
}

/* ---- saying ---- */

static void say_now(struct coordinator *c, enum coordinator_event event, const struct trial *t, const char *text)
{
    c->options.listen(c->options.data, event, t, text);
}

/* Once what has been recorded so far is durable. */
static void say(struct coordinator *c, enum coordinator_event event, const struct trial *t, const char *text)
{
    announce(&c->said, journal_batch(c->journal), event, t, text);
}

static void speak(struct coordinator *c, uint64_t durable)
{
    announcements_release(&c->said, durable, c->options.listen, c->options.data);
}

/* ---- ending ---- */

static void stop_jobs(struct coordinator *c, const char *why)
{
    for (size_t i = 0; i < c->options.slots; i++)
        if (c->slot[i].state == SLOT_RUNS) slot_condemn(&c->slot[i], why);
}

/* Remembers the first error and kills what runs; the loop ends when the last job has. */
static void give_up(struct coordinator *c, enum status status, const struct error *err)
{
    if (!c->status) {
        c->status = status;
        c->err = *err;
    }
    if (c->phase == PHASE_ENDED) return;
    c->phase = PHASE_KILL;
    stop_jobs(c, "the coordinator stops");
    stop_jobs(c, "the coordinator stops");
}

static void on_slot_says(void *data, enum coordinator_event event, const struct trial *t, const char *text)
{
    say(data, event, t, text);
}

static void on_slot_failed(void *data, enum status status, const struct error *err)
{
    give_up(data, status, err);
}

void coordinator_stop(struct coordinator *c)
{
    char text[200];
    switch (c->phase) {
    case PHASE_SEARCH:
    case PHASE_CONFIRM:
        c->phase = PHASE_DRAIN;
        snprintf(text, sizeof text, "stopping: %zu running trial(s) may finish; interrupt again to stop them now",
                 workers_running(c->workers));
        say_now(c, EVENT_STOPPING, NULL, text);
        break;
    case PHASE_DRAIN:
        c->phase = PHASE_KILL;
        say_now(c, EVENT_STOPPING, NULL, "stopping now: running trials are ended and will be run again");
        stop_jobs(c, "interrupted");
        break;
    case PHASE_KILL: stop_jobs(c, "interrupted"); break;
    case PHASE_ENDED: break;
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    coordinator_stop(handle->data);
}

static void end_run(struct coordinator *c)
{
    c->end = c->phase == PHASE_CONFIRM ? COORDINATOR_DONE : COORDINATOR_STOPPED;
    c->phase = PHASE_ENDED;
    uv_close((uv_handle_t *)&c->tick, NULL);
    uv_close((uv_handle_t *)&c->turn, NULL);
    uv_close((uv_handle_t *)&c->interrupt, NULL);
    uv_close((uv_handle_t *)&c->terminate, NULL);
}

/* ---- the ends of attempts ---- */

/* Without the baseline's metrics nothing can be compared. */
static void check_baseline(struct coordinator *c, const struct trial *t)
{
    struct error err;
    if (t->role != ROLE_BASELINE || !trial_state_final(t->state) || t->state == TRIAL_COMPLETE) return;
    if (!objective_needs_baseline(&c->session->study->objective)) return;
    error_set(&err, STATUS_FAILED,
              "the baseline (trial %ld) %s: %s; see 'nocturne show %s %ld', correct it, and start again "
              "with another study name or database",
              t->number, trial_state_name(t->state), t->reason ? t->reason : "", c->session->study->name, t->number);
    give_up(c, STATUS_FAILED, &err);
}

static void on_slot_ended(void *data, const struct trial *t, const char *crash)
{
    struct coordinator *c = data;
    if (trial_state_final(t->state)) {
        say(c, EVENT_FINISHED, t, NULL);
        check_baseline(c, t);
    } else if (crash)
        say(c, EVENT_RETRY, t, crash);
}

/* ---- overseeing running trials ---- */

static struct slot *slot_of(struct coordinator *c, const struct trial *t)
{
    for (size_t i = 0; i < c->options.slots; i++)
        if (c->slot[i].state == SLOT_RUNS && c->slot[i].trial == t) return &c->slot[i];
    return NULL;
}

static void on_judged(void *data, struct question *q)
{
    struct coordinator *c = data;
    struct order order;
    struct slot *slot = slot_of(c, question_trial(q));
    c->judging = false;
    if (!slot || !runs_trials(c)) {
        overseer_forget(q);
        return;
    }
    overseer_decide(c->session, q, &order);
    slot_obey(slot, &order);
}

/* One at a time, the slots in turn. */
static void oversee(struct coordinator *c)
{
    for (size_t i = 0; i < c->options.slots && !c->judging; i++) {
        struct slot *slot = &c->slot[c->judge_next++ % c->options.slots];
        struct question *q = slot->state == SLOT_RUNS ? overseer_ask(c->session, slot->trial) : NULL;
        if (!q) continue;
        c->judging = true;
        think_over(c->loop, c->forecaster, q, on_judged, c);
    }
}

/* ---- pausing ---- */

static bool is_paused(struct coordinator *c)
{
    struct error disk;
    char text[1300];
    int64_t now = clock_mono_ms(c->session->clock);
    if (journal_trouble(c->journal, &disk) == STATUS_FAILED) give_up(c, STATUS_IO, &disk);
    switch (pause_look(&c->pause, &disk, now, text, sizeof text)) {
    case PAUSE_SAME: break;
    case PAUSE_BEGAN: say_now(c, EVENT_PAUSED, NULL, text); break;
    case PAUSE_ENDED:
        session_note(c->session, text);
        say_now(c, EVENT_RESUMED, NULL, "going on");
        break;
    }
    return pause_holds(&c->pause, &disk, now);
}

/* ---- the beginnings of attempts ---- */

static void start_promised(struct coordinator *c, uint64_t durable)
{
    for (size_t i = 0; i < c->options.slots; i++) {
        struct slot *slot = &c->slot[i];
        if (slot->state != SLOT_PROMISED) continue;
        if (!runs_trials(c))
            slot_take_back(slot);
        else if (slot->batch <= durable)
            slot_start(slot);
    }
}

/* Confirmation trials that the search must leave room for. */
static size_t set_aside(const struct coordinator *c)
{
    return c->phase == PHASE_SEARCH ? confirm_count(c->session) : 0;
}

static bool may_lease(struct coordinator *c, const struct trial *t)
{
    char why[400];
    struct need need = ledger_need(c->session, NAN);
    if (t->role == ROLE_BASELINE) return true;
    if (t->expect_tokens > 0) need = (struct need){.tokens = t->expect_tokens, .ms = t->expect_ms};
    if (ledger_admits(c->session, need, set_aside(c), why, sizeof why)) return true;
    if (!c->exhausted) say(c, EVENT_NOTE, NULL, why);
    c->exhausted = true;
    return false;
}

/* Returns whether a queued trial waits that may not be run: the budget refuses it. */
static bool fill_slots(struct coordinator *c)
{
    for (size_t i = 0; i < c->options.slots && runs_trials(c); i++) {
        if (c->slot[i].state != SLOT_FREE) continue;
        struct trial *t = session_next_queued(c->session);
        if (!t) return false;
        if (!may_lease(c, t)) return true;
        slot_promise(&c->slot[i], t);
    }
    return false;
}

/* ---- suggestions ---- */

static void add_suggestion(struct coordinator *c, const struct thought *t)
{
    const struct suggestion *x = &t->suggestion;
    char why[400];
    if (t->status == STATUS_EXHAUSTED || (!t->status && *x->enough)) {
        c->exhausted = true;
        say(c, EVENT_NOTE, NULL, t->status ? t->err.text : x->enough);
        return;
    }
    if (t->status) {
        give_up(c, t->status, &t->err);
        return;
    }
    if (strncmp(x->source, SEARCH_FALLBACK, strlen(SEARCH_FALLBACK)) == 0) say(c, EVENT_NOTE, NULL, x->source);
    struct need need = ledger_need(c->session, t->tokens);
    need.trials = 1;
    if (!ledger_admits(c->session, need, set_aside(c), why, sizeof why)) {
        c->exhausted = true;
        say(c, EVENT_NOTE, NULL, why);
        return;
    }
    session_add(c->session, &(struct addition){.role = ROLE_SEARCH,
                                               .config = x->config,
                                               .source = x->source,
                                               .known = t->known,
                                               .expect_tokens = need.tokens,
                                               .expect_ms = need.ms});
}

static void on_thought(void *data, const struct thought *t)
{
    struct coordinator *c = data;
    c->thinking = false;
    if (t && c->phase == PHASE_SEARCH) add_suggestion(c, t);
}

/* The next members of a schedule's population, if there are any. */
static void grow(struct coordinator *c)
{
    const struct session *s = c->session;
    enum population_state state = POPULATION_DONE;
    char why[400] = "";
    struct error err;
    bool fits =
        !s->budget.trials || s->tally.searched + (size_t)s->study->schedule.population <= (size_t)s->budget.trials;
    enum status st = population_step(c->session, fits, &state, why, sizeof why, &err);
    if (st) give_up(c, st, &err);
    if (st || state != POPULATION_DONE) return;
    c->exhausted = true;
    say(c, EVENT_NOTE, NULL, why);
}

/* Could another trial be suggested? What it needs exactly is asked once it is known. */
static bool wants_more(struct coordinator *c)
{
    const struct session *s = c->session;
    char why[400];
    if (c->options.only_queued) return false;
    bool all = s->budget.trials && s->tally.searched >= (size_t)s->budget.trials; /* the usual end needs no words */
    bool broke = !ledger_admits(s, (struct need){0}, set_aside(c), why, sizeof why);
    if (!c->exhausted && !all && broke) say(c, EVENT_NOTE, NULL, why);
    if (all || broke) c->exhausted = true;
    return !c->exhausted;
}

/* ---- the machine ---- */

/* The search, or a round of confirmation, is over: another round, or the end. */
static void confirm_or_end(struct coordinator *c)
{
    size_t added = c->options.only_queued ? 0 : confirm_enqueue(c->session);
    c->phase = PHASE_CONFIRM;
    if (added)
        say(c, EVENT_CONFIRM, NULL, NULL);
    else
        end_run(c);
}

static bool is_idle(const struct coordinator *c)
{
    for (size_t i = 0; i < c->options.slots; i++)
        if (c->slot[i].state != SLOT_FREE) return false;
    return !c->thinking && !c->judging;
}

static bool has_free_slot(const struct coordinator *c)
{
    for (size_t i = 0; i < c->options.slots; i++)
        if (c->slot[i].state == SLOT_FREE) return true;
    return false;
}

/* What to do now that something has changed. */
static void step(struct coordinator *c)
{
    uint64_t durable = journal_durable(c->journal);
    speak(c, durable);
    bool paused = is_paused(c);
    start_promised(c, durable);
    if (runs_trials(c)) oversee(c);
    bool refused = !paused && fill_slots(c);
    bool waiting = session_count(c->session, TRIAL_QUEUED) > 0 && !refused;
    switch (c->phase) {
    case PHASE_SEARCH:
        if (paused || waiting) return;
        if (wants_more(c)) {
            if (c->session->study->schedule.n)
                grow(c);
            else if (has_free_slot(c) && !c->thinking) {
                c->thinking = true;
                think(c->loop, c->session, c->search, on_thought, c);
            }
        } else if (is_idle(c))
            confirm_or_end(c);
        return;
    case PHASE_CONFIRM:
        if (!paused && !waiting && is_idle(c)) refused ? end_run(c) : confirm_or_end(c);
        return;
    case PHASE_DRAIN:
    case PHASE_KILL:
        if (is_idle(c)) end_run(c);
        return;
    case PHASE_ENDED: return;
    }
}

/* ---- requests from other processes ---- */

static void enqueue(struct coordinator *c, const char *payload)
{
    double config[SPACE_PARAMS_MAX];
    json_t *params = NULL;
    struct error bad;
    enum status s = json_parse_object(payload, strlen(payload), &params, &bad);
    if (!s) s = space_from_json(&c->session->study->space, params, config, &bad);
    if (s)
        say(c, EVENT_NOTE, NULL, bad.text);
    else
        session_add(c->session, &(struct addition){.role = ROLE_ENQUEUED, .config = config, .source = "enqueued"});
    json_decref(params);
}

static void on_request(void *data, int64_t id, const char *verb, const char *payload)
{
    struct coordinator *c = data;
    if (strcmp(verb, "enqueue") == 0) enqueue(c, payload);
    if (strcmp(verb, "stop") == 0) coordinator_stop(c);
    journal_request_done(c->journal, id); /* in one transaction with what it led to */
}

/* A stop that an earlier run did not live to obey was not meant for this one. */
static void on_old_request(void *data, int64_t id, const char *verb, const char *payload)
{
    if (strcmp(verb, "stop") != 0)
        on_request(data, id, verb, payload);
    else
        journal_request_done(((struct coordinator *)data)->journal, id);
}

/* ---- the loop ---- */

/* Back-pressure: what trials report waits in their pipes while the disk is slow. */
static void hold_jobs(struct coordinator *c)
{
    bool full = journal_full(c->journal);
    for (size_t i = 0; i < c->options.slots; i++)
        if (c->slot[i].state == SLOT_RUNS) job_hold(c->slot[i].job, full);
}

static void on_turn(uv_prepare_t *turn)
{
    struct coordinator *c = turn->data;
    if (!c->thinking) journal_requests(c->journal, on_request, c);
    int64_t before;
    do {
        before = c->session->seq;
        step(c);
    } while (c->session->seq != before && c->phase != PHASE_ENDED);
    journal_submit(c->journal);
    hold_jobs(c);
}

static void on_tick(uv_timer_t *timer)
{
    struct coordinator *c = timer->data;
    say_now(c, EVENT_TICK, NULL, NULL);
    if (c->kept_seq == c->session->seq && session_in_flight(c->session) == 0) return;
    state_keep(c->session);
    c->kept_seq = c->session->seq;
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
    uv_async_send(&c->wake);
}

static void on_trouble(void *data, const char *text)
{
    struct coordinator *c = data;
    (void)text;
    uv_async_send(&c->wake);
}

/* ---- life ---- */

enum status coordinator_create(const struct coordinator_options *options, struct session *session, uv_loop_t *loop,
                               struct coordinator **ret, struct error *err)
{
    enum status s = overseer_recover(session, err);
    if (!s) s = lease_recover(session, err);
    if (s) return s;
    session_set_phase(session, "open");
    struct coordinator *c = must_alloc(1, sizeof *c);
    c->options = *options;
    c->session = session;
    c->journal = session->journal;
    c->loop = loop;
    c->workers = workers_create(loop, options->guard, options->slots);
    c->search = search_create(session->study, session->seed, session->prior, session->n_priors);
    c->forecaster = forecaster_create(session->study, session->seed);
    c->home = (struct slot_home){.session = session,
                                 .workers = c->workers,
                                 .files = options->files,
                                 .pause = &c->pause,
                                 .say = on_slot_says,
                                 .fail = on_slot_failed,
                                 .ended = on_slot_ended,
                                 .data = c};
    c->slot = must_alloc(options->slots, sizeof *c->slot);
    for (size_t i = 0; i < options->slots; i++) c->slot[i].home = &c->home;
    *ret = c;
    return STATUS_OK;
}

void coordinator_free(struct coordinator *c)
{
    if (!c) return;
    workers_free(c->workers);
    search_free(c->search);
    forecaster_free(c->forecaster);
    free(c->slot);
    free(c);
}

static void open_handles(struct coordinator *c)
{
    uv_timer_init(c->loop, &c->tick);
    uv_prepare_init(c->loop, &c->turn);
    uv_async_init(c->loop, &c->wake, on_wake);
    uv_signal_init(c->loop, &c->interrupt);
    uv_signal_init(c->loop, &c->terminate);
    c->tick.data = c->turn.data = c->wake.data = c->interrupt.data = c->terminate.data = c;
    uv_unref((uv_handle_t *)&c->wake); /* closed last, when the writer is gone */
    uv_timer_start(&c->tick, on_tick, TICK_MS, TICK_MS);
    uv_prepare_start(&c->turn, on_turn);
    uv_signal_start(&c->interrupt, on_signal, SIGINT);
    uv_signal_start(&c->terminate, on_signal, SIGTERM);
}

/* The last words, and the writer's end. */
static enum status close_journal(struct coordinator *c, struct error *err)
{
    if (!c->status)
        session_set_phase(c->session, c->end == COORDINATOR_DONE && !c->options.probe && !c->options.only_queued
                                          ? "complete"
                                          : "stopped");
    state_keep(c->session);
    journal_submit(c->journal);
    enum status s = journal_stop(c->journal, err);
    speak(c, s ? journal_durable(c->journal) : UINT64_MAX);
    announcements_done(&c->said);
    return s;
}

enum status coordinator_run(struct coordinator *c, enum coordinator_end *ret_end, struct error *err)
{
    struct error last;
    enum status s =
        store_requests(c->session->store, c->session->study_id, 0, on_old_request, c, err); /* before the writer */
    if (s) return s;
    open_handles(c);
    if (journal_start(c->journal, &(struct journal_hooks){on_durable, on_trouble, c}, &last))
        give_up(c, STATUS_FAILED, &last);
    for (size_t i = 0; i < c->session->n; i++) check_baseline(c, c->session->trial[i]);
    uv_run(c->loop, UV_RUN_DEFAULT);
    s = close_journal(c, &last);
    uv_close((uv_handle_t *)&c->wake, NULL);
    uv_run(c->loop, UV_RUN_DEFAULT);
    if (!c->status && s) c->status = s, c->err = last;
    if (c->status) return error_set(err, c->status, "%s", c->err.text);
    *ret_end = c->end;
    return STATUS_OK;
}
