#include "tuner/report/watch.h"

#include "tuner/report/watch_parts.h"

#include "tuner/report/unicode.h"

#include "tuner/base/plain.h"

#include <stdlib.h>
#include <string.h>

/* ---- keys ---- */

void watch_foot(const struct scene *scene, struct frame *f)
{
    const char *text = "";
    switch (scene->view) {
    case SCENE_LIST: text = "? keys  q quit  j k choose  enter open"; break;
    case SCENE_STUDY: text = "? keys  q quit  h f c s t charts  j k choose  l log  / filter"; break;
    case SCENE_CHART: text = "? keys  q quit  esc back  tab h f c s t  other charts"; break;
    case SCENE_LOG: text = "? keys  q quit  esc back  j k another trial"; break;
    case SCENE_FILTER: text = arena_printf(f->arena, "/%s_   enter keeps it, esc shows all", scene->filter); break;
    case SCENE_KEYS: text = "any key goes back  q quit"; break;
    }
    if (f->rows > 0 && f->n + 1 > f->rows) f->n = f->rows - 1;
    frame_fill(f, f->rows > 0 ? f->rows - 1 : 0);
    frame_add(f, scene->view == SCENE_FILTER ? text : frame_styled(f, FRAME_QUIET, text));
}

void watch_keys(const struct scene *scene, struct frame *f)
{
    static const char *const of_list[] = {"j k     choose a study", "enter   open it", NULL};
    static const char *const of_study[] = {"tab     the other charts beside the rest; one that fills the screen:",
                                           "  h     history: every trial, and the best so far",
                                           "  f     front: what can be had for what",
                                           "  c     curves: how trials learned",
                                           "  s     how sure the winner is",
                                           "  t     timeline: what ran when",
                                           "j k     choose a running trial",
                                           "l       what it prints",
                                           "/       only running trials with this text; esc shows all",
                                           NULL};
    static const char *const of_all[] = {"esc     back", "^L      draw everything anew", "?       these keys",
                                         "q       quit; the study goes on", NULL};
    const char *const *groups[] = {scene->beneath == SCENE_LIST ? of_list : of_study, of_all};
    for (size_t g = 0; g < 2; g++)
        for (size_t i = 0; groups[g][i]; i++) frame_add(f, groups[g][i]);
}

/* ---- charts ---- */

enum { CHART_LEAST = 9, CHART_CAPTION = 22, CHART_WHOLE = 16, CHART_TITLE = 14 };

static void add_drawn(const struct chart *c, size_t rows, struct frame *f)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    if (!out) return;
    unicode_write(out, c, f->screen, &(struct unicode_wish){f->columns, rows, UNICODE_USUAL});
    fclose(out);
    char *rest = text;
    for (char *line; rows > 0 && (line = strsep(&rest, "\n")) && (*line || rest); rows--)
        frame_add(f, arena_strdup(f->arena, line));
    free(text);
}

/* In a rule, or in two lines where it is long and there is room. */
static void add_title(const char *text, size_t rows, struct frame *f)
{
    if (rows >= CHART_TITLE && frame_width(text) + 2 > f->columns)
        frame_say(f, "", text, FRAME_BOLD, 2);
    else
        frame_rule(f, text);
}

static void add_chart(const struct watch_chart *x, size_t rows, struct frame *f)
{
    if (rows < CHART_LEAST) return;
    if (!x->chart) {
        frame_rule(f, figure_name(x->kind));
        frame_say(f, "", x->why ? plain_shown(f->arena, x->why) : "being drawn", FRAME_QUIET, rows - 1);
        return;
    }
    struct chart c = *x->chart;
    c.title = "";
    if (rows < CHART_CAPTION) c.caption = "";
    size_t before = f->n;
    add_title(arena_printf(f->arena, "%s: %s", figure_name(x->kind), plain_shown(f->arena, x->chart->title)), rows, f);
    add_drawn(&c, rows - (f->n - before), f);
}

static void add_charts(const struct watch_facts *x, struct frame *f)
{
    size_t rows = frame_room(f), first = rows >= 3 * CHART_LEAST ? (rows + 1) / 2 : rows;
    size_t before = f->n;
    add_chart(&x->chart[0], first, f);
    if (first == rows) return;
    frame_fill(f, before + first);
    add_chart(&x->chart[1], rows - first, f);
}

/* ---- what happened ---- */

static void add_happened(const struct watch_facts *x, size_t most, struct frame *f)
{
    size_t rule = most > 2, lines = most - rule, n = x->n_happened < lines ? x->n_happened : lines;
    if (most == 0 || n == 0) return;
    if (rule) frame_rule(f, "last events");
    for (size_t i = x->n_happened - n; i < x->n_happened; i++) frame_add(f, x->happened[i]);
}

/* ---- the whole ---- */

enum { WIDE = 110, WIDE_ROWS = 20, LEFT_LEAST = 60, LEFT_MOST = 116 };

static const struct watch_room *room_of(size_t rows)
{
    static const struct watch_room tiny = {2, 0, 1, 1, 1, 1}, small = {2, 1, 1, 2, 1, 2}, usual = {4, 2, 2, 4, 2, 2},
                                   large = {6, 3, 3, 5, 6, 4};
    return rows < 16 ? &tiny : rows < 30 ? &small : rows < 45 ? &usual : &large;
}

static void add_words(const struct watch_facts *x, const struct watch_room *room, struct frame *f)
{
    watch_verdict(x, room, f);
    watch_health(x, room, f);
    watch_budgets(x, room, f);
}

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t count_runs(const struct watch_facts *x, const struct scene *scene, const struct frame *f)
{
    const struct trial *const *run;
    return watch_running(x->memory, scene->filter, f->arena, &run);
}

/* Words, what runs, a chart, what happened: one below the other. */
static void fill_column(const struct watch_facts *x, const struct scene *scene, struct frame *f)
{
    add_words(x, room_of(f->rows), f);
    size_t rest = frame_room(f), runs = least_of(2 * count_runs(x, scene, f) + 1, rest / 3 > 3 ? rest / 3 : 3);
    size_t happened = rest >= 24 ? rest / 6 : rest >= 12 ? 2 : rest > runs ? least_of(rest - runs, 2) : 0;
    if (runs > rest) runs = rest;
    watch_runs(x, scene,
               rest < runs + happened + CHART_LEAST ? least_of(count_runs(x, scene, f) + 1, rest - happened) : runs, f);
    size_t below = least_of(happened, frame_room(f));
    if (frame_room(f) >= CHART_LEAST + below) {
        struct frame charts = frame_make(f->columns, frame_room(f) - below, f->screen, f->arena);
        add_charts(x, &charts);
        frame_below(f, &charts);
        frame_fill(f, f->rows - below);
    }
    add_happened(x, frame_room(f), f);
}

/* Words, what runs and what happened on the left, with a third chart where that is short; charts on the right. */
static void fill_wide(const struct watch_facts *x, const struct scene *scene, struct frame *f)
{
    size_t half = f->columns * 9 / 20, wide = half < LEFT_LEAST ? LEFT_LEAST : half > LEFT_MOST ? LEFT_MOST : half;
    struct frame left = frame_make(wide, frame_room(f), f->screen, f->arena),
                 right = frame_make(f->columns - wide - 3, frame_room(f), f->screen, f->arena);
    add_words(x, room_of(f->rows + 6), &left);
    size_t rest = frame_room(&left);
    watch_runs(x, scene, least_of(2 * count_runs(x, scene, f) + 1, rest / 2 > 3 ? rest / 2 : rest), &left);
    size_t room = frame_room(&left), happened = room >= 4 * CHART_LEAST ? room / 3 : room;
    add_happened(x, happened, &left);
    if (happened < room) add_chart(&x->chart[2], frame_room(&left), &left);
    add_charts(x, &right);
    frame_beside(f, &left, &right);
}

/* With its whole title. */
static void fill_chart(const struct watch_chart *x, struct frame *f)
{
    if (x->chart && f->rows >= CHART_WHOLE)
        add_drawn(x->chart, f->rows, f);
    else
        add_chart(x, f->rows, f);
}

static void fill(const struct watch_facts *x, const struct scene *scene, struct frame *f)
{
    switch (scene->view) {
    case SCENE_STUDY:
    case SCENE_FILTER:
        if (f->columns >= WIDE && f->rows >= WIDE_ROWS)
            fill_wide(x, scene, f);
        else
            fill_column(x, scene, f);
        break;
    case SCENE_CHART: fill_chart(&x->chart[0], f); break;
    case SCENE_LOG: watch_log(x, scene, f); break;
    case SCENE_KEYS: watch_keys(scene, f); break;
    case SCENE_LIST: break;
    }
}

void watch_frame(const struct watch_facts *x, const struct scene *scene, struct frame *f)
{
    watch_head(x, f);
    watch_notice(x, f);
    struct frame body = frame_make(f->columns, frame_room(f) > 0 ? frame_room(f) - 1 : 0, f->screen, f->arena);
    fill(x, scene, &body);
    frame_below(f, &body);
    watch_foot(scene, f);
}
