#include "workers/match.h"

#include "workers/contract.h"

#include "tuner/base/arena.h"
#include "tuner/base/beneath.h"
#include "tuner/base/json.h"
#include "tuner/base/pattern.h"
#include "tuner/base/plain.h"
#include "tuner/base/redact.h"
#include "tuner/base/words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LAST_LINES = 3, LAST_ROOM = 512, SHOWN_ROOM = 81, STEP_DIGITS_MAX = 18, NUMBER_MAX = 60 };

struct lines { /* one stream: what has come of a line that is not whole yet */
    char *bytes;
    size_t n, capacity;
    bool cut; /* there was more of it */
};

struct last_line {
    char bytes[LAST_ROOM];
    size_t n;
};

/* What one program prints, or one file. */
struct source {
    const char *file; /* NULL: the output */
    struct lines lines[MATCH_STREAMS];
    struct last_line last[LAST_LINES]; /* in a ring */
    size_t n_last;                     /* so far */
    bool cut;                          /* a line was longer than is looked at */
    char problem[300];                 /* with its file; "": none */
    enum { STEP_NONE, STEP_OPEN, STEP_SAID } state;
    long step;
    size_t reports; /* that were said */
};

struct reading { /* of one metric */
    const char *metric, *text;
    struct pattern *pattern;
    struct source *source;
    enum { READ_NOTHING, READ_EMPTY, READ_NUMBER, READ_TEXT } state;
    double value;
    char shown[SHOWN_ROOM]; /* of what is not a number; of the line in which it caught nothing */
    bool at_step;           /* the value is of the source's step */
};

struct said { /* a report that a file made, until the loop hears of it */
    long step;
    json_t *metrics;
};

struct matcher {
    struct arena arena;
    struct match_handler handler;
    void *data;
    size_t n, n_sources;
    struct reading *reading;
    struct source *source; /* the first one is the output */
    struct said *said;
    size_t n_said, said_room;
    char wrong[300]; /* the first match in a file that is no report; "": there is none */
};

/* ---- numbers ---- */

static struct span trim(struct span s)
{
    while (s.n > 0 && (*s.at == ' ' || *s.at == '\t')) s.at++, s.n--;
    while (s.n > 0 && (s.at[s.n - 1] == ' ' || s.at[s.n - 1] == '\t')) s.n--;
    return s;
}

/* Decimal and finite: 0.87, .5, +3, 1e-3; "[0-9.]+" takes the full stop behind it along. */
static bool read_number(struct span s, double *ret)
{
    char text[NUMBER_MAX + 1];
    s = trim(s);
    if (s.n > 1 && s.at[s.n - 1] == '.') s.n--;
    if (s.n == 0 || s.n > NUMBER_MAX) return false;
    memcpy(text, s.at, s.n);
    text[s.n] = 0;
    return strlen(text) == s.n && words_decimal(text, ret);
}

static bool read_step(struct span s, long *ret)
{
    long step = 0;
    s = trim(s);
    if (s.n == 0 || s.n > STEP_DIGITS_MAX) return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.at[i] < '0' || s.at[i] > '9') return false;
        step = 10 * step + (s.at[i] - '0');
    }
    *ret = step;
    return true;
}

/* ---- steps ---- */

static void keep_said(struct matcher *m, long step, json_t *metrics)
{
    m->said = must_reserve(m->said, m->n_said + 1, &m->said_room, sizeof *m->said);
    m->said[m->n_said++] = (struct said){step, metrics};
}

static void say_step(struct matcher *m, struct source *s)
{
    if (s->state != STEP_OPEN) return;
    s->state = STEP_SAID;
    if (s->file && s->reports == MATCH_FILE_REPORTS_MAX) return; /* all come at once: nobody can hold them back */
    s->reports++;
    json_t *metrics = json_object();
    for (size_t i = 0; i < m->n; i++) {
        const struct reading *r = &m->reading[i];
        bool along = pattern_has_step(r->pattern) ? r->source == s && r->at_step : r->state == READ_NUMBER;
        if (along) json_object_set_new(metrics, r->metric, json_amount(r->value));
    }
    if (s->file)
        keep_said(m, s->step, metrics);
    else
        m->handler.report(m->data, s->step, metrics);
}

static void begin_step(struct matcher *m, struct source *s, long step)
{
    if (s->state != STEP_NONE && s->step == step) return;
    say_step(m, s);
    s->state = STEP_OPEN;
    s->step = step;
    for (size_t i = 0; i < m->n; i++)
        if (m->reading[i].source == s) m->reading[i].at_step = false;
}

static bool has_every_value(const struct matcher *m, const struct source *s)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct reading *r = &m->reading[i];
        if (r->source == s && pattern_has_step(r->pattern) && !r->at_step) return false;
    }
    return true;
}

/* ---- lines ---- */

static void refuse(struct matcher *m, const struct reading *r, struct span s, const char *what)
{
    char shown[SHOWN_ROOM], why[300];
    redact_cut(s.at, s.n, shown, sizeof shown);
    snprintf(why, sizeof why, "metric '%s': '%s' is not a %s; it was found by '%.120s'", r->metric, shown, what,
             r->text);
    if (!r->source->file)
        m->handler.wrong(m->data, why);
    else if (!*m->wrong)
        memcpy(m->wrong, why, sizeof why);
}

/* Is this a match with a step, and one that can be reported? */
static bool take_step(struct matcher *m, struct reading *r, const struct pattern_match *match, bool number)
{
    long step = 0;
    if (!match->step.at) return false;
    if (!number) return refuse(m, r, match->value, "finite number"), false;
    if (!read_step(match->step, &step)) return refuse(m, r, match->step, "step, a whole number from 0"), false;
    begin_step(m, r->source, step); /* what it had is said before it gets another value */
    return true;
}

/* Without a step a number may still come; what is a report must have one. */
static void take_match(struct matcher *m, struct reading *r, const struct pattern_match *match)
{
    double v = 0;
    bool number = read_number(match->value, &v);
    r->at_step = take_step(m, r, match, number) || r->at_step;
    r->state = number ? READ_NUMBER : READ_TEXT;
    r->value = v;
    if (!number) redact_cut(match->value.at, match->value.n, r->shown, sizeof r->shown);
}

/* It matched, and its group caught nothing: no value, and to be told if none comes. */
static void take_empty(struct reading *r, const char *line, size_t n)
{
    if (r->state != READ_NOTHING) return;
    r->state = READ_EMPTY;
    redact_cut(line, n, r->shown, sizeof r->shown);
}

static void look_for(struct matcher *m, struct reading *r, const char *line, size_t n)
{
    struct pattern_match match;
    if (pattern_find(r->pattern, line, n, &match))
        take_match(m, r, &match);
    else if (match.value.at)
        take_empty(r, line, n);
}

static void remember(struct source *s, const char *line, size_t n)
{
    struct last_line *last = &s->last[s->n_last++ % LAST_LINES];
    last->n = n < LAST_ROOM ? n : LAST_ROOM;
    memcpy(last->bytes, line, last->n);
}

static bool is_blank(const char *line, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (line[i] != ' ' && line[i] != '\t') return false;
    return true;
}

static void take_line(struct matcher *m, struct source *s, char *line, size_t n)
{
    n = contract_clean(&line, n);
    line[n] = 0;
    plain_repair(line, n);
    if (is_blank(line, n)) return;
    remember(s, line, n);
    for (size_t i = 0; i < m->n; i++)
        if (m->reading[i].source == s) look_for(m, &m->reading[i], line, n);
    if (s->state == STEP_OPEN && has_every_value(m, s)) say_step(m, s);
}

static void end_line(struct matcher *m, struct source *s, struct lines *l)
{
    s->cut |= l->cut;
    if (l->n) take_line(m, s, l->bytes, l->n);
    l->n = 0;
    l->cut = false;
}

/* What is behind MATCH_LINE_MAX is dropped. A byte is kept for the NUL. */
static void append(struct lines *l, const char *bytes, size_t n)
{
    size_t capacity = MATCH_LINE_MAX - l->n, k = n < capacity ? n : capacity;
    l->bytes = must_reserve(l->bytes, l->n + k + 1, &l->capacity, 1);
    memcpy(l->bytes + l->n, bytes, k);
    l->n += k;
    l->cut |= k < n;
}

static void split(struct matcher *m, struct source *s, struct lines *l, const char *bytes, size_t n)
{
    while (n > 0) {
        size_t k = 0;
        while (k < n && bytes[k] != '\n' && bytes[k] != '\r') k++;
        append(l, bytes, k);
        if (k == n) return;
        end_line(m, s, l);
        bytes += k + 1;
        n -= k + 1;
    }
}

static void end_source(struct matcher *m, struct source *s)
{
    for (size_t i = 0; i < MATCH_STREAMS; i++) end_line(m, s, &s->lines[i]);
    say_step(m, s);
}

void matcher_take(struct matcher *m, enum match_stream stream, const char *bytes, size_t n)
{
    split(m, &m->source[0], &m->source[0].lines[stream], bytes, n);
}

void matcher_end(struct matcher *m)
{
    end_source(m, &m->source[0]);
}

/* ---- files ---- */

static enum status open_file(const char *dir, const char *file, int *ret, struct error *err)
{
    int folder = -1;
    enum status s = beneath_folder(AT_FDCWD, dir, false, &folder, err);
    if (s) return s;
    s = beneath_open(folder, file, O_RDONLY, 0, ret, err);
    close(folder);
    if (s == STATUS_NOT_FOUND)
        return error_set(err, s, "the program has written no file '%.100s' into its own folder ($NOCTURNE_DIR, {dir})",
                         file);
    return s;
}

static enum status too_long(const struct source *s, struct error *err)
{
    return error_set(err, STATUS_INVALID, "the file '%.100s' is over %d MiB long", s->file, MATCH_FILE_MAX >> 20);
}

static enum status read_file(struct matcher *m, struct source *s, int fd, struct error *err)
{
    char buf[1 << 16];
    struct stat file;
    size_t all = 0;
    ssize_t n;
    if (fstat(fd, &file) == 0 && file.st_size > MATCH_FILE_MAX) return too_long(s, err);
    while ((n = read(fd, buf, sizeof buf)) > 0) {
        all += (size_t)n;
        if (all > MATCH_FILE_MAX) return too_long(s, err); /* it has grown */
        split(m, s, &s->lines[0], buf, (size_t)n);
    }
    return n == 0 ? STATUS_OK
                  : error_set(err, STATUS_IO, "the file '%.100s' cannot be read: %s", s->file, strerror(errno));
}

static void forget(struct matcher *m, const struct source *s)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->reading[i].source == s) m->reading[i].state = READ_NOTHING;
}

bool matcher_has_files(const struct matcher *m)
{
    return m->n_sources > 1;
}

void matcher_say_files(struct matcher *m)
{
    for (size_t i = 0; i < m->n_said; i++) m->handler.report(m->data, m->said[i].step, m->said[i].metrics);
    m->n_said = 0;
    if (*m->wrong) m->handler.wrong(m->data, m->wrong);
}

void matcher_read_files(struct matcher *m, const char *dir)
{
    for (size_t i = 1; i < m->n_sources; i++) {
        struct source *s = &m->source[i];
        struct error err;
        int fd = -1;
        enum status st = open_file(dir, s->file, &fd, &err);
        if (!st) st = read_file(m, s, fd, &err);
        if (fd >= 0) close(fd);
        end_source(m, s);
        if (!st) continue;
        forget(m, s);
        snprintf(s->problem, sizeof s->problem, "%.299s", err.text);
    }
}

/* ---- what was found ---- */

void matcher_join(const struct matcher *m, json_t *metrics)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct reading *r = &m->reading[i];
        if (r->state == READ_NUMBER)
            json_object_set_new(metrics, r->metric, json_amount(r->value));
        else
            json_object_del(metrics, r->metric);
    }
}

/* The last lines, oldest first, without secrets. */
static const char *show_last(struct arena *a, const struct source *s)
{
    size_t n = s->n_last < LAST_LINES ? s->n_last : LAST_LINES;
    const char *text = n == 0 ? "it is empty" : n == 1 ? "its last line:" : "its last lines:";
    for (size_t i = s->n_last - n; i < s->n_last; i++) {
        const struct last_line *last = &s->last[i % LAST_LINES];
        char shown[SHOWN_ROOM];
        redact_cut(last->bytes, last->n, shown, sizeof shown);
        text = arena_printf(a, "%s '%s'", text, shown);
    }
    return text;
}

static void say_not_found(const struct reading *r, char *ret, size_t size)
{
    struct arena a = {0};
    const struct source *s = r->source;
    const char *where = s->file ? arena_printf(&a, "the file '%.60s'", s->file) : "the output";
    const char *cut = s->cut ? arena_printf(&a, " in the first %d MiB", MATCH_LINE_MAX >> 20) : "";
    snprintf(ret, size, "metric '%s' was not found: no line of %s matches '%.120s'%s; %s", r->metric, where, r->text,
             cut, show_last(&a, s));
    arena_done(&a);
}

bool matcher_why(const struct matcher *m, const char *metric, char *ret, size_t size)
{
    size_t i = 0;
    while (i < m->n && strcmp(m->reading[i].metric, metric) != 0) i++;
    if (i == m->n) return false;
    const struct reading *r = &m->reading[i];
    if (r->state == READ_TEXT)
        snprintf(ret, size, "metric '%s': '%s' is not a finite number; it was found by '%.120s'", metric, r->shown,
                 r->text);
    else if (r->state == READ_EMPTY)
        snprintf(ret, size, "metric '%s' was not found: '%.120s' matched, but what its group caught is empty, in '%s'",
                 metric, r->text, r->shown);
    else if (*r->source->problem)
        snprintf(ret, size, "metric '%s' was not found: %s", metric, r->source->problem);
    else
        say_not_found(r, ret, size);
    return true;
}

/* ---- the whole ---- */

static struct source *source_of(struct matcher *m, const char *file)
{
    if (!file) return &m->source[0];
    for (size_t i = 1; i < m->n_sources; i++)
        if (strcmp(m->source[i].file, file) == 0) return &m->source[i];
    m->source[m->n_sources].file = arena_strdup(&m->arena, file);
    return &m->source[m->n_sources++];
}

enum status matcher_create(const struct job_match *match, size_t n, const struct match_handler *handler, void *data,
                           struct matcher **ret, struct error *err)
{
    struct matcher *m = must_alloc(1, sizeof *m);
    enum status s = STATUS_OK;
    m->handler = *handler;
    m->data = data;
    m->reading = arena_array(&m->arena, n, sizeof *m->reading);
    m->source = arena_array(&m->arena, n + 1, sizeof *m->source);
    m->n_sources = 1;
    for (size_t i = 0; !s && i < n; i++) {
        struct reading *r = &m->reading[i];
        s = pattern_compile(match[i].pattern, &r->pattern, err);
        if (s) break;
        r->metric = arena_strdup(&m->arena, match[i].metric);
        r->text = arena_strdup(&m->arena, match[i].pattern);
        r->source = source_of(m, match[i].file);
        m->n++;
    }
    if (s)
        matcher_free(m);
    else
        *ret = m;
    return s;
}

void matcher_free(struct matcher *m)
{
    if (!m) return;
    for (size_t i = 0; i < m->n; i++) pattern_free(m->reading[i].pattern);
    for (size_t i = 0; i < m->n_sources; i++)
        for (size_t k = 0; k < MATCH_STREAMS; k++) free(m->source[i].lines[k].bytes);
    for (size_t i = 0; i < m->n_said; i++) json_decref(m->said[i].metrics);
    free(m->said);
    arena_done(&m->arena);
    free(m);
}
