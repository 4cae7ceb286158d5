/* Where a study stands; and the comment above what is exported of it. */
#include "tuner/report/report.h"

#include "tuner/report/screen.h"

#include "tuner/base/plain.h"
#include "tuner/base/width.h"
#include "tuner/base/words.h"

#include <math.h>
#include <string.h>

static const char *amount(enum ledger_unit unit, double v, char *buf, size_t size)
{
    if (unit == UNIT_COST)
        snprintf(buf, size, fabs(v) < 1e7 ? "%.2f" : "%.4g", v);
    else if (unit == UNIT_TRIALS)
        snprintf(buf, size, "%.0f", v);
    else
        words_show_count(v, buf, size);
    return buf;
}

static void show_time(FILE *out, const struct ledger_entry *e)
{
    int64_t spent = (int64_t)e->spent, left = (int64_t)e->limit - spent;
    char a[40], b[40];
    if (left < 0) left = 0;
    fprintf(out, "  %-8s %10s spent  %10s left\n", e->name, words_show_duration(spent, a, sizeof a),
            words_show_duration(left, b, sizeof b));
}

static void show_amount(FILE *out, const struct ledger_entry *e)
{
    char a[40], b[40], c[40], d[40];
    double beyond = e->spent + e->reserved - e->limit;
    fprintf(out, "  %-8s %10s spent  %10s reserved  %10s left of %s", e->name, amount(e->unit, e->spent, a, sizeof a),
            amount(e->unit, e->reserved, b, sizeof b),
            amount(e->unit, fmax(e->limit - e->spent - e->reserved, 0), c, sizeof c),
            amount(e->unit, e->limit, d, sizeof d));
    if (e->unit == UNIT_TRIALS && beyond > 0)
        fprintf(out, ", and %s beyond them", amount(e->unit, beyond, a, sizeof a));
    fputc('\n', out);
}

/* What stages that were there already have saved. */
static void show_reuse(FILE *out, const struct document *d)
{
    char saved[40], all[40];
    double would = d->tokens + d->saved;
    if (d->taken == 0) return;
    fprintf(out, "  reuse: %zu stage%s taken over from earlier trials", d->taken, words_s(d->taken));
    if (d->saved > 0)
        fprintf(out, ", which saved %s %s (%.0f %% of the %s that the same trials would have cost)",
                words_show_count(d->saved, saved, sizeof saved), objective_cost_name(&d->study->objective),
                100 * d->saved / would, words_show_count(would, all, sizeof all));
    fputc('\n', out);
}

/* Time passes only while somebody is at it. */
static void show_budgets(FILE *out, const struct document *d)
{
    for (size_t i = 0; i < d->n_budgets; i++) {
        if (d->budget[i].unit != UNIT_MS)
            show_amount(out, &d->budget[i]);
        else if (d->running)
            show_time(out, &d->budget[i]);
    }
}

static void show_failure(FILE *out, const char *why)
{
    struct arena a = {0};
    if (why) fprintf(out, "  why: %s\n", plain_shown(&a, why));
    arena_done(&a);
}

void report_note(FILE *out, const char *text)
{
    struct arena a = {0};
    char *rest = text ? arena_strdup(&a, text) : NULL;
    const char *before = "  note: ";
    for (char *line; (line = strsep(&rest, "\n")); before = "        ") {
        line[strcspn(line, "\r")] = 0;
        fprintf(out, "%s%s\n", before, plain_shown(&a, line));
    }
    arena_done(&a);
}

/* What makes it another configuration than the baseline, as much as fits. */
static void show_best(FILE *out, const struct study *study, const struct comparison_row *best)
{
    struct screen screen = screen_of(out);
    struct arena a = {0};
    const char *text = report_config_apart(&study->space, best->config, study->baseline, &a);
    if (!*text) text = "the baseline's configuration";
    text = arena_printf(&a, "  best: trial %ld  %s", best->trial, text);
    fprintf(out, "%s\n", width_cut(&a, text, screen_columns(&screen)));
    arena_done(&a);
}

static void show_states(FILE *out, const struct document *d)
{
    const char *phase = d->phase == STUDY_OPEN ? "interrupted" : study_phase_name(d->phase);
    char buf[64];
    fprintf(out, "study %s: %s", d->study->name, d->running ? "running" : phase);
    for (int i = 0; i < TRIAL_STATES; i++)
        if (d->states[i]) fprintf(out, ", %zu %s", d->states[i], trial_state_name((enum trial_state)i));
    if (d->fallbacks) fprintf(out, ", %zu suggested at random for numerical reasons", d->fallbacks);
    if (objective_token_metric(&d->study->objective) >= 0)
        fprintf(out, "; %s %s spent", words_show_count(d->tokens, buf, sizeof buf),
                objective_cost_name(&d->study->objective));
    fputc('\n', out);
}

void report_status(FILE *out, const struct document *d, const struct health *h)
{
    show_states(out, d);
    report_note(out, d->note);
    if (!d->running) show_failure(out, d->failure);
    show_budgets(out, d);
    show_reuse(out, d);
    if (d->exhausted) fprintf(out, "  %s\n", d->exhausted);
    if (d->watched) fprintf(out, "  %s\n", d->watched);
    const struct comparison_row *winner = d->watched ? NULL : d->comparison.winner;
    if (winner) show_best(out, d->study, winner);
    if (h) report_health(out, h, &d->study->objective, d->running);
    if (winner) report_comparison(out, &d->comparison);
}

/* ---- above an export ---- */

static const char *words_for(enum verdict_word verdict)
{
    return verdict ? verdict_name(verdict) : "none: there is nothing to compare with";
}

/* "# verdict: a trade (baseline: promising; strong-default: a trade)" */
static void write_verdicts(FILE *out, const struct comparison_row *winner)
{
    struct arena a = {0};
    fprintf(out, "# verdict: %s", words_for(winner->verdict));
    for (size_t i = 0; i < winner->n_against; i++)
        fprintf(out, "%s%s: %s", i ? "; " : " (", plain_shown(&a, winner->against[i].reference),
                words_for(winner->against[i].word));
    fputs(winner->n_against ? ")\n" : "\n", out);
    arena_done(&a);
}

void report_provenance(FILE *out, const struct comparison *c)
{
    const struct comparison_row *winner = c->winner;
    char buf[64];
    fprintf(out, "# study %s, trial %ld, ", c->study->name, winner->trial);
    if (winner->seeds == 1 && !winner->repeats)
        fputs("one fresh seed, not confirmed\n", out);
    else if (winner->seeds)
        fprintf(out, "confirmed on %zu fresh seed%s\n", winner->seeds, words_s(winner->seeds));
    else
        fputs("not confirmed\n", out);
    if (winner == c->baseline) fputs("# this is the baseline: nothing that was tried beats it\n", out);
    write_verdicts(out, winner);
    for (size_t i = 0; i < c->study->objective.n_metrics; i++) {
        const struct metric *m = &c->study->objective.metric[i];
        fprintf(out, "# %s: %s", m->name, report_metric(m, winner->mean[i], buf, sizeof buf));
        if (c->baseline && winner != c->baseline)
            fprintf(out, " (baseline %s)", report_metric(m, c->baseline->mean[i], buf, sizeof buf));
        fputc('\n', out);
    }
}
