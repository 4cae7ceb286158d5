#include "tuner/cli/cli.h"

#include "tuner/base/beneath.h"
#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include "tuner/analysis/analysis.h"
#include "tuner/coordinator/coordinator.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
    struct cli_common common;
    char **study; /* in argv */
    size_t n;
    bool keep[TRIAL_STATES];
    int64_t older_ms; /* 0: any age */
    bool dry;
};

enum { OPTION_DRY = 256 };

static const struct argp_option table[] = {
    {"keep", 'k', "LIST", 0, "keep the folders of these as well: complete, pruned, failed, infeasible, cancelled", 0},
    {"older", 'o', "DURATION", 0, "only of trials that ended so long ago, for example 30d or 12h", 0},
    {"dry-run", OPTION_DRY, NULL, 0, "remove nothing, say what would go", 0},
    {0},
};

/* What is kept anyway may be listed, too. */
static void parse_keep(struct options *o, const char *list, struct argp_state *state)
{
    static const char *const words[] = {"complete",  "pruned", "failed",    "infeasible",
                                        "cancelled", "best",   "confirmed", "baseline"};
    enum { WORDS = sizeof words / sizeof *words, ALWAYS = 3 };
    char *copy = must_strdup(list), *save = NULL;
    for (char *one = strtok_r(copy, ", ", &save); one; one = strtok_r(NULL, ", ", &save)) {
        enum trial_state s;
        size_t i = 0;
        while (i < WORDS && strcmp(words[i], one) != 0) i++;
        const char *near = words_nearest(one, words, WORDS);
        if (i == WORDS)
            argp_error(state, "--keep: '%.60s' is none of complete, pruned, failed, infeasible, cancelled, best%s%s%s",
                       one, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        if (i < WORDS - ALWAYS && trial_state_parse(one, &s)) o->keep[s] = true;
    }
    free(copy);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->common; return 0;
    case 'k': parse_keep(o, arg, state); return 0;
    case 'o':
        if (!words_duration_ms(arg, &o->older_ms))
            argp_error(state, "--older: '%s' is not a duration such as 12h or 30d", arg);
        return 0;
    case OPTION_DRY: o->dry = true; return 0;
    case ARGP_KEY_ARGS:
        o->study = state->argv + state->next;
        o->n = (size_t)(state->argc - state->next);
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- one study ---- */

struct sweep {
    const struct options *options;
    const struct memory *history;
    const enum keep *keep; /* by trial */
    const char *path;      /* of the study's folder */
    int folder;
    struct arena arena;
    size_t n, trials; /* folders that go, trials that they are of */
    int64_t bytes;
    size_t kept[KEEPS], listed, young; /* trials with a folder that stays: needed, asked for, not old enough */
    size_t n_left, left_capacity;
    const char **left; /* paths that could not be removed */
    bool *seen;        /* by trial: has been counted */
};

/* "0012.3": attempt 3 of trial 12, of those that were known when the study was looked at. */
static const struct trial *trial_of(const struct memory *s, const char *name)
{
    char again[64];
    long number = -1, attempt = 0;
    if (sscanf(name, "%ld.%ld", &number, &attempt) != 2) return NULL;
    snprintf(again, sizeof again, "%04ld.%ld", number, attempt);
    if (strcmp(again, name) != 0 || number < 0 || (size_t)number >= s->n || attempt < 1) return NULL;
    return attempt <= s->trial[number]->effort.attempts ? s->trial[number] : NULL;
}

/* Where it is counted if it stays; NULL: it goes. */
static size_t *stays(struct sweep *w, const struct trial *t)
{
    enum keep why = w->keep[t->number];
    int64_t age = clock_wall_ms(w->history->clock) - t->finished_ms;
    if (why != KEEP_NOT) return &w->kept[why];
    if (w->options->keep[t->state]) return &w->listed;
    return w->options->older_ms && age < w->options->older_ms ? &w->young : NULL;
}

static void drop(struct sweep *w, const char *name)
{
    int64_t bytes = beneath_bytes(w->folder, name);
    if (!w->options->dry && !beneath_is_mount(w->folder, name)) beneath_remove(w->folder, name);
    bool left = !w->options->dry && faccessat(w->folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    if (left) {
        w->left = must_reserve(w->left, w->n_left + 1, &w->left_capacity, sizeof *w->left);
        w->left[w->n_left++] = arena_printf(&w->arena, "%s/%s", w->path, name);
    }
    w->n += !left;
    w->bytes += left ? bytes - beneath_bytes(w->folder, name) : bytes;
}

static void look_at(struct sweep *w, const char *name)
{
    const struct trial *t = trial_of(w->history, name);
    if (!t) return; /* none of ours */
    size_t *count = stays(w, t);
    bool first = !w->seen[t->number];
    w->seen[t->number] = true;
    if (count)
        *count += first;
    else {
        w->trials += first;
        drop(w, name);
    }
}

/* Listed first, as removing changes the list. */
static void sweep(struct sweep *w)
{
    size_t n = 0, capacity = 0;
    const char **name = NULL;
    DIR *dir = fdopendir(dup(w->folder));
    for (struct dirent *d; dir && (d = readdir(dir));) {
        name = must_reserve(name, n + 1, &capacity, sizeof *name);
        name[n++] = arena_strdup(&w->arena, d->d_name);
    }
    if (dir) closedir(dir);
    for (size_t i = 0; i < n; i++) look_at(w, name[i]);
    free(name);
}

/* ---- saying ---- */

static char *kept_text(const struct sweep *w, struct arena *a)
{
    char *text = arena_strdup(a, "");
    for (size_t k = KEEP_OPEN; k < KEEPS; k++)
        if (w->kept[k])
            text = arena_printf(a, "%s%s%zu %s", text, *text ? ", " : "", w->kept[k], keep_name((enum keep)k));
    if (w->listed) text = arena_printf(a, "%s%s%zu by --keep", text, *text ? ", " : "", w->listed);
    if (w->young) text = arena_printf(a, "%s%s%zu not old enough", text, *text ? ", " : "", w->young);
    return text;
}

static void print(const struct sweep *w, const char *study)
{
    struct arena a = {0};
    const char *kept = kept_text(w, &a);
    size_t n_kept = w->listed + w->young;
    for (size_t k = KEEP_OPEN; k < KEEPS; k++) n_kept += w->kept[k];
    if (w->n)
        printf("study %s: %s %zu folder%s of %zu trial%s, %.1f MiB", study,
               w->options->dry ? "would remove" : "removed", w->n, words_s(w->n), w->trials, words_s(w->trials),
               (double)w->bytes / (1 << 20));
    else
        printf("study %s: nothing to remove", study);
    if (*kept) printf("; kept those of %zu trial%s (%s)", n_kept, words_s(n_kept), kept);
    putchar('\n');
    fflush(stdout);
    for (size_t i = 0; i < w->n_left; i++)
        fprintf(stderr, "nocturne: %s stays: something in it is not yours to remove, or on another file system\n",
                plain_shown(&a, w->left[i]));
    arena_done(&a);
}

static json_t *sweep_json(const struct sweep *w, const char *study)
{
    json_t *kept = json_object(), *left = json_array();
    for (size_t i = 0; i < w->n_left; i++) json_array_append_new(left, json_string(w->left[i]));
    for (size_t k = KEEP_OPEN; k < KEEPS; k++)
        json_object_set_new(kept, keep_name((enum keep)k), json_integer((json_int_t)w->kept[k]));
    json_object_set_new(kept, "listed", json_integer((json_int_t)w->listed));
    json_object_set_new(kept, "young", json_integer((json_int_t)w->young));
    return json_pack("{s:s, s:I, s:I, s:I, s:o, s:o}", "study", study, "folders", (json_int_t)w->n, "trials",
                     (json_int_t)w->trials, "bytes", (json_int_t)w->bytes, "kept", kept, "left", left);
}

/* ---- all ---- */

static enum status collect(struct cli_study *s, const struct options *o, json_t *list, struct error *err)
{
    char path[NEEDS_PATH_MAX];
    enum status st = needs_folder(o->common.db, path, err);
    if (st) return st;
    size_t n = strlen(path);
    snprintf(path + n, sizeof path - n, "/%s", s->study->name);
    struct sweep w = {.options = o, .history = s->memory, .path = path, .folder = -1};
    w.keep = keep_look(s->memory, cli_is_running(s), &w.arena);
    w.seen = arena_array(&w.arena, s->memory->n + 1, sizeof *w.seen);
    st = beneath_folder(AT_FDCWD, path, false, &w.folder, err);
    if (st == STATUS_NOT_FOUND) st = STATUS_OK; /* it has run nothing here */
    if (w.folder >= 0) sweep(&w);
    if (w.folder >= 0) close(w.folder);
    if (!st && o->common.json)
        json_array_append_new(list, sweep_json(&w, s->study->name));
    else if (!st)
        print(&w, s->study->name);
    free(w.left);
    arena_done(&w.arena);
    return st;
}

/* One that cannot be read does not keep the others. */
static int collect_all(const char *const *name, size_t n, const struct options *o, json_t *list)
{
    int code = EXIT_OK;
    for (size_t i = 0; i < n; i++) {
        struct cli_study s = {0};
        struct error err;
        enum status st = cli_open(&o->common, name[i], &s, &err);
        if (!st) {
            st = collect(&s, o, list, &err);
            cli_close(&s);
        }
        if (st) code = cli_fail(&err);
    }
    return code;
}

/* Those that are named, each of which there must be; or all there are. */
static enum status choose(const struct options *o, struct arena *a, const char ***ret, size_t *ret_n, struct error *err)
{
    struct store *store = NULL;
    enum status s = store_open(o->common.db, STORE_EXISTING, &store, err);
    if (!s && o->n == 0) s = store_study_names(store, a, ret, ret_n, err);
    if (!s && o->n > 0) {
        *ret = arena_array(a, o->n, sizeof **ret);
        *ret_n = o->n;
    }
    for (size_t i = 0; !s && i < o->n; i++) s = cli_choose(store, o->study[i], a, &(*ret)[i], err);
    store_close(store);
    return s;
}

int cmd_gc(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "[STUDY…]",
        .doc =
            "Remove the folders of trials that are over, with logs, checkpoints and artefacts, of the studies named or of all. "
            "Never those of the best, of what was confirmed, of the baseline and the references, of trials that are queued or "
            "run, nor checkpoints that another trial may go on from. Studies may run meanwhile; the database stays as it is.\v"
            "Example: nocturne gc g2p --keep failed --older 30d --dry-run",
        .children = cli_common_child};
    struct options o = {.dry = false};
    struct arena a = {0};
    struct error err;
    const char **name = NULL;
    size_t n = 0;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    enum status s = choose(&o, &a, &name, &n, &err);
    json_t *list = json_array();
    int code = s ? cli_fail(&err) : collect_all(name, n, &o, list);
    if (!s && o.common.json) cli_print_json(json_pack("{s:O, s:b}", "studies", list, "dry_run", o.dry));
    json_decref(list);
    arena_done(&a);
    return code;
}
