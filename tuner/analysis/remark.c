#include "tuner/analysis/remark.h"

#include "tuner/analysis/ranking.h"

#include "tuner/base/json.h"
#include "tuner/base/metrics.h"
#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *remark_spent(const struct memory *s, struct arena *a)
{
    long trials = s->run.budget.trials;
    if (!trials || s->opened.fresh || s->tally.finished < (size_t)trials || s->n_open > 0) return NULL;
    bool confirmed = memory_has_confirmed(s) || study_confirm_count(s->study) == 0;
    return arena_printf(a,
                        "the budget of %ld trial%s is spent: %s; for more set 'budget: {trials: %ld}' in %s, or give "
                        "--trials",
                        trials, words_s((size_t)trials), confirmed ? "nothing to run" : "nothing more is searched",
                        2 * trials, s->study->path);
}

static bool is_same(const struct memory *s, const struct trial *a, const struct trial *b)
{
    for (size_t k = 0; k < s->study->space.n; k++)
        if (a->config[k] != b->config[k] && !(isnan(a->config[k]) && isnan(b->config[k]))) return false;
    return a->segment.parent < 0 && a->trajectory.n == 0 && b->trajectory.n == 0;
}

/* Is it, or its very configuration, being confirmed? */
static bool is_confirmed(const struct memory *s, const struct trial *t)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *c = s->trial[i];
        if (c->role != ROLE_CONFIRM || c->outside) continue;
        if (c->confirms == t->number || is_same(s, t, c)) return true;
    }
    return false;
}

const char *remark_unconfirmed(const struct memory *s, struct arena *a)
{
    double utility;
    const struct trial *t = ranking_incumbent(s, &utility);
    if ((s->phase != STUDY_COMPLETE && s->n_open > 0) || !memory_has_confirmed(s) || study_confirm_count(s->study) == 0) return NULL;
    if (!t || t->role == ROLE_BASELINE || t->role == ROLE_REFERENCE || is_confirmed(s, t)) return NULL;
    return arena_printf(a,
                        "trial %ld, the best as measured once, is not confirmed: fresh seeds were for what a model of "
                        "all trials expects most of; 'nocturne reproduce %s %ld' measures it again",
                        t->number, s->study->name, t->number);
}

/* ---- limits of the last run ---- */

struct lapse {
    const char *given, *now;
};

static void add_lapse(struct lapse *l, const char *given, const char *now, struct arena *a)
{
    l->given = arena_printf(a, "%s %s", l->given, given);
    l->now = arena_printf(a, "%s%s%s", l->now, *l->now ? ", " : "", now);
}

static const char *show_amount(double v, const char *what, struct arena *a)
{
    char text[40];
    return v > 0 ? arena_printf(a, "%s %s", words_show_count(v, text, sizeof text), what)
                 : arena_printf(a, "no limit of %s", what);
}

static void find_lapsed(const struct memory *s, struct lapse *l, struct arena *a)
{
    const struct budget *was = &s->run.given, *now = &s->run.budget, *filed = &s->study->budget;
    char text[40];
    if (was->trials && now->trials == filed->trials && now->trials != was->trials)
        add_lapse(l, arena_printf(a, "--trials %ld", was->trials),
                  now->trials ? arena_printf(a, "%ld trials", now->trials) : "no limit of trials", a);
    if (was->tokens > 0 && now->tokens == filed->tokens && now->tokens != was->tokens)
        add_lapse(l, arena_printf(a, "--tokens %s", json_shortest(was->tokens, text)),
                  show_amount(now->tokens, "tokens", a), a);
    if (was->cost > 0 && now->cost == filed->cost && now->cost != was->cost)
        add_lapse(l, arena_printf(a, "--cost %s", json_shortest(was->cost, text)), show_amount(now->cost, "cost", a),
                  a);
    if (was->wall_ms && now->wall_ms == filed->wall_ms && now->wall_ms != was->wall_ms)
        add_lapse(l, arena_printf(a, "--wall %s", words_give_duration(was->wall_ms, text, sizeof text)),
                  now->wall_ms ? words_give_duration(now->wall_ms, arena_alloc(a, 40), 40) : "no limit of time", a);
    if (was->until_minutes >= 0 && now->until_minutes == filed->until_minutes &&
        now->until_minutes != was->until_minutes)
        add_lapse(l, arena_printf(a, "--until %02d:%02d", was->until_minutes / 60, was->until_minutes % 60),
                  now->until_minutes < 0
                      ? "no deadline"
                      : arena_printf(a, "until %02d:%02d", now->until_minutes / 60, now->until_minutes % 60),
                  a);
}

const char *remark_lapsed(const struct memory *s, struct arena *a)
{
    struct lapse l = {"", ""};
    find_lapsed(s, &l, a);
    if (!*l.given) return NULL;
    return arena_printf(a, "the last run was given%s; that counted for it alone, and this one goes by %s: %s", l.given,
                        s->study->path, l.now);
}

/* ---- a finite space ---- */

static int compare_configs(const void *a, const void *b, void *data)
{
    return memcmp(*(const double *const *)a, *(const double *const *)b, *(const size_t *)data);
}

/* Different configurations that have ended one way or the other. */
static double count_tried(const struct memory *s)
{
    struct arena a = {0};
    const double **config = arena_array(&a, s->n_seen + 1, sizeof *config);
    size_t n = 0, distinct = 0, size = s->study->space.n * sizeof(double);
    for (size_t i = 0; i < s->n_seen; i++)
        if (s->seen_trial[i] && s->seen[i].outcome != SEARCH_PENDING) config[n++] = s->seen[i].config;
    qsort_r(config, n, sizeof *config, compare_configs, &size);
    for (size_t i = 0; i < n; i++) distinct += i == 0 || memcmp(config[i - 1], config[i], size) != 0;
    arena_done(&a);
    return (double)distinct;
}

static bool is_of_watch(const struct trial *t)
{
    return strncmp(t->source, SOURCE_WATCH, strlen(SOURCE_WATCH)) == 0 ||
           strncmp(t->source, SOURCE_DRIFT, strlen(SOURCE_DRIFT)) == 0;
}

const char *remark_watched(const struct memory *s)
{
    size_t n = 0;
    while (n < s->n && is_of_watch(s->trial[n])) n++;
    return n > 0 && n == s->n ? "no search: what is live is run again here; 'nocturne loop' says what came of it" : NULL;
}

const char *remark_exhausted(const struct memory *s, struct arena *a)
{
    double size = space_size(&s->study->space);
    if (size == 0 || (double)s->n_seen < size || count_tried(s) < size) return NULL;
    return arena_printf(a, "all %.0f configurations of this space have been tried", size);
}

/* ---- metrics ---- */

const char *remark_lacking(const struct memory *s, const struct trial *t, uint32_t *said, struct arena *a)
{
    const struct objective *o = &s->study->objective;
    const char *text = NULL;
    char hint[METRICS_HINT_MAX];
    if (t->state != TRIAL_COMPLETE) return NULL;
    for (size_t i = 0; i < o->n_metrics; i++) {
        if (isfinite(t->value[i]) || (*said & 1u << i)) continue;
        *said |= 1u << i;
        metrics_hint(t->extra, o->metric[i].name, hint, sizeof hint);
        text = arena_printf(a, "%s%strial %ld reported no '%s', which the study file declares%s", text ? text : "",
                            text ? "; " : "", t->number, o->metric[i].name, plain_shown(a, hint));
    }
    return text;
}
