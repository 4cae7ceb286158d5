/* Is a study all right: what to do first, what is fine in one line, and when it will end. */
#include "tuner/report/report.h"

#include "tuner/report/screen.h"

#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include <math.h>
#include <string.h>

enum { FIRST_LOOK_MS = 30 * 60000 };

/* ---- the end ---- */

/* "03:40", on another day "Tue 03:40", in more than six days "2026-12-08". */
const char *report_soon(double ms, double now, struct arena *a)
{
    bool same = strcmp(report_moment(ms, "%F", a), report_moment(now, "%F", a)) == 0;
    return report_moment(ms, same ? "%H:%M" : ms - now < 6 * 86400e3 ? "%a %H:%M" : "%Y-%m-%d", a);
}

static const char *amount(double v, struct arena *a)
{
    char text[40];
    return arena_strdup(a, words_show_count(v, text, sizeof text));
}

static void show_forecast(FILE *out, const struct end_forecast *f, const char *unit)
{
    struct arena a = {0};
    double now = (double)clock_wall_ms(clock_real());
    if (!f->known) return;
    fprintf(out, "  ends about %s (90 %%: %s to %s)", report_soon(f->end_ms.median, now, &a),
            report_soon(f->end_ms.low, now, &a), report_soon(f->end_ms.high, now, &a));
    if (isfinite(f->tokens.median))
        fprintf(out, ", with %s %s in all (%s to %s)", amount(f->tokens.median, &a), unit, amount(f->tokens.low, &a),
                amount(f->tokens.high, &a));
    if (isfinite(f->on_time))
        fprintf(out, "; %.0f %% to make %s", floor(100 * f->on_time), report_soon((double)f->deadline_ms, now, &a));
    fputc('\n', out);
    arena_done(&a);
}

/* ---- checks ---- */

static void show_findings(FILE *out, const struct health *h, enum health_level level)
{
    struct screen screen = screen_of(out);
    for (size_t i = 0; i < h->n; i++) {
        const struct finding *f = &h->finding[i];
        struct arena a = {0};
        if (f->level == level)
            fprintf(out, "  %s%s, %s: %s\n      → %s\n", screen_level(&screen, level, &a), health_level_name(level),
                    health_check_name(f->check), plain_shown(&a, f->sentence), plain_shown(&a, f->action));
        arena_done(&a);
    }
}

/* "fine: work, failures, budget" */
static void show_names(FILE *out, const struct health *h, enum health_level level, const char *word)
{
    struct screen screen = screen_of(out);
    struct arena a = {0};
    const char *names = "";
    size_t column = strlen(word) + 4;
    for (size_t i = 0; i < h->n; i++) {
        if (h->finding[i].level != level) continue;
        const char *name = health_check_name(h->finding[i].check), *between = *names ? ", " : "";
        column += strlen(between) + strlen(name);
        if (column >= SCREEN_COLUMNS) between = ",\n      ", column = 6 + strlen(name);
        names = arena_printf(&a, "%s%s%s", names, between, name);
    }
    if (*names) fprintf(out, "  %s%s: %s\n", screen_level(&screen, level, &a), word, names);
    arena_done(&a);
}

/* In the first half hour all that is known, and what comes yet. */
static void show_first_look(FILE *out, const struct health *h)
{
    struct screen screen = screen_of(out);
    for (size_t i = 0; i < h->n; i++) {
        const struct finding *f = &h->finding[i];
        struct arena a = {0};
        if (health_check_is_early(f->check) && (f->level == HEALTH_FINE || f->level == HEALTH_LATER))
            fprintf(out, "  %s%s: %s\n", screen_level(&screen, f->level, &a), health_check_name(f->check),
                    plain_shown(&a, f->sentence));
        arena_done(&a);
    }
}

void report_health(FILE *out, const struct health *h, const struct objective *o, bool going)
{
    bool first_look = going && h->run_ms < FIRST_LOOK_MS;
    if (going) show_forecast(out, &h->forecast, objective_cost_name(o));
    fprintf(out, "health: %s%s\n", health_level_name(h->level), first_look ? ", as far as a first look goes" : "");
    show_findings(out, h, HEALTH_WRONG);
    show_findings(out, h, HEALTH_LOOK);
    if (first_look)
        show_first_look(out, h);
    else
        show_names(out, h, HEALTH_FINE, "fine");
    if (!first_look && going) show_names(out, h, HEALTH_LATER, "not known yet");
}
