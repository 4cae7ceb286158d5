#include "tuner/cli/cli.h"

#include "tuner/coordinator/coordinator.h"

#include "workers/workers.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct options {
    struct cli_common common;
    bool files; /* the trials' folders, too */
};

static const struct argp_option table[] = {
    {"files", 'f', NULL, 0, "also delete the folders of its trials, with logs, checkpoints and artefacts", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'f': o->files = true; return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "which study? 'nocturne status' lists them"); return 0;
    default: return cli_parse_study(key, arg, state);
    }
}

/* The study is gone with the first step; what it leaves is taken away in short ones, in which others get their turn. */
static enum status delete_study(struct store *store, const char *name, struct error *err)
{
    struct store_hold *hold = NULL;
    int64_t id = 0;
    bool more = true;
    enum status s = store_study_id(store, name, &id, err);
    if (!s) s = store_hold_take(store, name, &hold, err);
    if (!s) s = store_study_delete(store, id, err);
    if (s) {
        store_hold_release(hold);
        return s;
    }
    store_hold_retire(hold);
    while (!s && more) s = store_sweep(store, 0, &more, err);
    return s;
}

static enum status delete_files(const char *db, const char *study, char *ret, struct error *err)
{
    enum status s = needs_folder(db, ret, err);
    size_t n = strlen(ret);
    if (s) return s;
    snprintf(ret + n, NEEDS_PATH_MAX - n, "/%s", study);
    return STATUS_OK;
}

int cmd_delete(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "STUDY",
        .doc =
            "Delete a study and all its trials, for good; its name is free again. One that runs is not deleted: stop it first. "
            "The folders of its trials stay, unless --files is given.\v"
            "Example: nocturne backup before.db && nocturne delete g2p",
        .children = cli_common_child};
    struct options o = {.files = false};
    struct store *store = NULL;
    struct arena arena = {0};
    struct error err;
    const char *name = NULL;
    char files[NEEDS_PATH_MAX] = "";
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    enum status s = store_open(o.common.db, STORE_EXISTING, &store, &err);
    if (!s) s = cli_choose(store, o.common.study, &arena, &name, &err);
    if (!s) s = delete_files(o.common.db, name, files, &err);
    if (!s) s = delete_study(store, name, &err);
    if (!s && o.files) workers_remove_folder(files);
    bool left = !s && access(files, F_OK) == 0;
    if (!s && o.common.json)
        cli_print_json(json_pack("{s:s, s:b, s:s?}", "study", name, "deleted", 1, "files", left ? files : NULL));
    else if (!s)
        printf("deleted study %s%s%s\n", name, left ? "; the folders of its trials are left in " : "",
               left ? files : "");
    arena_done(&arena);
    store_close(store);
    return s ? cli_fail(&err) : EXIT_OK;
}
