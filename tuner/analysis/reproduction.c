#include "tuner/analysis/reproduction.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

static const double COVERAGE = 0.95;

struct sums {
    size_t n;
    double mean, squares; /* Welford 1962 */
};

static void add(struct sums *s, double v)
{
    if (!isfinite(v)) return;
    double apart = v - s->mean;
    s->mean += apart / (double)++s->n;
    s->squares += apart * (v - s->mean);
}

static bool is_of(const struct trial *x, const struct trial *t)
{
    return x->state == TRIAL_COMPLETE && (x == t || (x->role == ROLE_CONFIRM && x->confirms == t->number));
}

/* What another run would say, by the model of what was known before. */
static void predict(struct history *h, const struct trial *t, long since, struct prediction ret[METRICS_MAX])
{
    const struct memory *s = history_memory(h);
    struct search_history known = history_view(h);
    struct search *search = search_create(s->study, s->seed, NULL, 0);
    struct error ignored;
    for (size_t i = 0; i < METRICS_MAX; i++) ret[i] = (struct prediction){NAN, NAN, NAN};
    while (known.n > 0 && s->seen_trial[known.n - 1] && s->seen_trial[known.n - 1]->number >= since) known.n--;
    if (s->study->sampler == SAMPLER_GP && t->state == TRIAL_COMPLETE)
        search_predict(search, &known, t->config, COVERAGE, ret, &ignored);
    search_free(search);
}

/* kind: of a proportion nothing lies below 0 or above 1, and of a count nothing below 0. */
static void judge(struct reproduced *x, enum metric_kind kind, const struct sums *before, const struct sums *now,
                  const struct prediction *p)
{
    *x = (struct reproduced){.before = before->n,
                             .now = now->n,
                             .mean_before = before->n ? before->mean : NAN,
                             .sd = before->n > 1 ? sqrt(before->squares / (double)(before->n - 1)) : NAN,
                             .mean_now = now->n ? now->mean : NAN,
                             .low = NAN,
                             .high = NAN};
    if (now->n == 0 || before->n == 0) return;
    if (before->n > 1) {
        double reach = gsl_cdf_tdist_Pinv(0.5 + COVERAGE / 2, (double)(before->n - 1)) * x->sd *
                       sqrt(1 / (double)before->n + 1 / (double)now->n);
        x->low = before->mean - reach;
        x->high = before->mean + reach;
    } else {
        x->low = p->low;
        x->high = p->high;
        x->by_model = true;
    }
    if (kind != METRIC_VALUE && x->low < 0) x->low = 0;
    if (kind == METRIC_PROPORTION && x->high > 1) x->high = 1;
    x->inside = now->mean >= x->low && now->mean <= x->high;
}

bool reproduction_of(struct history *h, const struct trial *t, long since, struct reproduced *ret)
{
    const struct memory *s = history_memory(h);
    struct prediction p[METRICS_MAX];
    bool any = false;
    predict(h, t, since, p);
    for (size_t m = 0; m < s->study->objective.n_metrics; m++) {
        struct sums before = {0}, now = {0};
        for (size_t i = (size_t)t->number; i < s->n; i++)
            if (is_of(s->trial[i], t)) add(s->trial[i]->number < since ? &before : &now, s->trial[i]->value[m]);
        judge(&ret[m], s->study->objective.metric[m].kind, &before, &now, &p[m]);
        any |= now.n > 0;
    }
    return any;
}
