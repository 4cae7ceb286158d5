#include "tuner/service/wish.h"

#include "tuner/base/json.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is said ---- */

static enum status read_text(const json_t *body, const char *key, const char *usual, const char **ret, struct error *err)
{
    const json_t *v = json_object_get(body, key);
    *ret = v ? json_string_value(v) : usual;
    if (v ? *ret && **ret && strlen(*ret) == json_string_length(v) : true) return STATUS_OK;
    return error_set(err, STATUS_INVALID, "\"%s\" must be a text", key);
}

/* JSON is YAML. */
static enum status read_plan(struct request *r, const char **ret, struct error *err)
{
    const json_t *v = json_object_get(r->body, "plan");
    *ret = "";
    if (!v) return STATUS_OK;
    if (json_is_string(v)) *ret = json_string_value(v);
    if (json_is_string(v) && strlen(*ret) == json_string_length(v)) return STATUS_OK;
    if (!json_is_object(v))
        return error_set(err, STATUS_INVALID, "\"plan\" must be the text of a plan, or the same as an object");
    if (json_object_size(v) == 0) return STATUS_OK;
    char *text = json_text(v);
    *ret = arena_strdup(&r->arena, text);
    free(text);
    return STATUS_OK;
}

static enum status read_study(const json_t *body, const char **ret, struct error *err)
{
    enum status s = read_text(body, "study", NULL, ret, err);
    if (s || *ret) return s;
    return error_set(err, STATUS_INVALID, "\"study\" is missing: whose configurations are these?");
}

enum status wish_read(struct request *r, struct wish *ret, struct error *err)
{
    struct wish w = {.champion = json_object_get(r->body, "champion"),
                     .challengers = json_object_get(r->body, "challengers")};
    enum status s = json_only(r->body, err, "study", "rollout", "champion", "challengers", "plan", "salt", NULL);
    if (!s) s = read_study(r->body, &w.study, err);
    if (!s) s = read_text(r->body, "rollout", w.study, &w.rollout, err);
    if (!s) s = read_text(r->body, "salt", NULL, &w.salt, err);
    if (!s) s = read_plan(r, &w.plan, err);
    size_t n = json_array_size(w.challengers);
    if (!s && w.challengers && (n == 0 || n > LIVE_CHALLENGERS_MAX))
        s = error_set(err, STATUS_INVALID, "\"challengers\" must be a list of 1 to %d", LIVE_CHALLENGERS_MAX);
    if (!s) *ret = w;
    return s;
}

enum status wish_read_watch(struct request *r, struct wish *ret, struct error *err)
{
    struct wish w = {.rollout = r->param[0], .champion = json_object_get(r->body, "champion")};
    enum status s = json_only(r->body, err, "study", "champion", "plan", NULL);
    if (!s) s = read_study(r->body, &w.study, err);
    if (!s) s = read_plan(r, &w.plan, err);
    if (!s) *ret = w;
    return s;
}

/* ---- with the study ---- */

static enum status resolve_one(const json_t *in, const struct memory *from, struct configuration *ret, struct error *err)
{
    const json_t *params = json_object_get(in, "parameters");
    if (json_is_integer(in)) return configuration_of_trial(from, (long)json_integer_value(in), ret, err);
    if (!json_is_object(params))
        return error_set(err, STATUS_INVALID, "a configuration must be the number of a trial, or {\"parameters\": {…}}");
    enum status s = json_only(in, err, "parameters", NULL);
    return s ? s : configuration_of_params(from->study, params, ret, err);
}

static enum status resolve_best(const struct memory *from, struct configuration *ret, struct error *err)
{
    long trial;
    enum status s = configuration_best(from, &trial, err);
    return s ? s : configuration_of_trial(from, trial, ret, err);
}

static enum status resolve_challengers(const struct wish *w, const struct memory *from, struct wished *ret,
                                       struct error *err)
{
    size_t n = json_array_size(w->challengers);
    ret->wish.n = n ? n : 1;
    if (n == 0) return resolve_best(from, &ret->challenger[0], err);
    enum status s = STATUS_OK;
    for (size_t i = 0; !s && i < n; i++)
        s = resolve_one(json_array_get(w->challengers, i), from, &ret->challenger[i], err);
    return s;
}

static bool is_new(const struct wish *w, struct store *store)
{
    struct arena a = {0};
    struct store_rollout row;
    struct error none;
    bool out = store_rollout_find(store, w->rollout, &a, &row, &none) == STATUS_NOT_FOUND;
    arena_done(&a);
    return out;
}

static enum status resolve_champion(const struct wish *w, struct store *store, const struct memory *from,
                                    struct wished *ret, struct error *err)
{
    if (!w->champion && !is_new(w, store)) return STATUS_OK;
    ret->wish.champion = &ret->champion;
    return w->champion ? resolve_one(w->champion, from, &ret->champion, err)
                       : configuration_of_baseline(from, &ret->champion, err);
}

enum status wish_resolve(const struct wish *w, struct store *store, const struct memory *from, struct wished *ret,
                         struct error *err)
{
    *ret = (struct wished){.wish = {.rollout = w->rollout,
                                    .study = w->study,
                                    .plan_name = "plan",
                                    .plan = w->plan,
                                    .salt = w->salt,
                                    .challenger = ret->challenger}};
    struct arena a = {0};
    struct live_plan plan;
    enum status s = live_plan_read("plan", w->plan, &a, &plan, err);
    if (!s) s = live_plan_suits(&plan, w->plan, from->study, err);
    arena_done(&a);
    if (!s) s = resolve_champion(w, store, from, ret, err);
    return s ? s : resolve_challengers(w, from, ret, err);
}

void wish_done(struct wished *x)
{
    free(x->champion.body);
    for (size_t i = 0; i < LIVE_CHALLENGERS_MAX; i++) free(x->challenger[i].body);
}

/* ---- a watch ---- */

/* The rollout's study must be this one: what is watched is tuned anew from it. *ret: what is served, the caller's. */
static enum status read_served(const struct wish *w, struct store *store, json_t **ret, struct error *err)
{
    json_t *status = NULL;
    enum status s = live_status(store, w->rollout, 0, clock_wall_ms(clock_real()), &status, err);
    const char *of = json_string_value(json_object_get(status, "study"));
    if (!s && strcmp(of, w->study) != 0)
        s = error_set(err, STATUS_INVALID, "rollout '%s' is of study '%s', not of '%s'", w->rollout, of, w->study);
    if (!s) *ret = json_incref(json_object_get(status, "champion"));
    json_decref(status);
    return s;
}

static enum status choose_watched(const struct wish *w, struct store *store, const struct memory *from,
                                  struct wished_watch *ret, json_t **ret_served, struct error *err)
{
    json_error_t ignored;
    enum status s = is_new(w, store) ? STATUS_OK : read_served(w, store, ret_served, err);
    if (s || (!w->champion && *ret_served)) return s;
    s = w->champion ? resolve_one(w->champion, from, &ret->champion, err) : resolve_best(from, &ret->champion, err);
    if (s) return s;
    ret->wish.champion = &ret->champion;
    json_decref(*ret_served);
    *ret_served = json_loads(ret->champion.body, 0, &ignored);
    return s;
}

enum status wish_resolve_watch(const struct wish *w, struct store *store, const struct memory *from, struct arena *arena,
                               struct wished_watch *ret, struct error *err)
{
    struct watch_plan plan;
    json_t *served = NULL;
    *ret = (struct wished_watch){.wish = {.rollout = w->rollout, .study = w->study, .plan_name = "plan"}, .unwatched = ""};
    enum status s = watch_plan_read("plan", w->plan, arena, &plan, err);
    if (!s) s = choose_watched(w, store, from, ret, &served, err);
    if (!s && !watch_plan_says_metrics(w->plan, arena))
        s = watch_plan_of_study(&plan, from, served, arena, &ret->unwatched, err);
    if (!s) s = watch_plan_fits(&plan, from->study, err);
    if (!s) ret->wish.plan = watch_plan_text(&plan, arena);
    json_decref(served);
    return s;
}
