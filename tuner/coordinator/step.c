#include "tuner/coordinator/step.h"

#include "tuner/coordinator/background.h"
#include "tuner/coordinator/beginning.h"
#include "tuner/coordinator/ending.h"
#include "tuner/coordinator/placement.h"
#include "tuner/coordinator/requests.h"
#include "tuner/coordinator/tell.h"

#include "tuner/analysis/analysis.h"
#include "tuner/policy/policy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the end ---- */

static void end_run(struct coordinator *c)
{
    c->result.end = c->phase == PHASE_CONFIRM ? COORDINATOR_DONE
                    : c->phase == PHASE_LEAVE ? COORDINATOR_LEFT
                                              : COORDINATOR_STOPPED;
    c->phase = PHASE_ENDED;
    requests_sends_away(c, *c->progress.enough ? c->progress.enough : "the study has ended");
}

/* ---- overseeing running trials ---- */

static bool is_judging(const struct coordinator *c)
{
    return c->mind.question || c->mind.look;
}

static void judge(void *data)
{
    struct coordinator *c = data;
    monitor_think(c->mind.forecaster, c->mind.question);
}

static void on_judged(void *data)
{
    struct coordinator *c = data;
    struct question *q = c->mind.question;
    struct monitor_order order;
    struct error err;
    struct active_attempt *a = attempts_of(&c->attempts, question_trial(q));
    c->mind.question = NULL;
    if (!a || a->state != ATTEMPT_RUNS || !machine_runs_trials(c)) {
        monitor_forget(q);
        return;
    }
    if (monitor_decide(c->history, q, &order, &err))
        ending_give_up(c, err.status, &err);
    else
        attempt_obey(a, &order);
}

/* One at a time, the attempts in turn. */
static void oversee(struct coordinator *c)
{
    for (size_t i = 0; i < c->attempts.n && !is_judging(c); i++) {
        struct active_attempt *a = c->attempts.attempt[c->mind.judge_next++ % c->attempts.n];
        if (a->state == ATTEMPT_RUNS) c->mind.question = monitor_ask(c->history, a->trial);
        if (c->mind.question) background_think(c->loop, judge, on_judged, c);
    }
}

/* ---- pausing ---- */

static bool is_paused(struct coordinator *c)
{
    struct error disk;
    char text[1300];
    int64_t now = clock_mono_ms(c->memory->clock);
    if (journal_trouble(c->journal, &disk) == STATUS_FAILED) {
        ending_give_up(c, STATUS_IO, &disk); /* which has its own words */
        ending_let_go_elsewhere(c);          /* nothing that they say can be kept */
        return true;
    }
    switch (pause_look(&c->pause, &disk, now, text, sizeof text)) {
    case PAUSE_SAME: break;
    case PAUSE_BEGAN: machine_say_now(c, NEWS_PAUSED, NULL, text); break;
    case PAUSE_ENDED:
        history_note(c->history, text);
        machine_say_now(c, NEWS_RESUMED, NULL, "going on");
        break;
    }
    return pause_holds(&c->pause, &disk, now);
}

/* ---- the beginnings of attempts ---- */

static void hand_over(struct coordinator *c, struct active_attempt *a)
{
    struct ask *ask = a->ask;
    if (!ask) return;
    a->ask = NULL;
    ask_gets(ask, a->trial);
    if (ask->n == ask->asking.n) ask_answer(&c->asks, ask, NULL);
}

static void start_promised(struct coordinator *c, uint64_t durable)
{
    for (size_t i = 0; i < c->attempts.n; i++) {
        struct active_attempt *a = c->attempts.attempt[i];
        if (a->state != ATTEMPT_PROMISED && a->state != ATTEMPT_CHECKED) continue;
        if (!machine_runs_trials(c)) {
            if (a->ask) a->ask->promised--;
            a->ask = NULL;
            attempt_take_back(a);
        } else if (a->batch <= durable) {
            attempt_start(a);
            if (a->state != ATTEMPT_CHECKS) hand_over(c, a);
        }
    }
}

/* Confirmation trials that the search must leave room for. */
static size_t set_aside(const struct coordinator *c)
{
    return c->phase == PHASE_SEARCH ? confirm_due(c->memory) : 0;
}

/* There will be no more suggestions; the usual ends need no words. */
static void run_out(struct coordinator *c, const char *why, bool aloud)
{
    if (c->progress.exhausted) return;
    if (aloud) machine_say(c, NEWS_NOTE, NULL, why);
    snprintf(c->progress.enough, sizeof c->progress.enough, "%.390s", why);
    c->progress.exhausted = true;
}

static bool is_affordable(const struct coordinator *c, const struct trial *t, char *why, size_t size)
{
    struct need need = ledger_need(c->memory, NAN);
    if (t->need.tokens > 0) need = (struct need){.tokens = t->need.tokens, .ms = t->need.ms};
    if (t->left) need.tokens = fmax(need.tokens - t->effort.tokens, 0); /* its stages before are paid for */
    return ledger_admits(c->memory, need, set_aside(c), why, size);
}

static bool may_lease(struct coordinator *c, const struct trial *t)
{
    char why[400];
    if (t->role == ROLE_BASELINE || is_affordable(c, t, why, sizeof why)) return true;
    run_out(c, why, true);
    return false;
}

static void keep_place(struct coordinator *c, const struct trial *t)
{
    struct error err;
    if (tell_goes_on(c->history, t, &err)) ending_give_up(c, err.status, &err);
}

/* What of a queued trial is to be run: all of it, by a client; else its next stage, if it has any. */
static enum stage_step choose_stage(struct coordinator *c, const struct trial *t, struct stage_order *ret)
{
    if (!t->left || ask_queue_waiting(&c->asks)) return STAGE_RUNS;
    enum stage_step step = stage_step(c->history, t, ret);
    if (step == STAGE_OVER) {
        load_evict(&c->home.depot); /* what it stood on may go */
        ending_of_attempt(c, t, NULL);
    }
    return step;
}

/* False: nothing more can begin now. */
static bool lease(struct coordinator *c, const struct trial *t, const struct stage_order *order)
{
    int64_t ttl_ms;
    struct active_attempt *a = placement_take(c, &ttl_ms);
    if (!a || !attempt_promise(a, t, a->ask || !t->left ? NULL : order, ttl_ms)) return false;
    attempts_bind(&c->attempts, a);
    if (a->ask && a->ask->asking.resumes) keep_place(c, t);
    return true;
}

/* Returns whether a queued trial waits that may not be run: the budget refuses it. */
static bool start_queued(struct coordinator *c)
{
    long after = -1;
    c->progress.waiting = 0;
    while (machine_runs_trials(c)) {
        const struct trial *t = memory_next_queued(c->memory, after);
        struct stage_order order;
        if (!t || !placement_is_possible(c)) return false;
        enum stage_step step = choose_stage(c, t, &order);
        if (step == STAGE_WAITS) c->progress.waiting++, after = t->number;
        if (step != STAGE_RUNS) continue;
        if (!may_lease(c, t)) return true;
        if (!lease(c, t, &order)) return false;
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
        ending_give_up(c, t->status, &t->err);
        return;
    }
    if (x->kind == SUGGESTION_FALLBACK) machine_say(c, NEWS_NOTE, NULL, x->source);
    struct need need = ledger_need(c->memory, t->tokens);
    need.trials = 1;
    if (!ledger_admits(c->memory, need, set_aside(c), why, sizeof why)) {
        run_out(c, why, true);
        return;
    }
    history_add(c->history, &(struct addition){.role = ROLE_SEARCH,
                                               .config = x->config,
                                               .source = x->source,
                                               .known = t->known,
                                               .expect_tokens = need.tokens,
                                               .expect_ms = need.ms,
                                               .expect_gain = x->gain});
}

static void on_thought(void *data, const struct thought *t)
{
    struct coordinator *c = data;
    c->mind.thinking = false;
    if (c->phase == PHASE_SEARCH) add_suggestion(c, t);
}

/* ---- a second look at what was stopped ---- */

static void look(void *data)
{
    struct coordinator *c = data;
    second_look_think(c->mind.forecaster, c->mind.look);
}

static void on_looked(void *data)
{
    struct coordinator *c = data;
    struct second_look *q = c->mind.look;
    struct error err;
    char why[400];
    const struct trial *t = second_look_choice(q);
    c->mind.look = NULL;
    if (t && c->phase == PHASE_SEARCH && is_affordable(c, t, why, sizeof why)) {
        if (second_look_decide(c->history, q, &err))
            ending_give_up(c, err.status, &err);
        else
            machine_say(c, NEWS_GOES_ON, t, second_look_why(q));
    }
    second_look_forget(q);
}

/* Could a trial that was stopped be worth going on with? Asked once before each suggestion; true: it is being thought
 * about. Clients that keep no place are asked for new trials only. */
static bool looks_again(struct coordinator *c)
{
    const struct ask *ask = ask_queue_waiting(&c->asks);
    if (c->mind.look) return true;
    if (c->options.only_queued || c->options.probe || c->mind.looked == c->memory->seq || !placement_is_possible(c) ||
        (ask && !ask->asking.resumes))
        return false;
    if (c->mind.question) return true;
    c->mind.looked = c->memory->seq;
    c->mind.look = second_look_ask(c->history, ask);
    if (c->mind.look) background_think(c->loop, look, on_looked, c);
    return c->mind.look;
}

/* What many trials are judged by is measured again; before the winners are chosen, for all that it is worth. */
static bool checks_baseline(struct coordinator *c)
{
    char text[200];
    if (c->options.only_queued || c->options.probe) return false;
    size_t judged = confirm_baseline(c->history, c->progress.exhausted);
    if (judged == 0) return false;
    snprintf(text, sizeof text, "%zu trial%s judged by the baseline; it is measured again", judged,
             judged == 1 ? " is" : "s are");
    machine_say(c, NEWS_NOTE, NULL, text);
    return true;
}

/* The next members of a schedule's population, if there are any. */
static void grow(struct coordinator *c)
{
    const struct memory *s = c->memory;
    enum population_state state = POPULATION_DONE;
    char why[400] = "";
    struct error err;
    bool fits = !s->run.budget.trials ||
                s->tally.searched + (size_t)s->study->schedule.population <= (size_t)s->run.budget.trials;
    enum status st = population_step(c->history, fits, &state, why, sizeof why, &err);
    if (st) ending_fail_study(c, &err);
    if (st || state != POPULATION_DONE) return;
    run_out(c, why, true);
}

/* Could another trial be suggested? What it needs exactly is asked once it is known. */
static bool wants_more(struct coordinator *c)
{
    const struct memory *s = c->memory;
    char why[400];
    if (c->options.only_queued) return false;
    bool all =
        s->run.budget.trials && s->tally.searched >= (size_t)s->run.budget.trials; /* the usual end needs no words */
    bool broke = !ledger_admits(s, (struct need){0}, set_aside(c), why, sizeof why);
    if (all || broke) run_out(c, all ? "the study has all its trials" : why, !all);
    return !c->progress.exhausted;
}

/* ---- the machine ---- */

static bool is_idle(const struct coordinator *c)
{
    return attempts_busy(&c->attempts) == 0 && !c->mind.thinking && !is_judging(c);
}

/* Fresh seeds contradict the search, and the budget leaves something: it goes on, from what they have taught. Each time
 * at least one trial, so that this ends. */
static bool searches_on(struct coordinator *c)
{
    const struct memory *s = c->memory;
    char why[400];
    struct need need = ledger_need(s, NAN);
    need.trials = 1;
    if (c->options.only_queued || s->study->schedule.n || s->n <= c->progress.searched_on || !confirm_contradicts(s))
        return false;
    if (s->run.budget.trials && s->tally.searched >= (size_t)s->run.budget.trials) return false;
    if (!ledger_admits(s, need, confirm_due(s), why, sizeof why)) return false;
    c->phase = PHASE_SEARCH;
    c->progress.searched_on = s->n;
    c->progress.exhausted = false;
    *c->progress.enough = 0;
    machine_say(c, NEWS_NOTE, NULL,
                "on fresh seeds nothing that was found beats the baseline; the search goes on with what is left of the "
                "budget");
    return true;
}

/* The search, or what was to be confirmed, is over: more of that, or the end. */
static void confirm_or_end(struct coordinator *c)
{
    struct confirm_choice chosen = {.text = ""};
    enum confirm_step next = c->options.only_queued ? CONFIRM_OVER : confirm_step(c->history, &chosen);
    c->progress.confirmed_seen = c->memory->tally.confirmed;
    c->phase = PHASE_CONFIRM;
    switch (next) {
    case CONFIRM_ROUND: machine_say(c, NEWS_CONFIRM, NULL, *chosen.text ? chosen.text : NULL); return;
    case CONFIRM_SEEDS:
    case CONFIRM_WAITS: return;
    case CONFIRM_REPEATS:
        machine_say(c, NEWS_NOTE, NULL,
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
    return is_idle(c) || (c->progress.confirmed_seen != c->memory->tally.confirmed && placement_is_possible(c));
}

/* Does a queued trial keep others from being suggested? One that waits for what another trial is running does not,
 * unless there are as many as slots. */
static bool waits(const struct coordinator *c)
{
    size_t queued = memory_count(c->memory, TRIAL_QUEUED), waiting = c->progress.waiting;
    return queued > waiting || (waiting > 0 && waiting >= c->memory->run.slots);
}

/* Trials begin and end. */
static void advance(struct coordinator *c, bool paused)
{
    bool refused = !paused && start_queued(c);
    bool waiting = waits(c) && !refused;
    switch (c->phase) {
    case PHASE_SEARCH:
        if (paused || waiting || checks_baseline(c) || (!c->mind.thinking && looks_again(c))) return;
        if (wants_more(c)) {
            if (c->memory->study->schedule.n)
                grow(c);
            else if (!c->mind.thinking && placement_is_possible(c)) {
                c->mind.thinking = true;
                background_suggest(c->loop, c->history, c->mind.search, on_thought, c);
            }
        } else if (!checks_baseline(c) && is_idle(c))
            confirm_or_end(c);
        if (c->progress.exhausted && !study_confirm_count(c->memory->study)) requests_answers(c, true);
        return;
    case PHASE_CONFIRM:
        if (paused || waiting) return;
        if (refused && is_idle(c)) end_run(c);
        if (!refused && confirms_more(c)) confirm_or_end(c);
        return;
    case PHASE_DRAIN:
    case PHASE_KILL:
    case PHASE_LEAVE:
        requests_sends_away(c, "the study stops");
        if (is_idle(c)) end_run(c);
        return;
    case PHASE_ENDED: return;
    }
}

/* What to do now that something has changed. A second look goes before the judging of those that run: one at a time. */
void step(struct coordinator *c)
{
    uint64_t durable = journal_durable(c->journal);
    journal_deliver(c->journal);
    bool paused = is_paused(c) || c->paused_by_person;
    requests_clears(c);
    start_promised(c, durable);
    advance(c, paused);
    if (machine_runs_trials(c)) oversee(c);
}
