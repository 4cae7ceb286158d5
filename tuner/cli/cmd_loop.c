#include "tuner/cli/cli.h"

#include "tuner/cli/rollout.h"
#include "tuner/cli/rollouts.h"

#include "tuner/report/report.h"

enum { SHOWN = 10 };

static enum loop_keeper keeper_of(const struct rollouts *r, const char *rollout)
{
    struct arena a = {0};
    if (!r->store) return LOOP_UNKNOWN;
    bool kept = store_hold_taken(r->store, live_watch_lock(rollout, &a));
    arena_done(&a);
    return kept ? LOOP_KEPT : LOOP_ALONE;
}

/* The last ones: the version is the number of the last event. */
static enum status read_events(const struct rollouts *r, const char *rollout, const json_t *status, json_t **ret,
                               struct error *err)
{
    int64_t last = json_integer_value(json_object_get(status, "version"));
    return rollouts_events(r, rollout, last > SHOWN ? last - SHOWN + 1 : 1, SHOWN, ret, err);
}

static enum status show(const struct cli_common *c, const struct rollouts *r, const json_t *status, json_t *list,
                        struct error *err)
{
    struct arena a = {0};
    json_t *events = NULL;
    const char *rollout = json_string_value(json_object_get(status, "rollout"));
    const struct rollout_options where = {.common = *c};
    enum status s = rollout ? read_events(r, rollout, status, &events, err)
                            : error_set(err, STATUS_IO, "the answer is no rollout");
    const struct loop_facts f = {status, events, rollout_where(&where, &a), s ? LOOP_UNKNOWN : keeper_of(r, rollout)};
    if (!s && c->json)
        json_array_append_new(list, loop_json(&f));
    else if (!s)
        report_loop(stdout, &f);
    json_decref(events);
    arena_done(&a);
    return s;
}

static enum status show_all(const struct cli_common *c, const struct rollouts *r, json_t *list, struct error *err)
{
    json_t *all = NULL, *one;
    size_t i;
    enum status s = rollouts_all(r, NULL, &all, err);
    if (!s && json_array_size(all) == 0)
        s = error_set(err, STATUS_NOT_FOUND, "there is no rollout yet; 'nocturne watch STUDY' or 'nocturne rollout start "
                                             "STUDY' begins one");
    json_array_foreach(all, i, one)
    {
        if (!s && i && !c->json) putchar('\n');
        if (!s) s = show(c, r, one, list, err);
    }
    json_decref(all);
    return s;
}

static enum status show_one(const struct cli_common *c, const struct rollouts *r, json_t *list, struct error *err)
{
    json_t *status = NULL;
    enum status s = rollouts_status(r, c->study, 0, &status, err);
    if (!s) s = show(c, r, status, list, err);
    json_decref(status);
    return s;
}

int cmd_loop(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = cli_parse_study,
        .args_doc = "[ROLLOUT]",
        .doc = "What is live in one picture: since when, what it scores and costs, what drift was seen (evidence as a share of "
               "what raises an alarm), what is tried against it, what happens next and when, and the last ten events. Without "
               "a name all of them.\vExample: nocturne loop g2p",
        .children = cli_remote_child};
    struct cli_common c;
    struct rollouts r = {.store = NULL};
    struct error err;
    cli_common_init(&c);
    argp_parse(&argp, argc, argv, 0, NULL, &c);
    json_t *list = json_array();
    enum status s = rollouts_open(&c, &r, &err);
    if (s) return json_decref(list), cli_fail(&err);
    s = c.study ? show_one(&c, &r, list, &err) : show_all(&c, &r, list, &err);
    if (!s && c.json) cli_print_json(json_pack("{s:O}", "loops", list));
    json_decref(list);
    rollouts_close(&r);
    return s ? cli_fail(&err) : EXIT_OK;
}
