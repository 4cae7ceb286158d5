#include "tuner/cli/cli.h"

#include "tuner/base/words.h"
#include "tuner/report/report.h"

#include <string.h>

struct options {
    struct cli_common common;
    const char *arg[2];
    size_t n;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->common; return 0;
    case ARGP_KEY_ARG:
        if (o->n == 2) argp_error(state, "a study and a trial, not '%s' as well", arg);
        o->arg[o->n++] = arg;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "which trial? For example: nocturne show g2p 12"); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* "12", or "g2p 12" */
static enum status pick(const struct options *o, long *ret_number, struct error *err)
{
    double v;
    const char *text = o->arg[o->n - 1];
    if (!words_number(text, &v) || v < 0 || v > 1e9 || v != (double)(long)v)
        return error_set(err, STATUS_INVALID, "'%s' is not a trial number; for example: nocturne show g2p 12", text);
    *ret_number = (long)v;
    return STATUS_OK;
}

int cmd_show(int argc, char **argv)
{
    static const struct argp argp = {
        NULL,
        parse,
        "[STUDY] TRIAL",
        "Show one trial: parameters, metrics, every attempt with its reason, its logs and its "
        "reports.\vExample: nocturne show g2p 12",
        cli_common_child,
        NULL,
        NULL};
    struct options o = {.n = 0};
    struct cli_study s;
    struct error err;
    long number = 0;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    if (pick(&o, &number, &err)) return cli_fail(&err);
    if (cli_open(o.common.db, o.n == 2 ? o.arg[0] : NULL, &s, &err)) return cli_fail(&err);
    const struct trial *t = session_trial(s.session, number);
    enum status st = STATUS_OK;
    if (!t)
        st = error_set(&err, STATUS_NOT_FOUND, "study '%s' has no trial %ld; it has 0 to %ld", s.study->name, number,
                       (long)s.session->n - 1);
    else if (o.common.json)
        cli_print_json(report_trial_json(s.session, t));
    else
        st = report_trial(stdout, s.session, t, &err);
    cli_close(&s);
    return st ? cli_fail(&err) : EXIT_OK;
}
