/* asha: at reports grace·3ᵏ, k = 0, 1, …, the trial is not in the best third of those that came so far [Li et al. 2020,
 * "A system for massively parallel hyperparameter tuning"].
 *
 * Ranked by the utility of the metrics as reported, itself among them; for any objective whose utility the reports
 * give. With fewer than ETA curves at a rung nothing is stopped there.
 */
#include "tuner/search/pruner.h"

#include "tuner/base/words.h"

#include <math.h>
#include <stdio.h>

enum { ETA = 3 };

/* The highest rung that it has come to. */
static long rung_of(const struct study *study, const struct running *r)
{
    long rung = study->stopping.grace;
    while (rung <= r->curve->reports / ETA) rung *= ETA;
    return rung;
}

/* Several reports may have come at once. */
static bool looks(const struct study *study, const struct running *r)
{
    long rung = rung_of(study, r);
    return rung <= r->curve->reports && rung > r->judged;
}

struct place {
    long rung;
    size_t better, n; /* of those that came so far, this one among them; n = 0: it cannot be told */
};

static struct place place_of(const struct study *study, const struct evidence *e, const struct running *r)
{
    struct place p = {.rung = rung_of(study, r)};
    double own = evidence_utility(e, study, r->curve, p.rung);
    if (isnan(own)) return p;
    p.n = 1;
    for (size_t i = 0; i < e->n; i++) {
        double other = e->trial[i].number == r->number ? NAN : evidence_utility(e, study, e->trial[i].curve, p.rung);
        p.n += isnan(other) ? 0 : 1;
        p.better += other > own ? 1 : 0;
    }
    return p;
}

/* Of n at a rung so many go on. */
static size_t promoted(size_t n)
{
    return (n + ETA - 1) / ETA;
}

static void judge(const struct study *study, const struct evidence *e, const struct running *r,
                  const struct forecast *x, struct stop_decision *ret)
{
    (void)x;
    struct place p = looks(study, r) ? place_of(study, e, r) : (struct place){0};
    if (p.n == 0) return;
    ret->stop = p.n >= ETA && p.better >= promoted(p.n);
    snprintf(ret->why, sizeof ret->why, "asha: %zu of %zu were better after %ld report%s", p.better, p.n - 1, p.rung,
             words_s((size_t)p.rung));
}

/* Promotion, as the asynchronous scheme has it: who has come to be in the best third of its rung goes on. */
static void reconsider(const struct study *study, const struct evidence *e, const struct stopped_trial *stopped,
                       size_t n, double *ret)
{
    for (size_t i = 0; i < n; i++) {
        const struct evidence_trial *t = &e->trial[stopped[i].at];
        const struct running r = {.number = t->number, .config = t->config, .curve = t->curve};
        struct place p = place_of(study, e, &r);
        if (p.n >= ETA) ret[i] = (double)promoted(p.n) / ((double)(p.better + 1) * stopped[i].price);
    }
}

const struct pruner_ops pruner_asha = {.about = "stops who is not in the best third at reports 1, 3, 9, …",
                                       .looks = looks,
                                       .judge = judge,
                                       .reconsider = reconsider};
