#include "tuner/report/svg.h"

#include "tuner/report/svg_layer.h"

#include <math.h>
#include <string.h>

/* From the top: title, caption, key, then the panels; each has its title, the name of its y axis, the plot, the rail,
 * ticks, the name of its x axis. */
enum {
    SIDE = 12,
    GAP = 32,
    TITLE_LINE = 24,
    LINE = 16,
    TICK_ROOM = 20,
    BESIDE_FROM = 620,
    ROW = 38,
    TICK_WIDTH = 64,
    LEGEND = 5 /* labels */
};

struct sheet { /* the picture as it is laid out */
    FILE *out;
    struct arena arena;
    const struct chart *chart;
    double width, height;
    size_t n_title, n_caption;
    const char **title, **caption;
    size_t columns; /* panels beside each other */
    struct svg_frame *frame;
};

/* ---- layout ---- */

static const struct chart_cells *cells_of(const struct chart_panel *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->layer[i].kind == CHART_CELLS) return &p->layer[i].cells;
    return NULL;
}

static double y_ticks_width(const struct axis *y)
{
    double tick[AXIS_TICKS_MAX], widest = 0;
    char buf[AXIS_TEXT_MAX];
    size_t n = axis_ticks(y, 6, tick);
    for (size_t i = 0; i < n; i++) widest = fmax(widest, svg_text_width(SVG_SMALL, axis_tick_text(y, tick, n, i, buf)));
    return widest;
}

static double names_width(const struct axis *y)
{
    double widest = 0;
    for (size_t i = 0; i < y->n_rows; i++) widest = fmax(widest, svg_text_width(SVG_PLAIN, y->row[i]));
    return widest;
}

/* Names of rows that would take too much stand above their rows; so do those that have their numbers there. */
static bool names_above(const struct chart_panel *p, double room)
{
    return chart_has(p, CHART_INTERVALS) || names_width(&p->y) > 0.34 * room;
}

/* Has a row a name and a number that are too wide for one line? */
static bool is_crowded(const struct chart_panel *p, double room)
{
    for (size_t k = 0; k < p->n; k++) {
        const struct chart_layer *l = &p->layer[k];
        if (l->kind != CHART_INTERVALS && l->kind != CHART_BARS) continue;
        for (size_t i = 0; i < l->n; i++) {
            size_t row = isfinite(l->y[i]) ? (size_t)fmax(l->y[i], 0) : p->y.n_rows;
            if (row >= p->y.n_rows || !l->name || !l->name[i]) continue;
            if (svg_text_width(SVG_PLAIN, p->y.row[row]) + svg_text_width(SVG_PLAIN, l->name[i]) + 24 > room)
                return true;
        }
    }
    return false;
}

/* The lines above each row, in all panels alike: those that stand beside each other share their names. */
static double header_of(const struct sheet *s, const struct chart_panel *p, double room)
{
    bool crowded = false;
    if (p->y.scale != AXIS_ROWS || !names_above(p, room)) return 0;
    for (size_t i = 0; i < s->chart->n_panels; i++) crowded |= is_crowded(&s->chart->panel[i], room);
    return crowded ? 2 * LINE + 2 : LINE + 2;
}

static double margin_of(const struct sheet *s, size_t panel, double room)
{
    const struct chart_panel *p = &s->chart->panel[panel];
    if (p->y.scale != AXIS_ROWS) return y_ticks_width(&p->y) + 10;
    return names_above(p, room) ? 4 : names_width(&p->y) + 12;
}

static double plot_height(const struct sheet *s, const struct chart_panel *p, double width, double room)
{
    if (p->y.scale == AXIS_ROWS) {
        double row = chart_has(p, CHART_SPANS) || chart_has(p, CHART_BARS) ? 24 : ROW;
        return (row + fmax(header_of(s, p, room) - 2, 0)) * (double)(p->y.n_rows ? p->y.n_rows : 1);
    }
    if (s->chart->square) return fmin(fmax(width, 200), 560);
    return fmin(fmax(width * (s->columns > 1 ? 0.75 : 0.56), 180), 460);
}

static double above_plot(const struct chart_panel *p)
{
    return (p->title ? 22 : 0) + (p->y.name && *p->y.name && p->y.scale != AXIS_ROWS ? LINE + 6 : 8);
}

static double below_plot(const struct chart_panel *p)
{
    return TICK_ROOM + (p->x.name && *p->x.name ? LINE : 0) + (cells_of(p) ? 2 * LINE + 20 : 0) + 8;
}

/* One panel from `left`, `room` wide; returns where it ends. */
static double lay_panel(struct sheet *s, size_t i, double left, double top, double room)
{
    const struct chart_panel *p = &s->chart->panel[i];
    struct svg_frame *f = &s->frame[i];
    double margin = margin_of(s, i, room);
    *f = (struct svg_frame){.out = s->out,
                            .arena = &s->arena,
                            .panel = p,
                            .left = left + margin,
                            .top = top + above_plot(p),
                            .width = fmax(room - margin - 8, 40),
                            .rail = chart_has(p, CHART_RAIL) ? SVG_RAIL : 0,
                            .page = s->width,
                            .header = header_of(s, p, room),
                            .names = i % s->columns == 0 || !chart_has(p, CHART_INTERVALS),
                            .labels = svg_labels_new(&s->arena)};
    f->height = plot_height(s, p, f->width, room);
    return f->top + f->height + f->rail + below_plot(p);
}

static void lay_panels(struct sheet *s, double top)
{
    size_t n = s->chart->n_panels, columns = s->width < BESIDE_FROM ? 1 : s->width < 1000 ? 2 : 3;
    s->columns = columns < n ? columns : n ? n : 1;
    s->frame = arena_array(&s->arena, n + 1, sizeof *s->frame);
    double room = (s->width - 2 * SIDE - GAP * (double)(s->columns - 1)) / (double)s->columns, end = top;
    for (size_t i = 0; i < n; i++) {
        size_t column = i % s->columns;
        if (column == 0) top = end;
        double ends = lay_panel(s, i, SIDE + (double)column * (room + GAP), top, room);
        end = fmax(column == 0 ? ends : end, ends);
    }
    s->height = end + 4;
}

/* ---- the key ---- */

/* As it looks in the chart: a mark, or a span. */
static void draw_key_mark(const struct sheet *s, enum chart_look look, double x, double y)
{
    if (chart_has(&s->chart->panel[0], CHART_SPANS)) {
        double half = svg_span_half(look, 16);
        fprintf(s->out, "<path class=\"no-f%d\" d=\"M%.1f %.1fh12v%.1fh-12z\"/>\n", look, x - 6, y - half, 2 * half);
        return;
    }
    fprintf(s->out, "<path class=\"no-l%d no-f%d\"%s stroke-width=\"%.1f\" stroke-linecap=\"round\" d=\"", look, look,
            svg_is_solid(look) ? "" : " fill-opacity=\"0\"", svg_mark_stroke(look));
    svg_mark(s->out, look, x, y);
    fputs("\"/>\n", s->out);
}

/* Returns the baseline of its last line; `draw`: it is only measured otherwise. */
static double key(const struct sheet *s, double y, bool draw)
{
    bool used[CHART_LOOKS];
    double x = SIDE;
    if (chart_key(s->chart, used) < 2) return y;
    y += LINE + 4;
    for (int look = 0; look < CHART_LOOKS; look++) {
        const char *name = chart_look_name((enum chart_look)look);
        double wide = svg_text_width(SVG_PLAIN, name) + 30;
        if (!used[look]) continue;
        if (x + wide > s->width - SIDE && x > SIDE) x = SIDE, y += LINE + 4;
        if (draw) draw_key_mark(s, (enum chart_look)look, x + 5, y - 4);
        if (draw) svg_text(s->out, &(struct svg_text){x + 14, y, SVG_PLAIN, SVG_START, name}, false);
        x += wide;
    }
    return y;
}

/* ---- words above ---- */

static double head_height(const struct sheet *s)
{
    double y = 8 + TITLE_LINE * (double)s->n_title + LINE * (double)s->n_caption;
    return key(s, y, false) + 14;
}

static void draw_head(const struct sheet *s)
{
    double y = 4;
    for (size_t i = 0; i < s->n_title; i++)
        svg_text(s->out, &(struct svg_text){SIDE, y += TITLE_LINE, SVG_TITLE, SVG_START, s->title[i]}, false);
    y += 4;
    for (size_t i = 0; i < s->n_caption; i++)
        svg_text(s->out, &(struct svg_text){SIDE, y += LINE, SVG_SMALL, SVG_START, s->caption[i]}, false);
    key(s, y, true);
}

/* ---- axes ---- */

static void draw_x_axis(const struct svg_frame *f)
{
    double tick[AXIS_TICKS_MAX], y = f->top + f->height + f->rail, end = -1e9;
    char buf[AXIS_TEXT_MAX];
    size_t most = (size_t)(f->width / TICK_WIDTH), n = axis_ticks(&f->panel->x, most > 6 ? 6 : most, tick);
    fprintf(f->out, "<path class=\"no-l%d\" stroke-width=\"1\" d=\"M%.1f %.1fh%.1f", CHART_QUIET, f->left, y, f->width);
    for (size_t i = 0; i < n; i++) fprintf(f->out, "M%.1f %.1fv4", svg_x(f, tick[i]), y);
    fputs("\"/>\n", f->out);
    for (size_t i = 0; i < n; i++) {
        const char *text = axis_tick_text(&f->panel->x, tick, n, i, buf);
        double half = svg_text_width(SVG_SMALL, text) / 2, x = fmin(svg_x(f, tick[i]), f->page - half - 2);
        if (x - half < end + 4) continue;
        svg_text(f->out, &(struct svg_text){x, y + 17, SVG_SMALL, SVG_MIDDLE, text}, false);
        end = x + half;
    }
    const char *name = axis_title(&f->panel->x, f->arena);
    svg_text(f->out, &(struct svg_text){f->left + f->width, y + 17 + LINE, SVG_SMALL, SVG_END, name}, false);
}

static void draw_y_axis(const struct svg_frame *f)
{
    double tick[AXIS_TICKS_MAX];
    char buf[AXIS_TEXT_MAX];
    size_t n = axis_ticks(&f->panel->y, f->height < 240 ? 4 : 6, tick);
    for (size_t i = 0; i < n; i++) {
        double y = svg_y(f, tick[i]);
        if (!cells_of(f->panel))
            fprintf(f->out, "<path class=\"no-r\" stroke-opacity=\".5\" d=\"M%.1f %.1fh%.1f\"/>\n", f->left, y,
                    f->width);
        svg_text(
            f->out,
            &(struct svg_text){f->left - 6, y + 4, SVG_SMALL, SVG_END, axis_tick_text(&f->panel->y, tick, n, i, buf)},
            false);
    }
    const char *name = axis_title(&f->panel->y, f->arena);
    double x = f->left - y_ticks_width(&f->panel->y) - 6;
    svg_text(f->out, &(struct svg_text){x, f->top - 10, SVG_SMALL, SVG_START, name}, false);
}

static void draw_rows(const struct svg_frame *f)
{
    bool above = f->header > 0;
    const struct axis *y = &f->panel->y;
    double height = f->height / (double)(y->n_rows ? y->n_rows : 1);
    for (size_t i = 0; i < y->n_rows; i++) {
        double at = f->top + height * ((double)i + 0.5);
        if (i)
            fprintf(f->out, "<path class=\"no-r\" stroke-opacity=\".5\" d=\"M%.1f %.1fh%.1f\"/>\n", f->left,
                    at - height / 2, f->width);
        struct svg_text t = {f->left - 12, at + 4, SVG_PLAIN, SVG_END, y->row[i]};
        if (above) t = (struct svg_text){f->left, at - height / 2 + 14, SVG_PLAIN, SVG_START, y->row[i]};
        if (f->names) svg_text(f->out, &t, false);
        if (above)
            svg_labels_box(f->labels,
                           (struct svg_box){t.x, t.y - 11, t.x + svg_text_width(SVG_PLAIN, t.text), t.y + 3});
    }
}

/* ---- what is beyond ---- */

static void say_beyond(const struct svg_frame *f, double x, double y, enum svg_anchor anchor, const char *text)
{
    double wide = svg_text_width(SVG_SMALL, text), left = anchor == SVG_START ? x
                                                          : anchor == SVG_END ? x - wide
                                                                              : x - wide / 2;
    svg_labels_box(f->labels, (struct svg_box){left, y - 12, left + wide, y + 3});
    svg_text(f->out, &(struct svg_text){x, y, SVG_SMALL, anchor, text}, true);
}

static void draw_beyond(const struct svg_frame *f)
{
    struct chart_beyond b = chart_beyond(f->panel);
    double middle = f->top + f->height / 2, right = f->left + f->width;
    if (b.left) say_beyond(f, f->left + 4, middle, SVG_START, arena_printf(f->arena, "← %zu beyond", b.left));
    if (b.right) say_beyond(f, right - 4, middle, SVG_END, arena_printf(f->arena, "%zu beyond →", b.right));
    if (b.above)
        say_beyond(f, f->left + f->width / 2, f->top + 12, SVG_MIDDLE, arena_printf(f->arena, "↑ %zu above", b.above));
    if (b.below)
        say_beyond(f, f->left + f->width / 2, f->top + f->height - 5, SVG_MIDDLE,
                   arena_printf(f->arena, "↓ %zu below", b.below));
}

/* ---- the legend of a heat map ---- */

static void draw_legend(const struct svg_frame *f, const struct chart_cells *c)
{
    const char *name = c->name ? c->name : "";
    double low, high, y = f->top + f->height + f->rail + TICK_ROOM + LINE + 12,
                      wide = fmin(f->width - svg_text_width(SVG_SMALL, name) - 12, 320) / SVG_SHADES;
    char buf[AXIS_TEXT_MAX];
    if (!chart_cells_range(c, &low, &high)) return;
    for (size_t k = 0; k < SVG_SHADES; k++)
        fprintf(f->out, "<path fill=\"%s\" d=\"M%.1f %.1fh%.1fv8h-%.1fz\"/>\n", svg_shade(k),
                f->left + wide * (double)k, y, wide, wide);
    for (size_t k = 0; k < LEGEND; k++) {
        enum svg_anchor anchor = k == 0 ? SVG_START : k == LEGEND - 1 ? SVG_END : SVG_MIDDLE;
        double x = f->left + wide * (double)(k * SVG_SHADES / (LEGEND - 1));
        const char *text = chart_cells_text(low, high, (double)k / (LEGEND - 1), buf);
        svg_text(f->out, &(struct svg_text){x, y + 22, SVG_SMALL, anchor, text}, false);
    }
    svg_text(f->out, &(struct svg_text){f->left + wide * SVG_SHADES + 8, y + 9, SVG_SMALL, SVG_START, name}, false);
}

/* ---- all ---- */

static void draw_panel(const struct sheet *s, size_t i)
{
    const struct svg_frame *f = &s->frame[i];
    const struct chart_panel *p = f->panel;
    for (size_t k = 0; k < p->n; k++)
        if (chart_is_behind(&p->layer[k])) svg_layer(f, &p->layer[k]);
    if (p->title)
        svg_text(f->out, &(struct svg_text){f->left, f->top - above_plot(p) + 14, SVG_STRONG, SVG_START, p->title},
                 false);
    draw_x_axis(f);
    if (p->y.scale == AXIS_ROWS)
        draw_rows(f);
    else
        draw_y_axis(f);
    for (size_t k = 0; k < p->n; k++)
        if (!chart_is_behind(&p->layer[k])) svg_layer(f, &p->layer[k]);
    draw_beyond(f);
    if (cells_of(p)) draw_legend(f, cells_of(p));
    svg_labels_write(f->out, f->labels,
                     (struct svg_box){f->left, f->top - 4, fmin(f->left + f->width + 8, s->width - 2),
                                      f->top + f->height + f->rail});
}

static void begin(const struct sheet *s, enum svg_theme theme)
{
    fprintf(
        s->out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n<title>",
        s->width, s->height, s->width, s->height);
    svg_escape(s->out, s->chart->title);
    fputs("</title>\n<desc>", s->out);
    svg_escape(s->out, s->chart->caption);
    fputs("</desc>\n", s->out);
    svg_style(s->out, theme);
    fprintf(s->out, "<rect class=\"no-p\" width=\"%.0f\" height=\"%.0f\"/>\n", s->width, s->height);
}

static void lay_out(struct sheet *s, const struct chart *c, const struct svg_wish *wish)
{
    s->chart = c;
    s->width = wish->width > 0 ? fmin(fmax(wish->width, SVG_WIDTH_MIN), SVG_WIDTH_MAX) : SVG_WIDTH;
    s->n_title = svg_fold(SVG_TITLE, c->title, s->width - 2 * SIDE, &s->arena, &s->title);
    s->n_caption = svg_fold(SVG_SMALL, c->caption, fmin(s->width - 2 * SIDE, 640), &s->arena, &s->caption);
    lay_panels(s, head_height(s));
}

double svg_size(const struct chart *c, const struct svg_wish *wish, double *ret_height)
{
    struct sheet s = {0};
    lay_out(&s, c, wish);
    *ret_height = s.height;
    arena_done(&s.arena);
    return s.width;
}

void svg_write(FILE *out, const struct chart *c, const struct svg_wish *wish)
{
    struct sheet s = {.out = out};
    lay_out(&s, c, wish);
    begin(&s, wish->theme);
    draw_head(&s);
    for (size_t i = 0; i < c->n_panels; i++) draw_panel(&s, i);
    fputs("</svg>\n", out);
    arena_done(&s.arena);
}
