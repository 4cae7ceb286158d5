#include "tuner/cli/cli.h"

#include "tuner/base/beneath.h"
#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include "tuner/analysis/analysis.h"
#include "tuner/coordinator/coordinator.h"
#include "tuner/execution/execution.h"

#include "surrogate/surrogate.h"

#include "workers/workers.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { LOCKED_MS = 30000 }; /* so long it waits for whoever keeps the database locked */

struct options {
    struct cli_common common;
    bool rebuild;
};

static const struct argp_option table[] = {
    {"rebuild", 'r', NULL, 0, "fold every event log anew and compare: legal from end to end, and the kept state right",
     0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->common; return 0;
    case 'r': o->rebuild = true; return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "doctor takes no argument, not '%s'; name the database with --db", arg);
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

struct checkup {
    struct store *store;
    bool json;
    json_t *list;
    size_t problems;
};

static void finding(struct checkup *c, bool good, const char *what, const char *detail)
{
    c->problems += !good;
    if (c->json)
        json_array_append_new(c->list, json_pack("{s:s, s:b, s:s}", "check", what, "ok", good, "detail", detail));
    else
        printf("%s  %-20s %s\n", good ? "ok     " : "PROBLEM", what, detail);
}

static void on_problem(void *data, const char *text)
{
    finding(data, false, "integrity", text);
}

/* ---- the studies ---- */

/* Can the log be applied without an illegal step, and is the state that was kept right? */
static void rebuild_study(struct checkup *c, const char *name)
{
    char *difference = NULL, text[600];
    struct error err;
    enum status s = snapshot_rebuild(c->store, name, clock_real(), &difference, &err);
    if (s == STATUS_NOT_FOUND) return; /* deleted since it was listed */
    if (s)
        snprintf(text, sizeof text, "%.500s", err.text);
    else if (difference)
        snprintf(text, sizeof text, "study %s: the kept state was wrong and has been replaced: %.400s", name,
                 difference);
    else {
        snprintf(text, sizeof text, "study %s: the log is legal and says what is shown", name);
        finding(c, true, "event log", text);
        return;
    }
    finding(c, false, "event log", text);
    free(difference);
}

/* Not from within a list that is being read: its snapshot may not be written to once others have written. */
static void rebuild_studies(struct checkup *c)
{
    struct arena arena = {0};
    struct error err;
    const char **name;
    size_t n;
    enum status s = store_study_names(c->store, &arena, &name, &n, &err);
    if (s) finding(c, false, "event log", err.text);
    for (size_t i = 0; !s && i < n; i++) rebuild_study(c, name[i]);
    arena_done(&arena);
}

struct folders {
    struct arena arena;
    size_t n, capacity;
    const char **name;
};

static void note_folder(void *data, const struct store_event *e)
{
    struct folders *f = data;
    json_t *body = NULL;
    if (e->kind != EVENT_LEASED || !*e->body || json_parse_object(e->body, strlen(e->body), &body, NULL)) return;
    const char *dir = json_string_value(json_object_get(body, "dir"));
    if (dir) {
        f->name = must_reserve(f->name, f->n + 1, &f->capacity, sizeof *f->name);
        const char *slash = strrchr(dir, '/');
        f->name[f->n++] = arena_strdup(&f->arena, slash ? slash + 1 : dir);
    }
    json_decref(body);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_of_agents(const char *name)
{
    for (int kind = PROVISIONER_NONE + 1; kind < PROVISIONERS; kind++)
        if (strcmp(name, provisioner_key((enum provisioner_kind)kind)) == 0) return true;
    return false;
}

/* Folders of attempts that no lease of the log names. */
static size_t count_orphans(int folder, const char *path, const struct folders *known, char *example, size_t size)
{
    DIR *dir = fdopendir(folder);
    size_t n = 0;
    for (struct dirent *d; dir && (d = readdir(dir));) {
        const char *name = d->d_name;
        if (*name == '.' || strcmp(name, "study") == 0 || strcmp(name, LAUNCH_DEPOT) == 0 || is_of_agents(name) ||
            (known->n && bsearch(&name, known->name, known->n, sizeof name, by_name)))
            continue;
        if (n++ == 0) snprintf(example, size, "%s/%s", path, name);
    }
    if (dir) closedir(dir);
    return n;
}

static void check_logs(void *data, const struct store_study *row)
{
    struct checkup *c = data;
    struct folders known = {0};
    struct error err;
    int folder = -1;
    char path[4096], example[4400] = "", text[4700];
    if (needs_folder(store_path(c->store), path, &err)) return;
    size_t n = strlen(path);
    snprintf(path + n, sizeof path - n, "/%s", row->name);
    enum status s = beneath_folder(AT_FDCWD, path, false, &folder, &err);
    if (s && s != STATUS_NOT_FOUND) finding(c, false, "logs", err.text);
    if (s) return;
    if (store_events(c->store, row->id, -1, note_folder, &known, &err)) {
        close(folder);
        return;
    }
    if (known.n) qsort(known.name, known.n, sizeof *known.name, by_name);
    size_t orphans = count_orphans(folder, path, &known, example, sizeof example);
    if (orphans)
        snprintf(text, sizeof text, "study %s: %zu log folder%s to no attempt and may be deleted, for example %s",
                 row->name, orphans, orphans == 1 ? " belongs" : "s belong", example);
    else
        snprintf(text, sizeof text, "study %s: %zu log folder%s, each of an attempt", row->name, known.n,
                 words_s(known.n));
    finding(c, orphans == 0, "logs", text);
    free(known.name);
    arena_done(&known.arena);
}

/* Those that the log says are kept, and are there. What the log does not know goes when the study is run next. */
static void check_checkpoints(void *data, const struct store_study *row)
{
    struct checkup *c = data;
    struct cli_study s;
    struct error err;
    struct arena a = {0};
    char files[NEEDS_PATH_MAX], text[300];
    size_t kept = 0, missing = 0;
    if (needs_folder(store_path(c->store), files, &err) ||
        cli_open(&(struct cli_common){.db = store_path(c->store)}, row->name, &s, &err))
        return;
    for (size_t i = 0; i < s.memory->products.n; i++) {
        const struct product *p = s.memory->products.product[i];
        if (!p->digest || p->gone || product_find(s.memory, p->key) != p) continue;
        const char *path = depot_path(launch_depot(files, s.study, &a), p->digest, &a);
        kept++;
        missing += access(path, F_OK) != 0;
    }
    snprintf(text, sizeof text, "study %s: %zu of %zu checkpoint%s of stages %s there%s", row->name, kept - missing,
             kept, words_s(kept), kept == 1 ? "is" : "are",
             missing ? "; what is missing is run again where it is needed" : "");
    if (s.study->pipeline.n) finding(c, missing == 0, "checkpoints", text);
    cli_close(&s);
    arena_done(&a);
}

static void check_database(struct checkup *c, const char *db, bool rebuild)
{
    struct error err;
    char text[160];
    enum status s = cli_open_patiently(db, STORE_EXISTING, LOCKED_MS, &c->store, &err);
    if (s == STATUS_BUSY) {
        char locked[600];
        snprintf(locked, sizeof locked, "%.400s, for %d s by now: nothing in it was looked at", err.text,
                 LOCKED_MS / 1000);
        finding(c, false, "database", locked);
        return;
    }
    if (s) {
        finding(c, err.status == STATUS_NOT_FOUND, "database", err.status == STATUS_NOT_FOUND ? "none yet" : err.text);
        return;
    }
    size_t before = c->problems;
    snprintf(text, sizeof text, "schema version %d", store_version());
    finding(c, true, "database", text);
    if (store_check(c->store, on_problem, c, &err))
        finding(c, false, "integrity", err.text);
    else if (c->problems == before)
        finding(c, true, "integrity", "pages, rows and references are sound");
    if (c->problems == before) store_studies(c->store, check_logs, c, &err);
    if (c->problems == before) store_studies(c->store, check_checkpoints, c, &err);
    if (c->problems == before && rebuild) rebuild_studies(c);
    store_close(c->store);
}

static void check_machine(struct checkup *c)
{
    char text[160];
    struct statvfs disk;
    snprintf(text, sizeof text, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    finding(c, true, "processors", text);
    if (statvfs(".", &disk) != 0) return;
    double free_gb = (double)disk.f_bavail * (double)disk.f_frsize / 1e9;
    snprintf(text, sizeof text, "%.1f GB free here%s", free_gb, free_gb < 1 ? "; logs and the database need room" : "");
    finding(c, free_gb >= 1, "disk", text);
}

/* Kernels without AVX where there is AVX: somebody has set OPENBLAS_CORETYPE; nobody else leaves it so (main.c). */
static void check_blas(struct checkup *c)
{
    char name[20] = "BLAS", number[20] = "", what[80], text[240];
    const char *better = blas_better(blas_core(), blas_processor_has_avx2());
    sscanf(blas_library(), "%19s %19s", name, number);
    snprintf(what, sizeof what, "%s %s, %.20s kernels", name, number, blas_core());
    if (better)
        snprintf(text, sizeof text, "%s, slow on this processor: unset OPENBLAS_CORETYPE, or set it to %s", what,
                 better);
    else if (getenv("NOCTURNE_BLAS_CORE"))
        snprintf(text, sizeof text, "%s, by nocturne's choice: OpenBLAS itself does not know this processor", what);
    else
        snprintf(text, sizeof text, "%s", what);
    finding(c, !better, "BLAS", text);
}

static void check_gpus(struct checkup *c)
{
    struct gpus gpus;
    char text[400] = "none found";
    gpus_find(&gpus);
    if (gpus.n) snprintf(text, sizeof text, "%zu found", gpus.n + gpus.beyond);
    if (gpus.beyond) snprintf(text, sizeof text, "%zu found; %d at most are used", gpus.n + gpus.beyond, GPUS_MAX);
    if (*gpus.trouble) snprintf(text + strlen(text), sizeof text - strlen(text), "; %s", gpus.trouble);
    finding(c, !*gpus.trouble, "GPUs", text);
}

static void check_guard(struct checkup *c)
{
    char path[WORKERS_PATH_MAX];
    struct error err;
    enum status s = workers_guard(path, &err);
    finding(c, !s, "nocturne-guard", s ? err.text : path);
}

int cmd_doctor(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "",
        .doc =
            "Check the database (schema, integrity, references, log folders) and the installation; says what is wrong and "
            "exits 1 if anything is.\vExample: nocturne doctor --rebuild --db nocturne.db",
        .children = cli_common_child};
    struct options o = {.rebuild = false};
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    struct checkup checkup = {.json = o.common.json, .list = json_array()};
    check_guard(&checkup);
    check_machine(&checkup);
    check_blas(&checkup);
    check_gpus(&checkup);
    check_database(&checkup, o.common.db, o.rebuild);
    if (o.common.json) cli_print_json(json_pack("{s:O, s:b}", "checks", checkup.list, "ok", checkup.problems == 0));
    json_decref(checkup.list);
    return checkup.problems ? EXIT_FAILED : EXIT_OK;
}
