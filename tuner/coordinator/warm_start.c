#include "tuner/coordinator/warm_start.h"

#include <math.h>
#include <string.h>

/* The utility of a trial of another study, by our objective and its own baseline. False: it lacks a metric. */
static bool judge_there(const struct session *s, const struct session *other, const struct trial *t, double *ret)
{
    const struct objective *o = &s->study->objective;
    double value[METRICS_MAX], baseline[METRICS_MAX];
    const double *theirs = session_baseline(other);
    if (objective_needs_baseline(o) && !theirs) return false;
    for (size_t i = 0; i < o->n_metrics; i++) {
        int k = objective_find_metric(&other->study->objective, o->metric[i].name);
        value[i] = k < 0 ? NAN : t->value[k];
        baseline[i] = k < 0 || !theirs ? NAN : theirs[k];
        if (objective_in_utility(o, i) && !isfinite(value[i])) return false;
    }
    *ret = objective_utility(o, value, baseline);
    return isfinite(*ret);
}

static void read_prior(struct session *s, const struct session *other, struct search_prior *ret)
{
    size_t d = s->study->space.n;
    double *config = arena_array(&s->arena, (other->n + 1) * d, sizeof *config),
           *utility = arena_array(&s->arena, other->n + 1, sizeof *utility);
    for (size_t i = 0; i < other->n; i++) {
        const struct trial *t = other->trial[i];
        if (t->state != TRIAL_COMPLETE || t->role == ROLE_CONFIRM || t->outside) continue;
        json_t *params = space_to_json(&other->study->space, t->config);
        bool inside = space_from_json(&s->study->space, params, config + ret->n * d, NULL) == STATUS_OK;
        json_decref(params);
        if (inside && judge_there(s, other, t, &utility[ret->n])) ret->n++;
    }
    ret->config = config;
    ret->utility = utility;
}

static enum status load_prior(struct session *s, size_t i, struct error *err)
{
    struct store_study row;
    struct study *study = NULL;
    struct session *other = NULL;
    enum status st = store_study_find(s->store, s->study->warm[i], &s->arena, &row, err);
    if (!st) st = study_parse(row.path, row.file, strlen(row.file), &study, err);
    if (!st) {
        other = session_bare(s->store, study, row.id, row.seed, s->clock);
        st = session_load_until(other, s->warm_seq[i], err);
    }
    if (!st) {
        struct search_prior *p = &s->prior[s->n_priors++];
        p->name = s->study->warm[i];
        read_prior(s, other, p);
    }
    session_free(other);
    study_free(study);
    return st ? error_context(err, "%s: warm_start", s->study->path) : STATUS_OK;
}

enum status warm_start_load(struct session *s, struct error *err)
{
    enum status st = STATUS_OK;
    s->n_priors = 0;
    s->prior = arena_array(&s->arena, s->study->n_warm + 1, sizeof *s->prior);
    for (size_t i = 0; !st && i < s->study->n_warm; i++) st = load_prior(s, i, err);
    return st;
}
