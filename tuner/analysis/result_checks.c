#include "tuner/analysis/result_checks.h"

#include "tuner/analysis/caution.h"
#include "tuner/analysis/noise.h"
#include "tuner/analysis/remark.h"
#include "tuner/analysis/sight.h"
#include "tuner/analysis/stop_audit.h"
#include "tuner/analysis/surface.h"
#include "tuner/analysis/verdict.h"

#include "tuner/base/spread.h"
#include "tuner/base/words.h"

#include "tuner/history/history.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

static const struct objective *objective_of(const struct checkup *x)
{
    return &x->s->study->objective;
}

/* ---- the baseline ---- */

static const double SURE = 0.99, HALF_A_POINT = 0.005;

/* The constraint on this metric that goes by the baseline; NULL: there is none. */
static const struct constraint *constraint_on(const struct objective *o, size_t metric)
{
    for (size_t i = 0; i < o->n_constraints; i++)
        if (o->constraint[i].metric == metric && o->constraint[i].factor != 0) return &o->constraint[i];
    return NULL;
}

/* A distance from the baseline that the constraint speaks of. */
static double margin_of(const struct objective *o, size_t metric, const struct constraint *c, double baseline)
{
    double most = fmax(fabs(c->offset), fabs((c->factor - 1) * baseline));
    return o->metric[metric].kind == METRIC_PROPORTION ? fmax(most, HALF_A_POINT) : most;
}

/* As many as the verdict needs to be decided: one number for both. Where it needs none, twice as many and one. */
static long seeds_wanted(const struct checkup *x)
{
    long now = x->s->study->confirm.seeds, seeds = 0;
    struct verdict *v;
    size_t n = x->all.winner ? verdict_each(objective_of(x), &x->all, x->all.winner, x->arena, &v) : 0;
    for (size_t i = 0; i < n; i++)
        if (v[i].word == VERDICT_PROMISING && (long)v[i].seeds > seeds) seeds = (long)v[i].seeds;
    return seeds > now ? seeds : 2 * (now > 2 ? now : 2) + 1;
}

static struct finding doubt(const struct checkup *x, size_t metric, const struct constraint *c, double apart)
{
    const struct metric *m = &objective_of(x)->metric[metric];
    const char *by = m->kind == METRIC_PROPORTION ? arena_printf(x->arena, "%.2f points", 100 * apart)
                                                  : checkup_shown(x, metric, apart);
    return finding_look(
        HEALTH_BASELINE,
        arena_printf(x->arena, "%s of the baseline differs by %s or so from seed to seed, more than '%s' is about",
                     m->name, by, c->text),
        arena_printf(x->arena,
                     "more seeds, 'confirm: {seeds: %ld}', or more data to judge by; one measurement alone decides "
                     "nothing here",
                     seeds_wanted(x)));
}

struct finding result_check_baseline(const struct checkup *x)
{
    const struct objective *o = objective_of(x);
    const struct ranked *b = x->all.baseline;
    if (!x->s->study->baseline) return finding_none(HEALTH_BASELINE);
    if (!b) return finding_later(HEALTH_BASELINE, "the baseline is not complete yet");
    const char *caution = caution_of(x->s, &x->all, b, x->arena);
    if (caution)
        return finding_wrong(HEALTH_BASELINE, arena_printf(x->arena, "the baseline cannot be reproduced: %s", caution),
                             "has the program, its data or its machine changed? Then nothing here can be compared");
    if (b->confirmed == 0)
        return finding_later(HEALTH_BASELINE, "the baseline has run once; a second run comes with the confirmation");
    if (b->repeats) return finding_fine(HEALTH_BASELINE, "the baseline measures the same again, to the last digit");
    for (size_t m = 0; m < o->n_metrics; m++) {
        const struct constraint *c = constraint_on(o, m);
        struct noise noise = noise_of_one(x->s, &x->all, b, m);
        if (c && M_SQRT2 * noise_least(noise, SURE) > margin_of(o, m, c, b->mean[m]))
            return doubt(x, m, c, M_SQRT2 * noise.sd);
    }
    return finding_fine(HEALTH_BASELINE, arena_printf(x->arena, "the baseline measures about the same again (%zu runs)",
                                                      b->confirmed + 1));
}

/* ---- metrics ---- */

enum { RESULTS_FROM = 10, CURVES_FROM = 7, POINTS_FROM = 3 };

static const double RARE = 0.01;

static const char *say_lacking(const struct checkup *x)
{
    const char *text = NULL;
    uint32_t said = 0;
    for (size_t i = 0; i < x->n && !text; i++) text = remark_lacking(x->s, x->result[i], &said, x->arena);
    return text;
}

static bool is_constant(const struct checkup *x, size_t metric)
{
    for (size_t i = 1; i < x->n; i++)
        if (x->result[i]->value[metric] != x->result[0]->value[metric]) return false;
    return isfinite(x->result[0]->value[metric]);
}

/* The metric that stands still while another moves; SIZE_MAX: none. */
static size_t find_still(const struct checkup *x)
{
    const struct objective *o = objective_of(x);
    size_t still = SIZE_MAX, moving = 0;
    for (size_t m = 0; m < o->n_metrics; m++) {
        if (!objective_uses(o, m)) continue;
        if (is_constant(x, m))
            still = m;
        else
            moving++;
    }
    return moving ? still : SIZE_MAX;
}

/* −1: it ends on the wrong side of where it began; 1: on the right one; 0: neither. */
static int direction(const struct learning_curve *c, const struct objective *o, size_t metric)
{
    if (c->n < POINTS_FROM) return 0;
    double gained = o->metric[metric].goal * (c->value[(c->n - 1) * c->n_metrics + metric] - c->value[metric]);
    return (gained > 0) - (gained < 0);
}

/* The metric that training makes worse; SIZE_MAX: none. */
static size_t find_backward(const struct checkup *x, size_t *ret_worse, size_t *ret_of)
{
    const struct objective *o = objective_of(x);
    for (size_t m = 0; m < o->n_metrics; m++) {
        size_t worse = 0, of = 0;
        if (o->metric[m].kind == METRIC_COUNT || !objective_uses(o, m)) continue;
        for (size_t i = 0; i < x->s->n_curves; i++) {
            int way = direction(&x->s->curves[i]->attempt.curve->curve, o, m);
            of += way != 0;
            worse += way < 0;
        }
        *ret_worse = worse;
        *ret_of = of;
        if (of >= CURVES_FROM && 10 * worse >= 9 * of && checkup_chance(worse, of, 0.5) * (double)o->n_metrics < RARE)
            return m;
    }
    return SIZE_MAX;
}

struct finding result_check_metrics(const struct checkup *x)
{
    const struct objective *o = objective_of(x);
    const char *lacking = say_lacking(x), *path = x->s->study->path;
    size_t worse, of, backward = find_backward(x, &worse, &of);
    if (lacking)
        return finding_look(
            HEALTH_METRICS, lacking,
            arena_printf(x->arena, "have the program report it, or take it out of 'metrics' in %s", path));
    if (backward != SIZE_MAX)
        return finding_look(
            HEALTH_METRICS,
            arena_printf(x->arena, "%s got worse while training in %zu of %zu trials, by its goal '%s'",
                         o->metric[backward].name, worse, of,
                         o->metric[backward].goal == GOAL_MAXIMIZE ? "maximize" : "minimize"),
            arena_printf(x->arena, "is 'goal' of %s in %s the right way round?", o->metric[backward].name, path));
    if (x->n < RESULTS_FROM)
        return finding_later(HEALTH_METRICS, arena_printf(x->arena,
                                                          "all that are declared were reported; whether each moves "
                                                          "is seen after %d complete trials, and there are %zu",
                                                          RESULTS_FROM, x->n));
    size_t still = find_still(x);
    if (still != SIZE_MAX)
        return finding_look(HEALTH_METRICS,
                            arena_printf(x->arena, "%s was %s in all of %zu trials: there is nothing to optimize in it",
                                         o->metric[still].name, checkup_shown(x, still, x->result[0]->value[still]),
                                         x->n),
                            arena_printf(x->arena, "is it what the program means to report? 'nocturne show %s %ld'",
                                         x->s->study->name, x->result[x->n - 1]->number));
    return finding_fine(HEALTH_METRICS, "all metrics are there and move");
}

/* ---- constraints ---- */

enum { TRIED_FROM = 5 };

static const double TENTH = 0.1, QUARTER = 0.25;

struct held {
    size_t of, n;
    double bound;
};

static struct held count_held(const struct checkup *x, const struct constraint *c, const double *baseline)
{
    struct held out = {.bound = constraint_bound(c, baseline)};
    for (size_t i = 0; i < x->n; i++) {
        const struct trial *t = x->result[i];
        if (t->role == ROLE_BASELINE || t->role == ROLE_REFERENCE) continue;
        out.of++;
        out.n += constraint_allows(c, out.bound, t->value[c->metric]);
    }
    return out;
}

/* What a quarter of the trials would satisfy. */
static double quarter_of(const struct checkup *x, const struct constraint *c)
{
    double *v = arena_array(x->arena, x->n + 1, sizeof *v);
    for (size_t i = 0; i < x->n; i++) v[i] = x->result[i]->value[c->metric];
    gsl_sort(v, 1, x->n);
    return gsl_stats_quantile_from_sorted_data(v, 1, x->n, c->sense == AT_LEAST ? 1 - QUARTER : QUARTER);
}

static struct finding miss(const struct checkup *x, const struct constraint *c, const struct held *held)
{
    const char *name = objective_of(x)->metric[c->metric].name;
    return finding_look(HEALTH_CONSTRAINTS,
                        arena_printf(x->arena, "'%s' (%s) is satisfied by %zu of %zu trials", c->text,
                                     checkup_shown(x, c->metric, held->bound), held->n, held->of),
                        arena_printf(x->arena,
                                     "a quarter of them would satisfy '%s %s %.4g'; ask for that, or widen the "
                                     "ranges in %s",
                                     name, c->sense == AT_LEAST ? ">=" : "<=", quarter_of(x, c), x->s->study->path));
}

struct finding result_check_constraints(const struct checkup *x)
{
    const struct objective *o = objective_of(x);
    const double *baseline = x->all.baseline ? x->all.baseline->mean : memory_baseline(x->s);
    size_t of = 0;
    if (o->n_constraints == 0) return finding_none(HEALTH_CONSTRAINTS);
    for (size_t i = 0; i < o->n_constraints; i++) {
        const struct constraint *c = &o->constraint[i];
        double rate, low, high;
        if (c->factor != 0 && !baseline) return finding_later(HEALTH_CONSTRAINTS, "the baseline is not complete yet");
        struct held held = count_held(x, c, baseline);
        of = held.of;
        pruner_false_rate(held.n, held.of, &rate, &low, &high);
        if (held.of > 0 && rate < TENTH && high < QUARTER) return miss(x, c, &held);
    }
    if (of < TRIED_FROM)
        return finding_later(
            HEALTH_CONSTRAINTS,
            arena_printf(x->arena, "this needs %d complete trials of the search; %zu so far", TRIED_FROM, of));
    return finding_fine(HEALTH_CONSTRAINTS, "each constraint is met often enough");
}

/* ---- too good ---- */

static const double DEVIATIONS = 3, TOO_RARE = 0.001;

struct top {
    const struct trial *best;
    double second;
    struct spread others; /* times the goal */
};

static struct top find_top(const struct checkup *x, size_t metric)
{
    enum goal goal = objective_of(x)->metric[metric].goal;
    struct top out = {.second = -INFINITY};
    for (size_t i = 0; i < x->n; i++)
        if (!out.best || goal * x->result[i]->value[metric] > goal * out.best->value[metric]) out.best = x->result[i];
    for (size_t i = 0; i < x->n; i++) {
        double v = goal * x->result[i]->value[metric];
        if (x->result[i] == out.best || !isfinite(v)) continue;
        spread_join(&out.others, v);
        out.second = fmax(out.second, v);
    }
    return out;
}

/* The chance that the best of so many normal ones lies that far from the mean of the others [Grubbs 1950]. */
static double chance_of_top(const struct top *top, double best)
{
    double n = (double)top->others.n + 1, sd = sqrt(spread_variance(&top->others) * (1 + 1 / (n - 1)));
    return n > 2 && sd > 0 ? n * gsl_cdf_tdist_Q((best - top->others.mean) / sd, n - 2) : 1;
}

struct finding result_check_best(const struct checkup *x)
{
    const struct objective *o = objective_of(x);
    if (x->n < RESULTS_FROM)
        return finding_later(HEALTH_BEST,
                             arena_printf(x->arena, "this needs %d complete trials; %zu so far", RESULTS_FROM, x->n));
    for (size_t m = 0; m < o->n_metrics; m++) {
        if (!objective_in_utility(o, m) || o->metric[m].kind == METRIC_COUNT) continue;
        struct top top = find_top(x, m);
        double v = top.best->value[m], best = o->metric[m].goal * v, sd = sqrt(spread_variance(&top.others)),
               gap = best - top.second;
        if (!(gap > DEVIATIONS * sd) || chance_of_top(&top, best) * (double)o->n_metrics > TOO_RARE) continue;
        return finding_look(HEALTH_BEST,
                            arena_printf(x->arena,
                                         "trial %ld has %s %s, and the next %s: too good by %.0f deviations of all "
                                         "others",
                                         top.best->number, o->metric[m].name, checkup_shown(x, m, v),
                                         checkup_shown(x, m, o->metric[m].goal * top.second), gap / sd),
                            arena_printf(x->arena,
                                         "look for a leak of test data, or a run that ended early: 'nocturne show %s "
                                         "%ld'",
                                         x->s->study->name, top.best->number));
    }
    return finding_fine(HEALTH_BEST, "no trial is too good to be true");
}

/* ---- stops ---- */

static const double WRONG_SHARE = 0.05, HEALTHY_SHARE = 0.01;

struct finding result_check_stops(const struct checkup *x)
{
    size_t audited = 0, wrong = 0;
    const struct trial *one = NULL;
    const char *action, *blind = sight_lacking(x->s, x->arena, &action);
    if (blind) return finding_look(HEALTH_STOPS, blind, action);
    if (x->s->study->stopping.pruner == PRUNER_NONE || x->s->study->stopping.audit == 0)
        return finding_none(HEALTH_STOPS);
    for (size_t i = 0; i < x->n; i++) {
        if (x->result[i]->attempt.stop.state != STOP_AUDIT) continue;
        audited++;
        if (!stop_audit_beats_all(x->s, x->result[i])) continue;
        wrong++;
        one = x->result[i];
    }
    if (audited == 0) return finding_later(HEALTH_STOPS, "no stop has been audited yet");
    double share = (double)wrong / (double)audited;
    if (wrong && share > WRONG_SHARE && checkup_chance(wrong, audited, HEALTHY_SHARE) < 0.05)
        return finding_look(HEALTH_STOPS,
                            arena_printf(x->arena,
                                         "%zu of %zu audited stop%s would have been wrong: trial %ld ran on and beats "
                                         "all others",
                                         wrong, audited, words_s(audited), one->number),
                            arena_printf(x->arena,
                                         "'nocturne stopping %s' says why; a smaller 'stopping: {chance: …}' stops "
                                         "fewer",
                                         x->s->study->name));
    return finding_fine(HEALTH_STOPS,
                        arena_printf(x->arena, "%zu of %zu audited stops would have been wrong", wrong, audited));
}

/* ---- what is left to gain ---- */

enum { SUGGESTIONS = 10 };

/* The mean of what was expected of the last ten, beyond `best`, which satisfies the constraints and was known to each;
 * NaN: they were chosen for other reasons, or their log is from before it had that. */
static double expected_gain(const struct memory *s, const struct trial *best)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = s->n; i-- > 0 && n < SUGGESTIONS;) {
        const struct trial *t = s->trial[i];
        if (t->role != ROLE_SEARCH) continue;
        if (t->need.gain == 0 || t->created_ms < best->finished_ms) return NAN;
        sum += t->need.gain;
        n++;
    }
    return n == SUGGESTIONS ? sum / SUGGESTIONS : NAN;
}

struct finding result_check_gain(const struct checkup *x)
{
    const struct memory *s = x->s;
    const struct ranked *best = x->all.winner;
    const char *exhausted = remark_exhausted(s, x->arena);
    if (exhausted) return finding_fine(HEALTH_GAIN, exhausted);
    if (s->phase == STUDY_COMPLETE || !objective_is_weighed(objective_of(x)) || x->plan->searches == 0)
        return finding_none(HEALTH_GAIN);
    struct noise noise = best ? noise_of_one(s, &x->all, best, objective_of(x)->n_metrics) : (struct noise){0};
    double all = best ? expected_gain(s, best->trial) * (double)x->plan->searches : NAN;
    if (isnan(all) || noise.freedom == 0)
        return finding_later(HEALTH_GAIN, "this needs the best on two seeds, and then ten suggestions by the model");
    const char *says = arena_printf(
        x->arena, "the %zu trials that are left may gain %.2g in all, and another seed alone changes the best by %.2g",
        x->plan->searches, all, noise.sd);
    if (all >= noise.sd) return finding_fine(HEALTH_GAIN, says);
    return finding_look(HEALTH_GAIN, says,
                        arena_printf(x->arena,
                                     "'nocturne stop %s' saves them; 'budget: {patience: auto}' does so by itself",
                                     s->study->name));
}

/* ---- the model ---- */

enum { MODEL_FROM = 20, MODEL_MOST = 500 };

static const double POOR = 0.1;

static struct finding judge_model(const struct checkup *x, const struct surface *f)
{
    const struct objective *o = objective_of(x);
    const char *poor = "", *good = "";
    for (size_t m = 0; m < o->n_metrics; m++) {
        double r2 = landscape_quality(f->landscape, m);
        if (!objective_uses(o, m) || isnan(r2)) continue;
        const char **to = r2 < POOR ? &poor : &good;
        *to = arena_printf(x->arena, "%s%s%s (R² %.2f)", *to, **to ? ", " : "", o->metric[m].name, r2);
    }
    if (!*poor && !*good) return finding_none(HEALTH_MODEL);
    if (!*poor)
        return finding_fine(HEALTH_MODEL, arena_printf(x->arena, "it predicts trials that it has not seen: %s", good));
    return finding_look(
        HEALTH_MODEL,
        arena_printf(x->arena, "it predicts trials that it has not seen no better than their mean: %s", poor),
        arena_printf(x->arena, "more data or seeds in one trial lessen noise; see 'nocturne importance %s'",
                     x->s->study->name));
}

struct finding result_check_model(const struct checkup *x)
{
    struct surface *f = NULL;
    struct error none;
    if (!x->facts->known || x->facts->running || surface_complete(x->s) > MODEL_MOST) return finding_none(HEALTH_MODEL);
    if (x->n < MODEL_FROM)
        return finding_later(HEALTH_MODEL,
                             arena_printf(x->arena, "this needs %d complete trials; %zu so far", MODEL_FROM, x->n));
    struct finding out = surface_make(x->s, &f, &none) ? finding_none(HEALTH_MODEL) : judge_model(x, f);
    surface_free(f);
    return out;
}

struct finding result_check_numerics(const struct checkup *x)
{
    const struct account *t = &x->s->tally;
    if (t->fallbacks == 0) return finding_none(HEALTH_NUMERICS);
    const char *says =
        arena_printf(x->arena, "%zu of %zu suggestions were made at random because no model could be asked",
                     t->fallbacks, t->searched);
    if (t->fallbacks * 20 <= t->searched) return finding_fine(HEALTH_NUMERICS, says);
    return finding_look(HEALTH_NUMERICS, says,
                        arena_printf(x->arena,
                                     "'nocturne trials %s --columns trial,source' says why; values like 1e300 of a "
                                     "metric are the usual reason",
                                     x->s->study->name));
}
