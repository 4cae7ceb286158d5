#include "tuner/coordinator/coordinator.h"

#include "tuner/coordinator/announce.h"
#include "tuner/coordinator/asking.h"
#include "tuner/coordinator/confirm.h"
#include "tuner/coordinator/fleet.h"
#include "tuner/coordinator/lease.h"
#include "tuner/coordinator/overseer.h"
#include "tuner/coordinator/pause.h"
#include "tuner/coordinator/population.h"
#include "tuner/coordinator/remote.h"
#include "tuner/coordinator/seating.h"
#include "tuner/coordinator/state.h"
#include "tuner/coordinator/tell.h"
#include "tuner/coordinator/think.h"

#include "tuner/base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum phase { PHASE_SEARCH, PHASE_CONFIRM, PHASE_DRAIN, PHASE_KILL, PHASE_LEAVE, PHASE_ENDED };

enum { TICK_MS = 250 };

struct coordinator {
    struct coordinator_options options;
    struct session *session;
    struct journal *journal;
    uv_loop_t *loop;
    struct workers *workers;
    enum phase phase;
    struct slot_home home;
    struct seating seating;
    struct member *member; /* of the fleet; NULL: there is none */
    struct askings askings;
    struct search *search;
    struct forecaster *forecaster;
    size_t judge_next; /* slot */
    bool judging;      /* a running trial is being judged */
    bool thinking;     /* a suggestion is being computed */
    bool exhausted;    /* nothing is left to try, to afford, or worth the trouble */
    struct pause pause;
    bool held;                        /* a person has paused it */
    char enough[400];                 /* why there will be no more trials */
    struct announcements said, later; /* later: calls that wait until no suggestion is being computed */
    int open_handles;
    uv_timer_t tick;
    uv_prepare_t turn;
    uv_async_t wake;  /* by the journal's writer */
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
                 coordinator_busy(c));
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

/* Leases of agents and clients live on in the log; what runs here is ended at once. */
void coordinator_leave(struct coordinator *c)
{
    if (c->phase == PHASE_ENDED) return;
    c->phase = PHASE_LEAVE;
    for (size_t i = c->seating.n; i-- > 0;) {
        struct slot *slot = c->seating.slot[i];
        bool here = slot->place == PLACE_HERE;
        if (slot->state == SLOT_RUNS && here) slot_condemn(slot, "the coordinator ends");
        if (slot->state == SLOT_RUNS && here) slot_condemn(slot, "the coordinator ends");
        if (slot->state == SLOT_RUNS && !here) slot_clear(slot);
    }
}

void coordinator_pause(struct coordinator *c, bool paused)
{
    c->held = paused;
    session_set_phase(c->session, paused ? "paused" : "open");
    uv_async_send(&c->wake);
}

static void on_closed(uv_handle_t *handle);

static void answer_askings(struct coordinator *c, const char *why)
{
    while (c->askings.first) asking_answer(&c->askings, c->askings.first, why);
}

static void end_run(struct coordinator *c)
{
    c->end = c->phase == PHASE_CONFIRM ? COORDINATOR_DONE
             : c->phase == PHASE_LEAVE ? COORDINATOR_LEFT
                                       : COORDINATOR_STOPPED;
    c->phase = PHASE_ENDED;
    answer_askings(c, *c->enough ? c->enough : "the study has ended");
    uv_close((uv_handle_t *)&c->tick, on_closed);
    uv_close((uv_handle_t *)&c->turn, on_closed);
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

static void on_judged(void *data, struct question *q)
{
    struct coordinator *c = data;
    struct order order;
    struct slot *slot = seating_of(&c->seating, question_trial(q));
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
    return c->phase == PHASE_SEARCH ? confirm_count(c->session) : 0;
}

/* There will be no more suggestions; the usual ends need no words. */
static void run_out(struct coordinator *c, const char *why, bool aloud)
{
    if (c->exhausted) return;
    if (aloud) say(c, EVENT_NOTE, NULL, why);
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

static bool has_room_here(const struct coordinator *c)
{
    return seating_free_here(&c->seating) && (!c->options.may_start_here || c->options.may_start_here(c->options.data));
}

/* A study without a command is for clients only, one whose files are missing for this machine. */
static bool has_room_there(struct coordinator *c)
{
    bool shippable = !c->options.definition || *c->options.definition(c->options.data);
    return c->member && c->session->study->n_args > 0 && shippable && fleet_has_room(c->member);
}

/* Clients have asked, so they come first; then this machine, then agents. */
static bool has_room(struct coordinator *c)
{
    return askings_hungry(&c->askings) || has_room_here(c) || has_room_there(c);
}

/* NULL: nobody has room. */
static struct slot *find_room(struct coordinator *c)
{
    struct asking *a = askings_hungry(&c->askings);
    if (a) {
        struct slot *slot = seating_add(&c->seating, &c->home, PLACE_CLIENT);
        a->promised++;
        slot->asking = a;
        return slot;
    }
    if (has_room_here(c)) return seating_free_here(&c->seating);
    if (!has_room_there(c)) return NULL;
    struct slot *slot = seating_add(&c->seating, &c->home, PLACE_AGENT);
    slot->seat = fleet_take(c->member, slot);
    return slot->seat ? slot : NULL;
}

/* Returns whether a queued trial waits that may not be run: the budget refuses it. */
static bool fill_slots(struct coordinator *c)
{
    while (runs_trials(c)) {
        struct trial *t = session_next_queued(c->session);
        if (!t || !has_room(c)) return false;
        if (!may_lease(c, t)) return true;
        struct slot *slot = find_room(c);
        if (!slot || !slot_promise(slot, t, slot->asking ? slot->asking->ttl_ms : 0)) return false;
    }
    return false;
}

/* Their time is over, or there will be no more. */
static void answer_clients(struct coordinator *c, bool no_more)
{
    int64_t now = clock_mono_ms(c->session->clock);
    for (struct asking *a = c->askings.first, *next; a; a = next) {
        next = a->next;
        if (a->n != a->promised || (now < a->until_ms && !no_more)) continue;
        asking_answer(&c->askings, a, no_more ? *c->enough ? c->enough : "the study has ended" : NULL);
    }
}

/* Leases of clients that are over: told, or expired. */
static void clear_clients(struct coordinator *c)
{
    lease_expire(c->session);
    for (size_t i = 0; i < c->seating.n; i++) {
        struct slot *slot = c->seating.slot[i];
        bool holds =
            slot->state != SLOT_FREE && slot->trial->state == TRIAL_RUNNING && slot->trial->lease == slot->lease;
        if (slot->place == PLACE_CLIENT && !holds && !slot->asking) slot_clear(slot);
    }
    seating_sweep(&c->seating);
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
    if (strncmp(x->source, SEARCH_FALLBACK, strlen(SEARCH_FALLBACK)) == 0) say(c, EVENT_NOTE, NULL, x->source);
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
    if (st) give_up(c, st, &err);
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
    return seating_is_idle(&c->seating) && !c->thinking && !c->judging;
}

/* What to do now that something has changed. */
static void step(struct coordinator *c)
{
    uint64_t durable = journal_durable(c->journal);
    speak(c, durable);
    bool paused = is_paused(c) || c->held;
    clear_clients(c);
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
            else if (!c->thinking && has_room(c)) {
                c->thinking = true;
                think(c->loop, c->session, c->search, on_thought, c);
            }
        } else if (is_idle(c))
            confirm_or_end(c);
        if (c->exhausted && !confirm_count(c->session)) answer_clients(c, true);
        return;
    case PHASE_CONFIRM:
        if (!paused && !waiting && is_idle(c)) refused ? end_run(c) : confirm_or_end(c);
        return;
    case PHASE_DRAIN:
    case PHASE_KILL:
    case PHASE_LEAVE:
        answer_askings(c, "the study stops");
        if (is_idle(c)) end_run(c);
        return;
    case PHASE_ENDED: return;
    }
}

/* ---- requests from other processes ---- */

enum status coordinator_enqueue(struct coordinator *c, const json_t *params, struct trial **ret, struct error *err)
{
    double config[SPACE_PARAMS_MAX];
    enum status s = space_from_json(&c->session->study->space, params, config, err);
    if (!s)
        *ret =
            session_add(c->session, &(struct addition){.role = ROLE_ENQUEUED, .config = config, .source = "enqueued"});
    return s;
}

enum status coordinator_cancel(struct coordinator *c, struct trial *t, const char *why, struct error *err)
{
    struct slot *slot = seating_of(&c->seating, t);
    if (trial_state_final(t->state))
        return error_set(err, STATUS_CONFLICT, "trial %ld is %s already", t->number, trial_state_name(t->state));
    if (slot && slot->state == SLOT_RUNS && slot->place == PLACE_AGENT && t->state == TRIAL_LEASED) {
        slot_cancel(slot, why); /* its agent does not have it yet, or has not said so */
        return STATUS_OK;
    }
    if (slot && slot->state == SLOT_RUNS) {
        slot_cancel(slot, why);
        return STATUS_OK;
    }
    enum status s = session_finish(c->session, t, TRIAL_CANCELLED, NULL, why, NULL, err);
    if (!s && slot && !slot->asking) slot_clear(slot);
    return s;
}

static void enqueue(struct coordinator *c, const char *payload)
{
    struct trial *t;
    json_t *params = NULL;
    struct error bad;
    enum status s = json_parse_object(payload, strlen(payload), &params, &bad);
    if (!s) s = coordinator_enqueue(c, params, &t, &bad);
    if (s) say(c, EVENT_NOTE, NULL, bad.text);
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
    for (size_t i = 0; i < c->seating.n; i++)
        if (c->seating.slot[i]->job) job_hold(c->seating.slot[i]->job, full);
}

static void on_turn(uv_prepare_t *turn)
{
    struct coordinator *c = turn->data;
    if (!c->thinking) journal_requests(c->journal, on_request, c);
    if (!c->thinking) announcements_release(&c->later, 0, c->options.listen, c->options.data);
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
    answer_clients(c, false);
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

/* ---- what clients want ---- */

void coordinator_promise(struct coordinator *c, void (*call)(void *data), void *data)
{
    announce_call(&c->said, journal_mark(c->journal), call, data);
    uv_async_send(&c->wake);
}

void coordinator_calmly(struct coordinator *c, void (*call)(void *data), void *data)
{
    announce_call(&c->later, 0, call, data);
    uv_async_send(&c->wake);
}

void coordinator_forget(struct coordinator *c, const void *data)
{
    announcements_forget(&c->said, data);
    announcements_forget(&c->later, data);
}

struct asking *coordinator_ask(struct coordinator *c, size_t want, int64_t ttl_ms,
                               void (*done)(void *data, size_t n, struct trial *const *trial, const char *why),
                               void *data)
{
    struct asking *a = askings_add(&c->askings, want, ttl_ms, clock_mono_ms(c->session->clock) + ASK_WAIT_MS);
    a->done = done;
    a->data = data;
    uv_async_send(&c->wake);
    return a;
}

void coordinator_unask(struct coordinator *c, struct asking *a)
{
    for (size_t i = 0; i < c->seating.n; i++) {
        struct slot *slot = c->seating.slot[i];
        bool given = false;
        for (size_t k = 0; k < a->n && !given; k++) given = slot->state == SLOT_RUNS && slot->trial == a->trial[k];
        if (slot->asking == a || given) {
            slot->asking = NULL;
            slot_take_back(slot);
        }
    }
    asking_drop(&c->askings, a);
}

/* A condemned trial of a client is over with the answer that says so. */
static enum status answer_report(struct coordinator *c, struct trial *t, json_t **ret, struct error *err)
{
    struct slot *slot = seating_of(&c->seating, t);
    enum status s = STATUS_OK;
    if (slot && slot->mail && json_object_get(slot->mail, "stop") && t->doom == DOOM_PRUNED)
        s = overseer_prune(c->session, t, NULL, err);
    if (s) return s;
    *ret = slot && slot->mail ? json_incref(slot->mail) : json_object();
    if (!json_object_get(*ret, "stop")) json_object_set_new(*ret, "stop", json_false());
    if (slot && slot->mail) {
        json_decref(slot->mail);
        slot->mail = NULL;
    }
    if (trial_state_final(t->state)) on_slot_ended(c, t, NULL);
    return STATUS_OK;
}

enum status coordinator_told(struct coordinator *c, const json_t *request, json_t **ret, struct error *err)
{
    struct session *s = c->session;
    struct trial *t = NULL;
    enum status st;
    if (json_object_get(request, "report")) {
        st = tell_report(s, request, &t, err);
        return st ? st : answer_report(c, t, ret, err);
    }
    if (json_object_get(request, "renew")) return tell_renew(s, request, ret, err);
    if (json_object_get(request, "add")) return tell_add(s, request, ret, err);
    t = session_trial(s, (long)json_integer_value(json_object_get(request, "tell")));
    bool was_final = !t || trial_state_final(t->state);
    st = tell_result(s, request, ret, err);
    if (!st && !was_final) on_slot_ended(c, t, NULL);
    return st;
}

/* ---- what agents say ---- */

static bool take_from_agent(struct coordinator *c, struct slot *slot, const struct remote *r)
{
    struct session *s = c->session;
    struct arena a = {0};
    struct error err;
    switch (r->kind) {
    case REMOTE_STARTED:
        if (slot->trial->state == TRIAL_LEASED && !session_started(s, slot->trial, r->pid, r->resumed_cost, &err))
            say(c, EVENT_STARTED, slot->trial, NULL);
        break;
    case REMOTE_REPORT:
        if (r->n >= slot->trial->reports) slot_hears_report(slot, r->step, r->metrics); /* else: heard before */
        break;
    case REMOTE_POLICY: slot_hears_policy(slot, r->metrics); break;
    case REMOTE_CHECKPOINT: slot_hears_checkpoint(slot, r->step, r->text); break;
    case REMOTE_LOG:
        workers_keep_log(slot_folder(slot, &a), strcmp(r->stream, "stdout") == 0 ? "stdout.log" : "stderr.log", r->text,
                         r->text_n);
        break;
    case REMOTE_END: slot_hears_end(slot, &r->outcome, r->out_of_memory); break;
    }
    arena_done(&a);
    return true;
}

/* Its lease is over, but its result is the only one there is. */
static void take_late(struct coordinator *c, struct trial *t, const struct remote *r)
{
    struct slot *slot = seating_of(&c->seating, t); /* who is at it now need not be */
    struct error err;
    if (session_finish(c->session, t, TRIAL_COMPLETE, r->outcome.metrics, NULL, "late", &err)) return;
    say(c, EVENT_FINISHED, t, NULL);
    if (slot && slot->state == SLOT_RUNS) slot_stop_late(slot, "another attempt has finished it");
}

static bool on_agent_says(void *data, const char *agent, const json_t *message)
{
    struct coordinator *c = data;
    struct remote r;
    (void)agent;
    if (remote_read(message, &r, NULL)) return true; /* there is nothing to be had from saying it again */
    struct trial *t = session_trial(c->session, r.trial);
    bool end = r.kind == REMOTE_END, result = end && r.outcome.end == JOB_COMPLETE;
    if (!t) return false;
    enum lease_verdict verdict = lease_judge(t, r.lease,
                                             result ? LEASE_RESULT
                                             : end  ? LEASE_FAILURE
                                                    : LEASE_REPORT,
                                             end);
    struct slot *slot = seating_of(&c->seating, t);
    if (slot && slot->state == SLOT_RUNS && slot->place == PLACE_AGENT && slot->lease == r.lease &&
        (verdict == LEASE_ACCEPT || end)) {
        bool begun = r.kind != REMOTE_STARTED && !(end && r.outcome.end == JOB_NOT_STARTED);
        if (t->state == TRIAL_LEASED && begun) session_started(c->session, t, 0, 0, NULL);
        return take_from_agent(c, slot, &r);
    }
    if (verdict == LEASE_LATE) take_late(c, t, &r);
    return end;
}

static void on_seat_lost(void *data, void *owner, enum seat_loss loss, const char *why)
{
    (void)data;
    slot_lost(owner, loss, why);
}

/* Leases that agents and clients hold since before this process. */
static void adopt(struct coordinator *c)
{
    struct session *s = c->session;
    for (size_t i = 0; i < s->n_open; i++) {
        struct trial *t = s->open[i];
        if ((t->state != TRIAL_LEASED && t->state != TRIAL_RUNNING) || !(t->agent || t->client))
            continue; /* lease_recover has returned the others */
        struct slot *slot = seating_add(&c->seating, &c->home, t->agent ? PLACE_AGENT : PLACE_CLIENT);
        if (t->agent) slot->seat = fleet_expect(c->member, t->agent, t->lease, slot);
        slot_adopt(slot, t);
    }
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
    c->workers = workers_create(loop, options->guard, options->slots);
    c->search = search_create(session->study, session->seed, session->prior, session->n_priors);
    c->forecaster = forecaster_create(session->study, session->seed);
    c->home = (struct slot_home){.session = session,
                                 .workers = c->workers,
                                 .files = options->files,
                                 .pause = &c->pause,
                                 .definition = options->definition,
                                 .definition_data = options->data,
                                 .say = on_slot_says,
                                 .fail = on_slot_failed,
                                 .ended = on_slot_ended,
                                 .data = c};
    for (size_t i = 0; i < options->slots; i++) seating_add(&c->seating, &c->home, PLACE_HERE);
    const struct member_hooks hooks = {on_agent_says, on_seat_lost, c};
    if (options->fleet) c->member = fleet_join(options->fleet, session->study->name, &hooks);
    if (options->fleet) adopt(c);
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
    workers_free(c->workers);
    search_free(c->search);
    forecaster_free(c->forecaster);
    free(c);
}

/* The last words, and the writer's end. */
static enum status close_journal(struct coordinator *c, struct error *err)
{
    if (!c->status && c->end != COORDINATOR_LEFT)
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

enum status coordinator_start(struct coordinator *c, struct error *err)
{
    struct error last;
    enum status s =
        store_requests(c->session->store, c->session->study_id, 0, on_old_request, c, err); /* before the writer */
    if (s) return s;
    open_handles(c);
    if (journal_start(c->journal, &(struct journal_hooks){on_durable, on_trouble, c}, &last))
        give_up(c, STATUS_FAILED, &last);
    for (size_t i = 0; i < c->session->n; i++) check_baseline(c, c->session->trial[i]);
    return STATUS_OK;
}

/* ---- looking ---- */

size_t coordinator_busy_here(const struct coordinator *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->seating.n; i++)
        n += c->seating.slot[i]->place == PLACE_HERE && c->seating.slot[i]->state != SLOT_FREE;
    return n;
}

size_t coordinator_busy(const struct coordinator *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->seating.n; i++) n += c->seating.slot[i]->state != SLOT_FREE;
    return n;
}

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
