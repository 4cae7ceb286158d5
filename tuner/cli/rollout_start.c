/* nocturne rollout start: which configurations, by what plan; here or at a service. */
#include "tuner/cli/rollout.h"

#include "tuner/cli/rollouts.h"
#include "tuner/cli/whole_file.h"

#include "tuner/base/words.h"

#include "tuner/report/report.h"

#include <stdlib.h>
#include <string.h>

enum { CONFIGURATION_BYTES = 1 << 20 };

/* ---- which configuration ---- */

static enum status of_file(const struct memory *s, const char *file, struct configuration *ret, struct error *err)
{
    char *text = NULL;
    double config[SPACE_PARAMS_MAX];
    enum status st = whole_file_read(file, CONFIGURATION_BYTES, &text, err);
    if (st) return st;
    st = study_read_config(s->study, file, text, config, err);
    free(text);
    if (st) return st;
    json_t *params = space_to_json(&s->study->space, config);
    st = configuration_of_params(s->study, params, ret, err);
    json_decref(params);
    return st;
}

/* The trial of the reference of that name; −1: there is none. */
static long reference_trial(const struct memory *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->trial[i]->role == ROLE_REFERENCE && s->trial[i]->source && strcmp(s->trial[i]->source, name) == 0)
            return s->trial[i]->number;
    return -1;
}

enum status rollout_choose(const struct memory *s, const char *which, struct configuration *ret, struct error *err)
{
    long trial = reference_trial(s, which);
    enum status st = STATUS_OK;
    if (strcmp(which, "baseline") == 0) return configuration_of_baseline(s, ret, err);
    if (strcmp(which, "best") == 0)
        st = configuration_best(s, &trial, err);
    else if (trial < 0 && !words_whole(which, 0, CLI_COUNT_MAX, &trial)) {
        st = of_file(s, which, ret, err);
        if (st == STATUS_NOT_FOUND)
            error_set(err, st, "'%.200s' is no trial's number, not 'best' or 'baseline', no reference of study '%s', "
                               "and no file",
                      which, s->study->name);
        return st;
    }
    return st ? st : configuration_of_trial(s, trial, ret, err);
}

/* ---- what is wished ---- */

struct starting {
    const struct rollout_options *o;
    const struct memory *memory;
    struct arena arena;
    bool has_champion;
    struct configuration champion, challenger[LIVE_CHALLENGERS_MAX];
    size_t n;
    struct live_wish wish;
};

static enum status choose_challengers(struct starting *x, struct error *err)
{
    const struct rollout_options *o = x->o;
    size_t n = o->start.n_challengers ? o->start.n_challengers : 1;
    enum status s = STATUS_OK;
    for (size_t i = 0; !s && i < n; i++) {
        s = rollout_choose(x->memory, o->start.n_challengers ? o->start.challenger[i] : "best", &x->challenger[i], err);
        if (s)
            error_context(err, "--challenger");
        else
            x->n++;
    }
    return s;
}

/* Of a new rollout the baseline, if nobody says more. */
static enum status choose_champion(struct starting *x, bool is_new, struct error *err)
{
    const char *which = x->o->start.champion ? x->o->start.champion : is_new ? "baseline" : NULL;
    if (!which) return STATUS_OK;
    enum status s = rollout_choose(x->memory, which, &x->champion, err);
    if (s == STATUS_NOT_FOUND && !x->o->start.champion)
        error_set(err, STATUS_INVALID,
                  "study '%s' has no baseline, and rollout '%s' is new: say what is served now, with --champion",
                  x->memory->study->name, x->wish.rollout);
    else if (s)
        error_context(err, "--champion");
    x->has_champion = !s;
    return s ? err->status : s;
}

static enum status fill_wish(struct starting *x, const struct rollouts *r, struct error *err)
{
    const struct rollout_options *o = x->o;
    const char *study = x->memory->study->name;
    json_t *status = NULL;
    x->wish = (struct live_wish){.rollout = o->start.rollout ? o->start.rollout : study,
                                 .study = study,
                                 .plan_name = o->start.plan ? o->start.plan : "plan",
                                 .salt = o->start.salt,
                                 .challenger = x->challenger,
                                 .by = rollout_by(&x->arena)};
    enum status s = rollouts_status(r, x->wish.rollout, 0, &status, err);
    json_decref(status);
    if (s && s != STATUS_NOT_FOUND) return s;
    bool is_new = s == STATUS_NOT_FOUND;
    struct live_plan plan; /* read here, too, where its file has a name */
    s = rollout_plan_text(o, o->start.plan, &x->arena, &x->wish.plan, err);
    if (!s) s = live_plan_read(x->wish.plan_name, x->wish.plan, &x->arena, &plan, err);
    if (!s) s = live_plan_suits(&plan, x->wish.plan, x->memory->study, err);
    if (!s) s = choose_champion(x, is_new, err);
    if (!s) s = choose_challengers(x, err);
    if (!s && x->has_champion) x->wish.champion = &x->champion;
    x->wish.n = x->n;
    return s;
}

/* ---- at a service ---- */

json_t *rollout_asked(const struct configuration *c)
{
    json_t *body = json_loads(c->body, 0, NULL), *trial = json_object_get(body, "trial"), *out;
    out = trial ? json_incref(trial) : json_pack("{s:O}", "parameters", json_object_get(body, "parameters"));
    json_decref(body);
    return out;
}

static enum status ask_service(const struct starting *x, struct caller *caller, struct error *err)
{
    const struct live_wish *w = &x->wish;
    json_t *challengers = json_array();
    for (size_t i = 0; i < w->n; i++) json_array_append_new(challengers, rollout_asked(&w->challenger[i]));
    json_t *body = json_pack("{s:s, s:s, s:s, s:o}", "study", w->study, "rollout", w->rollout, "plan", w->plan,
                             "challengers", challengers);
    if (w->champion) json_object_set_new(body, "champion", rollout_asked(w->champion));
    if (w->salt) json_object_set_new(body, "salt", json_string(w->salt));
    enum status s = body ? errand_start(caller, body, err)
                         : error_set(err, STATUS_INVALID, "%s: a plan is UTF-8 text", w->plan_name);
    json_decref(body);
    return s;
}

/* ---- start ---- */

static enum status begin(struct starting *x, const struct rollouts *r, struct error *err)
{
    json_t *status = NULL;
    enum status s = fill_wish(x, r, err);
    if (!s)
        s = r->store ? live_start(r->store, &x->wish, clock_wall_ms(clock_real()), err)
                     : ask_service(x, r->remote.caller, err);
    if (!s) s = rollouts_status(r, x->wish.rollout, 0, &status, err);
    if (!s && x->o->common.json)
        cli_print_json(json_incref(status));
    else if (!s)
        report_rollout(stdout, status, rollout_where(x->o, &x->arena));
    json_decref(status);
    return s;
}

enum status rollout_start(const struct rollout_options *o, struct error *err)
{
    struct cli_study study;
    struct starting x = {.o = o};
    enum status s = cli_open(&o->common, o->arg[0], &study, err);
    if (s) return s;
    x.memory = study.memory;
    const struct rollouts r = rollouts_beside(study.store, study.remote.caller);
    s = begin(&x, &r, err);
    free(x.champion.body);
    for (size_t i = 0; i < x.n; i++) free(x.challenger[i].body);
    arena_done(&x.arena);
    cli_close(&study);
    return s;
}
