#include "tuner/cli/cli.h"

#include "tuner/coordinator/import.h"
#include "tuner/coordinator/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    struct cli_common common;
    const char *arg[2];
    size_t n;
    const char *out; /* folder for study files made of Optuna's */
};

static const struct argp_option table[] = {
    {"output", 'o', "DIR", 0, "folder for the study files that are made of Optuna's studies (default: here)", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->common; return 0;
    case 'o': o->out = arg; return 0;
    case ARGP_KEY_ARG:
        if (o->n == 2) argp_error(state, "at most a study file and a table, not '%s' as well", arg);
        o->arg[o->n++] = arg;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "what? STUDY.yaml FILE.csv, or an Optuna database"); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void print_imported(const struct options *o, const char *study, const char *file, const struct imported *x,
                           const char *note)
{
    if (o->common.json) {
        cli_print_json(json_pack("{s:s, s:s, s:I, s:I, s:I, s:s}", "study", study, "file", file, "trials",
                                 (json_int_t)x->trials, "reports", (json_int_t)x->reports, "skipped",
                                 (json_int_t)x->skipped, "note", note));
        return;
    }
    printf("study %s: %zu trials", study, x->trials);
    if (x->reports) printf(" with %zu reports", x->reports);
    fputs(" imported", stdout);
    if (x->skipped) printf(", %zu left out", x->skipped);
    printf("; go on with: nocturne run %s, or nocturne advise %s --db %s\n", file, file, o->common.db);
    if (*note) printf("  note: %s\n", note);
}

/* A study of the database, ours alone: fills it by `fill` and makes all of it durable at once. */
static enum status fill_study(const struct options *o, struct store *store, const struct study *study,
                              enum status (*fill)(struct session *, const void *, struct imported *, struct error *),
                              const void *data, struct imported *ret, struct error *err)
{
    struct store_hold *hold = NULL;
    struct session *session = NULL;
    (void)o;
    enum status s = store_hold_take(store, study->name, &hold, err);
    if (!s) s = session_open(store, study, &(struct opening){.seed = study->seed}, clock_real(), &session, err);
    if (!s) s = fill(session, data, ret, err);
    if (!s) {
        state_keep(session);
        s = session_flush(session, err);
    }
    session_free(session);
    store_hold_release(hold);
    return s;
}

/* ---- CSV ---- */

struct text {
    const char *file;
    char *bytes;
    size_t n;
};

static enum status read_text(const char *file, struct text *ret, struct error *err)
{
    FILE *in = fopen(file, "re");
    size_t room = 0, k;
    if (!in) return error_set(err, STATUS_NOT_FOUND, "%s: %s", file, strerror(errno));
    *ret = (struct text){.file = file};
    do {
        if (room - ret->n < 65536) ret->bytes = must_grow(ret->bytes, room = 2 * room + 131072, 1);
        k = fread(ret->bytes + ret->n, 1, room - ret->n - 1, in);
        ret->n += k;
    } while (k > 0);
    ret->bytes[ret->n] = 0;
    bool bad = ferror(in) != 0;
    fclose(in);
    return bad ? error_set(err, STATUS_IO, "%s: cannot be read", file) : STATUS_OK;
}

static enum status fill_csv(struct session *s, const void *data, struct imported *ret, struct error *err)
{
    const struct text *t = data;
    return import_csv(s, t->file, t->bytes, t->n, ret, err);
}

static enum status import_table(const struct options *o, struct store *store, struct error *err)
{
    struct study *study = NULL;
    struct text text = {0};
    struct imported x;
    enum status s = study_load(o->arg[0], &study, err);
    if (!s) s = read_text(o->arg[1], &text, err);
    if (!s) s = fill_study(o, store, study, fill_csv, &text, &x, err);
    if (!s) print_imported(o, study->name, o->arg[0], &x, x.note);
    free(text.bytes);
    study_free(study);
    return s;
}

/* ---- Optuna ---- */

static enum status fill_optuna(struct session *s, const void *data, struct imported *ret, struct error *err)
{
    return import_optuna(s, data, ret, err);
}

static enum status write_text(const char *file, const char *text, struct error *err)
{
    FILE *out = fopen(file, "wxe"); /* never over somebody's own */
    if (!out) return error_set(err, STATUS_IO, "%s: cannot be written: %s", file, strerror(errno));
    bool bad = fputs(text, out) < 0;
    bad |= fclose(out) != 0;
    return bad ? error_set(err, STATUS_IO, "%s: cannot be written: %s", file, strerror(errno)) : STATUS_OK;
}

static enum status import_study(const struct options *o, struct store *store, const struct optuna_study *from,
                                struct arena *arena, struct error *err)
{
    struct study *study = NULL;
    struct imported x;
    char *text = NULL;
    const char *note = "", *file = NULL;
    enum status s = import_optuna_file(from, arena, &text, &note, err);
    if (!s) s = study_parse("imported.yaml", text, strlen(text), &study, err);
    if (!s) {
        file = arena_printf(arena, "%s/%s.yaml", o->out ? o->out : ".", study->name);
        s = write_text(file, text, err);
    }
    study_free(study);
    study = NULL;
    if (!s) s = study_load(file, &study, err);
    if (!s) s = fill_study(o, store, study, fill_optuna, from, &x, err);
    if (!s) print_imported(o, study->name, file, &x, note);
    study_free(study);
    return s;
}

static enum status import_database(const struct options *o, struct store *store, struct error *err)
{
    struct arena arena = {0};
    struct optuna_study *list = NULL;
    size_t n = 0;
    enum status s = optuna_read(o->arg[0], &arena, &n, &list, err);
    if (!s && n == 0) s = error_set(err, STATUS_NOT_FOUND, "%s: no study in it", o->arg[0]);
    for (size_t i = 0; !s && i < n; i++) s = import_study(o, store, &list[i], &arena, err);
    arena_done(&arena);
    return s;
}

int cmd_import(int argc, char **argv)
{
    static const struct argp argp = {
        table,
        parse,
        "STUDY.yaml FILE.csv\nOPTUNA.db",
        "Take over trials that were run elsewhere. A CSV table has a column for each parameter and metric (and may have "
        "'state' and 'reason'). Of an Optuna database (SQLite) every study is taken, with a study file made of it: "
        "trials, parameters, values of one or several objectives, intermediate values. All of a study or nothing.\v"
        "Example: nocturne import optuna.db --db nocturne.db && nocturne status",
        cli_common_child,
        NULL,
        NULL};
    struct options o = {.n = 0};
    struct store *store = NULL;
    struct error err;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    enum status s = store_open(o.common.db, STORE_CREATE, &store, &err);
    if (!s) s = o.n == 2 ? import_table(&o, store, &err) : import_database(&o, store, &err);
    store_close(store);
    return s ? cli_fail(&err) : EXIT_OK;
}
