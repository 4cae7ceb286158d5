#include "tuner/report/unicode.h"

#include "tuner/base/plain.h"
#include "tuner/base/width.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the canvas ---- */

enum { GLYPH = 5, ROWS_USUAL = 23, COLUMNS_MAX = 400, ROWS_MAX = 200, LABELS_MAX = 24 };

struct cell {
    unsigned char dots; /* bits of the braille pattern; of half blocks 1 above, 2 below */
    enum chart_look look;
    char glyph[GLYPH]; /* instead of dots; "": none */
    bool behind;       /* what is drawn on top takes its place */
    bool fixed;        /* a label's, or a named mark's: nothing goes over it */
};

struct canvas {
    const struct chart_panel *panel;
    enum unicode_dots dots;
    size_t columns, rows;
    struct cell *cell;
    struct arena *arena;
};

static struct cell *at(const struct canvas *c, long column, long row)
{
    bool outside = column < 0 || row < 0 || column >= (long)c->columns || row >= (long)c->rows;
    return outside ? NULL : &c->cell[(size_t)row * c->columns + (size_t)column];
}

static long wide(const struct canvas *c) /* dots of a cell */
{
    return c->dots == UNICODE_BRAILLE ? 2 : 1;
}

static long high(const struct canvas *c)
{
    return c->dots == UNICODE_BRAILLE ? 4 : c->dots == UNICODE_BLOCKS ? 2 : 1;
}

static void put_glyph(struct canvas *c, long column, long row, const char *glyph, enum chart_look look)
{
    struct cell *cell = at(c, column, row);
    if (!cell || cell->fixed) return;
    snprintf(cell->glyph, GLYPH, "%s", glyph);
    cell->look = look;
    cell->behind = false;
}

static void put_behind(struct canvas *c, long column, long row, const char *glyph)
{
    struct cell *cell = at(c, column, row);
    put_glyph(c, column, row, glyph, CHART_QUIET);
    if (cell) cell->behind = true;
}

/* `ascii`: what stands there where a cell is a dot. */
static void put_dot(struct canvas *c, long x, long y, enum chart_look look, const char *ascii)
{
    static const unsigned char braille[4][2] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}};
    struct cell *cell = x < 0 || y < 0 ? NULL : at(c, x / wide(c), y / high(c));
    if (!cell) return;
    if (c->dots == UNICODE_ASCII) {
        put_glyph(c, x, y, ascii, look);
        return;
    }
    cell->dots = (unsigned char)(cell->dots | (c->dots == UNICODE_BRAILLE ? braille[y % 4][x % 2] : 1 << (y % 2)));
    if (cell->behind) cell->glyph[0] = 0;
    cell->behind = false;
    if (!cell->fixed && !*cell->glyph) cell->look = look;
}

/* ---- places ---- */

static double x_place(const struct canvas *c, double v)
{
    return axis_place(&c->panel->x, v);
}

static double y_place(const struct canvas *c, double v) /* 0 on top */
{
    double place = axis_place(&c->panel->y, v);
    return c->panel->y.scale == AXIS_ROWS ? place : 1 - place;
}

static long spot(double place, size_t n)
{
    if (isnan(place)) return -1;
    double v = floor(place * (double)n);
    if (place >= 1 && place <= 1 + 1e-9) v = (double)n - 1;
    return v < -1e6 ? -1000000 : v > 1e6 ? 1000000 : (long)v;
}

static long column_of(const struct canvas *c, double v)
{
    return spot(x_place(c, v), c->columns);
}

static long row_of(const struct canvas *c, double v)
{
    return spot(y_place(c, v), c->rows);
}

/* ---- marks ---- */

struct shape {
    const char *glyph, *ascii, *colour; /* colour: SGR */
};

static const struct shape shapes[CHART_LOOKS] = {
    [CHART_INK] = {"●", "*", "1"},         [CHART_QUIET] = {"·", ".", "90"},   [CHART_COMPLETE] = {"●", "*", "34"},
    [CHART_PRUNED] = {"▽", "v", "90"},     [CHART_FAILED] = {"✕", "x", "31"},  [CHART_RUNNING] = {"◐", "o", "33"},
    [CHART_INFEASIBLE] = {"◇", "d", "35"}, [CHART_QUEUED] = {"○", ".", "90"},  [CHART_STALLED] = {"‖", "I", "33"},
    [CHART_WINNER] = {"★", "!", "1"},      [CHART_BASELINE] = {"■", "#", "1"}, [CHART_REFERENCE] = {"□", "%", "1"},
    [CHART_SECOND] = {"●", "*", "36"},
};

static const char *glyph_of(const struct canvas *c, enum chart_look look)
{
    return c->dots == UNICODE_ASCII ? shapes[look].ascii : shapes[look].glyph;
}

/* Does it fit there without going over another? */
static bool is_free(const struct canvas *c, long column, long row, size_t n)
{
    for (long k = -1; k <= (long)n; k++) {
        const struct cell *cell = at(c, column + k, row);
        if (k >= 0 && k < (long)n && !cell) return false;
        if (cell && cell->fixed) return false;
    }
    return true;
}

static void put_text(struct canvas *c, long column, long row, const char *text)
{
    for (size_t i = 0, n; text[i]; i += n, column++) {
        struct cell *cell = at(c, column, row);
        for (n = 1; ((unsigned char)text[i + n] & 0xc0) == 0x80; n++) {
        }
        if (!cell) continue;
        snprintf(cell->glyph, GLYPH, "%.*s", (int)n, text + i);
        cell->look = CHART_QUIET;
        cell->fixed = true;
    }
}

/* Beside it, else above or below; what has characters two columns wide, or finds no place, is left out. */
static void put_label(struct canvas *c, long column, long row, const char *text)
{
    text = width_cut(c->arena, plain_shown(c->arena, text), c->columns * 2 / 3);
    size_t n = width_of(text);
    if (n != words_length(text)) return;
    const long places[][2] = {{column + 2, row},
                              {column - 1 - (long)n, row},
                              {column + 2, row - 1},
                              {column - 1 - (long)n, row - 1},
                              {column + 2, row + 1},
                              {column - 1 - (long)n, row + 1},
                              {column - (long)n / 2, row - 1},
                              {column - (long)n / 2, row + 1}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (is_free(c, places[i][0], places[i][1], n)) {
            put_text(c, places[i][0], places[i][1], text);
            return;
        }
}

/* More than a few are dots: shapes would hide each other. */
static bool is_crowded(const struct canvas *c, const struct chart_layer *l)
{
    return l->n > c->columns * c->rows / 4;
}

static void draw_marks(struct canvas *c, const struct chart_layer *l)
{
    for (size_t i = 0; i < l->n; i++) {
        double x = x_place(c, l->x[i]), y = y_place(c, l->y[i]);
        if (!axis_sees(&c->panel->x, l->x[i]) || !axis_sees(&c->panel->y, l->y[i])) continue;
        if (is_crowded(c, l))
            put_dot(c, spot(x, c->columns * (size_t)wide(c)), spot(y, c->rows * (size_t)high(c)), chart_look_at(l, i),
                    ":");
        else
            put_glyph(c, column_of(c, l->x[i]), row_of(c, l->y[i]),
                      l->pale && chart_look_at(l, i) == CHART_COMPLETE ? (c->dots == UNICODE_ASCII ? "." : "∘")
                                                                       : glyph_of(c, chart_look_at(l, i)),
                      chart_look_at(l, i));
    }
}

static void fix_named(struct canvas *c, const struct chart_layer *l)
{
    for (size_t i = 0; l->name && i < l->n; i++) {
        if (!l->name[i] || l->kind != CHART_MARKS || !axis_sees(&c->panel->x, l->x[i]) ||
            !axis_sees(&c->panel->y, l->y[i]))
            continue;
        struct cell *cell = at(c, column_of(c, l->x[i]), row_of(c, l->y[i]));
        if (cell) cell->fixed = true;
    }
}

static void name_marks(struct canvas *c, const struct chart_layer *l)
{
    for (size_t i = 0; l->name && i < l->n; i++)
        if (l->name[i] && axis_sees(&c->panel->x, l->x[i]) && axis_sees(&c->panel->y, l->y[i]))
            put_label(c, column_of(c, l->x[i]), row_of(c, l->y[i]), l->name[i]);
}

/* ---- lines ---- */

static void draw_stretch(struct canvas *c, const struct chart_layer *l, const double from[2], const double to[2])
{
    double width = (double)(c->columns * (size_t)wide(c)), height = (double)(c->rows * (size_t)high(c)),
           dx = (to[0] - from[0]) * width, dy = (to[1] - from[1]) * height, steps = ceil(fmax(fabs(dx), fabs(dy)));
    const char *ascii = fabs(dy) > fabs(dx) ? "|" : l->bold || l->kind == CHART_STEPS ? "-" : ".";
    if (!(steps < 1e5)) return;
    for (double k = 0; k <= steps; k++) {
        double part = steps > 0 ? k / steps : 0, x = from[0] + part * (to[0] - from[0]),
               y = from[1] + part * (to[1] - from[1]);
        if (x < 0 || x > 1 || y < 0 || y > 1 || (l->dashed && (long)k / 3 % 2)) continue;
        put_dot(c, spot(x, (size_t)width), spot(y, (size_t)height), l->look, ascii);
    }
}

static void draw_line(struct canvas *c, const struct chart_layer *l)
{
    double before[2] = {NAN, NAN};
    for (size_t i = 0; i < l->n; i++) {
        double now[2] = {fmin(fmax(x_place(c, l->x[i]), -50), 50), fmin(fmax(y_place(c, l->y[i]), -50), 50)};
        if (isnan(x_place(c, l->x[i])) || isnan(y_place(c, l->y[i]))) now[0] = NAN;
        if (!isnan(now[0]) && !isnan(before[0])) {
            double corner[2] = {now[0], before[1]};
            draw_stretch(c, l, before, l->kind == CHART_STEPS ? corner : now);
            if (l->kind == CHART_STEPS) draw_stretch(c, l, corner, now);
        }
        memcpy(before, now, sizeof before);
    }
}

static void name_line(struct canvas *c, const struct chart_layer *l)
{
    if (!l->label) return;
    for (size_t i = l->n; i-- > 0;)
        if (axis_sees(&c->panel->x, l->x[i]) && axis_sees(&c->panel->y, l->y[i])) {
            put_label(c, column_of(c, l->x[i]), row_of(c, l->y[i]), l->label);
            return;
        }
}

static void draw_across(struct canvas *c, const struct chart_layer *l)
{
    bool upright = l->kind == CHART_AT_X, ascii = c->dots == UNICODE_ASCII;
    for (size_t i = 0; i < l->n; i++) {
        if (!axis_sees(upright ? &c->panel->x : &c->panel->y, upright ? l->x[i] : l->y[i])) continue;
        long x = upright ? column_of(c, l->x[i]) : 0, y = upright ? 0 : row_of(c, l->y[i]);
        for (size_t k = 0; k < (upright ? c->rows : c->columns); k++)
            put_glyph(c, x + (upright ? 0 : (long)k), y + (upright ? (long)k : 0),
                      upright ? (ascii       ? ":"
                                 : l->dashed ? "┊"
                                             : "│")
                              : (ascii       ? "-"
                                 : l->dashed ? "┄"
                                             : "─"),
                      CHART_QUIET);
        if (l->label && !upright) put_label(c, (long)c->columns - 3, y, l->label);
    }
}

/* ---- areas and rows ---- */

/* Where on the axis `place` lies between two points, by their places; false: outside. */
static bool band_at(const struct canvas *c, const struct chart_layer *l, double place, double ret[2])
{
    for (size_t i = 0; i + 1 < l->n; i++) {
        double from = x_place(c, l->x[i]), to = x_place(c, l->x[i + 1]), part = (place - from) / (to - from);
        if (!(part >= 0 && part <= 1)) continue;
        ret[0] = y_place(c, l->high[i]) * (1 - part) + y_place(c, l->high[i + 1]) * part;
        ret[1] = y_place(c, l->low[i]) * (1 - part) + y_place(c, l->low[i + 1]) * part;
        return true;
    }
    return false;
}

static void draw_band(struct canvas *c, const struct chart_layer *l)
{
    double ends[2];
    for (size_t column = 0; column < c->columns; column++) {
        if (!band_at(c, l, ((double)column + 0.5) / (double)c->columns, ends)) continue;
        long top = spot(ends[0], c->rows), bottom = spot(ends[1], c->rows);
        for (long row = top < 0 ? 0 : top; row <= bottom && row < (long)c->rows; row++)
            put_behind(c, (long)column, row, c->dots == UNICODE_ASCII ? ":" : "░");
    }
}

static void draw_shade(struct canvas *c, const struct chart_layer *l)
{
    for (size_t i = 0; i < l->n; i++)
        for (long k = column_of(c, l->low[i]); k <= column_of(c, l->high[i]) && k < (long)c->columns; k++)
            put_glyph(c, k, (long)c->rows - 1, c->dots == UNICODE_ASCII ? "_" : "▁", CHART_QUIET);
}

static void draw_extent(struct canvas *c, long row, double low, double high_, enum chart_look look)
{
    bool ascii = c->dots == UNICODE_ASCII;
    double from = x_place(c, low), to = x_place(c, high_);
    if (!(from < to)) return;
    long a = spot(fmax(from, 0), c->columns), b = spot(fmin(to, 1), c->columns);
    for (long k = a; k <= b; k++) put_glyph(c, k, row, ascii ? "-" : "─", look);
    put_glyph(c, a, row, from < 0 ? (ascii ? "<" : "◂") : (ascii ? "|" : "├"), look);
    put_glyph(c, b, row, to > 1 ? (ascii ? ">" : "▸") : (ascii ? "|" : "┤"), look);
}

static long middle_of(const struct canvas *c, double row) /* of a row that is several lines high the last */
{
    long each = (long)(c->rows / (c->panel->y.n_rows ? c->panel->y.n_rows : 1));
    return (long)floor(row) * each + each - 1;
}

static void draw_intervals(struct canvas *c, const struct chart_layer *l)
{
    for (size_t i = 0; i < l->n; i++) {
        long row = middle_of(c, l->y[i]);
        if (l->low && l->low[i] < l->high[i]) draw_extent(c, row, l->low[i], l->high[i], chart_look_at(l, i));
        put_glyph(c, column_of(c, l->x[i]), row, c->dots == UNICODE_ASCII ? "*" : "●", chart_look_at(l, i));
        if (!l->name || !l->name[i] || row < 1) continue;
        const char *text = width_cut(c->arena, plain_shown(c->arena, l->name[i]), c->columns);
        long wide_ = (long)width_of(text), from = column_of(c, l->x[i]) - wide_ / 2;
        from = from > (long)c->columns - wide_ ? (long)c->columns - wide_ : from;
        put_text(c, from < 0 ? 0 : from, row - 1, text);
    }
}

static void draw_bars(struct canvas *c, const struct chart_layer *l)
{
    bool ascii = c->dots == UNICODE_ASCII;
    for (size_t i = 0; i < l->n; i++) {
        long row = middle_of(c, l->y[i]), end = column_of(c, l->x[i]), top = column_of(c, l->x[i]);
        for (long k = column_of(c, 0) < 0 ? 0 : column_of(c, 0); k <= end && k < (long)c->columns; k++)
            put_glyph(c, k, row, ascii ? "=" : "▆", chart_look_at(l, i));
        if (l->low && l->low[i] < l->high[i]) {
            draw_extent(c, row, l->low[i], l->high[i], CHART_INK);
            top = column_of(c, l->high[i]);
        }
        if (l->name && l->name[i]) put_label(c, top > end ? top : end, row, l->name[i]);
    }
}

static const char *span_glyph(const struct canvas *c, enum chart_look look)
{
    bool ascii = c->dots == UNICODE_ASCII;
    switch (look) {
    case CHART_COMPLETE: return ascii ? "=" : "▆";
    case CHART_PRUNED:
    case CHART_QUEUED: return ascii ? "v" : "▂";
    case CHART_RUNNING: return ascii ? "o" : "▅";
    case CHART_INK:
    case CHART_QUIET:
    case CHART_FAILED:
    case CHART_INFEASIBLE:
    case CHART_STALLED:
    case CHART_WINNER:
    case CHART_BASELINE:
    case CHART_REFERENCE:
    case CHART_SECOND: return glyph_of(c, look);
    }
    return "";
}

/* Each ends before the next begins, where there is room to see it. */
static void draw_spans(struct canvas *c, const struct chart_layer *l)
{
    for (size_t i = 0; i < l->n; i++) {
        long from = column_of(c, l->low[i]), to = column_of(c, l->high[i]), row = middle_of(c, l->y[i]);
        for (long k = from < 0 ? 0 : from; k <= to && k < (long)c->columns; k++)
            put_glyph(c, k, row, span_glyph(c, chart_look_at(l, i)), chart_look_at(l, i));
        if (to > from + 1) put_glyph(c, to, row, " ", CHART_QUIET);
    }
}

static const char *const dense[] = {"·", "░", "▒", "▓", "█"}, *const dense_ascii[] = {".", ":", "+", "%", "@"};

static void draw_cells(struct canvas *c, const struct chart_layer *l)
{
    double low, high_;
    const struct chart_cells *m = &l->cells;
    if (!chart_cells_range(m, &low, &high_)) return;
    for (size_t row = 0; row < c->rows; row++)
        for (size_t column = 0; column < c->columns; column++) {
            size_t cell = (m->rows - 1 - row * m->rows / c->rows) * m->columns + column * m->columns / c->columns;
            double part = high_ > low ? (m->value[cell] / 2 - low / 2) / (high_ / 2 - low / 2) : 0.5;
            size_t shade = (size_t)fmin(floor(part * 5), 4);
            if (!isfinite(m->value[cell])) continue;
            bool doubt = chart_cell_is_doubtful(m, cell, low, high_);
            put_glyph(c, (long)column, (long)row, doubt ? "/" : (c->dots == UNICODE_ASCII ? dense_ascii : dense)[shade],
                      CHART_QUIET);
        }
}

static void draw_layer(struct canvas *c, const struct chart_layer *l)
{
    switch (l->kind) {
    case CHART_MARKS: draw_marks(c, l); return;
    case CHART_RAIL: return;
    case CHART_LINE:
    case CHART_STEPS: draw_line(c, l); return;
    case CHART_BAND: draw_band(c, l); return;
    case CHART_SHADE: draw_shade(c, l); return;
    case CHART_AT_X:
    case CHART_AT_Y: draw_across(c, l); return;
    case CHART_BARS: draw_bars(c, l); return;
    case CHART_INTERVALS: draw_intervals(c, l); return;
    case CHART_SPANS: draw_spans(c, l); return;
    case CHART_CELLS: draw_cells(c, l); return;
    }
}

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

static const char *cell_text(const struct canvas *c, const struct cell *cell, char buf[GLYPH])
{
    static const char *const halves[] = {" ", "▀", "▄", "█"};
    if (*cell->glyph) return cell->glyph;
    if (!cell->dots) return " ";
    if (c->dots == UNICODE_BLOCKS) return halves[cell->dots & 3];
    snprintf(buf, GLYPH, "\xe2%c%c", (char)(0xa0 + (cell->dots >> 6)), (char)(0x80 + (cell->dots & 63)));
    return buf;
}

static void write_row(const struct page *p, const struct canvas *c, size_t row)
{
    int before = -1;
    char buf[GLYPH];
    size_t end = c->columns;
    while (end > 0 && !*c->cell[row * c->columns + end - 1].glyph && !c->cell[row * c->columns + end - 1].dots) end--;
    for (size_t i = 0; i < end; i++) {
        const struct cell *cell = &c->cell[row * c->columns + i];
        const char *text = cell_text(c, cell, buf);
        if (*text != ' ' && (int)cell->look != before) {
            if (before >= 0) colour(p, "0");
            colour(p, shapes[cell->look].colour);
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
        if ((long)row == middle_of(c, (double)i)) return plain_shown(a, y->row[i]);
    size_t n = axis_ticks(y, c->rows / 3 < 6 ? c->rows / 3 : 6, tick);
    for (size_t i = 0; i < n; i++)
        if (row_of(c, tick[i]) == (long)row) return arena_strdup(a, axis_tick_text(y, tick, n, i, buf));
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
                put_glyph(&rail, column_of(c, l->x[i]), 0, glyph_of(c, chart_look_at(l, i)), chart_look_at(l, i));
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
        for (size_t i = 0; i < n; i++) at_tick |= column_of(c, tick[i]) == (long)k;
        fputs(at_tick ? (ascii ? "+" : "┴") : (ascii ? "-" : "─"), p->out);
    }
    fprintf(p->out, " %s\n%*s", name, (int)margin + 2, "");
    for (size_t i = 0; i < n; i++) {
        const char *text = axis_tick_text(&c->panel->x, tick, n, i, buf);
        long wide_ = (long)width_of(text), from = column_of(c, tick[i]) - wide_ / 2;
        if (from + wide_ > (long)c->columns) from = (long)c->columns - wide_;
        if (from < (long)used + (used > 0) && used > 0) continue;
        if (from < 0) from = 0;
        fprintf(p->out, "%*s%s", (int)(from - (long)used), "", text);
        used = (size_t)(from + wide_);
    }
    fputc('\n', p->out);
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

static bool is_behind(const struct chart_layer *l)
{
    return l->kind == CHART_SHADE || l->kind == CHART_BAND || l->kind == CHART_CELLS || l->kind == CHART_AT_X ||
           l->kind == CHART_AT_Y;
}

static void draw_panel(struct canvas *c)
{
    const struct chart_panel *panel = c->panel;
    for (size_t k = 0; k < panel->n; k++)
        if (is_behind(&panel->layer[k])) draw_layer(c, &panel->layer[k]);
    for (size_t k = 0; k < panel->n; k++)
        if (!is_behind(&panel->layer[k])) draw_layer(c, &panel->layer[k]);
    for (size_t k = 0; k < panel->n; k++) fix_named(c, &panel->layer[k]);
    for (size_t k = 0; k < panel->n; k++)
        if (panel->layer[k].kind == CHART_MARKS) name_marks(c, &panel->layer[k]);
    for (size_t k = 0; k < panel->n; k++)
        if (panel->layer[k].kind == CHART_LINE || panel->layer[k].kind == CHART_STEPS) name_line(c, &panel->layer[k]);
}

/* Lines that a panel takes besides its plot. */
static size_t around(const struct chart_panel *p)
{
    size_t n = p->title || (p->y.name && *p->y.name) ? 3 : 2;
    for (size_t k = 0; k < p->n; k++)
        if (p->layer[k].kind == CHART_RAIL && p->layer[k].n) return n + 1;
    return n;
}

static size_t plot_rows(const struct chart_panel *p, size_t rows)
{
    size_t n = p->y.n_rows ? p->y.n_rows : 1;
    if (p->y.scale != AXIS_ROWS) return rows;
    for (size_t k = 0; k < p->n; k++)
        if (p->layer[k].kind == CHART_INTERVALS) return 2 * n; /* their numbers stand above */
    return n;
}

static void write_panel(struct page *p, const struct chart_panel *panel, size_t rows)
{
    struct canvas c = {.panel = panel, .dots = p->dots, .rows = plot_rows(panel, rows), .arena = &p->arena};
    size_t margin = margin_of(p, panel, c.rows);
    c.columns = p->columns - margin - 2;
    c.cell = arena_array(&p->arena, c.columns * c.rows, sizeof *c.cell);
    draw_panel(&c);
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
    say_beyond(p, panel);
}

static size_t write_key(const struct page *p, bool print)
{
    bool used[CHART_LOOKS];
    const char *space = "";
    if (chart_key(p->chart, used) < 2) return 0;
    for (int look = 0; look < CHART_LOOKS && print; look++) {
        bool spans = p->chart->panel[0].n && p->chart->panel[0].layer[0].kind == CHART_SPANS;
        const struct canvas c = {.dots = p->dots};
        if (!used[look]) continue;
        fputs(space, p->out);
        colour(p, shapes[look].colour);
        fputs(spans ? span_glyph(&c, (enum chart_look)look) : glyph_of(&c, (enum chart_look)look), p->out);
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
    return left < 6 ? 6 : left > p->columns / 3 ? p->columns / 3 : left;
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
