/* axis: how numbers become places along a line, and which of them are written beside it.
 *
 * Values are finite doubles of any size in the axis' unit; NaN has no place, what is infinite is beyond the end, and so
 * is what is not above 0 on a logarithmic axis. A range never has the width 0. Nothing here fails or allocates.
 *
 *     struct axis tokens = {.name = "tokens", .unit = "", .scale = AXIS_LOG};
 *     double spent[] = {1.2e6, 4e6, 7.5e6}, tick[AXIS_TICKS_MAX];
 *     axis_fit(&tokens, spent, 3);
 *     axis_pad(&tokens, 0.04);
 *     size_t n = axis_ticks(&tokens, 6, tick);   1M, 2M, 5M
 */
#ifndef TUNER_REPORT_AXIS_H
#define TUNER_REPORT_AXIS_H

#include "tuner/base/arena.h"

#include <stdbool.h>
#include <stddef.h>

enum axis_scale {
    AXIS_LINEAR,
    AXIS_LOG,
    AXIS_CLOCK, /* ms since 1970, written as local time */
    AXIS_ROWS,  /* 0, 1, … from the top, each with a name */
};

struct axis {
    const char *name, *unit; /* unit: "" if there is none */
    enum axis_scale scale;
    bool sign;        /* a + before what is above 0 */
    bool whole;       /* no ticks between whole numbers */
    double low, high; /* low < high; > 0 on a logarithmic one */
    size_t n_rows;
    const char *const *row;
};

enum { AXIS_TICKS_MAX = 16, AXIS_TEXT_MAX = 48 };

/* Sets the range so that the values are seen. Of ten or more, a few that would squash the others are left beyond it:
 * then it is that of those between 1 and 99 %. Without any value it is 0 to 1, or 1 to 10. */
void axis_fit(struct axis *axis, const double *v, size_t n);
/* Widens it to where `v` is seen, if it can be. */
void axis_include(struct axis *axis, double v);
/* A margin of this part of the range on both sides. */
void axis_pad(struct axis *axis, double part);

/* 0 at low, 1 at high, less or more outside, ±INFINITY far outside; NaN: it has none. Of a row: its middle, 0 at the
 * top. */
double axis_place(const struct axis *axis, double v);
double axis_value(const struct axis *axis, double place); /* … and back */
bool axis_sees(const struct axis *axis, double v);

/* At most `most` of them (2 to AXIS_TICKS_MAX), ascending, 1, 2 or 5 times a power of ten apart, on a logarithmic axis
 * at 1, 2, 5, or at powers of ten; of a clock at whole seconds, minutes, hours, days of local time. None of rows. */
size_t axis_ticks(const struct axis *axis, size_t most, double ret[AXIS_TICKS_MAX]);
/* One of them as it is written: "0.55", "2M", "+1", "03:20". */
const char *axis_tick_text(const struct axis *axis, const double *tick, size_t n, size_t at, char buf[AXIS_TEXT_MAX]);

/* "tokens (log)": name, unit, scale; in the arena. */
const char *axis_title(const struct axis *axis, struct arena *a);

#endif
