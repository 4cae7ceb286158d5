#include "tuner/report/grid.h"

#include "tuner/base/width.h"

#include <stdlib.h>

enum { GAP = 2, TEXT_LEAST = 16 };

void grid_column(struct grid *g, const char *title, bool right, int weight)
{
    g->column[g->n_columns++] = (struct grid_column){title, right, weight, 0, 0};
}

struct grid_cell *grid_row(struct grid *g)
{
    g->cell = must_reserve(g->cell, (g->n_rows + 1) * g->n_columns, &g->room, sizeof *g->cell);
    struct grid_cell *row = g->cell + g->n_rows++ * g->n_columns;
    for (size_t k = 0; k < g->n_columns; k++) row[k] = (struct grid_cell){.mark = "", .text = ""};
    return row;
}

void grid_line(struct grid *g, const char *text)
{
    grid_row(g)->across = text;
}

void grid_done(struct grid *g)
{
    free(g->cell);
    arena_done(&g->arena);
}

/* ---- widths ---- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* A title is no reason for a wide column: from ten letters on it may be cut. Numbers are never cut. */
static void measure(struct grid *g, size_t k)
{
    struct grid_column *c = &g->column[k];
    size_t body = 0, title = width_of(c->title);
    for (size_t r = 0; r < g->n_rows; r++) {
        const struct grid_cell *x = &g->cell[r * g->n_columns + k];
        body = larger(body, width_of(x->text) + (*x->mark ? 2 : 0));
    }
    c->width = larger(body, title);
    c->least = larger(c->right ? body : body < TEXT_LEAST ? body : TEXT_LEAST, title < 10 ? title : 10);
}

static size_t total(const struct grid *g)
{
    size_t sum = 0;
    for (size_t k = 0; k < g->n_columns; k++)
        if (g->column[k].width) sum += g->column[k].width + (sum ? GAP : 0);
    return sum;
}

/* Of the columns but the last, the widest that can still give; NULL: none. */
static struct grid_column *widest(struct grid *g)
{
    struct grid_column *best = NULL;
    for (size_t k = 0; k + 1 < g->n_columns; k++) {
        struct grid_column *c = &g->column[k];
        if (c->width > c->least && (!best || c->width > best->width)) best = c;
    }
    return best;
}

/* The first column always stays. */
static struct grid_column *lightest(struct grid *g)
{
    struct grid_column *best = NULL;
    for (size_t k = 1; k < g->n_columns; k++) {
        struct grid_column *c = &g->column[k];
        if (c->width && (!best || c->weight <= best->weight)) best = c;
    }
    return best;
}

/* Titles and texts give before a column goes. */
static void fit(struct grid *g, size_t room)
{
    struct grid_column *last = &g->column[g->n_columns - 1], *c;
    for (size_t k = 0; k < g->n_columns; k++) measure(g, k);
    size_t wants = last->width, rest = wants < GRID_REST || last->right ? wants : GRID_REST;
    if (total(g) <= room) return;
    last->width = rest;
    while (total(g) > room && (c = widest(g))) c->width--;
    while (total(g) > room && (c = lightest(g))) c->width = 0;
    while (total(g) < room && last->width && last->width < wants) last->width++;
}

/* ---- printing ---- */

static void print_cell(FILE *out, struct arena *a, const struct grid_column *c, const char *mark, const char *text,
                       bool ends)
{
    size_t width = c->width - (*mark ? 2 : 0);
    const char *shown = ends && !c->right ? width_cut(a, text, width) : width_cell(a, text, width, c->right);
    fprintf(out, "%s%s", mark, shown);
}

static void print_row(FILE *out, const struct grid *g, const struct grid_cell *row)
{
    struct arena a = {0};
    size_t last = g->n_columns, first = 0;
    while (last-- > 0 && !g->column[last].width) {
    }
    for (size_t k = first; k <= last; k++) {
        const struct grid_column *c = &g->column[k];
        if (!c->width) continue;
        fprintf(out, "%*s", k ? GAP : 0, "");
        print_cell(out, &a, c, row ? row[k].mark : "", row ? row[k].text : c->title, k == last);
    }
    fputc('\n', out);
    arena_done(&a);
}

static void say_left_out(FILE *out, const struct grid *g, size_t room)
{
    struct arena a = {0};
    const char *names = "";
    for (size_t k = 0; k < g->n_columns; k++)
        if (!g->column[k].width) names = arena_printf(&a, "%s%s%s", names, *names ? ", " : "", g->column[k].title);
    if (*names) fprintf(out, "%s\n", width_cut(&a, arena_printf(&a, "too narrow for: %s", names), room));
    arena_done(&a);
}

void grid_print(FILE *out, struct grid *g, const struct screen *s)
{
    size_t room = screen_columns(s);
    fit(g, room);
    print_row(out, g, NULL);
    for (size_t r = 0; r < g->n_rows; r++) {
        const struct grid_cell *row = g->cell + r * g->n_columns;
        if (row->across)
            fprintf(out, "%s\n", width_cut(&g->arena, row->across, room));
        else
            print_row(out, g, row);
    }
    say_left_out(out, g, room);
}
