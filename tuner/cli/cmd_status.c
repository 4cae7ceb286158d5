#include "tuner/cli/cli.h"

#include "tuner/analysis/analysis.h"
#include "tuner/report/report.h"

struct listing {
    struct store *store;
    json_t *array; /* NULL: text */
    size_t n;
    int code;
};

/* By the log, which says more than what is kept beside it. False: this version cannot read it. */
static bool look(struct store *store, const char *name, struct arena *arena, struct health *ret)
{
    struct study *study = NULL;
    struct history *history = NULL;
    struct error ignored;
    bool read = history_load(store, name, clock_real(), &study, &history, &ignored) == STATUS_OK;
    if (read) cli_health(history_memory(history), store_hold_taken(store, name), arena, ret);
    history_free(history);
    study_free(study);
    return read;
}

static int add_json(struct store *store, const char *name, const struct health *h, json_t *array)
{
    struct error err;
    json_t *state;
    if (snapshot_json(store, name, clock_real(), &state, &err)) return cli_fail(&err);
    if (h) json_object_set_new(state, "health", health_json(h));
    if (h) json_object_set_new(state, "forecast", end_forecast_json(&h->forecast));
    json_array_append_new(array, state);
    return EXIT_OK;
}

static int print(struct store *store, const char *name, const struct health *h)
{
    struct snapshot x;
    struct error err;
    if (snapshot_load(store, name, clock_real(), &x, &err)) return cli_fail(&err);
    x.document.running = store_hold_taken(store, name);
    report_status(stdout, &x.document, h);
    snapshot_done(&x);
    return EXIT_OK;
}

/* In a list of many the health of those that are over is not worth the reading of their logs. */
static bool goes_on(struct store *store, const char *name)
{
    struct snapshot x;
    struct error ignored;
    bool out = store_hold_taken(store, name) || snapshot_load(store, name, clock_real(), &x, &ignored);
    if (out) return true;
    out = x.document.phase == STUDY_OPEN || x.document.phase == STUDY_PAUSED || x.document.phase == STUDY_FAILED;
    snapshot_done(&x);
    return out;
}

static int show_one(struct store *store, const char *name, bool listed, json_t *array)
{
    struct arena arena = {0};
    struct health health;
    bool wanted = !listed || goes_on(store, name);
    const struct health *h = wanted && look(store, name, &arena, &health) ? &health : NULL;
    int code = array ? add_json(store, name, h, array) : print(store, name, h);
    arena_done(&arena);
    return code;
}

static void count(void *data, const struct store_study *row)
{
    struct listing *l = data;
    (void)row;
    l->n++;
}

static void on_study(void *data, const struct store_study *row)
{
    struct listing *l = data;
    int code = show_one(l->store, row->name, l->n > 1, l->array);
    if (code) l->code = code;
}

/* ---- of a service ---- */

static void forget(struct cli_remote *r)
{
    mirror_free(r->mirror);
    r->mirror = NULL;
}

static int show_mirrored(struct cli_remote *r, const char *name, bool listed, json_t *array)
{
    static const struct mirror_wish wish = {.depth = MIRROR_RUNNING};
    struct error err;
    if (mirror_open(r->caller, name, &wish, &r->mirror, &err)) return cli_fail(&err);
    int code = show_one(mirror_store(r->mirror), name, listed, array);
    forget(r);
    return code;
}

/* Is what is kept beside its log, which is not here, as new as that? */
static bool is_told_by_row(struct store *row, const struct mirror_listed *x)
{
    struct snapshot kept;
    struct error ignored;
    if (x->seq == 0 || store_hold_taken(row, x->name)) return false;
    if (snapshot_load(row, x->name, clock_real(), &kept, &ignored)) return false;
    bool out = kept.document.seq == x->seq;
    snapshot_done(&kept);
    return out;
}

/* One of many: of what is over no log is fetched. */
static int show_listed(struct cli_remote *r, const struct mirror_listed *x, json_t *array)
{
    static const struct mirror_wish row = {.depth = MIRROR_ROW};
    struct error ignored;
    if (!x->over || mirror_open(r->caller, x->name, &row, &r->mirror, &ignored))
        return show_mirrored(r, x->name, true, array);
    bool enough = is_told_by_row(mirror_store(r->mirror), x);
    int code = enough ? show_one(mirror_store(r->mirror), x->name, true, array) : EXIT_OK;
    forget(r);
    return enough ? code : show_mirrored(r, x->name, true, array);
}

/* One of them, or all that the token may see. */
static int show_service(const struct cli_common *c, json_t *array)
{
    struct cli_remote r = {0};
    struct arena arena = {0};
    struct error err;
    struct mirror_listed only = {.name = c->study}, *all = &only;
    size_t n = 1;
    int code = EXIT_OK;
    enum status s = cli_call(&c->service, &r, &err);
    if (!s && !c->study) s = mirror_list(r.caller, &arena, &all, &n, &err);
    if (s) code = cli_fail(&err);
    for (size_t i = 0; !s && i < n; i++) {
        int one = n > 1 ? show_listed(&r, &all[i], array) : show_mirrored(&r, all[i].name, false, array);
        if (one) code = one;
    }
    cli_hang_up(&r);
    arena_done(&arena);
    return code;
}

/* ---- the command ---- */

static enum status show_here(const struct cli_common *c, struct listing *l, struct error *err)
{
    struct arena arena = {0};
    const char *name = NULL;
    enum status s = store_open(c->db, STORE_EXISTING, &l->store, err);
    if (!s && c->study) s = cli_choose(l->store, c->study, &arena, &name, err);
    if (!s && c->study)
        l->code = show_one(l->store, name, false, l->array);
    else if (!s)
        s = store_studies(l->store, count, l, err);
    if (!s && !c->study) s = store_studies(l->store, on_study, l, err);
    arena_done(&arena);
    store_close(l->store);
    return s;
}

struct options {
    struct cli_common common; /* first: cli_parse_study has it */
    bool watch;
};

static const struct argp_option table[] = {
    {"watch", 'w', NULL, 0, "show it in the whole terminal, and go on showing it; ? there names the keys", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    if (key == ARGP_KEY_END && o->watch && o->common.json) argp_error(state, "--watch or --json, not both");
    if (key != 'w') return cli_parse_study(key, arg, state);
    o->watch = true;
    return 0;
}

int cmd_status(int argc, char **argv)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "[STUDY]",
        .doc =
            "Where a study stands, or all of them: states, budgets (spent, reserved, left), its health and what to do, when "
            "it will end, the best so far.\v"
            "Example: nocturne status g2p --json\n         nocturne status g2p --watch",
        .children = cli_remote_child};
    struct options o = {0};
    struct error err;
    struct listing l = {0};
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    const struct cli_common c = o.common;
    if (o.watch) return cli_watch(&o.common);
    if (c.json) l.array = json_array();
    if (c.service.url)
        l.code = show_service(&c, l.array);
    else if (show_here(&c, &l, &err))
        l.code = cli_fail(&err);
    if (c.json && !l.code) cli_print_json(json_pack("{s:O}", "studies", l.array));
    json_decref(l.array);
    return l.code;
}
