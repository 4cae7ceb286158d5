#include "tuner/search/outlook.h"

#include "tuner/base/arena.h"

#include "surrogate/surrogate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 20, BISECTIONS = 50 };

static const double EXACT = 1e-10;

struct standing {
    double utility, sd, feasible;
};

void outlook_make(const struct study *study, const struct evidence *e, struct outlook *ret)
{
    const struct objective *o = &study->objective;
    struct ladder_trial *t = must_alloc(e->n + 1, sizeof *t);
    *ret = (struct outlook){.study = study, .evidence = e};
    for (size_t m = 0; m < o->n_metrics; m++) {
        if (!objective_uses(o, m)) continue;
        for (size_t i = 0; i < e->n; i++)
            t[i] = (struct ladder_trial){e->trial[i].curve, e->trial[i].result ? e->trial[i].result[m] : NAN};
        ladder_fit(o, m, t, e->n, &ret->ladder[m]);
    }
    free(t);
}

static double normal_above(double mean, double sd, double bound)
{
    return 0.5 * erfc((bound - mean) / fmax(sd, 1e-300) / M_SQRT2);
}

static double holds(const struct outlook *x, size_t metric, struct ladder_end end)
{
    const struct objective *o = &x->study->objective;
    const struct ladder *l = &x->ladder[metric];
    double p = 1;
    for (size_t c = 0; c < o->n_constraints; c++) {
        const struct constraint *in = &o->constraint[c];
        if (in->metric != metric) continue;
        double above = normal_above(end.mean, end.sd, ladder_scale(l, constraint_bound(in, x->evidence->baseline)));
        bool wants_above = (in->sense == AT_LEAST) == (o->metric[metric].goal == GOAL_MAXIMIZE);
        p *= wants_above ? above : 1 - above;
    }
    return p;
}

/* What one metric's standard deviation makes of the utility's, the others as expected. */
static double leverage(const struct outlook *x, double *value, size_t metric, struct ladder_end end)
{
    const struct objective *o = &x->study->objective;
    double keep = value[metric];
    value[metric] = ladder_unscale(&x->ladder[metric], end.mean + end.sd);
    double high = objective_utility(o, value, x->evidence->baseline);
    value[metric] = ladder_unscale(&x->ladder[metric], end.mean - end.sd);
    double low = objective_utility(o, value, x->evidence->baseline);
    value[metric] = keep;
    return (high - low) / 2;
}

static bool stand(const struct outlook *x, const struct learning_curve *c, size_t rung, struct standing *ret)
{
    const struct objective *o = &x->study->objective;
    struct ladder_end end[METRICS_MAX];
    double value[METRICS_MAX], square = 0;
    *ret = (struct standing){.feasible = 1};
    for (size_t m = 0; m < o->n_metrics; m++) {
        value[m] = NAN;
        if (!objective_uses(o, m)) continue;
        if (!ladder_expect(&x->ladder[m], c, rung, &end[m])) return false;
        value[m] = ladder_unscale(&x->ladder[m], end[m].mean);
        ret->feasible *= holds(x, m, end[m]);
    }
    for (size_t m = 0; m < o->n_metrics; m++) {
        if (!objective_in_utility(o, m)) continue;
        if (o->form == OBJECTIVE_SINGLE) ret->utility = end[m].mean, square = end[m].sd * end[m].sd;
        if (o->form != OBJECTIVE_SINGLE) square += pow(leverage(x, value, m, end[m]), 2);
    }
    if (o->form != OBJECTIVE_SINGLE) ret->utility = objective_utility(o, value, x->evidence->baseline);
    ret->sd = sqrt(square);
    return isfinite(ret->utility) && isfinite(ret->sd);
}

static double chance_of(const struct standing *s, double theta)
{
    return s->feasible * normal_above(s->utility, s->sd, theta);
}

static double mean_chance(const struct standing *s, size_t n, double theta)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += chance_of(&s[i], theta) / (double)n;
    return sum;
}

/* As a quantile of the normal distribution: of a mean chance nearly straight in θ, and straight if all stood alike. */
static double quantile_of(const struct standing *s, size_t n, double theta)
{
    return normal_quantile(fmin(mean_chance(s, n, theta), 1));
}

/* By false position [Illinois] on quantiles; halved where that does not help: beyond all chances, or where they jump.
 */
static double find_theta(const struct standing *s, size_t n, double share)
{
    double low = HUGE_VAL, high = -HUGE_VAL, wanted = normal_quantile(share);
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, s[i].utility - 8 * s[i].sd);
        high = fmax(high, s[i].utility + 8 * s[i].sd);
    }
    double at_low = quantile_of(s, n, low) - wanted, at_high = quantile_of(s, n, high) - wanted;
    if (at_low <= 0) return low; /* the constraints leave no more than that */
    for (int i = 0, side = 0; i < STEPS + BISECTIONS; i++) {
        bool halve = i >= STEPS || !isfinite(at_low) || !isfinite(at_high);
        double middle = low + (high - low) * (halve ? 0.5 : at_low / (at_low - at_high));
        double at = quantile_of(s, n, middle) - wanted;
        if (fabs(at) <= EXACT) return middle;
        if (at > 0) {
            low = middle, at_low = at;
            at_high /= side > 0 ? 2 : 1;
        } else {
            high = middle, at_high = at;
            at_low /= side < 0 ? 2 : 1;
        }
        side = at > 0 ? 1 : -1;
    }
    return low;
}

void outlook_compare(const struct outlook *x, size_t rung, double share, double *ret)
{
    const struct evidence *e = x->evidence;
    struct standing *s = must_alloc(e->n + 1, sizeof *s);
    size_t n = 0;
    for (size_t i = 0; i < e->n; i++) {
        bool told = e->trial[i].curve->reports >= 1L << rung && stand(x, e->trial[i].curve, rung, &s[n]);
        ret[i] = told ? (double)n++ : NAN;
    }
    double theta = n ? find_theta(s, n, share) : 0, mean = mean_chance(s, n, theta);
    for (size_t i = 0; i < e->n; i++)
        if (!isnan(ret[i])) ret[i] = chance_of(&s[(size_t)ret[i]], theta) / mean;
    free(s);
}

bool outlook_look(const struct outlook *x, const struct running *r, size_t rung, double share,
                  struct outlook_chance *ret)
{
    const struct evidence *e = x->evidence;
    struct standing *s = must_alloc(e->n + 1, sizeof *s);
    bool told = stand(x, r->curve, rung, &s[0]);
    size_t n = 1;
    for (size_t i = 0; told && i < e->n; i++)
        if (e->trial[i].number != r->number && e->trial[i].curve->reports >= 1L << rung)
            n += stand(x, e->trial[i].curve, rung, &s[n]);
    if (told) {
        double theta = find_theta(s, n, share);
        *ret = (struct outlook_chance){chance_of(&s[0], theta), mean_chance(s, n, theta), theta, n};
    }
    free(s);
    return told;
}
