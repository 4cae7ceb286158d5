/* median: the trial's best utility so far is below the median of the others' means over as many reports [Golovin et al.
 * 2017, "Google Vizier"].
 *
 * For any objective whose utility the reports give; from MEDIAN_FROM other curves of that length on, and only after the
 * grace.
 */
#include "tuner/search/pruner.h"

#include "tuner/base/arena.h"
#include "tuner/base/words.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MEDIAN_FROM = 5 };

static bool looks(const struct study *study, const struct running *r)
{
    return r->curve->reports > study->stopping.grace;
}

static void judge(const struct study *study, const struct evidence *e, const struct running *r,
                  const struct forecast *x, struct stop_decision *ret)
{
    (void)x;
    long reports = r->curve->reports;
    double *mean = must_alloc(e->n + 1, sizeof *mean), own = -HUGE_VAL;
    size_t n = 0;
    for (long k = 1; k <= reports; k++) own = fmax(own, evidence_utility(e, study, r->curve, k));
    for (size_t i = 0; i < e->n; i++) {
        double sum = 0;
        if (e->trial[i].number == r->number || e->trial[i].curve->reports < reports) continue;
        for (long k = 1; k <= reports; k++) sum += evidence_utility(e, study, e->trial[i].curve, k) / (double)reports;
        if (isfinite(sum)) mean[n++] = sum;
    }
    if (n >= MEDIAN_FROM && looks(study, r)) {
        gsl_sort(mean, 1, n);
        double middle = gsl_stats_median_from_sorted_data(mean, 1, n);
        ret->stop = own < middle;
        snprintf(ret->why, sizeof ret->why, "median: %.4g is below %.4g, the median of %zu other%s after %ld report%s",
                 own, middle, n, words_s(n), reports, words_s((size_t)reports));
    }
    free(mean);
}

const struct pruner_ops pruner_median = {
    .about = "stops whose best so far is below the median of the others", .looks = looks, .judge = judge};
