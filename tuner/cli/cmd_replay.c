#include "tuner/cli/cli.h"

#include "tuner/analysis/analysis.h"

#include <stdio.h>
#include <unistd.h>

static void show_progress(size_t done, size_t all)
{
    if (!isatty(STDERR_FILENO)) return;
    fprintf(stderr, "\r%zu of %zu suggestions\033[K\r", done, all);
    fflush(stderr);
}

static int print_replay(const struct cli_common *c, const char *study, const struct replay *r)
{
    if (c->json) {
        json_t *out = json_pack("{s:s, s:I, s:I, s:o, s:O?}", "study", study, "checked", (json_int_t)r->checked,
                                "skipped", (json_int_t)r->skipped, "differs",
                                r->differs < 0 ? json_null() : json_integer(r->differs), "next", r->next);
        if (r->differs >= 0) json_object_set_new(out, "was", json_string(r->was));
        if (r->differs >= 0) json_object_set_new(out, "now", json_string(r->now));
        cli_print_json(out);
    } else if (r->differs >= 0)
        printf("trial %ld comes out differently:\n  logged:   %s\n  computed: %s\n", r->differs, r->was, r->now);
    else
        printf("study %s: %zu suggestions computed again from the log, all as they were\n", study, r->checked);
    if (r->skipped && !c->json)
        printf("%zu older ones were made before the log said what was known, and cannot be checked\n", r->skipped);
    return r->differs < 0 ? EXIT_OK : EXIT_FAILED;
}

int cmd_replay(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = cli_parse_study,
        .args_doc = "[STUDY]",
        .doc = "Compute every suggestion of a study again from its event log, and say whether any "
               "comes out differently (exit 1). With --json also the suggestion that comes next.\v"
               "Example: nocturne replay g2p",
        .children = cli_common_child};
    struct cli_common c;
    struct store *store = NULL;
    struct arena arena = {0};
    struct replay r = {0};
    const char *name = NULL;
    struct error err;
    cli_common_init(&c);
    argp_parse(&argp, argc, argv, 0, NULL, &c);
    enum status s = store_open(c.db, STORE_EXISTING, &store, &err);
    if (!s) s = cli_choose(store, c.study, &arena, &name, &err);
    if (!s) s = replay_study(store, name, clock_real(), show_progress, &r, &err);
    int code = s ? cli_fail(&err) : print_replay(&c, name, &r);
    json_decref(r.next);
    arena_done(&arena);
    store_close(store);
    return code;
}
