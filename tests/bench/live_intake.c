/* How many outcomes one process takes, scores and folds, on the disk that FILE lies on.
 *
 *     build/bench/bin/live-intake FILE [OUTCOMES] [AT-ONCE]     a line of JSON
 *
 * Two outcomes a unit, exact match and tokens, at half and half; AT-ONCE (1,000) in one transaction. */
#include "tuner/live/live.h"

#include "tuner/base/json.h"
#include "tuner/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char plan[] = "window: 10m\nlate: 0\nramp: [0.5]\nlearn: 0\nsilence: 0\nguard_alpha: 1e-6\n"
                           "metrics: {em: {prove: not_worse}, tokens: {prove: fewer, cap: 4000, marks: [10, 3000]}}\n";

enum { SUMS = 100 };

struct bench {
    struct store *store;
    struct rng rng;
    int64_t now;
    struct ruleset *rules;
    struct error err;
};

/* By the clock, and of the processor: the first is that of a busy machine, too. */
struct spent {
    double wall, cpu;
};

static double of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct spent now(void)
{
    return (struct spent){of(CLOCK_MONOTONIC), of(CLOCK_PROCESS_CPUTIME_ID)};
}

static void add_since(struct spent *s, struct spent begun)
{
    struct spent t = now();
    s->wall += t.wall - begun.wall;
    s->cpu += t.cpu - begun.cpu;
}

static void must(enum status s, const struct error *err)
{
    if (s) fprintf(stderr, "%s\n", err->text), exit(1);
}

static void start(struct bench *b)
{
    struct configuration c[2];
    for (int i = 0; i < 2; i++) {
        json_t *body = json_pack("{s:s, s:{s:i}}", "study", "g2p", "parameters", "threshold", i);
        configuration_of_json(body, &c[i]);
        json_decref(body);
    }
    struct live_wish wish = {.rollout = "g2p", .study = "g2p", .plan_name = "plan", .plan = plan, .champion = &c[0], .n = 1,
                             .challenger = &c[1], .by = "bench"};
    must(live_start(b->store, &wish, b->now, &b->err), &b->err);
    must(live_ruleset(b->store, "g2p", &b->rules, &b->err), &b->err);
    for (int i = 0; i < 2; i++) free(c[i].body);
}

static json_t *outcome(struct bench *b, long i)
{
    char unit[32], id[8];
    snprintf(unit, sizeof unit, "user-%ld", i / 2);
    snprintf(id, sizeof id, "%ld", i % 2);
    double em = rng_unit(&b->rng) < 0.6, tokens = floor(300 * exp(rng_normal(&b->rng)));
    return json_pack("{s:s, s:s, s:s, s:I, s:i, s:i, s:{s:f, s:f}}", "unit", unit, "id", id, "variant",
                     ruleset_assign(b->rules, unit).variant, "at_ms", (json_int_t)b->now, "experiment", 1, "period", 0,
                     "metrics", "em", em, "tokens", tokens);
}

/* As bytes of a body, which are parsed as the service does. */
static struct spent take(struct bench *b, long n, long at_once)
{
    struct spent spent = {0};
    for (long i = 0; i < n; i += at_once) {
        json_t *list = json_array(), *body = NULL;
        for (long k = i; k < i + at_once && k < n; k++) json_array_append_new(list, outcome(b, k));
        json_t *said = json_pack("{s:o}", "outcomes", list);
        char *text = json_tight(said);
        struct spent begun = now();
        must(json_parse_object(text, strlen(text), &body, &b->err), &b->err);
        struct live_batch batch = {.body = body};
        must(live_take(b->store, "g2p", &batch, 1, b->now, &b->err), &b->err);
        add_since(&spent, begun);
        if (!batch.answer || json_number_at(batch.answer, "taken") < 1) fprintf(stderr, "nothing was taken\n"), exit(1);
        json_decref(batch.answer);
        json_decref(body);
        json_decref(said);
        free(text);
    }
    return spent;
}

static struct spent score(struct bench *b)
{
    struct spent spent = {0}, begun = now();
    struct live_ticked t = {.more = true};
    b->now += 700000;
    while (t.more) {
        t = (struct live_ticked){false, false};
        must(live_tick(b->store, "g2p", b->now, &t, &b->err), &b->err);
    }
    add_since(&spent, begun);
    return spent;
}

/* Sums of all units, as a collector that has scored them sends them, so many times. */
static struct spent fold(struct bench *b, long times)
{
    struct spent spent = {0}, begun = now();
    for (long i = 1; i <= times; i++) {
        json_t *answer = NULL, *cells = json_array();
        for (int arm = 0; arm < 2; arm++)
            json_array_append_new(cells, json_pack("{s:i, s:s, s:i, s:i, s:[[[i,i],[i,i]], [[i,i]], [[i,i]]]}", "period", 0,
                                                   "variant", arm ? "challenger" : "champion", "units", 50000, "missing", 0,
                                                   "tracks", 0, 20000, 64, 30000, 30, 50000, 12, 50000));
        json_t *sums = json_pack("{s:s, s:I, s:i, s:o}", "collector", "bench", "number", (json_int_t)i, "experiment", 1,
                                 "cells", cells);
        must(live_sums(b->store, "g2p", sums, b->now, &answer, &b->err), &b->err);
        json_decref(answer);
        json_decref(sums);
    }
    add_since(&spent, begun);
    return spent;
}

int main(int argc, char **argv)
{
    long n = argc > 2 ? atol(argv[2]) : 200000, at_once = argc > 3 ? atol(argv[3]) : 1000;
    struct bench b = {.rng = rng_derive(1, "bench", 0), .now = 1790000000000};
    struct stat st = {0};
    if (argc < 2 || n < 1 || at_once < 1 || at_once > 10000)
        return fprintf(stderr, "live-intake FILE [OUTCOMES] [AT-ONCE]: a file that is not there yet, at most 10,000 at once\n"), 2;
    must(store_open(argv[1], STORE_CREATE, &b.store, &b.err), &b.err);
    start(&b);
    struct spent took = take(&b, n, at_once);
    stat(argv[1], &st);
    struct spent scored = score(&b), folded = fold(&b, SUMS);
    printf("{\"outcomes\": %ld, \"at_once\": %ld, \"taken_per_s\": %.0f, \"taken_cpu_us\": %.1f, \"units_scored_per_s\": %.0f, "
           "\"scored_cpu_us\": %.1f, \"sums_per_s\": %.0f, \"sums_cpu_us\": %.0f, \"bytes_per_unit\": %.0f}\n",
           n, at_once, (double)n / took.wall, 1e6 * took.cpu / (double)n, (double)(n / 2) / scored.wall,
           1e6 * scored.cpu / (double)(n / 2), SUMS / folded.wall, 1e6 * folded.cpu / SUMS, (double)st.st_size / ((double)n / 2));
    ruleset_free(b.rules);
    store_close(b.store);
    return 0;
}
