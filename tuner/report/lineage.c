/* The stages that led to a trial, as a tree: what it costs to get from one checkpoint to the next. */
#include "tuner/report/report.h"

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
