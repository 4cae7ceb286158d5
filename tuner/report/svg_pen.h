/* svg_pen: what svg's files share: text that is harmless and has a width, marks, and the frame of a panel. */
#ifndef TUNER_REPORT_SVG_PEN_H
#define TUNER_REPORT_SVG_PEN_H

#include "tuner/report/chart.h"

#include <stdio.h>

enum svg_face {
    SVG_SMALL /* 12 px, quiet */,
    SVG_PLAIN /* 12 px, ink */,
    SVG_STRONG /* 12 px, 600 */,
    SVG_TITLE /* 16 px, 600 */
};
enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

struct svg_text { /* one line, at its baseline */
    double x, y;
    enum svg_face face;
    enum svg_anchor anchor;
    const char *text;
};

/* Escapes it. `halo`: legible on marks. */
void svg_text(FILE *out, const struct svg_text *t, bool halo);
/* Estimated, in px. */
double svg_text_width(enum svg_face face, const char *text);
/* Escaped alone, for elements without layout. */
void svg_escape(FILE *out, const char *text);
/* Lines that fit `width`, broken between words, a title's about as long as each other; in the arena. Returns how many.
 */
size_t svg_fold(enum svg_face face, const char *text, double width, struct arena *a, const char ***ret);

/* A mark at (x, y), as path data of strokes. `solid`: its path is to be filled. */
bool svg_is_solid(enum chart_look look);
void svg_mark(FILE *out, enum chart_look look, double x, double y);
double svg_mark_stroke(enum chart_look look); /* width */

struct svg_labels;

struct svg_frame { /* of a panel, in px */
    FILE *out;
    struct arena *arena;
    const struct chart_panel *panel;
    double left, top, width, height;
    double rail;   /* height of that beneath the plot; 0: none */
    double page;   /* width of the picture */
    double header; /* px of each row that are for its name; 0: none */
    bool names;    /* those of its rows stand here; false: to its left, in the panel beside it */
    struct svg_labels *labels;
};

double svg_x(const struct svg_frame *f, double v); /* NaN, ±INFINITY as axis_place's */
double svg_y(const struct svg_frame *f, double v);

#endif
