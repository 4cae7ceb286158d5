#include "tuner/report/canvas.h"

#include "tuner/base/plain.h"
#include "tuner/base/width.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdio.h>

struct cell *canvas_at(const struct canvas *c, long column, long row)
{
    bool outside = column < 0 || row < 0 || column >= (long)c->columns || row >= (long)c->rows;
    return outside ? NULL : &c->cell[(size_t)row * c->columns + (size_t)column];
}

long canvas_wide(const struct canvas *c)
{
    return c->dots == UNICODE_BRAILLE ? 2 : 1;
}

long canvas_high(const struct canvas *c)
{
    return c->dots == UNICODE_BRAILLE ? 4 : c->dots == UNICODE_BLOCKS ? 2 : 1;
}

void canvas_glyph(struct canvas *c, long column, long row, const char *glyph, enum chart_look look)
{
    struct cell *cell = canvas_at(c, column, row);
    if (!cell || cell->fixed) return;
    snprintf(cell->glyph, CANVAS_GLYPH, "%s", glyph);
    cell->look = look;
    cell->behind = false;
}

void canvas_behind(struct canvas *c, long column, long row, const char *glyph)
{
    struct cell *cell = canvas_at(c, column, row);
    canvas_glyph(c, column, row, glyph, CHART_QUIET);
    if (cell) cell->behind = true;
}

void canvas_dot(struct canvas *c, long x, long y, enum chart_look look, const char *ascii)
{
    static const unsigned char braille[4][2] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}};
    struct cell *cell = x < 0 || y < 0 ? NULL : canvas_at(c, x / canvas_wide(c), y / canvas_high(c));
    if (!cell) return;
    if (c->dots == UNICODE_ASCII) {
        canvas_glyph(c, x, y, ascii, look);
        return;
    }
    cell->dots = (unsigned char)(cell->dots | (c->dots == UNICODE_BRAILLE ? braille[y % 4][x % 2] : 1 << (y % 2)));
    if (cell->behind) cell->glyph[0] = 0;
    cell->behind = false;
    if (!cell->fixed && !*cell->glyph) cell->look = look;
}

/* ---- places ---- */

double canvas_x(const struct canvas *c, double v)
{
    return axis_place(&c->panel->x, v);
}

double canvas_y(const struct canvas *c, double v)
{
    double place = axis_place(&c->panel->y, v);
    return c->panel->y.scale == AXIS_ROWS ? place : 1 - place;
}

long canvas_spot(double place, size_t n)
{
    if (isnan(place)) return -1;
    double v = floor(place * (double)n);
    if (place >= 1 && place <= 1 + 1e-9) v = (double)n - 1;
    return v < -1e6 ? -1000000 : v > 1e6 ? 1000000 : (long)v;
}

long canvas_column(const struct canvas *c, double v)
{
    return canvas_spot(canvas_x(c, v), c->columns);
}

long canvas_row(const struct canvas *c, double v)
{
    return canvas_spot(canvas_y(c, v), c->rows);
}

/* ---- marks ---- */

struct shape {
    const char *glyph, *ascii, *colour;
};

static const struct shape shapes[CHART_LOOKS] = {
    [CHART_INK] = {"●", "*", "1"},         [CHART_QUIET] = {"·", ".", "90"},   [CHART_COMPLETE] = {"●", "*", "34"},
    [CHART_PRUNED] = {"▽", "v", "90"},     [CHART_FAILED] = {"✕", "x", "31"},  [CHART_RUNNING] = {"◐", "o", "33"},
    [CHART_INFEASIBLE] = {"◇", "d", "35"}, [CHART_QUEUED] = {"○", "q", "90"},  [CHART_LOST] = {"‖", "I", "90"},
    [CHART_WINNER] = {"★", ">", "1"},      [CHART_BASELINE] = {"■", "#", "1"}, [CHART_REFERENCE] = {"□", "%", "1"},
    [CHART_SECOND] = {"●", "*", "36"},
};

const char *canvas_mark(const struct canvas *c, enum chart_look look)
{
    return c->dots == UNICODE_ASCII ? shapes[look].ascii : shapes[look].glyph;
}

const char *canvas_colour(enum chart_look look)
{
    return shapes[look].colour;
}

/* Does it fit there without going over another? */
static bool is_free(const struct canvas *c, long column, long row, size_t n)
{
    for (long k = -1; k <= (long)n; k++) {
        const struct cell *cell = canvas_at(c, column + k, row);
        if (k >= 0 && k < (long)n && !cell) return false;
        if (cell && cell->fixed) return false;
    }
    return true;
}

void canvas_text(struct canvas *c, long column, long row, const char *text)
{
    for (size_t i = 0, n; text[i]; i += n, column++) {
        struct cell *cell = canvas_at(c, column, row);
        for (n = 1; ((unsigned char)text[i + n] & 0xc0) == 0x80; n++) {
        }
        if (!cell) continue;
        snprintf(cell->glyph, CANVAS_GLYPH, "%.*s", (int)n, text + i);
        cell->look = CHART_QUIET;
        cell->fixed = true;
    }
}

void canvas_label(struct canvas *c, long column, long row, const char *text)
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
            canvas_text(c, places[i][0], places[i][1], text);
            return;
        }
}

/* ---- to print it ---- */

const char *canvas_cell(const struct canvas *c, const struct cell *cell, char buf[CANVAS_GLYPH])
{
    static const char *const halves[] = {" ", "▀", "▄", "█"};
    if (*cell->glyph) return cell->glyph;
    if (!cell->dots) return " ";
    if (c->dots == UNICODE_BLOCKS) return halves[cell->dots & 3];
    snprintf(buf, CANVAS_GLYPH, "\xe2%c%c", (char)(0xa0 + (cell->dots >> 6)), (char)(0x80 + (cell->dots & 63)));
    return buf;
}
