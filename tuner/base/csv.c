#include "tuner/base/csv.h"

#include <stdbool.h>
#include <string.h>

enum { FIELDS_MAX = 4096 };

struct reader {
    const char *file, *at, *end;
    int line;
    struct arena *arena;
    struct error *err;
};

/* One field; *ret_last: the row ends behind it. */
static enum status read_field(struct reader *r, char **ret, bool *ret_last)
{
    int began = r->line;
    bool quoted = r->at < r->end && *r->at == '"', open = quoted;
    const char *from = r->at;
    r->at += quoted;
    while (r->at < r->end && (open || (*r->at != ',' && *r->at != '\n'))) {
        if (*r->at == '"' && quoted) open = !open; /* of a doubled quote the second opens again */
        if (!open && quoted && *r->at != '"' && *r->at != '\r')
            return error_set(r->err, STATUS_INVALID, "%s:%d: '%c' behind a closing quote", r->file, r->line, *r->at);
        r->line += *r->at == '\n';
        r->at++;
    }
    if (open) return error_set(r->err, STATUS_INVALID, "%s:%d: a quote is opened and not closed", r->file, began);
    size_t n = 0;
    char *out = arena_alloc(r->arena, (size_t)(r->at - from) + 1);
    for (const char *c = from + quoted; c < r->at; c++) {
        if (quoted && *c == '"' && (c + 1 == r->at || *++c != '"')) break;
        out[n++] = *c;
    }
    if (!quoted && n && out[n - 1] == '\r') n--;
    out[n] = 0;
    *ret = out;
    *ret_last = r->at == r->end || *r->at == '\n';
    r->line += r->at < r->end && *r->at == '\n';
    r->at += r->at < r->end;
    return STATUS_OK;
}

static enum status read_row(struct reader *r, struct csv_row *ret)
{
    char *field[FIELDS_MAX];
    bool last = false;
    *ret = (struct csv_row){.line = r->line};
    while (!last) {
        if (ret->n == FIELDS_MAX) return error_set(r->err, STATUS_INVALID, "%s:%d: too many columns", r->file, r->line);
        enum status s = read_field(r, &field[ret->n], &last);
        if (s) return s;
        ret->n++;
    }
    ret->field = arena_array(r->arena, ret->n, sizeof *ret->field);
    memcpy(ret->field, field, ret->n * sizeof *field);
    return STATUS_OK;
}

enum status csv_read(const char *file, const char *text, size_t len, struct arena *arena, struct csv *ret,
                     struct error *err)
{
    struct reader r = {file, text, text + len, 1, arena, err};
    struct csv out = {0};
    size_t capacity = 1;
    if (memchr(text, 0, len)) return error_set(err, STATUS_INVALID, "%s: not a text file", file);
    for (size_t i = 0; i < len; i++) capacity += text[i] == '\n';
    out.row = arena_array(arena, capacity, sizeof *out.row);
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) r.at += 3;
    while (r.at < r.end) {
        struct csv_row row;
        enum status s = read_row(&r, &row);
        if (s) return s;
        if (row.n > 1 || *row.field[0]) out.row[out.n++] = row;
    }
    *ret = out;
    return STATUS_OK;
}
