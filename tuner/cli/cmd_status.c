#include "tuner/cli/cli.h"

#include "tuner/report/report.h"

struct listing {
    const char *db;
    struct cli_common *c;
    json_t *array;
    int code;
};

static int show_one(const struct cli_common *c, const char *name, json_t *array)
{
    struct cli_study s;
    struct error err;
    if (cli_open(c->db, name, &s, &err)) return cli_fail(&err);
    if (array)
        json_array_append_new(array, report_status_json(s.session, cli_is_running(&s)));
    else
        report_status(stdout, s.session, cli_is_running(&s));
    cli_close(&s);
    return EXIT_OK;
}

static void on_study(void *data, const struct store_study *row)
{
    struct listing *l = data;
    int code = show_one(l->c, row->name, l->array);
    if (code) l->code = code;
}

int cmd_status(int argc, char **argv)
{
    static const struct argp argp = {NULL,
                                     cli_parse_study,
                                     "[STUDY]",
                                     "Where a study stands, or all of them: states, tokens spent, the best so far.\v"
                                     "Example: nocturne status g2p --json",
                                     cli_common_child,
                                     NULL,
                                     NULL};
    struct cli_common c;
    struct error err;
    struct store *store = NULL;
    cli_common_init(&c);
    argp_parse(&argp, argc, argv, 0, NULL, &c);
    struct listing l = {.c = &c, .array = c.json ? json_array() : NULL};
    if (c.study)
        l.code = show_one(&c, c.study, l.array);
    else if (store_open(c.db, STORE_EXISTING, &store, &err) || store_studies(store, on_study, &l, &err))
        l.code = cli_fail(&err);
    store_close(store);
    if (c.json && !l.code) cli_print_json(json_pack("{s:O}", "studies", l.array));
    json_decref(l.array);
    return l.code;
}
