#include "tuner/cli/cli.h"

#include "tuner/report/report.h"

struct options {
    struct cli_common common;
    struct trials_wish wish;
};

static const struct argp_option table[] = {
    {"sort", 's', "COLUMN", 0,
     "in this order: a metric, a parameter, trial, state, role, utility, duration or attempts; -COLUMN: the largest "
     "first. By a metric or utility confirmations and what was stopped early come after the results",
     0},
    {"top", 'n', "N", 0, "the first N only; without --sort those of the highest utility", 0},
    {"state", 't', "STATES", 0, "of these states only, for example complete,failed", 0},
    {"columns", 'c', "NAMES", 0, "these columns, separated by commas: any of the above, source, reason, configuration",
     0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 's': o->wish.sort = arg; return 0;
    case 'n': o->wish.top = cli_whole(arg, "--top", 1, CLI_COUNT_MAX, state); return 0;
    case 't': o->wish.states = arg; return 0;
    case 'c': o->wish.columns = arg; return 0;
    default: return cli_parse_study(key, arg, state);
    }
}

int cmd_trials(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "[STUDY]",
        .doc =
            "List the trials of a study: state, metrics, utility, configuration (what differs from the best first). The table "
            "is as wide as the terminal, 80 columns elsewhere; all of it is in --json and in 'nocturne export -f csv'.\v"
            "Example: nocturne trials g2p --sort -em --top 10 --columns trial,em,tokens",
        .children = cli_remote_child};
    struct options o = {.wish = {.top = 0}};
    struct cli_study s;
    struct error err;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    if (cli_open(&o.common, o.common.study, &s, &err)) return cli_fail(&err);
    enum status st = report_trials(stdout, s.memory, &o.wish, o.common.json, &err);
    cli_close(&s);
    return st ? cli_fail(&err) : EXIT_OK;
}
