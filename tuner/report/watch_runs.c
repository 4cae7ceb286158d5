/* The running trials of a watched study, a line each, and one of them with what it prints. */
#include "tuner/report/watch_runs.h"

#include "tuner/report/watch_parts.h"

#include "tuner/report/text.h"

#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- which ---- */

static int by_number(const void *a, const void *b)
{
    const struct trial *x = *(const struct trial *const *)a, *y = *(const struct trial *const *)b;
    return (x->number > y->number) - (x->number < y->number);
}

/* What makes it another configuration than the baseline, or than its own where it confirms one. */
static const char *config_text(const struct memory *s, const struct trial *t, struct arena *a)
{
    const char *apart = t->outside ? "" : report_config_apart(&s->study->space, t->config, s->study->baseline, a);
    if (t->confirms >= 0) return arena_printf(a, "fresh seed of trial %ld", t->confirms);
    if (t->role == ROLE_BASELINE) return "the baseline";
    return plain_shown(a, *apart ? apart : "the baseline's configuration");
}

static bool lets_through(const char *filter, const struct memory *s, const struct trial *t)
{
    struct arena a = {0};
    const char *text = *filter ? arena_printf(&a, "trial %ld %s", t->number, config_text(s, t, &a)) : "";
    bool through = !*filter || strcasestr(text, filter);
    arena_done(&a);
    return through;
}

size_t watch_running(const struct memory *s, const char *filter, struct arena *a, const struct trial *const **ret)
{
    const struct trial **all = arena_array(a, s->n_open + 1, sizeof *all);
    size_t n = 0;
    for (size_t i = 0; i < s->n_open; i++) {
        const struct trial *t = s->open[i];
        if ((t->state == TRIAL_RUNNING || t->state == TRIAL_LEASED) && lets_through(filter, s, t)) all[n++] = t;
    }
    qsort(all, n, sizeof *all, by_number);
    *ret = all;
    return n;
}

/* ---- a line ---- */

struct run_cells {
    const char *mark, *name, *config, *facts, *brief, *time, *said; /* brief: as facts, shorter */
    enum frame_style style;                                         /* of `said` */
};

static const char *duration(int64_t ms, struct arena *a)
{
    char text[40];
    return arena_strdup(a, words_show_duration(ms > 0 ? ms : 0, text, sizeof text));
}

/* "step 14  em 0.5512  tokens 120k" */
static const char *facts_text(const struct memory *s, const struct trial *t, struct arena *a)
{
    const struct objective *o = &s->study->objective;
    const char *all = t->attempt.reports ? arena_printf(a, "step %ld", t->attempt.step) : "";
    char buf[64];
    for (size_t i = 0; t->attempt.reports && i < o->n_metrics; i++)
        if (isfinite(t->attempt.last[i]) && objective_uses(o, i))
            all = arena_printf(a, "%s  %s %s", all, plain_shown(a, o->metric[i].name),
                               report_metric(&o->metric[i], t->attempt.last[i], buf, sizeof buf));
    return all;
}

/* "2m 10s of ≤ 5m": by the upper end of what it may need; beyond that, "6m, over 5m". */
static const char *time_text(const struct memory *s, const struct trial *t, struct arena *a)
{
    int64_t ms = clock_wall_ms(s->clock) - t->attempt.began_ms;
    const char *took = duration(ms, a);
    if (!(t->need.ms > 0)) return took;
    return arena_printf(a, "%s%s%s", took, (double)ms > t->need.ms ? ", over " : " of ≤ ",
                        duration((int64_t)t->need.ms, a));
}

static const char *said_text(const struct watch_facts *x, const struct trial *t, struct arena *a)
{
    const struct memory *s = x->memory;
    if (!x->running) return "cut off";
    const char *silent = duration(memory_silent_ms(s, t), a);
    if (run_check_is_stalled(s, t)) return arena_printf(a, "stalled: silent %s", silent);
    if (t->state == TRIAL_LEASED) return "starting";
    if (!t->attempt.reports) return "no report yet";
    return memory_silent_ms(s, t) < 1000 ? "just now" : arena_printf(a, "%s ago", silent);
}

static struct run_cells cells_of(const struct watch_facts *x, const struct trial *t, const struct frame *f)
{
    const struct memory *s = x->memory;
    struct arena *a = f->arena;
    bool stalled = x->running && run_check_is_stalled(s, t);
    const char *stage = t->attempt.stage < 0 ? "" : s->study->pipeline.stage[t->attempt.stage].name;
    return (struct run_cells){
        .mark = stalled && f->screen->marks ? frame_styled(f, FRAME_MARK, f->screen->unicode ? "‖ " : "= ")
                                            : screen_state(f->screen, t->state, a),
        .name = arena_printf(a, "trial %ld%s%s", t->number, *stage ? " " : "", plain_shown(a, stage)),
        .config = config_text(s, t, a),
        .facts = facts_text(s, t, a),
        .brief = t->attempt.reports ? arena_printf(a, "step %ld", t->attempt.step) : "",
        .time = x->running ? time_text(s, t, a) : "",
        .said = said_text(x, t, a),
        .style = stalled ? FRAME_BOLD : FRAME_QUIET};
}

/* ---- the table ---- */

struct run_widths {
    size_t name, config, facts, time, said; /* 0: left out */
};

static size_t wider(size_t before, const char *text)
{
    size_t w = frame_width(text);
    return w > before ? w : before;
}

enum { CONFIG_LEAST = 30, BETWEEN = 2 };

static void measure(const struct run_cells *row, size_t n, struct run_widths *w)
{
    *w = (struct run_widths){0};
    for (size_t i = 0; i < n; i++) {
        w->name = wider(w->name, row[i].name);
        w->config = wider(w->config, row[i].config);
        w->facts = wider(w->facts, row[i].facts);
        w->time = wider(w->time, row[i].time);
        w->said = wider(w->said, row[i].said);
    }
}

static size_t sum_of(const struct run_widths *w)
{
    size_t sum = 2 + w->name;
    const size_t each[] = {w->config, w->facts, w->time, w->said};
    for (size_t i = 0; i < 4; i++) sum += each[i] ? each[i] + BETWEEN : 0;
    return sum;
}

/* The configuration has what is left. Where that is too little first the time goes, then what was reported gets brief,
 * and then there is no room for the configuration. `below`: it has a line of its own. */
static struct run_widths widths_of(struct run_cells *row, size_t n, size_t columns, bool below)
{
    struct run_widths w;
    measure(row, n, &w);
    size_t config = below ? 0 : w.config;
    w.config = config < CONFIG_LEAST ? config : CONFIG_LEAST;
    if (sum_of(&w) > columns) w.time = 0;
    if (sum_of(&w) > columns) {
        w.facts = 0;
        for (size_t i = 0; i < n; i++) w.facts = wider(w.facts, row[i].facts = row[i].brief);
    }
    if (sum_of(&w) > columns && w.config > CONFIG_LEAST / 2) w.config = CONFIG_LEAST / 2;
    if (sum_of(&w) > columns) config = w.config = 0; /* a few letters of it say nothing */
    if (sum_of(&w) > columns) w.facts = 0;
    size_t left = columns > sum_of(&w) ? columns - sum_of(&w) : 0;
    w.config += left < config - w.config ? left : config - w.config;
    return w;
}

static const char *with(const struct frame *f, const char *line, const char *text, size_t columns)
{
    return columns ? arena_printf(f->arena, "%s%*s%s", line, BETWEEN, "", frame_cell(f, text, columns)) : line;
}

static void add_run(const struct run_cells *row, const struct run_widths *w, bool chosen, struct frame *f)
{
    const char *name = frame_cell(f, row->name, w->name);
    const char *line = arena_printf(f->arena, "%s%s", chosen ? (f->screen->unicode ? "▸ " : "> ") : row->mark,
                                    chosen ? frame_styled(f, FRAME_REVERSED, name) : name);
    line = with(f, line, row->facts, w->facts);
    line = with(f, line, row->time, w->time);
    line = with(f, line, frame_styled(f, row->style, row->said), w->said);
    frame_add(f, with(f, line, row->config, w->config));
}

/* Is there no room for whole configurations beside the rest? */
static bool is_cut(const struct run_cells *row, size_t n, size_t columns)
{
    struct run_widths w;
    measure(row, n, &w);
    return sum_of(&w) > columns;
}

/* From where on they are shown, so that the chosen one is among them. */
static size_t first_shown(const struct trial *const *run, size_t n, size_t shown, long chosen)
{
    for (size_t i = shown; i < n; i++)
        if (run[i]->number == chosen) return i + 1 - shown;
    return 0;
}

static const char *title_of(const struct watch_facts *x, const struct scene *scene, size_t n, size_t shown,
                            struct arena *a)
{
    size_t all = memory_in_flight(x->memory);
    size_t stalled = 0;
    for (size_t i = 0; i < x->memory->n_open; i++) stalled += run_check_is_stalled(x->memory, x->memory->open[i]);
    const char *hidden = shown < n ? arena_printf(a, ", %zu of them shown", shown) : "";
    if (*scene->filter) return arena_printf(a, "%zu of %zu running trials have '%s'%s", n, all, scene->filter, hidden);
    if (n == 0) return "no trial runs";
    if (!x->running) return arena_printf(a, "%zu trial%s ran until then%s", n, words_s(n), hidden);
    const char *silent = stalled ? arena_printf(a, ", %zu stalled", stalled) : "";
    return arena_printf(a, "%zu trial%s run%s%s%s", n, words_s(n), n == 1 ? "s" : "", silent, hidden);
}

void watch_runs(const struct watch_facts *x, const struct scene *scene, size_t most, struct frame *f)
{
    const struct trial *const *run;
    size_t n = watch_running(x->memory, scene->filter, f->arena, &run), shown = n + 1 > most ? most - 1 : n;
    if (most == 0) return;
    struct run_cells *row = arena_array(f->arena, shown + 1, sizeof *row);
    size_t from = first_shown(run, n, shown, scene->chosen);
    for (size_t i = 0; i < shown; i++) row[i] = cells_of(x, run[from + i], f);
    bool below = most >= 1 + 2 * n && is_cut(row, n, f->columns);
    const struct run_widths w = widths_of(row, shown, f->columns, below);
    frame_rule(f, title_of(x, scene, n, shown, f->arena));
    for (size_t i = 0; i < shown; i++) {
        add_run(&row[i], &w, run[from + i]->number == scene->chosen, f);
        if (below) frame_say(f, "    ", row[i].config, FRAME_QUIET, 1);
    }
}

/* ---- one of them ---- */

/* The last lines that fit. */
static void add_tail(const char *text, struct frame *f)
{
    size_t lines = 0, skip;
    char *rest = arena_strdup(f->arena, text);
    for (const char *at = rest; (at = strchr(at, '\n')); at++) lines++;
    skip = lines > frame_room(f) ? lines - frame_room(f) : 0;
    for (char *line; (line = strsep(&rest, "\n")) && (*line || rest);)
        if (skip > 0)
            skip--;
        else
            frame_add(f, plain_shown(f->arena, line + (line[0] == ' ' && line[1] == ' ') * 2));
}

void watch_log(const struct watch_facts *x, const struct scene *scene, struct frame *f)
{
    const struct memory *s = x->memory;
    const struct trial *t = memory_trial(s, scene->chosen);
    if (!t) return;
    bool runs = t->state == TRIAL_RUNNING || t->state == TRIAL_LEASED;
    const struct run_cells c = cells_of(x, t, f);
    frame_add(f, arena_printf(f->arena, "%s%s: %s", screen_state(f->screen, t->state, f->arena), c.name,
                              trial_state_name(t->state)));
    if (runs)
        frame_say(f, "  ", arena_printf(f->arena, "%s, %s%s%s", c.time, c.said, *c.facts ? ", " : "", c.facts),
                  FRAME_PLAIN, 2);
    if (t->reason) frame_say(f, "  ", plain_shown(f->arena, t->reason), FRAME_PLAIN, 3);
    frame_say(f, "  ", c.config, FRAME_QUIET, 3);
    frame_rule(f, "what it prints");
    if (x->tail && *x->tail)
        add_tail(x->tail, f);
    else
        frame_add(f, x->tail ? "nothing yet" : "its folder is not on this machine");
}
