#include "tuner/cli/cli.h"

#include "tuner/base/words.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct options {
    struct cli_common common;
    struct run_options run;
};

static const struct argp_option table[] = {
    RUN_LIMIT_OPTIONS,
    RUN_PAGE_OPTION,
    CLI_NOTIFY_OPTION,
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
    case ARGP_KEY_ARG: return cli_parse_study(key, arg, state);
    case CLI_NOTIFY: o->run.notify = arg; return 0;
    case ARGP_KEY_END:
        if (o->common.service.url && (o->run.slots || o->run.page || o->run.notify))
            argp_error(state, "--slots, --page and --notify are for a study of this machine: a service has its own");
        return 0;
    default: return run_parse(key, arg, state, &o->run);
    }
}

/* The limits that were given, as the API takes them; NULL: none. The caller owns it. */
static json_t *limits_of(const struct budget *b)
{
    json_t *out = json_object();
    char text[40];
    if (b->trials) json_object_set_new(out, "trials", json_integer(b->trials));
    if (b->tokens > 0) json_object_set_new(out, "tokens", json_real(b->tokens));
    if (b->cost > 0) json_object_set_new(out, "cost", json_real(b->cost));
    if (b->wall_ms) json_object_set_new(out, "wall", json_string(words_give_duration(b->wall_ms, text, sizeof text)));
    if (b->until_minutes >= 0) {
        snprintf(text, sizeof text, "%02d:%02d", b->until_minutes / 60, b->until_minutes % 60);
        json_object_set_new(out, "until", json_string(text));
    }
    if (json_object_size(out)) return out;
    json_decref(out);
    return NULL;
}

static int resume_there(struct options *o)
{
    struct cli_common *c = &o->common;
    struct cli_found f;
    struct error err;
    c->service.wish.depth = MIRROR_ROW;
    if (cli_find(c, c->study, &f, &err)) return cli_fail(&err);
    const char *name = f.study->name;
    json_t *limits = limits_of(&o->run.budget);
    enum status s = errand_resume(f.remote.caller, name, limits, &err);
    if (!s && c->json)
        cli_print_json(json_pack("{s:s, s:b}", "study", name, "asked", 1));
    else if (!s) {
        printf("study %s goes on there; how it stands: nocturne status %s", name, name);
        cli_print_service(stdout, &c->service);
        putchar('\n');
    }
    json_decref(limits);
    cli_found_done(&f);
    return s ? cli_fail(&err) : EXIT_OK;
}

int cmd_resume(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "[STUDY]",
        .doc =
            "Go on with a study of the database, as its study file says now; if the file is gone, "
            "as it was when last run. Limits of the last run's command line do not count any more: the file's do, or "
            "those given here. With --url the service goes on with it, there.\v"
            "Example: nocturne resume g2p",
        .children = cli_remote_child};
    struct options o = {.run = {.budget = {.until_minutes = -1}, .seed = -1}};
    struct cli_common *c = &o.common;
    struct cli_study stored;
    struct study *study = NULL;
    struct error err;
    cli_common_init(c);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    if (c->service.url) return resume_there(&o);
    if (cli_open(c, c->study, &stored, &err)) return cli_fail(&err);
    enum status s = access(stored.study->path, F_OK) == 0
                        ? study_load(stored.study->path, &study, &err)
                        : study_parse(stored.study->path, stored.study->text, strlen(stored.study->text), &study, &err);
    if (!s && strcmp(study->name, stored.study->name) != 0)
        s = error_set(&err, STATUS_INVALID, "%s is now the file of study '%s'; run it by name: nocturne run FILE",
                      study->path, study->name);
    cli_close(&stored);
    if (s) {
        study_free(study);
        return cli_fail(&err);
    }
    o.run.db = c->db;
    o.run.json = c->json;
    int code = run_study(study, &o.run);
    study_free(study);
    return code;
}
