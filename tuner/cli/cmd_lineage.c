#include "tuner/cli/cli.h"

#include "tuner/report/report.h"

static json_t *lineage_json(const struct memory *s, const struct trial *t)
{
    struct arena arena = {0};
    struct ancestry x = ancestry_of(s, t, &arena);
    json_t *out =
        json_pack("{s:s, s:I, s:s, s:o, s:o, s:o, s:o}", "study", s->study->name, "trial", (json_int_t)t->number,
                  "state", trial_state_name(t->state), "stages", ancestry_json(s->study, &x), "cost",
                  json_real(x.whole), "charged", json_real(x.charged), "share", json_real(x.share));
    arena_done(&arena);
    return out;
}

static void show_all(const struct cli_trial *o, const struct memory *s)
{
    if (o->common.json)
        cli_print_json(pedigree_json(s, -1, s->n));
    else
        report_lineages(stdout, s);
}

static enum status show_one(const struct cli_trial *o, const struct cli_study *s, long number, struct error *err)
{
    const struct trial *t = memory_trial(s->memory, number);
    if (!s->study->pipeline.n)
        return error_set(err, STATUS_NOT_FOUND, "study '%s' has no stages; 'nocturne show %s %ld' shows a trial",
                         s->study->name, s->study->name, number);
    if (!t) return error_set(err, STATUS_NOT_FOUND, "study '%s' has no trial %ld", s->study->name, number);
    if (o->common.json)
        cli_print_json(lineage_json(s->memory, t));
    else
        report_lineage(stdout, s->memory, t);
    return STATUS_OK;
}

int cmd_lineage(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = cli_parse_trial,
        .args_doc = "[STUDY] [TRIAL]",
        .doc = "Show the stages that led to a trial: their checkpoints as a tree, what each step cost, which trial ran "
               "it, and how many stand on it. Without a trial: what each stage has left for each trial.\v"
               "Example: nocturne lineage g2p\n         nocturne lineage g2p 12",
        .children = cli_remote_child};
    struct cli_trial o = {.n = 0};
    struct cli_study s;
    struct error err;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    long number = cli_take_trial(&o);
    enum status st = o.n < 2 ? cli_open(&o.common, o.n ? o.arg[0] : NULL, &s, &err)
                             : error_set(&err, STATUS_INVALID,
                                         "'%s' is not a trial number; for example: nocturne lineage g2p 12", o.arg[1]);
    if (st) return cli_fail(&err);
    if (number >= 0)
        st = show_one(&o, &s, number, &err);
    else
        show_all(&o, s.memory);
    cli_close(&s);
    return st ? cli_fail(&err) : EXIT_OK;
}
