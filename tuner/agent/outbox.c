#include "tuner/agent/outbox.h"

#include "tuner/base/arena.h"
#include "tuner/base/beneath.h"
#include "tuner/base/json.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMPACT_BYTES = 1 << 20, WINDOW = 64 << 10 };

/* Places are counted from the file's beginning; after its end comes what the disk refused, in memory. */
struct outbox {
    char *path;
    int fd;
    size_t at, n; /* what is before `at` has been said; bytes in the file */
    size_t lent;  /* after `at`: taken, and perhaps being said now */
    char *rest;   /* that the disk refused */
    size_t rest_n, rest_room;
    size_t max, thin_at;
    struct cut *cut; /* of the last thinning */
    size_t cuts;
};

/* Reports of a lease, while they are thinned. */
struct cut {
    char *study;
    int64_t lease;
    size_t n, seen, kept; /* reports that there are; looked at; left */
    json_int_t first;     /* the number of the first */
};

/* ---- reading ---- */

static size_t end_of(const struct outbox *o)
{
    return o->n + o->rest_n;
}

static size_t read_at(const struct outbox *o, size_t at, char *buf, size_t max)
{
    if (at >= o->n) {
        size_t left = end_of(o) - at, k = left < max ? left : max;
        if (k) memcpy(buf, o->rest + (at - o->n), k);
        return k;
    }
    ssize_t k = pread(o->fd, buf, o->n - at < max ? o->n - at : max, (off_t)at);
    return k > 0 ? (size_t)k : 0;
}

/* Lines, one after the other, through a window that is as large as the longest. */
struct walk {
    const struct outbox *box;
    size_t at, end; /* of the next line, of all */
    char *buf;
    size_t from, n, capacity; /* the window's place and bytes */
};

static bool fill(struct walk *w)
{
    size_t skip = w->at - w->from;
    if (skip) memmove(w->buf, w->buf + skip, w->n - skip);
    w->from = w->at;
    w->n -= skip;
    w->buf = must_reserve(w->buf, w->n + WINDOW, &w->capacity, 1);
    size_t k = read_at(w->box, w->from + w->n, w->buf + w->n, w->capacity - w->n);
    w->n += k;
    return k > 0;
}

/* NULL: there is none. Without its end; *ret_n: bytes with it. */
static char *next_line(struct walk *w, size_t *ret_n)
{
    while (w->at < w->end) {
        char *line = w->buf ? w->buf + (w->at - w->from) : NULL;
        char *end = line ? memchr(line, '\n', w->n - (w->at - w->from)) : NULL;
        if (end) {
            *end = 0;
            *ret_n = (size_t)(end - line) + 1;
            w->at += *ret_n;
            return line;
        }
        if (!fill(w)) return NULL;
    }
    return NULL;
}

static struct walk walk_from(const struct outbox *o, size_t at, size_t end)
{
    return (struct walk){.box = o, .at = at, .from = at, .end = end};
}

/* ---- life ---- */

/* The end of the last whole line: what comes after it was torn by a crash. */
static size_t whole_lines(const struct outbox *o, size_t size)
{
    char buf[4096];
    while (size > 0) {
        size_t k = size < sizeof buf ? size : sizeof buf;
        ssize_t n = pread(o->fd, buf, k, (off_t)(size - k));
        const char *end = n == (ssize_t)k ? memrchr(buf, '\n', k) : NULL;
        if (end) return size - k + (size_t)(end - buf) + 1;
        size -= k;
    }
    return 0;
}

enum status outbox_open(const char *path, size_t max, struct outbox **ret, struct error *err)
{
    struct stat st;
    int fd = -1;
    enum status s = beneath_open(AT_FDCWD, path, O_RDWR | O_CREAT, 0600, &fd, err);
    if (s) return error_context(err, "cannot open the outbox");
    if (fstat(fd, &st) != 0) st.st_size = 0;
    beneath_tighten(fd);
    struct outbox *o = must_alloc(1, sizeof *o);
    *o = (struct outbox){.path = must_strdup(path), .fd = fd, .max = max, .thin_at = max};
    o->n = whole_lines(o, (size_t)st.st_size);
    if (ftruncate(fd, (off_t)o->n) != 0) o->n = 0;
    *ret = o;
    return STATUS_OK;
}

static void forget_cuts(struct outbox *o)
{
    for (size_t i = 0; i < o->cuts; i++) free(o->cut[i].study);
    free(o->cut);
    o->cut = NULL;
    o->cuts = 0;
}

void outbox_close(struct outbox *o)
{
    if (!o) return;
    close(o->fd);
    forget_cuts(o);
    free(o->path);
    free(o->rest);
    free(o);
}

/* ---- thinning ---- */

static struct cut *cut_of(struct outbox *o, const json_t *line)
{
    const char *study = json_string_value(json_object_get(line, "study"));
    int64_t lease = json_integer_value(json_object_get(line, "lease"));
    if (!study) study = "";
    for (size_t i = o->cuts; i-- > 0;)
        if (o->cut[i].lease == lease && strcmp(o->cut[i].study, study) == 0) return &o->cut[i];
    if ((o->cuts & (o->cuts - 1)) == 0) o->cut = must_grow(o->cut, o->cuts ? 2 * o->cuts : 1, sizeof *o->cut);
    o->cut[o->cuts] = (struct cut){.study = must_strdup(study), .lease = lease};
    return &o->cut[o->cuts++];
}

static json_t *report_of(const char *line, json_t **ret)
{
    *ret = NULL;
    if (!strstr(line, "\"report\"")) return NULL;
    json_parse_object(line, strlen(line), ret, NULL);
    return json_object_get(*ret, "report");
}

static void count_reports(struct outbox *o)
{
    struct walk w = walk_from(o, o->at + o->lent, end_of(o));
    size_t n;
    forget_cuts(o);
    for (char *line; (line = next_line(&w, &n));) {
        json_t *whole, *report = report_of(line, &whole);
        struct cut *c = report ? cut_of(o, whole) : NULL;
        if (c && c->n++ == 0) c->first = json_integer_value(json_object_get(report, "n"));
        json_decref(whole);
    }
    free(w.buf);
}

/* Every second report stays, and the newest; their numbers have no gaps, so that what is said twice counts once. */
static bool write_thinned(struct outbox *o, FILE *out)
{
    struct walk w = walk_from(o, o->at + o->lent, end_of(o));
    size_t n;
    for (char *line; (line = next_line(&w, &n));) {
        json_t *whole, *report = report_of(line, &whole);
        struct cut *c = report ? cut_of(o, whole) : NULL;
        if (!c)
            fprintf(out, "%s\n", line);
        else if ((c->n - ++c->seen) % 2 == 0) {
            json_object_set_new(report, "n", json_integer(c->first + (json_int_t)c->kept++));
            char *text = json_text(whole);
            fprintf(out, "%s\n", text);
            free(text);
        }
        json_decref(whole);
    }
    free(w.buf);
    return fflush(out) == 0 && !ferror(out);
}

static bool copy_lines(const struct outbox *o, size_t from, size_t end, FILE *out)
{
    struct walk w = walk_from(o, from, end);
    size_t n;
    for (char *line; (line = next_line(&w, &n));) fprintf(out, "%s\n", line);
    free(w.buf);
    return fflush(out) == 0 && !ferror(out);
}

/* A new file takes the place of the old one. False: the disk refuses, and all is as it was. */
static bool replace_file(struct outbox *o, const char *bytes, size_t n)
{
    struct arena a = {0};
    char *part = arena_printf(&a, "%s.part", o->path);
    int fd = -1;
    bool ok = beneath_create(AT_FDCWD, part, 0600, &fd, NULL) == STATUS_OK && pwrite(fd, bytes, n, 0) == (ssize_t)n &&
              fdatasync(fd) == 0 && rename(part, o->path) == 0;
    if (fd >= 0 && !ok) {
        unlink(part);
        close(fd);
    }
    arena_done(&a);
    if (!ok) return false;
    close(o->fd);
    o->fd = fd;
    return true;
}

/* What is left, into a new file; what was thinned and the disk refuses, into memory. */
static void rewrite(struct outbox *o, bool thinner)
{
    char *text = NULL;
    size_t n = 0, lent = o->at + o->lent;
    FILE *out = open_memstream(&text, &n);
    if (thinner) count_reports(o);
    bool ok = out && copy_lines(o, o->at, lent, out) &&
              (thinner ? write_thinned(o, out) : copy_lines(o, lent, end_of(o), out));
    if (out) fclose(out);
    bool filed = ok && replace_file(o, text, n);
    if (filed || (ok && thinner)) {
        o->n = filed ? n : 0; /* else the file stays: after a crash, more is said than is needed */
        o->at = 0;
        free(o->rest);
        o->rest = filed ? NULL : text;
        o->rest_n = o->rest_room = filed ? 0 : n;
    }
    if (filed || !ok || !thinner) free(text);
}

/* ---- lines ---- */

static void file_rest(struct outbox *o)
{
    ssize_t k = pwrite(o->fd, o->rest, o->rest_n, (off_t)o->n);
    if (k <= 0) return;
    o->n += (size_t)k;
    o->rest_n -= (size_t)k;
    memmove(o->rest, o->rest + k, o->rest_n);
    if (ftruncate(o->fd, (off_t)o->n) != 0) return; /* nothing lies there, or what was thinned */
}

bool outbox_add(struct outbox *o, const json_t *line, bool sync)
{
    char *text = json_text(line);
    size_t k = strlen(text);
    o->rest = must_reserve(o->rest, o->rest_n + k + 1, &o->rest_room, 1);
    memcpy(o->rest + o->rest_n, text, k);
    o->rest[o->rest_n + k] = '\n';
    o->rest_n += k + 1;
    free(text);
    file_rest(o);
    if (sync) fdatasync(o->fd);
    if (outbox_bytes(o) <= o->thin_at) return false;
    rewrite(o, true);
    size_t left = outbox_bytes(o);
    o->thin_at = left > o->max / 4 * 3 ? left + o->max / 4 : o->max; /* what is no report stays */
    return true;
}

size_t outbox_thinned(const struct outbox *o, const char *study, int64_t lease)
{
    for (size_t i = 0; i < o->cuts; i++)
        if (o->cut[i].lease == lease && strcmp(o->cut[i].study, study) == 0) return o->cut[i].n - o->cut[i].kept;
    return 0;
}

bool outbox_is_empty(const struct outbox *o)
{
    return o->at == end_of(o);
}

size_t outbox_bytes(const struct outbox *o)
{
    return end_of(o) - o->at;
}

json_t *outbox_take(struct outbox *o, size_t max, const char *stop, size_t *ret_bytes)
{
    json_t *all = json_array();
    struct walk w = walk_from(o, o->at, end_of(o));
    size_t n, taken = 0;
    for (char *text; (taken == 0 || taken < max) && (text = next_line(&w, &n));) {
        json_t *line = NULL;
        const char *zero = memrchr(text, 0, n - 1); /* somebody has cut the file; what follows is the next batch's */
        size_t hole = zero ? (size_t)(zero + 1 - text) : 0;
        if (hole) {
            if (taken == 0) taken = hole;
            break;
        }
        json_parse_object(text, n - 1, &line, NULL); /* a damaged line is dropped with its batch */
        bool stops = line && json_object_get(line, stop);
        if (stops && json_array_size(all) > 0) {
            json_decref(line);
            break;
        }
        taken += n;
        if (line) json_array_append_new(all, line);
        if (stops) break;
    }
    free(w.buf);
    if (taken == 0) taken = w.end - w.at; /* the file was cut: there is no more */
    *ret_bytes = o->lent = taken;
    return all;
}

void outbox_each(const struct outbox *o, void (*fn)(void *data, const json_t *line), void *data)
{
    struct walk w = walk_from(o, o->at, end_of(o));
    size_t n;
    for (char *text; (text = next_line(&w, &n));) {
        json_t *line = NULL;
        if (json_parse_object(text, n - 1, &line, NULL) == STATUS_OK) fn(data, line);
        json_decref(line);
    }
    free(w.buf);
}

/* Kept in the file until all of it is said, or a good part: to be said again after a crash changes nothing. */
void outbox_drop(struct outbox *o, size_t bytes)
{
    o->at += bytes;
    o->lent = 0;
    if (outbox_is_empty(o)) {
        o->at = o->n = o->rest_n = 0;
        o->thin_at = o->max;
        if (ftruncate(o->fd, 0) != 0) return;
    } else if (o->at >= COMPACT_BYTES && o->at >= end_of(o) / 2)
        rewrite(o, false);
}
