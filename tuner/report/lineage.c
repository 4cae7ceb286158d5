/* The stages that led to a trial, as a tree: what it costs to get from one checkpoint to the next; those of all trials,
 * as a table. */
#include "tuner/report/report.h"

#include "tuner/report/grid.h"

#include "tuner/base/words.h"

static void show_amounts(FILE *out, const struct ancestor *a, const char *unit)
{
    char buf[40];
    if (a->cost > 0)
        fprintf(out, "  +%s %s", words_show_count(a->cost, buf, sizeof buf), unit);
    else
        fprintf(out, "  +%s", words_show_duration((int64_t)a->ms, buf, sizeof buf));
    if (a->digest)
        fprintf(out, "  %.12s, %s bytes%s", a->digest, words_show_count((double)a->bytes, buf, sizeof buf),
                a->kept ? "" : ", not kept any more");
}

static void show_origin(FILE *out, const struct ancestor *a, long trial)
{
    if (a->trial != trial) fprintf(out, "  by trial %ld", a->trial);
    if (a->users > 1) fprintf(out, "  shared by %zu trials", a->users);
}

static void show_one(FILE *out, const struct study *study, const struct ancestry *x, size_t at, int depth, long trial)
{
    const struct ancestor *a = &x->stage[at];
    struct arena arena = {0};
    const char *params = report_config_short(&study->space, a->config, NULL, &arena);
    fprintf(out, "  %*s%s%s", depth ? 3 * depth - 3 : 0, "", depth ? "└─ " : "", a->stage);
    show_amounts(out, a, objective_cost_name(&study->objective));
    show_origin(out, a, trial);
    if (*params) fprintf(out, "\n  %*s  %s", 3 * depth, "", params);
    for (size_t i = 1; i < a->n_from; i++)
        fprintf(out, "\n  %*s  takes %s, too", 3 * depth, "", x->stage[a->from[i]].stage);
    fputc('\n', out);
    arena_done(&arena);
}

/* Below what it takes first. */
static void show_below(FILE *out, const struct study *study, const struct ancestry *x, size_t at, int depth, long trial)
{
    show_one(out, study, x, at, depth, trial);
    for (size_t i = at + 1; i < x->n; i++)
        if (x->stage[i].n_from > 0 && x->stage[i].from[0] == at) show_below(out, study, x, i, depth + 1, trial);
}

void report_lineage(FILE *out, const struct memory *s, const struct trial *t)
{
    struct arena arena = {0};
    struct ancestry x = ancestry_of(s, t, &arena);
    const char *unit = objective_cost_name(&s->study->objective);
    char whole[40], own[40], share[40];
    fprintf(out, "trial %ld of %s: %s, %zu of its stages done\n", t->number, s->study->name, trial_state_name(t->state),
            x.n);
    for (size_t i = 0; i < x.n; i++)
        if (x.stage[i].n_from == 0) show_below(out, s->study, &x, i, 0, t->number);
    if (x.whole > 0)
        fprintf(out, "  %s %s in all; %s spent by this trial; %s if all who stand on a stage share its cost\n",
                words_show_count(x.whole, whole, sizeof whole), unit, words_show_count(x.charged, own, sizeof own),
                words_show_count(x.share, share, sizeof share));
    arena_done(&arena);
}

/* ---- of a study ---- */

/* What a stage has left for a trial: a checkpoint by the first of its digest, or by who ran the stage. */
static const char *left_text(const struct product *p, long trial, struct arena *a)
{
    if (!p) return "–";
    if (p->trial != trial) return arena_printf(a, "of %ld", p->trial);
    if (!p->digest) return "done";
    return arena_printf(a, "%.8s%s", p->digest, p->gone ? " gone" : "");
}

static void add_row(struct grid *g, const struct memory *s, const struct trial *t, const struct screen *screen)
{
    char buf[40];
    struct grid_cell *row = grid_row(g);
    row[0].text = arena_printf(&g->arena, "%ld", t->number);
    row[1].text = trial_state_name(t->state);
    row[1].mark = screen_state(screen, t->state, &g->arena);
    for (size_t k = 0; k < s->study->pipeline.n; k++) row[2 + k].text = left_text(t->left[k], t->number, &g->arena);
    row[g->n_columns - 1].text = arena_printf(&g->arena, "%s", words_show_count(t->effort.tokens, buf, sizeof buf));
}

void report_lineages(FILE *out, const struct memory *s)
{
    const struct pipeline *stages = &s->study->pipeline;
    struct screen screen = screen_of(out);
    struct grid g = {.n_rows = 0};
    char bytes[40];
    grid_column(&g, "trial", true, 9);
    grid_column(&g, "state", false, 5);
    for (size_t k = 0; k < stages->n; k++) grid_column(&g, stages->stage[k].name, false, 7);
    grid_column(&g, arena_printf(&g.arena, "%s spent", objective_cost_name(&s->study->objective)), true, 6);
    for (size_t i = 0; i < s->n; i++)
        if (ancestry_begun(s, s->trial[i])) add_row(&g, s, s->trial[i], &screen);
    if (stages->n == 0)
        fprintf(out, "study '%s' has no stages: its trials stand on nothing\n", s->study->name);
    else if (g.n_rows == 0)
        fprintf(out, "no stage of study '%s' is done yet\n", s->study->name);
    else {
        grid_print(out, &g, &screen);
        fprintf(out,
                "checkpoints by digest, %s bytes kept in all; of N: what trial N left\n"
                "one of them: nocturne lineage %s TRIAL\n",
                words_show_count((double)s->products.bytes, bytes, sizeof bytes), s->study->name);
    }
    grid_done(&g);
}
