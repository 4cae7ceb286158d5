#include "tuner/coordinator/slot.h"

#include "tuner/coordinator/attempt.h"
#include "tuner/coordinator/launch.h"
#include "tuner/coordinator/observed.h"
#include "tuner/coordinator/population.h"

#include "tuner/base/host.h"

#include <signal.h>

static void note(struct slot *slot, const char *text)
{
    slot->home->say(slot->home->data, EVENT_NOTE, NULL, text);
}

static void fail(struct slot *slot, enum status status, const struct error *err)
{
    slot->home->fail(slot->home->data, status, err);
}

/* ---- what it is told ---- */

static void adapt(struct slot *slot, const struct order *order)
{
    json_t *message = json_pack("{s:{s:f, s:f}}", "policy", "patience", order->patience, "threshold", order->threshold);
    job_send(slot->job, message);
    json_decref(message);
}

void slot_obey(struct slot *slot, const struct order *order)
{
    if (order->adapt) adapt(slot, order);
    if (!order->stop) return;
    slot->condemned = true;
    job_stop(slot->job, order->why);
}

void slot_condemn(struct slot *slot, const char *why)
{
    if (!slot->condemned) session_condemn(slot->home->session, slot->trial, why);
    slot->condemned = true;
    job_stop(slot->job, why);
}

/* ---- what it says ---- */

/* Tells a trial those settings that differ from what it has. */
static void tell_settings(struct slot *slot, const double *was, const double *now)
{
    const struct space *space = &slot->home->session->study->space;
    json_t *set = json_object(), *all = space_to_json(space, now);
    for (size_t i = 0; i < space->n; i++)
        if (was[i] != now[i] && json_is_number(json_object_get(all, space->param[i].name)))
            json_object_set(set, space->param[i].name, json_object_get(all, space->param[i].name));
    json_decref(all);
    json_t *message = json_pack("{s:o}", "set", set);
    if (json_object_size(set)) job_send(slot->job, message);
    json_decref(message);
}

/* The course of a trial: settings that change by what it has cost, and where it ends. */
static void steer(struct slot *slot)
{
    struct session *s = slot->home->session;
    struct trial *t = slot->trial;
    double cost = session_cost(s, t->last, t->step);
    size_t before = t->course_at;
    population_steer(s, t);
    while (t->course_at < t->course.n && t->course.step[t->course_at].from <= cost) t->course_at++;
    if (t->course_at > before)
        tell_settings(slot, before ? t->course.step[before - 1].config : t->config,
                      t->course.step[t->course_at - 1].config);
    if (t->course.until <= 0 || !(cost >= t->course.until) || slot->condemned) return;
    slot->condemned = true;
    job_stop(slot->job, "the interval is over");
}

static void on_job_report(void *data, long step, const json_t *metrics)
{
    struct slot *slot = data;
    session_report(slot->home->session, slot->trial, step, metrics);
    steer(slot);
}

static void on_job_policy(void *data, const json_t *policy)
{
    struct slot *slot = data;
    struct error err;
    if (observed_announce(slot->home->session, slot->trial, policy, &err)) note(slot, err.text);
}

static void on_job_checkpoint(void *data, long step, const char *path)
{
    struct slot *slot = data;
    struct arena a = {0};
    struct error err;
    const char *dir =
        launch_folder(slot->home->files, slot->home->session->study, slot->trial, slot->trial->attempts, &a);
    if (attempt_checkpoint(slot->home->session, slot->trial, dir, step, path, &err)) note(slot, err.text);
    arena_done(&a);
}

/* ---- its end ---- */

/* Only the kernel and people send SIGKILL; the kernel keeps count of its own. */
static bool was_out_of_memory(const struct slot *slot, const struct job_outcome *outcome)
{
    return outcome->signal == SIGKILL && slot->killed >= 0 && host_memory_kills() > slot->killed;
}

static void on_job_end(void *data, const struct job_outcome *outcome)
{
    struct slot *slot = data;
    struct session *session = slot->home->session;
    struct error err;
    if (outcome->end == JOB_NOT_STARTED)
        pause_machine_failed(slot->home->pause, outcome->reason, clock_mono_ms(session->clock));
    enum status s = attempt_conclude(session, slot->trial, outcome, was_out_of_memory(slot, outcome), &err);
    slot->state = SLOT_FREE;
    slot->job = NULL;
    if (s)
        fail(slot, s, &err);
    else
        slot->home->ended(slot->home->data, slot->trial, outcome->end == JOB_CRASHED ? outcome->reason : NULL);
}

static const struct job_handler handler = {on_job_report, on_job_checkpoint, on_job_policy, on_job_end};

/* ---- its beginning ---- */

void slot_promise(struct slot *slot, struct trial *t)
{
    struct arena a = {0};
    struct error err;
    const char *dir = launch_folder(slot->home->files, slot->home->session->study, t, t->attempts + 1, &a);
    enum status s = session_lease(slot->home->session, t, dir, 0, &err);
    if (s)
        fail(slot, s, &err);
    else
        *slot = (struct slot){.home = slot->home,
                              .state = SLOT_PROMISED,
                              .trial = t,
                              .batch = journal_batch(slot->home->session->journal),
                              .killed = host_memory_kills()};
    arena_done(&a);
}

/* No program could be started: the trial goes back, and nothing is tried for a while. */
static void put_off(struct slot *slot, const struct error *why)
{
    struct error err;
    slot->state = SLOT_FREE;
    pause_machine_failed(slot->home->pause, why->text, clock_mono_ms(slot->home->session->clock));
    enum status s = session_return(slot->home->session, slot->trial, "not started", why->text, 0, &err);
    if (s) fail(slot, s, &err);
}

/* Its checkpoint is gone or cut short. A trial's own: it begins anew. Its parent's: without that it is another trial.
 */
static bool begin_anew(struct slot *slot, const struct error *why)
{
    struct error err;
    bool own = slot->trial->checkpoint.path != NULL;
    note(slot, why->text);
    session_note(slot->home->session, why->text);
    if (own) return true;
    slot->state = SLOT_FREE;
    enum status s = session_finish(slot->home->session, slot->trial, TRIAL_FAILED, NULL, why->text, NULL, &err);
    if (s) fail(slot, s, &err);
    slot->home->ended(slot->home->data, slot->trial, NULL);
    return false;
}

void slot_start(struct slot *slot)
{
    struct trial *t = slot->trial;
    struct arena a = {0};
    struct error err;
    char *dir = launch_folder(slot->home->files, slot->home->session->study, t, t->attempts, &a);
    double cost = 0;
    const char *resume = attempt_resume(slot->home->session, t, &a, &cost, &err);
    if (!resume && err.status && !begin_anew(slot, &err)) {
        arena_done(&a);
        return;
    }
    if (launch(slot->home->workers, slot->home->session->study, t, dir, resume, &handler, slot, &slot->job, &err))
        put_off(slot, &err);
    else {
        pause_machine_works(slot->home->pause, clock_mono_ms(slot->home->session->clock));
        slot->state = SLOT_RUNS;
        enum status s = session_started(slot->home->session, t, job_pid(slot->job), cost, &err);
        if (s) fail(slot, s, &err);
        slot->home->say(slot->home->data, EVENT_STARTED, t, NULL);
    }
    arena_done(&a);
}

void slot_take_back(struct slot *slot)
{
    struct error err;
    enum status s = session_return(slot->home->session, slot->trial, "stopped", "it had not begun yet", 0, &err);
    slot->state = SLOT_FREE;
    if (s) fail(slot, s, &err);
}
