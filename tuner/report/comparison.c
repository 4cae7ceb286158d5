/* How the winner stands beside the baseline and the references, and what became of the other candidates. */
#include "tuner/report/report.h"

#include "tuner/report/screen.h"

#include "tuner/base/json.h"
#include "tuner/base/plain.h"
#include "tuner/base/width.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double metric_of(const json_t *row, const char *which, const struct metric *m)
{
    return json_number_at(json_object_get(row, which), m->name);
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

static long seeds_of(const json_t *row)
{
    return (long)json_integer_value(json_object_get(row, "confirmed_seeds"));
}

static long trial_of(const json_t *row)
{
    return (long)json_integer_value(json_object_get(row, "trial"));
}

static bool is(const json_t *row, const char *key)
{
    return json_is_true(json_object_get(row, key));
}

/* ---- the table ---- */

static const char *mean_and_sd(const struct metric *m, const json_t *row, struct arena *a)
{
    char mean[40], sd[40];
    double v = metric_of(row, "metrics", m);
    report_metric(m, v, mean, sizeof mean);
    if (seeds_of(row) < 2 || !isfinite(v)) return arena_strdup(a, mean);
    return arena_printf(a, "%s ± %s", mean, report_metric(m, metric_of(row, "sd", m), sd, sizeof sd));
}

static const char *row_name(const json_t *row, struct arena *a)
{
    const char *label = json_string_value(json_object_get(row, "label"));
    if (label) return plain_shown(a, label);
    return arena_printf(a, "%s (trial %ld)",
                        is(row, "winner")  ? "winner"
                        : is(row, "front") ? "front"
                                           : "tried",
                        trial_of(row));
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

static void put_row(struct sheet *g, size_t at, const struct objective *o, const json_t *row)
{
    char buf[64];
    put(g, at, 0, row_name(row, &g->arena));
    for (size_t i = 0; i < o->n_metrics; i++) put(g, at, 1 + i, mean_and_sd(&o->metric[i], row, &g->arena));
    put(g, at, g->n_columns - 1,
        arena_strdup(&g->arena, report_utility(json_number_at(row, "utility"), buf, sizeof buf)));
    g->mark[at] = is(row, "winner") ? "◀" : json_object_get(row, "breaks") && !is(row, "baseline") ? "✕" : NULL;
}

/* Baseline and references, then candidates, the winner last. */
static int rank_of(const json_t *row)
{
    return is(row, "baseline") ? 0 : json_object_get(row, "label") ? 1 : is(row, "winner") ? 3 : 2;
}

static void fill_sheet(struct sheet *g, const struct objective *o, const json_t *rows)
{
    size_t at = 0;
    g->n_rows = 1 + json_array_size(rows);
    g->n_columns = 2 + o->n_metrics;
    g->text = arena_array(&g->arena, g->n_rows * g->n_columns, sizeof *g->text);
    g->mark = arena_array(&g->arena, g->n_rows, sizeof *g->mark);
    g->width = arena_array(&g->arena, g->n_columns, sizeof *g->width);
    put(g, at, 0, "");
    for (size_t i = 0; i < o->n_metrics; i++) put(g, at, 1 + i, o->metric[i].name);
    put(g, at++, g->n_columns - 1, o->form == OBJECTIVE_PARETO ? "knee" : "utility");
    for (int rank = 0; rank < 4; rank++)
        for (size_t i = 0; i < json_array_size(rows); i++)
            if (rank_of(json_array_get(rows, i)) == rank) put_row(g, at++, o, json_array_get(rows, i));
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
static const char *change(const struct metric *m, bool ratio, double v, bool unit, struct arena *a)
{
    const char *sign = v < 0 ? "−" : "+";
    if (ratio) return arena_printf(a, "%s%.*f%s", sign, fabs(v) < 0.9995 ? 1 : 0, fabs(100 * v), unit ? " %" : "");
    if (m->kind == METRIC_PROPORTION) return arena_printf(a, "%s%.2f%s", sign, fabs(100 * v), unit ? " points" : "");
    return arena_printf(a, "%s%.4g", sign, fabs(v));
}

static void print_difference(FILE *out, const struct metric *m, const json_t *d)
{
    bool ratio = json_object_get(d, "ratio") != NULL;
    double by = json_number_at(d, ratio ? "ratio" : "difference"), low = json_number_at(d, "low"),
           high = json_number_at(d, "high");
    struct arena a = {0};
    fputs("      ", out);
    print_cut(out, m->name, 20, true);
    fputs("  ", out);
    print_cut(out, change(m, ratio, by, true, &a), 16, false);
    if (isfinite(low) && low < high)
        fprintf(out, "  (%s to %s)", change(m, ratio, low, false, &a), change(m, ratio, high, false, &a));
    fputc('\n', out);
    arena_done(&a);
}

/* "promising" alone would say too much. */
static const char *words_for(const char *verdict)
{
    return strcmp(verdict, "promising") == 0 ? "promising, not proven" : verdict;
}

static void print_against(FILE *out, const struct objective *o, const json_t *against)
{
    struct arena a = {0};
    fprintf(out, "    against %s: %s\n", plain_shown(&a, text_of(against, "reference")),
            words_for(text_of(against, "verdict")));
    for (size_t i = 0; i < o->n_metrics; i++) {
        const json_t *d = json_object_get(json_object_get(against, "metrics"), o->metric[i].name);
        if (d) print_difference(out, &o->metric[i], d);
    }
    arena_done(&a);
}

static void print_breaks(FILE *out, const struct objective *o, const json_t *row)
{
    const json_t *b;
    size_t i;
    json_array_foreach(json_object_get(row, "breaks"), i, b)
    {
        int m = objective_find_metric(o, text_of(b, "metric"));
        struct arena a = {0};
        char by[40];
        double v = json_number_at(b, "by");
        if (m >= 0 && o->metric[m].kind == METRIC_PROPORTION)
            snprintf(by, sizeof by, "%.2f points", 100 * v);
        else if (m >= 0)
            report_metric(&o->metric[m], v, by, sizeof by);
        fprintf(out, "      breaks '%s' by %s;\n      '%s' would let it through\n",
                plain_shown(&a, text_of(b, "constraint")), by, text_of(b, "would_hold"));
        arena_done(&a);
    }
}

/* `only`: beside this row only; NULL: beside the baseline and all references. */
static void print_verdict(FILE *out, const struct objective *o, const json_t *row, const json_t *only)
{
    const json_t *v;
    size_t i;
    struct arena a = {0};
    if (*text_of(row, "verdict")) fprintf(out, "  %s: %s\n", row_name(row, &a), words_for(text_of(row, "verdict")));
    print_breaks(out, o, row);
    json_array_foreach(json_object_get(row, "against"), i, v)
    {
        if (!only || trial_of(v) == trial_of(only)) print_against(out, o, v);
    }
    arena_done(&a);
}

/* ---- sentences ---- */

static void say_front(FILE *out, const struct objective *o, const json_t *rows)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) n += is(json_array_get(rows, i), "front");
    fprintf(out,
            "  a front of %zu: none is better than another in both %s and %s. Where one is\n"
            "  asked for it is the knee: each metric from 0 to 1 along the front, the greatest sum\n",
            n, o->metric[o->gain].name, o->metric[o->cost].name);
}

static double greatest(const json_t *rows, const struct metric *m)
{
    double most = 0;
    for (size_t i = 0; i < json_array_size(rows); i++)
        most = fmax(most, fabs(metric_of(json_array_get(rows, i), "metrics", m)));
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

static void say_zeros(FILE *out, const struct objective *o, const json_t *base, const json_t *rows)
{
    for (size_t i = 0; o->form == OBJECTIVE_WEIGHTS && i < o->n_metrics; i++)
        if (o->weight[i] > 0 && o->metric[i].unit == 0)
            say_zero(out, &o->metric[i], metric_of(base, "metrics", &o->metric[i]), greatest(rows, &o->metric[i]));
}

static long most_seeds(const json_t *rows)
{
    long most = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        long seeds = seeds_of(json_array_get(rows, i));
        most = seeds > most ? seeds : most;
    }
    return most;
}

static bool all_repeat(const json_t *rows)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (seeds_of(row) && !is(row, "repeats")) return false;
    }
    return true;
}

static void say_how_sure(FILE *out, const struct study *study, const json_t *rows, const json_t *winner)
{
    if (seeds_of(winner) && all_repeat(rows))
        fputs("  every figure came out the same on another seed: no spread, and more seeds\n"
              "  would say nothing; other data might\n",
              out);
    else if (seeds_of(winner) > 1 && json_array_size(json_object_get(winner, "against")))
        fprintf(out, "  differences with 95 %% intervals (Welch), %ld seeds each\n", seeds_of(winner));
    else if (seeds_of(winner) == 1 && study->confirm.seeds == 1)
        fputs("  one fresh seed says nothing of the spread; 'confirm: {seeds: 3}' does\n", out);
}

/* By how much of its unit the worst of its constraints is broken. */
static double distance(const struct objective *o, const json_t *row, const json_t *base)
{
    double worst = 0, baseline[METRICS_MAX];
    const json_t *b;
    size_t i;
    for (size_t k = 0; k < o->n_metrics; k++) baseline[k] = base ? metric_of(base, "metrics", &o->metric[k]) : 0;
    json_array_foreach(json_object_get(row, "breaks"), i, b)
    {
        int m = objective_find_metric(o, text_of(b, "metric"));
        if (m >= 0) worst = fmax(worst, json_number_at(b, "by") / objective_unit(o, (size_t)m, baseline));
    }
    return worst;
}

static bool is_loser(const json_t *row)
{
    return seeds_of(row) && !is(row, "winner") && !json_object_get(row, "label");
}

/* The confirmed candidates that did not win, the nearest to the constraints first: in the arena. */
static size_t find_losers(const struct objective *o, const json_t *rows, const json_t *base, struct arena *a,
                          const json_t ***ret)
{
    size_t n = 0;
    *ret = arena_array(a, json_array_size(rows) + 1, sizeof **ret);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        size_t at = n;
        if (!is_loser(row)) continue;
        for (n++; at > 0 && distance(o, row, base) < distance(o, (*ret)[at - 1], base); at--)
            (*ret)[at] = (*ret)[at - 1];
        (*ret)[at] = row;
    }
    return n;
}

/* When the baseline or a reference wins: what became of those that were to beat it. */
static void print_losers(FILE *out, const struct objective *o, const json_t *rows, const json_t *base)
{
    struct arena a = {0};
    const json_t **row;
    size_t n = find_losers(o, rows, base, &a, &row);
    if (n > 1) fprintf(out, "  %zu candidates were confirmed; the nearest first:\n", n);
    for (size_t i = 0; i < n; i++) print_verdict(out, o, row[i], base);
    arena_done(&a);
}

/* The reference that decides the verdict; of several the last, since a reference says more than the baseline. */
static const json_t *deciding(const json_t *row)
{
    const json_t *v, *out = NULL;
    size_t i;
    json_array_foreach(json_object_get(row, "against"), i, v)
    {
        if (strcmp(text_of(v, "verdict"), text_of(row, "verdict")) == 0) out = v;
    }
    return out;
}

/* "Verdict: a trade. Beside strong-default: em −2.59 points, tokens −45.1 %" */
static void say_verdict(FILE *out, const struct objective *o, const json_t *winner)
{
    const json_t *beside = deciding(winner);
    const char *comma = "";
    struct arena a = {0};
    fprintf(out, "\nVerdict: %s.", words_for(text_of(winner, "verdict")));
    if (beside) fprintf(out, " Beside %s:", plain_shown(&a, text_of(beside, "reference")));
    for (size_t i = 0; i < o->n_metrics && beside; i++) {
        const json_t *d = json_object_get(json_object_get(beside, "metrics"), o->metric[i].name);
        bool ratio = json_object_get(d, "ratio") != NULL;
        if (!d || !objective_uses(o, i)) continue;
        fprintf(out, "%s %s %s", comma, o->metric[i].name,
                change(&o->metric[i], ratio, json_number_at(d, ratio ? "ratio" : "difference"), true, &a));
        comma = ",";
    }
    fputc('\n', out);
    arena_done(&a);
}

/* When more seeds would turn "promising" into an answer. */
static void say_seeds(FILE *out, const json_t *winner)
{
    const json_t *v;
    size_t i;
    long seeds = 0;
    json_array_foreach(json_object_get(winner, "against"), i, v)
    {
        long n = (long)json_integer_value(json_object_get(v, "seeds_to_decide"));
        seeds = n > seeds ? n : seeds;
    }
    if (seeds && strcmp(text_of(winner, "verdict"), "promising") == 0)
        fprintf(out,
                "  about %ld seeds each would decide: 'confirm: {seeds: %ld}' in the study file, and\n"
                "  the same command again\n",
                seeds, seeds);
}

/* The objective has chosen; but a candidate that may be adopted at once should not go unseen. */
static void say_surer(FILE *out, const json_t *rows, const json_t *winner)
{
    for (size_t i = 0; i < json_array_size(rows) && strcmp(text_of(winner, "verdict"), "adopt") != 0; i++) {
        const json_t *row = json_array_get(rows, i);
        struct arena a = {0};
        if (is_loser(row) && strcmp(text_of(row, "verdict"), "adopt") == 0)
            fprintf(out, "  %s, of less utility, is surer: adopt\n", row_name(row, &a));
        arena_done(&a);
    }
}

static void print_broken(FILE *out, const struct objective *o, const json_t *rows)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        struct arena a = {0};
        if (is_loser(row) && json_object_get(row, "breaks")) {
            fprintf(out, "  %s ✕\n", row_name(row, &a));
            print_breaks(out, o, row);
        }
        arena_done(&a);
    }
}

void report_comparison(FILE *out, const struct study *study, const json_t *rows)
{
    const struct objective *o = &study->objective;
    const json_t *winner = report_row(rows, "winner"), *base = report_row(rows, "baseline");
    struct sheet grid = {0};
    if (winner && *text_of(winner, "verdict")) say_verdict(out, o, winner);
    long seeds = winner ? seeds_of(winner) : most_seeds(rows);
    if (!winner) fputc('\n', out);
    if (seeds == 1 && !all_repeat(rows))
        fprintf(out, "Study %s, one fresh seed each, not confirmed:\n", study->name);
    else if (seeds)
        fprintf(out, "Study %s, confirmed on %ld fresh seed%s (mean ± sd):\n", study->name, seeds,
                seeds > 1 ? "s" : "");
    else
        fprintf(out, "Study %s, single measurements, not confirmed:\n", study->name);
    fill_sheet(&grid, o, rows);
    print_sheet(out, &grid);
    arena_done(&grid.arena);
    if (!winner)
        fputs(json_array_size(rows) == 0 && o->n_constraints == 0
                  ? "  nothing is complete yet\n"
                  : "  no complete configuration satisfies the constraints yet\n",
              out);
    else if (winner == base)
        fputs("  nothing that was tried beats the baseline\n", out);
    else
        print_verdict(out, o, winner, NULL);
    if (!winner || json_object_get(winner, "label"))
        print_losers(out, o, rows, base);
    else
        print_broken(out, o, rows);
    if (winner) say_surer(out, rows, winner);
    if (winner) say_how_sure(out, study, rows, winner);
    if (winner) say_seeds(out, winner);
    if (winner && o->form == OBJECTIVE_PARETO) say_front(out, o, rows);
    if (base) say_zeros(out, o, base, rows);
}
