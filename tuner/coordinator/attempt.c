#include "tuner/coordinator/attempt.h"

#include "tuner/base/json.h"
#include "tuner/base/metrics.h"
#include "tuner/base/redact.h"
#include "tuner/base/width.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OBEY_MS = 30000 }; /* and the grace: until an agent that was told to stop has stopped */

static void note(struct active_attempt *a, const char *text)
{
    a->home->say(a->home->data, NEWS_NOTE, NULL, text);
}

void attempt_fail(struct active_attempt *a, enum status status, const struct error *err)
{
    a->home->fail(a->home->data, status, err);
}

static int64_t now_ms(const struct active_attempt *a)
{
    return clock_mono_ms(a->home->memory->clock);
}

/* ---- being over ---- */

void attempt_clear(struct active_attempt *a)
{
    a->state = ATTEMPT_OVER;
    if (a->at) a->at->at->free(a->at);
    a->at = NULL;
    json_decref(a->said);
    a->said = NULL;
}

bool attempt_is_over(const struct active_attempt *a)
{
    return trial_state_final(a->trial->state);
}

void attempt_give_up(struct active_attempt *a, enum outcome outcome, const char *why)
{
    struct error err;
    enum status s = attempt_is_over(a) ? STATUS_OK : history_return(a->home->history, a->trial, outcome, why, 0, &err);
    attempt_clear(a);
    if (s) attempt_fail(a, s, &err);
}

/* ---- what it is told ---- */

static void tell(struct active_attempt *a, json_t *message)
{
    a->at->at->send(a->at, message);
    json_decref(message);
}

static void halt(struct active_attempt *a, enum stop_mode mode, const char *why)
{
    if (!a->stopping_ms) a->stopping_ms = now_ms(a);
    if (!a->at) return; /* it has ended, and only what it left is being kept */
    a->at->at->stop(a->at, mode, why);
}

void attempt_obey(struct active_attempt *a, const struct monitor_order *order)
{
    if (order->adapt)
        tell(a, json_pack("{s:{s:o, s:o}}", "policy", "patience", json_number(order->patience), "threshold",
                          json_number(order->threshold)));
    if (order->stop) halt(a, STOP_GENTLY, order->why);
}

static bool is_silent(const struct active_attempt *a)
{
    return a->at->at->is_silent && a->at->at->is_silent(a->at);
}

void attempt_stop(struct active_attempt *a, enum stop_mode mode, const char *why)
{
    struct error err;
    if (!a->at->at->has_an_end) { /* it may not speak again for hours */
        attempt_give_up(a, OUTCOME_STOPPED, why);
        return;
    }
    enum status s = a->stopping_ms ? STATUS_OK : history_halt(a->home->history, a->trial, why, &err);
    if (s) attempt_fail(a, s, &err);
    if (mode == STOP_NOW && is_silent(a))
        attempt_give_up(a, OUTCOME_LOST, why); /* it will be told when it comes back */
    else
        halt(a, mode, why);
}

void attempt_check_obedience(struct active_attempt *a)
{
    int64_t patience_ms = a->home->memory->study->limits.grace_ms + OBEY_MS;
    if (a->state != ATTEMPT_RUNS || !a->at->at->may_disobey || !a->stopping_ms ||
        now_ms(a) - a->stopping_ms < patience_ms)
        return;
    const struct job_outcome stopped = {.end = JOB_STOPPED, .reason = "its agent was told to end it and did not"};
    attempt_hears_end(a, &stopped);
}

/* What it still says is not for anybody: the trial is over. */
void attempt_stop_late(struct active_attempt *a, const char *why)
{
    halt(a, STOP_GENTLY, why);
    if (a->at && !a->at->at->has_an_end) attempt_clear(a);
}

void attempt_cancel(struct active_attempt *a, const char *why)
{
    struct error err;
    enum status s =
        history_finish(a->home->history, a->trial, &(struct ending){.state = TRIAL_CANCELLED, .reason = why}, &err);
    if (s) attempt_fail(a, s, &err);
    attempt_stop_late(a, why);
}

/* ---- what it says ---- */

/* Tells a trial those settings that differ from what it has. */
static void tell_settings(struct active_attempt *a, const double *was, const double *now)
{
    const struct space *space = &a->home->memory->study->space;
    json_t *set = json_object(), *all = space_to_json(space, now);
    for (size_t i = 0; i < space->n; i++)
        if (was[i] != now[i] && json_is_number(json_object_get(all, space->param[i].name)))
            json_object_set(set, space->param[i].name, json_object_get(all, space->param[i].name));
    json_decref(all);
    if (json_object_size(set))
        tell(a, json_pack("{s:o}", "set", set));
    else
        json_decref(set);
}

/* The trajectory of a trial: settings that change by what it has cost, and where it ends. */
static void steer(struct active_attempt *a)
{
    const struct trial *t = a->trial;
    const size_t before = a->settings;
    if (!segment_of_stage(a->home->memory, t)) return;
    double cost = memory_cost(a->home->memory, t->attempt.last, t->attempt.step);
    if (population_steer(a->home->history, t)) a->settings = t->trajectory.n;
    while (a->settings < t->trajectory.n && t->trajectory.step[a->settings].from <= cost) a->settings++;
    if (a->settings > before)
        tell_settings(a, before ? t->trajectory.step[before - 1].config : t->config,
                      t->trajectory.step[a->settings - 1].config);
    if (segment_is_over(&t->segment, cost) && !a->stopping_ms) halt(a, STOP_GENTLY, "the interval is over");
}

void attempt_say(struct active_attempt *a, const char *text)
{
    note(a, text);
    history_note(a->home->history, text);
}

/* It runs elsewhere, and the checkpoint that lies here did not get there. */
static void say_without_checkpoint(struct active_attempt *a)
{
    struct arena arena = {0};
    attempt_say(a, arena_printf(&arena,
                                "trial %ld begins anew: its checkpoint of %.6g tokens could not be had where it runs",
                                a->trial->number, a->resumed_cost));
    arena_done(&arena);
}

void attempt_hears_start(struct active_attempt *a, int64_t pid, double resumed_cost)
{
    struct error err;
    bool says_so = a->trial->state == TRIAL_LEASED;
    double before = product_cost(a->home->memory, a->trial);
    enum status s =
        says_so ? history_started(a->home->history, a->trial, pid, fmax(resumed_cost, before), &err) : STATUS_OK;
    if (s) attempt_fail(a, s, &err);
    if (!s && says_so && a->resumed_cost > 0 && resumed_cost == 0) say_without_checkpoint(a);
    if (!s) a->home->say(a->home->data, NEWS_STARTED, a->trial, NULL);
}

/* Its program could not use its checkpoint: what that had cost is spent again, and counted. */
static void say_begun_anew(struct active_attempt *a, double cost)
{
    struct arena arena = {0};
    attempt_say(
        a, arena_printf(&arena,
                        "trial %ld was given a checkpoint of %.6g tokens and has begun anew: its first report says "
                        "fewer",
                        a->trial->number, cost));
    arena_done(&arena);
}

void attempt_hears_report(struct active_attempt *a, long step, const json_t *metrics)
{
    double cost = a->trial->attempt.resumed_cost;
    json_t *whole = product_whole(a->home->memory, a->trial, metrics);
    history_report(a->home->history, a->trial, step, whole);
    json_decref(whole);
    if (a->trial->attempt.resumed_cost < cost) say_begun_anew(a, cost);
    steer(a);
}

enum { ID_SHOWN = 60 /* columns */ };

/* The first of an attempt's: the others have the same reason, mostly. */
static void say_refused(struct active_attempt *a, const char *id, const char *why)
{
    struct arena arena = {0};
    char safe[ITEM_ID_MAX + 1];
    redact_cut(id, strlen(id), safe, sizeof safe); /* a program says it, and everybody reads it */
    if (a->refused++ == 0)
        attempt_say(a, arena_printf(&arena, "trial %ld: of its items some are not kept, '%s' the first: %s",
                                    a->trial->number, width_cut(&arena, safe, ID_SHOWN), why));
    arena_done(&arena);
}

static void condemn(struct active_attempt *a, const char *why)
{
    struct error err;
    enum status s = history_condemn(a->home->history, a->trial, why, NULL, false, &err);
    if (s)
        attempt_fail(a, s, &err);
    else
        halt(a, STOP_GENTLY, why);
}

void attempt_hears_item(struct active_attempt *a, const char *id, const json_t *metrics)
{
    const struct coordinator_options *o = a->home->options;
    struct error err;
    if (history_item(a->home->history, a->trial, id, metrics, &err)) {
        say_refused(a, id, err.text);
        return;
    }
    const char *why = o->weigh && !a->stopping_ms ? o->weigh(o->data, a->trial, id, metrics) : NULL;
    if (why) condemn(a, why);
}

void attempt_hears_policy(struct active_attempt *a, const json_t *policy)
{
    struct error err;
    if (history_announce(a->home->history, a->trial, policy, &err)) note(a, err.text);
}

char *attempt_folder(const struct active_attempt *a, struct arena *arena)
{
    return launch_folder(a->home->files, a->home->memory->study, a->trial->number, a->trial->effort.attempts, arena);
}

void attempt_hears_checkpoint(struct active_attempt *a, long step, const char *path)
{
    struct arena arena = {0};
    struct error err;
    struct checkpoint left;
    enum status s = checkpoint_refer(a->trial, attempt_folder(a, &arena), path, &arena, &left, &err);
    left.step = step;
    if (!s) s = history_checkpoint(a->home->history, a->trial, &left, &err);
    if (s) note(a, err.text);
    arena_done(&arena);
}

/* ---- its end ---- */

static enum status complete(struct history *s, const struct trial *t, const json_t *metrics, struct error *err)
{
    enum status st = history_finish(s, t, &(struct ending){.state = TRIAL_COMPLETE, .metrics = metrics}, err);
    return st == STATUS_INVALID
               ? history_finish(s, t, &(struct ending){.state = TRIAL_FAILED, .reason = err->text}, err)
               : st;
}

/* Has it been stopped where its segment ends? */
static bool is_through(const struct memory *s, const struct trial *t, const json_t *metrics)
{
    struct arena a = {0};
    if (!metrics || !segment_of_stage(s, t)) return false;
    double cost = memory_cost(s, event_values(&s->study->objective, metrics, &a), t->attempt.step);
    arena_done(&a);
    return segment_is_over(&t->segment, cost);
}

/* What the end of the execution means for its trial; that of a stage which has ended well is end_stage's. */
static enum status conclude(struct history *s, const struct trial *t, const struct job_outcome *o, struct error *err)
{
    struct ending failed = {.state = TRIAL_FAILED, .reason = o->reason};
    switch (o->end) {
    case JOB_COMPLETE: return complete(s, t, o->metrics, err);
    case JOB_INFEASIBLE:
        return history_finish(s, t, &(struct ending){.state = TRIAL_INFEASIBLE, .reason = o->reason}, err);
    case JOB_FAILED:
    case JOB_TIMED_OUT:
        failed.outcome = o->end == JOB_FAILED ? OUTCOME_FAILED : OUTCOME_TIMED_OUT;
        return history_finish(s, t, &failed, err);
    case JOB_CRASHED:
        if (o->out_of_memory)
            return lease_crashed(s, t, OUTCOME_CRASHED_THE_MACHINE,
                                 "killed by the kernel: the machine was out of memory", err);
        return lease_crashed(s, t, OUTCOME_CRASHED, o->reason, err);
    case JOB_STOPPED:
        if (t->attempt.stop.state == STOP_PRUNE) return monitor_prune(s, t, o->metrics, err);
        if (is_through(history_memory(s), t, o->metrics)) return complete(s, t, o->metrics, err);
        return history_return(s, t, OUTCOME_STOPPED, o->reason, 0, err);
    case JOB_NOT_STARTED: return history_return(s, t, OUTCOME_NOT_STARTED, o->reason, 0, err);
    }
    return STATUS_OK;
}

void attempt_end(struct active_attempt *a, enum status s, const struct error *err, const char *crash)
{
    attempt_clear(a);
    if (s)
        attempt_fail(a, s, err);
    else
        a->home->ended(a->home->data, a->trial, crash);
}

static bool reaches_end(const struct active_attempt *a, const json_t *metrics)
{
    json_t *whole = metrics ? product_whole(a->home->memory, a->trial, metrics) : NULL;
    bool through = is_through(a->home->memory, a->trial, whole);
    json_decref(whole);
    return through;
}

/* Has it come to the end of its stage, by itself or where its segment ends? */
static bool ends_stage(const struct active_attempt *a, const struct job_outcome *o)
{
    const struct trial *t = a->trial;
    if (t->attempt.stage < 0 || attempt_is_over(a)) return false;
    return o->end == JOB_COMPLETE ||
           (o->end == JOB_STOPPED && t->attempt.stop.state != STOP_PRUNE && reaches_end(a, o->metrics));
}

static const struct stage *stage_of(const struct active_attempt *a)
{
    return &a->home->memory->study->pipeline.stage[a->trial->attempt.stage];
}

/* "stage 'train': why"; just why, if it runs the whole of the trial. In the arena. */
static const char *stage_reason(const struct active_attempt *a, const char *why, struct arena *arena)
{
    return a->trial->attempt.stage < 0 ? why : arena_printf(arena, "stage '%s': %s", stage_of(a)->name, why);
}

/* The outcome as the trial's: with the tokens of the stages before, and the name of the stage. */
static void end_trial(struct active_attempt *a, const struct job_outcome *outcome)
{
    struct arena arena = {0};
    struct error err;
    struct job_outcome whole = *outcome;
    json_t *metrics = outcome->metrics ? product_whole(a->home->memory, a->trial, outcome->metrics) : NULL;
    whole.metrics = metrics;
    whole.reason = stage_reason(a, outcome->reason, &arena);
    if (a->trial->attempt.stage >= 0) load_clear(&a->home->depot, a->trial, a->trial->effort.attempts);
    enum status s = conclude(a->home->history, a->trial, &whole, &err);
    attempt_end(a, s, &err, outcome->end == JOB_CRASHED ? whole.reason : NULL);
    json_decref(metrics);
    arena_done(&arena);
}

/* The first checkpoint that is larger than all that the study keeps. */
static void say_too_large(struct active_attempt *a, int64_t bytes)
{
    const struct memory *s = a->home->memory;
    struct arena arena = {0};
    size_t larger = 0;
    char own[40], most[40];
    for (size_t i = 0; i < s->products.n; i++)
        larger += (double)s->products.product[i]->bytes > s->study->pipeline.keep;
    if (s->study->pipeline.keep > 0 && (double)bytes > s->study->pipeline.keep && larger == 1)
        attempt_say(
            a,
            arena_printf(&arena,
                         "a checkpoint of stage '%s' has %s bytes, more than the %s of 'checkpoints: {keep: …}': such "
                         "are kept only as long as their trial needs them",
                         stage_of(a)->name, words_show_count((double)bytes, own, sizeof own),
                         words_show_count(s->study->pipeline.keep, most, sizeof most)));
    arena_done(&arena);
}

static void end_stage(struct active_attempt *a, const struct deposit *left)
{
    struct error err;
    const struct stage_end end_of = {
        .digest = left ? left->digest : NULL, .bytes = left ? left->bytes : 0, .metrics = a->said};
    enum status s = history_stage(a->home->history, a->trial, &end_of, &err);
    if (!s && left) say_too_large(a, left->bytes);
    if (!s) load_evict(&a->home->depot);
    attempt_end(a, s, &err, NULL);
}

/* Its program's fault, or the disk's. */
static void end_unkept(struct active_attempt *a, enum status s, const char *why)
{
    struct arena arena = {0};
    struct job_outcome outcome = {.end = JOB_FAILED};
    if (s == STATUS_NOT_FOUND)
        outcome.reason =
            arena_printf(&arena,
                         "its program has left no checkpoint (%s): it is to write one, a file or a folder, "
                         "to {output}, which is NOCTURNE_OUTPUT",
                         why);
    else
        outcome.reason = arena_printf(&arena, "its checkpoint cannot be kept: %s", why);
    if (s != STATUS_NOT_FOUND && s != STATUS_INVALID) {
        outcome.end = JOB_NOT_STARTED; /* to be run again */
        pause_machine_failed(a->home->pause, outcome.reason, now_ms(a));
    }
    end_trial(a, &outcome);
    arena_done(&arena);
}

static void on_kept(void *data, const struct deposit *left, enum status s, const char *why)
{
    struct active_attempt *a = data;
    a->load = NULL;
    if (attempt_is_over(a)) { /* cancelled meanwhile */
        if (!s) load_discard(&a->home->depot, left->digest);
        attempt_clear(a);
    } else if (!s || (s == STATUS_NOT_FOUND && !stage_of(a)->leads_on))
        end_stage(a, s ? NULL : left);
    else
        end_unkept(a, s, why);
}

/* Nothing of the program is left: its slot is free. */
static void keep(struct active_attempt *a, const json_t *said)
{
    struct arena arena = {0};
    bool sent = a->at && !a->at->at->is_here;
    attempt_clear(a);
    a->state = ATTEMPT_KEEPS;
    a->said = json_incref((json_t *)said);
    a->load = load_keep(&a->home->depot, attempt_folder(a, &arena), sent, on_kept, a);
    arena_done(&arena);
}

void attempt_hears_end(struct active_attempt *a, const struct job_outcome *outcome)
{
    if (outcome->end == JOB_NOT_STARTED && a->at && a->at->at->is_here)
        pause_machine_failed(a->home->pause, outcome->reason, now_ms(a));
    if (attempt_is_over(a)) {
        attempt_clear(a);
        return;
    }
    struct error err;
    struct job_outcome wrong = {.end = JOB_FAILED, .reason = err.text};
    if (!ends_stage(a, outcome))
        end_trial(a, outcome);
    else if (history_check(&a->home->memory->study->objective, outcome->metrics, &err))
        end_trial(a, &wrong);
    else
        keep(a, outcome->metrics);
}

void attempt_lost(struct active_attempt *a, enum seat_loss loss, const char *why)
{
    struct error err;
    at_agent_unseat(a->at);
    if (loss == SEAT_DROPPED || attempt_is_over(a)) {
        attempt_give_up(a, OUTCOME_LOST, why);
        return;
    }
    enum outcome outcome = loss == SEAT_CRASHED ? OUTCOME_CRASHED_THE_MACHINE : OUTCOME_EXPIRED;
    enum status s = lease_crashed(a->home->history, a->trial, outcome, why, &err);
    attempt_end(a, s, &err, why);
}
