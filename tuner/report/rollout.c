/* Where a rollout stands: the judgement first, then where it is, its difference, what is wrong, what happens next; a list
 * of them, and what has happened. */
#include "tuner/report/report.h"

#include "tuner/report/grid.h"
#include "tuner/report/rollout_course.h"
#include "tuner/report/screen.h"
#include "tuner/report/unicode.h"

#include "tuner/base/plain.h"
#include "tuner/base/width.h"
#include "tuner/base/words.h"

#include <math.h>
#include <string.h>

enum { COURSE_ROWS = 26 };

/* ---- challengers ---- */

/* At most `width` columns, the rest cut. */
static const char *cell(const struct rollout_view *v, const char *text, size_t width, bool right)
{
    return width_cell(v->a, text, width, right);
}

static void show_track(FILE *out, const struct rollout_view *v, const json_t *track)
{
    struct rollout_track t;
    if (!rollout_track(v, track, &t)) return;
    fprintf(out, "    %s  %s  %s  %s\n", cell(v, t.name, 20, false), cell(v, t.by, 14, true),
            cell(v, t.interval, 20, false), t.word);
}

static void show_challenger(FILE *out, const struct rollout_view *v, const json_t *c)
{
    const json_t *units = json_object_get(c, "units"), *track;
    const char *variant = rollout_text(v, c, "variant"), *means = rollout_means(v, c, "champion");
    double own = fmax(json_number_read(json_array_get(units, 1)), 0), pairs = rollout_whole(c, "pairs");
    size_t i;
    const char *dropped = rollout_is_dropped(c) ? ", taken back" : "";
    if (own == 0 && pairs > 0)
        fprintf(out, "  %s in the shadow of the champion (%.0f units)%s:\n", variant, pairs, dropped);
    else
        fprintf(out, "  %s beside the champion (%.0f and %.0f units)%s:\n", variant, own,
                fmax(json_number_read(json_array_get(units, 0)), 0), dropped);
    json_array_foreach(json_object_get(c, "metrics"), i, track) show_track(out, v, track);
    if (*means) fprintf(out, "    champion: %s; %s: %s\n", means, variant, rollout_means(v, c, "challenger"));
}

static void show_challengers(FILE *out, const struct rollout_view *v)
{
    const json_t *c;
    size_t i;
    json_array_foreach(json_object_get(v->x, "challengers"), i, c)
    {
        if (*rollout_differences(v, c, false)) show_challenger(out, v, c);
    }
}

/* ---- what came in ---- */

/* ", 12 repeated"; "": none */
static const char *some(const struct rollout_view *v, const char *key, const char *word)
{
    double n = rollout_whole(json_object_get(v->x, "counts"), key);
    return n > 0 ? arena_printf(v->a, ", %.0f %s", n, word) : "";
}

static void show_units(FILE *out, const struct rollout_view *v)
{
    double waiting = rollout_waiting(v);
    fprintf(out, "  units: %.0f scored", rollout_whole(json_object_get(v->x, "counts"), "scored"));
    if (waiting > 0) fprintf(out, ", %.0f within their window", waiting);
    fprintf(out, "%s\n", some(v, "spanned", "not scored, since the shares changed within their window"));
}

static void show_outcomes(FILE *out, const struct rollout_view *v)
{
    char span[40];
    double taken = rollout_whole(json_object_get(v->x, "counts"), "taken"),
           ago = json_number_at(v->status, "now_ms") - json_number_at(v->x, "heard_ms");
    fprintf(out, "  outcomes: %.0f taken", taken);
    if (taken > 0 && ago >= 0 && rollout_is_open(v))
        fprintf(out, " (the last %s ago)", words_show_duration((int64_t)ago, span, sizeof span));
    fprintf(out, "%s%s%s%s%s\n", some(v, "repeated", "repeated"), some(v, "late", "late"),
            some(v, "left_out", "not counted"), some(v, "refused", "refused"), some(v, "moved", "of units that moved"));
}

/* "em, tokens"; "": none */
static const char *guarded(const struct rollout_view *v, bool broken)
{
    const char *all = "";
    const json_t *track;
    size_t i;
    json_array_foreach(json_object_get(v->lead, "metrics"), i, track)
    {
        const json_t *is = json_object_get(track, "broken");
        const char *name = rollout_text(v, track, "metric");
        if (json_is_boolean(is) && json_is_true(is) == broken)
            all = arena_printf(v->a, "%s%s%s", all, *all ? ", " : "", name);
    }
    return all;
}

static void show_guards(FILE *out, const struct rollout_view *v)
{
    const char *hold = guarded(v, false), *broken = guarded(v, true);
    if (!*hold && !*broken) return;
    fprintf(out, "  guards: %s%s%s%s%s\n", hold, *hold ? " hold" : "", *hold && *broken ? "; " : "", broken,
            *broken ? " broken" : "");
}

/* ---- the rest ---- */

static void show_matters(FILE *out, const struct rollout_view *v)
{
    struct screen screen = screen_of(out);
    struct rollout_matter all[ROLLOUT_MATTERS_MAX];
    size_t n = rollout_matters(v, all);
    for (size_t i = 0; i < n; i++)
        fprintf(out, "  %s%s, %s: %s\n      → %s\n", screen_level(&screen, all[i].level, v->a),
                health_level_name(all[i].level), all[i].what, all[i].sentence, all[i].action);
}

static void show_served(FILE *out, const struct rollout_view *v)
{
    char when[40];
    const json_t *variants = json_object_get(v->x, "variants"), *one;
    const char *name;
    fprintf(out, "  serves %s since %s\n", rollout_configuration(v, json_object_get(v->status, "champion")),
            report_time((int64_t)json_number_at(v->status, "since_ms"), when, sizeof when));
    if (!rollout_is_open(v)) return;
    json_object_foreach((json_t *)variants, name, one)
    {
        if (strcmp(name, "champion") != 0)
            fprintf(out, "  %s: %s\n", plain_shown(v->a, name), rollout_configuration(v, one));
    }
}

static const char *mark_of(const struct rollout_view *v, const struct screen *screen)
{
    struct rollout_matter all[ROLLOUT_MATTERS_MAX];
    size_t n = rollout_matters(v, all);
    enum health_level worst = HEALTH_FINE;
    for (size_t i = 0; i < n; i++) worst = all[i].level > worst ? all[i].level : worst;
    return screen_level(screen, worst, v->a);
}

void report_rollout_head(FILE *out, const json_t *status, const char *where)
{
    struct arena a = {0};
    struct rollout_view v = rollout_view(status, where, &a);
    struct screen screen = screen_of(out);
    fprintf(out, "%srollout %s: %s\n", mark_of(&v, &screen), v.name, rollout_headline(&v));
    fprintf(out, "  next: %s\n", report_next(&v));
    arena_done(&a);
}

void report_rollout(FILE *out, const json_t *status, const char *where)
{
    struct arena a = {0};
    struct rollout_view v = rollout_view(status, where, &a);
    struct screen screen = screen_of(out);
    fprintf(out, "%srollout %s: %s\n", mark_of(&v, &screen), v.name, rollout_headline(&v));
    show_matters(out, &v);
    fprintf(out, "  %s\n  next: %s\n", rollout_state(&v), report_next(&v));
    if (v.x) {
        fprintf(out, "  it is to show: %s\n", rollout_aims(&v));
        show_challengers(out, &v);
        show_guards(out, &v);
        show_units(out, &v);
        show_outcomes(out, &v);
    }
    if (*rollout_watch(&v)) fprintf(out, "  watch: %s\n", rollout_watch(&v));
    show_served(out, &v);
    arena_done(&a);
}

void report_rollout_course(FILE *out, const json_t *status, const json_t *course)
{
    struct arena a = {0};
    struct rollout_view v = rollout_view(status, "", &a);
    struct screen screen = screen_of(out);
    struct chart chart;
    const json_t *c;
    size_t i;
    json_array_foreach(json_object_get(v.x, "challengers"), i, c)
    {
        if (rollout_is_dropped(c) || !rollout_course(&v, c, course, ROLLOUT_COURSE_BRIEF, &chart)) continue;
        fputc('\n', out);
        unicode_write(out, &chart, &screen, &(struct unicode_wish){.rows = COURSE_ROWS});
    }
    arena_done(&a);
}

/* ---- a list ---- */

void report_rollouts(FILE *out, const json_t *list)
{
    struct screen screen = screen_of(out);
    struct grid g = {.n_columns = 0};
    const json_t *status;
    size_t i;
    grid_column(&g, "rollout", false, 9);
    grid_column(&g, "phase", false, 7);
    grid_column(&g, "share", true, 5);
    grid_column(&g, "verdict", false, 8);
    grid_column(&g, "units", true, 4);
    grid_column(&g, "beside the champion", false, 6);
    json_array_foreach(list, i, status)
    {
        struct rollout_view v = rollout_view(status, "", &g.arena);
        struct grid_cell *row = grid_row(&g);
        row[0] = (struct grid_cell){.mark = mark_of(&v, &screen), .text = v.name};
        row[1].text = rollout_text(&v, v.x, "phase");
        row[2].text = v.phase == ROLLOUT_RUNNING ? rollout_percent(&v, rollout_whole(v.x, "share")) : "";
        row[3].text = v.killed || v.phase == ROLLOUT_LEARNING ? rollout_word(&v) : v.x ? rollout_verdict(&v) : "";
        row[4].text = arena_printf(&g.arena, "%.0f", rollout_whole(json_object_get(v.x, "counts"), "scored"));
        row[5].text = rollout_differences(&v, v.lead, false);
    }
    if (json_array_size(list) == 0)
        fputs("no rollout yet; 'nocturne rollout start STUDY' begins one\n", out);
    else
        grid_print(out, &g, &screen);
    grid_done(&g);
}

/* ---- what has happened ---- */

/* "em 0.61, tokens 120 on 5871 items", of a champion that was run again. */
static const char *measured(const struct rollout_view *v, const json_t *event)
{
    const char *name, *all = "";
    double items = rollout_whole(event, "items");
    char text[40];
    json_t *value;
    json_object_foreach(json_object_get(event, "metrics"), name, value)
    {
        const struct metric m = {.name = name};
        all = arena_printf(v->a, "%s%s%s %s", all, *all ? ", " : "", plain_shown(v->a, name),
                           metric_show(&m, json_number_read(value), text, sizeof text));
    }
    return *all && items > 1 ? arena_printf(v->a, "%s on %.0f items", all, items) : all;
}

static const char *happened(const json_t *event, struct arena *a)
{
    const struct rollout_view v = {.a = a};
    const json_t *share = json_object_get(event, "share");
    const char *variant = rollout_text(&v, event, "variant"), *why = rollout_text(&v, event, "why"),
               *by = rollout_text(&v, event, "by"), *all = "";
    if (*variant) all = variant;
    if (json_is_object(json_object_get(event, "metrics"))) all = measured(&v, event);
    if (json_is_number(share)) all = arena_printf(a, "to %s", rollout_percent(&v, json_number_value(share)));
    if (*why) all = arena_printf(a, "%s%s%s", all, *all ? ": " : "", why);
    if (!*by || strcmp(by, "nocturne") == 0) return all;
    return arena_printf(a, "%s%sby %s", all, *all ? ", " : "", by);
}

const char *report_rollout_event(const json_t *event, struct arena *a)
{
    const struct rollout_view v = {.a = a};
    const char *kind = rollout_text(&v, event, "kind"), *what = happened(event, a);
    return *what ? arena_printf(a, "%s: %s", kind, what) : kind;
}

void report_rollout_events(FILE *out, const json_t *events)
{
    const json_t *event;
    size_t i;
    char when[40];
    json_array_foreach(events, i, event)
    {
        struct arena a = {0};
        const struct rollout_view v = {.a = &a};
        fprintf(out, "%7.0f  %s  %3.0f  %-11s  %s\n", rollout_whole(event, "seq"),
                report_time((int64_t)json_number_at(event, "at_ms"), when, sizeof when),
                rollout_whole(event, "experiment"), rollout_text(&v, event, "kind"), happened(event, &a));
        arena_done(&a);
    }
}
