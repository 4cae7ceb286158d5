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

/* They lie in the database alone. */
static enum status show_items(const struct cli_common *c, const char *name, long number, struct error *err)
{
    struct cli_study s;
    if (c->service.url)
        return error_set(err, STATUS_INVALID,
                         "--items are in the service's database: run it there, with --db FILE, and without --url");
    enum status st = cli_open(c, name, &s, err);
    if (st) return st;
    const struct trial *t = memory_trial(s.memory, number);
    size_t n = 1;
    st = t ? report_items(stdout, s.memory, t, c->json ? DUMP_JSONL : DUMP_CSV, &n, err)
           : error_set(err, STATUS_NOT_FOUND, "study '%s' has no trial %ld", s.study->name, number);
    if (!st && n == 0)
        fprintf(stderr,
                "nocturne: trial %ld has said nothing of single items: its program may print 'nocturne: {\"item\": "
                "{\"id\": \"q1\", \"em\": 1}}' for each\n",
                number);
    cli_close(&s);
    return st;
}

struct show_options {
    struct cli_trial at; /* first: cli_parse_trial's */
    bool items;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct show_options *o = state->input;
    if (key != 'i') return cli_parse_trial(key, arg, state);
    o->items = true;
    return 0;
}

int cmd_show(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"items", 'i', NULL, 0, "what its last attempt said of single items instead: CSV, or with --json a line each", 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "[STUDY] TRIAL",
        .doc =
            "Show one trial: parameters, metrics, what happened to it, every attempt with its reason, its logs and its "
            "reports.\vExample: nocturne show g2p 12\n         nocturne show g2p 12 --items > answers.csv",
        .children = cli_remote_child};
    struct show_options o = {.items = false};
    struct error err;
    cli_common_init(&o.at.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    long number = cli_take_trial(&o.at);
    enum status s = STATUS_OK;
    if (number < 0)
        s = error_set(&err, STATUS_INVALID, "%s%s%swhich trial? For example: nocturne show g2p 12", o.at.n ? "'" : "",
                      o.at.n ? o.at.arg[o.at.n - 1] : "", o.at.n ? "' is not a trial number: " : "");
    const char *study = o.at.n ? o.at.arg[0] : NULL;
    o.at.common.service.wish = (struct mirror_wish){MIRROR_TRIAL, number};
    if (!s)
        s = (o.items             ? show_items
             : o.at.common.json ? show_json
                                : show)(&o.at.common, study, number, &err);
    return s ? cli_fail(&err) : EXIT_OK;
}
