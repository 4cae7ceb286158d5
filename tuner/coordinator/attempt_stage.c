#include "tuner/coordinator/attempt_stage.h"

#include "tuner/coordinator/porter.h"

#include <stdlib.h>

struct load {
    struct arena arena;
    const char *depot;
    struct porter_check check;
    struct porter_keep keep;
    json_t *metrics;
};

static const struct stage *stage_of(const struct active_attempt *a)
{
    return &a->home->memory->study->pipeline.stage[a->trial->attempt.stage];
}

static struct load *take_up(struct active_attempt *a)
{
    struct load *x = a->load = must_alloc(1, sizeof *x);
    x->depot = launch_depot(a->home->files, a->home->memory->study, &x->arena);
    return x;
}

static void put_down(struct active_attempt *a)
{
    struct load *x = a->load;
    a->load = NULL;
    json_decref(x->metrics);
    arena_done(&x->arena);
    free(x);
}

const char *attempt_stage_why(const struct active_attempt *a, const char *why, struct arena *arena)
{
    return a->trial->attempt.stage < 0 ? why : arena_printf(arena, "stage '%s': %s", stage_of(a)->name, why);
}

/* ---- what it takes ---- */

const struct stage_run *attempt_stage_run(const struct active_attempt *a, const char *dir, struct arena *arena)
{
    const struct memory *s = a->home->memory;
    const char *depot = launch_depot(a->home->files, s->study, arena);
    struct stage_run *out = arena_alloc(arena, sizeof *out);
    if (a->trial->attempt.stage < 0) return NULL;
    stage_inputs(s, a->trial, (size_t)a->trial->attempt.stage, depot, arena, out);
    out->output = launch_output(dir, arena);
    return out;
}

/* It is run again where it came from. */
static void give_back(struct active_attempt *a, const struct porter_check *x)
{
    struct arena arena = {0};
    const char *why = arena_printf(&arena, "the checkpoint %.12s, which it takes, is not there as it was left: %s",
                                   x->bad, x->err.text);
    attempt_say(a, arena_printf(&arena, "trial %ld: %s; the stage that made it is run again", a->trial->number, why));
    history_evict(a->home->history, x->bad, x->err.text);
    porter_remove(a->home->loop, x->depot, x->bad);
    attempt_give_up(a, OUTCOME_NOT_STARTED, why);
    arena_done(&arena);
}

static void on_checked(void *data)
{
    struct active_attempt *a = data;
    const struct porter_check *x = &a->load->check;
    if (a->state == ATTEMPT_CHECKS && x->bad)
        give_back(a, x);
    else if (a->state == ATTEMPT_CHECKS)
        a->state = ATTEMPT_CHECKED;
    put_down(a);
}

void attempt_stage_check(struct active_attempt *a)
{
    const struct product *takes[STAGES_MAX];
    size_t n = a->trial->attempt.stage < 0
                   ? 0
                   : stage_takes(a->home->memory, a->trial, (size_t)a->trial->attempt.stage, takes);
    a->state = n ? ATTEMPT_CHECKS : ATTEMPT_CHECKED;
    if (n == 0) return;
    struct load *x = take_up(a);
    x->check = (struct porter_check){.depot = x->depot, .n = n, .done = on_checked, .data = a};
    for (size_t i = 0; i < n; i++) x->check.digest[i] = arena_strdup(&x->arena, takes[i]->digest);
    porter_check(a->home->loop, &x->check);
}

/* ---- what it leaves ---- */

/* Those that nobody needs go, as far as the study's limit asks for it. */
static void evict(const struct active_attempt *a, const char *depot)
{
    for (const char *digest; (digest = stage_surplus(a->home->memory));) {
        porter_remove(a->home->loop, depot, digest);
        history_evict(a->home->history, digest, "more checkpoints than the study keeps");
    }
}

static void end_well(struct active_attempt *a, const struct load *x)
{
    struct error err;
    bool left = x->keep.status == STATUS_OK;
    const struct stage_end end = {
        .digest = left ? x->keep.left.digest : NULL, .bytes = left ? x->keep.left.bytes : 0, .metrics = x->metrics};
    enum status s = history_stage(a->home->history, a->trial, &end, &err);
    if (!s) evict(a, x->depot);
    attempt_end(a, s, &err, NULL);
}

/* Not the trial's fault, if it is the disk's. */
static void end_ill(struct active_attempt *a, const struct load *x)
{
    struct arena arena = {0};
    const char *why = x->keep.err.text;
    if (x->keep.status == STATUS_NOT_FOUND)
        why = arena_printf(
            &arena,
            "its program has left no checkpoint (%s): it is to write one, a file or a folder, to {output}, "
            "which is NOCTURNE_OUTPUT",
            x->keep.err.text);
    else
        why = arena_printf(&arena, "its checkpoint cannot be kept: %s", x->keep.err.text);
    bool own = x->keep.status == STATUS_NOT_FOUND || x->keep.status == STATUS_INVALID;
    const struct job_outcome outcome = {.end = own ? JOB_FAILED : JOB_NOT_STARTED, .reason = why};
    if (!own) pause_machine_failed(a->home->pause, why, clock_mono_ms(a->home->memory->clock));
    attempt_hears_end(a, &outcome);
    arena_done(&arena);
}

/* Nobody will ask for what a cancelled trial left. */
static void discard(const struct active_attempt *a, const struct load *x)
{
    if (x->keep.status || product_has(a->home->memory, x->keep.left.digest)) return;
    porter_remove(a->home->loop, x->depot, x->keep.left.digest);
}

static void on_kept(void *data)
{
    struct active_attempt *a = data;
    const struct load *x = a->load;
    bool optional = x->keep.status == STATUS_NOT_FOUND && !stage_of(a)->leads_on;
    if (trial_state_final(a->trial->state)) {
        discard(a, x);
        attempt_clear(a);
    } else if (x->keep.status == STATUS_OK || optional)
        end_well(a, x);
    else
        end_ill(a, x);
    put_down(a);
}

void attempt_stage_keep(struct active_attempt *a, const json_t *metrics)
{
    struct load *x = take_up(a);
    const char *dir = attempt_folder(a, &x->arena);
    attempt_clear(a); /* the slot is free: nothing of the program is left */
    a->state = ATTEMPT_KEEPS;
    x->metrics = json_incref((json_t *)metrics);
    x->keep =
        (struct porter_keep){.depot = x->depot, .path = launch_output(dir, &x->arena), .done = on_kept, .data = a};
    porter_keep(a->home->loop, &x->keep);
}

static bool is_known(void *data, const char *digest)
{
    return product_has(data, digest);
}

void attempt_stage_sweep(const struct attempt_home *home)
{
    struct arena arena = {0};
    if (home->memory->study->pipeline.n)
        depot_sweep(launch_depot(home->files, home->memory->study, &arena), is_known, (void *)home->memory);
    arena_done(&arena);
}
