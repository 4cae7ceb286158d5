#include "tuner/cli/cli.h"

#include "tuner/coordinator/adviser.h"
#include "tuner/coordinator/warm_start.h"

#include "tuner/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *file, *db;
    int64_t seed;
};

static const struct argp_option table[] = {
    {"seed", 'r', "N", 0, "seed of the search (default: the study's)", 0},
    {"db", 'd', "FILE", 0, "keep the trials in this database, to go on later (default: in memory)", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'r': o->seed = (int64_t)cli_number(arg, "--seed", 0, 9e15, state); return 0;
    case 'd': o->db = arg; return 0;
    case ARGP_KEY_ARG:
        if (o->file) argp_error(state, "one study file, not '%s' as well", arg);
        o->file = arg;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "which study file?"); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static bool is_blank(const char *line)
{
    return line[strspn(line, " \t\r\n")] == 0;
}

/* The answer goes out after its change is durable. False: nobody reads any more. */
static bool serve_line(struct adviser *adviser, const char *line, size_t len)
{
    json_t *answer = adviser_answer(adviser, line, len);
    char *text = json_pretty_numbers(answer);
    bool sent = printf("%s\n", text) > 0 && fflush(stdout) == 0;
    free(text);
    json_decref(answer);
    return sent;
}

static void serve(struct session *session)
{
    struct adviser *adviser = adviser_create(session);
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    while ((n = getline(&line, &room, stdin)) >= 0)
        if (!is_blank(line) && !serve_line(adviser, line, (size_t)n)) break;
    free(line);
    adviser_free(adviser);
}

int cmd_advise(int argc, char **argv)
{
    static const struct argp argp = {
        table,
        parse,
        "STUDY.yaml",
        "The optimizer as a pipe, for any language: JSON lines on stdin, one answer a line on stdout.\v"
        "  > {\"ask\": 2}\n"
        "  < {\"trials\": [{\"trial\": 0, \"params\": {…}}, {\"trial\": 1, …}]}\n"
        "  > {\"tell\": 0, \"metrics\": {\"em\": 0.61, \"tokens\": 3100000}}\n"
        "  < {\"ok\": true}\n"
        "  > {\"tell\": 1, \"failed\": \"reason\"}    or {\"tell\": 1, \"infeasible\": true}\n"
        "  < {\"ok\": true}\n"
        "  > {\"add\": {\"lr\": 0.01, …}, \"metrics\": {…}}    a trial from elsewhere\n"
        "  < {\"trial\": 2}\n"
        "  > {\"report\": 0, \"step\": 3, \"metrics\": {…}}\n"
        "  < {\"stop\": false}\n"
        "  > {\"predict\": {\"lr\": 0.01, …}}    a measurement there, 90 % interval\n"
        "  < {\"metrics\": {\"em\": {\"median\": 0.6, \"low\": 0.57, \"high\": 0.62}, …}}\n"
        "  > {\"best\": true}\n"
        "  < {\"trial\": 0, \"params\": {…}, \"metrics\": {…}}\n"
        "A trial with a \"note\" was chosen by chance, because the model failed numerically; \"enough\" beside "
        "\"trials\" says that budget: {patience: auto} would end the search here, and why.\n"
        "Anything wrong is answered with {\"error\": \"…\"} and the pipe goes on.\n"
        "With --db, what was asked for and never told before a crash is handed out again first.\n"
        "Example: echo '{\"ask\": 1}' | nocturne advise study.yaml --seed 7",
        NULL,
        NULL,
        NULL};
    struct options o = {.db = ":memory:", .seed = -1};
    struct study *study = NULL;
    struct store *store = NULL;
    struct store_hold *hold = NULL;
    struct session *session = NULL;
    struct error err;
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    enum status s = study_load(o.file, &study, &err);
    if (!s) s = store_open(o.db, STORE_CREATE, &store, &err);
    if (!s) s = store_hold_take(store, study->name, &hold, &err);
    if (!s) s = session_open(store, study, o.seed >= 0 ? (uint64_t)o.seed : study->seed, clock_real(), &session, &err);
    if (!s) s = warm_start_load(session, &err);
    if (!s) cli_print_changes(session);
    if (!s) serve(session);
    session_free(session);
    store_hold_release(hold);
    store_close(store);
    study_free(study);
    return s ? cli_fail(&err) : EXIT_OK;
}
