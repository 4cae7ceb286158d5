#include "tuner/cli/rollouts.h"

#include "tuner/base/words.h"

#include <stdio.h>
#include <string.h>

enum status rollouts_open(const struct cli_common *c, struct rollouts *ret, struct error *err)
{
    struct rollouts r = {.store = NULL};
    enum status s = c->service.url ? cli_call(&c->service, &r.remote, err)
                                   : store_open(c->db, STORE_EXISTING, &r.store, err);
    if (!s) *ret = r;
    return s;
}

struct rollouts rollouts_beside(struct store *store, struct caller *caller)
{
    return (struct rollouts){.store = caller ? NULL : store, .remote = {.caller = caller}, .borrowed = true};
}

void rollouts_close(struct rollouts *r)
{
    if (r->borrowed) return;
    store_close(r->store);
    cli_hang_up(&r->remote);
}

static int64_t now_ms(void)
{
    return clock_wall_ms(clock_real());
}

/* ---- a service ---- */

/* /api/v1/rollouts/NAME`rest` */
static const char *path_of(struct arena *a, const char *name, const char *rest)
{
    return arena_printf(a, "/api/v1/rollouts/%s%s", caller_escaped(a, name), rest);
}

static enum status ask(const struct rollouts *r, const char *path, json_t **ret, struct error *err)
{
    return caller_ask(r->remote.caller, &(struct question){"GET", path, NULL}, ret, err);
}

/* The list in an answer, under `key`; *ret_total (may be NULL): how many there are of which it is a page. */
static enum status ask_list(const struct rollouts *r, const char *path, const char *key, json_t **ret,
                            size_t *ret_total, struct error *err)
{
    json_t *answer = NULL;
    enum status s = ask(r, path, &answer, err);
    if (s) return s;
    json_t *list = json_object_get(answer, key);
    if (json_is_array(list))
        *ret = json_incref(list);
    else
        s = error_set(err, STATUS_IO, "%s: the answer has no list of %s", caller_url(r->remote.caller), key);
    if (ret_total) *ret_total = (size_t)json_integer_value(json_object_get(answer, "total"));
    json_decref(answer);
    return s;
}

/* Page by page. */
static enum status ask_all(const struct rollouts *r, json_t *into, struct error *err)
{
    enum status s = STATUS_OK;
    size_t total = 1;
    for (size_t at = 0; !s && at < total; at = json_array_size(into)) {
        struct arena a = {0};
        json_t *page = NULL;
        s = ask_list(r, arena_printf(&a, "/api/v1/rollouts?offset=%zu", at), "rollouts", &page, &total, err);
        if (!s && json_array_size(page) == 0) total = 0; /* some have gone meanwhile */
        if (!s) json_array_extend(into, page);
        json_decref(page);
        arena_done(&a);
    }
    return s;
}

/* ---- names ---- */

/* What there is, and what is near. */
static enum status unknown(const struct rollouts *r, const char *name, struct error *err)
{
    struct arena a = {0};
    const char **all = NULL, *near = NULL;
    size_t n = 0;
    if (r->store && store_rollout_names(r->store, &a, &all, &n, NULL) == STATUS_OK) near = words_nearest(name, all, n);
    if (r->store && n == 0)
        error_set(err, STATUS_NOT_FOUND, "%s holds no rollout yet; 'nocturne rollout start STUDY' begins one",
                  store_path(r->store));
    else
        error_set(err, STATUS_NOT_FOUND, "there is no rollout '%.100s'%s%s%s", name, near ? "; did you mean '" : "",
                  near ? near : "", near ? "'?" : "");
    arena_done(&a);
    return STATUS_NOT_FOUND;
}

/* STATUS_OK: it is there. */
static enum status check_name(const struct rollouts *r, const char *name, struct error *err)
{
    struct arena a = {0};
    struct store_rollout row;
    enum status s = store_rollout_find(r->store, name, &a, &row, err);
    arena_done(&a);
    return s == STATUS_NOT_FOUND ? unknown(r, name, err) : s;
}

/* ---- the switch ---- */

/* A status or a ruleset: is it killed by a file? */
static void note_switch(const struct rollouts *r, const char *name, json_t *of)
{
    struct arena a = {0};
    const char *path = kill_file_path(store_path(r->store), &a);
    const struct kill_list list = kill_file_read(path, &a);
    if (kill_list_has(&list, name)) json_object_set_new(of, "killed", json_sprintf("the file %s", path));
    arena_done(&a);
}

/* Its line goes; STATUS_CONFLICT: the file kills all. */
static enum status release_switch(const struct rollouts *r, const char *name, struct error *err)
{
    struct arena a = {0};
    enum status s = kill_file_remove(kill_file_path(store_path(r->store), &a), name, err);
    arena_done(&a);
    return s;
}

/* ---- reading ---- */

enum status rollouts_status(const struct rollouts *r, const char *name, long number, json_t **ret, struct error *err)
{
    struct arena a = {0};
    enum status s = r->store ? check_name(r, name, err) : STATUS_OK;
    if (!s && r->store)
        s = live_status(r->store, name, number, now_ms(), ret, err);
    else if (!s)
        s = ask(r, path_of(&a, name, number ? arena_printf(&a, "?experiment=%ld", number) : ""), ret, err);
    if (!s && r->store) note_switch(r, name, *ret);
    arena_done(&a);
    return s;
}

enum status rollouts_course(const struct rollouts *r, const char *name, long number, json_t **ret, struct error *err)
{
    struct arena a = {0};
    json_t *out = NULL;
    const char *query = number ? arena_printf(&a, "/course?experiment=%ld", number) : "/course";
    enum status s = r->store ? live_course(r->store, name, number, now_ms(), &out, err)
                             : ask(r, path_of(&a, name, query), &out, err);
    if (!s || s == STATUS_NOT_FOUND) *ret = out, s = STATUS_OK;
    arena_done(&a);
    return s;
}

enum status rollouts_courses(const struct rollouts *r, json_t *list, struct error *err)
{
    json_t *one, *course = NULL;
    size_t i;
    enum status s = STATUS_OK;
    if (r->store) return live_courses(r->store, list, now_ms(), err);
    json_array_foreach(list, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "rollout"));
        if (name) s = rollouts_course(r, name, 0, &course, err);
        if (s) return s;
        if (course) json_object_set_new(one, "course", course);
        course = NULL;
    }
    return s;
}

enum status rollouts_all(const struct rollouts *r, const char *study, json_t **ret, struct error *err)
{
    json_t *all = json_array(), *out = json_array(), *one;
    size_t i;
    enum status s = STATUS_OK;
    if (r->store)
        s = live_status_all(r->store, study, now_ms(), ret, err);
    else
        s = ask_all(r, all, err);
    json_array_foreach(all, i, one)
    {
        const char *of = json_string_value(json_object_get(one, "study"));
        if (!study || (of && strcmp(of, study) == 0)) json_array_append(out, one);
    }
    if (!s && !r->store) *ret = json_incref(out);
    json_array_foreach(r->store && !s ? *ret : NULL, i, one)
    {
        note_switch(r, json_string_value(json_object_get(one, "rollout")), one);
    }
    json_decref(out);
    json_decref(all);
    return s;
}

enum status rollouts_events(const struct rollouts *r, const char *name, int64_t from, long limit, json_t **ret,
                            struct error *err)
{
    struct arena a = {0};
    enum status s = r->store ? check_name(r, name, err) : STATUS_OK;
    if (!s && r->store)
        s = live_events(r->store, name, from, limit, ret, err);
    else if (!s)
        s = ask_list(r, path_of(&a, name, arena_printf(&a, "/events?from=%lld&limit=%ld", (long long)from, limit)),
                     "events", ret, NULL, err);
    arena_done(&a);
    return s;
}

enum status rollouts_ruleset(const struct rollouts *r, const char *name, json_t **ret, struct error *err)
{
    struct arena a = {0};
    struct ruleset *x = NULL;
    enum status s = r->store ? check_name(r, name, err) : ask(r, path_of(&a, name, "/ruleset"), ret, err);
    if (!s && r->store) s = live_ruleset(r->store, name, &x, err);
    if (!s && r->store) {
        *ret = json_deep_copy(ruleset_document(x));
        note_switch(r, name, *ret);
    }
    ruleset_free(x);
    arena_done(&a);
    return s;
}

/* ---- changing ---- */

enum status rollouts_order(const struct rollouts *r, const char *name, const struct live_order *order,
                           struct error *err)
{
    if (r->store) {
        enum status s = check_name(r, name, err);
        if (!s && order->verb == LIVE_DO_REVIVE) s = release_switch(r, name, err);
        return s ? s : live_order(r->store, name, order, now_ms(), err);
    }
    json_t *body = json_object();
    if (order->version) json_object_set_new(body, "version", json_integer(order->version));
    if (order->share > 0) json_object_set_new(body, "share", json_number(order->share));
    if (order->variant) json_object_set_new(body, "variant", json_string(order->variant));
    if (order->why) json_object_set_new(body, "why", json_string(order->why));
    enum status s = errand_order(r->remote.caller, name, live_verb_name(order->verb), body, err);
    json_decref(body);
    return s;
}

enum status rollouts_take(const struct rollouts *r, const char *name, const json_t *body, json_t **ret,
                          struct error *err)
{
    struct live_batch batch = {.body = body};
    if (!r->store) return errand_outcomes(r->remote.caller, name, body, ret, err);
    enum status s = live_take(r->store, name, &batch, 1, now_ms(), err);
    if (!s && !batch.answer) {
        if (err) *err = batch.err;
        s = batch.err.status;
    }
    if (!s) *ret = batch.answer;
    return s;
}
