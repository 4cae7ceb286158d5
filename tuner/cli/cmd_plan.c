#include "tuner/cli/cli.h"

#include "tuner/base/json.h"
#include "tuner/base/plain.h"
#include "tuner/base/width.h"
#include "tuner/base/words.h"

#include "tuner/analysis/analysis.h"
#include "tuner/coordinator/coordinator.h"
#include "tuner/execution/execution.h"
#include "tuner/search/search.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

struct options {
    struct cli_common common;
    struct run_options run;
    long probe;
};

static const struct argp_option table[] = {
    {"probe", 'p', "N", 0, "first run N trials, which the study keeps", 0},
    {"until", 'u', "HH:MM", 0, "the deadline", 0},
    {"trials", 'n', "N", 0, "trials of the search", 0},
    {"slots", 's', "N", 0, "trials at the same time", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->common; return 0;
    case 'p': o->probe = cli_whole(arg, "--probe", 1, 1000000, state); return 0;
    case ARGP_KEY_ARG:
        if (o->common.study) argp_error(state, "one study file, not '%s' as well", arg);
        o->common.study = arg;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "which study file? 'nocturne init' writes one"); return 0;
    default: return run_parse(key, arg, state, &o->run);
    }
}

/* ---- printing ---- */

static const char *show_count(double v, char *buf, size_t size)
{
    return words_show_count(v, buf, size);
}

static const char *show_ms(double v, char *buf, size_t size)
{
    return words_show_duration((int64_t)v, buf, size);
}

static const char *show_money(double v, char *buf, size_t size)
{
    snprintf(buf, size, fabs(v) < 1e7 ? "%.2f" : "%.4g", v);
    return buf;
}

enum { NAME_WIDTH = 14 };

static void print_interval(const char *name, const struct plan_interval *x, const char *(*show)(double, char *, size_t))
{
    char a[40], b[40], c[40];
    if (!isfinite(x->median)) return;
    struct arena arena = {0};
    printf("  %s %10s   90 %%: %s to %s\n", width_cell(&arena, name, NAME_WIDTH, false), show(x->median, a, sizeof a),
           show(x->low, b, sizeof b), show(x->high, c, sizeof c));
    arena_done(&arena);
}

/* Where the numbers of an unmodified program are found. */
static void print_matches(const struct objective *o)
{
    struct arena a = {0};
    for (size_t i = 0; i < o->n_metrics; i++) {
        const struct metric *m = &o->metric[i];
        if (!m->match) continue;
        printf("  %s %s%s: %s\n", width_cell(&a, m->name, NAME_WIDTH, false),
               m->file ? plain_shown(&a, m->file) : "output", m->reported ? ", reports with a step" : "",
               plain_shown(&a, m->match));
    }
    arena_done(&a);
}

static const char *how(const struct wiring *w, enum reach reach, struct arena *a)
{
    const char *program = plain_shown(a, w->program);
    switch (reach) {
    case REACH_NONE: return arena_printf(a, "nothing in %s asks for", program);
    case REACH_ARGUMENT: return "as arguments";
    case REACH_VARIABLE: return arena_printf(a, "as variables that %s reads", program);
    case REACH_FILE: return "in params.json, which the command names";
    case REACH_PROGRAM: return arena_printf(a, "as %s asks for them", program);
    case REACH_UNSEEN: return "in the environment, if the program looks there";
    case REACH_CHOICE: return "to decide which stages and parameters there are";
    }
    return "";
}

/* Which policy stops trials, and why that one. */
static void print_stopping(const struct study *study)
{
    enum pruner pruner = study->stopping.pruner;
    printf("  %-14s %s: %s\n", "stopping", pruner_name(pruner), pruner_about(pruner));
    printf("  %-14s %s\n", "", pruner_advice(pruner));
}

/* Of each way the parameters that go it. */
static void print_wiring(const struct study *study, const struct wiring *w)
{
    static const char *const seed[] = {"nothing asks for it",
                                       "as an argument",
                                       "as NOCTURNE_SEED",
                                       "in params.json",
                                       "as the program asks for it",
                                       "in the environment, if the program looks there",
                                       ""};
    struct arena a = {0};
    const char *label = "parameters";
    for (enum reach r = REACH_NONE; r <= REACH_CHOICE; r++) {
        char *names = NULL;
        for (size_t i = 0; i < study->space.n; i++)
            if (w->param[i] == r)
                names = arena_printf(&a, "%s%s%s", names ? names : "", names ? ", " : "", study->space.param[i].name);
        if (!names) continue;
        printf("  %-14s %s: %s\n", label, how(w, r, &a), names);
        label = "";
    }
    printf("  %-14s %s\n", "seed", seed[w->seed]);
    arena_done(&a);
}

/* "train (when distill == true): model, hidden", a line each */
static void print_stages(const struct study *study)
{
    struct arena a = {0};
    for (size_t i = 0; i < study->pipeline.n; i++) {
        const struct stage *x = &study->pipeline.stage[i];
        const char *line = x->name, *before = ": ";
        if (x->when) line = arena_printf(&a, "%s (when %s)", line, x->when_text);
        for (size_t p = 0; p < study->space.n; p++) {
            if (!x->names[p]) continue;
            line = arena_printf(&a, "%s%s%s", line, before, study->space.param[p].name);
            before = ", ";
        }
        printf("  %-14s %s\n", i ? "" : "stages", line);
    }
    arena_done(&a);
}

static void print_risks(const struct plan *p, const struct wiring *w)
{
    struct arena a = {0};
    puts(p->n_risks + w->n_warnings ? "risks" : "  no risk seen");
    for (size_t i = 0; i < w->n_warnings; i++) printf("  - %s\n", plain_shown(&a, w->warning[i]));
    for (size_t i = 0; i < p->n_risks; i++) printf("  - %s\n", p->risk[i]);
    arena_done(&a);
}

static void print_plan(const struct memory *s, const struct plan *p, const struct wiring *w, const char *gpus)
{
    char left[40];
    printf("study %s: valid; %zu complete trial%s to judge by\n", s->study->name, p->known, words_s(p->known));
    print_matches(&s->study->objective);
    print_stages(s->study);
    if (p->searches)
        printf("  still to run   %zu trial%s and %zu of the confirmation, %zu at a time\n", p->searches,
               words_s(p->searches), p->confirms, p->slots);
    else
        print_interval("trials", &p->trials, show_count);
    if (gpus) printf("  %-14s %s\n", "GPUs", gpus);
    print_interval(objective_cost_name(&s->study->objective), &p->tokens, show_count);
    print_interval("time", &p->ms, show_ms);
    if (s->run.budget.price_token > 0 || s->run.budget.price_hour > 0) print_interval("cost", &p->cost, show_money);
    if (isfinite(p->on_time))
        printf("  all done within the %s that are left: %.0f %%\n",
               words_show_duration(p->left_ms > 0 ? p->left_ms : 0, left, sizeof left), 100 * p->on_time);
    print_stopping(s->study);
    if (w->program) print_wiring(s->study, w);
    print_risks(p, w);
}

static json_t *interval_json(const struct plan_interval *x)
{
    return json_pack("{s:o, s:o, s:o}", "low", json_number(x->low), "median", json_number(x->median), "high",
                     json_number(x->high));
}

static json_t *matches_json(const struct objective *o)
{
    json_t *out = json_array();
    for (size_t i = 0; i < o->n_metrics; i++) {
        const struct metric *m = &o->metric[i];
        if (m->match)
            json_array_append_new(out, json_pack("{s:s, s:s, s:s?, s:b}", "metric", m->name, "match", m->match, "file",
                                                 m->file, "reports", m->reported));
    }
    return out;
}

static json_t *wiring_json(const struct study *study, const struct wiring *w)
{
    if (!w->program) return json_null();
    json_t *params = json_object();
    for (size_t i = 0; i < study->space.n; i++)
        json_object_set_new(params, study->space.param[i].name, json_string(reach_name(w->param[i])));
    return json_pack("{s:s, s:o, s:s}", "program", w->program, "parameters", params, "seed", reach_name(w->seed));
}

static json_t *plan_json(const struct memory *s, const struct plan *p, const struct wiring *w, const struct gpus *gpus)
{
    json_t *risks = json_array(), *ids = gpus ? json_array() : json_null(); /* null: as the environment has it */
    for (size_t i = 0; gpus && i < gpus->n; i++) json_array_append_new(ids, json_string(gpus->id[i]));
    for (size_t i = 0; i < w->n_warnings; i++) json_array_append_new(risks, json_string(w->warning[i]));
    for (size_t i = 0; i < p->n_risks; i++) json_array_append_new(risks, json_string(p->risk[i]));
    return json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:s, s:s}}",
                     "study", s->study->name, "matches", matches_json(&s->study->objective), "known",
                     (json_int_t)p->known, "trials_left", (json_int_t)p->searches, "confirmations_left",
                     (json_int_t)p->confirms, "slots", (json_int_t)p->slots, "gpus", ids, "trials",
                     interval_json(&p->trials), "tokens", interval_json(&p->tokens), "ms", interval_json(&p->ms),
                     "cost", interval_json(&p->cost), "probability_on_time", json_number(p->on_time), "left_ms",
                     p->left_ms < INT64_MAX ? json_integer(p->left_ms) : json_null(), "risks", risks, "reach",
                     wiring_json(s->study, w), "stopping", "pruner", pruner_name(s->study->stopping.pruner), "about",
                     pruner_about(s->study->stopping.pruner));
}

/* ---- probing ---- */

/* The trials are the study's own: a later run goes on with them. Their results are not confirmed yet. */
static int probe(struct study *study, const struct options *o)
{
    struct run_options run = o->run;
    long top = study->confirm.top;
    run.budget.trials = o->probe;
    run.db = o->common.db;
    run.quiet = true;
    run.probe = true;
    study->confirm.top = 0;
    int code = run_study(study, &run);
    study->confirm.top = top;
    return code;
}

/* What a run would say first. */
static void print_notes(const struct memory *s, const struct plan *p)
{
    cli_print_changes(s);
    cli_print_rejudged(s);
    if (*p->spent) fprintf(stderr, "note: %s\n", p->spent);
    if (*p->lapsed) fprintf(stderr, "note: %s\n", p->lapsed);
}

static enum status forecast(const struct study *study, const struct options *o, struct error *err)
{
    struct store *store = NULL;
    struct history *s = NULL;
    struct plan plan;
    struct wiring wiring = {.program = NULL};
    struct arena arena = {0};
    struct gpu_grant grant;
    enum status st = needs_gpus(study, run_slots(study, &o->run), &grant, &arena, err);
    const char *db = access(o->common.db, F_OK) == 0 ? o->common.db : ":memory:";
    if (!st) st = store_open(db, STORE_CREATE, &store, err);
    if (!st) st = history_peek(store, study, clock_real(), &s, err);
    if (!st) {
        const struct budget budget = active_budget(study, &o->run.budget);
        history_suppose(s, &budget, run_slots(study, &o->run));
        plan_make(history_memory(s), sysconf(_SC_NPROCESSORS_ONLN), &plan);
        print_notes(history_memory(s), &plan);
        if (!study->agents.kind) wiring_look(study, &arena, &wiring); /* its agents have a program of their own */
        if (o->common.json)
            cli_print_json(plan_json(history_memory(s), &plan, &wiring, grant.some ? &grant.gpus : NULL));
        else
            print_plan(history_memory(s), &plan, &wiring, grant.shown);
    }
    history_free(s);
    store_close(store);
    arena_done(&arena);
    return st;
}

static enum status files_are_there(const struct study *study, struct error *err)
{
    struct arena a = {0};
    const char **print = NULL;
    enum status s = fingerprint_make(study, &a, &print, err);
    arena_done(&a);
    return s;
}

int cmd_plan(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "STUDY.yaml",
        .doc =
            "Check a study (does its command start, do parameters and seed reach the program) and forecast what it needs: tokens, "
            "time and money with 90 % intervals, the probability to end by the deadline, and the risks. Runs nothing, unless "
            "--probe asks for a few trials to judge by.\v"
            "Example: nocturne plan study.yaml --probe 3 --until 07:00",
        .children = cli_common_child};
    struct options o = {.run = {.budget = {.until_minutes = -1}, .seed = -1}};
    struct study *study = NULL;
    struct error err;
    int code = EXIT_OK;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    enum status s = study_load(o.common.study, &study, &err);
    if (!s && !study->agents.kind) s = needs_command(study, &err);
    if (!s && study->pipeline.n) s = files_are_there(study, &err);
    if (!s && o.probe) code = probe(study, &o);
    if (!s && code == EXIT_OK) s = forecast(study, &o, &err);
    study_free(study);
    return s ? cli_fail(&err) : code;
}
