/* For test_statistics.py: an experiment on which a collector scores what it is told.
 *
 *     sums_probe <ITEMS >SCORING-AND-SUMS
 *
 * It learns what is usual, prints a line {"scoring", "now_ms"}, reads outcomes, one a line, until an empty one, raises the
 * challenger's share and prints such a line again; reads the rest, and prints the sums of all, a line each. */
#include "tests/live_world.h"

static const char plan[] = "window: 30m\nlate: 1m\nramp: [0.2, 0.5]\nstep_units: 1000000\nlearn: 300\nsilence: 0\nholdout: 0.05\n"
                           "segments: [long, short]\nmetrics: {em: {prove: not_worse, guard: 0.9}, tokens: {prove: fewer, guard: 9}}\n";

static void say(json_t *line)
{
    char *text = json_tight(line);
    puts(text);
    fflush(stdout);
    free(text);
    json_decref(line);
}

static void say_scoring(struct world *w, const struct collector *c)
{
    json_t *scoring = NULL;
    assert_ok(live_scoring(w->store, "g2p", w->now, &scoring, &w->err), w->err);
    assert_ok(collector_mirror(c, scoring, &w->err), w->err);
    say(json_pack("{s:o, s:I}", "scoring", scoring, "now_ms", (json_int_t)w->now));
}

static void learn(struct world *w)
{
    json_t *body = world_outcomes(w, 400), *item;
    size_t i;
    json_array_foreach(json_object_get(body, "outcomes"), i, item)
    {
        json_t *metrics = json_object_get(item, "metrics");
        double em = json_number_at(metrics, "em"), told = 0.3 + 0.4 * em + 0.2 * rng_unit(&w->rng);
        json_object_set_new(item, "expected", json_real(told));
    }
    json_decref(world_take(w, body));
    w->now += 40 * 60000;
    world_tick(w);
}

/* When the last one of them happened. */
static void take(struct world *w, const struct collector *c, json_t *list)
{
    struct collector_taken taken = {0};
    const json_t *last = json_array_get(list, json_array_size(list) - 1);
    if (last) w->now = json_integer_value(json_object_get(last, "at_ms"));
    assert_ok(collector_take(c, list, true, w->now, &taken, &w->err), w->err);
    json_decref(taken.plain);
    json_decref(taken.refused);
    json_decref(list);
}

static void read_items(struct world *w, const struct collector *c)
{
    char *line = NULL;
    size_t size = 0;
    json_t *list = json_array();
    while (getline(&line, &size, stdin) > 1) {
        json_array_append_new(list, json_loads(line, 0, NULL));
        if (json_array_size(list) < 500) continue;
        take(w, c, list);
        list = json_array();
    }
    take(w, c, list);
    free(line);
}

static void say_sums(struct world *w, const struct collector *c)
{
    bool more = true;
    json_t *sums = NULL;
    while (more) {
        more = false;
        assert_ok(collector_score(c, &more, &w->err), w->err);
    }
    for (;; sums = NULL) {
        assert_ok(collector_pack(c, &sums, &w->err), w->err);
        if (!sums) return;
        assert_ok(collector_sent(c, &w->err), w->err);
        say(sums);
    }
}

int main(void)
{
    struct world w;
    struct collector c = {NULL, "g2p"};
    struct live_order ramp = {.verb = LIVE_DO_RAMP};
    world_open(&w, 1);
    assert_ok(store_open(":memory:", STORE_CREATE, &c.store, &w.err), w.err);
    assert_ok(world_start(&w, plan, 1), w.err);
    learn(&w);
    say_scoring(&w, &c);
    read_items(&w, &c);
    w.now += 1000;
    assert_ok(live_order(w.store, "g2p", &ramp, w.now, &w.err), w.err);
    say_scoring(&w, &c);
    read_items(&w, &c);
    w.now += 4 * 3600000;
    say_scoring(&w, &c);
    say_sums(&w, &c);
    store_close(c.store);
    world_close(&w);
    return 0;
}
