#include "tuner/cli/cli.h"

#include <string.h>
#include <unistd.h>

struct options {
    struct cli_common common;
    struct run_options run;
};

static const struct argp_option table[] = {
    RUN_LIMIT_OPTIONS,
    RUN_PAGE_OPTION,
    CLI_NOTIFY_OPTION,
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
    case ARGP_KEY_ARG: return cli_parse_study(key, arg, state);
    case CLI_NOTIFY: o->run.notify = arg; return 0;
    default: return run_parse(key, arg, state, &o->run);
    }
}

int cmd_resume(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "[STUDY]",
        .doc =
            "Go on with a study of the database, as its study file says now; if the file is gone, "
            "as it was when last run. Limits of the last run's command line do not count any more: the file's do, or "
            "those given here.\v"
            "Example: nocturne resume g2p",
        .children = cli_common_child};
    struct options o = {.run = {.budget = {.until_minutes = -1}, .seed = -1}};
    struct cli_common *c = &o.common;
    struct cli_study stored;
    struct study *study = NULL;
    struct error err;
    cli_common_init(c);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    if (cli_open(c, c->study, &stored, &err)) return cli_fail(&err);
    enum status s = access(stored.study->path, F_OK) == 0
                        ? study_load(stored.study->path, &study, &err)
                        : study_parse(stored.study->path, stored.study->text, strlen(stored.study->text), &study, &err);
    if (!s && strcmp(study->name, stored.study->name) != 0)
        s = error_set(&err, STATUS_INVALID, "%s is now the file of study '%s'; run it by name: nocturne run FILE",
                      study->path, study->name);
    cli_close(&stored);
    if (s) {
        study_free(study);
        return cli_fail(&err);
    }
    o.run.db = c->db;
    o.run.json = c->json;
    int code = run_study(study, &o.run);
    study_free(study);
    return code;
}
