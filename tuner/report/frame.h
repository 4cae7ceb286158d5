/* frame: what a screen of a terminal shows, line by line, before anybody draws it.
 *
 * No line is wider than `columns`, and there are `rows` of them at most: what is too wide is cut, what is too much is
 * left out. Texts are of one line, may have colours (SGR) of our own, and nothing else that steers: what other people
 * wrote comes through plain_shown first. Where the screen has no UTF-8 lines are ASCII. Everything is in the arena;
 * nothing fails.
 *
 *     struct frame f = frame_make(80, 24, &screen, &arena);
 *     frame_split(&f, "study g2p", "live");
 *     frame_say(&f, "  ", "A sentence that is folded between words.", FRAME_PLAIN, 3);
 */
#ifndef TUNER_REPORT_FRAME_H
#define TUNER_REPORT_FRAME_H

#include "tuner/report/screen.h"

struct frame {
    size_t columns, rows;
    const struct screen *screen; /* for its characters and colours; must live as long */
    struct arena *arena;
    size_t n;
    const char **line; /* rows */
};

/* Words keep the colour of the terminal, whatever that is: they are bold, faint or reversed; only marks have another.
 */
enum frame_style { FRAME_PLAIN, FRAME_BOLD, FRAME_QUIET, FRAME_REVERSED, FRAME_MARK };

struct frame frame_make(size_t columns, size_t rows, const struct screen *screen, struct arena *arena);

/* ---- text ---- */

/* Columns, those of colours not counted. */
size_t frame_width(const char *text);
/* Cut or filled up with spaces to exactly `columns`; what is cut ends in "…". */
const char *frame_cell(const struct frame *f, const char *text, size_t columns);
/* In its colour, if the screen has any. */
const char *frame_styled(const struct frame *f, enum frame_style style, const char *text);

/* ---- lines ---- */

void frame_add(struct frame *f, const char *text);
/* `right` stands at the end of the line; `left` is cut for it. */
void frame_split(struct frame *f, const char *left, const char *right);
/* Folded between words into `most` lines at most, each behind `mark`, or as much space. */
void frame_say(struct frame *f, const char *mark, const char *text, enum frame_style style, size_t most);
/* A line across with a title in it; "": none. */
void frame_rule(struct frame *f, const char *title);
/* All lines of another, or as many as fit. */
void frame_below(struct frame *f, const struct frame *other);
/* Two frames side by side, with a line between; together they are as wide as this one. */
void frame_beside(struct frame *f, const struct frame *left, const struct frame *right);
/* Empty lines, up to `rows` in all. */
void frame_fill(struct frame *f, size_t rows);
/* How many lines fit still. */
size_t frame_room(const struct frame *f);

#endif
