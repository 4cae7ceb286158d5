/* How the winner stands beside the baseline and the references, and what became of the other candidates. */
#include "tuner/report/report.h"

#include "tuner/report/screen.h"

#include "tuner/base/plain.h"
#include "tuner/base/width.h"
#include "tuner/base/words.h"

#include <math.h>

/* ---- the table ---- */

static const char *mean_and_sd(const struct objective *o, size_t i, const struct comparison_row *row, struct arena *a)
{
    const struct metric *m = &o->metric[i];
    char mean[40], sd[40];
    report_metric(m, row->mean[i], mean, sizeof mean);
    if (!row->sd || !isfinite(row->mean[i])) return arena_strdup(a, mean);
    return arena_printf(a, "%s ± %s", mean, report_metric(m, row->sd[i], sd, sizeof sd));
}

static const char *row_name(const struct comparison_row *row, struct arena *a)
{
    if (row->label) return plain_shown(a, row->label);
    return arena_printf(a, "%s (trial %ld)", row->winner ? "winner" : row->on_front ? "front" : "tried", row->trial);
}

/* Rows by columns of text: the first column says whose row it is, the last is the utility. */
struct sheet {
    struct arena arena;
    size_t n_rows, n_columns; /* the header is row 0 */
    const char **text;        /* n_rows · n_columns */
    const char **mark;        /* behind the row; may be NULL */
    size_t *width;            /* n_columns, in columns of the screen */
};

static void put(struct sheet *g, size_t row, size_t column, const char *text)
{
    size_t n = width_of(text);
    g->text[row * g->n_columns + column] = text;
    if (n > g->width[column]) g->width[column] = n;
}

static void put_row(struct sheet *g, size_t at, const struct objective *o, const struct comparison_row *row)
{
    char buf[64];
    put(g, at, 0, row_name(row, &g->arena));
    for (size_t i = 0; i < o->n_metrics; i++) put(g, at, 1 + i, mean_and_sd(o, i, row, &g->arena));
    put(g, at, g->n_columns - 1, arena_strdup(&g->arena, report_utility(row->utility, buf, sizeof buf)));
    g->mark[at] = row->winner ? "◀" : row->n_breaches && !row->baseline ? "✕" : NULL;
}

/* Baseline and references, then candidates, the winner last. */
static int rank_of(const struct comparison_row *row)
{
    return row->baseline ? 0 : row->label ? 1 : row->winner ? 3 : 2;
}

static void fill_sheet(struct sheet *g, const struct objective *o, const struct comparison *c)
{
    size_t at = 0;
    g->n_rows = 1 + c->n;
    g->n_columns = 2 + o->n_metrics;
    g->text = arena_array(&g->arena, g->n_rows * g->n_columns, sizeof *g->text);
    g->mark = arena_array(&g->arena, g->n_rows, sizeof *g->mark);
    g->width = arena_array(&g->arena, g->n_columns, sizeof *g->width);
    put(g, at, 0, "");
    for (size_t i = 0; i < o->n_metrics; i++) put(g, at, 1 + i, o->metric[i].name);
    put(g, at++, g->n_columns - 1, o->form == OBJECTIVE_PARETO ? "knee" : "utility");
    for (int rank = 0; rank < 4; rank++)
        for (size_t i = 0; i < c->n; i++)
            if (rank_of(&c->row[i]) == rank) put_row(g, at++, o, &c->row[i]);
}

/* At most `width` columns, the rest cut. */
static void print_cut(FILE *out, const char *text, size_t width, bool left)
{
    struct arena a = {0};
    fputs(width_cell(&a, text, width, !left), out);
    arena_done(&a);
}

enum { NAME_MAX_WIDTH = 24, COLUMN_MAX_WIDTH = 50, MARK_WIDTH = 3 };

static size_t column_width(const struct sheet *g, size_t column)
{
    size_t most = column == 0 ? NAME_MAX_WIDTH : COLUMN_MAX_WIDTH;
    return g->width[column] < most ? g->width[column] : most;
}

/* As many columns as fit, from `from` on; the rest follows as another block. */
static size_t fitting(const struct sheet *g, size_t from, size_t room)
{
    size_t used = 2 + column_width(g, 0) + MARK_WIDTH, to = from;
    while (to < g->n_columns && (to == from || used + 2 + column_width(g, to) <= room))
        used += 2 + column_width(g, to++);
    return to;
}

static void print_sheet(FILE *out, const struct sheet *g)
{
    struct screen screen = screen_of(out);
    size_t room = screen_columns(&screen);
    for (size_t from = 1, to; from < g->n_columns; from = to) {
        to = fitting(g, from, room);
        for (size_t row = 0; row < g->n_rows; row++) {
            fputs("  ", out);
            print_cut(out, g->text[row * g->n_columns], column_width(g, 0), true);
            for (size_t k = from; k < to; k++) {
                fputs("  ", out);
                print_cut(out, g->text[row * g->n_columns + k], column_width(g, k), false);
            }
            fprintf(out, "%s%s\n", g->mark[row] ? "  " : "", g->mark[row] ? g->mark[row] : "");
        }
    }
}

/* ---- differences ---- */

/* "+2.11 points", "−59.3 %", "+0.0123". */
static const char *change(const struct metric *m, const struct difference *d, struct arena *a)
{
    return arena_printf(a, "%s%s", report_change(m, d->ratio, d->by, a), report_unit(m, d->ratio));
}

static void print_difference(FILE *out, const struct metric *m, const struct difference *d)
{
    struct arena a = {0};
    fputs("      ", out);
    print_cut(out, m->name, 20, true);
    fputs("  ", out);
    print_cut(out, change(m, d, &a), 16, false);
    if (isfinite(d->low) && isfinite(d->high) && d->low < d->high)
        fprintf(out, "  (%s to %s)", report_change(m, d->ratio, d->low, &a), report_change(m, d->ratio, d->high, &a));
    fputc('\n', out);
    arena_done(&a);
}

static void print_against(FILE *out, const struct objective *o, const struct verdict *v)
{
    struct arena a = {0};
    fprintf(out, "    against %s: %s\n", plain_shown(&a, v->reference), report_verdict(v->word));
    for (size_t i = 0; i < o->n_metrics; i++)
        if (isfinite(v->apart[i].by)) print_difference(out, &o->metric[i], &v->apart[i]);
    arena_done(&a);
}

static void print_breaks(FILE *out, const struct objective *o, const struct comparison_row *row)
{
    for (size_t i = 0; i < row->n_breaches; i++) {
        const struct breach *b = &row->breach[i];
        const struct metric *m = &o->metric[b->metric];
        struct arena a = {0};
        char by[40];
        if (m->kind == METRIC_PROPORTION)
            snprintf(by, sizeof by, "%s points", report_size(m, false, b->by, &a));
        else
            report_metric(m, b->by, by, sizeof by);
        fprintf(out, "      breaks '%s' by %s;\n      '%s' would let it through\n", plain_shown(&a, b->constraint), by,
                b->would_hold);
        arena_done(&a);
    }
}

/* `only`: beside this row only; NULL: beside the baseline and all references. */
static void print_verdict(FILE *out, const struct objective *o, const struct comparison_row *row,
                          const struct comparison_row *only)
{
    struct arena a = {0};
    if (row->verdict) fprintf(out, "  %s: %s\n", row_name(row, &a), report_verdict(row->verdict));
    print_breaks(out, o, row);
    for (size_t i = 0; i < row->n_against; i++)
        if (!only || row->against[i].trial == only->trial) print_against(out, o, &row->against[i]);
    arena_done(&a);
}

/* ---- sentences ---- */

static void say_front(FILE *out, const struct objective *o, const struct comparison *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) n += c->row[i].on_front;
    fprintf(out,
            "  a front of %zu: none is better than another in both %s and %s. Where one is\n"
            "  asked for it is the knee: each metric from 0 to 1 along the front, the greatest sum\n",
            n, o->metric[o->gain].name, o->metric[o->cost].name);
}

static double greatest(const struct comparison *c, size_t metric)
{
    double most = 0;
    for (size_t i = 0; i < c->n; i++) most = fmax(most, fabs(c->row[i].mean[metric]));
    return most;
}

/* A metric that is weighed, and is 0 or next to nothing in the baseline. */
static void say_zero(FILE *out, const struct metric *m, double baseline, double most)
{
    char a[40], b[40];
    if (baseline == 0)
        fprintf(out,
                "  %s of the baseline is 0, and nothing can be relative to that: a difference of\n"
                "  1 counts as much as all of the baseline's other metrics. 'metrics: {%s: {unit: N}}'\n"
                "  says how much counts as much; 'exchange' and constraints need no such thing\n",
                m->name, m->name);
    else if (fabs(baseline) < OBJECTIVE_TINY * most)
        fprintf(out,
                "  %s of the baseline is %s, next to nothing beside %s: relative to that it\n"
                "  drowns every other metric. 'metrics: {%s: {unit: N}}' says what a difference\n"
                "  counts in; 'exchange' and constraints need no such thing\n",
                m->name, report_metric(m, baseline, a, sizeof a), report_metric(m, most, b, sizeof b), m->name);
}

static void say_zeros(FILE *out, const struct objective *o, const struct comparison *c)
{
    for (size_t i = 0; o->form == OBJECTIVE_WEIGHTS && i < o->n_metrics; i++)
        if (o->weight[i] > 0 && o->metric[i].unit == 0)
            say_zero(out, &o->metric[i], c->baseline->mean[i], greatest(c, i));
}

static size_t most_seeds(const struct comparison *c)
{
    size_t most = 0;
    for (size_t i = 0; i < c->n; i++) most = c->row[i].seeds > most ? c->row[i].seeds : most;
    return most;
}

static bool all_repeat(const struct comparison *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->row[i].seeds && !c->row[i].repeats) return false;
    return true;
}

static void say_how_sure(FILE *out, const struct comparison *c)
{
    if (c->winner->seeds && all_repeat(c))
        fputs("  every figure came out the same on another seed: no spread, and more seeds\n"
              "  would say nothing; other data might\n",
              out);
    else if (c->winner->seeds > 1 && c->winner->n_against)
        fprintf(out, "  differences with 95 %% intervals (Welch), %zu seeds each\n", c->winner->seeds);
    else if (c->winner->seeds == 1 && c->study->confirm.seeds == 1)
        fputs("  one fresh seed says nothing of the spread; 'confirm: {seeds: 3}' does\n", out);
}

/* By how much of its unit the worst of its constraints is broken. */
static double distance(const struct objective *o, const struct comparison_row *row, const double *baseline)
{
    static const double nothing[METRICS_MAX];
    double worst = 0;
    for (size_t i = 0; i < row->n_breaches; i++) {
        const struct breach *b = &row->breach[i];
        worst = fmax(worst, b->by / objective_unit(o, b->metric, baseline ? baseline : nothing));
    }
    return worst;
}

static bool is_loser(const struct comparison_row *row)
{
    return row->seeds && !row->winner && !row->label;
}

/* The confirmed candidates that did not win, the nearest to the constraints first: in the arena. */
static size_t find_losers(const struct objective *o, const struct comparison *c, struct arena *a,
                          const struct comparison_row ***ret)
{
    const double *baseline = c->baseline ? c->baseline->mean : NULL;
    size_t n = 0;
    *ret = arena_array(a, c->n + 1, sizeof **ret);
    for (size_t i = 0; i < c->n; i++) {
        const struct comparison_row *row = &c->row[i];
        size_t at = n;
        if (!is_loser(row)) continue;
        for (n++; at > 0 && distance(o, row, baseline) < distance(o, (*ret)[at - 1], baseline); at--)
            (*ret)[at] = (*ret)[at - 1];
        (*ret)[at] = row;
    }
    return n;
}

/* When the baseline or a reference wins: what became of those that were to beat it. */
static void print_losers(FILE *out, const struct objective *o, const struct comparison *c)
{
    struct arena a = {0};
    const struct comparison_row **row;
    size_t n = find_losers(o, c, &a, &row);
    if (n > 1) fprintf(out, "  %zu candidates were confirmed; the nearest first:\n", n);
    for (size_t i = 0; i < n; i++) print_verdict(out, o, row[i], c->baseline);
    arena_done(&a);
}

/* The reference that decides the verdict; of several the last, since a reference says more than the baseline. */
static const struct verdict *deciding(const struct comparison_row *row)
{
    const struct verdict *out = NULL;
    for (size_t i = 0; i < row->n_against; i++)
        if (row->against[i].word == row->verdict) out = &row->against[i];
    return out;
}

/* "Verdict: a trade. Beside strong-default: em −2.59 points, tokens −45.1 %" */
static void say_verdict(FILE *out, const struct objective *o, const struct comparison_row *winner)
{
    const struct verdict *beside = deciding(winner);
    const char *comma = "";
    struct arena a = {0};
    fprintf(out, "\nVerdict: %s.", report_verdict(winner->verdict));
    if (beside) fprintf(out, " Beside %s:", plain_shown(&a, beside->reference));
    for (size_t i = 0; i < o->n_metrics && beside; i++) {
        const struct difference *d = &beside->apart[i];
        if (!isfinite(d->by) || !objective_uses(o, i)) continue;
        fprintf(out, "%s %s %s", comma, o->metric[i].name, change(&o->metric[i], d, &a));
        comma = ",";
    }
    fputc('\n', out);
    arena_done(&a);
}

static void say_cautions(FILE *out, const struct comparison *c)
{
    for (size_t i = 0; i < c->n; i++) {
        struct arena a = {0};
        if (c->row[i].caution)
            fprintf(out, "  %s:\n    %s\n", row_name(&c->row[i], &a), plain_shown(&a, c->row[i].caution));
        arena_done(&a);
    }
}

/* When more seeds would turn "promising" into an answer. */
static void say_seeds(FILE *out, const struct comparison_row *winner)
{
    size_t seeds = 0;
    for (size_t i = 0; i < winner->n_against; i++)
        seeds = winner->against[i].seeds > seeds ? winner->against[i].seeds : seeds;
    if (seeds && winner->verdict == VERDICT_PROMISING)
        fprintf(out,
                "  about %zu seeds each would decide: 'confirm: {seeds: %zu}' in the study file, and\n"
                "  the same command again\n",
                seeds, seeds);
}

/* The objective has chosen; but a candidate that may be adopted at once should not go unseen. */
static void say_surer(FILE *out, const struct comparison *c)
{
    for (size_t i = 0; i < c->n && c->winner->verdict != VERDICT_ADOPT; i++) {
        struct arena a = {0};
        if (is_loser(&c->row[i]) && c->row[i].verdict == VERDICT_ADOPT)
            fprintf(out, "  %s, of less utility, is surer: adopt\n", row_name(&c->row[i], &a));
        arena_done(&a);
    }
}

static void print_broken(FILE *out, const struct objective *o, const struct comparison *c)
{
    for (size_t i = 0; i < c->n; i++) {
        struct arena a = {0};
        if (is_loser(&c->row[i]) && c->row[i].n_breaches) {
            fprintf(out, "  %s ✕\n", row_name(&c->row[i], &a));
            print_breaks(out, o, &c->row[i]);
        }
        arena_done(&a);
    }
}

/* What was the best of many flatters itself, and fresh seeds do not. */
static void say_shrunk(FILE *out, const struct comparison_row *winner)
{
    char a[64], b[64];
    if (!winner->seeds || winner->repeats || !isfinite(winner->searched) || !isfinite(winner->utility)) return;
    fprintf(out, "  the search had said %s of it, fresh seeds say %s: go by these\n",
            report_utility(winner->searched, a, sizeof a), report_utility(winner->utility, b, sizeof b));
}

void report_comparison(FILE *out, const struct comparison *c)
{
    const char *name = c->study->name;
    const struct objective *o = &c->study->objective;
    const struct comparison_row *winner = c->winner;
    struct sheet grid = {0};
    if (winner && winner->verdict) say_verdict(out, o, winner);
    size_t seeds = winner ? winner->seeds : most_seeds(c);
    if (!winner) fputc('\n', out);
    if (seeds == 1 && !all_repeat(c))
        fprintf(out, "Study %s, one fresh seed each, not confirmed:\n", name);
    else if (seeds)
        fprintf(out, "Study %s, confirmed on %zu fresh seed%s (mean ± sd):\n", name, seeds, words_s(seeds));
    else
        fprintf(out, "Study %s, single measurements, not confirmed:\n", name);
    fill_sheet(&grid, o, c);
    print_sheet(out, &grid);
    arena_done(&grid.arena);
    if (!winner)
        fputs(c->n == 0 && o->n_constraints == 0 ? "  nothing is complete yet\n"
                                                 : "  no complete configuration satisfies the constraints yet\n",
              out);
    else if (winner == c->baseline)
        fputs("  nothing that was tried beats the baseline\n", out);
    else
        print_verdict(out, o, winner, NULL);
    if (!winner || winner->label)
        print_losers(out, o, c);
    else
        print_broken(out, o, c);
    if (winner) say_surer(out, c);
    say_cautions(out, c);
    if (winner) say_shrunk(out, winner);
    if (winner) say_how_sure(out, c);
    if (winner) say_seeds(out, winner);
    if (winner && o->form == OBJECTIVE_PARETO) say_front(out, o, c);
    if (c->baseline) say_zeros(out, o, c);
}

/* The best of many that were measured once flatters itself. */
void report_rerun(FILE *out, const struct memory *s, const struct comparison *c)
{
    struct arena a = {0};
    const char *again = rerun_of_best(s, c, &a);
    if (again) fprintf(out, "  By all results, %s.\n", plain_shown(&a, again));
    arena_done(&a);
}
