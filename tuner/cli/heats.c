#include "tuner/cli/heats.h"

#include "tuner/cli/cli.h"

#include <string.h>

/* One of them beside the first. */
struct runner {
    size_t place; /* in the evaluation */
    struct contest contest;
    struct duel duel; /* on this seed */
    const char *lost; /* why, if it has; its program may have ended before it was stopped */
};

struct heat {
    struct evaluation *e;   /* of all */
    struct evaluation now;  /* of those that are left */
    struct runner **runner; /* theirs */
    struct evaluated *course; /* n of `e` */
    struct answers *said;   /* by the first, by seed */
    bool on_items;          /* of all seeds it has said some that can be compared */
    double leeway[METRICS_MAX];
    struct arena *arena;
};

/* What this round says stays, also of who goes now. */
static void keep_values(struct heat *h)
{
    for (size_t i = 0; i < h->now.n; i++) {
        size_t place = h->runner[i]->place;
        memcpy(h->e->value[place], h->now.value[i], sizeof *h->now.value);
        memcpy(h->e->on_seed[place], h->now.on_seed[i], sizeof *h->now.on_seed);
        h->course[place].seeds = h->now.seeds;
    }
}

static const char *lost_text(const struct heat *h, const struct duel *d, const struct duel_race *lost)
{
    return arena_printf(h->arena, "%s is worse than the champion's, for sure, after %zu of %zu items",
                        h->e->base->objective.metric[lost->metric].name, d->challenger.n, d->champion->n);
}

static const char *on_answer(void *data, size_t i, size_t seed, const char *id, const double *value)
{
    struct heat *h = data;
    if (seed + 1 < h->now.seeds) return NULL; /* one of an earlier round that is run again */
    struct runner *r = h->runner[i];
    const struct duel_race *lost = duel_see(&r->duel, id, value);
    if (lost && !r->lost) r->lost = lost_text(h, &r->duel, lost);
    return r->lost;
}

/* What is said of a hundred thousand items takes megabytes: until the end of the heat, no longer. */
static void begin_duels(struct heat *h, size_t seed, struct arena *arena)
{
    for (size_t i = 0; i < h->now.n; i++)
        duel_begin(&h->runner[i]->duel, &h->e->base->objective, &h->said[seed], h->leeway, h->e->seeds, arena);
}

/* NULL: it goes on. */
static const char *why_gone(struct heat *h, size_t i, size_t seed)
{
    double value[METRICS_MAX];
    if (h->now.stopped[i]) return h->now.stopped[i];
    if (h->on_items) return h->runner[i]->lost;
    for (size_t m = 0; m < h->e->base->objective.n_metrics; m++) value[m] = h->now.on_seed[i][m][seed];
    if (!contest_see(&h->runner[i]->contest, seed, value)) return NULL;
    return arena_printf(h->arena, "worse than the champion, for sure, after %zu of %zu seeds", seed + 1, h->e->seeds);
}

/* What is over is read only: to run it would take up what later heats had begun, with nothing to compare it with. */
static int run_what_is_left(struct evaluation *e, struct arena *arena)
{
    return evaluation_recall(e, arena) ? EXIT_OK : evaluation_run(e, arena);
}

static int run_those_left(struct heat *h, size_t seed)
{
    const double **config = arena_array(h->arena, h->e->n, sizeof *config);
    struct arena duels = {0};
    for (size_t i = 0; i < h->now.n; i++) config[i] = h->e->config[h->runner[i]->place];
    h->now.config = config;
    h->now.seeds = seed + 1;
    if (h->on_items) begin_duels(h, seed, &duels);
    int code = run_what_is_left(&h->now, h->arena);
    arena_done(&duels);
    if (*h->now.failure && !*h->e->failure) h->e->failure = h->now.failure;
    return code;
}

static int run_heat(struct heat *h, size_t seed)
{
    size_t left = 0;
    int code = run_those_left(h, seed);
    if (code != EXIT_OK || !h->now.value) return code;
    keep_values(h);
    for (size_t i = 0; i < h->now.n; i++) {
        const char *why = h->course[h->runner[i]->place].gone = why_gone(h, i, seed);
        if (!why) h->runner[left++] = h->runner[i];
    }
    h->now.n = left;
    return code;
}

/* The first is known: the others line up. */
static void line_up(struct heat *h)
{
    struct evaluation *e = h->e;
    h->runner = arena_array(h->arena, e->n, sizeof *h->runner);
    h->now.n = e->n - 1;
    h->on_items = true;
    for (size_t k = 0; k < e->seeds; k++) h->on_items &= duel_has_races(&e->base->objective, &h->said[k]);
    duel_leeway(&e->base->objective, h->said, e->seeds, h->leeway);
    for (size_t i = 1; i < e->n; i++) {
        struct runner *r = h->runner[i - 1] = arena_alloc(h->arena, sizeof *r);
        r->place = i;
        contest_begin(&r->contest, &e->base->objective, e->on_seed[0], e->seeds);
    }
    if (h->on_items) h->now.weigh = on_answer, h->now.data = h;
}

static int run_first(struct heat *h)
{
    struct evaluation *e = h->e, first = *e;
    first.n = 1;
    first.said = h->said = arena_array(h->arena, e->seeds, sizeof *h->said);
    int code = run_what_is_left(&first, h->arena);
    e->failure = first.failure;
    if (code != EXIT_OK || !first.value) return code;
    e->value = arena_array(h->arena, e->n, sizeof *e->value);
    e->on_seed = arena_array(h->arena, e->n, sizeof *e->on_seed);
    memcpy(e->value[0], first.value[0], sizeof *e->value);
    memcpy(e->on_seed[0], first.on_seed[0], sizeof *e->on_seed);
    return code;
}

int heats_run(struct evaluation *e, struct evaluated **ret, struct arena *arena)
{
    struct heat *h = arena_alloc(arena, sizeof *h);
    *h = (struct heat){.e = e, .now = *e, .arena = arena};
    *ret = h->course = arena_array(arena, e->n, sizeof *h->course);
    int code = run_first(h);
    if (code != EXIT_OK || !e->value) return code;
    h->course[0].seeds = e->seeds;
    line_up(h);
    for (size_t k = 0; code == EXIT_OK && h->now.n > 0 && k < e->seeds; k++) code = run_heat(h, k);
    return code;
}
