/* grid: a table that fits its screen.
 *
 * Columns are as wide as what is in them. What does not fit is made to: the last column gets what is left, at least
 * GRID_REST of it or all it needs; for that, columns that matter least are left out, and a line below says which.
 */
#ifndef TUNER_REPORT_GRID_H
#define TUNER_REPORT_GRID_H

#include "tuner/report/screen.h"

#include "tuner/base/arena.h"

#include <stdbool.h>
#include <stddef.h>

enum { GRID_COLUMNS_MAX = 128, GRID_REST = 20 };

struct grid_column {
    const char *title;
    bool right;
    int weight;   /* those with the least are left out first, of equal ones the last */
    size_t least; /* columns; text may be cut to these */
    size_t width; /* the grid's own */
};

struct grid_cell {
    const char *mark; /* two columns before the text, with its colours; "": none */
    const char *text;
    const char *across; /* of a row's first: stands alone in its line; NULL: it is a row of cells */
};

struct grid {
    struct arena arena;
    size_t n_columns;
    struct grid_column column[GRID_COLUMNS_MAX];
    size_t n_rows, room;
    struct grid_cell *cell; /* n_rows × n_columns */
};

void grid_column(struct grid *g, const char *title, bool right, int weight);
/* The cells of the new row, to be filled in: texts live in the arena, or longer. */
struct grid_cell *grid_row(struct grid *g);
/* A line between the rows; text: as theirs. */
void grid_line(struct grid *g, const char *text);
void grid_print(FILE *out, struct grid *g, const struct screen *s);
void grid_done(struct grid *g);

#endif
