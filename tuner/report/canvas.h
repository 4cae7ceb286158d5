/* canvas: the plot of one panel as cells of a terminal, before they are printed: dots of braille, half blocks or ASCII,
 * marks and text. What lies outside is not drawn, and nothing goes over what is fixed: text, and marks with a name.
 */
#ifndef TUNER_REPORT_CANVAS_H
#define TUNER_REPORT_CANVAS_H

#include "tuner/report/chart.h"

enum unicode_dots { UNICODE_USUAL /* by the screen */, UNICODE_BRAILLE, UNICODE_BLOCKS, UNICODE_ASCII };

enum { CANVAS_GLYPH = 5 /* bytes of a character, with its end */ };

struct cell {
    unsigned char dots; /* bits of the braille pattern; of half blocks 1 above, 2 below */
    enum chart_look look;
    char glyph[CANVAS_GLYPH]; /* instead of dots; "": none */
    bool behind;              /* what is drawn on top takes its place */
    bool fixed;               /* a label's, or a named mark's: nothing goes over it */
};

struct canvas {
    const struct chart_panel *panel;
    enum unicode_dots dots; /* not UNICODE_USUAL */
    size_t columns, rows;
    struct cell *cell; /* rows × columns, zero at first */
    struct arena *arena;
};

/* NULL: outside. */
struct cell *canvas_at(const struct canvas *c, long column, long row);

/* ---- places: of values on the panel's axes ---- */

double canvas_x(const struct canvas *c, double v); /* 0 to 1, from the left */
double canvas_y(const struct canvas *c, double v); /* 0 to 1, from the top */
/* Which of n such a place is; −1 for NaN. */
long canvas_spot(double place, size_t n);
long canvas_column(const struct canvas *c, double v);
long canvas_row(const struct canvas *c, double v);
long canvas_wide(const struct canvas *c); /* dots of a cell */
long canvas_high(const struct canvas *c);

/* ---- to draw ---- */

const char *canvas_mark(const struct canvas *c, enum chart_look look);
void canvas_glyph(struct canvas *c, long column, long row, const char *glyph, enum chart_look look);
/* … beneath whatever is drawn there later. */
void canvas_behind(struct canvas *c, long column, long row, const char *glyph);
/* x, y: in dots. `ascii`: what stands there where a cell is a dot. */
void canvas_dot(struct canvas *c, long x, long y, enum chart_look look, const char *ascii);
void canvas_text(struct canvas *c, long column, long row, const char *text);
/* Beside it, else above or below; what has characters two columns wide, or finds no place, is left out. */
void canvas_label(struct canvas *c, long column, long row, const char *text);

/* ---- to print ---- */

/* What is seen of a cell. */
const char *canvas_cell(const struct canvas *c, const struct cell *cell, char buf[CANVAS_GLYPH]);
const char *canvas_colour(enum chart_look look); /* SGR */

#endif
