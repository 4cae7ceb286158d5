#include "tuner/cli/duty.h"

#include "tuner/cli/cli.h"
#include "tuner/cli/diagnosis.h"
#include "tuner/cli/evaluation.h"
#include "tuner/cli/heats.h"
#include "tuner/cli/retuning.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t now_ms(void)
{
    return clock_wall_ms(clock_real());
}

/* ---- reading ---- */

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static enum watch_phase phase_of(const char *name)
{
    int i = 0;
    while (i < WATCH_TRYING && strcmp(name, watch_phase_name((enum watch_phase)i)) != 0) i++;
    return (enum watch_phase)i;
}

enum status duty_read(struct duty *d, const struct duty_place *at, const json_t *status, struct arena *arena,
                      struct error *err)
{
    const json_t *watch = json_object_get(status, "watch");
    char *plan = json_text(json_object_get(watch, "rules"));
    *d = (struct duty){.at = *at,
                       .arena = arena,
                       .status = status,
                       .rollout = text_at(status, "rollout"),
                       .study = text_at(status, "study"),
                       .tuned = text_at(watch, "study"),
                       .phase = phase_of(text_at(watch, "phase")),
                       .watch_work = json_is_true(json_object_get(watch, "asked"))   ? WATCH_ASKED
                                     : json_is_true(json_object_get(watch, "begun")) ? WATCH_BEGUN
                                                                                     : WATCH_DUE,
                       .since_ms = json_integer_value(json_object_get(watch, "since_ms")),
                       .evaluated_ms = json_integer_value(json_object_get(watch, "evaluated_ms")),
                       .gather = json_number_at(watch, "gather"),
                       .open = json_is_true(json_object_get(status, "open")),
                       .tried = json_is_true(json_object_get(status, "tried"))};
    enum status s = watch_plan_read("the watch", plan, arena, &d->plan, err);
    free(plan);
    return s;
}

/* ---- the studies ---- */

struct opened {
    struct study *study;
    struct history *history;
};

static enum status open_named(const struct duty *d, const char *name, struct opened *ret, struct error *err)
{
    return history_load(d->at.store, name, clock_real(), &ret->study, &ret->history, err);
}

/* What was tuned last, if it is there yet, else the first one. */
static enum status open_latest(const struct duty *d, struct opened *ret, struct error *err)
{
    if (*d->tuned && open_named(d, d->tuned, ret, err) == STATUS_OK) return STATUS_OK;
    return open_named(d, d->study, ret, err);
}

static void opened_done(struct opened *x)
{
    history_free(x->history);
    study_free(x->study);
}

/* ---- what has been done goes into the log ---- */

static enum duty_end give_up_for_now(const struct error *err)
{
    cli_fail(err);
    return DUTY_LATER;
}

static enum duty_end finish(const struct duty *d, const struct live_watch_work *work)
{
    struct error err;
    enum status s = live_watch_done(d->at.store, d->rollout, work, now_ms(), &err);
    return s == STATUS_OK || s == STATUS_CONFLICT ? DUTY_DONE : give_up_for_now(&err); /* somebody else has moved it */
}

static enum duty_end finish_as(const struct duty *d, enum watch_turn turn, const char *why)
{
    return finish(d, &(struct live_watch_work){.phase = d->phase, .turn = turn, .why = why});
}

/* ---- every so often: the champion, as it does now ---- */

static double items_of(const struct duty *d, const struct study *study)
{
    for (size_t i = 0; i < d->plan.n; i++) {
        int m = objective_find_metric(&study->objective, d->plan.metric[i].name);
        if (m >= 0 && study->objective.metric[m].of > 0) return study->objective.metric[m].of;
    }
    return 1;
}

static json_t *metrics_of(const struct study *study, const struct measured *value)
{
    json_t *out = json_object();
    for (size_t m = 0; m < study->objective.n_metrics; m++)
        if (value[m].n) json_object_set_new(out, study->objective.metric[m].name, json_number(value[m].value[0]));
    return out;
}

static enum duty_end note_run(const struct duty *d, const struct study *study, const struct evaluation *e)
{
    struct error err;
    json_t *metrics = e->value ? metrics_of(study, e->value[0]) : json_object();
    const struct live_watch_run run = {metrics, items_of(d, study), *e->failure ? e->failure : NULL};
    enum status s = live_watch_ran(d->at.store, d->rollout, &run, now_ms(), &err);
    json_decref(metrics);
    return s ? give_up_for_now(&err) : DUTY_DONE;
}

static enum duty_end evaluate_champion(const struct duty *d, const struct opened *at)
{
    struct error err;
    double *config = arena_array(d->arena, at->study->space.n + 1, sizeof *config);
    struct evaluation e = {.db = d->at.db,
                           .base = at->study,
                           .name = evaluation_study(d->study, d->arena),
                           .command = d->plan.n_command ? d->plan.command : NULL,
                           .n_command = d->plan.n_command,
                           .tag = arena_printf(d->arena, SOURCE_WATCH "%s, after %lld", d->rollout, (long long)d->evaluated_ms),
                           .n = 1,
                           .seeds = 1,
                           .config = &(const double *){config},
                           .failure = ""};
    const json_t *parameters = json_object_get(json_object_get(d->status, "champion"), "parameters");
    if (space_from_json(&at->study->space, parameters, config, &err))
        e.failure = arena_printf(d->arena, "the champion does not fit study '%s': %s", at->study->name, err.text);
    else if (evaluation_run(&e, d->arena) == EXIT_INTERRUPTED)
        return DUTY_LATER;
    return note_run(d, at->study, &e);
}

static enum duty_end evaluate(const struct duty *d)
{
    struct opened at = {NULL, NULL};
    struct error err;
    bool due = d->plan.every_ms > 0 && (d->evaluated_ms == 0 || now_ms() - d->evaluated_ms >= d->plan.every_ms);
    if (!due) return DUTY_NONE;
    if (open_latest(d, &at, &err)) return give_up_for_now(&err);
    enum duty_end end = evaluate_champion(d, &at);
    opened_done(&at);
    return end;
}

/* ---- after an alarm: what it has done ---- */

static void run_suspects(const struct duty *d, struct diagnosis *x, struct evaluation *e)
{
    const double **config = arena_array(d->arena, x->n, sizeof *config);
    for (size_t i = 0; i < x->n; i++) config[i] = x->suspect[i].config;
    *e = (struct evaluation){.db = d->at.db,
                             .base = x->memory->study,
                             .name = evaluation_study(d->study, d->arena),
                             .command = d->plan.n_command ? d->plan.command : NULL,
                             .n_command = d->plan.n_command,
                             .tag = arena_printf(d->arena, SOURCE_DRIFT "%s, since %lld", d->rollout, (long long)d->since_ms),
                             .n = x->n,
                             .seeds = x->seeds,
                             .config = config};
}

static enum status make_configuration(const struct diagnosis *x, struct configuration *ret)
{
    struct error ignored;
    const struct study *study = x->memory->study;
    if (x->found->trial >= 0) return configuration_of_trial(x->memory, x->found->trial, ret, &ignored);
    json_t *params = space_to_json(&study->space, x->found->config);
    enum status s = configuration_of_params(study, params, ret, &ignored);
    json_decref(params);
    return s;
}

static enum duty_end conclude(const struct duty *d, struct diagnosis *x, const struct evaluation *e,
                              const struct evaluated *course)
{
    for (size_t i = 0; i < x->n; i++) {
        memcpy(x->suspect[i].now, e->value[i], sizeof x->suspect[i].now);
        x->suspect[i].seeds = course[i].seeds;
        x->suspect[i].gone = course[i].gone;
    }
    diagnosis_judge(x, d->arena);
    json_t *evidence = diagnosis_json(x);
    struct configuration found = {.body = NULL};
    struct live_watch_work work = {.phase = WATCH_EVALUATING, .why = x->why, .evidence = evidence};
    if (x->found && make_configuration(x, &found) == STATUS_OK) {
        work.turn = WATCH_FOUND;
        work.challenger = &found;
        work.why = arena_printf(d->arena, "%s: it is tried at once", x->why);
    }
    enum duty_end end = finish(d, &work);
    free(found.body);
    json_decref(evidence);
    return end;
}

static void add_last_experiment(const struct duty *d, struct diagnosis *x, json_t **ret_status)
{
    struct error ignored;
    if (live_status(d->at.store, d->rollout, 0, now_ms(), ret_status, &ignored)) return;
    diagnosis_add(x, json_object_get(json_object_get(*ret_status, "experiment"), "variants"), d->arena);
}

static size_t seeds_of(const struct duty *d, const struct study *study)
{
    long seeds = d->plan.seeds > 0 ? d->plan.seeds : study->confirm.seeds;
    return seeds > 0 ? (size_t)seeds : 1;
}

static enum duty_end diagnose_in(const struct duty *d, const struct opened *at)
{
    struct diagnosis *x = arena_alloc(d->arena, sizeof *x);
    struct evaluation e;
    struct error err;
    json_t *status = NULL;
    struct evaluated *course = NULL;
    const struct memory *s = history_memory(at->history);
    const json_t *champion = json_object_get(d->status, "champion");
    if (diagnosis_begin(x, s, champion, d->plan.top, d->arena, &err)) return finish_as(d, WATCH_OVER, err.text);
    add_last_experiment(d, x, &status);
    x->seeds = seeds_of(d, at->study);
    run_suspects(d, x, &e);
    int code = heats_run(&e, &course, d->arena);
    json_decref(status);
    if (code == EXIT_INTERRUPTED) return DUTY_LATER;
    if (!e.value || e.value[0][0].n == 0)
        return finish_as(d, WATCH_OVER, arena_printf(d->arena, "the champion could not be run again: %s", e.failure));
    return conclude(d, x, &e, course);
}

static enum duty_end diagnose(const struct duty *d)
{
    struct opened at = {NULL, NULL};
    struct error err;
    if (open_latest(d, &at, &err)) return give_up_for_now(&err);
    enum duty_end end = diagnose_in(d, &at);
    opened_done(&at);
    return end;
}

/* ---- tuned anew ---- */

static enum duty_end begin_tuning(const struct duty *d, const struct study *base)
{
    struct error err;
    const char *name = NULL;
    if (retuning_name(d->at.store, base, d->arena, &name, &err)) return finish_as(d, WATCH_OVER, err.text);
    return finish(d, &(struct live_watch_work){.phase = WATCH_TUNING, .turn = WATCH_BEGAN, .study = name,
                                               .why = arena_printf(d->arena, "study %s", name)});
}

static const char *best_text(const struct duty *d, const struct memory *s, long trial)
{
    const struct objective *o = &s->study->objective;
    const struct ranking all = ranking_make(s, o, d->arena);
    const char *text = arena_printf(d->arena, "study %s has found trial %ld", s->study->name, trial);
    char is[64], was[64];
    for (size_t m = 0; m < o->n_metrics && all.winner && all.baseline; m++)
        if (objective_uses(o, m))
            text = arena_printf(d->arena, "%s, %s %s (the champion now: %s)", text, o->metric[m].name,
                                metric_show(&o->metric[m], all.winner->mean[m], is, sizeof is),
                                metric_show(&o->metric[m], all.baseline->mean[m], was, sizeof was));
    return text;
}

static enum duty_end end_tuning(const struct duty *d)
{
    struct opened at = {NULL, NULL};
    struct configuration best = {.body = NULL};
    struct error err;
    long trial = 0;
    struct live_watch_work work = {.phase = WATCH_TUNING, .turn = WATCH_OVER, .study = d->tuned, .why = err.text};
    enum status s = open_named(d, d->tuned, &at, &err);
    if (!s) s = configuration_best(history_memory(at.history), &trial, &err);
    if (!s) s = configuration_of_trial(history_memory(at.history), trial, &best, &err);
    if (!s) {
        work.turn = WATCH_DONE;
        work.challenger = &best;
        work.why = best_text(d, history_memory(at.history), trial);
    }
    enum duty_end end = finish(d, &work);
    free(best.body);
    opened_done(&at);
    return end;
}

/* Somebody holds it, or ends this process, or has stopped the study: that was his wish. */
static enum duty_end end_interrupted(const struct duty *d, const struct error *err)
{
    if (*err->text || d->at.stopping(d->at.data)) return DUTY_LATER;
    return finish_as(d, WATCH_OVER, arena_printf(d->arena, "study %s was stopped by request", d->tuned));
}

static enum duty_end tune(const struct duty *d, const char *path)
{
    struct study *study = NULL;
    struct error err = {.text = ""};
    const char *why = NULL;
    if (study_load(path, &study, &err)) return finish_as(d, WATCH_OVER, err.text);
    int code = run_study(study, &(struct run_options){.budget = {.until_minutes = -1},
                                                      .seed = -1,
                                                      .quiet = d->at.quiet,
                                                      .json = d->at.json,
                                                      .db = d->at.db,
                                                      .notify = d->at.notify,
                                                      .err = &err});
    study_free(study);
    if (code == EXIT_OK) return end_tuning(d);
    if (code == EXIT_INTERRUPTED) return end_interrupted(d, &err);
    why = *err.text ? err.text : "nothing of it could be run";
    return finish_as(d, WATCH_OVER, arena_printf(d->arena, "study %s: %s", d->tuned, why));
}

static enum duty_end retune_from(const struct duty *d, const struct study *base)
{
    struct error err;
    const char *path = NULL;
    const struct retuning r = {d->at.store, base, d->tuned, json_object_get(d->status, "champion"), d->plan.trials};
    if (d->watch_work == WATCH_DUE) return begin_tuning(d, base);
    enum status s = retuning_file(&r, d->arena, &path, &err);
    if (s == STATUS_INVALID) return finish_as(d, WATCH_OVER, err.text);
    return s ? give_up_for_now(&err) : tune(d, path);
}

static enum duty_end retune(const struct duty *d)
{
    struct opened at = {NULL, NULL};
    struct error err;
    if (open_named(d, d->study, &at, &err)) return give_up_for_now(&err);
    enum duty_end end = retune_from(d, at.study);
    opened_done(&at);
    return end;
}

/* ---- tried ---- */

/* What the watch has learnt of an amount, or was told. */
static double cap_of(const struct duty *d, size_t i)
{
    const json_t *streams = json_object_get(json_object_get(d->status, "watch"), "streams");
    return json_number_read(json_array_get(json_object_get(json_array_get(streams, i), "marks"), 2));
}

/* Of an amount: fewer, if that is what had drifted; else not many more. Beyond four caps nothing is taken. */
static json_t *amount_json(double cap, bool drifted)
{
    if (drifted) return json_pack("{s:s, s:o}", "prove", "fewer", "cap", json_amount(cap));
    return json_pack("{s:s, s:s, s:[i, o], s:f}", "prove", "nothing", "goal", "minimize", "range", 0,
                     json_amount(4 * cap), "guard", cap / 2);
}

static json_t *scale_json(const struct watch_metric *m)
{
    const char *goal = m->minimize ? "minimize" : "maximize";
    if (m->both) /* an input: nobody can make it worse */
        return json_pack("{s:s, s:s, s:[f, f], s:f}", "prove", "nothing", "goal", goal, "range", m->low, m->high, "guard",
                         m->high - m->low);
    return json_pack("{s:s, s:s, s:[f, f]}", "prove", "not_worse", "goal", goal, "range", m->low, m->high);
}

/* Without an experiment before: what has drifted is to be mended, and nothing else made worse. All that is watched is
 * in it, so that it is watched meanwhile, too. */
static const char *plan_of_watch(const struct duty *d)
{
    json_t *metrics = json_object();
    const char *most = text_at(json_object_get(d->status, "watch"), "most");
    for (size_t i = 0; i < d->plan.n; i++) {
        const struct watch_metric *m = &d->plan.metric[i];
        bool drifted = strcmp(m->name, most) == 0;
        json_object_set_new(metrics, m->name, m->amount ? amount_json(cap_of(d, i), drifted) : scale_json(m));
    }
    json_t *plan = json_pack("{s:o}", "metrics", metrics);
    char *text = json_text(plan);
    const char *kept = arena_strdup(d->arena, text);
    free(text);
    json_decref(plan);
    return kept;
}

static const char *plan_of_last(const struct duty *d)
{
    json_t *status = NULL;
    struct error ignored;
    const char *plan = NULL;
    if (live_status(d->at.store, d->rollout, 0, now_ms(), &status, &ignored) == STATUS_OK)
        plan = json_string_value(json_object_get(json_object_get(status, "experiment"), "plan"));
    const char *kept = plan ? arena_strdup(d->arena, plan) : plan_of_watch(d);
    json_decref(status);
    return kept;
}

static enum duty_end start_experiment(const struct duty *d)
{
    struct configuration challenger;
    struct error err;
    const json_t *found = json_object_get(d->status, "challenger");
    if (!found) return finish_as(d, WATCH_OVER, "there is nothing to try");
    configuration_of_json(found, &challenger);
    const struct live_wish wish = {.rollout = d->rollout,
                                   .study = d->study,
                                   .plan_name = "the experiment's plan",
                                   .plan = *d->plan.experiment ? d->plan.experiment : plan_of_last(d),
                                   .n = 1,
                                   .challenger = &challenger,
                                   .by = "nocturne"};
    enum status s = live_start(d->at.store, &wish, now_ms(), &err);
    free(challenger.body);
    if (s == STATUS_INVALID) return finish_as(d, WATCH_OVER, err.text);
    return s && s != STATUS_CONFLICT ? give_up_for_now(&err) : DUTY_DONE;
}

enum duty_end duty_do(const struct duty *d)
{
    switch (d->phase) {
    case WATCH_LEARNING:
    case WATCH_WATCHING: return evaluate(d);
    case WATCH_DRIFTED: return d->gather > 0 ? DUTY_NONE : finish_as(d, WATCH_DONE, "what it has done is looked into");
    case WATCH_EVALUATING: return diagnose(d);
    case WATCH_TUNING: return retune(d);
    case WATCH_TRYING: return d->open || d->tried ? DUTY_NONE : start_experiment(d); /* its end is seen by the next tick */
    }
    return DUTY_NONE;
}
