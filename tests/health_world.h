/* A study that is looked at: what is said of its health, and trials by which it comes to that. */
#ifndef TESTS_HEALTH_WORLD_H
#define TESTS_HEALTH_WORLD_H

#include "tests/study_world.h"

#include "tuner/analysis/analysis.h"
#include "tuner/base/rng.h"

struct looked {
    struct arena arena;
    struct health health;
};

static const struct health_facts AT_IT = {.known = true, .running = true}, NOBODY = {.known = true};

static inline struct looked look_with(struct world *w, const struct health_facts *facts)
{
    struct looked x = {0};
    x.health = health_of(history_memory(w->history), facts, &x.arena);
    return x;
}

static inline const struct finding *find(const struct looked *x, enum health_check check)
{
    for (size_t i = 0; i < x->health.n; i++)
        if (x->health.finding[i].check == check) return &x->health.finding[i];
    return NULL;
}

/* `part`: of its sentence or action; NULL: whatever they are. */
static inline void assert_found(const struct looked *x, enum health_check check, enum health_level level,
                                const char *part)
{
    const struct finding *f = find(x, check);
    if (!f) fail_msg("nothing was said of %s", health_check_name(check));
    if (f->level != level)
        fail_msg("%s is %s, not %s: %s", health_check_name(check), health_level_name(f->level),
                 health_level_name(level), f->sentence);
    assert_true((f->action != NULL) == (level > HEALTH_FINE));
    if (part && !strstr(f->sentence, part) && !(f->action && strstr(f->action, part)))
        fail_msg("neither '%s' nor '%s' has '%s'", f->sentence, f->action ? f->action : "", part);
}

static inline void expect_with(struct world *w, const struct health_facts *facts, enum health_check check,
                               enum health_level level, const char *part)
{
    struct looked x = look_with(w, facts);
    assert_found(&x, check, level, part);
    arena_done(&x.arena);
}

static inline void expect(struct world *w, enum health_check check, enum health_level level, const char *part)
{
    expect_with(w, &AT_IT, check, level, part);
}

static inline void expect_nothing(struct world *w, enum health_check check)
{
    struct looked x = look_with(w, &AT_IT);
    if (find(&x, check)) fail_msg("%s: %s", health_check_name(check), find(&x, check)->sentence);
    arena_done(&x.arena);
}

/* ---- worlds ---- */

static const char OTHER_STUDY[] = "study: s\nparameters:\n  x: {type: float, range: [1e-4, 1], scale: log}\n"
                                  "  k: {type: int, range: [2, 10]}\n"
                                  "metrics:\n  em: {goal: maximize, kind: proportion, of: 1000}\n"
                                  "  tokens: {goal: minimize, kind: count}\n";

/* The same trials, by another file: `rest` of it. */
static inline struct world *world_of(const char *rest)
{
    struct world *w = calloc(1, sizeof *w);
    struct error err;
    char text[2000];
    snprintf(text, sizeof text, "%s%s", OTHER_STUDY, rest);
    w->clock = fake_clock_at(1000000, 1000000);
    assert_ok(study_parse("s.yaml", text, strlen(text), &w->study, &err), err);
    assert_ok(store_open(":memory:", STORE_CREATE, &w->store, &err), err);
    const struct budget budget = w->study->budget;
    assert_ok(history_open(w->store, w->study, &(struct opening){.seed = 7, .budget = &budget, .slots = 1},
                           &w->clock.clock, &w->history, &err),
              err);
    return w;
}

static const char PLAIN[] = "baseline: {x: 0.01, k: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
                            "constraints: [em >= baseline - 0.01]\nbudget: {trials: 60}\nconfirm: {top: 2, seeds: 2}\n";

static inline const struct memory *seen(struct world *w)
{
    return history_memory(w->history);
}

static inline void fails(struct world *w, const struct trial *t, const char *why)
{
    struct error err;
    if (t->state == TRIAL_QUEUED) start(w, t);
    fake_clock_pass(&w->clock, 1000);
    assert_ok(history_finish(w->history, t, &(struct ending){.state = TRIAL_FAILED, .reason = why}, &err), err);
}

static inline void run_baseline(struct world *w, double em)
{
    complete(w, seen(w)->trial[0], em, 1e5);
}

static inline void confirm(struct world *w, long number, double em, double tokens)
{
    const struct trial *t = seen(w)->trial[number];
    complete(w,
             history_add(
                 w->history,
                 &(struct addition){.role = ROLE_CONFIRM, .config = t->config, .source = "test", .confirms = number}),
             em, tokens);
}

/* A measured em whose noise is that of 1,000 items about. */
static inline double noisy(double em, struct rng *rng)
{
    return round(1000 * (em + 0.004 * rng_normal(rng))) / 1000;
}

static inline double draw_x(struct rng *rng)
{
    return exp(log(1e-4) * rng_unit(rng));
}

/* Best in the middle: x = 0.01, k = 6. */
static inline double em_of(double x, double k)
{
    return 0.7 - 0.02 * pow(log10(x) + 2, 2) - 0.004 * (k - 6) * (k - 6);
}

static inline void search(struct world *w, size_t n, struct rng *rng)
{
    for (size_t i = 0; i < n; i++) {
        double x = draw_x(rng), k = 2 + (double)rng_below(rng, 9);
        complete(w, add(w, ROLE_SEARCH, x, k), noisy(em_of(x, k), rng), round(1e5 * (0.5 + rng_unit(rng))));
    }
}

#endif
