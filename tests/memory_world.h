/* A study, its live history, and another that reads the same log: compared field by field. */
#ifndef TESTS_MEMORY_WORLD_H
#define TESTS_MEMORY_WORLD_H

#include "tests/test.h"

#include "tuner/history/internal.h"
#include "tuner/history/curve.h"
#include "tuner/policy/policy.h"

#include <unistd.h>

static const char STUDY[] = "study: toy\n"
                            "trial: {command: [python3, -S, " TESTS "/sdk/toy.py], grace: 1s, backoff: 1s}\n"
                            "parameters:\n"
                            "  rate: {type: float, range: [1e-3, 10], scale: log}\n"
                            "  patience: {type: int, range: [1, 20]}\n"
                            "  threshold: {type: float, range: [1e-4, 1e-2], scale: log}\n"
                            "metrics:\n"
                            "  em: {goal: maximize, kind: proportion, of: 10000}\n"
                            "  tokens: {goal: minimize, kind: count}\n"
                            "baseline: {rate: 0.01, patience: 20, threshold: 1e-4}\n"
                            "objective: {weights: {em: 0.7, tokens: 0.3}}\n"
                            "confirm: {top: 1, seeds: 2}\n";

struct world {
    char folder[40];
    struct study *study;
    struct store *store, *other;
    struct history *live;
    int64_t compared; /* seq */
    size_t times, with_rule, adjusted;
    bool done;
};

/* ---- comparing ---- */

static inline bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static inline bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

#define SAME(what, condition)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) fail_msg("trial %ld at event %lld: %s", a->number, (long long)w->live->m.seq, what);         \
    } while (0)

static inline void compare_numbers(const struct world *w, const struct trial *a, const char *what, const double *x,
                                   const double *y, size_t n)
{
    SAME(what, (x != NULL) == (y != NULL));
    for (size_t i = 0; x && i < n; i++)
        if (!same_number(x[i], y[i]))
            fail_msg("trial %ld at event %lld: %s %zu is %.17g, and %.17g by the log", a->number,
                     (long long)w->live->m.seq, what, i, x[i], y[i]);
}

static inline void compare_trajectory(const struct world *w, const struct trial *a, const struct trial *b)
{
    SAME("trajectory", a->trajectory.n == b->trajectory.n && a->segment.until == b->segment.until);
    for (size_t i = 0; i < a->trajectory.n; i++) {
        SAME("trajectory", a->trajectory.step[i].from == b->trajectory.step[i].from);
        SAME("trajectory", a->trajectory.step[i].trial == b->trajectory.step[i].trial);
        compare_numbers(w, a, "trajectory", a->trajectory.step[i].config, b->trajectory.step[i].config,
                        w->study->space.n);
    }
}

static inline void compare_observed(struct world *w, const struct trial *a, const struct trial *b)
{
    if (!a->attempt.curve) return;
    const struct early_stopping *x = curve_rule(a), *y = curve_rule(b);
    const struct curve *o = a->attempt.curve, *p = b->attempt.curve;
    if (!p && o->curve.n == 0) return; /* a new attempt that has not reported yet */
    SAME("observed", p != NULL);
    SAME("rule", (x != NULL) == (y != NULL));
    SAME("curve", o->curve.n == p->curve.n && o->curve.reports == p->curve.reports && o->curve.every == p->curve.every);
    compare_numbers(w, a, "curve's cost", o->curve.at, p->curve.at, o->curve.n);
    compare_numbers(w, a, "curve", o->curve.value, p->curve.value, o->curve.n * o->curve.n_metrics);
    SAME("adjusted", o->adjusted == p->adjusted);
    if (!x) return;
    SAME("patience", x->patience == y->patience && x->threshold == y->threshold);
    SAME("rule", x->metric == y->metric && x->mode == y->mode && x->bad == y->bad && same_number(x->best, y->best));
    w->with_rule++;
    w->adjusted += o->adjusted;
}

static inline void compare_attempt(const struct world *w, const struct trial *a, const struct trial *b)
{
    SAME("attempts", a->effort.attempts == b->effort.attempts && a->effort.crashes == b->effort.crashes);
    SAME("machine_crashes",
         a->effort.machine_crashes == b->effort.machine_crashes && a->effort.poisonous == b->effort.poisonous);
    SAME("lease", a->attempt.lease == b->attempt.lease && a->attempt.client == b->attempt.client);
    SAME("holder", same_text(a->attempt.holder.agent, b->attempt.holder.agent) &&
                       same_text(a->attempt.holder.token, b->attempt.holder.token));
    SAME("busy_ms", a->effort.busy_ms == b->effort.busy_ms && a->effort.tokens == b->effort.tokens);
    SAME("resumed_cost", a->attempt.resumed_cost == b->attempt.resumed_cost);
    SAME("stop_state",
         a->attempt.stop.state == b->attempt.stop.state && same_text(a->attempt.stop.reason, b->attempt.stop.reason));
    SAME("checkpoint", same_text(a->checkpoint.name, b->checkpoint.name) &&
                           same_text(a->checkpoint.digest, b->checkpoint.digest) &&
                           a->checkpoint.attempt == b->checkpoint.attempt && a->checkpoint.step == b->checkpoint.step &&
                           a->checkpoint.bytes == b->checkpoint.bytes && a->checkpoint.cost == b->checkpoint.cost);
    if (trial_state_final(a->state) || a->state == TRIAL_QUEUED) return;
    SAME("reports", a->attempt.reports == b->attempt.reports && a->attempt.step == b->attempt.step);
    compare_numbers(w, a, "last", a->attempt.last, b->attempt.last, w->study->objective.n_metrics);
}

static inline void compare_trial(struct world *w, const struct trial *a, const struct trial *b)
{
    size_t m = w->study->objective.n_metrics;
    SAME("state", a->state == b->state && a->role == b->role);
    SAME("seed", a->seed == b->seed && a->confirms == b->confirms && a->segment.round == b->segment.round &&
                     a->segment.parent == b->segment.parent);
    SAME("source", same_text(a->source, b->source));
    SAME("reason", same_text(a->reason, b->reason));
    SAME("goes on", a->resumed.times == b->resumed.times && a->resumed.whole == b->resumed.whole);
    SAME("goes on", a->resumed.from.step == b->resumed.from.step && a->resumed.from.cost == b->resumed.from.cost);
    SAME("outside", same_text(a->outside, b->outside));
    SAME("note", same_text(a->note, b->note));
    SAME("place", a->at.seq == b->at.seq && a->attempt.began_ms == b->attempt.began_ms);
    SAME("times", a->created_ms == b->created_ms && a->finished_ms == b->finished_ms && a->told == b->told);
    SAME("expect", a->need.tokens == b->need.tokens && a->need.ms == b->need.ms);
    SAME("extra", (a->extra != NULL) == (b->extra != NULL) && (!a->extra || json_equal(a->extra, b->extra)));
    compare_numbers(w, a, "config", a->config, b->config, w->study->space.n);
    compare_numbers(w, a, "value", a->value, b->value, m);
    compare_numbers(w, a, "expected", a->attempt.stop.expected, b->attempt.stop.expected, m);
    compare_numbers(w, a, "spread", a->attempt.stop.spread, b->attempt.stop.spread, m);
    compare_attempt(w, a, b);
    compare_trajectory(w, a, b);
    compare_observed(w, a, b);
}

static inline void compare_sessions(struct world *w, struct history *x, struct history *y)
{
    const struct trial *a = x->m.trial[0];
    SAME("trials", x->m.n == y->m.n && x->m.seq == y->m.seq && x->told == y->told);
    SAME("phase", x->m.phase == y->m.phase && same_text(x->m.note, y->m.note));
    SAME("baseline", x->m.baseline.since == y->m.baseline.since);
    SAME("baseline", x->m.baseline.runs == y->m.baseline.runs && x->m.baseline.again == y->m.baseline.again);
    compare_numbers(w, a, "baseline", x->m.baseline.mean, y->m.baseline.mean, w->study->objective.n_metrics);
    SAME("best", (x->m.best.trial ? x->m.best.trial->number : -1) == (y->m.best.trial ? y->m.best.trial->number : -1));
    SAME("best_utility",
         !x->m.best.trial || (x->m.best.utility == y->m.best.utility && x->m.best.second == y->m.best.second));
    SAME("tally", memcmp(x->m.tally.count, y->m.tally.count, sizeof x->m.tally.count) == 0);
    SAME("tally", x->m.tally.searched == y->m.tally.searched && x->m.tally.finished == y->m.tally.finished);
    SAME("tally", x->m.tally.confirmed == y->m.tally.confirmed && x->m.tally.fallbacks == y->m.tally.fallbacks);
    SAME("tally", x->m.tally.tokens == y->m.tally.tokens && x->m.tally.busy_ms == y->m.tally.busy_ms);
    SAME("recent", x->m.tally.n_recent == y->m.tally.n_recent);
    compare_numbers(w, a, "recent", x->m.tally.recent_tokens, y->m.tally.recent_tokens, RECENT_MAX);
    struct search_history h = history_view(x), i = history_view(y);
    SAME("history", h.n == i.n);
    for (size_t k = 0; k < h.n; k++) {
        SAME("history", h.trial[k].outcome == i.trial[k].outcome && h.trial[k].told == i.trial[k].told);
        compare_numbers(w, a, "history", h.trial[k].metrics, i.trial[k].metrics, w->study->objective.n_metrics);
    }
    for (size_t k = 0; k < x->m.n; k++) compare_trial(w, x->m.trial[k], y->m.trial[k]);
}

/* ---- reading the log ---- */

static inline void read_anew(struct world *w)
{
    struct error err;
    struct history *s = history_bare(w->other, w->study, w->live->m.study_id, w->live->m.seed, clock_real());
    assert_ok(history_load_until(s, INT64_MAX, &err), err);
    assert_ok(curve_load(s, &err), err);
    if (s->m.seq == w->live->m.seq) {
        compare_sessions(w, w->live, s);
        w->compared = s->m.seq;
        w->times++;
    }
    history_free(s);
}

/* ---- without a coordinator ---- */

static inline void open_world_of(struct world *w, const char *text)
{
    char path[100];
    struct error err;
    struct budget budget = {.trials = 6, .until_minutes = -1};
    struct opening opening = {.seed = 3, .budget = &budget, .slots = 2};
    snprintf(w->folder, sizeof w->folder, "/tmp/nocturne-memory-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(path, sizeof path, "%s/s.yaml", w->folder);
    assert_ok(study_parse(path, text, strlen(text), &w->study, &err), err);
    snprintf(path, sizeof path, "%s/n.db", w->folder);
    assert_ok(store_open(path, STORE_CREATE, &w->store, &err), err);
    assert_ok(history_open(w->store, w->study, &opening, clock_real(), &w->live, &err), err);
    assert_ok(store_open(path, STORE_EXISTING, &w->other, &err), err);
}

static inline void compare_now(struct world *w)
{
    struct error err;
    assert_ok(history_flush(w->live, &err), err);
    read_anew(w);
    assert_int_equal(w->compared, w->live->m.seq);
}

static inline void end_trial(struct world *w, long number, enum trial_state to)
{
    struct history *s = w->live;
    const struct trial *t = s->m.trial[number];
    struct error err;
    json_t *metrics = to == TRIAL_COMPLETE ? json_pack("{s:f, s:f}", "em", 0.5, "tokens", 100.0) : NULL;
    if (to != TRIAL_CANCELLED) assert_ok(history_lease(s, t, "/d", 0, &err), err);
    if (to != TRIAL_CANCELLED) assert_ok(history_started(s, t, 7, 0, &err), err);
    assert_ok(
        history_finish(s, t, &(struct ending){.state = to, .metrics = metrics, .reason = metrics ? NULL : "so"}, &err),
        err);
    json_decref(metrics);
    compare_now(w);
}

static inline void add_trials(struct history *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double config[] = {0.1 * (double)(i + 1), 3, 1e-3};
        history_add(s, &(struct addition){.role = ROLE_SEARCH, .config = config, .source = "test"});
    }
}

static inline void end(struct world *w)
{
    char command[100];
    history_free(w->live);
    store_close(w->store);
    store_close(w->other);
    study_free(w->study);
    snprintf(command, sizeof command, "rm -rf %s", w->folder);
    assert_int_equal(system(command), 0);
}

#endif
