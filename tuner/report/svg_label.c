#include "tuner/report/svg_label.h"

#include "tuner/base/plain.h"

#include <math.h>
#include <string.h>

struct wish {
    struct svg_label label;
    double width;
};

enum { DOTS_MAX = 12000, BOXES_MAX = 512, WISHES_MAX = 256, LINE = 14, UP = 11, PLACES_MAX = 64, NEAR = 8 };

struct svg_labels {
    struct arena *arena;
    size_t n_dots, n_boxes, n_wishes;
    double *dot; /* x, y */
    struct svg_box *box;
    struct wish *wish;
};

struct svg_labels *svg_labels_new(struct arena *a)
{
    struct svg_labels *l = arena_alloc(a, sizeof *l);
    l->arena = a;
    l->dot = arena_array(a, 2 * (size_t)DOTS_MAX, sizeof *l->dot);
    l->box = arena_array(a, BOXES_MAX, sizeof *l->box);
    l->wish = arena_array(a, WISHES_MAX, sizeof *l->wish);
    return l;
}

void svg_labels_dot(struct svg_labels *l, double x, double y)
{
    if (l->n_dots == DOTS_MAX || !isfinite(x) || !isfinite(y)) return;
    l->dot[2 * l->n_dots] = x;
    l->dot[2 * l->n_dots++ + 1] = y;
}

void svg_labels_line(struct svg_labels *l, double x0, double y0, double x1, double y1)
{
    double length = hypot(x1 - x0, y1 - y0);
    if (!isfinite(length)) return;
    for (double at = 0; at <= length && at < 4000; at += 6)
        svg_labels_dot(l, x0 + (x1 - x0) * at / fmax(length, 1), y0 + (y1 - y0) * at / fmax(length, 1));
}

void svg_labels_box(struct svg_labels *l, struct svg_box box)
{
    if (l->n_boxes < BOXES_MAX) l->box[l->n_boxes++] = box;
}

void svg_labels_wish(struct svg_labels *l, const struct svg_label *label)
{
    if (l->n_wishes == WISHES_MAX || label->n == 0 || !*label->text) return;
    struct wish *w = &l->wish[l->n_wishes++];
    w->label = *label;
    w->label.text = plain_shown(l->arena, label->text);
    w->width = svg_text_width(SVG_PLAIN, w->label.text);
}

/* ---- placing ---- */

struct place {
    double x, y; /* left end and baseline */
};

static size_t add(struct place *at, size_t n, const struct place *from, size_t more)
{
    for (size_t i = 0; i < more && n < PLACES_MAX; i++) at[n++] = from[i];
    return n;
}

static size_t beside(const struct wish *w, size_t k, struct place *at, size_t n)
{
    double x = w->label.x[k], y = w->label.y[k], gap = w->label.gap, right = x + gap, left = x - gap - w->width,
           middle = x - w->width / 2;
    const struct place places[] = {{right, y + 4},   {left, y + 4},    {right, y - 7},        {right, y + 15},
                                   {left, y - 7},    {left, y + 15},   {middle, y - gap - 3}, {middle, y + gap + 12},
                                   {right, y - 20},  {left, y - 20},   {right, y + 28},       {left, y + 28},
                                   {middle, y - 26}, {middle, y + 36}, {right + 12, y - 34},  {left - 12, y - 34},
                                   {right, y + 42},  {left, y + 42}};
    size_t all = sizeof places / sizeof *places;
    return add(at, n, places, w->label.important ? all : NEAR); /* far away it would be another's */
}

static size_t over(const struct wish *w, size_t k, struct place *at, size_t n)
{
    double x = w->label.x[k], y = w->label.y[k];
    const struct place places[] = {
        {x - w->width / 2, y - 8}, {x, y - 8}, {x - w->width, y - 8}, {x - w->width / 2, y + 18}};
    return add(at, n, places, sizeof places / sizeof *places);
}

static size_t along(const struct wish *w, size_t k, struct place *at, size_t n)
{
    double x = w->label.x[k], y = w->label.y[k], end = x - w->width;
    const struct place places[] = {{end, y - 6},       {end, y + 15},   {x + 4, y + 4},
                                   {end - 12, y - 12}, {x + 4, y + 15}, {x + 4, y - 6}};
    return add(at, n, places, sizeof places / sizeof *places);
}

/* What comes into question, the best first. */
static size_t places_of(const struct wish *w, struct place at[PLACES_MAX])
{
    size_t n = 0;
    for (size_t k = 0; k < w->label.n; k++) switch (w->label.near) {
        case SVG_BESIDE: n = beside(w, k, at, n); break;
        case SVG_OVER: n = over(w, k, at, n); break;
        case SVG_ALONG: n = along(w, k, at, n); break;
        }
    return n;
}

static bool overlap(struct svg_box a, struct svg_box b)
{
    return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

#define TAKEN 1000.0

static double cost_of(const struct svg_labels *l, struct svg_box b, struct svg_box room)
{
    double cost = 0;
    if (b.left < room.left || b.right > room.right || b.top < room.top || b.bottom > room.bottom) cost += 3 * TAKEN;
    for (size_t i = 0; i < l->n_boxes; i++) cost += overlap(b, l->box[i]) ? TAKEN : 0;
    for (size_t i = 0; i < l->n_dots; i++) {
        double x = l->dot[2 * i], y = l->dot[2 * i + 1];
        cost += x > b.left - 2 && x < b.right + 2 && y > b.top && y < b.bottom;
    }
    return cost;
}

static struct svg_box box_at(const struct wish *w, struct place p)
{
    return (struct svg_box){p.x, p.y - UP, p.x + w->width, p.y - UP + LINE};
}

static void write_at(FILE *out, struct svg_labels *l, const struct wish *w, struct place p)
{
    svg_labels_box(l, box_at(w, p));
    svg_text(out, &(struct svg_text){p.x, p.y, SVG_PLAIN, SVG_START, w->label.text}, true);
}

static void place(FILE *out, struct svg_labels *l, const struct wish *w, struct svg_box room)
{
    struct place at[PLACES_MAX], best = {0};
    double least = INFINITY;
    size_t n = places_of(w, at);
    for (size_t i = 0; i < n; i++) {
        double cost = cost_of(l, box_at(w, at[i]), room) + 0.4 * (double)i;
        if (cost < least) least = cost, best = at[i];
    }
    if (least >= TAKEN && !w->label.important) return;
    if (least >= 3 * TAKEN) /* too wide for its place: it stays inside */
        best.x += fmax(room.left - best.x, fmin(0, room.right - best.x - w->width));
    write_at(out, l, w, best);
}

void svg_labels_write(FILE *out, struct svg_labels *l, struct svg_box room)
{
    for (int important = 1; important >= 0; important--)
        for (size_t i = 0; i < l->n_wishes; i++)
            if (l->wish[i].label.important == (important == 1)) place(out, l, &l->wish[i], room);
}
