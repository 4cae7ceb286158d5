/* live_world: a rollout in memory, its clock, and clients that assign by its ruleset and tell what came of it. */
#ifndef TESTS_LIVE_WORLD_H
#define TESTS_LIVE_WORLD_H

#include "tests/test.h"

#include "tuner/live/live.h"

#include "tuner/base/json.h"
#include "tuner/base/rng.h"

enum { WORLD_ARMS = 5 };

struct world {
    struct store *store;
    int64_t now;
    long next;                           /* unit */
    double em[WORLD_ARMS];               /* chance of a right answer, by arm */
    double tokens[WORLD_ARMS];           /* median */
    double lost[WORLD_ARMS];             /* chance that nothing is heard of a unit, not even that it was there */
    double silent[WORLD_ARMS];           /* chance that no outcome follows its exposure */
    bool shadows;                        /* clients run challengers in the shadow, if they are told to */
    struct rng rng;
    struct error err;
};

static struct configuration configuration_with(double threshold)
{
    struct configuration c;
    json_t *body = json_pack("{s:s, s:{s:f}}", "study", "g2p", "parameters", "threshold", threshold);
    configuration_of_json(body, &c);
    json_decref(body);
    return c;
}

__attribute__((unused)) static void world_open(struct world *w, uint64_t seed)
{
    *w = (struct world){.now = 1790000000000, .rng = rng_derive(seed, "world", 0)};
    for (int i = 0; i < WORLD_ARMS; i++) w->em[i] = 0.6, w->tokens[i] = 100;
    assert_ok(store_open(":memory:", STORE_CREATE, &w->store, &w->err), w->err);
}

__attribute__((unused)) static void world_close(struct world *w)
{
    store_close(w->store);
}

/* n challengers; `plan` as YAML. */
__attribute__((unused)) static enum status world_start(struct world *w, const char *plan, size_t n)
{
    struct configuration champion = configuration_with(1), challenger[WORLD_ARMS];
    for (size_t i = 0; i < n; i++) challenger[i] = configuration_with(2 + (double)i);
    struct live_wish wish = {.rollout = "g2p",
                             .study = "g2p",
                             .plan_name = "plan.yaml",
                             .plan = plan,
                             .champion = &champion,
                             .n = n,
                             .challenger = challenger,
                             .by = "test"};
    enum status s = live_start(w->store, &wish, w->now, &w->err);
    free(champion.body);
    for (size_t i = 0; i < n; i++) free(challenger[i].body);
    return s;
}

static json_t *world_item(struct world *w, const json_t *rules, const char *unit, const char *variant, int id)
{
    json_t *item = json_pack("{s:s, s:s, s:I, s:O, s:O}", "unit", unit, "variant", variant, "at_ms",
                             (json_int_t)w->now, "experiment", json_object_get(rules, "experiment"), "period",
                             json_object_get(rules, "period"));
    if (id) json_object_set_new(item, "id", json_sprintf("%s/%d", unit, id));
    return item;
}

static size_t world_arm(const char *variant)
{
    if (strcmp(variant, "champion") == 0) return 0;
    return strcmp(variant, "challenger") == 0 ? 1 : (size_t)atoi(variant + strlen("challenger-"));
}

/* What the challengers make of the request on which the champion's answer is right if `luck` is below its chance. */
static json_t *world_shadow(struct world *w, const json_t *rules, double luck)
{
    json_t *out = json_object(), *name;
    size_t i;
    json_array_foreach(json_object_get(rules, "shadow"), i, name)
    {
        size_t arm = world_arm(json_string_value(name));
        double tokens = w->tokens[arm] * exp(0.5 * rng_normal(&w->rng));
        bool silent = rng_unit(&w->rng) < w->silent[arm];
        json_object_set_new(out, json_string_value(name),
                            silent ? json_object()
                                   : json_pack("{s:f, s:f}", "em", luck < w->em[arm] ? 1.0 : 0.0, "tokens", floor(tokens)));
    }
    return out;
}

/* So many new units come now, and what came of them. */
__attribute__((unused)) static json_t *world_outcomes(struct world *w, long units)
{
    struct ruleset *rules = NULL;
    json_t *out = json_array();
    assert_ok(live_ruleset(w->store, "g2p", &rules, &w->err), w->err);
    for (long i = 0; i < units; i++) {
        char unit[32];
        snprintf(unit, sizeof unit, "user-%ld", w->next++);
        struct assigned a = ruleset_assign(rules, unit);
        size_t arm = world_arm(a.variant);
        double luck = rng_unit(&w->rng), em = luck < w->em[arm], tokens = w->tokens[arm] * exp(0.5 * rng_normal(&w->rng));
        bool lost = rng_unit(&w->rng) < w->lost[arm], silent = rng_unit(&w->rng) < w->silent[arm];
        if (!a.counted || lost) continue;
        json_t *item = world_item(w, ruleset_document(rules), unit, a.variant, silent ? 0 : 1);
        if (!silent)
            json_object_set_new(item, "metrics", json_pack("{s:f, s:f}", "em", em, "tokens", floor(tokens)));
        if (!silent && w->shadows && json_object_get(ruleset_document(rules), "shadow"))
            json_object_set_new(item, "shadow", world_shadow(w, ruleset_document(rules), luck));
        json_array_append_new(out, item);
    }
    ruleset_free(rules);
    return json_pack("{s:o}", "outcomes", out);
}

/* The answer; the caller's. */
static json_t *world_take(struct world *w, json_t *body)
{
    struct live_batch b = {.body = body};
    assert_ok(live_take(w->store, "g2p", &b, 1, w->now, &w->err), w->err);
    json_decref(body);
    if (!b.answer) fail_msg("%s", b.err.text);
    return b.answer;
}

static void world_tick(struct world *w)
{
    struct live_ticked t = {.more = true};
    while (t.more) {
        t = (struct live_ticked){false, false};
        assert_ok(live_tick(w->store, "g2p", w->now, &t, &w->err), w->err);
    }
}

static json_t *world_status(struct world *w)
{
    json_t *status = NULL;
    assert_ok(live_status(w->store, "g2p", 0, w->now, &status, &w->err), w->err);
    return status;
}

static const char *world_phase(struct world *w, char *buf, size_t size)
{
    json_t *status = world_status(w);
    snprintf(buf, size, "%s",
             json_string_value(json_object_get(json_object_get(status, "experiment"), "phase")));
    json_decref(status);
    return buf;
}

/* Minutes pass, with so many units each, until it is over, or for `most` minutes. Returns how many. */
__attribute__((unused)) static long world_run(struct world *w, long units, long most)
{
    char phase[32];
    long minute = 0;
    for (; minute < most; minute++) {
        json_decref(world_take(w, world_outcomes(w, units)));
        w->now += 60000;
        world_tick(w);
        world_phase(w, phase, sizeof phase);
        if (strcmp(phase, "running") != 0 && strcmp(phase, "learning") != 0 && strcmp(phase, "shadow") != 0) break;
    }
    return minute;
}

#endif
