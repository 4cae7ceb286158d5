#include "tuner/cli/watch_wish.h"

#include "tuner/cli/whole_file.h"

#include "tuner/analysis/analysis.h"
#include "tuner/base/words.h"
#include "tuner/base/yaml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_TO_LEARN = 3, LEARN_MOST = 2000 };
static const double MARKS_APART = 8; /* from what the study has measured, either way */

bool watch_wish_is_given(const struct watch_options *o)
{
    return o->plan || o->every || o->then || o->ask || o->trials || o->top || o->run_length > 0 || o->n_command;
}

/* ---- of the study's metrics ---- */

/* What the study has measured of the champion, on fresh seeds if it was confirmed; NULL: nothing. */
static const double *measured(const struct memory *s, const json_t *champion, struct arena *a)
{
    double config[SPACE_PARAMS_MAX];
    const struct ranking all = ranking_make(s, &s->study->objective, a);
    if (space_from_json(&s->study->space, json_object_get(champion, "parameters"), config, NULL)) return NULL;
    for (size_t i = 0; i < all.n; i++) {
        bool same = true;
        for (size_t k = 0; same && k < s->study->space.n; k++)
            same = all.all[i].trial->config[k] == config[k] || (isnan(all.all[i].trial->config[k]) && isnan(config[k]));
        if (same) return all.all[i].mean;
    }
    return NULL;
}

/* Of an amount that only runs tell of: on a logarithmic scale around what was measured. */
static struct saving_marks marks_around(double usual)
{
    if (!(usual > 0)) return (struct saving_marks){0, 0, 0};
    double low = fmax(usual / MARKS_APART, 1);
    return (struct saving_marks){low, fmax(usual * MARKS_APART, 2 * low), fmax(usual * MARKS_APART, 2 * low)};
}

static bool watch_metric_of(const struct metric *m, bool by_runs, double usual, struct watch_metric *ret)
{
    *ret = (struct watch_metric){.name = m->name,
                                 .minimize = m->goal == GOAL_MINIMIZE,
                                 .low = 0,
                                 .high = 1,
                                 .missing = m->goal == GOAL_MINIMIZE ? 1 : 0,
                                 .baseline = NAN};
    if (m->kind == METRIC_PROPORTION) return true;
    if (m->kind != METRIC_COUNT || !ret->minimize) return false;
    ret->amount = true, ret->high = INFINITY, ret->missing = NAN;
    if (by_runs) ret->marks = marks_around(usual);
    return true;
}

static enum status watch_study(struct watch_plan *p, const struct memory *s, const json_t *champion, struct arena *a,
                               struct error *err)
{
    const struct objective *o = &s->study->objective;
    const double *usual = measured(s, champion, a);
    double of = 0;
    p->n = 0;
    for (size_t m = 0; m < o->n_metrics && p->n < LIVE_METRICS_MAX; m++) {
        if (!objective_uses(o, m)) continue;
        if (watch_metric_of(&o->metric[m], p->every_ms > 0, usual ? usual[m] : NAN, &p->metric[p->n])) {
            of = fmax(of, o->metric[m].of);
            p->n++;
        } else
            fprintf(stderr, "nocturne: '%s' is not watched: nobody knows its range; a plan can say it, 'metrics: {%s: "
                            "{range: [0, 100]}}'\n",
                    o->metric[m].name, o->metric[m].name);
    }
    if (p->n == 0)
        return error_set(err, STATUS_INVALID, "study '%s' has no metric that can be watched without a range; write "
                                              "'metrics: {NAME: {range: [LOW, HIGH]}}' into a plan, and give it with --plan",
                         s->study->name);
    if (p->every_ms > 0) p->learn = fmin(fmax(RUNS_TO_LEARN * of, LIVE_LEARN_MIN), LEARN_MOST);
    return STATUS_OK;
}

/* ---- of the file and the command line ---- */

static bool says_metrics(const char *file, const char *text, struct arena *a)
{
    struct yaml_node *root = NULL;
    struct error ignored;
    return yaml_read(file, text, strlen(text), a, &root, &ignored) == STATUS_OK && root && root->kind == YAML_MAP &&
           yaml_get(root, "metrics");
}

static bool step_of(const char *word, size_t n, enum watch_phase least, enum watch_phase *ret)
{
    for (int i = (int)least; i <= WATCH_TRYING; i++) {
        const char *name = watch_phase_name((enum watch_phase)i);
        if (strlen(name) == n && strncmp(name, word, n) == 0) return *ret = (enum watch_phase)i, true;
    }
    return false;
}

/* "tuning,trying"; "none" */
static enum status read_ask(const char *text, struct watch_plan *p, struct error *err)
{
    enum watch_phase step;
    memset(p->ask, 0, sizeof p->ask);
    if (strcmp(text, "none") == 0) return STATUS_OK;
    for (const char *at = text;; at++) {
        size_t n = strcspn(at, ",");
        if (!step_of(at, n, WATCH_EVALUATING, &step))
            return error_set(err, STATUS_INVALID, "--ask: '%.*s' is none of evaluating, tuning, trying; or none", (int)n, at);
        p->ask[step] = true;
        at += n;
        if (!*at) return STATUS_OK;
    }
}

static enum status read_line(const struct watch_options *o, struct watch_plan *p, struct error *err)
{
    if (o->every && strcmp(o->every, "0") != 0 && !words_duration_ms(o->every, &p->every_ms))
        return error_set(err, STATUS_INVALID, "--every: '%.60s' is not a duration such as 10m, 24h or 7d", o->every);
    if (o->every && strcmp(o->every, "0") == 0) p->every_ms = 0;
    if (o->then && !step_of(o->then, strlen(o->then), WATCH_DRIFTED, &p->far))
        return error_set(err, STATUS_INVALID, "--then: '%.60s' is none of drifted, evaluating, tuning, trying", o->then);
    if (o->trials) p->trials = o->trials;
    if (o->top) p->top = o->top;
    if (o->run_length > 0) p->run_length = o->run_length;
    if (o->n_command) p->n_command = o->n_command, p->command = o->command;
    return o->ask ? read_ask(o->ask, p, err) : STATUS_OK;
}

static const char *text_of(const struct watch_plan *p, struct arena *a)
{
    json_t *plan = watch_plan_json(p);
    char *text = json_text(plan);
    const char *kept = arena_strdup(a, text);
    free(text);
    json_decref(plan);
    return kept;
}

enum status watch_wish_plan(const struct watch_options *o, const struct memory *s, const json_t *champion,
                            struct arena *arena, const char **ret, struct error *err)
{
    struct watch_plan plan;
    char *text = NULL;
    enum status st = o->plan ? whole_file_read(o->plan, LIVE_PLAN_BYTES, &text, err) : STATUS_OK;
    if (st) return st;
    const char *kept = text ? arena_strdup(arena, text) : "", *name = o->plan ? o->plan : "the watch";
    free(text);
    st = watch_plan_read(name, kept, arena, &plan, err);
    if (!st) st = read_line(o, &plan, err);
    if (!st && !says_metrics(name, kept, arena)) st = watch_study(&plan, s, champion, arena, err);
    if (!st) *ret = text_of(&plan, arena);
    return st;
}
