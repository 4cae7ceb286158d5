/* SPDX-License-Identifier: MIT — what this file writes may be passed on as anybody likes (README.md). */
#include "tuner/report/story_md.h"

#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 3, ROWS_MAX = 6 };

/* ---- text ---- */

static void escape(FILE *out, const char *text, bool code)
{
    for (; *text; text++) {
        if (code && *text == '`') continue; /* nothing escapes it there */
        if (!code && strchr("\\`*[]<>|#~", *text)) fputc('\\', out);
        fputc(*text == '\n' ? ' ' : *text, out);
    }
}

static const char *sign(char mark)
{
    return mark == *STORY_STRONG ? "**" : mark == *STORY_CODE ? "`" : "";
}

static void write_text(FILE *out, const char *text)
{
    char piece[512], mark, open = 0;
    struct arena a = {0};
    for (const char *at = plain_bounded(&a, text, strlen(text)); at;) {
        at = story_next(at, piece, sizeof piece, &mark);
        escape(out, piece, open == *STORY_CODE);
        if (!mark) continue;
        fputs(sign(open), out);
        open = mark == *STORY_PLAIN ? 0 : mark;
        fputs(sign(open), out);
    }
    fputs(sign(open), out);
    arena_done(&a);
}

static void write_row(FILE *out, const struct story_table *t, size_t row, size_t columns)
{
    for (size_t k = 0; k < columns; k++) {
        fputs("| ", out);
        write_text(out, t->cell[row * t->n_columns + k]);
        fputc(' ', out);
    }
    fputs("|\n", out);
    for (size_t k = 0; row == 0 && k < columns; k++) fputs(k ? "|--:" : "|:--", out);
    if (row == 0) fputs("|\n", out);
}

static void write_table(FILE *out, const struct story_table *t)
{
    size_t columns = t->n_columns < COLUMNS_MAX ? t->n_columns : COLUMNS_MAX;
    for (size_t i = 0; i < t->n_rows; i++)
        if (i < ROWS_MAX || t->strong[i]) write_row(out, t, i, columns);
    fputc('\n', out);
}

/* ---- as much as fits ---- */

static char *block_text(const struct story_block *b)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    if (!out) return NULL;
    if (b->kind == STORY_TABLE)
        write_table(out, &b->table);
    else {
        if (b->kind == STORY_ITEM) fputs("- ", out);
        write_text(out, b->text);
        fputs(b->kind == STORY_ITEM ? "\n" : "\n\n", out);
    }
    fclose(out);
    return text;
}

struct line { /* a block as it would stand in the message */
    const struct story_block *block;
    char *text; /* NULL: it has no room */
};

static char *head_text(const struct story *s)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    if (!out) return NULL;
    fputs("**", out);
    escape(out, s->name, false);
    fputs(" · ", out);
    escape(out, s->verdict, false);
    fputs("**\n\n", out);
    fclose(out);
    return text;
}

static size_t find_lines(const struct story *s, struct arena *a, struct line **ret)
{
    size_t room = 1, n = 0;
    for (size_t i = 0; i < s->n; i++) room += s->section[i].n;
    *ret = arena_array(a, room, sizeof **ret);
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < s->section[i].n; k++)
            if (s->section[i].block[k].brief && s->section[i].block[k].kind != STORY_CHART)
                (*ret)[n++].block = &s->section[i].block[k];
    return n;
}

/* What is missed most has room first; only the very first is cut. */
static void fill(struct line *line, size_t n, size_t left)
{
    for (enum story_brief rank = STORY_FIRST; rank <= STORY_THIRD; rank++)
        for (size_t i = 0; i < n; i++) {
            if (line[i].block->brief != rank) continue;
            char *text = block_text(line[i].block);
            size_t length = text ? words_length(text) : 0;
            if (length > left && i == 0)
                text[left] = 0; /* bytes are no fewer than characters; plain_bounded mends it */
            if (length > left && i != 0) {
                free(text);
                continue;
            }
            line[i].text = text;
            left -= length < left ? length : left;
        }
}

void story_md_write(FILE *out, const struct story *s)
{
    struct arena a = {0};
    struct line *line;
    char *head = head_text(s);
    size_t n = find_lines(s, &a, &line), used = head ? words_length(head) : 0;
    fill(line, n, used < STORY_MD_MAX ? STORY_MD_MAX - used : 0);
    fputs(head ? head : "", out);
    for (size_t i = 0; i < n; i++) {
        if (line[i].text) fputs(plain_bounded(&a, line[i].text, strlen(line[i].text)), out);
        free(line[i].text);
    }
    free(head);
    arena_done(&a);
}
