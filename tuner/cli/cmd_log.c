#include "tuner/cli/cli.h"

#include "tuner/report/report.h"

struct options {
    struct cli_common common;
    long trial;
};

static const struct argp_option table[] = {
    {"trial", 't', "N", 0, "of one trial only", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    if (key == 't') {
        o->trial = (long)cli_number(arg, "--trial", 0, 1e9, state);
        return 0;
    }
    return cli_parse_study(key, arg, state);
}

static void on_study(void *data, const struct store_study *row)
{
    *(int64_t *)data = row->id;
}

int cmd_log(int argc, char **argv)
{
    static const struct argp argp = {
        table,
        parse,
        "[STUDY]",
        "The event log of a study: every trial, lease, result and decision in order, one a "
        "line; with --json as JSON lines.\vExample: nocturne log g2p --trial 12",
        cli_common_child,
        NULL,
        NULL};
    struct options o = {.trial = -1};
    struct store *store = NULL;
    struct arena arena = {0};
    struct error err;
    const char *name = NULL;
    int64_t id = 0;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    enum status s = store_open(o.common.db, STORE_EXISTING, &store, &err);
    if (!s) s = cli_choose(store, o.common.study, &arena, &name, &err);
    if (!s) s = store_study_find(store, name, on_study, &id, &err);
    if (!s) s = report_log(stdout, store, id, o.trial, o.common.json, &err);
    arena_done(&arena);
    store_close(store);
    return s ? cli_fail(&err) : EXIT_OK;
}
