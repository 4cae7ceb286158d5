#include "tuner/report/figure_study.h"

#include "tuner/report/text.h"

#include "tuner/base/words.h"

#include <math.h>
#include <string.h>

/* ---- metrics ---- */

enum status figure_metric(const struct memory *s, const char *name, int *ret, struct error *err)
{
    size_t target;
    enum status st = surface_target(s->study, name, &target, err);
    if (!st) *ret = target < s->study->objective.n_metrics ? (int)target : FIGURE_UTILITY;
    return st;
}

int figure_cost(const struct objective *o)
{
    if (o->form == OBJECTIVE_PARETO || o->form == OBJECTIVE_EXCHANGE) return (int)o->cost;
    return objective_token_metric(o);
}

/* Of those that count the one with the greatest weight; else any. */
int figure_gain(const struct objective *o, int cost)
{
    int best = -1;
    double most = -1;
    if (o->form != OBJECTIVE_WEIGHTS && (int)o->gain != cost) return (int)o->gain;
    for (size_t i = 0; i < o->n_metrics; i++) {
        double weight = o->form == OBJECTIVE_WEIGHTS ? o->weight[i] : 0;
        if ((int)i == cost) continue;
        if (!objective_uses(o, i)) weight = -0.5;
        if (weight > most) most = weight, best = (int)i;
    }
    return best;
}

double figure_value(const struct memory *s, const struct trial *t, int metric)
{
    const struct objective *o = &s->study->objective;
    const double *baseline = memory_baseline(s);
    if (t->state != TRIAL_COMPLETE) return NAN;
    if (metric >= 0) return t->value[metric];
    if (!baseline && objective_needs_baseline(o)) return NAN;
    return objective_utility(o, t->value, baseline);
}

bool figure_is_feasible(const struct memory *s, const struct trial *t)
{
    const struct objective *o = &s->study->objective;
    const double *baseline = memory_baseline(s);
    if (t->state != TRIAL_COMPLETE) return false;
    return o->n_constraints == 0 ||
           ((baseline || !objective_needs_baseline(o)) && objective_feasible(o, t->value, baseline));
}

bool figure_lacks_baseline(const struct memory *s)
{
    return objective_needs_baseline(&s->study->objective) && !memory_baseline(s);
}

const char *figure_count(size_t n, struct arena *a)
{
    if (n < 10000) return arena_printf(a, "%zu", n);
    return n < 1000000 ? arena_printf(a, "%zu,%03zu", n / 1000, n % 1000)
                       : arena_printf(a, "%zu,%03zu,%03zu", n / 1000000, n / 1000 % 1000, n % 1000);
}

const char *figure_no_winner(const struct memory *s, size_t results, struct arena *a)
{
    if (figure_lacks_baseline(s))
        return arena_printf(a,
                            "%s results, and no winner yet: the baseline, to which they are compared, is not complete",
                            figure_count(results, a));
    return arena_printf(a, "None of %s results satisfies the constraints yet", figure_count(results, a));
}

enum chart_look figure_look(enum trial_state state)
{
    switch (state) {
    case TRIAL_QUEUED: return CHART_QUEUED;
    case TRIAL_LEASED:
    case TRIAL_RUNNING: return CHART_RUNNING;
    case TRIAL_COMPLETE: return CHART_COMPLETE;
    case TRIAL_PRUNED: return CHART_PRUNED;
    case TRIAL_FAILED: return CHART_FAILED;
    case TRIAL_INFEASIBLE: return CHART_INFEASIBLE;
    case TRIAL_CANCELLED: return CHART_QUEUED;
    }
    return CHART_QUIET;
}

/* ---- words ---- */

struct axis figure_axis(const struct objective *o, int metric)
{
    if (metric < 0) return (struct axis){.name = "utility", .unit = "", .sign = true};
    const struct metric *m = &o->metric[metric];
    return (struct axis){.name = m->name, .unit = "", .scale = m->kind == METRIC_COUNT ? AXIS_LOG : AXIS_LINEAR};
}

const char *figure_text(const struct objective *o, int metric, double v, struct arena *a)
{
    char buf[64];
    if (metric >= 0) return arena_strdup(a, report_metric(&o->metric[metric], v, buf, sizeof buf));
    report_utility(v, buf, sizeof buf);
    return *buf == '-' && buf[1] ? arena_printf(a, "−%s", buf + 1) : arena_strdup(a, buf);
}

const char *figure_apart(const struct metric *m, bool ratio, double by, struct arena *a)
{
    if (ratio && by > 1) return arena_printf(a, "%.3g times the %s", 1 + by, m->name);
    if (ratio && fabs(by) < 0.0005) return arena_printf(a, "as many %s", m->name);
    if (ratio) return arena_printf(a, "%s %% %s %s", report_size(m, ratio, by, a), by < 0 ? "fewer" : "more", m->name);
    return arena_printf(a, "%s%s %s%s", report_change(m, ratio, by, a), report_unit(m, ratio),
                        m->kind == METRIC_PROPORTION ? "of " : "", m->name);
}

const char *figure_who(const struct ranking *all, const struct ranked *x, struct arena *a)
{
    if (x == all->winner && x->label) return arena_printf(a, "winner (%s)", x->label);
    if (x->label) return arena_strdup(a, x->label);
    return arena_printf(a, x == all->winner ? "winner (trial %ld)" : "trial %ld", x->trial->number);
}

/* ---- marks ---- */

struct figure_marks figure_marks_of(size_t room, struct arena *a)
{
    size_t n = room + 1;
    return (struct figure_marks){.x = arena_array(a, n, sizeof(double)),
                                 .y = arena_array(a, n, sizeof(double)),
                                 .look = arena_array(a, n, sizeof(enum chart_look)),
                                 .name = arena_array(a, n, sizeof(const char *)),
                                 .trial = arena_array(a, n, sizeof(long))};
}

void figure_mark(struct figure_marks *m, double x, double y, enum chart_look look, long trial)
{
    m->x[m->n] = x;
    m->y[m->n] = y;
    m->look[m->n] = look;
    m->trial[m->n++] = trial;
}

void figure_show(struct chart_layer *l, const struct figure_marks *m)
{
    l->n = m->n;
    l->x = m->x;
    l->y = m->y;
    l->each = m->look;
    l->name = m->name;
    l->trial = m->trial;
}
