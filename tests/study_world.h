/* A small study with a baseline and a reference, in memory: its trials move as a test tells them. */
#ifndef TESTS_STUDY_WORLD_H
#define TESTS_STUDY_WORLD_H

#include "tests/fake_clock.h"
#include "tests/test.h"

#include "tuner/history/history.h"
#include "tuner/history/internal.h"

static const char STUDY[] =
    "study: s\nparameters:\n  x: {type: float, range: [0, 1]}\n  k: {type: int, range: [1, 9]}\n"
    "metrics:\n  em: {goal: maximize, kind: proportion, of: 1000}\n  tokens: {goal: minimize, kind: count}\n"
    "baseline: {x: 0.5, k: 5}\nreferences: {strong: {x: 0.2, k: 2}}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
    "constraints: [em >= baseline - 0.01]\nbudget: {trials: 20, tokens: 1e6}\nconfirm: {top: 2, seeds: 2}\n";

struct world {
    struct fake_clock clock;
    struct study *study;
    struct store *store;
    struct history *history;
};

/* The study file with one part of it written anew. */
static inline struct study *study_edited(const char *old, const char *new)
{
    char text[2 * sizeof STUDY];
    const char *at = strstr(STUDY, old);
    struct study *study = NULL;
    struct error err;
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - STUDY), STUDY, new, at + strlen(old));
    assert_ok(study_parse("s.yaml", text, strlen(text), &study, &err), err);
    return study;
}

/* Owns the study. */
static inline struct world *world_with(struct study *study)
{
    struct world *w = calloc(1, sizeof *w);
    struct error err;
    w->clock = fake_clock_at(1000000, 1000000);
    w->study = study;
    assert_ok(store_open(":memory:", STORE_CREATE, &w->store, &err), err);
    assert_ok(history_open(w->store, w->study, &(struct opening){.seed = 7}, &w->clock.clock, &w->history, &err), err);
    return w;
}

static inline struct world *world_make(void)
{
    return world_with(study_edited("", ""));
}

static inline void world_free(struct world *w)
{
    history_free(w->history);
    store_close(w->store);
    study_free(w->study);
    free(w);
}

/* Forgets everything in memory and reads it back. */
static inline void reopen(struct world *w)
{
    struct error err;
    assert_ok(history_flush(w->history, &err), err);
    history_free(w->history);
    w->history = NULL;
    assert_ok(history_open(w->store, w->study, &(struct opening){.seed = 99}, &w->clock.clock, &w->history, &err), err);
}

static inline void start(struct world *w, const struct trial *t)
{
    struct error err;
    assert_ok(history_lease(w->history, t, "/d", 0, &err), err);
    assert_ok(history_started(w->history, t, 4242, 0, &err), err);
}

static inline void complete(struct world *w, const struct trial *t, double em, double tokens)
{
    struct error err;
    json_t *m = json_pack("{s:f, s:f}", "em", em, "tokens", tokens);
    if (t->state == TRIAL_QUEUED) start(w, t);
    fake_clock_pass(&w->clock, 1000);
    assert_ok(history_finish(w->history, t, &(struct ending){.state = TRIAL_COMPLETE, .metrics = m}, &err), err);
    json_decref(m);
}

static inline const struct trial *add(struct world *w, enum trial_role role, double x, double k)
{
    return history_add(w->history, &(struct addition){.role = role, .config = (double[]){x, k}, .source = "test"});
}

static inline void report_on(struct world *w, const struct trial *t, double em, double tokens)
{
    curve_report(w->history, internal_own(w->history, t), 0, (double[]){em, tokens});
}

#endif
