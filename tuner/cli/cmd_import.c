#include "tuner/cli/cli.h"

#include "tuner/base/words.h"

#include "tuner/analysis/analysis.h"
#include "tuner/import/import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMES_MAX = 256 };

struct names { /* of Optuna's studies */
    size_t n;
    const char *name[NAMES_MAX];
};

struct options {
    struct cli_common common;
    const char *arg[2];
    size_t n;
    const char *out; /* folder for study files made of Optuna's */
    struct names only, skip;
};

static const struct argp_option table[] = {
    {"output", 'o', "DIR", 0, "folder for the study files that are made of Optuna's studies (default: here)", 0},
    {"study", 's', "NAME", 0, "of an Optuna database only this study; may be given several times", 0},
    {"skip", 'x', "NAME", 0, "all but this one; may be given several times", 0},
    {0},
};

static void add_name(struct names *names, const char *name, struct argp_state *state)
{
    if (names->n == NAMES_MAX) argp_error(state, "at most %d names", NAMES_MAX);
    names->name[names->n++] = name;
}

static bool is_named(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->name[i], name) == 0) return true;
    return false;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->common; return 0;
    case 'o': o->out = arg; return 0;
    case 's': add_name(&o->only, arg, state); return 0;
    case 'x': add_name(&o->skip, arg, state); return 0;
    case ARGP_KEY_ARG:
        if (o->n == 2) argp_error(state, "at most a study file and a table, not '%s' as well", arg);
        o->arg[o->n++] = arg;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "what? STUDY.yaml FILE.csv, or an Optuna database"); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void print_imported(const struct options *o, const struct study *study, const char *file,
                           const struct imported *x, const char *note)
{
    if (o->common.json) {
        cli_print_json(json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:s}", "study", study->name, "file", file, "trials",
                                 (json_int_t)x->trials, "reports", (json_int_t)x->reports, "skipped",
                                 (json_int_t)x->skipped, "known", (json_int_t)x->known, "note", note));
        return;
    }
    printf("study %s: %zu trial%s", study->name, x->trials, words_s(x->trials));
    if (x->reports) printf(" with %zu report%s", x->reports, words_s(x->reports));
    fputs(" imported", stdout);
    if (x->known) printf(", %zu %s there already", x->known, x->known == 1 ? "was" : "were");
    if (x->skipped) printf(", %zu left out", x->skipped);
    if (study_has_program(study))
        printf("; go on with: nocturne run %s --db %s\n", file, o->common.db);
    else
        printf("; go on with: nocturne advise %s --db %s, or name your program in %s (trial:) and nocturne run %s --db "
               "%s\n",
               file, o->common.db, file, file, o->common.db);
    if (*note) printf("  note: %s\n", note);
}

/* A study of the database, ours alone: fills it by `fill` and makes all of it durable at once. */
static enum status fill_study(struct store *store, const struct study *study,
                              enum status (*fill)(struct history *, const void *, struct imported *, struct error *),
                              const void *data, struct imported *ret, struct error *err)
{
    struct store_hold *hold = NULL;
    struct history *history = NULL;
    enum status s = store_hold_take(store, study->name, &hold, err);
    if (!s) s = history_open(store, study, &(struct opening){.seed = study->seed}, clock_real(), &history, err);
    if (!s) s = fill(history, data, ret, err);
    if (!s) {
        snapshot_keep(history);
        s = history_flush(history, err);
    }
    history_free(history);
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
    size_t capacity = 0, k;
    if (!in) return error_set(err, STATUS_NOT_FOUND, "%s: %s", file, strerror(errno));
    *ret = (struct text){.file = file};
    do {
        ret->bytes = must_reserve(ret->bytes, ret->n + 65536, &capacity, 1);
        k = fread(ret->bytes + ret->n, 1, capacity - ret->n - 1, in);
        ret->n += k;
    } while (k > 0);
    ret->bytes[ret->n] = 0;
    bool bad = ferror(in) != 0;
    fclose(in);
    return bad ? error_set(err, STATUS_IO, "%s: cannot be read", file) : STATUS_OK;
}

static enum status fill_csv(struct history *s, const void *data, struct imported *ret, struct error *err)
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
    if (!s) s = fill_study(store, study, fill_csv, &text, &x, err);
    if (!s) print_imported(o, study, o->arg[0], &x, x.note);
    free(text.bytes);
    study_free(study);
    return s;
}

/* ---- Optuna ---- */

static enum status fill_optuna(struct history *s, const void *data, struct imported *ret, struct error *err)
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

/* The file of an import before, which nobody has changed since: its study in the database has the same text. */
static bool is_our_file(struct store *store, const char *name, const char *file)
{
    struct arena arena = {0};
    struct store_study row;
    struct text text = {0};
    struct error ignored;
    bool same = store_study_find(store, name, &arena, &row, &ignored) == STATUS_OK &&
                read_text(file, &text, &ignored) == STATUS_OK && strcmp(row.file, text.bytes) == 0;
    free(text.bytes);
    arena_done(&arena);
    return same;
}

/* Once more: ranges may have grown since. A file that a person has changed is left as it is, and must fit. */
static enum status write_file(struct store *store, const char *name, const char *file, const char *text,
                              struct error *err)
{
    struct arena arena = {0};
    struct store_study row;
    bool known = store_study_find(store, name, &arena, &row, err) == STATUS_OK, there = access(file, F_OK) == 0;
    arena_done(&arena);
    if (known && there && !is_our_file(store, name, file)) return STATUS_OK;
    if (known && there && remove(file) != 0)
        return error_set(err, STATUS_IO, "%s: cannot be written: %s", file, strerror(errno));
    return write_text(file, text, err);
}

static enum status import_study(const struct options *o, struct store *store, const struct optuna_study *from,
                                struct arena *arena, struct error *err)
{
    struct study *study = NULL;
    struct imported x;
    char *text = NULL;
    const char *note = "", *file = NULL;
    enum status s = import_optuna_file(from, arena, &text, &note, err);
    if (!s && study_parse("its file", text, strlen(text), &study, err))
        s = error_context(err, "study '%.100s'", from->name);
    if (!s) {
        file = arena_printf(arena, "%s/%s.yaml", o->out ? o->out : ".", study->name);
        s = write_file(store, study->name, file, text, err);
    }
    study_free(study);
    study = NULL;
    if (!s) s = study_load(file, &study, err);
    if (!s) s = fill_study(store, study, fill_optuna, from, &x, err);
    if (!s) print_imported(o, study, file, &x, note);
    study_free(study);
    return s;
}

static enum status check_names(const struct options *o, const struct optuna_study *list, size_t n, struct error *err)
{
    const struct names *all[] = {&o->only, &o->skip};
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < all[k]->n; i++) {
            size_t at = 0;
            while (at < n && strcmp(list[at].name, all[k]->name[i]) != 0) at++;
            if (at == n)
                return error_set(err, STATUS_NOT_FOUND, "%s: no study '%.100s' in it", o->arg[0], all[k]->name[i]);
        }
    return STATUS_OK;
}

/* A study that cannot be taken does not keep the others from it, unless it is the only one, or was asked for. */
static enum status import_database(const struct options *o, struct store *store, struct error *err)
{
    struct arena arena = {0};
    struct optuna_study *list = NULL;
    struct error why = {0};
    size_t n = 0, taken = 0;
    enum status s = optuna_read(o->arg[0], &arena, &n, &list, err);
    if (!s && n == 0) s = error_set(err, STATUS_NOT_FOUND, "%s: no study in it", o->arg[0]);
    if (!s) s = check_names(o, list, n, err);
    for (size_t i = 0; !s && i < n; i++) {
        struct error one;
        if ((o->only.n && !is_named(&o->only, list[i].name)) || is_named(&o->skip, list[i].name)) continue;
        if (import_study(o, store, &list[i], &arena, &one) == STATUS_OK) {
            taken++;
            continue;
        }
        if (why.status) cli_fail(&why);
        why = one;
    }
    if (!s && why.status && (taken == 0 || o->only.n)) {
        *err = why;
        s = why.status;
    } else if (!s && why.status)
        cli_fail(&why);
    arena_done(&arena);
    return s;
}

int cmd_import(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "STUDY.yaml FILE.csv\nOPTUNA.db",
        .doc =
            "Take over trials that were run elsewhere. A CSV table has a column for each parameter and metric (and may have "
            "'state' and 'reason'). Of an Optuna database (SQLite) every study is taken, with a study file made of it: "
            "trials, parameters, values of one or several objectives, constraints, intermediate values. All of a study or "
            "nothing; once more, and what has come since is added.\v"
            "Example: nocturne import optuna.db --study cnn && nocturne status",
        .children = cli_common_child};
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
