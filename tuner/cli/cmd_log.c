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
        o->trial = cli_whole(arg, "--trial", 0, CLI_COUNT_MAX, state);
        return 0;
    }
    return cli_parse_study(key, arg, state);
}

int cmd_log(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "[STUDY]",
        .doc = "The event log of a study: every trial, lease, result and decision in order, one a "
               "line; with --json as JSON lines.\vExample: nocturne log g2p --trial 12",
        .children = cli_remote_child};
    struct options o = {.trial = -1};
    struct cli_found f;
    struct error err;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    if (cli_find(&o.common, o.common.study, &f, &err)) return cli_fail(&err);
    enum status s = report_log(stdout, f.store, f.id, o.trial, o.common.json, &err);
    cli_found_done(&f);
    return s ? cli_fail(&err) : EXIT_OK;
}
