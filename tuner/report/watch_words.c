/* What is said of a watched study in words: whether it is alive, what it has found, what it spends, what is wrong. */
#include "tuner/report/watch_parts.h"

#include "tuner/report/morning_parts.h"
#include "tuner/report/figure_study.h"
#include "tuner/report/report.h"

#include "tuner/base/plain.h"
#include "tuner/base/width.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *duration(int64_t ms, struct arena *a)
{
    char text[40];
    return arena_strdup(a, words_show_duration(ms, text, sizeof text));
}

/* ---- the head ---- */

const char *watch_sign_text(const struct watch_link *link, int64_t now_ms, const struct frame *f)
{
    const char *now = report_moment((double)now_ms, "%H:%M:%S", f->arena), *text;
    switch (link->sign) {
    case WATCH_LIVE: return arena_printf(f->arena, "%s  live", frame_styled(f, FRAME_QUIET, now));
    case WATCH_BEHIND:
        text = arena_printf(f->arena, "behind %s", duration(now_ms - link->since_ms, f->arena));
        return frame_styled(f, FRAME_REVERSED, text);
    case WATCH_LOST:
        text = arena_printf(f->arena, "lost since %s, trying again",
                            report_moment((double)link->since_ms, "%H:%M", f->arena));
        return frame_styled(f, FRAME_REVERSED, text);
    }
    return "";
}

static bool is_confirming(const struct memory *s)
{
    for (size_t i = 0; i < s->n_open; i++)
        if (s->open[i]->role == ROLE_CONFIRM) return true;
    return false;
}

static const char *phase_text(const struct watch_facts *x)
{
    const struct memory *s = x->memory;
    if (s->phase == STUDY_PAUSED) return "paused";
    if (x->running) return is_confirming(s) ? "confirming" : "searching";
    return s->phase == STUDY_OPEN ? "not running" : study_phase_name(s->phase);
}

/* " · 22 complete, 2 failed, 3 running"; what ran when nobody is at it any more is "cut off". */
static const char *states_text(const struct watch_facts *x, struct arena *a)
{
    const char *all = "";
    for (int i = 0; i < TRIAL_STATES; i++) {
        size_t n = memory_count(x->memory, (enum trial_state)i);
        bool runs = i == TRIAL_RUNNING || i == TRIAL_LEASED;
        const char *name = i == TRIAL_PRUNED     ? "stopped early"
                           : runs && !x->running ? "cut off"
                                                 : trial_state_name((enum trial_state)i);
        if (n && i != TRIAL_CANCELLED) all = arena_printf(a, "%s%s%zu %s", all, *all ? ", " : " · ", n, name);
    }
    return all;
}

void watch_head(const struct watch_facts *x, struct frame *f)
{
    const struct memory *s = x->memory;
    const char *name = frame_styled(f, FRAME_BOLD, plain_shown(f->arena, s->study->name));
    frame_split(f, arena_printf(f->arena, "%s: %s%s", name, phase_text(x), states_text(x, f->arena)),
                watch_sign_text(&x->link, clock_wall_ms(s->clock), f));
}

/* It has not come to its end, and nobody is at it: the notice says so. */
static bool is_left(const struct watch_facts *x)
{
    return !x->running && (x->memory->phase == STUDY_OPEN || x->memory->phase == STUDY_STOPPED);
}

void watch_notice(const struct watch_facts *x, struct frame *f)
{
    const struct memory *s = x->memory;
    if (x->link.sign != WATCH_LIVE && x->link.why)
        frame_say(f, screen_level(f->screen, HEALTH_WRONG, f->arena), plain_shown(f->arena, x->link.why), FRAME_PLAIN,
                  2);
    if (is_left(x))
        frame_say(f, screen_level(f->screen, HEALTH_LOOK, f->arena),
                  arena_printf(f->arena, "%s; go on with: nocturne resume %s%s",
                               s->phase == STUDY_OPEN ? "not running" : "it was stopped", s->study->name, x->where),
                  FRAME_BOLD, 2);
    if (s->note) frame_say(f, "", arena_printf(f->arena, "note: %s", plain_shown(f->arena, s->note)), FRAME_PLAIN, 2);
}

/* ---- the verdict ---- */

/* Without the marks of a story. */
static const char *plainly(const char *text, struct arena *a)
{
    char *out = arena_strdup(a, text), *end = out;
    for (const char *at = text; *at; at++)
        if (!strchr(STORY_STRONG STORY_CODE STORY_PLAIN, *at)) *end++ = *at;
    *end = 0;
    return plain_shown(a, out);
}

/* "em 0.6012 (+2.1 points), tokens 379k (−59 %)", beside what the verdict is about, if there is such. */
static const char *figures(const struct morning *m, const struct comparison_row *row, const struct verdict *v)
{
    const char *all = "";
    for (size_t i = 0; i < m->o->n_metrics; i++) {
        if (!objective_uses(m->o, i) || !isfinite(row->mean[i])) continue;
        const struct metric *x = &m->o->metric[i];
        const struct difference *d = v && isfinite(v->apart[i].by) ? &v->apart[i] : NULL;
        all = arena_printf(m->a, "%s%s%s %s", all, *all ? ", " : "", x->name, morning_metric(m, i, row->mean[i]));
        if (d)
            all =
                arena_printf(m->a, "%s (%s%s)", all, report_change(x, d->ratio, d->by, m->a), report_unit(x, d->ratio));
    }
    return all;
}

static const char *seeds_text(const struct morning *m, const struct comparison_row *row)
{
    if (row->seeds == 0) return "measured once, not confirmed";
    return arena_printf(m->a, "on %zu fresh seed%s%s", row->seeds, words_s(row->seeds), row->n_against ? " each" : "");
}

static const char *nothing_yet(const struct memory *s, struct arena *a)
{
    size_t complete = memory_count(s, TRIAL_COMPLETE), failed = memory_count(s, TRIAL_FAILED);
    if (complete) return figure_no_winner(s, complete, a);
    if (failed) return arena_printf(a, "No result yet; %zu of %zu trial%s failed", failed, s->n, words_s(s->n));
    return memory_in_flight(s) ? "No result yet: the first trials run" : "No result yet: nothing has run to its end";
}

/* "A trade" */
static const char *said_first(const char *word, struct arena *a)
{
    char *text = arena_strdup(a, word);
    if (*text >= 'a' && *text <= 'z') *text -= 'a' - 'A';
    return text;
}

static const char *verdict_of_row(const struct morning *m, const struct comparison_row *row)
{
    const struct verdict *v = morning_deciding(row);
    if (row->baseline || row->label)
        return arena_printf(m->a, "Nothing that was tried is better than %s so far: %s; %s", morning_who(m, row),
                            figures(m, row, NULL), seeds_text(m, row));
    if (v && row->seeds > 0)
        return arena_printf(m->a, "%s: trial %ld, beside %s, %s; %s", said_first(report_verdict(row->verdict), m->a),
                            row->trial, v->reference, morning_beside(m, v), seeds_text(m, row));
    return arena_printf(m->a, "Trial %ld is the best so far: %s%s%s; %s", row->trial, figures(m, row, v),
                        v ? " beside " : "", v ? v->reference : "", seeds_text(m, row));
}

void watch_verdict(const struct watch_facts *x, const struct watch_room *room, struct frame *f)
{
    const struct memory *s = x->memory;
    const struct document *d = x->document;
    const struct comparison_row *row = d ? d->comparison.winner : NULL;
    const struct morning m = {.s = s, .o = &s->study->objective, .d = d ? *d : (struct document){0}, .a = f->arena};
    if (!d) return;
    if (s->phase == STUDY_FAILED && s->failure)
        frame_say(f, screen_level(f->screen, HEALTH_WRONG, f->arena), plain_shown(f->arena, s->failure), FRAME_PLAIN,
                  room->verdict);
    if (!row) {
        frame_say(f, "", nothing_yet(s, f->arena), FRAME_PLAIN, room->verdict);
        return;
    }
    frame_say(f, screen_sign(f->screen, row->baseline ? SIGN_BASELINE : SIGN_BEST, f->arena),
              plainly(verdict_of_row(&m, row), f->arena), FRAME_PLAIN, room->verdict);
    if (row->caution)
        frame_say(f, screen_level(f->screen, HEALTH_LOOK, f->arena), plain_shown(f->arena, row->caution), FRAME_PLAIN,
                  room->verdict);
    if (!row->baseline)
        frame_say(
            f, "  ",
            plain_shown(f->arena, report_config_apart(&s->study->space, row->config, s->study->baseline, f->arena)),
            FRAME_QUIET, room->config);
}

/* ---- budgets ---- */

static const char *amount(const struct ledger_entry *e, double v, struct arena *a)
{
    char text[40];
    switch (e->unit) {
    case UNIT_TRIALS: return arena_printf(a, "%.0f", v);
    case UNIT_TOKENS: return arena_strdup(a, words_show_count(v, text, sizeof text));
    case UNIT_COST: return arena_printf(a, fabs(v) < 1e7 ? "%.2f" : "%.4g", v);
    case UNIT_MS: return duration((int64_t)v, a);
    }
    return "";
}

static const char *bar(double share, size_t columns, struct arena *a)
{
    char *out = arena_alloc(a, 3 * columns + 1), *end = out;
    size_t full = share > 0 ? (size_t)(fmin(share, 1) * (double)columns + 0.5) : 0;
    for (size_t i = 0; i < columns; i++) end = stpcpy(end, i < full ? "█" : "░");
    return out;
}

/* "61M of 200M, 12M reserved; about 130M in all"; what runs is left out first where that is too wide. */
static const char *budget_text(const struct watch_facts *x, const struct ledger_entry *e, size_t columns,
                               struct arena *a)
{
    const struct plan_interval *end = x->health && x->health->forecast.known ? &x->health->forecast.tokens : NULL;
    const char *of = arena_printf(a, "%s of %s", amount(e, e->spent, a), amount(e, e->limit, a)), *held = "",
               *then = "";
    if (!x->running) return of;
    if (e->reserved > 0)
        held = arena_printf(a, ", %s %s", amount(e, e->reserved, a), e->unit == UNIT_TRIALS ? "running" : "reserved");
    if (e->unit == UNIT_TOKENS && end && isfinite(end->median))
        then = arena_printf(a, "; about %s in all", amount(e, end->median, a));
    const char *all = arena_printf(a, "%s%s%s", of, held, then);
    return frame_width(all) <= columns ? all : arena_printf(a, "%s%s", of, then);
}

static void add_budget(const struct watch_facts *x, const struct ledger_entry *e, struct frame *f)
{
    struct arena *a = f->arena;
    size_t wide = f->columns / 5 < 40 ? f->columns / 5 : 40, left = f->columns > wide + 9 ? f->columns - wide - 9 : 0;
    frame_add(f, arena_printf(a, "%s %s %s", frame_cell(f, e->name, 7),
                              bar(e->limit > 0 ? e->spent / e->limit : 0, wide, a), budget_text(x, e, left, a)));
}

/* "ends about 03:40 (90 %: 03:31 to 04:02); 97 % to make 07:00" */
static const char *forecast_text(const struct end_forecast *e, double now, struct arena *a)
{
    if (!e->known) return "when it will end is not known yet";
    const char *text = arena_printf(a, "ends about %s (90 %%: %s to %s)", report_soon(e->end_ms.median, now, a),
                                    report_soon(e->end_ms.low, now, a), report_soon(e->end_ms.high, now, a));
    if (!isfinite(e->on_time)) return text;
    return arena_printf(a, "%s; %.0f %% to make %s", text, floor(100 * e->on_time),
                        report_soon((double)e->deadline_ms, now, a));
}

void watch_budgets(const struct watch_facts *x, const struct watch_room *room, struct frame *f)
{
    struct ledger_entry entry[LEDGER_ENTRIES_MAX];
    size_t n = ledger_entries(x->memory, entry);
    if (x->running && x->health)
        frame_say(f, "", forecast_text(&x->health->forecast, (double)clock_wall_ms(x->memory->clock), f->arena),
                  x->health->forecast.known ? FRAME_PLAIN : FRAME_QUIET, room->forecast);
    for (size_t i = 0, shown = 0; i < n && shown < room->budgets; i++)
        if (x->running || entry[i].unit != UNIT_MS) add_budget(x, &entry[i], f), shown++;
}

/* ---- health ---- */

static void add_finding(const struct finding *x, size_t lines, struct frame *f)
{
    struct arena *a = f->arena;
    const char *text = arena_printf(a, "%s, %s: %s", health_level_name(x->level), health_check_name(x->check),
                                    plain_shown(a, x->sentence));
    frame_say(f, screen_level(f->screen, x->level, a), text, x->level == HEALTH_WRONG ? FRAME_BOLD : FRAME_PLAIN,
              lines);
    if (x->action) frame_say(f, "  → ", plain_shown(a, x->action), FRAME_PLAIN, lines > 1 ? lines : 1);
}

/* By the notice. */
static bool is_told(const struct watch_facts *x, const struct finding *finding)
{
    return finding->check == HEALTH_WORK && is_left(x);
}

/* Those that there is room for; of others the names: "look as well: bounds, model". Returns how many are shown. */
static size_t add_findings(const struct watch_facts *x, enum health_level level, const struct watch_room *room,
                           size_t shown, struct frame *f)
{
    const struct health *h = x->health;
    const char *names = "";
    for (size_t i = 0; i < h->n; i++) {
        if (h->finding[i].level != level || is_told(x, &h->finding[i])) continue;
        if (level > HEALTH_FINE && shown < room->findings)
            add_finding(&h->finding[i], room->finding, f), shown++;
        else
            names = arena_printf(f->arena, "%s%s%s", names, *names ? ", " : "", health_check_name(h->finding[i].check));
    }
    const char *word = arena_printf(f->arena, level > HEALTH_FINE ? "%s as well" : "%s", health_level_name(level));
    if (*names) frame_add(f, arena_printf(f->arena, "%s%s: %s", screen_level(f->screen, level, f->arena), word, names));
    return shown;
}

void watch_health(const struct watch_facts *x, const struct watch_room *room, struct frame *f)
{
    if (!x->health) {
        frame_add(f, frame_styled(f, FRAME_QUIET, "its health is being looked at"));
        return;
    }
    size_t shown = add_findings(x, HEALTH_WRONG, room, 0, f);
    shown = add_findings(x, HEALTH_LOOK, room, shown, f);
    if (shown == 0 || room->findings > 1) add_findings(x, HEALTH_FINE, room, shown, f);
}
