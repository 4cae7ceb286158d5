#include "tuner/report/unicode_layer.h"

#include "tuner/base/plain.h"
#include "tuner/base/width.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* More than a few are dots: shapes would hide each other. */
static bool is_crowded(const struct canvas *c, const struct chart_layer *l)
{
    return l->n > c->columns * c->rows / 4;
}

/* Quiet marks would be lost among the shades of a heat map. */
static enum chart_look look_at(const struct canvas *c, const struct chart_layer *l, size_t i)
{
    enum chart_look look = chart_look_at(l, i);
    return look == CHART_QUIET && chart_has(c->panel, CHART_CELLS) ? CHART_INK : look;
}

static const char *glyph_of(const struct canvas *c, const struct chart_layer *l, enum chart_look look)
{
    if (l->pale && look == CHART_COMPLETE) return c->dots == UNICODE_ASCII ? "." : "∘";
    return canvas_mark(c, look);
}

static void draw_marks(struct canvas *c, const struct chart_layer *l)
{
    for (size_t i = 0; i < l->n; i++) {
        double x = canvas_x(c, l->x[i]), y = canvas_y(c, l->y[i]);
        enum chart_look look = look_at(c, l, i);
        if (!axis_sees(&c->panel->x, l->x[i]) || !axis_sees(&c->panel->y, l->y[i])) continue;
        if (is_crowded(c, l))
            canvas_dot(c, canvas_spot(x, c->columns * (size_t)canvas_wide(c)),
                       canvas_spot(y, c->rows * (size_t)canvas_high(c)), look, ":");
        else
            canvas_glyph(c, canvas_column(c, l->x[i]), canvas_row(c, l->y[i]), glyph_of(c, l, look), look);
    }
}

static void fix_named(struct canvas *c, const struct chart_layer *l)
{
    for (size_t i = 0; l->name && i < l->n; i++) {
        if (!l->name[i] || l->kind != CHART_MARKS || !axis_sees(&c->panel->x, l->x[i]) ||
            !axis_sees(&c->panel->y, l->y[i]))
            continue;
        struct cell *cell = canvas_at(c, canvas_column(c, l->x[i]), canvas_row(c, l->y[i]));
        if (cell) cell->fixed = true;
    }
}

static void name_marks(struct canvas *c, const struct chart_layer *l)
{
    for (size_t i = 0; l->name && i < l->n; i++)
        if (l->name[i] && axis_sees(&c->panel->x, l->x[i]) && axis_sees(&c->panel->y, l->y[i]))
            canvas_label(c, canvas_column(c, l->x[i]), canvas_row(c, l->y[i]), l->name[i]);
}

/* ---- lines ---- */

static void draw_stretch(struct canvas *c, const struct chart_layer *l, const double from[2], const double to[2])
{
    double width = (double)(c->columns * (size_t)canvas_wide(c)), height = (double)(c->rows * (size_t)canvas_high(c)),
           dx = (to[0] - from[0]) * width, dy = (to[1] - from[1]) * height, steps = ceil(fmax(fabs(dx), fabs(dy)));
    const char *ascii = fabs(dy) > fabs(dx) ? "|" : l->bold || l->kind == CHART_STEPS ? "-" : ".";
    if (!(steps < 1e5)) return;
    for (double k = 0; k <= steps; k++) {
        double part = steps > 0 ? k / steps : 0, x = from[0] + part * (to[0] - from[0]),
               y = from[1] + part * (to[1] - from[1]);
        if (x < 0 || x > 1 || y < 0 || y > 1 || (l->dashed && (long)k / 3 % 2)) continue;
        canvas_dot(c, canvas_spot(x, (size_t)width), canvas_spot(y, (size_t)height), l->look, ascii);
    }
}

static void draw_line(struct canvas *c, const struct chart_layer *l)
{
    double before[2] = {NAN, NAN};
    for (size_t i = 0; i < l->n; i++) {
        double now[2] = {fmin(fmax(canvas_x(c, l->x[i]), -50), 50), fmin(fmax(canvas_y(c, l->y[i]), -50), 50)};
        if (isnan(canvas_x(c, l->x[i])) || isnan(canvas_y(c, l->y[i]))) now[0] = NAN;
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
            canvas_label(c, canvas_column(c, l->x[i]), canvas_row(c, l->y[i]), l->label);
            return;
        }
}

static void draw_across(struct canvas *c, const struct chart_layer *l)
{
    bool upright = l->kind == CHART_AT_X, ascii = c->dots == UNICODE_ASCII;
    for (size_t i = 0; i < l->n; i++) {
        if (!axis_sees(upright ? &c->panel->x : &c->panel->y, upright ? l->x[i] : l->y[i])) continue;
        long x = upright ? canvas_column(c, l->x[i]) : 0, y = upright ? 0 : canvas_row(c, l->y[i]);
        for (size_t k = 0; k < (upright ? c->rows : c->columns); k++)
            canvas_glyph(c, x + (upright ? 0 : (long)k), y + (upright ? (long)k : 0),
                         upright ? (ascii       ? ":"
                                    : l->dashed ? "┊"
                                                : "│")
                                 : (ascii       ? "-"
                                    : l->dashed ? "┄"
                                                : "─"),
                         CHART_QUIET);
        if (l->label && !upright) canvas_label(c, (long)c->columns - 3, y, l->label);
    }
}

/* ---- areas and rows ---- */

/* Where on the axis `place` lies between two points, by their places; false: outside. */
static bool band_at(const struct canvas *c, const struct chart_layer *l, double place, double ret[2])
{
    for (size_t i = 0; i + 1 < l->n; i++) {
        double from = canvas_x(c, l->x[i]), to = canvas_x(c, l->x[i + 1]), part = (place - from) / (to - from);
        if (!(part >= 0 && part <= 1)) continue;
        ret[0] = canvas_y(c, l->high[i]) * (1 - part) + canvas_y(c, l->high[i + 1]) * part;
        ret[1] = canvas_y(c, l->low[i]) * (1 - part) + canvas_y(c, l->low[i + 1]) * part;
        return true;
    }
    return false;
}

static void draw_band(struct canvas *c, const struct chart_layer *l)
{
    double ends[2];
    for (size_t column = 0; column < c->columns; column++) {
        if (!band_at(c, l, ((double)column + 0.5) / (double)c->columns, ends)) continue;
        long top = canvas_spot(ends[0], c->rows), bottom = canvas_spot(ends[1], c->rows);
        for (long row = top < 0 ? 0 : top; row <= bottom && row < (long)c->rows; row++)
            canvas_behind(c, (long)column, row, c->dots == UNICODE_ASCII ? ":" : "░");
    }
}

static void draw_shade(struct canvas *c, const struct chart_layer *l)
{
    for (size_t i = 0; i < l->n; i++)
        for (long k = canvas_column(c, l->low[i]); k <= canvas_column(c, l->high[i]) && k < (long)c->columns; k++)
            canvas_glyph(c, k, (long)c->rows - 1, c->dots == UNICODE_ASCII ? "_" : "▁", CHART_QUIET);
}

static void draw_extent(struct canvas *c, long row, double low, double high_, enum chart_look look)
{
    bool ascii = c->dots == UNICODE_ASCII;
    double from = canvas_x(c, low), to = canvas_x(c, high_);
    if (!(from < to)) return;
    long a = canvas_spot(fmax(from, 0), c->columns), b = canvas_spot(fmin(to, 1), c->columns);
    for (long k = a; k <= b; k++) canvas_glyph(c, k, row, ascii ? "-" : "─", look);
    canvas_glyph(c, a, row, from < 0 ? (ascii ? "<" : "◂") : (ascii ? "|" : "├"), look);
    canvas_glyph(c, b, row, to > 1 ? (ascii ? ">" : "▸") : (ascii ? "|" : "┤"), look);
}

long unicode_layer_middle(const struct canvas *c, double row)
{
    long each = (long)(c->rows / (c->panel->y.n_rows ? c->panel->y.n_rows : 1));
    return (long)floor(row) * each + each - 1;
}

static void draw_intervals(struct canvas *c, const struct chart_layer *l)
{
    for (size_t i = 0; i < l->n; i++) {
        long row = unicode_layer_middle(c, l->y[i]);
        if (l->low && l->low[i] < l->high[i]) draw_extent(c, row, l->low[i], l->high[i], chart_look_at(l, i));
        canvas_glyph(c, canvas_column(c, l->x[i]), row, c->dots == UNICODE_ASCII ? "*" : "●", chart_look_at(l, i));
        if (!l->name || !l->name[i] || row < 1) continue;
        const char *text = width_cut(c->arena, plain_shown(c->arena, l->name[i]), c->columns);
        long wide_ = (long)width_of(text), from = canvas_column(c, l->x[i]) - wide_ / 2;
        from = from > (long)c->columns - wide_ ? (long)c->columns - wide_ : from;
        canvas_text(c, from < 0 ? 0 : from, row - 1, text);
    }
}

/* Behind the interval, before it, else within: both its ends stay seen. */
static void name_bar(struct canvas *c, const char *name, long row, long low, long high)
{
    const char *text = plain_shown(c->arena, name);
    long n = (long)width_of(text), gap = (high - low - n) / 2;
    if (high + 2 + n <= (long)c->columns)
        canvas_text(c, high + 2, row, text);
    else if (low - 1 - n >= 0)
        canvas_text(c, low - 1 - n, row, text);
    else if (gap > 0)
        canvas_text(c, low + gap, row, text);
}

static void draw_bars(struct canvas *c, const struct chart_layer *l)
{
    bool ascii = c->dots == UNICODE_ASCII;
    for (size_t i = 0; i < l->n; i++) {
        long row = unicode_layer_middle(c, l->y[i]), end = canvas_column(c, l->x[i]), low = end, high = end;
        for (long k = canvas_column(c, 0) < 0 ? 0 : canvas_column(c, 0); k <= end && k < (long)c->columns; k++)
            canvas_glyph(c, k, row, ascii ? "=" : "▆", chart_look_at(l, i));
        if (l->low && l->low[i] < l->high[i]) {
            draw_extent(c, row, l->low[i], l->high[i], CHART_INK);
            low = canvas_column(c, l->low[i]);
            high = canvas_column(c, l->high[i]);
        }
        if (l->name && l->name[i]) name_bar(c, l->name[i], row, low < end ? low : end, high > end ? high : end);
    }
}

const char *unicode_layer_span(const struct canvas *c, enum chart_look look)
{
    bool ascii = c->dots == UNICODE_ASCII;
    switch (look) {
    case CHART_COMPLETE: return ascii ? "=" : "▆";
    case CHART_PRUNED: return ascii ? "v" : "▂";
    case CHART_QUEUED: return ascii ? "q" : "▁";
    case CHART_RUNNING: return ascii ? "o" : "▅";
    case CHART_INK:
    case CHART_QUIET:
    case CHART_FAILED:
    case CHART_INFEASIBLE:
    case CHART_LOST:
    case CHART_WINNER:
    case CHART_BASELINE:
    case CHART_REFERENCE:
    case CHART_SECOND: return canvas_mark(c, look);
    }
    return "";
}

/* Each ends before the next begins, where there is room to see it. */
static void draw_spans(struct canvas *c, const struct chart_layer *l)
{
    for (size_t i = 0; i < l->n; i++) {
        long from = canvas_column(c, l->low[i]), to = canvas_column(c, l->high[i]),
             row = unicode_layer_middle(c, l->y[i]);
        for (long k = from < 0 ? 0 : from; k <= to && k < (long)c->columns; k++)
            canvas_glyph(c, k, row, unicode_layer_span(c, chart_look_at(l, i)), chart_look_at(l, i));
        if (to > from + 1) canvas_glyph(c, to, row, " ", CHART_QUIET);
    }
}

const char *unicode_layer_shade(const struct canvas *c, size_t i)
{
    static const char *const shades[UNICODE_LAYER_SHADES] = {" ", "░", "▒", "▓", "█"},
                             *const ascii[UNICODE_LAYER_SHADES] = {" ", ":", "+", "%", "@"};
    return (c->dots == UNICODE_ASCII ? ascii : shades)[i];
}

static void draw_cells(struct canvas *c, const struct chart_layer *l)
{
    double low, high_;
    const struct chart_cells *m = &l->cells;
    if (!chart_cells_range(m, &low, &high_)) return;
    for (size_t row = 0; row < c->rows; row++)
        for (size_t column = 0; column < c->columns; column++) {
            size_t cell = (m->rows - 1 - row * m->rows / c->rows) * m->columns + column * m->columns / c->columns;
            double part = high_ > low ? (m->value[cell] / 2 - low / 2) / (high_ / 2 - low / 2) : 0.5;
            size_t shade = (size_t)fmin(floor(part * UNICODE_LAYER_SHADES), UNICODE_LAYER_SHADES - 1);
            if (!isfinite(m->value[cell])) continue;
            bool doubt = chart_cell_is_doubtful(m, cell, low, high_);
            canvas_glyph(c, (long)column, (long)row, doubt ? "/" : unicode_layer_shade(c, shade), CHART_QUIET);
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

/* ---- all of them ---- */

void unicode_layer_all(struct canvas *c)
{
    const struct chart_panel *panel = c->panel;
    for (size_t k = 0; k < panel->n; k++)
        if (chart_is_behind(&panel->layer[k])) draw_layer(c, &panel->layer[k]);
    for (size_t k = 0; k < panel->n; k++)
        if (!chart_is_behind(&panel->layer[k])) draw_layer(c, &panel->layer[k]);
    for (size_t k = 0; k < panel->n; k++) fix_named(c, &panel->layer[k]);
    for (size_t k = 0; k < panel->n; k++)
        if (panel->layer[k].kind == CHART_MARKS) name_marks(c, &panel->layer[k]);
    for (size_t k = 0; k < panel->n; k++)
        if (panel->layer[k].kind == CHART_LINE || panel->layer[k].kind == CHART_STEPS) name_line(c, &panel->layer[k]);
}
