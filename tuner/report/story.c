#include "tuner/report/story.h"

#include "tuner/base/plain.h"

#include <string.h>

const char *story_quote(struct arena *a, const char *text)
{
    return plain_shown(a, text);
}

struct story_section *story_section(struct story *s, struct arena *a, const char *title)
{
    s->section = arena_more(a, s->section, s->n, sizeof *s->section);
    s->section[s->n] = (struct story_section){.title = title};
    return &s->section[s->n++];
}

static struct story_block *add(struct story_section *x, struct arena *a, enum story_kind kind)
{
    x->block = arena_more(a, x->block, x->n, sizeof *x->block);
    x->block[x->n] = (struct story_block){.kind = kind};
    return &x->block[x->n++];
}

struct story_block *story_say(struct story_section *x, struct arena *a, enum story_kind kind, const char *text)
{
    struct story_block *b = add(x, a, kind);
    b->text = text;
    return b;
}

struct story_table *story_table(struct story_section *x, struct arena *a, const char *caption, size_t n_rows,
                                size_t n_columns)
{
    struct story_table *t = &add(x, a, STORY_TABLE)->table;
    *t = (struct story_table){.caption = caption, .n_rows = n_rows, .n_columns = n_columns};
    t->cell = arena_array(a, n_rows * n_columns, sizeof *t->cell);
    t->strong = arena_array(a, n_rows, sizeof *t->strong);
    for (size_t i = 0; i < n_rows * n_columns; i++) t->cell[i] = "";
    return t;
}

void story_put(struct story_table *t, size_t row, size_t column, const char *text)
{
    t->cell[row * t->n_columns + column] = text;
}

void story_chart(struct story_section *x, struct arena *a, const struct chart *c)
{
    add(x, a, STORY_CHART)->chart = *c;
}

const char *story_next(const char *at, char *buf, size_t size, char *ret_mark)
{
    static const char marks[] = STORY_STRONG STORY_CODE STORY_PLAIN;
    size_t n = strcspn(at, marks);
    if (n > size - 1) n = size - 1;
    memcpy(buf, at, n);
    buf[n] = 0;
    *ret_mark = at[n] && strchr(marks, at[n]) ? at[n] : 0;
    at += n + (*ret_mark != 0);
    return *at || *ret_mark ? at : NULL;
}
