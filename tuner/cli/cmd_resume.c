#include "tuner/cli/cli.h"

#include <string.h>
#include <unistd.h>

int cmd_resume(int argc, char **argv)
{
    static const struct argp argp = {
        NULL,
        cli_parse_study,
        "[STUDY]",
        "Go on with a study of the database, as its study file says now; if the file is gone, "
        "as it was when last run.\v"
        "Example: nocturne resume g2p",
        cli_common_child,
        NULL,
        NULL};
    struct cli_common c;
    struct cli_study stored;
    struct study *study = NULL;
    struct error err;
    cli_common_init(&c);
    argp_parse(&argp, argc, argv, 0, NULL, &c);
    if (cli_open(c.db, c.study, &stored, &err)) return cli_fail(&err);
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
    struct run_options o = {.budget = {.until_minutes = -1}, .seed = -1, .json = c.json, .db = c.db};
    int code = run_study(study, &o);
    study_free(study);
    return code;
}
