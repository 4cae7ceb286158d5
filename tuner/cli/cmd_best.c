#include "tuner/cli/cli.h"

#include "tuner/analysis/analysis.h"
#include "tuner/report/report.h"

struct options {
    struct cli_common common;
    const char *weights;
    double exchange; /* 0: not given */
};

static const struct argp_option table[] = {
    {"weights", 'w', "M=W,…", 0, "judge by these weights instead, for example em=0.9,tokens=0.1", 0},
    {"exchange", 'x', "POINTS", 0, "judge by an exchange rate: EM points given up for halving the tokens", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'w': o->weights = arg; return 0;
    case 'x': o->exchange = cli_number(arg, "--exchange", 1e-9, 1e9, state); return 0;
    case ARGP_KEY_END:
        if (o->weights && o->exchange > 0) argp_error(state, "--weights or --exchange, not both");
        return 0;
    default: return cli_parse_study(key, arg, state);
    }
}

static enum status reweigh(const struct options *o, const struct cli_study *s, struct objective *objective,
                           struct error *err)
{
    enum status st = STATUS_OK;
    if (o->weights)
        st = objective_parse_weights(objective, o->weights, err);
    else if (o->exchange > 0)
        st = objective_set_exchange(objective, o->exchange, err);
    if (!st && objective_needs_baseline(objective) && !s->study->baseline)
        st = error_set(err, STATUS_INVALID, "study '%s' has no baseline to weigh against", s->study->name);
    return st;
}

/* "Judged by em 0.7, tokens 0.3." — what was given may have been shares. */
static void say_weights(const struct objective *o)
{
    const char *comma = "";
    fputs("Judged by", stdout);
    for (size_t i = 0; i < o->n_metrics; i++) {
        if (o->weight[i] == 0) continue;
        printf("%s %s %.4g", comma, o->metric[i].name, o->weight[i]);
        comma = ",";
    }
    puts(".");
}

/* "Judged by 2 points of em for half of tokens." */
static void say_exchange(const struct objective *o)
{
    printf("Judged by %.4g points of %s for half of %s.\n", o->exchange, o->metric[o->gain].name,
           o->metric[o->cost].name);
}

static void print_json(const struct options *o, const struct cli_study *s, const struct objective *objective,
                       const struct comparison *c)
{
    json_t *out = document_choice_json(c, objective, o->weights);
    rerun_add(out, s->memory, c);
    cli_print_json(out);
}

static enum status print_best(const struct options *o, const struct cli_study *s, const struct objective *objective,
                              struct error *err)
{
    struct arena arena = {0};
    const struct ranking all = ranking_make(s->memory, objective, &arena);
    const struct comparison c = comparison_make(s->memory, objective, &all, &arena);
    enum status st = STATUS_OK;
    if (!c.winner)
        st = error_set(err, STATUS_NOT_FOUND, "study '%s' has no complete trial that satisfies its constraints yet",
                       s->study->name);
    else if (o->common.json)
        print_json(o, s, objective, &c);
    else {
        if (o->weights) say_weights(objective);
        if (o->exchange > 0) say_exchange(objective);
        report_comparison(stdout, &c);
        if (c.winner->label) report_stopped_early(stdout, s->memory);
        printf("  %s\n", report_config(&s->study->space, c.winner->config, &arena));
        if (!c.winner->seeds) puts("  This configuration was measured once and is not confirmed.");
        report_rerun(stdout, s->memory, &c);
    }
    arena_done(&arena);
    return st;
}

int cmd_best(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "[STUDY]",
        .doc = "The best configuration, confirmed if the study has come that far. Other weights need "
               "no new trial.\vExample: nocturne best g2p --weights em=0.9,tokens=0.1",
        .children = cli_remote_child};
    struct options o = {.exchange = 0};
    struct cli_study s;
    struct error err;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    if (cli_open(&o.common, o.common.study, &s, &err)) return cli_fail(&err);
    struct objective objective = s.study->objective;
    enum status st = reweigh(&o, &s, &objective, &err);
    if (!st) st = print_best(&o, &s, &objective, &err);
    cli_close(&s);
    return st ? cli_fail(&err) : EXIT_OK;
}
