#include "tuner/cli/cli.h"

struct options {
    struct cli_common common;
    struct run_options run;
};

static const struct argp_option table[] = {
    RUN_LIMIT_OPTIONS,
    RUN_PAGE_OPTION,
    {"seed", 'r', "N", 0, "seed of the search (a stored study keeps its own)", 0},
    {"schedule", 'S', "FILE", 0,
     "run one training with the schedule that 'export --format json' wrote, on a fresh seed, and nothing else", 0},
    CLI_NOTIFY_OPTION,
    {"quiet", 'q', NULL, 0, "print nothing but errors", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->common; return 0;
    case 'r': o->run.seed = cli_whole(arg, "--seed", 0, CLI_SEED_MAX, state); return 0;
    case 'S': o->run.schedule = arg; return 0;
    case 'q': o->run.quiet = true; return 0;
    case CLI_NOTIFY: o->run.notify = arg; return 0;
    case ARGP_KEY_ARG:
        if (o->common.study) argp_error(state, "one study file, not '%s' as well", arg);
        o->common.study = arg;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "which study file? 'nocturne init' writes one"); return 0;
    default: return run_parse(key, arg, state, &o->run);
    }
}

int cmd_run(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "STUDY.yaml",
        .doc =
            "Run a study. The same command goes on after any interruption: Ctrl-C, kill -9, a power cut.\v"
            "A limit that is given here counts for this run, instead of the study file's; the next run has what it is given "
            "then. Ctrl-C lets running trials finish; a second one ends them, they run again next time.\n"
            "Example: nocturne run study.yaml --until 07:00 --slots 2 --page",
        .children = cli_common_child};
    struct options o = {.run = {.budget = {.until_minutes = -1}, .seed = -1}};
    struct study *study = NULL;
    struct error err;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    if (study_load(o.common.study, &study, &err)) return cli_fail(&err);
    o.run.db = o.common.db;
    o.run.json = o.common.json;
    int code = run_study(study, &o.run);
    study_free(study);
    return code;
}
