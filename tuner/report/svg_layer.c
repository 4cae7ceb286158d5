#include "tuner/report/svg_layer.h"

#include "tuner/base/bounded.h"

#include <float.h>
#include <math.h>
#include <string.h>

static double within(double v, double low, double high)
{
    return fmin(fmax(v, low), high);
}

static double right_of(const struct svg_frame *f)
{
    return f->left + f->width;
}

static double bottom_of(const struct svg_frame *f)
{
    return f->top + f->height;
}

static void wish(const struct svg_frame *f, enum svg_near near, double x, double y, const char *text)
{
    if (isfinite(x) && isfinite(y))
        svg_labels_wish(f->labels,
                        &(struct svg_label){.near = near, .n = 1, .x = {x}, .y = {y}, .gap = 8, .text = text});
}

static bool is_important(enum chart_look look)
{
    return look == CHART_WINNER || look == CHART_BASELINE || look == CHART_REFERENCE;
}

/* ---- marks ---- */

static bool seen(const struct svg_frame *f, const struct chart_layer *l, size_t i)
{
    return axis_sees(&f->panel->x, l->x[i]) && (l->kind == CHART_RAIL || axis_sees(&f->panel->y, l->y[i]));
}

static double mark_y(const struct svg_frame *f, const struct chart_layer *l, size_t i)
{
    return l->kind == CHART_RAIL ? bottom_of(f) + f->rail / 2 : svg_y(f, l->y[i]);
}

static void begin_marks(const struct svg_frame *f, const struct chart_layer *l, enum chart_look look)
{
    fprintf(f->out, "<path class=\"no-l%d", look);
    if (svg_is_solid(look))
        fprintf(f->out, " no-f%d\"", look);
    else
        fputs("\" fill=\"none\"", f->out);
    fprintf(f->out, " stroke-width=\"%.1f\" stroke-linecap=\"round\"%s d=\"", svg_mark_stroke(look),
            l->pale ? " opacity=\".4\"" : "");
}

static void draw_look(const struct svg_frame *f, const struct chart_layer *l, enum chart_look look)
{
    size_t drawn = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (chart_look_at(l, i) != look || !seen(f, l, i)) continue;
        if (drawn++ == 0) begin_marks(f, l, look);
        svg_mark(f->out, look, svg_x(f, l->x[i]), mark_y(f, l, i));
        svg_labels_dot(f->labels, svg_x(f, l->x[i]), mark_y(f, l, i));
    }
    if (drawn) fputs("\"/>\n", f->out);
}

static void name_marks(const struct svg_frame *f, const struct chart_layer *l)
{
    for (size_t i = 0; i < l->n; i++) {
        enum chart_look look = chart_look_at(l, i);
        double x = svg_x(f, l->x[i]), y = mark_y(f, l, i);
        if (!seen(f, l, i) || !l->name || !l->name[i]) continue;
        double half = look == CHART_WINNER ? 12 : 6;
        svg_labels_box(f->labels, (struct svg_box){x - half, y - half, x + half, y + half});
        svg_labels_wish(f->labels, &(struct svg_label){.near = SVG_BESIDE,
                                                       .n = 1,
                                                       .x = {x},
                                                       .y = {y},
                                                       .gap = half + 3,
                                                       .text = l->name[i],
                                                       .important = is_important(look)});
    }
}

/* The winner is ringed. */
static void ring(const struct svg_frame *f, const struct chart_layer *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (chart_look_at(l, i) == CHART_WINNER && seen(f, l, i))
            fprintf(f->out,
                    "<circle class=\"no-l%d\" fill=\"none\" stroke-width=\"2\" cx=\"%.1f\" cy=\"%.1f\" r=\"11\"/>\n",
                    CHART_WINNER, svg_x(f, l->x[i]), mark_y(f, l, i));
}

/* ---- density ---- */

enum { BIN = 6 /* px */, SHADES = 5 };

static size_t *count_bins(const struct svg_frame *f, const struct chart_layer *l, size_t columns, size_t rows)
{
    size_t *bin = arena_array(f->arena, columns * rows, sizeof *bin);
    for (size_t i = 0; i < l->n; i++) {
        if (!seen(f, l, i)) continue;
        size_t x = (size_t)within((svg_x(f, l->x[i]) - f->left) / BIN, 0, (double)columns - 1),
               y = (size_t)within((svg_y(f, l->y[i]) - f->top) / BIN, 0, (double)rows - 1);
        bin[y * columns + x]++;
    }
    return bin;
}

/* The more marks the darker, by the root: single ones stay seen. */
static void draw_density(const struct svg_frame *f, const struct chart_layer *l)
{
    size_t columns = (size_t)ceil(f->width / BIN), rows = (size_t)ceil(f->height / BIN), most = 1;
    size_t *bin = count_bins(f, l, columns, rows);
    for (size_t i = 0; i < columns * rows; i++) most = bin[i] > most ? bin[i] : most;
    for (int shade = 1; shade <= SHADES; shade++) {
        fprintf(f->out, "<path class=\"no-f%d\" opacity=\"%.2f\" d=\"", CHART_COMPLETE, 0.15 + 0.85 * shade / SHADES);
        for (size_t i = 0; i < columns * rows; i++) {
            double part = sqrt((double)bin[i] / (double)most);
            if (bin[i] == 0 || (int)ceil(part * SHADES) != shade) continue;
            fprintf(f->out, "M%.0f %.0fh%dv%dh-%dz", f->left + (double)(BIN * (i % columns)),
                    f->top + (double)(BIN * (i / columns)), BIN, BIN, BIN);
        }
        fputs("\"/>\n", f->out);
    }
}

/* On a heat map the winner needs a ground of its own. */
static void ground(const struct svg_frame *f, const struct chart_layer *l)
{
    for (size_t i = 0; chart_has(f->panel, CHART_CELLS) && i < l->n; i++)
        if (chart_look_at(l, i) == CHART_WINNER && seen(f, l, i))
            fprintf(f->out, "<circle class=\"no-p\" cx=\"%.1f\" cy=\"%.1f\" r=\"12\"/>\n", svg_x(f, l->x[i]),
                    mark_y(f, l, i));
}

static void draw_marks(const struct svg_frame *f, const struct chart_layer *l)
{
    ground(f, l);
    if (chart_is_dense(l) && l->kind == CHART_MARKS) {
        draw_density(f, l);
    } else
        for (int look = 0; look < CHART_LOOKS; look++) draw_look(f, l, (enum chart_look)look);
    ring(f, l);
    name_marks(f, l);
}

/* ---- lines ---- */

struct pen { /* a line that stays in its frame */
    const struct svg_frame *f;
    bool down;
    double x, y;
};

static bool inside(double *from, double *to, double p, double q)
{
    if (p == 0) return q >= 0;
    double t = q / p;
    if (p < 0) {
        if (t > *to) return false;
        *from = fmax(*from, t);
    } else {
        if (t < *from) return false;
        *to = fmin(*to, t);
    }
    return true;
}

/* The part of a stretch that the frame shows [Liang, Barsky 1984]. */
static bool clip(const struct svg_frame *f, double x0, double y0, double x1, double y1, double ret[2])
{
    double dx = x1 - x0, dy = y1 - y0;
    ret[0] = 0;
    ret[1] = 1;
    return inside(&ret[0], &ret[1], -dx, x0 - f->left) && inside(&ret[0], &ret[1], dx, right_of(f) - x0) &&
           inside(&ret[0], &ret[1], -dy, y0 - f->top) && inside(&ret[0], &ret[1], dy, bottom_of(f) - y0);
}

static void stretch(struct pen *p, double x0, double y0, double x1, double y1)
{
    double part[2];
    if (!clip(p->f, x0, y0, x1, y1, part)) {
        p->down = false;
        return;
    }
    double fx = x0 + part[0] * (x1 - x0), fy = y0 + part[0] * (y1 - y0), tx = x0 + part[1] * (x1 - x0),
           ty = y0 + part[1] * (y1 - y0);
    if (!p->down || part[0] > 0) fprintf(p->f->out, "M%.1f %.1f", fx, fy);
    fprintf(p->f->out, "L%.1f %.1f", tx, ty);
    svg_labels_line(p->f->labels, fx, fy, tx, ty);
    p->down = part[1] >= 1;
    p->x = tx;
    p->y = ty;
}

/* Places of a line's points, those beyond the range far outside, so that it leaves where it should. */
static bool point(const struct svg_frame *f, const struct chart_layer *l, size_t i, double *x, double *y)
{
    *x = within(svg_x(f, l->x[i]), -1e5, 1e5);
    *y = within(svg_y(f, l->y[i]), -1e5, 1e5);
    return !isnan(svg_x(f, l->x[i])) && !isnan(svg_y(f, l->y[i]));
}

static void trace(const struct svg_frame *f, const struct chart_layer *l, struct pen *p)
{
    double x, y, x0 = NAN, y0 = NAN;
    for (size_t i = 0; i < l->n; i++) {
        if (!point(f, l, i, &x, &y)) {
            x0 = NAN;
            p->down = false;
            continue;
        }
        if (isnan(x0)) {
        } else if (l->kind == CHART_STEPS) {
            stretch(p, x0, y0, x, y0);
            stretch(p, x, y0, x, y);
        } else
            stretch(p, x0, y0, x, y);
        x0 = x;
        y0 = y;
    }
}

/* At its end, or at places before that. */
static void name_line(const struct svg_frame *f, const struct chart_layer *l, const struct pen *p)
{
    struct svg_label label = {.near = SVG_ALONG,
                              .n = 1,
                              .x = {p->x},
                              .y = {p->y},
                              .text = l->label,
                              .important = l->bold || is_important(l->look) || l->dashed};
    for (size_t part = 7; part > 0 && label.n < SVG_ANCHORS; part--) {
        size_t i = l->n * part / 8;
        if (!axis_sees(&f->panel->x, l->x[i]) || !axis_sees(&f->panel->y, l->y[i])) continue;
        label.x[label.n] = svg_x(f, l->x[i]);
        label.y[label.n++] = svg_y(f, l->y[i]);
    }
    svg_labels_wish(f->labels, &label);
}

static void draw_line(const struct svg_frame *f, const struct chart_layer *l)
{
    struct pen p = {.f = f, .x = NAN};
    fprintf(f->out, "<path class=\"no-l%d\" fill=\"none\" stroke-linejoin=\"round\" stroke-width=\"%.1f\"%s%s d=\"",
            l->look,
            l->bold   ? 2.2
            : l->pale ? 1
                      : 1.4,
            l->dashed ? " stroke-dasharray=\"5 4\"" : "", l->pale ? " opacity=\".45\"" : "");
    trace(f, l, &p);
    fputs("\"/>\n", f->out);
    if (l->label && !isnan(p.x)) name_line(f, l, &p);
}

static void draw_stroke(const struct svg_frame *f, const struct chart_layer *l, struct svg_box b)
{
    fprintf(f->out, "<path class=\"no-l%d\" stroke-width=\"1\"%s d=\"M%.1f %.1fL%.1f %.1f\"/>\n", l->look,
            l->dashed ? " stroke-dasharray=\"2 3\"" : "", b.left, b.top, b.right, b.bottom);
    svg_labels_line(f->labels, b.left, b.top, b.right, b.bottom);
}

/* Not through the names of rows. */
static void draw_upright(const struct svg_frame *f, const struct chart_layer *l, double x)
{
    size_t rows = f->header > 0 ? f->panel->y.n_rows : 1;
    double each = f->height / (double)rows;
    for (size_t i = 0; i < rows; i++) {
        double top = f->top + each * (double)i;
        draw_stroke(f, l, (struct svg_box){x, top + f->header, x, top + each});
    }
    if (l->label) wish(f, SVG_OVER, x, f->top, l->label);
}

static void draw_across(const struct svg_frame *f, const struct chart_layer *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->kind == CHART_AT_X && axis_sees(&f->panel->x, l->x[i]))
            draw_upright(f, l, svg_x(f, l->x[i]));
        else if (l->kind == CHART_AT_Y && axis_sees(&f->panel->y, l->y[i])) {
            double y = svg_y(f, l->y[i]);
            draw_stroke(f, l, (struct svg_box){f->left, y, right_of(f), y});
            if (l->label && i == 0) wish(f, SVG_ALONG, right_of(f), y, l->label);
        }
}

/* ---- areas ---- */

static void box(const struct svg_frame *f, double x0, double y0, double x1, double y1)
{
    fprintf(f->out, "M%.1f %.1fH%.1fV%.1fH%.1fz", within(x0, f->left, right_of(f)), within(y0, f->top, bottom_of(f)),
            within(x1, f->left, right_of(f)), within(y1, f->top, bottom_of(f)), within(x0, f->left, right_of(f)));
}

static void draw_shade(const struct svg_frame *f, const struct chart_layer *l)
{
    for (size_t i = 0; i < l->n; i++) {
        double x0 = svg_x(f, l->low[i]), x1 = svg_x(f, l->high[i]);
        if (!(x0 < right_of(f) && x1 > f->left)) continue;
        fputs("<path class=\"no-s\" d=\"", f->out);
        box(f, x0, f->top, x1, bottom_of(f));
        fputs("\"/>\n", f->out);
        x0 = within(x0, f->left, right_of(f));
        x1 = within(x1, f->left, right_of(f));
        if (l->label) wish(f, SVG_OVER, (x0 + x1) / 2, f->top + 20, l->label);
    }
}

static void draw_band(const struct svg_frame *f, const struct chart_layer *l)
{
    char begin = 'M';
    fprintf(f->out, "<path class=\"no-f%d\" opacity=\".16\" d=\"", l->look);
    for (size_t k = 0; k < 2 * l->n; k++) { /* there by the upper ends, and back */
        size_t i = k < l->n ? k : 2 * l->n - 1 - k;
        double x = svg_x(f, l->x[i]), y = svg_y(f, k < l->n ? l->high[i] : l->low[i]);
        if (isnan(x) || isnan(y)) continue;
        fprintf(f->out, "%c%.1f %.1f", begin, within(x, f->left, right_of(f)), within(y, f->top, bottom_of(f)));
        begin = 'L';
    }
    fputs(begin == 'L' ? "z\"/>\n" : "\"/>\n", f->out);
    if (l->label && l->n) wish(f, SVG_ALONG, svg_x(f, l->x[l->n - 1]), svg_y(f, l->high[l->n - 1]), l->label);
}

/* ---- in rows ---- */

static double row_height(const struct svg_frame *f)
{
    return f->height / (double)(f->panel->y.n_rows ? f->panel->y.n_rows : 1);
}

/* Open towards what is unknown or beyond. */
static void draw_extent(const struct svg_frame *f, enum chart_look look, double x0, double x1, double y)
{
    double a = within(x0, f->left, right_of(f)), b = within(x1, f->left, right_of(f));
    if (isnan(x0) || isnan(x1) || a >= b) return;
    fprintf(f->out, "<path class=\"no-l%d\" fill=\"none\" stroke-width=\"1.5\" d=\"M%.1f %.1fH%.1f", look, a, y, b);
    if (x0 >= f->left) fprintf(f->out, "M%.1f %.1fv8", a, y - 4);
    if (x1 <= right_of(f)) fprintf(f->out, "M%.1f %.1fv8", b, y - 4);
    if (x0 < f->left) fprintf(f->out, "M%.1f %.1fl-5 4l5 4", a + 5, y - 4);
    if (x1 > right_of(f)) fprintf(f->out, "M%.1f %.1fl5 4l-5 4", b - 5, y - 4);
    fputs("\"/>\n", f->out);
    svg_labels_box(f->labels, (struct svg_box){a, y - 4, b, y + 4});
}

/* In numbers, at the right of the line that has the row's name. */
static void write_value(const struct svg_frame *f, const struct chart_layer *l, size_t i)
{
    double top = f->top + row_height(f) * floor(l->y[i] + 0.5);
    if (l->name && l->name[i])
        svg_text(f->out, &(struct svg_text){right_of(f), top + f->header - 4, SVG_PLAIN, SVG_END, l->name[i]}, true);
}

static void draw_intervals(const struct svg_frame *f, const struct chart_layer *l)
{
    for (size_t i = 0; i < l->n; i++) {
        double x = svg_x(f, l->x[i]), y = svg_y(f, l->y[i]);
        enum chart_look look = chart_look_at(l, i);
        if (isnan(x) || isnan(y)) continue;
        if (l->low && l->low[i] < l->high[i]) draw_extent(f, look, svg_x(f, l->low[i]), svg_x(f, l->high[i]), y);
        if (axis_sees(&f->panel->x, l->x[i]))
            fprintf(f->out, "<path class=\"no-l%d\" stroke-width=\"8\" stroke-linecap=\"round\" d=\"M%.1f %.1fh0\"/>\n",
                    look, x, y);
        write_value(f, l, i);
    }
}

static void draw_bars(const struct svg_frame *f, const struct chart_layer *l)
{
    double half = within((row_height(f) - f->header) * 0.3, 2, 9);
    for (size_t i = 0; i < l->n; i++) {
        double zero = svg_x(f, 0), x = svg_x(f, l->x[i]), y = svg_y(f, l->y[i]), end = x;
        if (isnan(x) || isnan(y)) continue;
        fprintf(f->out, "<path class=\"no-f%d\" opacity=\".55\" d=\"", chart_look_at(l, i));
        box(f, fmin(zero, x), y - half, fmax(zero, x), y + half);
        fputs("\"/>\n", f->out);
        if (l->low && l->low[i] < l->high[i]) {
            draw_extent(f, CHART_INK, svg_x(f, l->low[i]), svg_x(f, l->high[i]), y);
            end = fmax(x, within(svg_x(f, l->high[i]), f->left, right_of(f)));
        }
        if (f->header > 0)
            write_value(f, l, i);
        else if (l->name && l->name[i])
            wish(f, SVG_BESIDE, end, y, l->name[i]);
    }
}

/* What is not complete is not as high, so that it is told apart without its colour. */
double svg_span_half(enum chart_look look, double row)
{
    switch (look) {
    case CHART_COMPLETE: return row * 0.36;
    case CHART_PRUNED: return row * 0.14;
    case CHART_QUEUED: return row * 0.06;
    case CHART_INK:
    case CHART_QUIET:
    case CHART_FAILED:
    case CHART_RUNNING:
    case CHART_INFEASIBLE:
    case CHART_LOST:
    case CHART_WINNER:
    case CHART_BASELINE:
    case CHART_REFERENCE:
    case CHART_SECOND: break;
    }
    return row * 0.26;
}

/* Spans of one look that nobody could tell apart are one: there are no more than pixels. */
static void draw_spans_of(const struct svg_frame *f, const struct chart_layer *l, enum chart_look look)
{
    double row = -1, from = NAN, to = NAN, half = svg_span_half(look, row_height(f));
    fprintf(f->out, "<path class=\"no-f%d\" d=\"", look);
    for (size_t i = 0; i <= l->n; i++) {
        if (i < l->n && chart_look_at(l, i) != look) continue;
        double x0 = i < l->n ? svg_x(f, l->low[i]) : NAN,
               x1 = i < l->n ? fmax(svg_x(f, l->high[i]) - 0.5, x0 + 0.8) : NAN;
        if (i < l->n && l->y[i] == row && x0 >= from && x0 < to + 0.3) {
            to = fmax(to, x1);
            continue;
        }
        if (from < right_of(f) && to > f->left) box(f, from, svg_y(f, row) - half, to, svg_y(f, row) + half);
        from = x0;
        to = x1;
        row = i < l->n ? l->y[i] : -1;
    }
    fputs("\"/>\n", f->out);
}

static void draw_spans(const struct svg_frame *f, const struct chart_layer *l)
{
    bool used[CHART_LOOKS] = {0};
    for (size_t i = 0; i < l->n; i++) used[chart_look_at(l, i)] = true;
    for (int look = 0; look < CHART_LOOKS; look++)
        if (used[look]) draw_spans_of(f, l, (enum chart_look)look);
}

/* ---- a heat map ---- */

const char *svg_shade(size_t i) /* viridis */
{
    static const char *const shades[SVG_SHADES] = {"#440154", "#46327e", "#365c8d", "#277f8e",
                                                   "#1fa187", "#4ac16d", "#a0da39", "#fde725"};
    return shades[i < SVG_SHADES ? i : SVG_SHADES - 1];
}

static size_t shade_of(double v, double low, double high)
{
    double part = high > low ? (v / 2 - low / 2) / (high / 2 - low / 2) : 0.5;
    return (size_t)within(floor(part * SVG_SHADES), 0, SVG_SHADES - 1);
}

/* Runs of one shade in a row are one rectangle. */
static void draw_shade_of(const struct svg_frame *f, const struct chart_cells *c, size_t shade, const double range[2])
{
    double wide = f->width / (double)c->columns, high = f->height / (double)c->rows;
    fprintf(f->out, "<path fill=\"%s\" shape-rendering=\"crispEdges\" d=\"", svg_shade(shade));
    for (size_t row = 0; row < c->rows; row++)
        for (size_t from = 0, to; from < c->columns; from = to + 1) {
            const double *v = &c->value[row * c->columns];
            for (to = from; to < c->columns && isfinite(v[to]) && shade_of(v[to], range[0], range[1]) == shade;) to++;
            if (to > from)
                box(f, f->left + wide * (double)from, bottom_of(f) - high * (double)(row + 1),
                    f->left + wide * (double)to, bottom_of(f) - high * (double)row);
        }
    fputs("\"/>\n", f->out);
}

/* A stroke across each cell of which little is known. */
static void hatch(const struct svg_frame *f, const struct chart_cells *c, const double range[2])
{
    double wide = f->width / (double)c->columns, high = f->height / (double)c->rows;
    fputs("<path class=\"no-h\" fill=\"none\" style=\"stroke-width:1.2px\" d=\"", f->out);
    for (size_t i = 0; i < c->rows * c->columns; i++)
        if (chart_cell_is_doubtful(c, i, range[0], range[1]))
            fprintf(f->out, "M%.1f %.1fl%.1f %.1f", f->left + wide * (double)(i % c->columns),
                    bottom_of(f) - high * (double)(i / c->columns), wide, -high);
    fputs("\"/>\n", f->out);
}

static void draw_cells(const struct svg_frame *f, const struct chart_layer *l)
{
    double range[2];
    if (!chart_cells_range(&l->cells, &range[0], &range[1])) return;
    for (size_t k = 0; k < SVG_SHADES; k++) draw_shade_of(f, &l->cells, k, range);
    hatch(f, &l->cells, range);
}

void svg_layer(const struct svg_frame *f, const struct chart_layer *l)
{
    switch (l->kind) {
    case CHART_MARKS:
    case CHART_RAIL: draw_marks(f, l); return;
    case CHART_LINE:
    case CHART_STEPS: draw_line(f, l); return;
    case CHART_BAND: draw_band(f, l); return;
    case CHART_SHADE: draw_shade(f, l); return;
    case CHART_AT_X:
    case CHART_AT_Y: draw_across(f, l); return;
    case CHART_BARS: draw_bars(f, l); return;
    case CHART_INTERVALS: draw_intervals(f, l); return;
    case CHART_SPANS: draw_spans(f, l); return;
    case CHART_CELLS: draw_cells(f, l); return;
    }
}
