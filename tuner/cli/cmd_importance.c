#include "tuner/cli/cli.h"

#include "tuner/report/report.h"

#include <stdint.h>

struct options {
    struct cli_common common;
    const char *metric;
};

static const struct argp_option table[] = {
    {"metric", 'm', "NAME", 0, "of this metric only, or of the utility", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'm': o->metric = arg; return 0;
    default: return cli_parse_study(key, arg, state);
    }
}

static enum status show(const struct options *o, const struct cli_study *s, struct error *err)
{
    struct arena arena = {0};
    struct surface *f = NULL;
    struct importance x;
    size_t only = SIZE_MAX;
    enum status st = o->metric ? surface_target(s->study, o->metric, &only, err) : STATUS_OK;
    if (!st) st = importance_ready(s->memory, err);
    if (!st) st = surface_make(s->memory, &f, err);
    if (!st) st = importance_make(f, only, &arena, &x, err);
    if (!st && o->common.json) cli_print_json(importance_json(&x));
    if (!st && !o->common.json) report_importance(stdout, &x);
    surface_free(f);
    arena_done(&arena);
    return st;
}

int cmd_importance(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "[STUDY]",
        .doc = "What matters: how much each parameter has to do with each metric and with the utility, with intervals, "
               "over the ranges that were searched; and what is all the same around the winner. Needs 10 complete "
               "trials.\vExample: nocturne importance g2p --metric em",
        .children = cli_remote_child};
    struct options o = {.metric = NULL};
    struct cli_study s;
    struct error err;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    enum status st = cli_open(&o.common, o.common.study, &s, &err);
    if (st) return cli_fail(&err);
    st = show(&o, &s, &err);
    cli_close(&s);
    return st ? cli_fail(&err) : EXIT_OK;
}
