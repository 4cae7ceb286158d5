/* nocturne rollout outcomes: what units did, from a file or standard input, in batches: each is on the disk before the
 * next is read, and the same again changes nothing, so that whoever was cut off begins anew. */
#include "tuner/cli/rollout.h"

#include "tuner/cli/rollouts.h"

#include "tuner/base/plain.h"

#include "tuner/report/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH_ITEMS = 2000, BATCH_BYTES = 512 << 10, BODY_BYTES = 256 << 20, REFUSALS_SHOWN = 20, REFUSALS_KEPT = 100 };

struct origin {
    long line, item; /* item: in the body of that line, from 1; 0: the line is the item */
};

struct totals {
    long taken, repeated, late, left_out, refused;
};

struct feed {
    const struct rollout_options *o;
    const struct rollouts *r;
    const char *name; /* of the file */
    FILE *in;
    long line;
    json_t *list; /* the batch */
    struct origin origin[BATCH_ITEMS];
    size_t n, bytes;
    struct totals totals;
    json_t *why; /* refusals: the first */
    bool moves;  /* progress can be shown */
};

/* ---- what became of them ---- */

static void refuse(struct feed *f, struct origin at, const char *why)
{
    struct arena a = {0};
    const char *item = at.item ? arena_printf(&a, ", item %ld", at.item) : "";
    f->totals.refused++;
    if (f->totals.refused <= REFUSALS_SHOWN && !f->o->common.json)
        fprintf(stderr, "%s:%ld%s: %s\n", f->name, at.line, item, plain_shown(&a, why));
    if (f->totals.refused <= REFUSALS_KEPT) {
        json_t *one = json_pack("{s:I, s:s}", "line", (json_int_t)at.line, "why", why);
        if (at.item) json_object_set_new(one, "item", json_integer(at.item));
        json_array_append_new(f->why, one);
    }
    arena_done(&a);
}

static long count(const json_t *answer, const char *key)
{
    return (long)json_integer_value(json_object_get(answer, key));
}

static void note_answer(struct feed *f, const json_t *answer)
{
    struct totals now = {count(answer, "taken"), count(answer, "repeated"), count(answer, "late"),
                         count(answer, "left_out"), 0};
    const json_t *one;
    size_t i;
    json_array_foreach(json_object_get(answer, "refused"), i, one)
    {
        size_t index = (size_t)count(one, "index");
        const char *why = json_string_value(json_object_get(one, "why"));
        if (index < f->n) now.refused++, refuse(f, f->origin[index], why ? why : "");
    }
    f->totals.taken += now.taken, f->totals.repeated += now.repeated;
    f->totals.late += now.late, f->totals.left_out += now.left_out;
    /* of many refused the answer names some */
    f->totals.refused += (long)f->n - now.taken - now.repeated - now.late - now.left_out - now.refused;
}

static void show_progress(const struct feed *f)
{
    if (f->moves) fprintf(stderr, "\r%ld outcomes, line %ld", f->totals.taken, f->line);
}

static enum status send_batch(struct feed *f, struct error *err)
{
    json_t *answer = NULL;
    if (f->n == 0) return STATUS_OK;
    json_t *body = json_pack("{s:O}", "outcomes", f->list);
    enum status s = rollouts_take(f->r, f->o->arg[0], body, &answer, err);
    json_decref(body);
    if (s) return s;
    note_answer(f, answer);
    json_decref(answer);
    json_array_clear(f->list);
    f->n = f->bytes = 0;
    show_progress(f);
    return s;
}

/* ---- what comes in ---- */

static enum status add_item(struct feed *f, json_t *value, struct origin at, struct error *err)
{
    size_t bytes = json_dumpb(value, NULL, 0, JSON_COMPACT) + 1;
    enum status s = f->n == BATCH_ITEMS || f->bytes + bytes > BATCH_BYTES ? send_batch(f, err) : STATUS_OK;
    if (s) return s;
    json_array_append(f->list, value);
    f->origin[f->n++] = at;
    f->bytes += bytes;
    return s;
}

/* An outcome, or a body of them. */
static enum status add_value(struct feed *f, const json_t *value, struct error *err)
{
    json_t *all = json_object_get(value, "outcomes"), *one;
    size_t i;
    enum status s = STATUS_OK;
    if (!json_is_array(all)) return add_item(f, (json_t *)value, (struct origin){f->line, 0}, err);
    json_array_foreach(all, i, one)
    {
        s = add_item(f, one, (struct origin){f->line, (long)i + 1}, err);
        if (s) break;
    }
    return s;
}

/* Of a body that is none as a whole each item that is. */
static enum status read_value(const char *text, size_t n, json_t **ret, struct error *err)
{
    enum status s = json_parse_object(text, n, ret, err);
    return s && salvage_outcomes(text, n, ret) ? STATUS_OK : s;
}

/* The first line is none of its own: is the whole a body? */
static enum status add_body(struct feed *f, const char *first, size_t n, struct error *err)
{
    json_t *value = NULL;
    size_t room = 0;
    char *text = must_reserve(NULL, n + 1, &room, 1);
    memcpy(text, first, n);
    for (size_t k = 1; k > 0 && n <= BODY_BYTES; n += k) {
        text = must_reserve(text, n + 65536 + 1, &room, 1);
        k = fread(text + n, 1, 65536, f->in);
    }
    enum status s = n > BODY_BYTES ? error_set(err, STATUS_INVALID, "it has %d MiB and more: send lines, not one body",
                                               BODY_BYTES >> 20)
                                   : read_value(text, n, &value, err);
    if (s) error_context(err, "%s: neither JSON lines nor a body", f->name);
    if (!s) s = add_value(f, value, err);
    json_decref(value);
    free(text);
    return s;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == 0;
}

/* An object by its ends, and not the first line of a body that somebody indented. */
static bool is_line(const char *text, size_t n)
{
    static const char space[] = " \t\r\n";
    while (n && strchr(space, text[n - 1])) n--;
    return n && text[strspn(text, space)] == '{' && text[n - 1] == '}';
}

static enum status add_line(struct feed *f, const char *text, size_t n, bool first, struct error *err)
{
    json_t *value = NULL;
    struct error wrong;
    enum status s = read_value(text, n, &value, &wrong);
    if (s && first && !is_line(text, n)) return add_body(f, text, n, err);
    if (s)
        refuse(f, (struct origin){f->line, 0}, wrong.text);
    else
        s = add_value(f, value, err);
    json_decref(value);
    return value ? s : STATUS_OK;
}

static enum status read_all(struct feed *f, struct error *err)
{
    char *text = NULL;
    size_t room = 0;
    bool first = true;
    enum status s = STATUS_OK;
    for (ssize_t n; !s && (n = getline(&text, &room, f->in)) >= 0;) {
        f->line++;
        if (is_blank(text)) continue;
        s = add_line(f, text, (size_t)n, first, err);
        first = false;
    }
    if (!s && ferror(f->in)) s = error_set(err, STATUS_IO, "%s: cannot read: %s", f->name, strerror(errno));
    free(text);
    return s ? s : send_batch(f, err);
}

/* ---- at the end ---- */

/* A service does that by itself. */
static enum status tick(const struct feed *f, struct error *err)
{
    struct live_ticked done = {.more = f->r->store != NULL};
    enum status s = STATUS_OK;
    while (!s && done.more) {
        done = (struct live_ticked){false, false};
        s = live_tick(f->r->store, f->o->arg[0], clock_wall_ms(clock_real()), &done, err);
    }
    return s;
}

static void print_words(const struct feed *f)
{
    const struct totals *t = &f->totals;
    if (t->refused > REFUSALS_SHOWN) fprintf(stderr, "and %ld more\n", t->refused - REFUSALS_SHOWN);
    printf("%ld taken, %ld repeated, %ld late, %ld not counted, %ld refused\n", t->taken, t->repeated, t->late,
           t->left_out, t->refused);
}

static void print(const struct feed *f, const json_t *status)
{
    struct arena a = {0};
    const struct totals *t = &f->totals;
    if (f->moves) fputs("\r\033[K", stderr);
    if (f->o->common.json)
        cli_print_json(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:O}", "rollout", f->o->arg[0], "taken",
                                 (json_int_t)t->taken, "repeated", (json_int_t)t->repeated, "late", (json_int_t)t->late,
                                 "left_out", (json_int_t)t->left_out, "refused", (json_int_t)t->refused, "why", f->why));
    else {
        print_words(f);
        if (status) report_rollout_head(stdout, status, rollout_where(f->o, &a));
    }
    arena_done(&a);
}

/* Is it there? At a service the first batch finds out, since a client may send and not look. */
static enum status check_name(const struct feed *f, struct error *err)
{
    json_t *status = NULL;
    enum status s = f->r->store ? rollouts_status(f->r, f->o->arg[0], 0, &status, err) : STATUS_OK;
    json_decref(status);
    return s;
}

static enum status feed(struct feed *f, struct error *err)
{
    json_t *status = NULL;
    enum status s = check_name(f, err);
    if (!s) s = read_all(f, err);
    if (!s) s = tick(f, err);
    if (!s) s = rollouts_status(f->r, f->o->arg[0], 0, &status, err);
    if (s == STATUS_DENIED && f->line) s = STATUS_OK; /* it was all taken */
    if (!s) print(f, status);
    json_decref(status);
    return s;
}

static FILE *open_input(const char *file, struct error *err)
{
    if (!file || strcmp(file, "-") == 0) return stdin;
    FILE *in = fopen(file, "re");
    if (!in) error_set(err, STATUS_NOT_FOUND, "%s: cannot read: %s", file, strerror(errno));
    return in;
}

enum status rollout_outcomes(const struct rollout_options *o, int *ret_code, struct error *err)
{
    const char *file = o->n > 1 ? o->arg[1] : NULL;
    FILE *in = open_input(file, err);
    struct rollouts r = {.store = NULL};
    if (!in) return err->status;
    enum status s = rollouts_open(&o->common, &r, err);
    struct feed *f = must_alloc(1, sizeof *f);
    *f = (struct feed){.o = o,
                       .r = &r,
                       .name = in == stdin ? "standard input" : file,
                       .in = in,
                       .list = json_array(),
                       .why = json_array(),
                       .moves = !o->common.json && isatty(STDERR_FILENO) && report_can_redraw()};
    if (!s) s = feed(f, err);
    if (!s && f->totals.refused) *ret_code = EXIT_FAILED;
    json_decref(f->list);
    json_decref(f->why);
    free(f);
    rollouts_close(&r);
    if (in != stdin) fclose(in);
    return s;
}
