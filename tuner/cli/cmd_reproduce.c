#include "tuner/cli/cli.h"

#include "tuner/policy/policy.h"
#include "tuner/report/report.h"

struct options {
    struct cli_trial trial;
    struct run_options run;
    long number, seeds;
    long since; /* trials with numbers from here on are the new ones */
};

static const struct argp_option table[] = {
    {"seeds", 'k', "N", 0, "fresh seeds, one run on each (default 1)", 0},
    {"slots", 's', "N", 0, "trials at the same time", 0},
    {"quiet", 'q', NULL, 0, "no progress", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->trial.common; return 0;
    case 'k': o->seeds = cli_whole(arg, "--seeds", 1, 1000, state); return 0;
    case 's': return run_parse(key, arg, state, &o->run);
    case 'q': o->run.quiet = true; return 0;
    default: return cli_parse_trial(key, arg, state);
    }
}

/* Its file as it was last run: what ran then runs again. */
static enum status find(struct options *o, struct cli_found *ret, struct error *err)
{
    o->number = cli_take_trial(&o->trial);
    if (o->number < 0) return error_set(err, STATUS_INVALID, "which trial? For example: nocturne reproduce g2p 12");
    return cli_find(&o->trial.common, o->trial.n ? o->trial.arg[0] : NULL, ret, err);
}

static enum status add(struct history *h, void *data, struct error *err)
{
    struct options *o = data;
    const struct memory *s = history_memory(h);
    const struct trial *t = memory_trial(s, o->number);
    if (!t) return error_set(err, STATUS_NOT_FOUND, "study '%s' has no trial %ld", s->study->name, o->number);
    if (t->role == ROLE_CONFIRM)
        return error_set(err, STATUS_CONFLICT, "trial %ld is a run of trial %ld on a fresh seed; reproduce that",
                         t->number, t->confirms);
    if (t->outside || t->state != TRIAL_COMPLETE)
        return error_set(err, STATUS_CONFLICT, "trial %ld is %s: there is nothing to compare with", t->number,
                         t->outside ? "set aside" : trial_state_name(t->state));
    o->since = (long)s->n;
    confirm_again(h, t, (size_t)o->seeds);
    return STATUS_OK;
}

static int over(struct history *h, void *data)
{
    const struct options *o = data;
    const struct trial *t = memory_trial(history_memory(h), o->number);
    if (!o->run.json) return report_reproduction(stdout, h, t, o->since) ? EXIT_OK : EXIT_FAILED;
    cli_print_json(reproduction_json(h, t, o->since));
    return EXIT_OK;
}

int cmd_reproduce(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "[STUDY] TRIAL",
        .doc =
            "Run a trial again from nothing, with all its stages, on a fresh seed that nothing has used yet, and compare: "
            "is what comes out what was to be expected? With two or more measurements before, the interval is "
            "Student's; with one, the surrogate's. It is added to the study as a confirmation. Exit code 1: something "
            "lies outside.\v"
            "Example: nocturne reproduce g2p 12 --seeds 3",
        .children = cli_common_child};
    struct options o = {.run = {.budget = {.until_minutes = -1}, .seed = -1}, .number = -1, .seeds = 1};
    const struct run_errand errand = {add, over, NULL, &o};
    struct cli_found f;
    struct error err;
    cli_common_init(&o.trial.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    if (find(&o, &f, &err)) return cli_fail(&err);
    store_close(f.store);
    f.store = NULL;
    o.run.errand = &errand;
    o.run.json = o.trial.common.json;
    o.run.db = o.trial.common.db;
    int code = run_study(f.study, &o.run);
    study_free(f.study);
    return code;
}
