#include "tuner/cli/cli.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include "tuner/analysis/analysis.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    struct cli_common common;
    char *pair[SPACE_PARAMS_MAX];
    size_t n;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->common; return 0;
    case ARGP_KEY_ARG:
        if (!strchr(arg, '=')) {
            if (o->common.study) argp_error(state, "'%s' is not NAME=VALUE", arg);
            o->common.study = arg;
        } else if (o->n == SPACE_PARAMS_MAX)
            argp_error(state, "too many parameters");
        else
            o->pair[o->n++] = arg;
        return 0;
    case ARGP_KEY_END:
        if (o->n == 0)
            argp_error(state, "which configuration? For example: nocturne enqueue %s patience=4 threshold=1e-3",
                       o->common.study ? o->common.study : "g2p");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static enum status read_value(const struct param *p, const char *text, double *ret, struct error *err)
{
    double v;
    if (p->n_values == 0 && !words_decimal(text, &v))
        return error_set(err, STATUS_INVALID, "%s: '%.80s' is not a number", p->name, text);
    return param_parse(p, text, ret, err);
}

/* "…; there are lr, batch" */
static enum status unknown(const struct study *study, const char *name, struct error *err)
{
    const char *names[SPACE_PARAMS_MAX], *all = "";
    struct arena a = {0};
    for (size_t i = 0; i < study->space.n; i++) {
        names[i] = study->space.param[i].name;
        all = arena_printf(&a, "%s%s%s", all, i ? ", " : "", names[i]);
    }
    const char *near = words_nearest(name, names, study->space.n);
    error_set(err, STATUS_INVALID, "'%.60s' is not a parameter of study '%s'%s%s%s; there are %.300s", name,
              study->name, near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "", all);
    arena_done(&a);
    return STATUS_INVALID;
}

/* What is not named is as in the baseline, if there is one. */
static enum status build(const struct options *o, const struct study *study, double *config, struct error *err)
{
    const struct space *space = &study->space;
    bool given[SPACE_PARAMS_MAX] = {0};
    if (study->baseline) memcpy(config, study->baseline, space->n * sizeof *config);
    for (size_t i = 0; i < o->n; i++) {
        char *value = strchr(o->pair[i], '=');
        *value++ = 0;
        int p = space_find(space, o->pair[i]);
        if (p < 0) return unknown(study, o->pair[i], err);
        if (given[p]) return error_set(err, STATUS_INVALID, "'%s' is given twice", o->pair[i]);
        enum status s = read_value(&space->param[p], value, &config[p], err);
        if (s) return s;
        given[p] = true;
    }
    for (size_t i = 0; i < space->n; i++) {
        const struct param *p = &space->param[i];
        bool exists = condition_holds(p->when, config), known = given[i] || (study->baseline && !isnan(config[i]));
        if (!exists && given[i])
            return error_set(err, STATUS_INVALID, "'%s' exists only when %s", p->name, p->when_text);
        if (exists && !known) return error_set(err, STATUS_INVALID, "parameter '%s' is missing", p->name);
        if (!exists) config[i] = NAN;
    }
    return STATUS_OK;
}

/* Nobody runs the study: this process is its only writer for a moment. */
static enum status add_trial(struct store *store, const char *name, const double *config, struct error *err)
{
    struct study *study = NULL;
    struct history *history = NULL;
    enum status s = history_load(store, name, clock_real(), &study, &history, err);
    if (!s) {
        history_enqueue(history, config);
        snapshot_keep(history);
        s = history_flush(history, err);
    }
    history_free(history);
    study_free(study);
    return s;
}

static enum status ask_coordinator(struct store *store, int64_t id, const struct study *study, const double *config,
                                   struct error *err)
{
    json_t *params = space_to_json(&study->space, config);
    char *text = json_text(params);
    enum status s = store_request_add(store, id, "enqueue", text, clock_wall_ms(clock_real()), err);
    free(text);
    json_decref(params);
    return s;
}

static enum status ask_service(const struct cli_found *f, const double *config, bool *ret_free, struct error *err)
{
    json_t *params = space_to_json(&f->study->space, config);
    enum status s = errand_enqueue(f->remote.caller, f->study->name, params, err);
    *ret_free = !store_hold_taken(f->store, f->study->name);
    json_decref(params);
    return s;
}

/* *ret_free: nobody runs it. */
static enum status ask_here(const struct cli_found *f, const double *config, bool *ret_free, struct error *err)
{
    struct store_hold *hold = NULL;
    const char *name = f->study->name;
    *ret_free = store_hold_take(f->store, name, &hold, err) == STATUS_OK;
    enum status s =
        *ret_free ? add_trial(f->store, name, config, err) : ask_coordinator(f->store, f->id, f->study, config, err);
    store_hold_release(hold);
    return s;
}

static enum status enqueue(const struct options *o, const struct cli_found *f, struct error *err)
{
    double config[SPACE_PARAMS_MAX];
    const char *name = f->study->name;
    bool free_now = false;
    enum status s = build(o, f->study, config, err);
    if (!s) s = f->remote.caller ? ask_service(f, config, &free_now, err) : ask_here(f, config, &free_now, err);
    if (!s && o->common.json)
        cli_print_json(json_pack("{s:s, s:o}", "study", name, "enqueued", space_to_json(&f->study->space, config)));
    else if (!s)
        printf("enqueued in study %s; it is tried next%s\n", name, free_now ? " once the study runs" : "");
    return s;
}

int cmd_enqueue(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "[STUDY] NAME=VALUE…",
        .doc = "Have a configuration of your own tried next. Parameters that are not named are taken "
               "from the baseline.\vExample: nocturne enqueue g2p patience=4 threshold=1e-3",
        .children = cli_remote_child};
    struct options o = {.n = 0};
    struct cli_found f;
    struct error err;
    cli_common_init(&o.common);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    o.common.service.wish.depth = MIRROR_ROW;
    if (cli_find(&o.common, o.common.study, &f, &err)) return cli_fail(&err);
    enum status s = enqueue(&o, &f, &err);
    cli_found_done(&f);
    return s ? cli_fail(&err) : EXIT_OK;
}
