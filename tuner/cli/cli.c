#include "tuner/cli/cli.h"

#include "tuner/report/report.h"

#include "tuner/base/json.h"
#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cli_common_init(struct cli_common *c)
{
    const char *db = getenv("NOCTURNE_DB");
    *c = (struct cli_common){.db = db && *db ? db : "nocturne.db"};
}

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
    struct cli_common *c = state->input;
    switch (key) {
    case 'd': c->db = arg; return 0;
    case 'j': c->json = true; return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option common_options[] = {
    {"db", 'd', "FILE", 0, "the database (default: NOCTURNE_DB, else ./nocturne.db)", 0},
    {"json", 'j', NULL, 0, "print JSON, for machines", 0},
    {0},
};

static error_t parse_help(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    if (key != 'h') return ARGP_ERR_UNKNOWN;
    argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
    return 0;
}

static const struct argp_option help_options[] = {{NULL, 'h', NULL, OPTION_HIDDEN, NULL, 0}, {0}}; /* as --help */
static const struct argp help_argp = {.options = help_options, .parser = parse_help};
const struct argp_child cli_help_child[] = {{&help_argp, 0, NULL, 0}, {0}};
static const struct argp common_argp = {.options = common_options, .parser = parse_common, .children = cli_help_child};
const struct argp_child cli_common_child[] = {{&common_argp, 0, NULL, 0}, {0}};

error_t cli_parse_study(int key, char *arg, struct argp_state *state)
{
    struct cli_common *c = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = c; return 0;
    case ARGP_KEY_ARG:
        if (c->study) argp_error(state, "one study, not '%s' as well", arg);
        c->study = arg;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int cli_fail(const struct error *err)
{
    fflush(stdout);
    struct arena a = {0};
    fprintf(stderr, "nocturne: %s\n", plain_shown(&a, err->text));
    arena_done(&a);
    switch (err->status) {
    case STATUS_INVALID: return EXIT_USAGE;
    case STATUS_NOT_FOUND:
    case STATUS_EXHAUSTED: return EXIT_NOT_FOUND; /* too few trials yet */
    case STATUS_BUSY: return EXIT_INTERRUPTED;
    case STATUS_OK:
    case STATUS_IO:
    case STATUS_FULL:
    case STATUS_NUMERIC:
    case STATUS_DENIED:
    case STATUS_CONFLICT:
    case STATUS_FAILED: break;
    }
    return EXIT_FAILED;
}

static enum status choose(struct store *store, const char *name, const char **names, size_t n, const char **ret,
                          struct error *err)
{
    if (n == 0) return error_set(err, STATUS_NOT_FOUND, "%s holds no study yet", store_path(store));
    if (!name && n == 1) return *ret = names[0], STATUS_OK;
    if (!name)
        return error_set(err, STATUS_INVALID, "%s holds %zu studies; name one, for example '%s'", store_path(store), n,
                         names[n - 1]);
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0) return *ret = names[i], STATUS_OK;
    const char *near = words_nearest(name, names, n);
    return error_set(err, STATUS_NOT_FOUND, "%s: no study '%s'%s%s%s", store_path(store), name,
                     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

enum status cli_choose(struct store *store, const char *name, struct arena *arena, const char **ret, struct error *err)
{
    const char **names;
    size_t n;
    enum status s = store_study_names(store, arena, &names, &n, err);
    if (!s) s = choose(store, name, names, n, ret, err);
    return s;
}

enum status cli_open(const char *db, const char *name, struct cli_study *ret, struct error *err)
{
    struct cli_study s = {0};
    struct arena arena = {0};
    enum status st = store_open(db, STORE_EXISTING, &s.store, err);
    if (!st) st = cli_choose(s.store, name, &arena, &name, err);
    if (!st) st = history_load(s.store, name, clock_real(), &s.study, &s.history, err);
    if (!st) s.memory = history_memory(s.history);
    arena_done(&arena);
    if (st)
        cli_close(&s);
    else
        *ret = s;
    return st;
}

/* Is it this row, or was it deleted and made anew, or its file changed? */
static bool is_of(const struct cli_study *s, const struct store_study *row)
{
    return s->memory->study_id == row->id && strcmp(s->study->text, row->file) == 0;
}

/* From whatever database is there now, and not the one that is open. */
static enum status load_anew(struct cli_study *s, struct error *err)
{
    struct cli_study fresh;
    enum status st = cli_open(store_path(s->store), s->study->name, &fresh, err);
    if (st) return st;
    fresh.loaded = s->loaded + 1;
    cli_close(s);
    *s = fresh;
    return STATUS_OK;
}

enum status cli_refresh(struct cli_study *s, struct error *err)
{
    struct arena a = {0};
    struct store_study row;
    enum status st = store_check_ground(s->store, err);
    bool firm = st == STATUS_OK;
    if (firm) st = store_study_find(s->store, s->study->name, &a, &row, err);
    if (!firm || (!st && !is_of(s, &row)))
        st = load_anew(s, err);
    else if (!st)
        st = history_catch_up(s->history, s->store, err);
    if (!st) st = history_load_reports(s->history, s->store, err);
    arena_done(&a);
    return st;
}

enum status cli_find(const char *db, const char *name, struct cli_found *ret, struct error *err)
{
    struct cli_found f = {0};
    struct store_study row = {0};
    struct arena arena = {0};
    enum status s = store_open(db, STORE_EXISTING, &f.store, err);
    if (!s) s = cli_choose(f.store, name, &arena, &name, err);
    if (!s) s = store_study_find(f.store, name, &arena, &row, err);
    if (!s) s = study_parse(row.path, row.file, strlen(row.file), &f.study, err);
    f.id = row.id;
    arena_done(&arena);
    if (s)
        cli_found_done(&f);
    else
        *ret = f;
    return s;
}

void cli_found_done(struct cli_found *f)
{
    study_free(f->study);
    store_close(f->store);
}

/* The hold comes first: what is read then is what there is. */
enum status cli_open_held(const struct cli_common *c, struct cli_study *ret, struct store_hold **ret_hold,
                          struct error *err)
{
    struct cli_found f;
    struct store_hold *hold = NULL;
    enum status st = cli_find(c->db, c->study, &f, err);
    if (st) return st;
    store_hold_take(f.store, f.study->name, &hold, NULL); /* NULL: somebody runs it */
    st = cli_open(c->db, f.study->name, ret, err);
    cli_found_done(&f);
    if (st)
        store_hold_release(hold);
    else
        *ret_hold = hold;
    return st;
}

void cli_close(struct cli_study *s)
{
    history_free(s->history);
    study_free(s->study);
    store_close(s->store);
}

bool cli_is_running(const struct cli_study *s)
{
    return store_hold_taken(s->store, s->study->name);
}

void cli_say(const char *study, const char *text)
{
    char when[40];
    struct arena a = {0};
    printf("%s  %s%s%s\n", report_time(clock_wall_ms(clock_real()), when, sizeof when), study ? study : "",
           study ? ": " : "", plain_shown(&a, text));
    fflush(stdout);
    arena_done(&a);
}

void cli_catch_signal(uv_loop_t *loop, uv_signal_t *handle, int number, void (*on)(uv_signal_t *, int), void *data)
{
    uv_signal_init(loop, handle);
    handle->data = data;
    uv_signal_start(handle, on, number);
}

void cli_print_json(json_t *value)
{
    char *text = json_text(value);
    puts(text);
    free(text);
    json_decref(value);
}

double cli_number(const char *text, const char *option, double min, double max, struct argp_state *state)
{
    double v;
    if (!words_decimal(text, &v) || v < min || v > max)
        argp_error(state, "%s: '%s' is not a number from %.6g to %.6g", option, text, min, max);
    return v;
}

long cli_whole(const char *text, const char *option, long min, long max, struct argp_state *state)
{
    long v;
    if (!words_whole(text, min, max, &v))
        argp_error(state, "%s: '%s' is not a whole number from %ld to %ld, in digits", option, text, min, max);
    return v;
}

void cli_print_changes(const struct memory *history)
{
    if (history->study->note) fprintf(stderr, "nocturne: %s\n", history->study->note);
    if (!history->opened.changes) return;
    fprintf(stderr, "study %s has changed: %s; %zu of %zu trial%s lie%s outside now and %s set aside\n",
            history->study->name, history->opened.changes, history->opened.outside, history->n, words_s(history->n),
            history->opened.outside == 1 ? "s" : "", history->opened.outside == 1 ? "is" : "are");
}

enum { RETRY_MS = 200, PATIENCE_MS = 3000 };

enum status cli_open_patiently(const char *db, enum store_mode mode, int64_t limit_ms, struct store **ret,
                               struct error *err)
{
    const int64_t began = clock_mono_ms(clock_real());
    bool said = false;
    enum status s = store_open(db, mode, ret, err);
    while (s == STATUS_BUSY) {
        int64_t waited = clock_mono_ms(clock_real()) - began;
        if (limit_ms && waited >= limit_ms) break;
        if (!said && waited >= PATIENCE_MS)
            fprintf(stderr, "nocturne: paused: %s; goes on by itself when that is over\n", err->text);
        said |= waited >= PATIENCE_MS;
        usleep(RETRY_MS * 1000);
        s = store_open(db, mode, ret, err);
    }
    return s;
}

void cli_print_rejudged(const struct memory *history)
{
    if (history->opened.rejudged) fprintf(stderr, "note: %s\n", history->opened.rejudged);
}

error_t cli_parse_trial(int key, char *arg, struct argp_state *state)
{
    struct cli_trial *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->common; return 0;
    case ARGP_KEY_ARG:
        if (o->n == 2) argp_error(state, "a study and a trial, not '%s' as well", arg);
        o->arg[o->n++] = arg;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

long cli_take_trial(struct cli_trial *o)
{
    long v;
    if (o->n == 0 || !words_whole(o->arg[o->n - 1], 0, CLI_COUNT_MAX, &v)) return -1;
    o->n--;
    return v;
}
