/* /api/v1/rollouts: what is live, experiments on it, and orders to them */
#include "tuner/service/all_events.h"
#include "tuner/service/rules.h"
#include "tuner/service/keeper.h"
#include "tuner/service/wish.h"

#include "tuner/base/json.h"

#include <stdlib.h>
#include <string.h>

enum { EVENTS_MAX = 1000, SHOWN_MAX = 100, KILL_TRIES = 10 /* of a database that is busy, a tenth of a second each */ };

static const int64_t VERSION_MOST = 1000000000000;
enum { WHY_MOST = 1000 };

/* ---- who asks ---- */

/* The token's name; its id, if it has none any more. In the arena. */
static const char *by(struct request *r)
{
    struct error none;
    json_t *me = NULL;
    if (auth_describe(r->service->auth, r->store, r->who.id, &me, &none)) return r->who.id;
    const char *name = arena_strdup(&r->arena, json_string_value(json_object_get(me, "name")));
    json_decref(me);
    return name;
}

/* ---- to look at ---- */

/* What a work needs of the loop, and what it gives back. */
struct looking {
    long number, offset, limit;
    const char *switched; /* what kills the rollout, beside the database; NULL: nothing */
};

static enum status show(struct request *r, const char *rollout, long number, json_t **ret, struct error *err)
{
    return live_status(r->store, rollout, number, clock_wall_ms(r->service->clock), ret, err);
}

static size_t keep_visible(const struct request *r, const char **name, size_t n)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (request_may_see(r, name[i])) name[k++] = name[i];
    return k;
}

static void list_rollouts(struct request *r)
{
    const struct looking *x = r->state;
    const char **name = NULL;
    size_t n = 0;
    json_t *all = json_array(), *one = NULL;
    enum status s = store_rollout_names(r->store, &r->arena, &name, &n, &r->err);
    n = keep_visible(r, name, s ? 0 : n);
    for (size_t i = (size_t)x->offset; !s && i < n && i < (size_t)(x->offset + x->limit); i++) {
        s = show(r, name[i], 0, &one, &r->err);
        if (!s) json_array_append_new(all, one);
    }
    if (s) {
        json_decref(all);
        request_fail(r, &r->err);
    } else
        request_answer(r, 200, json_pack("{s:o, s:I}", "rollouts", all, "total", (json_int_t)n));
}

static void on_list_rollouts(struct request *r)
{
    struct looking *x = r->state = arena_alloc(&r->arena, sizeof *x);
    if (request_number(r, "offset", 0, 0, 1000000000, &x->offset) &&
        request_number(r, "limit", SHOWN_MAX, 1, SHOWN_MAX, &x->limit))
        request_work_slowly(r, list_rollouts);
}

static void show_rollout(struct request *r)
{
    const struct looking *x = r->state;
    json_t *out = NULL;
    if (!request_checked(r, show(r, r->param[0], x->number, &out, &r->err))) return;
    if (x->switched) json_object_set_new(out, "killed", json_string(x->switched));
    request_answer(r, 200, out);
}

static void look_around(struct request *r, struct looking *x)
{
    const struct rules *rules = r->service->live.rules;
    const struct served *of = rules_find(rules, r->param[0]);
    bool killed = of && rules_word(rules, of) == RULES_KILLED;
    x->switched = killed ? rules_killed_by(rules, of->name, &r->arena) : NULL;
    r->state = x;
}

static void on_get_rollout(struct request *r)
{
    struct looking *x = arena_alloc(&r->arena, sizeof *x);
    look_around(r, x);
    if (request_number(r, "experiment", 0, 1, 1000000000, &x->number)) request_work(r, show_rollout, NULL);
}

static void show_course(struct request *r)
{
    const struct looking *x = r->state;
    json_t *out = NULL;
    int64_t now_ms = clock_wall_ms(r->service->clock);
    if (request_checked(r, live_course(r->store, r->param[0], x->number, now_ms, &out, &r->err)))
        request_answer(r, 200, out);
}

static void on_get_course(struct request *r)
{
    struct looking *x = r->state = arena_alloc(&r->arena, sizeof *x);
    if (request_number(r, "experiment", 0, 1, 1000000000, &x->number)) request_work(r, show_course, NULL);
}

static void show_events(struct request *r)
{
    const struct looking *x = r->state;
    json_t *all = NULL;
    if (request_checked(r, live_events(r->store, r->param[0], x->offset, x->limit, &all, &r->err)))
        request_answer(r, 200, json_pack("{s:o}", "events", all));
}

static void on_get_events(struct request *r)
{
    struct looking *x = r->state = arena_alloc(&r->arena, sizeof *x);
    if (request_number(r, "from", 0, 0, 1000000000000, &x->offset) &&
        request_number(r, "limit", 100, 1, EVENTS_MAX, &x->limit))
        request_work(r, show_events, NULL);
}

/* ---- to change ---- */

/* Done by a work; then the rules here are new before anybody is answered. */
struct changing {
    struct wish wish;
    struct live_order order;
    const char *rollout;
    bool done;           /* what is left may be tried again */
    const char *unwatched; /* metrics of the study that a new watch leaves out */
    bool remembered;     /* killed, and the file cannot be written either */
    int tries;
    struct ruleset *set; /* as it is now; NULL: the kill file has it */
    json_t *shown;
};

/* How it stands after the change: r->err if it cannot be had. */
static enum status look_again(struct request *r)
{
    struct changing *x = r->state;
    enum status s = live_ruleset(r->store, x->rollout, &x->set, &r->err);
    return s ? s : show(r, x->rollout, 0, &x->shown, &r->err);
}

static void give_up(struct request *r)
{
    struct changing *x = r->state;
    ruleset_free(x->set);
    json_decref(x->shown);
    x->set = NULL;
    x->shown = NULL;
    request_fail(r, &r->err);
}

static void publish(struct request *r, unsigned status)
{
    struct changing *x = r->state;
    struct service *s = r->service;
    rules_put(s->live.rules, x->rollout, x->set);
    all_events_rollout(s->streams.together, x->rollout, rules_find(s->live.rules, x->rollout)->version);
    request_answer(r, status, x->shown);
}

static enum status begin_experiment(struct request *r)
{
    struct changing *x = r->state;
    struct wished wished = {.wish = {.n = 0}};
    struct reading from;
    if (!request_read(r, &from)) return r->err.status = STATUS_FAILED;
    enum status s = wish_resolve(&x->wish, r->store, from.history, &wished, &r->err);
    wished.wish.by = by(r);
    if (!s) s = live_start(r->store, &wished.wish, clock_wall_ms(r->service->clock), &r->err);
    wish_done(&wished);
    request_read_done(r, &from);
    if (s) request_fail(r, &r->err);
    return s;
}

static void start(struct request *r)
{
    struct changing *x = r->state;
    if (!x->done && begin_experiment(r)) return;
    x->done = true;
    enum status s = look_again(r);
    if (!s) s = request_keep_answer(r, 201, x->shown, &r->err);
    if (s) give_up(r);
}

static void started(struct request *r)
{
    const struct changing *x = r->state;
    service_say(r->service, x->wish.study, "rollout %s: an experiment begins, by token %s", x->rollout, r->who.id);
    r->location = arena_printf(&r->arena, "/api/v1/rollouts/%s", x->rollout);
    publish(r, 201);
}

static void on_start(struct request *r)
{
    struct changing *x = r->state = arena_alloc(&r->arena, sizeof *x);
    if (!request_checked(r, wish_read(r, &x->wish, &r->err))) return;
    x->rollout = x->wish.rollout;
    r->param[0] = x->wish.study; /* which is read */
    request_work_live(r, start, started);
}

/* ---- a watch ---- */

static enum status begin_watch(struct request *r)
{
    struct changing *x = r->state;
    struct wished_watch wished = {.champion = {.body = NULL}};
    struct reading from;
    if (!request_read(r, &from)) return r->err.status = STATUS_FAILED;
    enum status s = wish_resolve_watch(&x->wish, r->store, from.history, &r->arena, &wished, &r->err);
    wished.wish.by = by(r);
    if (!s) s = live_watch(r->store, &wished.wish, clock_wall_ms(r->service->clock), &r->err);
    free(wished.champion.body);
    request_read_done(r, &from);
    x->unwatched = wished.unwatched;
    if (s) request_fail(r, &r->err);
    return s;
}

static void watch(struct request *r)
{
    struct changing *x = r->state;
    if (!x->done && begin_watch(r)) return;
    x->done = true;
    if (look_again(r)) give_up(r);
}

static void watched(struct request *r)
{
    const struct changing *x = r->state;
    service_say(r->service, x->wish.study, "rollout %s: it is watched, by token %s%s%s", x->rollout, r->who.id,
                *x->unwatched ? "; nobody knows the range of " : "", x->unwatched);
    publish(r, 200);
}

static void on_watch(struct request *r)
{
    struct changing *x = r->state = arena_alloc(&r->arena, sizeof *x);
    x->rollout = r->param[0];
    if (!request_checked(r, wish_read_watch(r, &x->wish, &r->err))) return;
    r->param[0] = x->wish.study; /* which is read */
    request_work_live(r, watch, watched);
}

/* ---- orders ---- */

static size_t characters(const char *utf8)
{
    size_t n = 0;
    for (; *utf8; utf8++) n += (*utf8 & 0xc0) != 0x80;
    return n;
}

/* Also of what this verb does not use: who says it has meant something. */
static enum status check_order(const struct live_order *o, struct error *err)
{
    if (o->version < 0 || o->version > VERSION_MOST)
        return error_set(err, STATUS_INVALID, "\"version\" must be a whole number from 0 to %lld", (long long)VERSION_MOST);
    if (!(o->share >= 0 && o->share <= 1)) return error_set(err, STATUS_INVALID, "\"share\" must be from 0 to 1, not %.6g", o->share);
    if (o->why && characters(o->why) > WHY_MOST)
        return error_set(err, STATUS_INVALID, "\"why\" has at most %d characters", WHY_MOST);
    return STATUS_OK;
}

static enum status read_order(struct request *r, struct live_order *ret, struct error *err)
{
    const json_t *version = json_object_get(r->body, "version"), *share = json_object_get(r->body, "share"),
                 *variant = json_object_get(r->body, "variant"), *why = json_object_get(r->body, "why");
    enum status s = json_only(r->body, err, "version", "share", "variant", "why", NULL);
    if (s) return s;
    if ((version && !json_is_integer(version)) || (share && !json_is_number(share)) ||
        (variant && !json_is_string(variant)) || (why && !json_is_string(why)))
        return error_set(err, STATUS_INVALID,
                         "an order may have \"version\", a whole number, \"share\", a number, \"variant\" and \"why\", texts");
    ret->version = json_integer_value(version);
    ret->share = json_number_value(share);
    ret->variant = json_string_value(variant);
    ret->why = json_string_value(why);
    return check_order(ret, err);
}

/* The database refuses, and the champion is to be served all the same. */
static bool is_for_switch(struct changing *x, enum status s)
{
    if (x->order.verb != LIVE_DO_KILL || x->done) return false;
    return s == STATUS_IO || s == STATUS_FULL || (s == STATUS_BUSY && ++x->tries >= KILL_TRIES);
}

/* Into the file; where that cannot be written either, this process remembers it. */
static void pull_switch(struct request *r)
{
    struct changing *x = r->state;
    struct error cannot;
    const char *path = rules_switch(r->service->live.rules), *detail = arena_strdup(&r->arena, r->err.text);
    x->remembered = kill_file_add(path, x->rollout, &cannot) != STATUS_OK;
    if (x->remembered)
        detail = arena_printf(&r->arena, "%s; %s; it is killed only until this service ends, unless the file can be written before",
                              detail, cannot.text);
    x->shown = json_pack("{s:s, s:s, s:s}", "rollout", x->rollout, "killed", x->remembered ? "memory" : path, "detail", detail);
}

static enum status revive(struct request *r)
{
    return kill_file_remove(rules_switch(r->service->live.rules), r->param[0], &r->err);
}

static void order(struct request *r)
{
    struct changing *x = r->state;
    enum status s = x->order.verb == LIVE_DO_REVIVE ? revive(r) : STATUS_OK;
    x->order.by = by(r);
    if (!s && !x->done) s = live_order(r->store, x->rollout, &x->order, clock_wall_ms(r->service->clock), &r->err);
    x->done = x->done || !s;
    if (!s) s = look_again(r);
    if (is_for_switch(x, s))
        pull_switch(r);
    else if (s)
        give_up(r);
}

static void ordered(struct request *r)
{
    struct changing *x = r->state;
    struct service *s = r->service;
    service_say(s, NULL, "rollout %s: %s, by token %s", x->rollout, live_verb_name(x->order.verb), r->who.id);
    if (x->order.verb == LIVE_DO_REVIVE) rules_revive(s->live.rules, x->rollout);
    if (x->remembered) rules_kill(s->live.rules, x->rollout);
    if (x->remembered)
        service_say(s, NULL, "rollout %s: killed only until this service ends: %s cannot be written", x->rollout, rules_switch(s->live.rules));
    rules_look_at_switch(s->live.rules);
    if (x->set)
        publish(r, 200);
    else
        request_answer(r, 202, x->shown);
}

static void on_order(struct request *r)
{
    struct changing *x = r->state = arena_alloc(&r->arena, sizeof *x);
    x->rollout = r->param[0];
    live_verb_parse(strrchr(r->route->path, '/') + 1, &x->order.verb);
    if (request_checked(r, read_order(r, &x->order, &r->err))) request_work_live(r, order, ordered);
}

#define ORDER(id, name) {"POST", ROUTE_ROLLOUT "/" name, GRANT_OPERATE, on_order, ROUTE_JSON_MAX, BODY_OPTIONAL_JSON, false},

const struct route api_rollouts_routes[] = {
    {"GET", "/api/v1/rollouts", GRANT_VIEW, on_list_rollouts, 0, BODY_NONE, false},
    {"POST", "/api/v1/rollouts", GRANT_OPERATE, on_start, ROUTE_JSON_MAX, BODY_JSON, true},
    {"GET", ROUTE_ROLLOUT, GRANT_VIEW, on_get_rollout, 0, BODY_NONE, false},
    {"GET", ROUTE_ROLLOUT "/course", GRANT_VIEW, on_get_course, 0, BODY_NONE, false},
    {"GET", ROUTE_ROLLOUT "/events", GRANT_VIEW, on_get_events, 0, BODY_NONE, false},
    {"POST", ROUTE_ROLLOUT "/watch", GRANT_OPERATE, on_watch, ROUTE_JSON_MAX, BODY_JSON, false},
    LIVE_VERBS(ORDER){0},
};
