#include "tuner/report/unicode.h"

#include "tuner/report/unicode_layer.h"

#include "tuner/base/plain.h"
#include "tuner/base/width.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_USUAL = 23, ROWS_LEAST = 3, COLUMNS_MAX = 400, ROWS_MAX = 200 };

/* ---- writing ---- */

struct page {
    FILE *out;
    const struct chart *chart;
    const struct screen *screen;
    enum unicode_dots dots;
    size_t columns, rows;
    struct arena arena;
};

static void colour(const struct page *p, const char *sgr)
{
    if (p->screen->colour) fprintf(p->out, "\033[%sm", sgr);
}

static size_t fold(const struct page *p, const char *text, bool print)
{
    struct arena a = {0};
    size_t lines = 0;
    for (const char *rest = plain_shown(&a, text); *rest; lines++) {
        size_t n = width_fit(rest, p->columns, NULL), cut = n;
        if (rest[n])
            while (cut > 0 && rest[cut] != ' ') cut--;
        if (cut == 0) cut = n ? n : 1;
        if (print) fprintf(p->out, "%.*s\n", (int)cut, rest);
        rest += cut;
        while (*rest == ' ') rest++;
    }
    arena_done(&a);
    return lines;
}

static void write_row(const struct page *p, const struct canvas *c, size_t row)
{
    int before = -1;
    char buf[CANVAS_GLYPH];
    size_t end = c->columns;
    while (end > 0 && !*c->cell[row * c->columns + end - 1].glyph && !c->cell[row * c->columns + end - 1].dots) end--;
    for (size_t i = 0; i < end; i++) {
        const struct cell *cell = &c->cell[row * c->columns + i];
        const char *text = canvas_cell(c, cell, buf);
        if (*text != ' ' && (int)cell->look != before) {
            if (before >= 0) colour(p, "0");
            colour(p, canvas_colour(cell->look));
            before = (int)cell->look;
        }
        fputs(text, p->out);
    }
    if (before >= 0) colour(p, "0");
}

/* ---- axes ---- */

static size_t margin_of(const struct page *p, const struct chart_panel *panel, size_t n_rows)
{
    double tick[AXIS_TICKS_MAX];
    char buf[AXIS_TEXT_MAX];
    size_t widest = 0, n = axis_ticks(&panel->y, n_rows / 3 < 6 ? n_rows / 3 : 6, tick);
    for (size_t i = 0; i < n; i++) {
        size_t w = width_of(axis_tick_text(&panel->y, tick, n, i, buf));
        widest = w > widest ? w : widest;
    }
    for (size_t i = 0; i < panel->y.n_rows; i++) {
        struct arena a = {0};
        size_t w = width_of(plain_shown(&a, panel->y.row[i]));
        widest = w > widest ? w : widest;
        arena_done(&a);
    }
    return widest > p->columns / 3 ? p->columns / 3 : widest;
}

/* What stands before line `row`: a tick's number, a row's name, or nothing. */
static const char *row_label(const struct canvas *c, size_t row, struct arena *a)
{
    double tick[AXIS_TICKS_MAX];
    char buf[AXIS_TEXT_MAX];
    const struct axis *y = &c->panel->y;
    for (size_t i = 0; i < y->n_rows; i++)
        if ((long)row == unicode_layer_middle(c, (double)i)) return plain_shown(a, y->row[i]);
    size_t n = axis_ticks(y, c->rows / 3 < 6 ? c->rows / 3 : 6, tick);
    for (size_t i = 0; i < n; i++)
        if (canvas_row(c, tick[i]) == (long)row) return arena_strdup(a, axis_tick_text(y, tick, n, i, buf));
    return "";
}

static void write_rail(const struct page *p, const struct canvas *c, size_t margin)
{
    struct canvas rail = *c;
    bool any = false;
    rail.rows = 1;
    rail.cell = arena_array(c->arena, c->columns, sizeof *rail.cell);
    for (size_t k = 0; k < c->panel->n; k++) {
        const struct chart_layer *l = &c->panel->layer[k];
        for (size_t i = 0; l->kind == CHART_RAIL && i < l->n; i++, any = true)
            if (axis_sees(&c->panel->x, l->x[i]))
                canvas_glyph(&rail, canvas_column(c, l->x[i]), 0, canvas_mark(c, chart_look_at(l, i)),
                             chart_look_at(l, i));
    }
    if (!any) return;
    fprintf(p->out, "%*s%s", (int)margin + 1, "", p->dots == UNICODE_ASCII ? "|" : "│");
    write_row(p, &rail, 0);
    fputc('\n', p->out);
}

static void write_x_axis(const struct page *p, const struct canvas *c, size_t margin)
{
    double tick[AXIS_TICKS_MAX];
    char buf[AXIS_TEXT_MAX];
    bool ascii = p->dots == UNICODE_ASCII;
    size_t most = c->columns / 9, n = axis_ticks(&c->panel->x, most < 2 ? 2 : most > 7 ? 7 : most, tick), used = 0;
    const char *name = width_cut(c->arena, plain_shown(c->arena, axis_title(&c->panel->x, c->arena)), c->columns / 2);
    size_t rule = c->columns - width_of(name) - 1;
    fprintf(p->out, "%*s%s", (int)margin + 1, "", ascii ? "+" : "└");
    for (size_t k = 0; k < rule; k++) {
        bool at_tick = false;
        for (size_t i = 0; i < n; i++) at_tick |= canvas_column(c, tick[i]) == (long)k;
        fputs(at_tick ? (ascii ? "+" : "┴") : (ascii ? "-" : "─"), p->out);
    }
    fprintf(p->out, " %s\n%*s", name, (int)margin + 2, "");
    for (size_t i = 0; i < n; i++) {
        const char *text = axis_tick_text(&c->panel->x, tick, n, i, buf);
        long wide_ = (long)width_of(text), from = canvas_column(c, tick[i]) - wide_ / 2;
        if (from + wide_ > (long)c->columns) from = (long)c->columns - wide_;
        if (from < (long)used + (used > 0) && used > 0) continue;
        if (from < 0) from = 0;
        fprintf(p->out, "%*s%s", (int)(from - (long)used), "", text);
        used = (size_t)(from + wide_);
    }
    fputc('\n', p->out);
}

/* "em: [ ░▒▓█] 0.50 to 0.62  / little is known", of a heat map. */
static void write_legend(const struct page *p, const struct canvas *c)
{
    double low, high;
    char from[AXIS_TEXT_MAX], to[AXIS_TEXT_MAX];
    const char *shades = "";
    for (size_t i = 0; i < UNICODE_LAYER_SHADES; i++)
        shades = arena_printf(c->arena, "%s%s", shades, unicode_layer_shade(c, i));
    for (size_t k = 0; k < c->panel->n; k++) {
        const struct chart_cells *m = &c->panel->layer[k].cells;
        if (c->panel->layer[k].kind != CHART_CELLS || !chart_cells_range(m, &low, &high)) continue;
        const char *text = arena_printf(c->arena, "%s: [%s] %s to %s%s", plain_shown(c->arena, m->name ? m->name : ""),
                                        shades, chart_cells_text(low, high, 0, from),
                                        chart_cells_text(low, high, 1, to), m->doubt ? "  / little is known" : "");
        fprintf(p->out, "%s\n", width_cut(c->arena, text, p->columns));
    }
}

static void say_beyond(const struct page *p, const struct chart_panel *panel)
{
    struct chart_beyond b = chart_beyond(panel);
    const struct {
        size_t n;
        const char *where;
    } sides[] = {{b.left, "left"}, {b.right, "right"}, {b.above, "above"}, {b.below, "below"}};
    const char *comma = "  beyond the axes:";
    for (size_t i = 0; i < 4; i++)
        if (sides[i].n) {
            fprintf(p->out, "%s %zu %s", comma, sides[i].n, sides[i].where);
            comma = ",";
        }
    if (*comma == ',') fputc('\n', p->out);
}

/* ---- panels ---- */

/* Lines that a panel takes besides its plot. */
static size_t around(const struct chart_panel *p)
{
    size_t words = p->title || (p->y.name && *p->y.name) ? 3 : 2;
    return words + (chart_has(p, CHART_RAIL) ? 1 : 0) + (chart_has(p, CHART_CELLS) ? 1 : 0);
}

static size_t plot_rows(const struct chart_panel *p, size_t rows)
{
    size_t n = p->y.n_rows ? p->y.n_rows : 1;
    if (p->y.scale != AXIS_ROWS) return rows;
    return chart_has(p, CHART_INTERVALS) ? 2 * n : n; /* their numbers stand above */
}

static void write_panel(struct page *p, const struct chart_panel *panel, size_t rows)
{
    struct canvas c = {.panel = panel, .dots = p->dots, .rows = plot_rows(panel, rows), .arena = &p->arena};
    size_t margin = margin_of(p, panel, c.rows);
    c.columns = p->columns - margin - 2;
    c.cell = arena_array(&p->arena, c.columns * c.rows, sizeof *c.cell);
    unicode_layer_all(&c);
    const char *name = panel->title ? panel->title : axis_title(&panel->y, &p->arena);
    if (*name) fprintf(p->out, "%s\n", width_cut(&p->arena, plain_shown(&p->arena, name), p->columns));
    for (size_t row = 0; row < c.rows; row++) {
        const char *label = row_label(&c, row, &p->arena);
        fprintf(p->out, "%s %s", width_cell(&p->arena, label, margin, true),
                p->dots == UNICODE_ASCII                ? "|"
                : *label && panel->y.scale != AXIS_ROWS ? "┤"
                                                        : "│");
        write_row(p, &c, row);
        fputc('\n', p->out);
    }
    write_rail(p, &c, margin);
    write_x_axis(p, &c, margin);
    write_legend(p, &c);
    say_beyond(p, panel);
}

static size_t write_key(const struct page *p, bool print)
{
    bool used[CHART_LOOKS];
    const char *space = "";
    if (chart_key(p->chart, used) < 2) return 0;
    for (int look = 0; look < CHART_LOOKS && print; look++) {
        bool spans = chart_has(&p->chart->panel[0], CHART_SPANS);
        const struct canvas c = {.dots = p->dots};
        if (!used[look]) continue;
        fputs(space, p->out);
        colour(p, canvas_colour(look));
        fputs(spans ? unicode_layer_span(&c, (enum chart_look)look) : canvas_mark(&c, (enum chart_look)look), p->out);
        colour(p, "0");
        fprintf(p->out, " %s", chart_look_name((enum chart_look)look));
        space = "  ";
    }
    if (print) fputc('\n', p->out);
    return 1;
}

static size_t rows_each(const struct page *p)
{
    size_t taken = fold(p, p->chart->title, false) + fold(p, p->chart->caption, false) + write_key(p, false), n = 0;
    for (size_t i = 0; i < p->chart->n_panels; i++) taken += around(&p->chart->panel[i]), n++;
    size_t left = p->rows > taken ? (p->rows - taken) / (n ? n : 1) : 0;
    return left < ROWS_LEAST ? ROWS_LEAST : left > p->columns / 3 ? p->columns / 3 : left;
}

static enum unicode_dots usual_dots(const struct screen *s)
{
    const char *term = getenv("TERM");
    if (!s->unicode) return UNICODE_ASCII;
    return term && strcmp(term, "linux") == 0 ? UNICODE_BLOCKS
                                              : UNICODE_BRAILLE; /* the console's font has no braille */
}

bool unicode_parse(const char *name, enum unicode_dots *ret)
{
    static const char *const names[] = {
        [UNICODE_BRAILLE] = "braille", [UNICODE_BLOCKS] = "blocks", [UNICODE_ASCII] = "ascii"};
    for (int k = UNICODE_BRAILLE; k <= UNICODE_ASCII; k++)
        if (strcmp(name, names[k]) == 0) return *ret = (enum unicode_dots)k, true;
    return false;
}

void unicode_write(FILE *out, const struct chart *c, const struct screen *screen, const struct unicode_wish *wish)
{
    struct page p = {
        .out = out, .chart = c, .screen = screen, .columns = wish->columns ? wish->columns : screen_columns(screen)};
    p.rows = wish->rows ? wish->rows : screen->terminal ? screen_rows(screen) - 1 : ROWS_USUAL;
    p.dots = wish->dots == UNICODE_USUAL ? usual_dots(screen) : wish->dots;
    p.columns = p.columns > COLUMNS_MAX ? COLUMNS_MAX : p.columns < 20 ? 20 : p.columns;
    p.rows = p.rows > ROWS_MAX ? ROWS_MAX : p.rows;
    size_t rows = rows_each(&p);
    colour(&p, "1");
    fold(&p, c->title, true);
    colour(&p, "0");
    fold(&p, c->caption, true);
    write_key(&p, true);
    for (size_t i = 0; i < c->n_panels; i++) write_panel(&p, &c->panel[i], rows);
    arena_done(&p.arena);
}
