/* What is wrong with a rollout, or worth a look, and what to do. */
#include "tuner/report/rollout_words.h"

#include "tuner/base/words.h"

#include <math.h>
#include <string.h>

enum { FEW = 30 }; /* units of an arm of which nothing is said */

struct matters {
    const struct rollout_view *v;
    struct rollout_matter *matter;
    size_t n;
};

static void add(struct matters *m, enum health_level level, const char *what, const char *sentence, const char *action)
{
    if (m->n < ROLLOUT_MATTERS_MAX) m->matter[m->n++] = (struct rollout_matter){level, what, sentence, action};
}

static double pair(const json_t *list, size_t i)
{
    double n = json_number_read(json_array_get(list, i));
    return isfinite(n) ? n : 0;
}

/* ---- shares and silence ---- */

static void look_at_shares(struct matters *m, const json_t *c)
{
    struct arena *a = m->v->a;
    if (!json_is_true(json_object_get(c, "mismatch"))) return;
    add(m, HEALTH_WRONG, "shares",
        arena_printf(a, "units do not arrive in the promised shares (%s): nothing that is said of the difference can be "
                        "believed",
                     rollout_text(m->v, c, "variant")),
        "find what loses units of one arm between assignment and outcome (crashes, time-outs, filters), then start again");
}

/* Shares of which nothing was heard differ by more than four standard errors. */
static bool differ(const double *missing, const double *units)
{
    double p = (missing[0] + missing[1]) / (units[0] + units[1]);
    double error = sqrt(p * (1 - p) * (1 / units[0] + 1 / units[1]));
    return error > 0 && fabs(missing[1] / units[1] - missing[0] / units[0]) > 4 * error;
}

static void look_at_silence(struct matters *m, const json_t *c)
{
    static const double much = 0.2;
    struct arena *a = m->v->a;
    double units[2], missing[2];
    for (size_t i = 0; i < 2; i++) {
        units[i] = pair(json_object_get(c, "units"), i);
        missing[i] = fmin(pair(json_object_get(c, "missing"), i), units[i]);
    }
    if (units[0] < FEW || units[1] < FEW) return;
    const char *variant = rollout_text(m->v, c, "variant");
    const char *of = arena_printf(a, "nothing was heard of %s of the units of %s, of %s of the champion's",
                                  rollout_percent(m->v, missing[1] / units[1]), variant,
                                  rollout_percent(m->v, missing[0] / units[0]));
    if (differ(missing, units))
        add(m, HEALTH_LOOK, "silence", of,
            "each counts as the plan's 'missing'; see whether that arm fails, or whether its outcomes get lost");
    else if (missing[0] + missing[1] > much * (units[0] + units[1]))
        add(m, HEALTH_LOOK, "silence", of,
            "each counts as the plan's 'missing'; see whether outcomes get lost, or take a longer window in the next plan");
}

/* A metric of which nothing was heard in one arm more often than in the other. */
static void look_at_metric(struct matters *m, const json_t *c, const json_t *track)
{
    struct arena *a = m->v->a;
    double units[2], unheard[2], missing[2];
    bool unfair = json_is_true(json_object_get(track, "unfair"));
    for (size_t i = 0; i < 2; i++) {
        units[i] = pair(json_object_get(c, "units"), i);
        missing[i] = pair(json_object_get(c, "missing"), i);
        unheard[i] = fmin(pair(json_object_get(track, "unheard"), i), units[i]);
    }
    bool apart = unheard[0] > missing[0] || unheard[1] > missing[1]; /* else look_at_silence has said so */
    if (units[0] < FEW || units[1] < FEW || !(unfair || (apart && differ(unheard, units)))) return;
    const char *metric = rollout_text(m->v, track, "metric"), *variant = rollout_text(m->v, c, "variant");
    const char *fair = "see whether that arm fails, or does not tell it: each counts as the plan's 'missing'",
               *not = "see why the champion's lack it, stop, and start again; if the challenger fails less, promote it";
    add(m, unfair ? HEALTH_WRONG : HEALTH_LOOK, "missing",
        arena_printf(a, "%s was not heard of %s of the champion's units, of %s of those of %s%s", metric,
                     rollout_percent(m->v, unheard[0] / units[0]), rollout_percent(m->v, unheard[1] / units[1]),
                     variant,
                     unfair ? ": that alone would make it look better, and nothing of it is proven" : ""),
        unfair ? not : fair);
}

static void look_at_metrics(struct matters *m, const json_t *c)
{
    const json_t *track;
    size_t i;
    json_array_foreach(json_object_get(c, "metrics"), i, track)
    {
        const char *what = json_string_value(json_object_get(track, "what"));
        if (what && strcmp(what, "bill") != 0) look_at_metric(m, c, track);
    }
}

static void look_at_challengers(struct matters *m)
{
    const json_t *c;
    size_t i;
    json_array_foreach(json_object_get(m->v->x, "challengers"), i, c)
    {
        look_at_shares(m, c);
        if (rollout_is_dropped(c)) continue;
        look_at_silence(m, c);
        look_at_metrics(m, c);
    }
}

/* ---- counts ---- */

/* So many of all, and what to do about it, from a hundredth of them and ten on. */
static void look_at_count(struct matters *m, const char *what, double n, double all, const char *is, const char *action)
{
    struct arena *a = m->v->a;
    if (n < 10 || n < 0.01 * all) return;
    add(m, HEALTH_LOOK, what,
        arena_printf(a, "%.0f of %.0f outcomes (%s) %s", n, all, rollout_percent(m->v, n / all), is), action);
}

static void look_at_counts(struct matters *m)
{
    const json_t *counts = json_object_get(m->v->x, "counts");
    double taken = rollout_whole(counts, "taken"), late = rollout_whole(counts, "late"),
           refused = rollout_whole(counts, "refused"), left_out = rollout_whole(counts, "left_out"),
           moved = rollout_whole(counts, "moved"), all = taken + late + refused + left_out;
    look_at_count(m, "late", late, taken + late, "came when their unit's window was closed, and count nowhere",
                  "send them sooner, or give the next plan a longer 'late'");
    look_at_count(m, "refused", refused, all, "were refused: they cannot be",
                  "each answer to whoever sent them says why, by its index");
    look_at_count(m, "moved", moved, all, "came of units with another variant than at first, and count nowhere",
                  "assign by the same name of a unit everywhere, and look for clients with old rules");
    if (left_out > taken && left_out >= 100)
        look_at_count(m, "not counted", left_out, all, "count by no rule",
                      "overrides, the holdout, another group's and another experiment's are not; are clients' rules old?");
}

/* Changes of shares leave units without a score. */
static void look_at_spanned(struct matters *m)
{
    const json_t *counts = json_object_get(m->v->x, "counts");
    double scored = rollout_whole(counts, "scored"), spanned = rollout_whole(counts, "spanned"), all = scored + spanned;
    if (spanned < 10 || spanned < 0.2 * all) return;
    add(m, HEALTH_LOOK, "changes",
        arena_printf(m->v->a, "%.0f of %.0f units (%s) are not scored, since the shares changed within their window",
                     spanned, all, rollout_percent(m->v, spanned / all)),
        "larger 'step_units' or a shorter window in the next plan; fewer pauses");
}

/* ---- who is at it ---- */

static double ms_of(const struct rollout_view *v, const char *key)
{
    int64_t ms;
    const char *text = json_string_value(json_object_get(v->rules, key));
    return text && words_duration_ms(text, &ms) ? (double)ms : 0;
}

static double arrived(const struct rollout_view *v)
{
    const json_t *period;
    size_t i, k;
    double sum = 0;
    json_array_foreach(json_object_get(v->x, "periods"), i, period)
    {
        const json_t *list = json_object_get(period, "arrived");
        for (k = 0; k < json_array_size(list); k++) sum += pair(list, k);
    }
    return sum;
}

double rollout_waiting(const struct rollout_view *v)
{
    const json_t *counts = json_object_get(v->x, "counts");
    return fmax(arrived(v) - rollout_whole(counts, "scored") - rollout_whole(counts, "spanned"), 0);
}

/* All windows are closed, long since, and units wait. */
static void look_who_scores(struct matters *m)
{
    static const double grace = 60000;
    const struct rollout_view *v = m->v;
    double now = json_number_at(v->status, "now_ms"), heard = json_number_at(v->x, "heard_ms");
    double closed = heard + ms_of(v, "window") + ms_of(v, "late") + grace;
    if (!rollout_is_open(v) || rollout_waiting(v) == 0 || !(now > closed)) return;
    add(m, HEALTH_WRONG, "scoring",
        arena_printf(v->a, "%.0f units whose window is closed wait to be scored: nobody is at it", rollout_waiting(v)),
        arena_printf(v->a, "'nocturne serve' does it, or 'nocturne rollout tick --follow'"));
}

/* A clock that was set back: time stands still until it has come so far again. */
static void look_at_clock(struct matters *m)
{
    static const double little = 60000;
    struct arena *a = m->v->a;
    char span[40];
    double now = json_number_at(m->v->status, "now_ms"), last = 0;
    const json_t *period;
    size_t i;
    json_array_foreach(json_object_get(m->v->x, "periods"), i, period)
    {
        last = fmax(last, rollout_whole(period, "from_ms"));
    }
    if (!rollout_is_open(m->v) || !(last > now + little)) return;
    add(m, HEALTH_WRONG, "clock",
        arena_printf(a, "the last change of the shares is %s ahead of this machine's clock: until then nothing is "
                        "scored",
                     words_show_duration((int64_t)(last - now), span, sizeof span)),
        "set the clock right; if it was wrong when that was written, stop, and start again");
}

size_t rollout_matters(const struct rollout_view *v, struct rollout_matter *ret)
{
    struct matters m = {.v = v, .matter = ret};
    if (v->killed)
        add(&m, HEALTH_WRONG, "killed", arena_printf(v->a, "everybody gets the champion: %s", v->killed),
            arena_printf(v->a, "when it is over: 'nocturne rollout revive %s%s'", v->name, v->where));
    look_at_clock(&m);
    look_who_scores(&m);
    look_at_challengers(&m);
    look_at_counts(&m);
    look_at_spanned(&m);
    return m.n;
}
