#include "tuner/cli/cli.h"

#include "tuner/report/report.h"

/* From the trial's own events: the log may be long. */
static enum status show(const struct cli_common *c, const char *name, long number, struct error *err)
{
    struct cli_found f;
    enum status s = cli_find(c, name, &f, err);
    if (s) return s;
    s = report_trial(stdout, f.store, f.id, f.study, number, err);
    if (!s && f.remote.caller) cli_show_logs(stdout, f.remote.caller, f.study->name, number, REPORT_TAIL_LINES);
    cli_found_done(&f);
    return s;
}

/* With its utility, which needs the baseline and so the study. */
static enum status show_json(const struct cli_common *c, const char *name, long number, struct error *err)
{
    struct cli_study s;
    enum status st = cli_open(c, name, &s, err);
    if (st) return st;
    const struct trial *t = memory_trial(s.memory, number);
    if (t) {
        const struct document_trial x = document_trial_of(s.memory, t);
        cli_print_json(document_trial_json(&x));
    } else
        st = error_set(err, STATUS_NOT_FOUND, "study '%s' has no trial %ld", s.study->name, number);
    cli_close(&s);
    return st;
}

int cmd_show(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = cli_parse_trial,
        .args_doc = "[STUDY] TRIAL",
        .doc =
            "Show one trial: parameters, metrics, what happened to it, every attempt with its reason, its logs and its "
            "reports.\vExample: nocturne show g2p 12",
        .children = cli_remote_child};
    struct cli_trial o = {.n = 0};
    struct error err;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    long number = cli_take_trial(&o);
    enum status s = STATUS_OK;
    if (number < 0)
        s = error_set(&err, STATUS_INVALID, "%s%s%swhich trial? For example: nocturne show g2p 12", o.n ? "'" : "",
                      o.n ? o.arg[o.n - 1] : "", o.n ? "' is not a trial number: " : "");
    const char *study = o.n ? o.arg[0] : NULL;
    o.common.service.wish = (struct mirror_wish){MIRROR_TRIAL, number};
    if (!s) s = o.common.json ? show_json(&o.common, study, number, &err) : show(&o.common, study, number, &err);
    return s ? cli_fail(&err) : EXIT_OK;
}
