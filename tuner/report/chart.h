/* chart: what a picture of a study says and shows, before anybody draws it: data only. svg.h and unicode.h draw it,
 * figure.h makes it of a study.
 *
 * The title is the finding, a sentence with its number; the caption says how to read it, and of how many. A chart has
 * one panel or a few; a panel has two axes, and layers that are drawn in their order. Numbers are in the unit of their
 * axis. What is NaN is left out, and what is beyond an axis is counted at that edge. Texts may be anybody's: whoever
 * draws makes them harmless.
 *
 * All of it lies in the arena in which it was made, or lives as long as the study; nothing here fails.
 *
 *     struct chart c = {.name = "history", .title = "Trial 9 is the best", .caption = "Each dot is a trial."};
 *     struct chart_panel *p = chart_panel(&c, a);
 *     p->x = (struct axis){.name = "trial", .unit = "", .whole = true, .low = 0, .high = 40};
 *     p->y = (struct axis){.name = "em", .unit = "", .low = 0.5, .high = 0.7};
 *     struct chart_layer *dots = chart_layer(p, a, CHART_MARKS);
 *     dots->n = n;
 *     dots->x = x, dots->y = y;
 */
#ifndef TUNER_REPORT_CHART_H
#define TUNER_REPORT_CHART_H

#include "tuner/report/axis.h"

#include <jansson.h>

enum chart_look { /* whose a mark, a line or a bar is: its shape and its colour */
                  CHART_INK,
                  CHART_QUIET,
                  CHART_COMPLETE,
                  CHART_PRUNED,
                  CHART_FAILED,
                  CHART_RUNNING,
                  CHART_INFEASIBLE,
                  CHART_QUEUED,
                  CHART_LOST,
                  CHART_WINNER,
                  CHART_BASELINE,
                  CHART_REFERENCE,
                  CHART_SECOND, /* the other of two that are compared */
};

enum { CHART_LOOKS = CHART_SECOND + 1, CHART_DENSE = 3000 /* marks of a layer: more are shown as their density */ };

enum chart_kind {
    CHART_MARKS,     /* at (x, y) */
    CHART_RAIL,      /* at x, beneath the plot: there, but without a value */
    CHART_LINE,      /* through (x, y), in order; NaN breaks it */
    CHART_STEPS,     /* the same, level until the next x */
    CHART_BAND,      /* between low and high, over x */
    CHART_SHADE,     /* behind all: x from low to high, over the whole height */
    CHART_AT_X,      /* a line across at each x */
    CHART_AT_Y,      /* … at each y */
    CHART_BARS,      /* in row y from 0 to x, with the interval low to high */
    CHART_INTERVALS, /* in row y, x with its interval low to high; infinite: unknown on that side */
    CHART_SPANS,     /* in row y from low to high */
    CHART_CELLS,     /* a heat map */
};

struct chart_cells {
    size_t columns, rows;
    const double *x, *y;         /* columns, rows: their middles, ascending, evenly apart on the axis */
    const double *value, *doubt; /* rows × columns, the lowest row first; doubt: a standard deviation; NULL: unknown */
    const char *name;            /* of the value */
};

struct chart_layer {
    enum chart_kind kind;
    enum chart_look look;
    bool pale, dashed, bold;
    const char *label; /* of the whole; NULL: none */
    size_t n;
    const double *x, *y, *low, *high; /* n; those that the kind has */
    const enum chart_look *each;      /* n; NULL: all have `look` */
    const char *const *name;          /* n; beside single ones, which may be NULL; NULL: none has one */
    const long *trial;                /* n; for machines; NULL: they are not trials */
    struct chart_cells cells;
};

struct chart_panel {
    const char *title; /* NULL: it needs none */
    struct axis x, y;
    size_t n;
    struct chart_layer *layer;
};

struct chart {
    const char *name;
    const char *title, *caption;
    bool square;
    size_t n_panels;
    struct chart_panel *panel;
};

/* ---- to make one ---- */

/* A new, empty one at the end: of a chart, of a panel; in the arena. Pointers to earlier ones are no longer good. */
struct chart_panel *chart_panel(struct chart *c, struct arena *a);
struct chart_layer *chart_layer(struct chart_panel *p, struct arena *a, enum chart_kind kind);
/* A label at one place, or a line across at one value. */
void chart_line_at(struct chart_panel *p, struct arena *a, enum chart_kind kind, double at, const char *label);

/* ---- to draw one ---- */

enum chart_look chart_look_at(const struct chart_layer *l, size_t i);
const char *chart_look_name(enum chart_look look); /* "complete", "stopped early", "baseline" */
/* The looks of marks and spans that differ and have no label of their own: what a key must explain. Returns how many.
 */
size_t chart_key(const struct chart *c, bool ret[CHART_LOOKS]);

struct chart_beyond { /* marks that the ranges do not show */
    size_t left, right, above, below;
};
struct chart_beyond chart_beyond(const struct chart_panel *p);

/* Is it drawn before all that is not? */
bool chart_is_behind(const struct chart_layer *l);
/* Is there a layer of this kind, with something in it? */
bool chart_has(const struct chart_panel *p, enum chart_kind kind);
/* Is the layer drawn as a density? */
bool chart_is_dense(const struct chart_layer *l);

/* Least and greatest value of the cells. False: there is no finite one. */
bool chart_cells_range(const struct chart_cells *c, double *ret_low, double *ret_high);
/* What a shade means, `part` (0 to 1) of the way between these: "0.55". */
const char *chart_cells_text(double low, double high, double part, char buf[AXIS_TEXT_MAX]);
/* The standard deviation is over half of that difference. */
bool chart_cell_is_doubtful(const struct chart_cells *c, size_t at, double low, double high);

/* All of it, for machines; the caller owns it. */
json_t *chart_json(const struct chart *c);

#endif
