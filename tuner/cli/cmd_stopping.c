#include "tuner/cli/cli.h"

#include "tuner/report/report.h"

#include <stdio.h>

static const struct stop_record *find(const struct stop_audit *x, long number)
{
    const struct stop_record *found = NULL;
    for (size_t i = 0; i < x->n; i++)
        if (x->stop[i].trial->number == number) found = &x->stop[i]; /* of several attempts the last */
    return found;
}

static enum status print(const struct cli_trial *o, const struct memory *s, const struct stop_audit *x, long number,
                         struct error *err)
{
    const struct trial *t = memory_trial(s, number);
    const struct stop_record *stop = find(x, number);
    if (number >= 0 && !t)
        return error_set(err, STATUS_NOT_FOUND, "study '%s' has no trial %ld", s->study->name, number);
    if (number >= 0 && !stop)
        return error_set(err, STATUS_NOT_FOUND, "trial %ld was not stopped by the pruner: it is %s", number,
                         trial_state_name(t->state));
    if (o->common.json)
        cli_print_json(stop ? document_stop_json(stop) : document_stops_json(s, x));
    else if (stop)
        report_stop(stdout, s, stop);
    else
        report_stops(stdout, s, x);
    return STATUS_OK;
}

int cmd_stopping(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = cli_parse_trial,
        .args_doc = "[STUDY] [TRIAL]",
        .doc =
            "What was stopped early, the tokens it saved, and how often that was wrong, estimated from the random share of "
            "condemned trials that ran on (stopping: {audit: 0.05}: of them, and of the cost). With a trial: why it was stopped.\v"
            "Example: nocturne stopping g2p\n         nocturne stopping g2p 31",
        .children = cli_remote_child};
    struct cli_trial o = {.n = 0};
    struct cli_study s;
    struct stop_audit x = {0};
    struct error err;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    o.common.service.wish.depth = MIRROR_ALL; /* what trials reported says whether the pruner sees anything */
    long number = cli_take_trial(&o);
    enum status st = o.n < 2 ? cli_open(&o.common, o.n ? o.arg[0] : NULL, &s, &err)
                             : error_set(&err, STATUS_INVALID,
                                         "'%s' is not a trial number; for example: nocturne stopping g2p 31", o.arg[1]);
    if (st) return cli_fail(&err);
    st = stop_audit_make(s.memory, &x, &err);
    if (!st) st = print(&o, s.memory, &x, number, &err);
    stop_audit_done(&x);
    cli_close(&s);
    return st ? cli_fail(&err) : EXIT_OK;
}
