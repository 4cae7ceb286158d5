#include "tuner/coordinator/coordinator.h"

#include "tuner/coordinator/confirm.h"
#include "tuner/coordinator/lease.h"
#include "tuner/coordinator/machine.h"
#include "tuner/coordinator/overseer.h"
#include "tuner/coordinator/population.h"
#include "tuner/coordinator/remark.h"
#include "tuner/coordinator/state.h"
#include "tuner/coordinator/think.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 250, KEEP_MS = 10000 };

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
void machine_say(struct coordinator *c, enum coordinator_event event, const struct trial *t, const char *text)
{
    announce(&c->said, journal_mark(c->journal), event, t, text);
}

static void speak(struct coordinator *c, uint64_t durable)
{
    announcements_release(&c->said, durable, c->options.listen, c->options.data);
}

/* ---- ending ---- */

static void stop_jobs(struct coordinator *c, const char *why)
{
    for (size_t i = c->seating.n; i-- > 0;)
        if (c->seating.slot[i]->state == SLOT_RUNS) slot_condemn(c->seating.slot[i], why);
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
    machine_say(data, event, t, text);
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
        snprintf(text, sizeof text, "stopping: %zu running trial%s may finish; interrupt again to stop %s now",
                 coordinator_busy(c), words_s(coordinator_busy(c)), coordinator_busy(c) == 1 ? "it" : "them");
        say_now(c, EVENT_STOPPING, NULL, text);
        break;
    case PHASE_DRAIN:
        c->phase = PHASE_KILL;
        say_now(c, EVENT_STOPPING, NULL, "stopping now: running trials are ended and will be run again");
        stop_jobs(c, "interrupted");
        break;
    case PHASE_KILL: stop_jobs(c, "interrupted"); break;
    case PHASE_LEAVE:
    case PHASE_ENDED: break;
    }
}

/* Leases of agents and clients live on in the log. */
static void let_go_elsewhere(struct coordinator *c)
{
    for (size_t i = c->seating.n; i-- > 0;) {
        struct slot *slot = c->seating.slot[i];
        if (slot->state == SLOT_RUNS && slot->place != PLACE_HERE) slot_clear(slot);
    }
}

/* What runs here is ended at once. */
void coordinator_leave(struct coordinator *c)
{
    if (c->phase == PHASE_ENDED) return;
    c->phase = PHASE_LEAVE;
    for (size_t i = c->seating.n; i-- > 0;) {
        struct slot *slot = c->seating.slot[i];
        bool here = slot->place == PLACE_HERE;
        if (slot->state == SLOT_RUNS && here) slot_condemn(slot, "the coordinator ends");
        if (slot->state == SLOT_RUNS && here) slot_condemn(slot, "the coordinator ends");
    }
    let_go_elsewhere(c);
}

void coordinator_pause(struct coordinator *c, bool paused)
{
    c->held = paused;
    session_set_phase(c->session, paused ? "paused" : "open");
    uv_async_send(&c->wake);
}

static void on_closed(uv_handle_t *handle);

static void end_run(struct coordinator *c)
{
    c->end = c->phase == PHASE_CONFIRM ? COORDINATOR_DONE
             : c->phase == PHASE_LEAVE ? COORDINATOR_LEFT
                                       : COORDINATOR_STOPPED;
    c->phase = PHASE_ENDED;
    desk_sends_away(c, *c->enough ? c->enough : "the study has ended");
    uv_close((uv_handle_t *)&c->tick, on_closed);
    uv_close((uv_handle_t *)&c->turn, on_closed);
}

/* ---- the ends of attempts ---- */

/* It cannot go on before somebody has mended something: no process that starts tries it again by itself. */
static void fail_study(struct coordinator *c, const struct error *err)
{
    if (!c->status) snprintf(c->failure, sizeof c->failure, "%s", err->text);
    give_up(c, err->status, err);
}

/* Once for each metric. */
static void say_lacking(struct coordinator *c, const struct trial *t)
{
    struct arena a = {0};
    const char *text = remark_lacking(c->session, t, &c->lacking, &a);
    if (text) machine_say(c, EVENT_NOTE, NULL, text);
    arena_done(&a);
}

void machine_ended(void *data, const struct trial *t, const char *crash)
{
    struct coordinator *c = data;
    struct error err;
    if (trial_state_final(t->state)) {
        machine_say(c, EVENT_FINISHED, t, NULL);
        say_lacking(c, t);
        if (failure_look(c->session, t, &c->failures, &err)) fail_study(c, &err);
    } else if (crash)
        machine_say(c, EVENT_RETRY, t, crash);
}

/* ---- overseeing running trials ---- */

static void on_judged(void *data, struct question *q)
{
    struct coordinator *c = data;
    struct order order;
    struct slot *slot = question_trial(q)->slot;
    c->judging = false;
    if (!slot || slot->state != SLOT_RUNS || !runs_trials(c)) {
        overseer_forget(q);
        return;
    }
    overseer_decide(c->session, q, &order);
    slot_obey(slot, &order);
}

/* One at a time, the slots in turn. */
static void oversee(struct coordinator *c)
{
    for (size_t i = 0; i < c->seating.n && !c->judging; i++) {
        struct slot *slot = c->seating.slot[c->judge_next++ % c->seating.n];
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
    if (journal_trouble(c->journal, &disk) == STATUS_FAILED) {
        give_up(c, STATUS_IO, &disk); /* which has its own words */
        let_go_elsewhere(c);          /* nothing that they say can be kept */
        return true;
    }
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

static void hand_over(struct coordinator *c, struct slot *slot)
{
    struct asking *a = slot->asking;
    if (!a) return;
    slot->asking = NULL;
    asking_gets(a, slot->trial);
    if (a->n == a->want) asking_answer(&c->askings, a, NULL);
}

static void start_promised(struct coordinator *c, uint64_t durable)
{
    for (size_t i = 0; i < c->seating.n; i++) {
        struct slot *slot = c->seating.slot[i];
        if (slot->state != SLOT_PROMISED) continue;
        if (!runs_trials(c)) {
            if (slot->asking) slot->asking->promised--;
            slot->asking = NULL;
            slot_take_back(slot);
        } else if (slot->batch <= durable) {
            slot_start(slot);
            hand_over(c, slot);
        }
    }
}

/* Confirmation trials that the search must leave room for. */
static size_t set_aside(const struct coordinator *c)
{
    return c->phase == PHASE_SEARCH ? confirm_due(c->session) : 0;
}

/* There will be no more suggestions; the usual ends need no words. */
static void run_out(struct coordinator *c, const char *why, bool aloud)
{
    if (c->exhausted) return;
    if (aloud) machine_say(c, EVENT_NOTE, NULL, why);
    snprintf(c->enough, sizeof c->enough, "%.390s", why);
    c->exhausted = true;
}

static bool may_lease(struct coordinator *c, const struct trial *t)
{
    char why[400];
    struct need need = ledger_need(c->session, NAN);
    if (t->role == ROLE_BASELINE) return true;
    if (t->expect_tokens > 0) need = (struct need){.tokens = t->expect_tokens, .ms = t->expect_ms};
    if (ledger_admits(c->session, need, set_aside(c), why, sizeof why)) return true;
    run_out(c, why, true);
    return false;
}

/* Returns whether a queued trial waits that may not be run: the budget refuses it. */
static bool fill_slots(struct coordinator *c)
{
    while (runs_trials(c)) {
        struct trial *t = session_next_queued(c->session);
        if (!t || !room_is_there(c)) return false;
        if (!may_lease(c, t)) return true;
        struct slot *slot = room_take(c);
        if (!slot || !slot_promise(slot, t)) return false;
    }
    return false;
}

/* ---- suggestions ---- */

static void add_suggestion(struct coordinator *c, const struct thought *t)
{
    const struct suggestion *x = &t->suggestion;
    char why[400];
    if (t->status == STATUS_EXHAUSTED || (!t->status && *x->enough)) {
        run_out(c, t->status ? t->err.text : x->enough, true);
        return;
    }
    if (t->status) {
        give_up(c, t->status, &t->err);
        return;
    }
    if (strncmp(x->source, SEARCH_FALLBACK, strlen(SEARCH_FALLBACK)) == 0) machine_say(c, EVENT_NOTE, NULL, x->source);
    struct need need = ledger_need(c->session, t->tokens);
    need.trials = 1;
    if (!ledger_admits(c->session, need, set_aside(c), why, sizeof why)) {
        run_out(c, why, true);
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
    if (st) fail_study(c, &err);
    if (st || state != POPULATION_DONE) return;
    run_out(c, why, true);
}

/* Could another trial be suggested? What it needs exactly is asked once it is known. */
static bool wants_more(struct coordinator *c)
{
    const struct session *s = c->session;
    char why[400];
    if (c->options.only_queued) return false;
    bool all = s->budget.trials && s->tally.searched >= (size_t)s->budget.trials; /* the usual end needs no words */
    bool broke = !ledger_admits(s, (struct need){0}, set_aside(c), why, sizeof why);
    if (all || broke) run_out(c, all ? "the study has all its trials" : why, !all);
    return !c->exhausted;
}

/* ---- the machine ---- */

static bool is_idle(const struct coordinator *c)
{
    return seating_is_idle(&c->seating) && !c->thinking && !c->judging;
}

/* Fresh seeds contradict the search, and the budget leaves something: it goes on, from what they have taught. Each time
 * at least one trial, so that this ends. */
static bool searches_on(struct coordinator *c)
{
    const struct session *s = c->session;
    char why[400];
    struct need need = ledger_need(s, NAN);
    need.trials = 1;
    if (c->options.only_queued || s->study->schedule.n || s->n <= c->searched_on || !confirm_contradicts(s))
        return false;
    if (s->budget.trials && s->tally.searched >= (size_t)s->budget.trials) return false;
    if (!ledger_admits(s, need, confirm_due(s), why, sizeof why)) return false;
    c->phase = PHASE_SEARCH;
    c->searched_on = s->n;
    c->exhausted = false;
    *c->enough = 0;
    machine_say(c, EVENT_NOTE, NULL,
                "on fresh seeds nothing that was found beats the baseline; the search goes on with what is left of the "
                "budget");
    return true;
}

/* The search, or what was to be confirmed, is over: more of that, or the end. */
static void confirm_or_end(struct coordinator *c)
{
    enum confirm_step next = c->options.only_queued ? CONFIRM_OVER : confirm_step(c->session);
    c->confirmed_seen = c->session->tally.confirmed;
    c->phase = PHASE_CONFIRM;
    switch (next) {
    case CONFIRM_ROUND: machine_say(c, EVENT_CONFIRM, NULL, NULL); return;
    case CONFIRM_SEEDS:
    case CONFIRM_WAITS: return;
    case CONFIRM_REPEATS:
        machine_say(c, EVENT_NOTE, NULL,
                    "every figure came out the same on a fresh seed: confirmed once, more seeds would say the same");
        end_run(c);
        return;
    case CONFIRM_OVER:
        if (!searches_on(c)) end_run(c);
    }
}

/* A confirmation has ended, and there is room: it may have decided what is confirmed next. */
static bool confirms_more(struct coordinator *c)
{
    return is_idle(c) || (c->confirmed_seen != c->session->tally.confirmed && room_is_there(c));
}

/* What to do now that something has changed. */
static void step(struct coordinator *c)
{
    uint64_t durable = journal_durable(c->journal);
    speak(c, durable);
    bool paused = is_paused(c) || c->held;
    desk_clears(c);
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
            else if (!c->thinking && room_is_there(c)) {
                c->thinking = true;
                think(c->loop, c->session, c->search, on_thought, c);
            }
        } else if (is_idle(c))
            confirm_or_end(c);
        if (c->exhausted && !confirm_count(c->session)) desk_answers(c, true);
        return;
    case PHASE_CONFIRM:
        if (paused || waiting) return;
        if (refused && is_idle(c)) end_run(c);
        if (!refused && confirms_more(c)) confirm_or_end(c);
        return;
    case PHASE_DRAIN:
    case PHASE_KILL:
    case PHASE_LEAVE:
        desk_sends_away(c, "the study stops");
        if (is_idle(c)) end_run(c);
        return;
    case PHASE_ENDED: return;
    }
}

/* ---- the loop ---- */

/* Back-pressure: what trials report waits in their pipes while the disk is slow. */
static void hold_jobs(struct coordinator *c)
{
    bool full = journal_full(c->journal);
    for (size_t i = 0; i < c->seating.n; i++)
        if (c->seating.slot[i]->job) job_hold(c->seating.slot[i]->job, full);
}

static void on_turn(uv_prepare_t *turn)
{
    struct coordinator *c = turn->data;
    if (!c->thinking) journal_requests(c->journal, desk_obeys, c);
    if (!c->thinking) announcements_release(&c->later, 0, c->options.listen, c->options.data);
    int64_t before;
    do {
        before = c->session->seq;
        step(c);
    } while (c->session->seq != before && c->phase != PHASE_ENDED);
    journal_submit(c->journal);
    hold_jobs(c);
}

/* While trials run, at each tick; a budget of time is spent also when nothing happens. */
static bool keeps_state(const struct coordinator *c, int64_t now)
{
    const struct session *s = c->session;
    bool timed = s->budget.wall_ms || s->budget.until_minutes >= 0;
    return c->kept_seq != s->seq || session_in_flight(s) > 0 || (timed && now - c->kept_ms >= KEEP_MS);
}

static void on_tick(uv_timer_t *timer)
{
    struct coordinator *c = timer->data;
    int64_t now = clock_mono_ms(c->session->clock);
    say_now(c, EVENT_TICK, NULL, NULL);
    desk_answers(c, false);
    if (!keeps_state(c, now)) return;
    state_keep(c->session);
    c->kept_ms = now;
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
    if (!s) s = lease_recover(session, options->fleet != NULL, err);
    if (s) return s;
    struct coordinator *c = must_alloc(1, sizeof *c);
    c->held = strcmp(session->phase, "paused") == 0 && options->fleet;
    if (!c->held) session_set_phase(session, "open");
    c->options = *options;
    c->session = session;
    c->journal = session->journal;
    c->loop = loop;
    c->workers = room_open(options, session->study, loop);
    c->search = search_create(session->study, session->seed, session->prior, session->n_priors);
    c->forecaster = forecaster_create(session->study, session->seed);
    c->home = (struct slot_home){.session = session,
                                 .workers = c->workers,
                                 .files = options->files,
                                 .gpus = options->gpus,
                                 .pause = &c->pause,
                                 .definition = options->definition,
                                 .definition_data = options->data,
                                 .say = on_slot_says,
                                 .fail = on_slot_failed,
                                 .ended = machine_ended,
                                 .data = c};
    for (size_t i = 0; i < options->slots; i++) seating_add(&c->seating, &c->home, PLACE_HERE);
    const struct member_hooks hooks = {desk_hears, desk_loses, c};
    if (options->fleet) c->member = fleet_join(options->fleet, session->study->name, &hooks);
    if (options->fleet) desk_adopt(c);
    *ret = c;
    return STATUS_OK;
}

void coordinator_free(struct coordinator *c)
{
    if (!c) return;
    if (c->member) fleet_leave(c->member);
    announcements_done(&c->said);
    announcements_done(&c->later);
    seating_done(&c->seating);
    if (!c->options.workers) workers_free(c->workers);
    search_free(c->search);
    forecaster_free(c->forecaster);
    free(c);
}

/* The last words, and the writer's end. */
static enum status close_journal(struct coordinator *c, struct error *err)
{
    if (*c->failure)
        session_fail(c->session, c->failure);
    else if (!c->status && c->end != COORDINATOR_LEFT)
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

static void on_wake_closed(uv_handle_t *handle)
{
    struct coordinator *c = handle->data;
    c->options.ended(c->options.data, c->end, c->status, &c->err);
}

/* The writer wakes the loop until it is stopped, so its handle goes last. */
static void on_closed(uv_handle_t *handle)
{
    struct coordinator *c = handle->data;
    struct error last;
    if (--c->open_handles > 0) return;
    enum status s = close_journal(c, &last);
    if (!c->status && s) c->status = s, c->err = last;
    uv_close((uv_handle_t *)&c->wake, on_wake_closed);
}

static void open_handles(struct coordinator *c)
{
    uv_timer_init(c->loop, &c->tick);
    uv_prepare_init(c->loop, &c->turn);
    uv_async_init(c->loop, &c->wake, on_wake);
    c->open_handles = 2;
    c->tick.data = c->turn.data = c->wake.data = c;
    uv_timer_start(&c->tick, on_tick, TICK_MS, TICK_MS);
    uv_prepare_start(&c->turn, on_turn);
}

/* What a person should know before anything runs. */
static void say_first(struct coordinator *c)
{
    const struct session *s = c->session;
    struct arena a = {0};
    bool searches = !c->options.probe && !c->options.only_queued;
    const char *spent = searches ? remark_spent(s, &a) : NULL;
    const char *lapsed = searches ? remark_lapsed(s, &a) : NULL;
    if (s->rejudged) say_now(c, EVENT_NOTE, NULL, s->rejudged);
    for (size_t i = 0; searches && !spent && i < s->n_priors; i++)
        if (s->prior[i].note) say_now(c, EVENT_NOTE, NULL, s->prior[i].note);
    if (spent) say_now(c, EVENT_NOTE, NULL, spent);
    if (lapsed) say_now(c, EVENT_NOTE, NULL, lapsed);
    arena_done(&a);
}

enum status coordinator_start(struct coordinator *c, struct error *err)
{
    struct error last;
    enum status s =
        store_requests(c->session->store, c->session->study_id, 0, desk_obeys_late, c, err); /* before the writer */
    if (s) return s;
    open_handles(c);
    room_say_left(c);
    say_first(c);
    if (journal_start(c->journal, &(struct journal_hooks){on_durable, on_trouble, c}, &last))
        give_up(c, STATUS_FAILED, &last);
    for (size_t i = 0; i < c->session->n; i++)
        if (failure_of_baseline(c->session, c->session->trial[i], &last)) fail_study(c, &last);
    return STATUS_OK;
}

/* ---- looking ---- */

size_t coordinator_wants(const struct coordinator *c)
{
    const struct session *s = c->session;
    if (!runs_trials(c) || c->held) return 0;
    size_t queued = session_count(s, TRIAL_QUEUED), left = SIZE_MAX;
    if (s->budget.trials)
        left = (size_t)s->budget.trials -
               (s->tally.searched < (size_t)s->budget.trials ? s->tally.searched : (size_t)s->budget.trials);
    if (c->phase != PHASE_SEARCH || c->exhausted || c->options.only_queued) left = 0;
    return left > 100000 ? 100000 : queued + left;
}

const char *coordinator_phase(const struct coordinator *c)
{
    static const char *const names[] = {"search", "confirm", "stopping", "stopping", "stopping", "ended"};
    return names[c->phase];
}

const char *coordinator_pause_reason(const struct coordinator *c)
{
    return c->held ? "paused by a person" : c->pause.reason;
}
