/* nocturne rollout plan: the default plan with comments; what one of a file needs. */
#include "tuner/cli/rollout.h"

#include "tuner/cli/whole_file.h"

#include "tuner/base/words.h"
#include "tuner/base/yaml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char template[] =
    "# The plan of a live experiment; this is the default. What you leave out stays as it is here.\n"
    "# Check it with: nocturne rollout plan FILE --rate 5000/day\n"
    "metrics:\n"
    "  # not_worse: by more than the margin (0: it must be better); effect: the difference that is looked for, beyond it.\n"
    "  em: {prove: not_worse, goal: maximize, range: [0, 1], margin: 0.01, effect: 0.05, guard: 0.01, missing: 0}\n"
    "  # fewer: a typical request takes fewer (saving: so many are looked for), and all of them no more than the margin\n"
    "  # more. With marks: [1, 2000] and cap: 2000 'learn' may be 0: nothing has to be learnt of the champion.\n"
    "  tokens: {prove: fewer, saving: 0.1, margin: 0.01, guard: 0.25}\n"
    "  # latency_ms: {prove: nothing, goal: minimize, range: [0, 5000], guard: 100}   # only watched\n"
    "\n"
    "window: 10m                  # a unit is scored by what it did so long after its first exposure\n"
    "late: 1m                     # what is on its way so long still counts\n"
    "silence: 1h                  # nothing heard for so long: paused; 0: never\n"
    "# shadow: {units: 500}       # beside so many of the champion's the challengers run unseen first; costs twice\n"
    "ramp: [0.01, 0.05, 0.25, 0.5]   # shares of all challengers together\n"
    "step_units: 200              # units of each challenger that are scored before the next step\n"
    "learn: 200                   # units of the champion alone, before the first challenger\n"
    "units: 0                     # it may take so many, and is sooner decided; 0: as many as it takes\n"
    "alpha: 0.05                  # of a wrong verdict, however often somebody looks\n"
    "guard_alpha: 0.01            # of a wrong alarm of a guard\n"
    "limit: 0                     # units of challengers in a day (UTC); 0: no limit\n"
    "holdout: 0                   # share of units that always get the champion, and are not counted\n"
    "# group: {name: checkout, part: [0, 0.5]}   # other experiments of the group take other parts\n"
    "# overrides: {user-1: challenger}\n"
    "# segments: [short, long]\n"
    "prefer: proof                # of several challengers: proof against the champion, or finding the best soonest\n"
    "promote: ask                 # or auto\n"
    "# otlp: {correctness: em}    # telemetry's name of a metric, where it is another one\n"
    "outcomes_max: 1000           # of a unit\n";

/* ---- its text ---- */

static bool is_in_braces(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '{';
}

/* "units: 20000\nwindow: 10m\n" of the command line. */
static const char *added(const struct rollout_options *o, struct arena *a)
{
    const char *all = "";
    if (o->start.units > 0) all = arena_printf(a, "%sunits: %.0f\n", all, o->start.units);
    if (o->start.window) all = arena_printf(a, "%swindow: %s\n", all, o->start.window);
    if (o->start.promote) all = arena_printf(a, "%spromote: %s\n", all, o->start.promote);
    return all;
}

/* Neither says what the other says, and the file is one to which lines can be added. */
static enum status check_added(const char *file, const char *text, const char *more, struct arena *a, struct error *err)
{
    struct yaml_node *plan = NULL, *line = NULL;
    bool empty = text[strspn(text, " \t\r\n")] == 0;
    enum status s = yaml_read("command line", more, strlen(more), a, &line, err);
    if (!s && !empty) s = yaml_read(file, text, strlen(text), a, &plan, err);
    if (s || !plan) return s;
    for (size_t i = 0; i < line->n; i++) {
        const struct yaml_node *there = yaml_get(plan, line->key[i]->text);
        if (there)
            return error_set(err, STATUS_INVALID, "%s:%d:%d: the plan says %s, and so does --%s: leave out one of them",
                             file, there->line, there->column, line->key[i]->text, line->key[i]->text);
    }
    if (is_in_braces(text))
        return error_set(err, STATUS_INVALID,
                         "%s: this plan is in braces: --units, --window and --promote do not go with it; write them in it",
                         file);
    return STATUS_OK;
}

enum status rollout_plan_text(const struct rollout_options *o, const char *file, struct arena *a, const char **ret,
                              struct error *err)
{
    char *text = NULL;
    const char *more = added(o, a);
    enum status s = file ? whole_file_read(file, LIVE_PLAN_BYTES, &text, err) : STATUS_OK;
    if (!s && text && *more) s = check_added(file, text, more, a, err);
    size_t n = text ? strlen(text) : 0;
    const char *line = *more && n && text[n - 1] != '\n' ? "\n" : "";
    if (!s) *ret = arena_printf(a, "%s%s%s", text ? text : "", line, more);
    free(text);
    return s;
}

/* ---- what it needs ---- */

struct needing {
    const struct live_plan *p;
    double per_day; /* 0: unknown */
};

static double round_up(double units)
{
    double unit = pow(10, floor(log10(fmax(units, 100))) - 1);
    return ceil(units / unit) * unit;
}

/* "about 780 to 4100", two digits of each; "never" */
static const char *amounts(double low, double high, struct arena *a)
{
    if (!isfinite(low)) return "never";
    return arena_printf(a, "about %.0f to %.0f", round_up(low), round_up(high));
}

/* "1.2 days", "4m 10s" */
static const char *span(double days, struct arena *a)
{
    enum { DAY_MS = 86400000 };
    char text[40];
    if (days >= 1) return arena_printf(a, "%.1f days", days);
    return arena_strdup(a, words_show_duration(llround(days * DAY_MS), text, sizeof text));
}

/* "0.3 to 1.2 days", "43s to 4m 10s" */
static const char *times(double low, double high, struct arena *a)
{
    if (high >= 1) return arena_printf(a, "%.1f to %.1f days", low, high);
    return arena_printf(a, "%s to %s", span(low, a), span(high, a));
}

static void show_row(const struct needing *x, size_t metric, enum needs_truth truth, const char *when)
{
    struct arena a = {0};
    double low = needs_to_prove(x->p, 1, metric, truth, SPREAD_SMALL),
           high = needs_to_prove(x->p, 1, metric, truth, SPREAD_LARGE);
    printf("    %-28s  %s", when, amounts(low, high, &a));
    if (x->per_day > 0 && isfinite(high))
        printf("; %s in all",
               times(needs_days(x->p, 1, low, x->per_day), needs_days(x->p, 1, high, x->per_day), &a));
    putchar('\n');
    arena_done(&a);
}

/* "1 point", "0.5 points", "100" */
static const char *by_words(const struct live_metric *m, double by, struct arena *a)
{
    if (m->low != 0 || m->high != 1) return arena_printf(a, "%g", by);
    const char *points = arena_printf(a, "%g", 100 * by);
    return arena_printf(a, "%s point%s", points, strcmp(points, "1") == 0 ? "" : "s");
}

static void show_not_worse(const struct needing *x, size_t i, struct arena *a)
{
    const struct live_metric *m = &x->p->metric[i];
    double better = m->effect - m->margin;
    printf("  %s not worse %s; 19 of 20 answers are right, to half:\n", m->name,
           m->margin > 0 ? arena_printf(a, "by more than %s", by_words(m, m->margin, a)) : "at all");
    show_row(x, i, TRUTH_EFFECT,
             arena_printf(a, "if it is %s by %s", better < 0 ? "worse" : "better", by_words(m, fabs(better), a)));
    show_row(x, i, TRUTH_SAME, "if it is as good");
}

static void show_fewer(const struct needing *x, size_t i, struct arena *a)
{
    const struct live_metric *m = &x->p->metric[i];
    printf("  fewer %s; requests are much alike, to very different:\n", m->name);
    show_row(x, i, TRUTH_EFFECT, arena_printf(a, "if it saves %g %%", 100 * m->effect));
}

static void show_ramp(const struct needing *x, struct arena *a)
{
    const struct live_plan *p = x->p;
    const char *steps = "";
    for (size_t i = 0; i < p->n_steps; i++)
        steps = arena_printf(a, "%s%s%g %%", steps, i ? ", " : "", 100 * p->step[i]);
    printf("  the ramp: %s; about %.0f units before its last step", steps, round_up(needs_before(p, 1)));
    double days = x->per_day > 0 ? needs_days(p, 1, 0, x->per_day) : 0;
    if (days > 0) printf(", %s", span(days, a));
    putchar('\n');
    if (p->limit > 0) printf("  no more than %.0f units of challengers in a day\n", p->limit);
}

/* What is planned, beside what the hardest of its proofs takes. */
static void show_planned(const struct needing *x)
{
    const struct live_plan *p = x->p;
    double before = needs_before(p, 1), best = 0;
    if (p->units == 0) return;
    for (size_t i = 0; i < p->n_metrics; i++)
        if (p->metric[i].proof != PROOF_NONE)
            best = fmax(best, needs_to_prove(p, 1, i, TRUTH_EFFECT, SPREAD_SMALL));
    printf("  planned: %.0f units%s\n", p->units,
           p->units < before + best ? ", fewer than the ramp and the easiest case need together: it may end undecided"
                                    : "");
}

static void show_needs(const char *file, const struct needing *x)
{
    struct arena a = {0};
    const struct live_plan *p = x->p;
    printf("%s, for one challenger: units that come until it is proven that\n", file);
    for (size_t i = 0; i < p->n_metrics; i++) {
        if (p->metric[i].proof == PROOF_NOT_WORSE) show_not_worse(x, i, &a);
        if (p->metric[i].proof == PROOF_FEWER) show_fewer(x, i, &a);
    }
    show_ramp(x, &a);
    show_planned(x);
    if (!(x->per_day > 0)) puts("  with --rate 5000/day it says how long that takes");
    arena_done(&a);
}

static json_t *range_json(const struct needing *x, size_t metric, enum needs_truth truth)
{
    json_t *out = json_array();
    for (int spread = SPREAD_SMALL; spread <= SPREAD_LARGE; spread++)
        json_array_append_new(out,
                              json_number(ceil(needs_to_prove(x->p, 1, metric, truth, (enum needs_spread)spread))));
    return out;
}

static json_t *needs_json(const struct needing *x)
{
    json_t *metrics = json_object();
    for (size_t i = 0; i < x->p->n_metrics; i++)
        if (x->p->metric[i].proof != PROOF_NONE)
            json_object_set_new(metrics, x->p->metric[i].name,
                                json_pack("{s:o, s:o}", "effect", range_json(x, i, TRUTH_EFFECT), "same",
                                          range_json(x, i, TRUTH_SAME)));
    json_t *out = json_pack("{s:o, s:o}", "before", json_number(ceil(needs_before(x->p, 1))), "metrics", metrics);
    if (x->per_day > 0) json_object_set_new(out, "days_before", json_number(needs_days(x->p, 1, 0, x->per_day)));
    return out;
}

enum status rollout_plan(const struct rollout_options *o, struct error *err)
{
    struct arena a = {0};
    struct live_plan plan;
    const char *file = o->n ? o->arg[0] : NULL, *text = template;
    enum status s = file ? rollout_plan_text(o, file, &a, &text, err) : STATUS_OK;
    if (!s) s = live_plan_read(file ? file : "plan", text, &a, &plan, err);
    const struct needing x = {&plan, o->per_day};
    if (!s && o->common.json)
        cli_print_json(json_pack("{s:o, s:o}", "plan", live_plan_json(&plan), "needs", needs_json(&x)));
    else if (!s && !file && o->per_day == 0)
        fputs(text, stdout);
    else if (!s)
        show_needs(file ? file : "the default plan", &x);
    arena_done(&a);
    return s;
}
