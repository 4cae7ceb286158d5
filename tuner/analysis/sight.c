#include "tuner/analysis/sight.h"

#include "tuner/search/search.h"

#include <math.h>

enum { LEASES_MAX = 16 };

struct sight {
    const struct memory *s;
    size_t looked, spoke;                        /* complete trials; those of them that reported something */
    bool condemned;                              /* one of them was, and ran on */
    bool speaks;                                 /* the one that is being read */
    bool said[METRICS_MAX], placed[METRICS_MAX]; /* reported by one of them; … with what says how far it was */
};

static void take(struct sight *x, double place, const double *value)
{
    for (size_t m = 0; m < x->s->study->objective.n_metrics; m++) {
        if (!isfinite(value[m])) continue;
        x->speaks = x->said[m] = true;
        x->placed[m] |= place > 0;
    }
}

static void on_report(void *data, const struct store_report *r)
{
    struct sight *x = data;
    const struct objective *o = &x->s->study->objective;
    double value[METRICS_MAX];
    for (size_t m = 0; m < o->n_metrics; m++) value[m] = NAN;
    for (size_t i = 0; i < r->n; i++) {
        int m = objective_find_metric(o, r->name[i]);
        if (m >= 0) value[m] = r->value[i];
    }
    take(x, learning_curve_place(o, r->step, value), value);
}

/* A study that stops trials keeps curves of the last ones while it runs. */
static void read_curve(struct sight *x, const struct learning_curve *c)
{
    for (size_t i = 0; i < c->n; i++) take(x, c->at[i], c->value + i * c->n_metrics);
}

static void read_trial(struct sight *x, const struct trial *t)
{
    struct error none;
    size_t n = 0;
    x->speaks = false;
    if (t->attempt.curve) read_curve(x, &t->attempt.curve->curve);
    if (!x->speaks) store_reports(x->s->store, x->s->study_id, t->attempt.lease, on_report, x, &none);
    for (const struct past_lease *p = t->attempt.past; p && !x->speaks && n < LEASES_MAX; p = p->next, n++)
        store_reports(x->s->store, x->s->study_id, p->lease, on_report, x, &none);
    x->condemned |= t->attempt.stop.state != STOP_NONE;
    x->looked++;
    x->spoke += x->speaks;
}

static struct sight look(const struct memory *s)
{
    struct sight out = {.s = s};
    for (size_t i = s->n; i-- > 0 && out.looked < SIGHT_TRIALS;) {
        const struct trial *t = s->trial[i];
        if (t->state == TRIAL_COMPLETE && t->attempt.lease && !t->outside && t->role != ROLE_CONFIRM)
            read_trial(&out, t);
    }
    return out;
}

/* "acc and samples": what it judges by, or what says how far a trial is, and nobody said. */
static const char *name_unseen(const struct sight *x, struct arena *a)
{
    const struct objective *o = &x->s->study->objective;
    const char *text = NULL;
    for (size_t m = 0; m < o->n_metrics; m++) {
        bool needed = pruner_judges(x->s->study, m) || (int)m == objective_token_metric(o);
        if (!needed || x->placed[m] || (x->said[m] && objective_token_metric(o) != (int)m)) continue;
        text = text ? arena_printf(a, "%s and %s", text, o->metric[m].name) : o->metric[m].name;
    }
    return text;
}

/* ", only val_loss, samples" */
static const char *name_seen(const struct sight *x, struct arena *a)
{
    const struct objective *o = &x->s->study->objective;
    const char *text = "";
    for (size_t m = 0; m < o->n_metrics; m++)
        if (x->said[m]) text = arena_printf(a, "%s%s%s", text, *text ? ", " : ", only ", o->metric[m].name);
    return text;
}

const char *sight_lacking(const struct memory *s, struct arena *a, const char **ret_action)
{
    const char *pruner = pruner_name(s->study->stopping.pruner), *unseen;
    if (s->study->stopping.pruner == PRUNER_NONE || memory_count(s, TRIAL_PRUNED) > 0) return NULL;
    struct sight x = look(s);
    if (x.condemned) return NULL;
    if (x.spoke < SIGHT_FROM && (x.spoke > 0 || x.looked < SIGHT_FROM || store_elsewhere(s->store))) return NULL;
    if (x.spoke == 0) {
        *ret_action = "have the program report as it trains (a 'match' with a step, (?P<step>…), or the SDK's report); "
                      "'stopping: {pruner: none}' if nothing is to be stopped";
        return arena_printf(a,
                            "pruner '%s' can stop nobody: none of the last %zu complete trials reported anything "
                            "while it ran",
                            pruner, x.looked);
    }
    if (!(unseen = name_unseen(&x, a))) return NULL;
    *ret_action = arena_printf(a,
                               "have the program say %s as it trains ('match' with a step, (?P<step>…), or the SDK's "
                               "report); 'stopping: {pruner: none}' if nothing is to be stopped",
                               unseen);
    return arena_printf(a,
                        "pruner '%s' can stop nobody: it goes by %s, which none of the last %zu complete trials "
                        "reported while it ran%s",
                        pruner, unseen, x.looked, name_seen(&x, a));
}
