#include "tuner/report/rollout_words.h"

#include "tuner/report/report.h"
#include "tuner/report/text.h"

#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- looking at a status ---- */

const char *rollout_text(const struct rollout_view *v, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? plain_shown(v->a, text) : "";
}

double rollout_whole(const json_t *object, const char *key)
{
    double n = json_number_at(object, key);
    return isfinite(n) && n > 0 ? n : 0;
}

static double item(const json_t *list, size_t i)
{
    double n = json_number_read(json_array_get(list, i));
    return isfinite(n) ? n : 0;
}

static const json_t *challengers(const struct rollout_view *v)
{
    return json_object_get(v->x, "challengers");
}

static enum rollout_phase phase_of(const char *name)
{
    static const char *const names[] = {"",       "learning", "shadow",      "running",
                                        "paused", "promoted", "rolled back", "stopped"};
    for (int i = ROLLOUT_LEARNING; i <= ROLLOUT_STOPPED; i++)
        if (strcmp(name, names[i]) == 0) return (enum rollout_phase)i;
    return ROLLOUT_IDLE;
}

bool rollout_is_open(const struct rollout_view *v)
{
    return v->phase >= ROLLOUT_LEARNING && v->phase <= ROLLOUT_PAUSED;
}

bool rollout_is_dropped(const json_t *challenger)
{
    return json_is_true(json_object_get(challenger, "dropped"));
}

static enum verdict_word verdict_at(const json_t *challenger)
{
    enum verdict_word word = VERDICT_NONE;
    const char *name = json_string_value(json_object_get(challenger, "verdict"));
    if (name) verdict_parse(name, &word);
    return word;
}

/* The less the better. */
static int rank_of(const json_t *challenger)
{
    static const int ranks[] = {[VERDICT_NONE] = 6,      [VERDICT_ADOPT] = 0,        [VERDICT_TRADE] = 2,
                                [VERDICT_PROMISING] = 1, [VERDICT_NO_BETTER] = 4,    [VERDICT_DO_NOT_ADOPT] = 5,
                                [VERDICT_NOT_CONFIRMED] = 3};
    return ranks[verdict_at(challenger)] + (rollout_is_dropped(challenger) ? 10 : 0);
}

static const json_t *lead_of(const struct rollout_view *v)
{
    const char *ready = json_string_value(json_object_get(v->x, "ready"));
    const json_t *best = NULL, *c;
    size_t i;
    json_array_foreach(challengers(v), i, c)
    {
        const char *variant = json_string_value(json_object_get(c, "variant"));
        if (ready && variant && strcmp(ready, variant) == 0) return c;
        if (!best || rank_of(c) < rank_of(best)) best = c;
    }
    return best;
}

struct rollout_view rollout_view(const json_t *status, const char *where, struct arena *a)
{
    struct rollout_view v = {.a = a, .where = where, .status = status};
    const json_t *x = json_object_get(status, "experiment");
    v.x = json_is_object(x) ? x : NULL;
    v.rules = json_object_get(v.x, "rules");
    v.name = rollout_text(&v, status, "rollout");
    v.study = rollout_text(&v, status, "study");
    v.killed = json_is_string(json_object_get(status, "killed")) ? rollout_text(&v, status, "killed") : NULL;
    v.phase = phase_of(rollout_text(&v, v.x, "phase"));
    v.lead = lead_of(&v);
    return v;
}

const char *rollout_percent(const struct rollout_view *v, double share)
{
    return arena_printf(v->a, "%.3g %%", 100 * share);
}

static const char *duration(const struct rollout_view *v, double ms)
{
    char text[40];
    return arena_strdup(v->a, words_show_duration((int64_t)fmax(ms, 0), text, sizeof text));
}

/* "2026-11-30 05:20:00 (2h 10m)" */
static const char *since(const struct rollout_view *v, double ms)
{
    char when[40];
    double now = json_number_at(v->status, "now_ms");
    report_time((int64_t)ms, when, sizeof when);
    return isfinite(now) ? arena_printf(v->a, "%s (%s)", when, duration(v, now - ms)) : arena_strdup(v->a, when);
}

/* ---- differences ---- */

static const json_t *rule_of(const struct rollout_view *v, const char *metric)
{
    return json_object_get(json_object_get(v->rules, "metrics"), metric);
}

/* As far as words need it: of the range from 0 to 1 differences are in points. */
static struct metric metric_of(const struct rollout_view *v, const char *name)
{
    const json_t *rule = rule_of(v, name), *range = json_object_get(rule, "range");
    bool whole = json_array_size(range) == 2 && item(range, 0) == 0 && item(range, 1) == 1;
    bool amount = json_is_string(json_object_get(rule, "saving")) || json_is_number(json_object_get(rule, "saving"));
    return (struct metric){.name = name,
                           .kind = whole ? METRIC_PROPORTION : amount ? METRIC_COUNT : METRIC_VALUE};
}

static bool is_what(const json_t *track, const char *what)
{
    const char *text = json_string_value(json_object_get(track, "what"));
    return text && strcmp(text, what) == 0;
}

/* "not worse", "fewer", nothing: what the plan has it prove. */
static bool proves(const struct rollout_view *v, const char *metric)
{
    const char *prove = json_string_value(json_object_get(rule_of(v, metric), "prove"));
    return !prove || strcmp(prove, "nothing") != 0;
}

static const char *word_of(const struct rollout_view *v, const json_t *track, const char *metric)
{
    if (json_is_true(json_object_get(track, "broken"))) return "beyond its guard";
    if (!proves(v, metric)) return "guarded";
    if (json_is_true(json_object_get(track, "worse"))) return "worse";
    return json_is_true(json_object_get(track, "proven")) ? "proven" : "open";
}

bool rollout_track(const struct rollout_view *v, const json_t *track, struct rollout_track *ret)
{
    const char *name = json_string_value(json_object_get(track, "metric"));
    bool ratio = !is_what(track, "scale");
    struct difference d = {ratio, json_number_at(track, ratio ? "ratio" : "difference"), json_number_at(track, "low"),
                           json_number_at(track, "high")};
    if (!name || !isfinite(d.by)) return false;
    const struct metric m = metric_of(v, name);
    const char *shown = plain_shown(v->a, name);
    *ret = (struct rollout_track){
        .name = is_what(track, "bill") ? arena_printf(v->a, "%s, the bill", shown) : shown,
        .by = arena_printf(v->a, "%s%s", report_change(&m, ratio, d.by, v->a), report_unit(&m, ratio)),
        .interval = isfinite(d.low) && isfinite(d.high)
                        ? arena_printf(v->a, "(%s to %s)", report_change(&m, ratio, d.low, v->a),
                                       report_change(&m, ratio, d.high, v->a))
                        : "",
        .word = word_of(v, track, name)};
    return true;
}

/* The bill is said where it says something else than the typical request. */
const char *rollout_differences(const struct rollout_view *v, const json_t *challenger, bool intervals)
{
    const char *all = "";
    const json_t *track;
    struct rollout_track t;
    size_t i;
    json_array_foreach(json_object_get(challenger, "metrics"), i, track)
    {
        bool wrong = json_is_true(json_object_get(track, "worse")) || json_is_true(json_object_get(track, "broken"));
        if ((is_what(track, "bill") && !wrong) || !rollout_track(v, track, &t)) continue;
        all = arena_printf(v->a, "%s%s%s %s%s%s", all, *all ? ", " : "", t.name, t.by,
                           intervals && *t.interval ? " " : "", intervals ? t.interval : "");
    }
    return all;
}

/* Of an amount that of its bill, of which each unit counts up to the cap. */
const char *rollout_means(const struct rollout_view *v, const json_t *challenger, const char *arm)
{
    const char *all = "";
    const json_t *track;
    size_t i;
    json_array_foreach(json_object_get(challenger, "metrics"), i, track)
    {
        double mean = json_number_at(track, arm);
        if (isfinite(mean))
            all = arena_printf(v->a, "%s%s%s %s", all, *all ? ", " : "", rollout_text(v, track, "metric"),
                               report_number(mean, v->a));
    }
    return all;
}

/* ---- words ---- */

/* "not confirmed": too few units, or shares that do not come true. */
const char *rollout_verdict(const struct rollout_view *v)
{
    enum verdict_word word = verdict_at(v->lead);
    bool mismatch = json_is_true(json_object_get(v->lead, "mismatch"));
    if (word == VERDICT_NONE || (word == VERDICT_NOT_CONFIRMED && !mismatch)) return "not confirmed yet";
    return report_verdict(word);
}

const char *rollout_word(const struct rollout_view *v)
{
    if (v->killed) return "killed";
    switch (v->phase) {
    case ROLLOUT_IDLE: return "no experiment";
    case ROLLOUT_LEARNING: return "learning";
    case ROLLOUT_SHADOW: return "in the shadow";
    case ROLLOUT_PAUSED:
    case ROLLOUT_RUNNING: return rollout_verdict(v);
    case ROLLOUT_PROMOTED: return "promoted";
    case ROLLOUT_ROLLED_BACK: return "rolled back";
    case ROLLOUT_STOPPED: return "stopped";
    }
    return "";
}

static double units_of(const json_t *challenger)
{
    const json_t *units = json_object_get(challenger, "units");
    return item(units, 0) + item(units, 1);
}

/* It is known to two digits. */
static double about(double units)
{
    double digits = pow(10, floor(log10(fmax(units, 100))) - 1);
    return ceil(units / digits) * digits;
}

static const char *time_left(const struct rollout_view *v, const json_t *forecast)
{
    double ms = json_number_at(forecast, "left_ms");
    return isfinite(ms) ? arena_printf(v->a, ", about %s left", duration(v, ms)) : "";
}

const char *rollout_progress(const struct rollout_view *v)
{
    const json_t *forecast = json_object_get(v->x, "forecast"), *as_good = json_object_get(forecast, "if_as_good");
    double have = units_of(v->lead), needed = rollout_whole(forecast, "units"), same = rollout_whole(as_good, "units");
    bool is_open = rollout_is_open(v), ready = *rollout_text(v, v->x, "ready");
    if (is_open && needed > have)
        return arena_printf(v->a, "%.0f of about %.0f units%s%s", have, about(needed), time_left(v, forecast),
                            same > needed ? arena_printf(v->a, "; %.0f if it is just as good", about(same)) : "");
    if (is_open && !ready && same > have)
        return arena_printf(v->a, "%.0f of about %.0f units, if it is just as good%s", have, about(same),
                            time_left(v, as_good));
    return arena_printf(v->a, "%.0f unit%s%s", have, words_s((size_t)have),
                        is_open && !ready && needed > 0 ? ", more than the plan's effects take: what is there is less" : "");
}

/* "challenger beside champion: em …; 1240 of about 4000 units" */
static const char *beside(const struct rollout_view *v)
{
    const char *by = rollout_differences(v, v->lead, true);
    if (!*by) return rollout_progress(v);
    return arena_printf(v->a, "%s beside champion: %s; %s", rollout_text(v, v->lead, "variant"), by,
                        rollout_progress(v));
}

static const char *why_of(const struct rollout_view *v)
{
    const char *why = rollout_text(v, v->x, "why");
    return *why ? arena_printf(v->a, ": %s", why) : "";
}

static double shadow_units(const struct rollout_view *v)
{
    return rollout_whole(json_object_get(v->rules, "shadow"), "units");
}

/* Only the champion answers. */
static const char *in_the_shadow(const struct rollout_view *v)
{
    const char *by = rollout_differences(v, v->lead, false);
    return arena_printf(v->a, "in the shadow, unseen, beside %.0f of %.0f units of the champion%s%s",
                        rollout_whole(v->lead, "pairs"), shadow_units(v), *by ? ": so far " : "", by);
}

const char *rollout_headline(const struct rollout_view *v)
{
    const char *word = rollout_word(v);
    if (v->killed) return arena_printf(v->a, "killed, everybody gets the champion: %s", v->killed);
    switch (v->phase) {
    case ROLLOUT_IDLE: return word;
    case ROLLOUT_LEARNING:
        return arena_printf(v->a, "learning what is usual: %.0f of %.0f units of the champion; nobody gets a challenger yet",
                            rollout_whole(v->x, "learnt"), rollout_whole(v->rules, "learn"));
    case ROLLOUT_SHADOW: return in_the_shadow(v);
    case ROLLOUT_RUNNING: return arena_printf(v->a, "%s: %s", word, beside(v));
    case ROLLOUT_PAUSED: return arena_printf(v->a, "paused%s; so far %s: %s", why_of(v), word, beside(v));
    case ROLLOUT_PROMOTED:
    case ROLLOUT_ROLLED_BACK:
    case ROLLOUT_STOPPED:
        return arena_printf(v->a, "%s%s; at its end %s: %s", word, why_of(v), rollout_verdict(v), beside(v));
    }
    return word;
}

const char *rollout_state(const struct rollout_view *v)
{
    const json_t *ramp = json_object_get(v->rules, "ramp");
    size_t step = (size_t)rollout_whole(v->x, "step");
    const char *when = since(v, json_number_at(v->x, "since_ms"));
    if (v->phase == ROLLOUT_IDLE) return "no experiment";
    const char *all = arena_printf(v->a, "experiment %.0f: %s since %s", rollout_whole(v->x, "number"),
                                   v->phase == ROLLOUT_SHADOW ? rollout_word(v) : rollout_text(v, v->x, "phase"), when);
    if (v->phase != ROLLOUT_RUNNING) return all;
    return arena_printf(v->a, "%s, at %s for challengers, step %zu of %zu of the ramp", all,
                        rollout_percent(v, rollout_whole(v->x, "share")), step + 1, json_array_size(ramp));
}

/* "1200 units looked at, nothing drifts", "drifted: …; waits for a person" */
const char *rollout_watch(const struct rollout_view *v)
{
    const json_t *watch = json_object_get(v->status, "watch");
    const char *phase = rollout_text(v, watch, "phase"), *why = rollout_text(v, watch, "why");
    if (!json_is_object(watch)) return "";
    if (strcmp(phase, "learning") == 0)
        return arena_printf(v->a, "learning what is usual, from %.0f units so far", rollout_whole(watch, "learnt"));
    if (strcmp(phase, "watching") == 0)
        return arena_printf(v->a, "%.0f units looked at, nothing drifts", rollout_whole(watch, "seen"));
    return arena_printf(v->a, "%s since %s%s%s%s", phase, since(v, json_number_at(watch, "since_ms")), *why ? ": " : "",
                        why, json_is_true(json_object_get(watch, "asked")) ? "; waits for a person" : "");
}

/* ---- configurations ---- */

static const char *value_text(const struct rollout_view *v, const json_t *value)
{
    if (json_is_string(value)) return plain_shown(v->a, json_string_value(value));
    if (json_is_real(value)) return arena_printf(v->a, "%.4g", json_real_value(value));
    char *text = json_text(value);
    const char *shown = plain_shown(v->a, arena_strdup(v->a, text));
    free(text);
    return shown;
}

const char *rollout_configuration(const struct rollout_view *v, const json_t *configuration)
{
    const json_t *trial = json_object_get(configuration, "trial");
    const char *name, *all = "";
    json_t *value;
    json_object_foreach((json_t *)json_object_get(configuration, "parameters"), name, value)
    {
        all = arena_printf(v->a, "%s%s%s=%s", all, *all ? " " : "", plain_shown(v->a, name), value_text(v, value));
    }
    const char *of = arena_printf(v->a, "of study %s (%s)", rollout_text(v, configuration, "study"), all);
    if (!json_is_integer(trial)) return arena_printf(v->a, "parameters %s", of);
    return arena_printf(v->a, "trial %lld %s", (long long)json_integer_value(trial), of);
}

/* ---- what it is to show ---- */

/* "1 point", "25 %", "100" */
static const char *bound(const struct rollout_view *v, const struct metric *m, double by)
{
    if (m->kind == METRIC_COUNT) return arena_printf(v->a, "%.4g %%", 100 * by);
    if (m->kind == METRIC_PROPORTION) return arena_printf(v->a, "%.4g point%s", 100 * by, 100 * by == 1 ? "" : "s");
    return report_number(by, v->a);
}

static const char *aim(const struct rollout_view *v, const char *name, const json_t *rule)
{
    const struct metric m = metric_of(v, name);
    const char *shown = plain_shown(v->a, name);
    if (!proves(v, name))
        return arena_printf(v->a, "%s worse by no more than %s", shown, bound(v, &m, rollout_whole(rule, "guard")));
    if (m.kind == METRIC_COUNT)
        return arena_printf(v->a, "a typical request takes fewer %s, and all of them no more than %s more", shown,
                            bound(v, &m, rollout_whole(rule, "margin")));
    double margin = rollout_whole(rule, "margin");
    return margin > 0 ? arena_printf(v->a, "%s not worse by more than %s", shown, bound(v, &m, margin))
                      : arena_printf(v->a, "%s not worse at all", shown);
}

const char *rollout_aims(const struct rollout_view *v)
{
    const char *name, *all = "";
    json_t *rule;
    json_object_foreach((json_t *)json_object_get(v->rules, "metrics"), name, rule)
    {
        all = arena_printf(v->a, "%s%s%s", all, *all ? "; " : "", aim(v, name, rule));
    }
    return all;
}

/* ---- what happens next ---- */

static const char *command(const struct rollout_view *v, const char *verb)
{
    return arena_printf(v->a, "'nocturne rollout %s %s%s'", verb, v->name, v->where);
}

static bool promotes_alone(const struct rollout_view *v)
{
    const char *promote = json_string_value(json_object_get(v->rules, "promote"));
    return promote && strcmp(promote, "auto") == 0;
}

static double challengers_scored(const struct rollout_view *v)
{
    const json_t *c;
    size_t i;
    double sum = 0;
    json_array_foreach(challengers(v), i, c) sum += item(json_object_get(c, "units"), 1);
    return sum;
}

static double challengers_left(const struct rollout_view *v)
{
    const json_t *c;
    size_t i, n = 0;
    json_array_foreach(challengers(v), i, c) n += !rollout_is_dropped(c);
    return (double)n;
}

/* "25 % once 73 more units of challengers are scored" */
static const char *next_step(const struct rollout_view *v)
{
    const json_t *ramp = json_object_get(v->rules, "ramp");
    size_t step = (size_t)rollout_whole(v->x, "step");
    double here = challengers_scored(v) - rollout_whole(v->x, "step_from");
    double left = fmax(rollout_whole(v->rules, "step_units") * challengers_left(v) - here, 0);
    if (step + 1 >= json_array_size(ramp))
        return arena_printf(v->a, "it stays at %s until it is decided", rollout_percent(v, item(ramp, step)));
    return arena_printf(v->a, "%s once %.0f more unit%s of challengers %s scored",
                        rollout_percent(v, item(ramp, step + 1)), left, words_s((size_t)left),
                        left == 1 ? "is" : "are");
}

static const char *at_the_latest(const struct rollout_view *v)
{
    double planned = rollout_whole(v->rules, "units");
    if (planned == 0) return "";
    return arena_printf(v->a, "; at %.0f units, of which %.0f are scored, it ends undecided", planned,
                        rollout_whole(json_object_get(v->x, "counts"), "scored"));
}

/* "'nocturne rollout promote s' makes challenger the champion" */
static const char *promotion(const struct rollout_view *v, const char *ready)
{
    return arena_printf(v->a, "%s makes %s the champion", command(v, "promote"), ready);
}

static const char *next_while_running(const struct rollout_view *v)
{
    const char *ready = rollout_text(v, v->x, "ready");
    if (*ready)
        return arena_printf(v->a, "%s; until then it stays at %s", promotion(v, ready),
                            rollout_percent(v, rollout_whole(v->x, "share")));
    return arena_printf(v->a, "%s; %s; taken back at once if a guard breaks or it is surely worse%s", next_step(v),
                        promotes_alone(v) ? "promoted by itself once all is proven"
                                          : "once all is proven it waits for your promote",
                        at_the_latest(v));
}

static const char *next_while_paused(const struct rollout_view *v)
{
    double until = rollout_whole(v->x, "until_ms");
    const char *ready = rollout_text(v, v->x, "ready");
    if (until > 0)
        return arena_printf(v->a, "it goes on by itself at %s", report_soon(until, json_number_at(v->status, "now_ms"), v->a));
    return arena_printf(v->a, "it waits: %s goes on, %s ends it%s%s", command(v, "resume"), command(v, "rollback"),
                        *ready ? ", " : "", *ready ? promotion(v, ready) : "");
}

const char *rollout_next(const struct rollout_view *v)
{
    if (v->killed) return arena_printf(v->a, "%s lets clients be assigned again", command(v, "revive"));
    switch (v->phase) {
    case ROLLOUT_LEARNING:
        return arena_printf(v->a, "challengers %s after %.0f more units of the champion",
                            shadow_units(v) > 0
                                ? "run in its shadow"
                                : arena_printf(v->a, "get %s",
                                               rollout_percent(v, item(json_object_get(v->rules, "ramp"), 0))),
                            fmax(rollout_whole(v->rules, "learn") - rollout_whole(v->x, "learnt"), 0));
    case ROLLOUT_SHADOW:
        return arena_printf(v->a, "challengers get %s after %.0f more units in the shadow; one whose guard breaks goes unseen",
                            rollout_percent(v, item(json_object_get(v->rules, "ramp"), 0)),
                            fmax(shadow_units(v) - rollout_whole(v->lead, "pairs"), 0));
    case ROLLOUT_RUNNING: return next_while_running(v);
    case ROLLOUT_PAUSED: return next_while_paused(v);
    case ROLLOUT_IDLE:
    case ROLLOUT_PROMOTED:
    case ROLLOUT_ROLLED_BACK:
    case ROLLOUT_STOPPED: break;
    }
    return arena_printf(v->a, "nothing by itself; 'nocturne rollout start %s%s%s%s' tries the next one, 'nocturne watch' "
                              "finds out when what is live runs worse",
                        v->study, strcmp(v->name, v->study) ? " --rollout " : "",
                        strcmp(v->name, v->study) ? v->name : "", v->where);
}
