#include "tuner/history/warm_start.h"

#include "tuner/history/internal.h"

#include "tuner/history/open.h"

#include "tuner/base/bounded.h"
#include "tuner/base/words.h"

#include <math.h>
#include <string.h>

/* ---- what a trial of another study is worth to this one ---- */

/* What utilities are relative to, by our metrics; NaN: it has no such metric. */
struct yardstick {
    size_t runs; /* 0: there is none */
    double metric[METRICS_MAX];
};

/* Of our metrics what the other study has; NaN: it has no such metric. False: the utility needs one of these. */
static bool adopt_metrics(const struct memory *s, const struct memory *other, const double *value, double *ret)
{
    const struct objective *o = &s->study->objective;
    bool enough = true;
    for (size_t i = 0; i < o->n_metrics; i++) {
        int k = objective_find_metric(&other->study->objective, o->metric[i].name);
        ret[i] = k < 0 ? NAN : value[k];
        enough = enough && (isfinite(ret[i]) || !objective_in_utility(o, i));
    }
    return enough;
}

static struct yardstick their_baseline(const struct memory *s, const struct memory *other)
{
    const double *theirs = memory_baseline(other);
    struct yardstick y = {0};
    if (theirs) y.runs = 1, adopt_metrics(s, other, theirs, y.metric);
    return y;
}

static void add_run(const struct memory *s, const struct memory *other, const struct trial *t, struct yardstick *y)
{
    double value[METRICS_MAX];
    if (!adopt_metrics(s, other, t->value, value)) return;
    y->runs++;
    for (size_t i = 0; i < s->study->objective.n_metrics; i++)
        y->metric[i] = bounded_mean(y->metric[i], value[i], y->runs);
}

/* The utility of a trial of another study, by our objective. False: it lacks a metric. */
static bool judge_there(const struct memory *s, const struct memory *other, const struct yardstick *y,
                        const struct trial *t, double *ret)
{
    const struct objective *o = &s->study->objective;
    double value[METRICS_MAX];
    if ((objective_needs_baseline(o) && !y->runs) || !adopt_metrics(s, other, t->value, value)) return false;
    *ret = objective_utility(o, value, y->metric);
    return isfinite(*ret);
}

/* ---- another study's configuration in this one's space ---- */

/* What an earlier study's trials say nothing about: the value that the baseline has, which is what the program did
 * before it had the parameter. Without one, values spread evenly over the range, so that nothing is learnt about it. */
static double assume(const struct study *study, size_t param, size_t k)
{
    static const double steps[] = {0.6180339887498949, 0.7548776662466927};
    const struct param *p = &study->space.param[param];
    if (study->baseline && !isnan(study->baseline[param])) return study->baseline[param];
    double whole, u = modf(0.5 + steps[0] * (double)k + steps[1] * (double)param, &whole);
    if (p->type > PARAM_FLOAT) return floor(u * (double)p->n_values);
    return param_nearest(p, p->log ? p->lo * pow(p->hi / p->lo, u) : p->lo + u * (p->hi - p->lo));
}

/* A number between two of our steps is taken for the nearer one. What lies outside our range is not moved to its edge:
 * nothing was measured there. */
static bool adopt(const struct param *p, const json_t *value, double *ret)
{
    if (param_from_json(p, value, ret, NULL) == STATUS_OK) return true;
    if (p->type > PARAM_FLOAT || !json_is_number(value)) return false;
    double v = json_number_value(value);
    if (!(v >= p->lo && v <= p->hi)) return false;
    *ret = param_nearest(p, v);
    return true;
}

/* `k`: how many were translated before. A parameter that we do not have is passed over. */
static bool translate(const struct study *study, const json_t *params, size_t k, double *ret)
{
    if (space_from_json(&study->space, params, ret, NULL) == STATUS_OK) return true;
    for (size_t i = 0; i < study->space.n; i++) {
        const json_t *value = json_object_get(params, study->space.param[i].name);
        if (!value)
            ret[i] = assume(study, i, k);
        else if (!adopt(&study->space.param[i], value, &ret[i]))
            return false;
    }
    space_settle(&study->space, ret);
    return true;
}

/* ---- what it teaches ---- */

struct count { /* of an earlier study's complete trials */
    size_t complete, outside, unjudged;
    size_t yardstick; /* runs of what their utilities are relative to */
};

static const char *why_unjudged(struct history *s, const struct memory *other, const struct count *c)
{
    const struct objective *o = &s->m.study->objective;
    if (objective_needs_baseline(o) && !c->yardstick) return "it has no complete baseline";
    for (size_t i = 0; i < o->n_metrics; i++)
        if (objective_in_utility(o, i) && objective_find_metric(&other->study->objective, o->metric[i].name) < 0)
            return arena_printf(&s->arena, "it has no metric '%s'", o->metric[i].name);
    return "its metrics give no utility";
}

static bool translate_trial(const struct memory *s, const struct memory *other, const struct trial *t, size_t k,
                            double *ret)
{
    json_t *params = space_to_json(&other->study->space, t->config);
    bool inside = translate(s->study, params, k, ret);
    json_decref(params);
    return inside;
}

/* Utilities are to be those of this study before the world changed: relative to what its baseline was then. An earlier
 * study that has not measured it has its own. */
static struct yardstick choose_yardstick(const struct memory *s, const struct memory *other, double *config)
{
    const struct study *study = s->study;
    struct yardstick y = {0};
    for (size_t i = 0; study->baseline && i < other->n; i++) {
        const struct trial *t = other->trial[i];
        if (t->state != TRIAL_COMPLETE || t->outside || !translate_trial(s, other, t, i, config)) continue;
        if (memcmp(config, study->baseline, study->space.n * sizeof *config) == 0) add_run(s, other, t, &y);
    }
    return y.runs ? y : their_baseline(s, other);
}

static void read_prior(struct history *s, const struct memory *other, struct search_prior *ret, struct count *count)
{
    size_t d = s->m.study->space.n;
    double *config = arena_array(&s->arena, (other->n + 1) * d, sizeof *config),
           *utility = arena_array(&s->arena, other->n + 1, sizeof *utility);
    const struct yardstick yardstick = choose_yardstick(&s->m, other, config);
    count->yardstick = yardstick.runs;
    for (size_t i = 0; i < other->n; i++) {
        const struct trial *t = other->trial[i];
        if (t->state != TRIAL_COMPLETE || t->role == ROLE_CONFIRM || t->outside) continue;
        count->complete++;
        if (!translate_trial(&s->m, other, t, ret->n, config + ret->n * d))
            count->outside++;
        else if (!judge_there(&s->m, other, &yardstick, t, &utility[ret->n]))
            count->unjudged++;
        else
            ret->n++;
    }
    ret->config = config;
    ret->utility = utility;
}

/* ---- what is said of it ---- */

static size_t count_shared(const struct space *a, const struct space *b)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++) n += space_find(b, a->param[i].name) >= 0;
    return n;
}

/* "; 'dropout' is new: taken as 0.1, the baseline's": of ours that the other has not. */
static const char *say_new(struct history *s, const struct study *other)
{
    const struct study *study = s->m.study;
    const char *text = "";
    char value[SPACE_TEXT_MAX];
    for (size_t i = 0; i < study->space.n; i++) {
        const struct param *p = &study->space.param[i];
        bool known = study->baseline && !isnan(study->baseline[i]);
        if (space_find(&other->space, p->name) >= 0) continue;
        text = known ? arena_printf(&s->arena, "%s; '%s' is new: taken as %.40s, the baseline's", text, p->name,
                                    param_text(p, study->baseline[i], value))
                     : arena_printf(&s->arena, "%s; nothing is known about '%s', which is new", text, p->name);
    }
    return text;
}

static const char *say_gone(struct history *s, const struct study *other)
{
    const char *text = "";
    for (size_t i = 0; i < other->space.n; i++)
        if (space_find(&s->m.study->space, other->space.param[i].name) < 0)
            text = arena_printf(&s->arena, "%s; '%s' is not a parameter any more and passed over", text,
                                other->space.param[i].name);
    return text;
}

static bool is_flat(const struct search_prior *p)
{
    for (size_t i = 1; i < p->n; i++)
        if (p->utility[i] != p->utility[0]) return false;
    return true;
}

/* Why there is too little to learn from; NULL: there is enough. */
static const char *why_nothing(struct history *s, const struct memory *other, const struct search_prior *p,
                               const struct count *c)
{
    bool utility = s->m.study->objective.form != OBJECTIVE_PARETO;
    if (s->m.study->sampler != SAMPLER_GP)
        return arena_printf(&s->arena, "the sampler '%s' learns from no trials", sampler_name(s->m.study->sampler));
    if (!utility) return "only a study with one utility learns from others, not one that looks for a front";
    if (count_shared(&s->m.study->space, &other->study->space) == 0)
        return "it has nothing in common with this study: no parameter has the same name";
    if (p->n >= SEARCH_PRIOR_LEAST && is_flat(p)) return "all its trials have the same utility";
    if (p->n >= SEARCH_PRIOR_LEAST) return NULL;
    if (c->unjudged > 0) return why_unjudged(s, other, c);
    if (c->outside > 0)
        return arena_printf(&s->arena, "%zu of its %zu complete trial%s %s outside this study's ranges and values",
                            c->outside, c->complete, words_s(c->complete), c->outside == 1 ? "lies" : "lie");
    return arena_printf(&s->arena, "it has %zu complete trial%s, and %d are the least", c->complete,
                        words_s(c->complete), SEARCH_PRIOR_LEAST);
}

static const char *say(struct history *s, const struct memory *other, const struct search_prior *p,
                       const struct count *c)
{
    const char *why = why_nothing(s, other, p, c);
    if (why) return arena_printf(&s->arena, "warm_start: '%s' teaches nothing: %s", p->name, why);
    return arena_printf(&s->arena, "warm_start: %zu of %zu complete trial%s of '%s' %s this study%s%s", p->n,
                        c->complete, words_s(c->complete), p->name, p->n == 1 ? "teaches" : "teach",
                        say_new(s, other->study), say_gone(s, other->study));
}

static enum status load_prior(struct history *s, size_t i, struct search_prior *p, struct error *err)
{
    struct store_study row;
    struct study *study = NULL;
    struct history *other = NULL;
    struct count count = {0};
    enum status st = store_study_find(s->m.store, s->m.study->warm.text[i], &s->arena, &row, err);
    if (!st) st = study_parse(row.path, row.file, strlen(row.file), &study, err);
    if (!st) {
        other = history_bare(s->m.store, study, row.id, row.seed, s->m.clock);
        st = history_load_until(other, s->warm_seq[i], err);
    }
    if (!st) {
        s->m.priors.n++;
        p->name = s->m.study->warm.text[i];
        read_prior(s, &other->m, p, &count);
        p->note = say(s, &other->m, p, &count);
    }
    history_free(other);
    study_free(study);
    return st ? error_context(err, "%s: warm_start", s->m.study->path) : STATUS_OK;
}

enum status warm_start_load(struct history *s, struct error *err)
{
    enum status st = STATUS_OK;
    s->m.priors.n = 0;
    struct search_prior *prior = arena_array(&s->arena, s->m.study->warm.n + 1, sizeof *prior);
    s->m.priors.prior = prior;
    for (size_t i = 0; !st && i < s->m.study->warm.n; i++) st = load_prior(s, i, &prior[i], err);
    return st;
}
