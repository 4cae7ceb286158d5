/* The whole product through the store: three messages a unit, late, in any order, some of them twice; wrong answers
 * come later than right ones. Two outcomes of exact match and tokens, some of them after the window. */
#include "tests/bench/rollout_bench.h"
#include "tuner/live/live.h"

#include "tuner/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { A_MINUTE = 60, MINUTE_MS = 60000, WAITING_MAX = 4000, MESSAGES = 3 };

static const char plan[] =
    "metrics: {em: {prove: not_worse, margin: 0, effect: 0.1}, tokens: {prove: fewer, margin: 0, saving: 0.2}}\n"
    "window: 1m\nlate: 1m\nsilence: 0\nlearn: 200\nramp: [0.25, 0.5]\nstep_units: 100\nunits: 3000\npromote: auto\n";

struct late {
    double lost, saved; /* by the challenger: exact match, share of tokens */
};

struct waiting {
    int64_t until_ms;
    json_t *item;
};

struct world {
    const struct late *of;
    struct rng *rng;
    struct store *store;
    struct ruleset *rules;
    int64_t now;
    long next; /* unit */
    size_t n;
    struct waiting waiting[WAITING_MAX];
    struct error err;
};

static void must(enum status s, const struct error *err)
{
    if (s) fprintf(stderr, "%s\n", err->text), exit(1);
}

static void start(struct world *w)
{
    struct configuration c[2];
    char salt[32];
    snprintf(salt, sizeof salt, "%016llx", (unsigned long long)rng_bits(w->rng));
    for (int i = 0; i < 2; i++) {
        json_t *body = json_pack("{s:s, s:{s:i}}", "study", "g2p", "parameters", "threshold", i);
        configuration_of_json(body, &c[i]);
        json_decref(body);
    }
    struct live_wish wish = {.rollout = "g2p", .study = "g2p", .plan_name = "plan", .plan = plan, .salt = salt,
                             .champion = &c[0], .n = 1, .challenger = &c[1], .by = "bench"};
    must(store_open(":memory:", STORE_CREATE, &w->store, &w->err), &w->err);
    must(live_start(w->store, &wish, w->now, &w->err), &w->err);
    for (int i = 0; i < 2; i++) free(c[i].body);
}

static void wait_for(struct world *w, json_t *item, int64_t at_ms, double delay_s)
{
    int64_t until = at_ms + (int64_t)(-1000 * delay_s * log(rng_unit(w->rng)));
    int copies = rng_unit(w->rng) < 0.1 ? 2 : 1;
    if (w->n + 2 > WAITING_MAX) fprintf(stderr, "more than %d messages wait\n", WAITING_MAX), exit(1);
    for (int i = 0; i < copies; i++) w->waiting[w->n++] = (struct waiting){until + i * 5000, json_incref(item)};
    json_decref(item);
}

/* That it was served, and what came of it. */
static void serve(struct world *w)
{
    char unit[32];
    snprintf(unit, sizeof unit, "user-%ld", w->next++);
    struct assigned a = ruleset_assign(w->rules, unit);
    bool challenger = strcmp(a.variant, "challenger") == 0;
    const json_t *rules = ruleset_document(w->rules);
    int64_t served = w->now + (int64_t)(MINUTE_MS * rng_unit(w->rng));
    for (int i = 0; a.counted && i < MESSAGES; i++) {
        int64_t at = i ? served + (int64_t)(70000 * rng_unit(w->rng)) : served;
        double em = rng_unit(w->rng) < 0.6 - (challenger ? w->of->lost : 0);
        double tokens = floor(300 * exp(rng_normal(w->rng)) * (challenger ? 1 - w->of->saved : 1));
        json_t *item = json_pack("{s:s, s:s, s:I, s:o, s:O, s:O}", "unit", unit, "variant", a.variant, "at_ms",
                                 (json_int_t)at, "id", json_sprintf("%s/%d", unit, i), "experiment",
                                 json_object_get(rules, "experiment"), "period", json_object_get(rules, "period"));
        if (i) json_object_set_new(item, "metrics", json_pack("{s:f, s:f}", "em", em, "tokens", tokens));
        wait_for(w, item, at, i && em < 1 ? 40 : 20);
    }
}

/* What has arrived by now, the last first. */
static void take(struct world *w)
{
    json_t *list = json_array(), *body = json_pack("{s:o}", "outcomes", list);
    for (size_t i = w->n; i-- > 0;) {
        if (w->waiting[i].until_ms > w->now) continue;
        json_array_append_new(list, w->waiting[i].item);
        w->waiting[i] = w->waiting[--w->n];
    }
    struct live_batch batch = {.body = body};
    must(live_take(w->store, "g2p", &batch, 1, w->now, &w->err), &w->err);
    must(batch.err.status, &batch.err);
    json_decref(batch.answer);
    json_decref(body);
}

static void tick(struct world *w)
{
    struct live_ticked t = {.more = true};
    while (t.more) {
        t = (struct live_ticked){false, false};
        must(live_tick(w->store, "g2p", w->now, &t, &w->err), &w->err);
    }
}

/* Is it over? By promotion: side 0; taken back, or paused: 1. */
static bool is_over(struct world *w, struct simulated *ret)
{
    json_t *status = NULL;
    must(live_status(w->store, "g2p", 0, w->now, &status, &w->err), &w->err);
    const json_t *e = json_object_get(status, "experiment");
    const char *phase = json_string_value(json_object_get(e, "phase"));
    const char *why = json_string_value(json_object_get(e, "why"));
    double at = json_number_at(json_object_get(e, "counts"), "scored");
    bool good = w->of->saved > 0 && !(w->of->lost > 0), over = true;
    if (strcmp(phase, "promoted") == 0)
        *ret = (struct simulated){at, at, 0, !good};
    else if (strcmp(phase, "paused") == 0)
        *ret = (struct simulated){at, at, 1, true};
    else if (strcmp(phase, "rolled back") == 0 && strstr(why, "planned units"))
        *ret = (struct simulated){.spent = at};
    else if (strcmp(phase, "rolled back") == 0)
        *ret = (struct simulated){at, at, 1, !(w->of->lost > 0)};
    else
        over = false;
    json_decref(status);
    return over;
}

static struct simulated simulate(const struct simulation *x, struct rng *r)
{
    struct world w = {.of = x->of, .rng = r, .now = 1790000000000};
    struct simulated out = {0};
    start(&w);
    do {
        must(live_ruleset(w.store, "g2p", &w.rules, &w.err), &w.err);
        for (int i = 0; i < A_MINUTE; i++) serve(&w);
        ruleset_free(w.rules);
        w.now += MINUTE_MS;
        take(&w);
        tick(&w);
    } while (!is_over(&w, &out));
    for (size_t i = 0; i < w.n; i++) json_decref(w.waiting[i].item);
    store_close(w.store);
    return out;
}

static const struct simulation all[] = {
    {"late-aa", simulate, &(const struct late){0}, 0},
    {"late-lost", simulate, &(const struct late){.lost = .1}, 0},
};

struct simulations late_simulations(void)
{
    return (struct simulations){all, sizeof all / sizeof *all};
}
