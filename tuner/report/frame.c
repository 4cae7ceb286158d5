#include "tuner/report/frame.h"

#include "tuner/report/ascii.h"

#include "tuner/base/width.h"

#include <string.h>

struct frame frame_make(size_t columns, size_t rows, const struct screen *screen, struct arena *arena)
{
    return (struct frame){.columns = columns,
                          .rows = rows,
                          .screen = screen,
                          .arena = arena,
                          .line = arena_array(arena, rows + 1, sizeof(const char *))};
}

/* ---- text ---- */

/* Bytes of an SGR sequence at the beginning of the text; 0: there is none. */
static size_t colour_at(const char *text)
{
    size_t n = 2;
    if (text[0] != '\033' || text[1] != '[') return 0;
    while (text[n] && strchr("0123456789;", text[n])) n++;
    return text[n] == 'm' ? n + 1 : 0;
}

/* Bytes up to the next colour. */
static size_t until_colour(const char *text)
{
    size_t n = strcspn(text, "\033");
    return n ? n : *text != 0;
}

static const char *piece(const struct frame *f, const char *text, size_t n)
{
    return arena_printf(f->arena, "%.*s", (int)n, text);
}

size_t frame_width(const char *text)
{
    size_t columns = 0;
    struct arena a = {0};
    while (*text) {
        size_t n = colour_at(text);
        if (!n) {
            n = until_colour(text);
            columns += width_of(arena_printf(&a, "%.*s", (int)n, text));
        }
        text += n;
    }
    arena_done(&a);
    return columns;
}

/* The longest beginning that fits: its bytes, colours that follow among them. */
static size_t fit(const struct frame *f, const char *text, size_t columns)
{
    const char *at = text;
    while (*at) {
        size_t used, n = colour_at(at);
        if (!n) {
            size_t all = until_colour(at), got;
            got = width_fit(piece(f, at, all), columns, &used);
            columns -= used;
            if (got < all) return (size_t)(at - text) + got;
            n = all;
        }
        at += n;
    }
    return (size_t)(at - text);
}

static const char *end_of_colour(const struct frame *f)
{
    return f->screen->colour ? "\033[0m" : "";
}

static const char *cut(const struct frame *f, const char *text, size_t columns)
{
    size_t n = fit(f, text, columns);
    if (!text[n] || columns == 0) return piece(f, text, n);
    n = fit(f, text, columns - 1);
    return arena_printf(f->arena, "%.*s%s%s", (int)n, text, f->screen->unicode ? "…" : "~",
                        memchr(text, '\033', n) ? end_of_colour(f) : "");
}

const char *frame_cell(const struct frame *f, const char *text, size_t columns)
{
    if (!f->screen->unicode) text = ascii_text(f->arena, text);
    text = cut(f, text, columns);
    size_t used = frame_width(text);
    return arena_printf(f->arena, "%s%*s", text, (int)(used < columns ? columns - used : 0), "");
}

const char *frame_styled(const struct frame *f, enum frame_style style, const char *text)
{
    static const char *const sgr[] = {
        [FRAME_PLAIN] = "0", [FRAME_BOLD] = "1", [FRAME_QUIET] = "2", [FRAME_REVERSED] = "7", [FRAME_MARK] = "33"};
    if (!f->screen->colour || style == FRAME_PLAIN || !*text) return text;
    return arena_printf(f->arena, "\033[%sm%s\033[0m", sgr[style], text);
}

/* ---- lines ---- */

void frame_add(struct frame *f, const char *text)
{
    if (f->n >= f->rows) return;
    if (!f->screen->unicode) text = ascii_text(f->arena, text);
    f->line[f->n++] = cut(f, text, f->columns);
}

void frame_split(struct frame *f, const char *left, const char *right)
{
    size_t wide = frame_width(right);
    if (wide + 2 >= f->columns) {
        frame_add(f, right);
        return;
    }
    frame_add(f, arena_printf(f->arena, "%s  %s", frame_cell(f, left, f->columns - wide - 2), right));
}

/* Bytes of a line: up to the last space that fits, else as much as fits. */
static size_t fold_at(const struct frame *f, const char *text, size_t columns)
{
    size_t n = fit(f, text, columns), at = n;
    if (!text[n]) return n;
    while (at > 0 && text[at] != ' ') at--;
    return at > 0 ? at : n > 0 ? n : strlen(text);
}

void frame_say(struct frame *f, const char *mark, const char *text, enum frame_style style, size_t most)
{
    size_t wide = frame_width(mark), columns = f->columns > wide + 1 ? f->columns - wide : 1;
    if (!f->screen->unicode) text = ascii_text(f->arena, text);
    for (size_t line = 0; line < most && *text; line++) {
        size_t n = line + 1 < most ? fold_at(f, text, columns) : strlen(text);
        const char *part = frame_styled(f, style, cut(f, piece(f, text, n), columns));
        frame_add(f, line ? arena_printf(f->arena, "%*s%s", (int)wide, "", part)
                          : arena_printf(f->arena, "%s%s", mark, part));
        for (text += n; *text == ' '; text++) {
        }
    }
}

void frame_rule(struct frame *f, const char *title)
{
    title = cut(f, title, f->columns > 2 ? f->columns - 2 : 0);
    size_t used = *title ? frame_width(title) + 1 : 0;
    char *rule = arena_alloc(f->arena, 3 * (f->columns > used ? f->columns - used : 0) + 1), *end = rule;
    for (size_t i = used; i < f->columns; i++) end = stpcpy(end, "─");
    frame_add(f, arena_printf(f->arena, "%s%s%s", frame_styled(f, FRAME_BOLD, title), *title ? " " : "",
                              frame_styled(f, FRAME_QUIET, rule)));
}

void frame_below(struct frame *f, const struct frame *other)
{
    for (size_t i = 0; i < other->n; i++) frame_add(f, other->line[i]);
}

void frame_beside(struct frame *f, const struct frame *left, const struct frame *right)
{
    size_t n = left->n > right->n ? left->n : right->n;
    const char *between = frame_styled(f, FRAME_QUIET, "│");
    for (size_t i = 0; i < n; i++)
        frame_add(f, arena_printf(f->arena, "%s %s %s", frame_cell(f, i < left->n ? left->line[i] : "", left->columns),
                                  between, i < right->n ? right->line[i] : ""));
}

void frame_fill(struct frame *f, size_t rows)
{
    while (f->n < rows && f->n < f->rows) frame_add(f, "");
}

size_t frame_room(const struct frame *f)
{
    return f->rows - f->n;
}
