#include "tuner/cli/cli.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include "tuner/analysis/analysis.h"
#include "tuner/coordinator/coordinator.h"
#include "tuner/policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIALS_MAX = 1000 };

struct options {
    struct cli_common common;
    bool failed; /* all of them */
    long number[TRIALS_MAX];
    size_t n;
};

static const struct argp_option table[] = {
    {"failed", 'f', NULL, 0, "all trials that have failed (what is meant if no trial is named)", 0},
    {0},
};

/* No study is called by a number. */
static void take(struct options *o, char *arg, struct argp_state *state)
{
    long v;
    bool number = words_whole(arg, 0, CLI_COUNT_MAX, &v);
    if (!number && (o->common.study || o->n)) argp_error(state, "'%s' is not the number of a trial", arg);
    if (number && o->n == TRIALS_MAX) argp_error(state, "%d trials at a time; or all, with --failed", TRIALS_MAX);
    for (size_t i = 0; number && i < o->n; i++)
        if (o->number[i] == (long)v) return; /* named twice */
    if (number)
        o->number[o->n++] = v;
    else
        o->common.study = arg;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->common; return 0;
    case 'f': o->failed = true; return 0;
    case ARGP_KEY_ARG: take(o, arg, state); return 0;
    case ARGP_KEY_END:
        if (o->failed && o->n) argp_error(state, "either --failed or the numbers of trials, not both");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* Nobody runs the study: this process is its only writer for a moment, and has read it as such. */
static enum status retry_here(struct history *s, const long *number, size_t n, struct error *err)
{
    enum status st = retry_trials(s, number, n, err);
    if (!st) snapshot_keep(s);
    return st ? st : history_flush(s, err);
}

static enum status ask_service(const struct cli_study *s, const long *number, size_t n, struct error *err)
{
    enum status st = retry_check(s->memory, number, n, err);
    return st ? st : errand_retry(s->remote.caller, s->study->name, number, n, err);
}

/* Who runs it does it next; what is wrong by now is known here. */
static enum status ask_coordinator(const struct cli_study *s, const long *number, size_t n, struct error *err)
{
    enum status st = retry_check(s->memory, number, n, err);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, json_integer(number[i]));
    json_t *body = json_pack("{s:o}", "trials", list);
    char *text = json_text(body);
    if (!st) st = store_request_add(s->store, s->memory->study_id, "retry", text, clock_wall_ms(clock_real()), err);
    free(text);
    json_decref(body);
    return st;
}

static void print(const struct cli_common *c, const char *study, const long *number, size_t n, bool running)
{
    if (c->json) {
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++) json_array_append_new(list, json_integer(number[i]));
        cli_print_json(json_pack("{s:s, s:o, s:b}", "study", study, "retried", list, "running", running));
        return;
    }
    printf("trial%s ", n > 1 ? "s" : "");
    for (size_t i = 0; i < n; i++) printf("%s%ld", i == 0 ? "" : i + 1 < n ? ", " : " and ", number[i]);
    printf(" of study %s %s tried again next", study, n > 1 ? "are" : "is");
    if (running)
        putchar('\n');
    else
        printf(", once the study runs: nocturne resume %s\n", study);
}

static enum status retry(struct options *o, struct cli_study *s, bool running, struct error *err)
{
    struct arena arena = {0};
    const long *number = o->number;
    size_t n = o->n;
    if (n == 0) number = retry_list(s->memory, &arena, &n);
    enum status st = n ? STATUS_OK
                       : error_set(err, STATUS_CONFLICT,
                                   "no trial of study '%s' has failed; there is nothing to try again", s->study->name);
    if (!st && s->remote.caller)
        st = ask_service(s, number, n, err);
    else if (!st)
        st = running ? ask_coordinator(s, number, n, err) : retry_here(s->history, number, n, err);
    if (!st) print(&o->common, s->study->name, number, n, running);
    arena_done(&arena);
    return st;
}

int cmd_retry(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "[STUDY] [TRIAL…]",
        .doc =
            "Have failed trials tried again: each with its number, its configuration and its seed, and within the budget as "
            "before. What a failed attempt said stays in the log. A study whose baseline failed needs no more than the "
            "command that ran it.\v"
            "Example: nocturne retry g2p 3 7    # all that failed: nocturne retry g2p --failed",
        .children = cli_remote_child};
    struct options o = {.n = 0};
    struct cli_study s;
    struct store_hold *hold = NULL;
    struct error err;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    if (cli_open_held(&o.common, &s, &hold, &err)) return cli_fail(&err);
    enum status st = retry(&o, &s, s.remote.caller ? cli_is_running(&s) : !hold, &err);
    store_hold_release(hold);
    cli_close(&s);
    return st ? cli_fail(&err) : EXIT_OK;
}
