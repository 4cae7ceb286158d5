#include "tuner/coordinator/slot.h"

#include "tuner/coordinator/ask_queue.h"
#include "tuner/coordinator/attempt.h"
#include "tuner/coordinator/population.h"

#include "tuner/base/host.h"
#include "tuner/base/json.h"

#include "tuner/execution/execution.h"
#include "tuner/history/history.h"

#include <signal.h>

enum { OBEY_MS = 30000 }; /* and the grace: until an agent that was told to stop has stopped */

static void note(struct slot *slot, const char *text)
{
    slot->home->say(slot->home->data, NEWS_NOTE, NULL, text);
}

static void fail(struct slot *slot, enum status status, const struct error *err)
{
    slot->home->fail(slot->home->data, status, err);
}

/* ---- being free again ---- */

void slot_clear(struct slot *slot)
{
    json_decref(slot->mail);
    if (slot->seat) seat_leave(slot->seat);
    if (slot->state != SLOT_FREE && slot->trial->slot == slot) slot->trial->slot = NULL;
    slot->mail = NULL;
    slot->state = SLOT_FREE;
    slot->job = NULL;
    slot->seat = NULL;
}

/* A cancelled trial is over already: what its program still says is not for it. */
static bool is_over(const struct slot *slot)
{
    return trial_state_final(slot->trial->state);
}

/* The trial is queued again, without blame. */
static void give_up(struct slot *slot, enum outcome outcome, const char *why)
{
    struct error err;
    enum status s = is_over(slot) ? STATUS_OK : history_return(slot->home->history, slot->trial, outcome, why, 0, &err);
    slot_clear(slot);
    if (s) fail(slot, s, &err);
}

/* ---- what it is told ---- */

/* A client hears it with the answer to its next report: the last of each kind counts. */
static void keep_for_client(struct slot *slot, const json_t *message)
{
    if (!slot->mail) slot->mail = json_object();
    json_object_update(slot->mail, (json_t *)message);
}

static void tell(struct slot *slot, json_t *message)
{
    switch (slot->place) {
    case PLACE_HERE: job_send(slot->job, message); break;
    case PLACE_AGENT: seat_send(slot->seat, json_incref(message)); break;
    case PLACE_CLIENT: keep_for_client(slot, message); break;
    }
    json_decref(message);
}

static void halt(struct slot *slot, const char *why)
{
    if (!slot->stopping_ms) slot->stopping_ms = clock_mono_ms(slot->home->history->clock);
    if (slot->place == PLACE_HERE)
        job_stop(slot->job, why);
    else
        tell(slot, json_pack("{s:s}", "stop", why));
}

void slot_obey(struct slot *slot, const struct monitor_order *order)
{
    if (order->adapt)
        tell(slot, json_pack("{s:{s:o, s:o}}", "policy", "patience", json_number(order->patience), "threshold",
                             json_number(order->threshold)));
    if (order->stop) halt(slot, order->why);
}

void slot_stop(struct slot *slot, const char *why)
{
    if (slot->place == PLACE_CLIENT) { /* it may not speak again for hours */
        give_up(slot, OUTCOME_STOPPED, why);
        return;
    }
    if (slot->place == PLACE_AGENT && slot->stopping_ms && seat_is_silent(slot->seat)) {
        give_up(slot, OUTCOME_LOST, why); /* it will be told when it comes back */
        return;
    }
    struct error err;
    enum status s = slot->stopping_ms ? STATUS_OK : history_halt(slot->home->history, slot->trial, why, &err);
    if (s) fail(slot, s, &err);
    halt(slot, why);
}

void slot_check_obedience(struct slot *slot)
{
    const struct history *s = slot->home->history;
    int64_t patience_ms = s->study->grace_ms + OBEY_MS;
    if (slot->place != PLACE_AGENT || slot->state != SLOT_RUNS || !slot->stopping_ms ||
        clock_mono_ms(s->clock) - slot->stopping_ms < patience_ms)
        return;
    const struct job_outcome stopped = {.end = JOB_STOPPED, .reason = "its agent was told to end it and did not"};
    slot_hears_end(slot, &stopped, false);
}

/* What it still says is not for anybody: the trial is over. */
void slot_stop_late(struct slot *slot, const char *why)
{
    halt(slot, why);
    if (slot->place == PLACE_CLIENT) slot_clear(slot);
}

void slot_cancel(struct slot *slot, const char *why)
{
    struct error err;
    enum status s = history_finish(slot->home->history, slot->trial, TRIAL_CANCELLED, NULL, why, OUTCOME_NONE, &err);
    if (s) fail(slot, s, &err);
    slot_stop_late(slot, why);
}

/* ---- what it says ---- */

/* Tells a trial those settings that differ from what it has. */
static void tell_settings(struct slot *slot, const double *was, const double *now)
{
    const struct space *space = &slot->home->history->study->space;
    json_t *set = json_object(), *all = space_to_json(space, now);
    for (size_t i = 0; i < space->n; i++)
        if (was[i] != now[i] && json_is_number(json_object_get(all, space->param[i].name)))
            json_object_set(set, space->param[i].name, json_object_get(all, space->param[i].name));
    json_decref(all);
    if (json_object_size(set))
        tell(slot, json_pack("{s:o}", "set", set));
    else
        json_decref(set);
}

/* The course of a trial: settings that change by what it has cost, and where it ends. */
static void steer(struct slot *slot)
{
    struct history *s = slot->home->history;
    struct trial *t = slot->trial;
    double cost = memory_cost(s, t->last, t->step);
    size_t before = t->trajectory_at;
    population_steer(s, t);
    while (t->trajectory_at < t->trajectory.n && t->trajectory.step[t->trajectory_at].from <= cost) t->trajectory_at++;
    if (t->trajectory_at > before)
        tell_settings(slot, before ? t->trajectory.step[before - 1].config : t->config,
                      t->trajectory.step[t->trajectory_at - 1].config);
    if (t->trajectory.until <= 0 || !(cost >= t->trajectory.until) || slot->stopping_ms) return;
    halt(slot, "the interval is over");
}

void slot_hears_report(struct slot *slot, long step, const json_t *metrics)
{
    history_report(slot->home->history, slot->trial, step, metrics);
    steer(slot);
}

void slot_hears_policy(struct slot *slot, const json_t *policy)
{
    struct error err;
    if (history_announce(slot->home->history, slot->trial, policy, &err)) note(slot, err.text);
}

char *slot_folder(const struct slot *slot, struct arena *arena)
{
    return launch_folder(slot->home->files, slot->home->history->study, slot->trial->number, slot->trial->attempts,
                         arena);
}

void slot_hears_checkpoint(struct slot *slot, long step, const char *path)
{
    struct arena a = {0};
    struct error err;
    if (checkpoint_take(slot->home->history, slot->trial, slot_folder(slot, &a), step, path, &err))
        note(slot, err.text);
    arena_done(&a);
}

static void on_job_report(void *data, long step, const json_t *metrics)
{
    if (!is_over(data)) slot_hears_report(data, step, metrics);
}

static void on_job_policy(void *data, const json_t *policy)
{
    if (!is_over(data)) slot_hears_policy(data, policy);
}

static void on_job_checkpoint(void *data, long step, const char *path)
{
    if (!is_over(data)) slot_hears_checkpoint(data, step, path);
}

/* ---- its end ---- */

void slot_hears_end(struct slot *slot, const struct job_outcome *outcome, bool out_of_memory)
{
    struct history *history = slot->home->history;
    struct error err;
    enum status s = STATUS_OK;
    bool over = is_over(slot);
    if (outcome->end == JOB_NOT_STARTED && slot->place == PLACE_HERE)
        pause_machine_failed(slot->home->pause, outcome->reason, clock_mono_ms(history->clock));
    if (!over) s = attempt_conclude(history, slot->trial, outcome, out_of_memory, &err);
    slot_clear(slot);
    if (s)
        fail(slot, s, &err);
    else if (!over)
        slot->home->ended(slot->home->data, slot->trial, outcome->end == JOB_CRASHED ? outcome->reason : NULL);
}

static void on_job_end(void *data, const struct job_outcome *outcome)
{
    const struct slot *slot = data;
    slot_hears_end(data, outcome, host_killed_for_memory(outcome->signal, slot->killed));
}

void slot_lost(struct slot *slot, enum seat_loss loss, const char *why)
{
    struct error err;
    slot->seat = NULL; /* the fleet frees it */
    if (loss == SEAT_DROPPED || is_over(slot)) {
        give_up(slot, OUTCOME_LOST, why);
        return;
    }
    enum status s = lease_crashed(slot->home->history, slot->trial,
                                  loss == SEAT_CRASHED ? OUTCOME_CRASHED_THE_MACHINE : OUTCOME_EXPIRED, why, &err);
    slot_clear(slot);
    if (s)
        fail(slot, s, &err);
    else
        slot->home->ended(slot->home->data, slot->trial, why);
}

static const struct job_handler handler = {
    .report = on_job_report, .checkpoint = on_job_checkpoint, .policy = on_job_policy, .end = on_job_end};

/* ---- its beginning ---- */

static enum status lease(struct slot *slot, struct trial *t, struct error *err)
{
    struct history *s = slot->home->history;
    struct arena a = {0};
    struct holder holder = {0};
    const char *dir = launch_folder(slot->home->files, s->study, t->number, t->attempts + 1, &a);
    enum status st = STATUS_OK;
    switch (slot->place) {
    case PLACE_HERE: st = history_lease(s, t, dir, 0, err); break;
    case PLACE_AGENT:
        holder = seat_holder(slot->seat);
        st = history_lease_to(s, t, dir, &holder, 0, err);
        break;
    case PLACE_CLIENT:
        holder.token = slot->ask->token;
        st = history_lease_to(s, t, NULL, &holder, slot->ask->ttl_ms, err);
        break;
    }
    arena_done(&a);
    return st;
}

bool slot_promise(struct slot *slot, struct trial *t)
{
    struct error err;
    enum status s = lease(slot, t, &err);
    if (s) {
        fail(slot, s, &err);
        return false;
    }
    slot->state = SLOT_PROMISED;
    slot->trial = t;
    t->slot = slot;
    slot->lease = t->lease;
    slot->stopping_ms = 0;
    slot->batch = journal_batch(slot->home->history->journal);
    slot->killed = slot->place == PLACE_HERE ? host_memory_kills() : -1;
    return true;
}

void slot_adopt(struct slot *slot, struct trial *t)
{
    slot->state = SLOT_RUNS;
    slot->trial = t;
    t->slot = slot;
    slot->lease = t->lease;
    slot->stopping_ms = t->stop_state == STOP_PRUNE ? clock_mono_ms(slot->home->history->clock) : 0;
    slot->killed = -1;
}

/* No program could be started: the trial goes back, and nothing is tried for a while. */
static void put_off(struct slot *slot, const struct error *why)
{
    pause_machine_failed(slot->home->pause, why->text, clock_mono_ms(slot->home->history->clock));
    give_up(slot, OUTCOME_NOT_STARTED, why->text);
}

/* Its checkpoint is gone or cut short. A trial's own: it begins anew. Its parent's: without that it is another trial.
 */
static bool begin_anew(struct slot *slot, const struct error *why)
{
    struct error err;
    bool own = slot->trial->checkpoint.path != NULL;
    note(slot, why->text);
    history_note(slot->home->history, why->text);
    if (own) return true;
    enum status s = history_finish(slot->home->history, slot->trial, TRIAL_FAILED, NULL, why->text, OUTCOME_NONE, &err);
    slot_clear(slot);
    if (s) fail(slot, s, &err);
    slot->home->ended(slot->home->data, slot->trial, NULL);
    return false;
}

/* What the study asks for cannot be started, today or tomorrow: the trial has failed. */
static void end_unstarted(struct slot *slot, const struct error *why)
{
    const struct job_outcome outcome = {.end = JOB_FAILED, .reason = why->text};
    slot_hears_end(slot, &outcome, false);
}

static struct attempt_spec spec_of(const struct trial *t)
{
    return (struct attempt_spec){
        .trial = t->number, .attempt = t->attempts, .lease = t->lease, .seed = t->seed, .config = t->config};
}

static void start_here(struct slot *slot, const char *dir, const char *resume, double cost)
{
    struct trial *t = slot->trial;
    const struct attempt_spec spec = spec_of(t);
    struct error err;
    if (launch(slot->home->workers, slot->home->history->study, &spec, dir, resume, slot->home->gpus, &handler, slot,
               &slot->job, &err)) {
        if (err.status == STATUS_INVALID)
            end_unstarted(slot, &err);
        else
            put_off(slot, &err);
        return;
    }
    pause_machine_works(slot->home->pause, clock_mono_ms(slot->home->history->clock));
    slot->state = SLOT_RUNS;
    enum status s = history_started(slot->home->history, t, job_pid(slot->job), cost, &err);
    if (s) fail(slot, s, &err);
    slot->home->say(slot->home->data, NEWS_STARTED, t, NULL);
}

/* It is running when the agent says so. */
static void start_there(struct slot *slot, const char *resume, double cost)
{
    const struct attempt_spec spec = spec_of(slot->trial);
    json_t *assignment = launch_assignment(slot->home->history->study, &spec, resume, cost);
    const struct slot_home *home = slot->home;
    if (home->definition)
        json_object_set_new(assignment, "definition", json_string(home->definition(home->definition_data)));
    slot->state = SLOT_RUNS;
    seat_assign(slot->seat, slot->lease, assignment);
}

void slot_start(struct slot *slot)
{
    struct arena a = {0};
    struct error err;
    double cost = 0;
    if (slot->place == PLACE_CLIENT) {
        slot->state = SLOT_RUNS;
        slot->home->say(slot->home->data, NEWS_STARTED, slot->trial, NULL);
        return;
    }
    const char *resume = checkpoint_find(slot->home->history, slot->trial, &a, &cost, &err);
    if (resume || !err.status || begin_anew(slot, &err)) {
        if (slot->place == PLACE_HERE)
            start_here(slot, slot_folder(slot, &a), resume, cost);
        else
            start_there(slot, resume, cost);
    }
    arena_done(&a);
}

void slot_take_back(struct slot *slot)
{
    give_up(slot, OUTCOME_STOPPED, "it had not begun yet");
}
