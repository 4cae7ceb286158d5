#include "tuner/cli/cli.h"

#include "tuner/base/words.h"
#include "tuner/report/report.h"

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

/* From the trial's own events: the log may be long. */
static enum status show(const char *db, const char *name, long number, struct error *err)
{
    struct cli_found f;
    enum status s = cli_find(db, name, &f, err);
    if (s) return s;
    s = report_trial(stdout, f.store, f.id, f.study, number, err);
    cli_found_done(&f);
    return s;
}

/* With its utility, which needs the baseline and so the study. */
static enum status show_json(const char *db, const char *name, long number, struct error *err)
{
    struct cli_study s;
    enum status st = cli_open(db, name, &s, err);
    if (st) return st;
    const struct trial *t = session_trial(s.session, number);
    if (t)
        cli_print_json(report_trial_json(s.session, t));
    else
        st = error_set(err, STATUS_NOT_FOUND, "study '%s' has no trial %ld", s.study->name, number);
    cli_close(&s);
    return st;
}

int cmd_show(int argc, char **argv)
{
    static const struct argp argp = {
        NULL,
        parse,
        "[STUDY] TRIAL",
        "Show one trial: parameters, metrics, what happened to it, every attempt with its reason, its logs and its "
        "reports.\vExample: nocturne show g2p 12",
        cli_common_child,
        NULL,
        NULL};
    struct options o = {.n = 0};
    struct error err;
    long number = 0;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    const char *study = o.n == 2 ? o.arg[0] : NULL;
    enum status s = pick(&o, &number, &err);
    if (!s) s = o.common.json ? show_json(o.common.db, study, number, &err) : show(o.common.db, study, number, &err);
    return s ? cli_fail(&err) : EXIT_OK;
}
