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
    *c = (struct cli_common){.db = db && *db ? db : "nocturne.db", .service.wish.depth = MIRROR_RUNNING};
}

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
    struct cli_common *c = state->input;
    switch (key) {
    case 'd':
        c->db = arg;
        c->db_given = true;
        return 0;
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

enum { OPTION_URL = 1000, OPTION_TOKEN_FILE, OPTION_CA };

static const struct argp_option remote_options[] = {
    {"url", OPTION_URL, "URL", 0, "a service instead of a database, for example https://host:8470", 0},
    {"token-file", OPTION_TOKEN_FILE, "FILE", 0, "of the service: a token; only you may read it", 0},
    {"ca", OPTION_CA, "FILE", 0, "of the service: certificates to trust, PEM (default: the system's)", 0},
    {0},
};

static void check_remote(const struct cli_common *c, const struct argp_state *state)
{
    const struct cli_service *at = &c->service;
    if (at->url && c->db_given) argp_error(state, "--db or --url, not both: a database here, or a service");
    if (at->url && !at->token_file)
        argp_error(state, "--token-file is missing: 'nocturne token create --role viewer --output FILE', on the "
                          "service's machine");
    if (!at->url && (at->token_file || at->ca))
        argp_error(state, "--url is missing: where is the service? For example http://127.0.0.1:8470");
}

static error_t parse_remote(int key, char *arg, struct argp_state *state)
{
    struct cli_common *c = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = c; return 0;
    case OPTION_URL: c->service.url = arg; return 0;
    case OPTION_TOKEN_FILE: c->service.token_file = arg; return 0;
    case OPTION_CA: c->service.ca = arg; return 0;
    case ARGP_KEY_END: check_remote(c, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp remote_argp = {
    .options = remote_options, .parser = parse_remote, .children = cli_common_child};
const struct argp_child cli_remote_child[] = {{&remote_argp, 0, NULL, 0}, {0}};

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

enum status cli_choose_of(const struct cli_names *all, const char *name, const char **ret, struct error *err)
{
    if (all->n == 0) return error_set(err, STATUS_NOT_FOUND, "%s holds no study yet", all->place);
    if (!name && all->n == 1) return *ret = all->name[0], STATUS_OK;
    if (!name)
        return error_set(err, STATUS_INVALID, "%s holds %zu studies; name one, for example '%s'", all->place, all->n,
                         all->name[all->n - 1]);
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->name[i], name) == 0) return *ret = all->name[i], STATUS_OK;
    const char *near = words_nearest(name, all->name, all->n);
    return error_set(err, STATUS_NOT_FOUND, "%s: no study '%s'%s%s%s", all->place, name, near ? "; did you mean '" : "",
                     near ? near : "", near ? "'?" : "");
}

enum status cli_choose(struct store *store, const char *name, struct arena *arena, const char **ret, struct error *err)
{
    struct cli_names all = {.place = store_path(store)};
    enum status s = store_study_names(store, arena, &all.name, &all.n, err);
    return s ? s : cli_choose_of(&all, name, ret, err);
}

/* A study, found: here or at a service. */
struct place {
    struct store *store;
    const char *name; /* in the arena */
    struct cli_remote remote;
    struct arena arena;
};

static enum status reach_service(const struct cli_service *at, const char *name, struct place *ret, struct error *err)
{
    enum status st = cli_mirror(at, name, &ret->remote, err);
    if (st) return st;
    ret->store = mirror_store(ret->remote.mirror);
    ret->name = mirror_study(ret->remote.mirror);
    return STATUS_OK;
}

static enum status reach(const struct cli_common *c, const char *name, struct place *ret, struct error *err)
{
    if (c->service.url) return reach_service(&c->service, name, ret, err);
    enum status st = store_open(c->db, STORE_EXISTING, &ret->store, err);
    return st ? st : cli_choose(ret->store, name, &ret->arena, &ret->name, err);
}

/* Of a service: also where it comes from. */
static enum status blame(const struct cli_remote *remote, enum status st, struct error *err)
{
    return st && remote->mirror ? mirror_blame(remote->mirror, err) : st;
}

static void leave(struct store *store, struct cli_remote *remote)
{
    if (!remote->mirror) store_close(store); /* else it is the mirror's */
    cli_hang_up(remote);
}

enum status cli_open(const struct cli_common *c, const char *name, struct cli_study *ret, struct error *err)
{
    struct place at = {0};
    struct cli_study s = {0};
    enum status st = reach(c, name, &at, err);
    s.store = at.store;
    s.remote = at.remote;
    if (!st) st = blame(&s.remote, history_load(s.store, at.name, clock_real(), &s.study, &s.history, err), err);
    if (!st) s.memory = history_memory(s.history);
    arena_done(&at.arena);
    if (st)
        cli_close(&s);
    else
        *ret = s;
    return st;
}

/* Is the row still that of what is loaded, or was the study deleted and made anew, or its file changed? */
static bool is_of(const struct cli_study *s, const struct store_study *row)
{
    return s->memory->study_id == row->id && strcmp(s->study->text, row->file) == 0 &&
           strcmp(s->study->path, row->path) == 0;
}

/* From whatever database is there now, and not the one that is open. */
static enum status open_again(struct cli_study *s, struct error *err)
{
    const struct cli_common there = {.db = store_path(s->store)};
    struct cli_study fresh;
    enum status st = cli_open(&there, s->study->name, &fresh, err);
    if (st) return st;
    fresh.loaded = s->loaded + 1;
    cli_close(s);
    *s = fresh;
    return STATUS_OK;
}

/* From the store that is open, in the place of what was loaded. */
static enum status load_again(struct cli_study *s, struct error *err)
{
    struct study *study = NULL;
    struct history *history = NULL;
    enum status st = history_load(s->store, s->study->name, clock_real(), &study, &history, err);
    if (st) return st;
    history_free(s->history);
    study_free(s->study);
    s->history = history;
    s->study = study;
    s->memory = history_memory(history);
    s->loaded++;
    return STATUS_OK;
}

static enum status refresh(struct cli_study *s, bool anew, struct error *err)
{
    struct arena a = {0};
    struct store_study row;
    enum status st = store_study_find(s->store, s->study->name, &a, &row, err);
    bool same = !st && !anew && is_of(s, &row);
    arena_done(&a);
    if (st) return st;
    if (!same) return load_again(s, err);
    st = history_catch_up(s->history, s->store, err);
    return st ? st : history_load_reports(s->history, s->store, err);
}

static enum status refresh_mirrored(struct cli_study *s, struct error *err)
{
    bool anew = false;
    struct store *before = s->store;
    enum status st = mirror_refresh(s->remote.mirror, &anew, err);
    if (st) return st;
    s->store = mirror_store(s->remote.mirror);
    st = blame(&s->remote, refresh(s, anew, err), err);
    if (st)
        s->store = before; /* of what is loaded */
    else
        mirror_settle(s->remote.mirror);
    return st;
}

enum status cli_refresh(struct cli_study *s, struct error *err)
{
    if (s->remote.mirror) return refresh_mirrored(s, err);
    return store_check_ground(s->store, err) ? open_again(s, err) : refresh(s, false, err);
}

enum status cli_find(const struct cli_common *c, const char *name, struct cli_found *ret, struct error *err)
{
    struct place at = {0};
    struct store_study row = {0};
    struct cli_found f = {0};
    enum status s = reach(c, name, &at, err);
    f.store = at.store;
    f.remote = at.remote;
    if (!s) s = store_study_find(f.store, at.name, &at.arena, &row, err);
    if (!s) s = blame(&f.remote, study_parse(row.path, row.file, strlen(row.file), &f.study, err), err);
    f.id = row.id;
    arena_done(&at.arena);
    if (s)
        cli_found_done(&f);
    else
        *ret = f;
    return s;
}

void cli_found_done(struct cli_found *f)
{
    study_free(f->study);
    leave(f->store, &f->remote);
}

/* The hold comes first: what is read then is what there is. */
enum status cli_open_held(const struct cli_common *c, struct cli_study *ret, struct store_hold **ret_hold,
                          struct error *err)
{
    struct cli_found f;
    struct store_hold *hold = NULL;
    *ret_hold = NULL;
    if (c->service.url) return cli_open(c, c->study, ret, err);
    enum status st = cli_find(c, c->study, &f, err);
    if (st) return st;
    store_hold_take(f.store, f.study->name, &hold, NULL); /* NULL: somebody runs it */
    st = cli_open(c, f.study->name, ret, err);
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
    leave(s->store, &s->remote);
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
