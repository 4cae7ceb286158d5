/* false_alarms: how often each check of a study's health speaks of one that is healthy, just so that it nearly is not.
 *
 *     cmake --workflow --preset bench && build/bench/bin/false_alarms [studies]
 *
 * Each world is at the edge that a check's rule is stated for (run_checks.h, space_checks.h, result_checks.h): a
 * baseline that varies by just what its constraint speaks of, a constraint that a quarter of the space satisfies, and
 * so on. Studies of 60 trials, looked at after each: in how many the check speaks at a look (the mean over all looks at
 * which it can say anything), and in how many it ever does.
 */
#include "tuner/analysis/result_checks.h"
#include "tuner/analysis/run_checks.h"
#include "tuner/analysis/space_checks.h"

#include "tests/fake_clock.h"

#include "tuner/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIALS = 60, MODELLED = 40, STUDIES = 1000, REPORTS = 20, STEPS = 4 };

struct world {
    struct fake_clock clock;
    struct study *study;
    struct store *store;
    struct history *history;
    struct rng rng;
    size_t looks, alarms; /* of the check that is asked for */
};

static void must(enum status s, const struct error *err)
{
    if (!s) return;
    fprintf(stderr, "false_alarms: %s\n", err->text);
    exit(1);
}

/* ---- what happens in a study ---- */

static const struct trial *begin(struct world *w, enum trial_role role, long confirms)
{
    struct error err;
    const double config[] = {rng_unit(&w->rng), 2 + (double)rng_below(&w->rng, 9)};
    const struct addition a = {.role = role, .config = config, .source = "test", .confirms = confirms};
    const struct memory *s = history_memory(w->history);
    const struct trial *t = s->n == 1 && s->trial[0]->state == TRIAL_QUEUED ? s->trial[0] : history_add(w->history, &a);
    must(history_lease(w->history, t, "/d", 0, &err), &err);
    must(history_started(w->history, t, 4242, 0, &err), &err);
    return t;
}

static void end(struct world *w, const struct trial *t, double em, double tokens)
{
    struct error err;
    json_t *m = json_pack("{s:f, s:f}", "em", fmin(fmax(em, 0), 1), "tokens", tokens);
    fake_clock_pass(&w->clock, 1000);
    must(history_finish(w->history, t, &(struct ending){.state = TRIAL_COMPLETE, .metrics = m}, &err), &err);
    json_decref(m);
}

static void fail(struct world *w, const char *why)
{
    struct error err;
    const struct trial *t = begin(w, ROLE_SEARCH, 0);
    must(history_finish(w->history, t, &(struct ending){.state = TRIAL_FAILED, .reason = why}, &err), &err);
}

static double normal(struct world *w, double mean, double sd)
{
    return mean + sd * rng_normal(&w->rng);
}

static void measure(struct world *w, double em, double sd)
{
    end(w, begin(w, ROLE_SEARCH, 0), normal(w, em, sd), round(normal(w, 1e5, 1e4)));
}

/* ---- looking ---- */

typedef struct finding check_fn(const struct checkup *x);

static void look(struct world *w, check_fn *check)
{
    static const struct plan unknown;
    const struct health_facts facts = {.known = true, .running = check != result_check_model};
    struct arena a = {0};
    const struct checkup x = checkup_make(history_memory(w->history), &facts, &unknown, &a);
    struct finding f = check(&x);
    w->looks += f.sentence && f.level > HEALTH_LATER;
    w->alarms += f.level > HEALTH_FINE;
    arena_done(&a);
}

/* ---- worlds: the first trial is the baseline, i the number of one after it ---- */

static void fail_by_nature(struct world *w, size_t i)
{
    char why[30];
    snprintf(why, sizeof why, "of its own: %c%c", 'a' + (char)(i / 26), 'a' + (char)(i % 26));
    if (rng_unit(&w->rng) < 0.05)
        fail(w, why);
    else
        measure(w, 0.6, 0.01);
}

static void fail_alike(struct world *w, size_t i)
{
    (void)i;
    if (rng_unit(&w->rng) < 0.01)
        fail(w, "out of memory");
    else
        measure(w, 0.6, 0.01);
}

/* Gaps between reports are gamma of shape 4; each is looked at when it is longest. */
static void report(struct world *w, size_t i)
{
    const struct trial *t = begin(w, ROLE_SEARCH, 0);
    (void)i;
    for (long k = 0; k < REPORTS; k++) {
        double gap = 0;
        for (int part = 0; part < 4; part++) gap -= 60000 * log(1 - rng_unit(&w->rng));
        fake_clock_pass(&w->clock, (int64_t)gap);
        look(w, run_check_reports);
        json_t *m = json_pack("{s:f}", "em", 0.5);
        history_report(w->history, t, k, m);
        json_decref(m);
    }
    end(w, t, 0.6, 1e5);
}

/* The constraint speaks of 0.01. */
static void confirm_baseline(struct world *w, size_t i)
{
    if (i < 6) end(w, begin(w, ROLE_CONFIRM, 0), normal(w, 0.6, 0.01 / M_SQRT2), 1e5);
}

static void train(struct world *w, size_t i)
{
    const struct trial *t = begin(w, ROLE_SEARCH, 0);
    double way = rng_unit(&w->rng) < 0.5 ? -0.1 : 0.1;
    (void)i;
    for (int k = 0; k < STEPS; k++) {
        json_t *m = json_pack("{s:f, s:f}", "em", 0.6 + way * k / STEPS, "tokens", 1000.0 * (k + 1));
        history_report(w->history, t, k, m);
        json_decref(m);
    }
    end(w, t, 0.6 + way, normal(w, 1e5, 1e4));
}

/* A quarter has em ≥ 0.6 − 0.01. */
static void satisfy(struct world *w, size_t i)
{
    (void)i;
    measure(w, 0.59 - 0.6745 * 0.1, 0.1);
}

static void spread_twice(struct world *w, size_t i)
{
    if (i < 4)
        end(w, begin(w, ROLE_CONFIRM, 0), normal(w, 0.6, 0.01), round(normal(w, 1e5, 1e3)));
    else
        end(w, begin(w, ROLE_SEARCH, 0), normal(w, 0.6, 0.02), round(normal(w, 1e5, 2e3)));
}

static void vary(struct world *w, size_t i)
{
    (void)i;
    measure(w, 0.6, 0.05);
}

/* One in a hundred of those that were condemned beats all. */
static void audit(struct world *w, size_t i)
{
    struct error err;
    const struct trial *t = begin(w, ROLE_SEARCH, 0);
    must(history_condemn(w->history, t, "no chance", NULL, true, &err), &err);
    end(w, t, rng_unit(&w->rng) < 0.01 ? 0.7 + 0.001 * (double)i : 0.5, 1e5);
}

/* Half of the variance of em is noise, a quarter is due to each parameter; looked at once, since a model takes time. */
static void predict(struct world *w, size_t i)
{
    const struct trial *t = begin(w, ROLE_SEARCH, 0);
    double x = (t->config[0] - 0.5) / sqrt(1.0 / 12), k = (t->config[1] - 6) / sqrt(20.0 / 3);
    end(w, t, normal(w, 0.6 + 0.05 * (x + k) / 2, 0.05 / M_SQRT2), round(1e5 * (1 + 0.1 * k)));
    if (i + 1 == MODELLED) look(w, result_check_model);
}

struct row {
    const char *name, *edge;
    void (*live)(struct world *w, size_t i);
    check_fn *check;
};

static const struct row rows[] = {
    {"reports", "gaps of gamma 4, 60 trials of 20 reports", report, run_check_reports},
    {"failures", "one in twenty, each for its own reason", fail_by_nature, run_check_failures},
    {"failures", "one in a hundred, all alike", fail_alike, run_check_failures},
    {"baseline", "varies by what the constraint is about, 6 seeds", confirm_baseline, result_check_baseline},
    {"metrics", "training is as likely to make one worse", train, result_check_metrics},
    {"constraints", "a quarter of the space satisfies it", satisfy, result_check_constraints},
    {"best", "normal", vary, result_check_best},
    {"stops", "one in a hundred wrong, 60 audited", audit, result_check_stops},
    {"effect", "trials differ by twice the noise, 5 seeds", spread_twice, space_check_effect},
    {"bounds", "utility depends on nothing", vary, space_check_bounds},
    {"model", "half of the variance is noise, once at 40 trials", predict, result_check_model},
};

static const char FILE_TEXT[] =
    "study: s\nparameters:\n  x: {type: float, range: [0.1, 0.9]}\n  k: {type: int, range: [2, 10]}\n"
    "metrics:\n  em: {goal: maximize, kind: proportion}\n  tokens: {goal: minimize, kind: count}\n"
    "baseline: {x: 0.5, k: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
    "constraints: [em >= baseline - 0.01]\nbudget: {trials: 60}\nconfirm: {top: 2, seeds: 2}\n"
    "stopping: {pruner: auto, audit: 0.05}\n";

static struct world open_world(uint64_t seed)
{
    struct error err;
    struct world w = {.clock = fake_clock_at(1000000, 1000000), .rng = rng_derive(seed, "false alarms", 0)};
    must(study_parse("s.yaml", FILE_TEXT, strlen(FILE_TEXT), &w.study, &err), &err);
    must(store_open(":memory:", STORE_CREATE, &w.store, &err), &err);
    return w;
}

/* Adds to what was seen: alarms of all looks, and studies with any. */
static void live_one(const struct row *row, uint64_t seed, double *ret_at_a_look, size_t *ret_ever)
{
    struct error err;
    struct world w = open_world(seed);
    const struct opening opening = {.seed = seed, .budget = &w.study->budget, .slots = 1};
    must(history_open(w.store, w.study, &opening, &w.clock.clock, &w.history, &err), &err);
    end(&w, begin(&w, ROLE_BASELINE, 0), row->check == result_check_baseline ? normal(&w, 0.6, 0.01 / M_SQRT2) : 0.6,
        1e5);
    for (size_t i = 0; i < TRIALS; i++) {
        row->live(&w, i);
        if (row->check != run_check_reports && row->check != result_check_model) look(&w, row->check);
    }
    *ret_at_a_look += w.looks ? (double)w.alarms / (double)w.looks : 0;
    *ret_ever += w.alarms > 0;
    history_free(w.history);
    store_close(w.store);
    study_free(w.study);
}

int main(int argc, char **argv)
{
    size_t studies = argc > 1 ? strtoul(argv[1], NULL, 10) : STUDIES;
    printf("%-12s %-50s %10s %10s\n", "check", "at its edge", "at a look", "ever");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double at_a_look = 0;
        size_t ever = 0;
        for (uint64_t seed = 1; seed <= studies; seed++) live_one(&rows[i], seed, &at_a_look, &ever);
        printf("%-12s %-50s %8.2f %% %8.1f %%\n", rows[i].name, rows[i].edge, 100 * at_a_look / (double)studies,
               100 * (double)ever / (double)studies);
        fflush(stdout);
    }
    return 0;
}
