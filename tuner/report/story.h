/* story: a report in words before anybody sets it: a head, then sections of sentences, tables and charts. morning.h
 * makes one of a study; story_html.h and story_md.h set it.
 *
 * Sentences may have marks in them for what is to stand out; nothing else in a text has a meaning. What other people
 * wrote comes in by story_quote, which leaves no such mark in it, and whoever sets the story makes it harmless for his
 * format. All of it lies in the arena in which it was made, or lives as long as the study; nothing here fails.
 *
 *     struct story s = {.name = "g2p", .verdict = "a trade"};
 *     struct story_section *x = story_section(&s, a, "Verdict");
 *     story_say(x, a, STORY_SENTENCE, "Trial 9 takes " STRONG("62 % fewer tokens") ".");
 */
#ifndef TUNER_REPORT_STORY_H
#define TUNER_REPORT_STORY_H

#include "tuner/report/chart.h"

#define STORY_STRONG "\x02" /* begins what is bold, */
#define STORY_CODE "\x05"   /* … or to be typed; */
#define STORY_PLAIN "\x03"  /* both end here */
#define STRONG(text) STORY_STRONG text STORY_PLAIN
#define CODE(text) STORY_CODE text STORY_PLAIN

enum story_kind {
    STORY_LEAD,     /* a sentence of the verdict, larger */
    STORY_SENTENCE, /* a paragraph */
    STORY_QUIET,    /* how to read what stands above */
    STORY_ITEM,     /* of a list */
    STORY_LINES,    /* as they are: commands, CSV */
    STORY_TABLE,
    STORY_CHART,
};

enum story_brief { /* a line of it in a chat message? By how much it is missed there. */
                   STORY_NEVER,
                   STORY_FIRST,
                   STORY_SECOND,
                   STORY_THIRD,
};

struct story_table {
    const char *caption;
    size_t n_rows, n_columns; /* row 0 is the head */
    const char **cell;        /* n_rows × n_columns; the first column names the row */
    bool *strong;             /* n_rows */
};

struct story_block {
    enum story_kind kind;
    enum story_brief brief;
    const char *text; /* sentences, items, lines */
    struct story_table table;
    struct chart chart;
};

struct story_section {
    const char *title;
    bool folded; /* for who wants to know */
    size_t n;
    struct story_block *block;
};

struct story {
    const char *name, *verdict; /* "g2p", "a trade" */
    const char *about;          /* from when to when, as of which event, by which version */
    size_t n;
    struct story_section *section;
};

/* Other people's text as it may stand in one: a line, without anything that steers. */
const char *story_quote(struct arena *a, const char *text);

/* A new one at the end. Pointers to earlier ones are no longer good. */
struct story_section *story_section(struct story *s, struct arena *a, const char *title);
struct story_block *story_say(struct story_section *x, struct arena *a, enum story_kind kind, const char *text);
/* Rows and columns of "". */
struct story_table *story_table(struct story_section *x, struct arena *a, const char *caption, size_t n_rows,
                                size_t n_columns);
void story_put(struct story_table *t, size_t row, size_t column, const char *text);
void story_chart(struct story_section *x, struct arena *a, const struct chart *c);

/* The text from `at` on up to the next mark, at most `size` − 1 bytes of it in `buf`; returns where it goes on, NULL at
 * the end. *ret_mark is what stands there: STORY_STRONG[0], STORY_CODE[0], STORY_PLAIN[0], or 0. */
const char *story_next(const char *at, char *buf, size_t size, char *ret_mark);

#endif
