#include "tuner/live/watch_study.h"

#include "tuner/analysis/analysis.h"
#include "tuner/base/yaml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_TO_LEARN = 3, LEARN_MOST = 2000 };
static const double MARKS_APART = 8; /* from what the study has measured, either way */

bool watch_plan_says_metrics(const char *text, struct arena *arena)
{
    struct yaml_node *root = NULL;
    struct error ignored;
    return yaml_read("the watch", text, strlen(text), arena, &root, &ignored) == STATUS_OK && root &&
           root->kind == YAML_MAP && yaml_get(root, "metrics");
}

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

enum status watch_plan_of_study(struct watch_plan *p, const struct memory *s, const json_t *champion, struct arena *arena,
                                const char **ret_unwatched, struct error *err)
{
    const struct objective *o = &s->study->objective;
    const double *usual = measured(s, champion, arena);
    const char *others = "";
    double of = 0;
    size_t n = 0;
    struct watch_metric metric[LIVE_METRICS_MAX];
    for (size_t m = 0; m < o->n_metrics && n < LIVE_METRICS_MAX; m++) {
        if (!objective_uses(o, m)) continue;
        if (watch_metric_of(&o->metric[m], p->every_ms > 0, usual ? usual[m] : NAN, &metric[n])) {
            of = fmax(of, o->metric[m].of);
            n++;
        } else
            others = arena_printf(arena, "%s%s%s", others, *others ? ", " : "", o->metric[m].name);
    }
    if (n == 0)
        return error_set(err, STATUS_INVALID, "study '%s' has no metric that can be watched without a range; write "
                                              "'metrics: {NAME: {range: [LOW, HIGH]}}' into the watch's plan",
                         s->study->name);
    memcpy(p->metric, metric, n * sizeof *metric);
    p->n = n;
    if (p->every_ms > 0) p->learn = fmin(fmax(RUNS_TO_LEARN * of, LIVE_LEARN_MIN), LEARN_MOST);
    *ret_unwatched = others;
    return STATUS_OK;
}

/* What is tuned anew is run as the study was, and agents are the service's. */
static enum status check_agents(const struct watch_plan *p, const struct study *study, struct error *err)
{
    if (study->agents.kind == PROVISIONER_NONE || p->far < WATCH_TUNING) return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "study '%s' has 'executor: %s', whose agents only 'nocturne serve' starts: a watch cannot tune it anew. "
                     "Let it go no further than 'then: evaluating', which runs the champion and others on this machine, or "
                     "'drifted', and create the new study at the service",
                     study->name, provisioner_key(study->agents.kind));
}

/* A watch asks no clients. The plan's command runs the champion and others, but no new study. */
static enum status check_program(const struct watch_plan *p, const struct study *study, struct error *err)
{
    bool runs = p->every_ms > 0 || p->far > WATCH_DRIFTED;
    if (study_has_program(study) || !runs || (p->n_command && p->far < WATCH_TUNING)) return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "study '%s' has no 'trial: {command: […]}': its trials are run by clients that ask for them, and a watch "
                     "can run none. Let it go no further than 'then: drifted', without 'every', or, with a command of its "
                     "own, than 'then: evaluating'; after an alarm create the new study where those clients ask",
                     study->name);
}

enum status watch_plan_fits(const struct watch_plan *p, const struct study *study, struct error *err)
{
    enum status s = check_agents(p, study, err);
    return s ? s : check_program(p, study, err);
}

const char *watch_plan_text(const struct watch_plan *p, struct arena *arena)
{
    json_t *plan = watch_plan_json(p);
    char *text = json_text(plan);
    const char *kept = arena_strdup(arena, text);
    free(text);
    json_decref(plan);
    return kept;
}
