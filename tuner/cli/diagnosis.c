#include "tuner/cli/diagnosis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- who ---- */

static bool is_same(const struct diagnosis *d, const double *a, const double *b)
{
    for (size_t i = 0; i < d->memory->study->space.n; i++)
        if (a[i] != b[i] && !(isnan(a[i]) && isnan(b[i]))) return false;
    return true;
}

static bool is_among(const struct diagnosis *d, const double *config)
{
    for (size_t i = 0; i < d->n; i++)
        if (is_same(d, d->suspect[i].config, config)) return true;
    return false;
}

/* What fresh seeds have measured of a trial, else the trial itself. */
static void recall(const struct diagnosis *d, const struct trial *t, struct measured *ret, struct arena *arena)
{
    const struct memory *s = d->memory;
    for (size_t m = 0; m < s->study->objective.n_metrics; m++) {
        double *value = arena_array(arena, s->n, sizeof *value);
        ret[m] = (struct measured){.value = value};
        for (size_t i = 0; i < s->n; i++) {
            const struct trial *c = s->trial[i];
            bool fresh = c->role == ROLE_CONFIRM && c->confirms == t->number && c->state == TRIAL_COMPLETE;
            if (fresh && isfinite(c->value[m])) value[ret[m].n++] = c->value[m];
        }
        if (ret[m].n == 0 && isfinite(t->value[m])) value[ret[m].n++] = t->value[m];
    }
}

static void add(struct diagnosis *d, const char *what, const double *config, const struct trial *t, struct arena *arena)
{
    if (d->n == DIAGNOSIS_MAX) return;
    struct suspect *x = &d->suspect[d->n++];
    *x = (struct suspect){.what = what, .trial = t ? t->number : -1, .config = config};
    if (t) recall(d, t, x->was, arena);
}

static int by_rank(const void *a, const void *b)
{
    const struct ranked *x = *(const struct ranked *const *)a, *y = *(const struct ranked *const *)b;
    bool sure_x = x->confirmed > 0, sure_y = y->confirmed > 0;
    if (sure_x != sure_y) return sure_x ? -1 : 1;
    return x->utility > y->utility ? -1 : x->utility < y->utility ? 1 : x->trial->number < y->trial->number ? -1 : 1;
}

/* Those that satisfy the constraints, best first; confirmed ones before others. */
static size_t best_of(const struct memory *s, struct arena *arena, const struct ranked ***ret)
{
    struct ranking *all = arena_alloc(arena, sizeof *all);
    *all = ranking_make(s, &s->study->objective, arena);
    const struct ranked **out = arena_array(arena, all->n + 1, sizeof *out);
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++)
        if (all->all[i].feasible && !isnan(all->all[i].utility)) out[n++] = &all->all[i];
    qsort(out, n, sizeof *out, by_rank);
    *ret = out;
    return n;
}

static const struct trial *trial_of(const struct diagnosis *d, const double *config)
{
    const struct memory *s = d->memory;
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        bool counts = t->state == TRIAL_COMPLETE && !t->outside && t->role != ROLE_CONFIRM;
        if (counts && is_same(d, t->config, config)) return t;
    }
    return NULL;
}

enum status diagnosis_begin(struct diagnosis *d, const struct memory *s, const json_t *champion, long top,
                            struct arena *arena, struct error *err)
{
    double *config = arena_array(arena, s->study->space.n + 1, sizeof *config);
    const struct ranked **best = NULL;
    *d = (struct diagnosis){.memory = s, .why = ""};
    enum status st = space_from_json(&s->study->space, json_object_get(champion, "parameters"), config, err);
    if (st) return error_context(err, "the champion does not fit study '%s'", s->study->name), st;
    add(d, "the champion", config, trial_of(d, config), arena);
    size_t n = best_of(s, arena, &best);
    for (size_t i = 0; i < n && d->n < (size_t)top; i++)
        if (!is_among(d, best[i]->trial->config))
            add(d, arena_printf(arena, "trial %ld", best[i]->trial->number), best[i]->trial->config, best[i]->trial,
                arena);
    return STATUS_OK;
}

void diagnosis_add(struct diagnosis *d, const json_t *variants, struct arena *arena)
{
    const struct space *space = &d->memory->study->space;
    const char *name;
    json_t *one;
    json_object_foreach((json_t *)(uintptr_t)variants, name, one)
    {
        double *config = arena_array(arena, space->n + 1, sizeof *config);
        if (space_from_json(space, json_object_get(one, "parameters"), config, NULL) || is_among(d, config)) continue;
        add(d, arena_printf(arena, "the last experiment's %s", name), config, trial_of(d, config), arena);
    }
}

/* ---- what came out ---- */

static double mean_of(const struct measured *x)
{
    double sum = 0;
    for (size_t i = 0; i < x->n; i++) sum += x->value[i];
    return x->n ? sum / (double)x->n : NAN;
}

static bool is_known(const struct objective *o, const struct measured *x)
{
    for (size_t m = 0; m < o->n_metrics; m++)
        if (objective_uses(o, m) && x[m].n == 0) return false;
    return true;
}

static void means_of(const struct objective *o, const struct measured *x, double *ret)
{
    for (size_t m = 0; m < o->n_metrics; m++) ret[m] = mean_of(&x[m]);
}

/* Does `now` of one do, by its means, what the champion did? */
static bool is_as_good(const struct objective *o, const struct measured *now, const struct measured *champion_was)
{
    for (size_t m = 0; m < o->n_metrics; m++) {
        if (!objective_uses(o, m)) continue;
        struct difference d = difference_of(o->metric[m].kind, now[m], champion_was[m]);
        double margin = verdict_margin(o, m, d.ratio, mean_of(&champion_was[m]));
        if (!(d.by * o->metric[m].goal >= -margin)) return false;
    }
    return true;
}

static enum verdict_word beside(const struct objective *o, const struct measured *x, const struct measured *champion,
                                double *ret_gain)
{
    double a[METRICS_MAX], b[METRICS_MAX], margin[METRICS_MAX];
    struct difference apart[METRICS_MAX];
    means_of(o, x, a);
    means_of(o, champion, b);
    for (size_t m = 0; m < o->n_metrics; m++) {
        apart[m] = difference_of(o->metric[m].kind, x[m], champion[m]);
        margin[m] = verdict_margin(o, m, apart[m].ratio, b[m]);
    }
    *ret_gain = objective_known_utility(o, a, b) - objective_known_utility(o, b, b);
    return verdict_judge(o, apart, margin, *ret_gain);
}

/* "em 0.4100 (was 0.6000), tokens 120k (was 118k)" */
static const char *say(const struct objective *o, const struct suspect *x, struct arena *a)
{
    const char *all = "";
    char now[64], was[64];
    for (size_t m = 0; m < o->n_metrics; m++) {
        if (!objective_uses(o, m) || x->now[m].n == 0) continue;
        metric_show(&o->metric[m], mean_of(&x->now[m]), now, sizeof now);
        metric_show(&o->metric[m], mean_of(&x->was[m]), was, sizeof was);
        all = arena_printf(a, "%s%s%s %s (was %s)", all, *all ? ", " : "", o->metric[m].name, now, was);
    }
    return all;
}

static const char *seeds_text(const struct diagnosis *d, struct arena *a)
{
    return d->seeds == 1 ? "on a fresh seed" : arena_printf(a, "on %zu fresh seeds", d->seeds);
}

/* "; trial 12: em is worse than the champion's, for sure, after 212 of 3000 items" */
static const char *gone_text(const struct diagnosis *d, struct arena *a)
{
    const char *all = "";
    for (size_t i = 0; i < d->n; i++)
        if (d->suspect[i].gone) all = arena_printf(a, "%s; %s: %s", all, d->suspect[i].what, d->suspect[i].gone);
    return all;
}

void diagnosis_judge(struct diagnosis *d, struct arena *a)
{
    const struct objective *o = &d->memory->study->objective;
    const struct suspect *champion = &d->suspect[0];
    double best = 0, gain = 0;
    d->found = NULL;
    for (size_t i = 1; i < d->n && is_known(o, champion->was) && is_known(o, champion->now); i++) {
        const struct suspect *x = &d->suspect[i];
        if (x->gone || !is_known(o, x->now) || !is_as_good(o, x->now, champion->was)) continue;
        enum verdict_word word = beside(o, x->now, champion->now, &gain);
        if ((word != VERDICT_ADOPT && word != VERDICT_PROMISING) || !(gain > best)) continue;
        best = gain;
        d->found = x;
    }
    const char *now = say(o, champion, a), *gone = gone_text(d, a);
    if (d->found)
        d->why = arena_printf(a, "run again %s, the champion has %s; %s does as well as it did, %s%s", seeds_text(d, a), now,
                              d->found->what, say(o, d->found, a), gone);
    else
        d->why = arena_printf(a, "run again %s, the champion has %s; none of %zu other%s does what it did%s", seeds_text(d, a),
                              *now ? now : "no result", d->n - 1, d->n == 2 ? "" : "s", gone);
}

static json_t *means_json(const struct objective *o, const struct measured *x)
{
    json_t *out = json_object();
    for (size_t m = 0; m < o->n_metrics; m++)
        if (x[m].n) json_object_set_new(out, o->metric[m].name, json_amount(mean_of(&x[m])));
    return out;
}

json_t *diagnosis_json(const struct diagnosis *d)
{
    const struct study *study = d->memory->study;
    json_t *list = json_array();
    for (size_t i = 0; i < d->n; i++) {
        const struct suspect *x = &d->suspect[i];
        json_t *one = json_pack("{s:s, s:I, s:o, s:o, s:o}", "what", x->what, "seeds", (json_int_t)x->seeds, "parameters",
                                space_to_json(&study->space, x->config), "was", means_json(&study->objective, x->was),
                                "now", means_json(&study->objective, x->now));
        if (x->trial >= 0) json_object_set_new(one, "trial", json_integer(x->trial));
        if (x->gone) json_object_set_new(one, "gone", json_string(x->gone));
        json_array_append_new(list, one);
    }
    return json_pack("{s:s, s:I, s:o}", "study", study->name, "seeds", (json_int_t)d->seeds, "configurations", list);
}
