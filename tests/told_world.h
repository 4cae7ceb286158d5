/* told_world: a study of any space, in memory, whose trials a test adds with their results. */
#ifndef TESTS_TOLD_WORLD_H
#define TESTS_TOLD_WORLD_H

#include "tests/fake_clock.h"
#include "tests/test.h"

#include "tuner/history/history.h"

#include "tuner/base/rng.h"

struct told_world {
    struct fake_clock clock;
    struct study *study;
    struct store *store;
    struct history *history;
    const struct memory *memory;
    struct rng rng;
};

static inline struct told_world *told_make(const char *text)
{
    struct told_world *w = calloc(1, sizeof *w);
    struct error err;
    w->clock = fake_clock_at(1000000, 1000000);
    w->rng = rng_derive(11, "told", 0);
    assert_ok(study_parse("s.yaml", text, strlen(text), &w->study, &err), err);
    assert_ok(store_open(":memory:", STORE_CREATE, &w->store, &err), err);
    assert_ok(history_open(w->store, w->study, &(struct opening){.seed = 7}, &w->clock.clock, &w->history, &err), err);
    w->memory = history_memory(w->history);
    return w;
}

static inline void told_free(struct told_world *w)
{
    history_free(w->history);
    store_close(w->store);
    study_free(w->study);
    free(w);
}

/* Takes the metrics; NULL: it fails. */
static inline void told_end(struct told_world *w, const struct trial *t, enum trial_state state, json_t *metrics)
{
    struct error err;
    assert_ok(history_lease(w->history, t, "/d", 0, &err), err);
    assert_ok(history_started(w->history, t, 4242, 0, &err), err);
    fake_clock_pass(&w->clock, 1000);
    assert_ok(
        history_finish(w->history, t, &(struct ending){.state = state, .metrics = metrics, .reason = "test"}, &err),
        err);
    json_decref(metrics);
}

static inline const struct trial *told_add(struct told_world *w, const double *config, json_t *metrics)
{
    const struct trial *t =
        history_add(w->history, &(struct addition){.role = ROLE_SEARCH, .config = config, .source = "test"});
    told_end(w, t, metrics ? TRIAL_COMPLETE : TRIAL_FAILED, metrics);
    return t;
}

/* Evenly from the space. */
static inline void told_draw(struct told_world *w, double *config)
{
    const struct space *s = &w->study->space;
    for (size_t i = 0; i < s->n; i++) {
        const struct param *p = &s->param[i];
        double u = rng_unit(&w->rng);
        if (p->n_values)
            config[i] = floor(u * (double)p->n_values);
        else
            config[i] = param_nearest(p, p->log ? p->lo * pow(p->hi / p->lo, u) : p->lo + u * (p->hi - p->lo));
        if (!condition_holds(p->when, config)) config[i] = NAN;
    }
}

#endif
