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

static void judge(const struct study *study, const struct evidence *e, const struct running *r,
                  const struct forecast *x, struct stop_decision *ret)
{
    (void)x;
    long rung = rung_of(study, r);
    size_t better = 0, n = 1, eta = ETA;
    double own = evidence_utility(e, study, r->curve, rung);
    if (!looks(study, r) || isnan(own)) return;
    for (size_t i = 0; i < e->n; i++) {
        double other = e->trial[i].number == r->number ? NAN : evidence_utility(e, study, e->trial[i].curve, rung);
        n += isnan(other) ? 0 : 1;
        better += other > own ? 1 : 0;
    }
    ret->stop = n >= eta && better >= (n + eta - 1) / eta;
    snprintf(ret->why, sizeof ret->why, "asha: %zu of %zu were better after %ld report%s", better, n - 1, rung,
             words_s((size_t)rung));
}

const struct pruner_ops pruner_asha = {.looks = looks, .judge = judge};
