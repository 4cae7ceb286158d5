#include "tuner/coordinator/beginning.h"

/* ---- hooks of its execution ---- */

static void on_started(void *data, int64_t pid)
{
    struct active_attempt *a = data;
    attempt_hears_start(a, pid, a->resumed_cost);
}

static void on_report(void *data, long step, const json_t *metrics)
{
    if (!attempt_is_over(data)) attempt_hears_report(data, step, metrics);
}

static void on_policy(void *data, const json_t *policy)
{
    if (!attempt_is_over(data)) attempt_hears_policy(data, policy);
}

static void on_item(void *data, const char *id, const json_t *metrics)
{
    if (!attempt_is_over(data)) attempt_hears_item(data, id, metrics);
}

static void on_checkpoint(void *data, long step, const char *path)
{
    if (!attempt_is_over(data)) attempt_hears_checkpoint(data, step, path);
}

static void on_end(void *data, const struct job_outcome *outcome)
{
    attempt_hears_end(data, outcome);
}

static const struct execution_hooks hooks = {
    .started = on_started,
    .program = {
        .report = on_report, .item = on_item, .policy = on_policy, .checkpoint = on_checkpoint, .end = on_end}};

/* ---- its beginning ---- */

bool attempt_promise(struct active_attempt *a, const struct trial *t, const struct stage_order *order, int64_t ttl_ms)
{
    struct history *s = a->home->history;
    const struct executor *at = a->at->at;
    struct arena arena = {0};
    struct error err;
    const struct study *study = history_memory(s)->study;
    struct lease_order lease = {.holder = at->holder ? at->holder(a->at) : (struct holder){0}, .ttl_ms = ttl_ms};
    if (at->has_folder) lease.dir = launch_folder(a->home->files, study, t->number, t->effort.attempts + 1, &arena);
    if (order) load_clear(&a->home->depot, t, t->effort.attempts); /* of one that was killed with its coordinator */
    if (order) lease.stage = study->pipeline.stage[order->stage].name, lease.key = order->key;
    enum status st = history_lease_to(s, t, &lease, &err);
    arena_done(&arena);
    if (st) {
        attempt_fail(a, st, &err);
        return false;
    }
    a->state = ATTEMPT_PROMISED;
    a->trial = t;
    a->lease = t->attempt.lease;
    a->batch = journal_batch(history_journal(s));
    return true;
}

void attempt_adopt(struct active_attempt *a, const struct trial *t)
{
    a->state = ATTEMPT_RUNS;
    a->trial = t;
    a->lease = t->attempt.lease;
    a->settings = t->attempt.settings;
    a->stopping_ms = t->attempt.stop.state == STOP_PRUNE ? clock_mono_ms(a->home->memory->clock) : 0;
}

/* No program could be started: the trial goes back, and nothing is tried for a while. */
static void put_off(struct active_attempt *a, const struct error *why)
{
    pause_machine_failed(a->home->pause, why->text, clock_mono_ms(a->home->memory->clock));
    attempt_give_up(a, OUTCOME_NOT_STARTED, why->text);
}

/* Its checkpoint is gone or cut short. A trial's own: it begins anew. Its parent's: without that it is another trial.
 */
static bool begin_anew(struct active_attempt *a, const struct error *why)
{
    struct error err;
    bool own = a->trial->checkpoint.name && a->trial->checkpoint.stage == a->trial->attempt.stage;
    attempt_say(a, why->text);
    if (own) return true;
    enum status s =
        history_finish(a->home->history, a->trial, &(struct ending){.state = TRIAL_FAILED, .reason = why->text}, &err);
    attempt_end(a, s, &err, NULL);
    return false;
}

/* What the study asks for cannot be started, today or tomorrow: the trial has failed. */
static void end_unstarted(struct active_attempt *a, const struct error *why)
{
    const struct job_outcome outcome = {.end = JOB_FAILED, .reason = why->text};
    attempt_hears_end(a, &outcome);
}

/* What the program of its stage is given; NULL: it runs the whole of the trial. In the arena. */
static const struct stage_run *stage_run(const struct active_attempt *a, const char *dir, struct arena *arena)
{
    const struct memory *s = a->home->memory;
    const char *depot = launch_depot(a->home->files, s->study, arena);
    struct stage_run *out = arena_alloc(arena, sizeof *out);
    if (a->trial->attempt.stage < 0) return NULL;
    stage_inputs(s, a->trial, (size_t)a->trial->attempt.stage, depot, arena, out);
    out->output = launch_output(dir, arena);
    return out;
}

static void start(struct active_attempt *a, const char *dir, const struct resume *resume, struct arena *arena)
{
    const struct attempt_home *home = a->home;
    const struct trial *t = a->trial;
    struct error err;
    const struct attempt_spec spec = {.study = home->memory->study,
                                      .trial = t->number,
                                      .attempt = t->effort.attempts,
                                      .lease = t->attempt.lease,
                                      .seed = t->seed,
                                      .config = t->config,
                                      .dir = dir,
                                      .resume = *resume,
                                      .stage = stage_run(a, dir, arena),
                                      .definition = home->options->definition ? home->options->definition(home->options->data) : NULL};
    a->resumed_cost = resume->cost;
    a->at->hooks = &hooks;
    a->at->data = a;
    a->state = ATTEMPT_RUNS;
    enum status s = a->at->at->start(a->at, &spec, &err);
    if (!s && a->at && a->at->at->is_here) pause_machine_works(home->pause, clock_mono_ms(a->home->memory->clock));
    if (s == STATUS_INVALID)
        end_unstarted(a, &err);
    else if (s)
        put_off(a, &err);
}

/* Was the attempt that left the checkpoint over before the trial went on? Nobody has written to it since. */
static bool was_closed(const struct trial *t, const struct checkpoint *left)
{
    const struct past_lease *p = t->attempt.past;
    for (long k = t->effort.attempts - 1; p && k > left->attempt; k--) p = p->next;
    return p && p->lease < t->resumed.since;
}

/* The checkpoint that it goes on from, in the arena; none: it begins. */
static enum status find_resume(const struct active_attempt *a, struct arena *arena, struct resume *ret,
                               struct error *err)
{
    const struct attempt_home *home = a->home;
    const struct checkpoint *from = a->at->at->has_folder ? segment_from(home->memory, a->trial) : NULL;
    if (!from) return STATUS_OK;
    const char *dir = launch_folder(home->files, home->memory->study, from->trial, from->attempt, arena);
    const char *path = arena_printf(arena, "%s/%s", dir, from->name ? from->name : "");
    struct checkpoint left = *from;
    bool own = left.trial == a->trial->number;
    if (own && !was_closed(a->trial, &left))
        left.digest = NULL; /* a later one may lie there, which nobody was told of */
    enum status s = checkpoint_verify(&left, path, err);
    if (!s) *ret = (struct resume){path, from->trial, from->attempt, from->name, from->cost};
    return s;
}

/* What is not there is run again: the trial goes back. */
static void on_checked(void *data, const char *bad, const char *why)
{
    struct active_attempt *a = data;
    struct arena arena = {0};
    a->load = NULL;
    if (a->state == ATTEMPT_CHECKS && bad) {
        attempt_say(
            a, arena_printf(&arena,
                            "trial %ld: the checkpoint %.12s, which it takes, is not there as it was left (%s); the "
                            "stage that made it is run again",
                            a->trial->number, bad, why));
        attempt_give_up(a, OUTCOME_NOT_STARTED, "a checkpoint that it takes was damaged");
    } else if (a->state == ATTEMPT_CHECKS)
        a->state = ATTEMPT_CHECKED;
    arena_done(&arena);
}

void attempt_start(struct active_attempt *a)
{
    struct arena arena = {0};
    struct error err;
    struct resume resume = {.path = NULL};
    if (a->state == ATTEMPT_PROMISED) {
        a->load = load_check(&a->home->depot, a->trial, on_checked, a);
        a->state = a->load ? ATTEMPT_CHECKS : ATTEMPT_CHECKED;
    }
    if (a->state != ATTEMPT_CHECKED) return;
    if (!find_resume(a, &arena, &resume, &err) || begin_anew(a, &err))
        start(a, attempt_folder(a, &arena), &resume, &arena);
    arena_done(&arena);
}

void attempt_take_back(struct active_attempt *a)
{
    attempt_give_up(a, OUTCOME_STOPPED, "it had not begun yet");
}
