#include "tuner/cli/cli.h"

#include <stdio.h>

struct options {
    struct cli_common common;
    const char *file;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->common; return 0;
    case ARGP_KEY_ARG:
        if (o->file) argp_error(state, "one file, not '%s' as well", arg);
        o->file = arg;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "to which file?"); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int cmd_backup(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "FILE",
        .doc = "Copy the database as it is now, also while studies run. The file is whole or not "
               "there at all; it is a database like any other: use it with --db.\v"
               "Example: nocturne backup night.db",
        .children = cli_common_child};
    struct options o = {.file = NULL};
    struct store *store = NULL;
    struct error err;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    enum status s = store_open(o.common.db, STORE_EXISTING, &store, &err);
    if (!s) s = store_backup(store, o.file, &err);
    if (!s && o.common.json)
        cli_print_json(json_pack("{s:s}", "backup", o.file));
    else if (!s)
        printf("%s: a copy of %s as it was just now\n", o.file, o.common.db);
    store_close(store);
    return s ? cli_fail(&err) : EXIT_OK;
}
