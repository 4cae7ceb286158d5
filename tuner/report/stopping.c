/* What was stopped, what that saved, how often it was wrong; and why one trial was. */
#include "tuner/report/report.h"

#include "tuner/report/screen.h"

#include "tuner/base/bounded.h"
#include "tuner/base/width.h"
#include "tuner/base/words.h"

#include <math.h>

static const char *count(double v, char *buf, size_t size)
{
    return words_show_count(v, buf, size);
}

/* Without tokens only what was not run is known: of the others the log has no cost. */
static void print_spent(FILE *out, const struct memory *s, const struct stop_audit *x)
{
    char a[40], b[40];
    const char *unit = objective_cost_name(&s->study->objective);
    if (objective_token_metric(&s->study->objective) < 0) {
        fprintf(out, "Stopping saved about %s %s\n", count(x->saved, a, sizeof a), unit);
        return;
    }
    fprintf(out, "Spent %s %s; stopping saved about %s", count(x->spent, a, sizeof a), unit,
            count(x->saved, b, sizeof b));
    if (x->spent + x->saved > 0) fprintf(out, " (%.0f %%)", 100 * (x->saved / bounded_sum(x->spent, x->saved)));
    fprintf(out, "; the audit cost %s\n", count(x->audit_spent, a, sizeof a));
}

void report_stops(FILE *out, const struct memory *s, const struct stop_audit *x)
{
    const struct stopping *how = &s->study->stopping;
    fprintf(out, "Study %s: pruner %s, %s\n", s->study->name, pruner_name(how->pruner),
            how->adaptive ? "patience and threshold adapted while trials run"
                          : "stopping rules as the trials have them");
    fprintf(out, "  %s\n  %s\n", x->about, x->advice);
    if (x->blind) fprintf(out, "Look: %s\n    → %s\n", x->blind, x->remedy);
    fprintf(out, "  %6zu  ran to their own end\n", x->ended);
    fprintf(out, "  %6zu  stopped by the pruner\n", x->pruned);
    if (x->resumed) fprintf(out, "  %6zu  went on later\n", x->resumed);
    fprintf(out,
            "  %6zu  condemned, but left running to see what becomes of them (audit: %g of them, and of the cost)\n",
            x->audited, how->audit);
    if (how->adaptive || x->changes)
        fprintf(out, "  %6zu  had their stopping rule changed, %zu time%s in all\n", x->adapted, x->changes,
                words_s(x->changes));
    print_spent(out, s, x);
    if (x->audited)
        fprintf(out, "False stops: %zu of %zu audited, %.1f %% (95 %% interval %.1f to %.1f %%)\n", x->wrong,
                x->audited, 100 * x->rate, 100 * x->low, 100 * x->high);
    else
        fprintf(out, "False stops: unknown, no condemned trial was left running\n");
    if (x->n) fprintf(out, "Why one was stopped: nocturne stopping %s %ld\n", s->study->name, x->stop[0].trial->number);
}

/* One trial a line, cut to the screen. */
static void print_near(FILE *out, const struct memory *s, const struct trial *t, size_t columns)
{
    const struct objective *o = &s->study->objective;
    struct arena a = {0};
    char buf[40];
    const char *line = arena_printf(&a, "  trial %4ld  %-10s", t->number, trial_state_name(t->state));
    for (size_t m = 0; m < o->n_metrics; m++)
        if (objective_uses(o, m))
            line = arena_printf(&a, "%s  %s %s", line, o->metric[m].name,
                                report_metric(&o->metric[m], t->value[m], buf, sizeof buf));
    line = arena_printf(&a, "%s  %s", line, t->outside ? "" : report_config(&s->study->space, t->config, &a));
    fprintf(out, "%s\n", width_cut(&a, line, columns));
    arena_done(&a);
}

static void print_nearest(FILE *out, const struct memory *s, const struct stop_record *stop)
{
    struct screen screen = screen_of(out);
    if (stop->n_nearest == 0) return;
    fprintf(out, "The %zu nearest curves until then, and what became of them:\n", stop->n_nearest);
    for (size_t i = 0; i < stop->n_nearest; i++) {
        const struct trial *t = memory_trial(s, stop->nearest[i]);
        if (t) print_near(out, s, t, screen_columns(&screen));
    }
}

static void print_expected(FILE *out, const struct memory *s, const double *expected)
{
    const struct objective *o = &s->study->objective;
    char buf[40];
    for (size_t m = 0; m < o->n_metrics; m++)
        if (isfinite(expected[m]))
            fprintf(out, "  expected at its end: %s about %s\n", o->metric[m].name,
                    report_metric(&o->metric[m], expected[m], buf, sizeof buf));
}

static void print_outcome(FILE *out, const struct memory *s, const struct stop_record *stop)
{
    const struct objective *o = &s->study->objective;
    char buf[40];
    if (stop->went_on) fprintf(out, "It went on later: %s\n", stop->went_on);
    if (!stop->audited) return;
    fprintf(out, "It was left running to check this, and became %s:", trial_state_name(stop->trial->state));
    for (size_t m = 0; m < o->n_metrics; m++)
        if (isfinite(stop->trial->value[m]))
            fprintf(out, " %s %s", o->metric[m].name,
                    report_metric(&o->metric[m], stop->trial->value[m], buf, sizeof buf));
    fprintf(out, "\n%s\n",
            stop->wrong                            ? "The stop would have been wrong: nothing in the study is better."
            : stop->trial->state == TRIAL_COMPLETE ? "The stop would have been right: others are better."
                                                   : "");
}

void report_stop(FILE *out, const struct memory *s, const struct stop_record *stop)
{
    char buf[40];
    const char *unit = objective_cost_name(&s->study->objective);
    fprintf(out, "trial %ld %s at %s %s: %s", stop->trial->number, stop->audited ? "condemned" : "stopped",
            count(stop->at, buf, sizeof buf), unit, stop->reason);
    if (isfinite(stop->target)) fprintf(out, ", utility %s", report_utility(stop->target, buf, sizeof buf));
    fputc('\n', out);
    if (isfinite(stop->saves))
        fprintf(out, "  it would have cost about %s more\n", count(stop->saves, buf, sizeof buf));
    print_expected(out, s, stop->expected);
    print_nearest(out, s, stop);
    print_outcome(out, s, stop);
}

/* The pruner judges by few trials at first, and two lucky ones can condemn good ones. */
void report_stopped_early(FILE *out, const struct memory *s)
{
    size_t pruned = memory_count(s, TRIAL_PRUNED), complete = 0;
    for (size_t i = 0; i < s->n; i++)
        complete += memory_is_searched(s->trial[i]) && s->trial[i]->state == TRIAL_COMPLETE;
    if (pruned <= complete || pruned < 3) return;
    fprintf(out,
            "  %zu trials were stopped early, by what %zu complete one%s made likely: 'nocturne stopping %s'\n"
            "  says why of each; 'stopping: {pruner: none}' would run all to their ends\n",
            pruned, complete, words_s(complete), s->study->name);
}
