/* A rollout in one picture: what is live, how it does, what drift was seen, what is tried, what happens next, what has
 * happened. From JSON (live_status, live_events, or the API), as the words of rollout_words are. */
#include "tuner/report/report.h"

#include "tuner/report/rollout_words.h"
#include "tuner/report/screen.h"
#include "tuner/report/text.h"

#include "tuner/base/plain.h"
#include "tuner/base/width.h"
#include "tuner/base/words.h"

#include <math.h>
#include <string.h>

enum { BAR = 20, LABEL = 9 };
static const double WORTH_A_NAME = 0.1; /* of an alarm; below that it is chance which metric says most */

static const char *const phases[] = {"learning", "watching", "drifted", "evaluating", "tuning", "trying"};
enum { LEARNING, WATCHING, DRIFTED, EVALUATING, TUNING, TRYING, UNWATCHED };

struct loop {
    struct rollout_view v;
    const json_t *watch, *rules; /* NULL: nobody watches */
    int phase;
    double now;
    enum loop_keeper keeper;
};

static int phase_of(const struct loop *l)
{
    const char *name = rollout_text(&l->v, l->watch, "phase");
    for (int i = 0; i < UNWATCHED; i++)
        if (strcmp(name, phases[i]) == 0) return i;
    return UNWATCHED;
}

static struct loop loop_of(const struct loop_facts *f, struct arena *a)
{
    struct loop l = {.v = rollout_view(f->status, f->where, a), .keeper = f->keeper};
    l.watch = json_object_get(f->status, "watch");
    l.rules = json_object_get(l.watch, "rules");
    l.phase = phase_of(&l);
    l.now = json_number_at(f->status, "now_ms");
    return l;
}

/* ---- how it does ---- */

static const char *shown(const struct loop *l, const char *name, double value)
{
    const json_t *watched = json_object_get(json_object_get(l->rules, "metrics"), name);
    const json_t *range = json_object_get(watched ? watched : json_object_get(json_object_get(l->v.rules, "metrics"), name), "range");
    bool whole = json_number_read(json_array_get(range, 0)) == 0 && json_number_read(json_array_get(range, 1)) == 1;
    const struct metric m = {.name = name, .kind = whole ? METRIC_PROPORTION : METRIC_VALUE};
    char text[64];
    return arena_printf(l->v.a, "%s %s", name, metric_show(&m, value, text, sizeof text));
}

static const char *join(struct arena *a, const char *all, const char *one)
{
    return arena_printf(a, "%s%s%s", all, *all ? ", " : "", one);
}

/* "em 0.6100, tokens 118", of "usual" or "lately"; "": nothing is known. */
static const char *means(const struct loop *l, const char *which)
{
    const char *all = "";
    const json_t *stream;
    size_t i;
    json_array_foreach(json_object_get(l->watch, "streams"), i, stream)
    {
        double mean = json_number_at(json_object_get(stream, which), "mean");
        if (isfinite(mean)) all = join(l->v.a, all, shown(l, rollout_text(&l->v, stream, "metric"), mean));
    }
    return all;
}

/* Which variant of the experiment that runs, or ran last, is what is live now; NULL: none, since another was served later. */
static const char *live_variant(const struct loop *l)
{
    const char *hash = rollout_text(&l->v, json_object_get(l->v.status, "champion"), "hash"), *name;
    json_t *one;
    json_object_foreach((json_t *)(uintptr_t)json_object_get(l->v.x, "variants"), name, one)
    {
        if (*hash && strcmp(rollout_text(&l->v, one, "hash"), hash) == 0) return name;
    }
    return NULL;
}

static const json_t *challenger_of(const struct loop *l, const char *variant)
{
    const json_t *c;
    size_t i;
    json_array_foreach(json_object_get(l->v.x, "challengers"), i, c)
    {
        if (strcmp(rollout_text(&l->v, c, "variant"), variant) == 0) return c;
    }
    return NULL;
}

/* What is live in that experiment: its champion, or the challenger that was promoted. */
static const char *means_of_experiment(const struct loop *l)
{
    const char *all = "", *live = live_variant(l);
    bool champion = live && strcmp(live, "champion") == 0;
    const json_t *of = champion ? l->v.lead : live ? challenger_of(l, live) : NULL, *track;
    size_t i;
    json_array_foreach(json_object_get(of, "metrics"), i, track)
    {
        double mean = json_number_at(track, champion ? "champion" : "challenger");
        if (isfinite(mean)) all = join(l->v.a, all, shown(l, rollout_text(&l->v, track, "metric"), mean));
    }
    return all;
}

/* ---- drift ---- */

/* The evidence as a share of what raises an alarm, 0 to 1; NaN: nothing is looked at. Not of its logarithm: without drift it is
 * n / run_length after n units, on average, and the logarithm would nearly always stand at two thirds. */
static double share_of_alarm(const struct loop *l)
{
    double alarm = log(json_number_at(l->rules, "run_length")), evidence = json_number_at(l->watch, "log_r");
    if (l->phase == UNWATCHED || l->phase == LEARNING) return NAN;
    if (l->phase > WATCHING) return 1;
    return isfinite(evidence) && isfinite(alarm) ? fmin(exp(evidence - alarm), 1) : 0;
}

/* "████░░ "; "" where there is nothing to show. */
static const char *bar(const struct loop *l)
{
    const char *all = "";
    double share = share_of_alarm(l);
    for (int i = 0; l->phase == WATCHING && i < BAR; i++)
        all = arena_printf(l->v.a, "%s%s%s", all, i < share * BAR ? "█" : "░", i + 1 == BAR ? " " : "");
    return all;
}

static const char *drift(const struct loop *l)
{
    double share = share_of_alarm(l), learnt = rollout_whole(l->watch, "learnt"), learn = rollout_whole(l->rules, "learn");
    const char *most = rollout_text(&l->v, l->watch, "most");
    switch (l->phase) {
    case UNWATCHED: return "nobody watches";
    case LEARNING:
        return arena_printf(l->v.a, "learning what is usual: %.0f of %.0f units of the champion", learnt, learn);
    case WATCHING:
        return arena_printf(l->v.a, "%.0f %% of an alarm after %.0f units%s%s", 100 * share,
                            rollout_whole(l->watch, "seen"), share >= WORTH_A_NAME ? ", most of it from " : "",
                            share >= WORTH_A_NAME ? most : "");
    default: return rollout_text(&l->v, l->watch, "why");
    }
}

/* ---- where it is, and what comes next ---- */

/* "learning · [watching] · …" */
static const char *circle(const struct loop *l)
{
    const char *all = "";
    int far = UNWATCHED - 1;
    const char *then = rollout_text(&l->v, l->rules, "then");
    for (int i = 0; i < UNWATCHED; i++)
        if (strcmp(then, phases[i]) == 0) far = i;
    for (int i = 0; i <= far; i++)
        all = arena_printf(l->v.a, i == l->phase ? "%s%s[%s]" : "%s%s%s", all, i ? " · " : "", phases[i]);
    return all;
}

static bool asks(const struct loop *l)
{
    return json_is_true(json_object_get(l->watch, "asked"));
}

static const char *next_run(const struct loop *l)
{
    int64_t every = 0;
    double last = rollout_whole(l->watch, "evaluated_ms");
    const char *text = rollout_text(&l->v, l->rules, "every");
    if (!words_duration_ms(text, &every)) return "";
    double at = last > 0 ? last + (double)every : l->now;
    return arena_printf(l->v.a, "; the champion is run again %s",
                        at > l->now ? arena_printf(l->v.a, "at %s", report_soon(at, l->now, l->v.a)) : "now");
}

/* Who is to do the work, if nobody is at it. */
static const char *by_whom(const struct loop *l)
{
    switch (l->keeper) {
    case LOOP_KEPT: return "";
    case LOOP_ALONE: return arena_printf(l->v.a, "; 'nocturne watch %s' goes on with it", l->v.name);
    case LOOP_UNKNOWN: return arena_printf(l->v.a, " (by 'nocturne watch %s', if it runs)", l->v.name);
    }
    return "";
}

/* What follows an alarm is to learn of enough that came after it. */
static const char *gathering(const struct loop *l)
{
    double left = rollout_whole(l->watch, "gather"), all = rollout_whole(l->rules, "fresh");
    return arena_printf(l->v.a, "%.0f of %.0f units from after the alarm are there; with all of them the champion is run again "
                                "('nocturne rollout approve %s%s': at once; decline: not at all)",
                        all - left, all, l->v.name, l->v.where);
}

static const char *next_of_watch(const struct loop *l)
{
    const char *tuned = rollout_text(&l->v, l->watch, "study");
    bool begun = json_is_true(json_object_get(l->watch, "begun"));
    if (asks(l))
        return arena_printf(l->v.a, "%s waits for you: 'nocturne rollout approve %s%s', or decline", phases[l->phase],
                            l->v.name, l->v.where);
    switch (l->phase) {
    case UNWATCHED: return arena_printf(l->v.a, "'nocturne watch %s' finds out when it runs worse", l->v.name);
    case LEARNING:
        return arena_printf(l->v.a, "watched after %.0f more units%s",
                            fmax(rollout_whole(l->rules, "learn") - rollout_whole(l->watch, "learnt"), 0), next_run(l));
    case WATCHING: return arena_printf(l->v.a, "an alarm, when the bar is full%s", next_run(l));
    case DRIFTED:
        if (rollout_whole(l->watch, "gather") > 0) return gathering(l);
        return arena_printf(l->v.a, "the champion and the best others are run again%s", by_whom(l));
    case EVALUATING:
        return arena_printf(l->v.a, "the champion and the best others are run again%s", by_whom(l));
    case TUNING:
        return arena_printf(l->v.a, "%s%s%s", begun ? arena_printf(l->v.a, "study %s is being tuned", tuned) : "the study is tuned anew",
                            begun ? arena_printf(l->v.a, " (since %s)",
                                                 report_soon(rollout_whole(l->watch, "since_ms"), l->now, l->v.a))
                                  : "",
                            by_whom(l));
    default: return arena_printf(l->v.a, "what was found is tried%s", by_whom(l));
    }
}

static const char *next(const struct loop *l)
{
    if (l->v.killed || (rollout_is_open(&l->v) && !asks(l))) return rollout_next(&l->v);
    return next_of_watch(l);
}

const char *report_next(const struct rollout_view *v)
{
    const struct loop l = loop_of(&(struct loop_facts){.status = v->status, .where = v->where, .keeper = LOOP_UNKNOWN}, v->a);
    return l.watch ? next(&l) : rollout_next(v);
}

/* ---- the picture ---- */

static void line(FILE *out, const char *label, const char *text)
{
    if (*text) fprintf(out, "  %-*s%s\n", LABEL, label, text);
}

/* The same for all of them: with the date, where one is not of today. */
static const char *moment_format(const json_t *events, double now, struct arena *a)
{
    const json_t *event;
    size_t i;
    const char *today = report_moment(now, "%F", a);
    json_array_foreach(events, i, event)
    {
        if (strcmp(report_moment(json_number_at(event, "at_ms"), "%F", a), today) != 0) return "%F %H:%M:%S";
    }
    return "%H:%M:%S";
}

static void show_event(FILE *out, const struct screen *screen, const json_t *event, const char *format)
{
    struct arena a = {0};
    const char *when = report_moment(json_number_at(event, "at_ms"), format, &a);
    size_t columns = screen_columns(screen), at = strlen(when) + 4;
    fprintf(out, "  %s  %s\n", when,
            width_cut(&a, report_rollout_event(event, &a), columns > at + 20 ? columns - at - 1 : 20));
    arena_done(&a);
}

void report_loop(FILE *out, const struct loop_facts *f)
{
    struct arena a = {0};
    struct loop l = loop_of(f, &a);
    struct screen screen = screen_of(out);
    const json_t *event;
    size_t i;
    char since[40];
    report_time((int64_t)json_number_at(f->status, "since_ms"), since, sizeof since);
    fprintf(out, "%s%s\n", l.v.name, l.v.killed ? ": killed, everybody gets the champion" : "");
    line(out, "live", rollout_configuration(&l.v, json_object_get(f->status, "champion")));
    line(out, "since", since);
    line(out, "usual", means(&l, "usual"));
    line(out, "lately", *means(&l, "lately") ? means(&l, "lately") : means_of_experiment(&l));
    line(out, "drift", arena_printf(&a, "%s%s", bar(&l), drift(&l)));
    line(out, "tried", l.v.x ? arena_printf(&a, "%s; %s", rollout_state(&l.v), rollout_headline(&l.v)) : "nothing yet");
    if (l.watch) line(out, "loop", circle(&l));
    line(out, "next", next(&l));
    if (json_array_size(f->events)) fputc('\n', out);
    const char *format = moment_format(f->events, l.now, &a);
    json_array_foreach(f->events, i, event) show_event(out, &screen, event, format);
    arena_done(&a);
}

/* ---- for programs ---- */

static json_t *means_json(const struct loop *l, const char *which)
{
    json_t *out = json_object();
    const json_t *stream;
    size_t i;
    json_array_foreach(json_object_get(l->watch, "streams"), i, stream)
    {
        const json_t *mean = json_object_get(json_object_get(stream, which), "mean");
        const char *name = json_string_value(json_object_get(stream, "metric"));
        if (name && json_is_number(mean)) json_object_set(out, name, (json_t *)(uintptr_t)mean);
    }
    return out;
}

static json_t *tracks_json(const struct loop *l, const json_t *challenger)
{
    json_t *out = json_array();
    const json_t *track;
    size_t i;
    struct rollout_track t;
    json_array_foreach(json_object_get(challenger, "metrics"), i, track)
    {
        if (rollout_track(&l->v, track, &t))
            json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:s}", "what", t.name, "by", t.by, "interval",
                                                 t.interval, "word", t.word));
    }
    return out;
}

/* Who is tried: what it is, and how it does beside the champion, in words. */
static json_t *tried_json(const struct loop *l)
{
    json_t *out = json_array();
    const json_t *c, *variants = json_object_get(l->v.x, "variants");
    size_t i;
    json_array_foreach(json_object_get(l->v.x, "challengers"), i, c)
    {
        const char *variant = rollout_text(&l->v, c, "variant");
        json_array_append_new(out, json_pack("{s:s, s:s, s:b, s:o}", "variant", variant, "what",
                                             rollout_configuration(&l->v, json_object_get(variants, variant)),
                                             "dropped", rollout_is_dropped(c), "beside", tracks_json(l, c)));
    }
    return out;
}

static json_t *matters_json(const struct loop *l)
{
    struct rollout_matter all[ROLLOUT_MATTERS_MAX];
    size_t n = rollout_matters(&l->v, all);
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:s}", "level", health_level_name(all[i].level), "what",
                                             all[i].what, "sentence", all[i].sentence, "action", all[i].action));
    return out;
}

static json_t *events_json(const struct loop *l, const json_t *events)
{
    json_t *out = json_array();
    const json_t *event;
    size_t i;
    json_array_foreach(events, i, event)
    {
        json_t *one = json_copy((json_t *)(uintptr_t)event);
        json_object_set_new(one, "text", json_string(report_rollout_event(event, l->v.a)));
        json_array_append_new(out, one);
    }
    return out;
}

static void put_facts(const struct loop *l, json_t *out)
{
    static const char *const kept[] = {"rollout", "study", "version", "champion", "since_ms", "now_ms", "killed"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        json_t *value = json_object_get(l->v.status, kept[i]);
        if (value) json_object_set(out, kept[i], value);
    }
    json_object_set_new(out, "usual", means_json(l, "usual"));
    json_object_set_new(out, "lately", means_json(l, "lately"));
    json_object_set_new(out, "phase", l->phase == UNWATCHED ? json_null() : json_string(phases[l->phase]));
    json_object_set_new(out, "asked", json_boolean(asks(l)));
    json_object_set_new(out, "alarm", json_number(share_of_alarm(l)));
    json_object_set_new(out, "experiment", l->v.x ? json_incref((json_t *)(uintptr_t)l->v.x) : json_null());
}

static void put_words(const struct loop *l, json_t *out)
{
    json_object_set_new(out, "live", json_string(rollout_configuration(&l->v, json_object_get(l->v.status, "champion"))));
    json_object_set_new(out, "verdict", json_string(rollout_word(&l->v)));
    json_object_set_new(out, "headline", json_string(rollout_headline(&l->v)));
    json_object_set_new(out, "state", json_string(l->v.x ? rollout_state(&l->v) : ""));
    json_object_set_new(out, "drift", json_string(drift(l)));
    json_object_set_new(out, "next", json_string(next(l)));
    json_object_set_new(out, "tried", tried_json(l));
    json_object_set_new(out, "matters", matters_json(l));
}

json_t *loop_json(const struct loop_facts *f)
{
    struct arena a = {0};
    struct loop l = loop_of(f, &a);
    json_t *out = json_object();
    put_facts(&l, out);
    put_words(&l, out);
    json_object_set_new(out, "events", events_json(&l, f->events));
    arena_done(&a);
    return out;
}
