#include "tuner/search/prediction.h"

#include "tuner/search/rows.h"

#include "tuner/base/arena.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SURPRISES = 19 };

/* The quantile of m distances that holds a share `coverage` of a next one [conformal prediction, Vovk et al. 2005], but
 * no less than a normal distribution's. */
static double conformal_quantile(double *z, size_t m, double coverage)
{
    size_t at = (size_t)ceil(coverage * (double)(m + 1));
    gsl_sort(z, 1, m);
    double normal = normal_quantile(0.5 + coverage / 2);
    return m ? fmax(z[at > m ? m - 1 : at - 1], normal) : normal;
}

/* Anywhere: how far each of the later half of the rows lies from what all the others say. */
static double usual_distance(const struct gp *gp, const double *y, double coverage)
{
    size_t n = gp_rows(gp), from = n / 2;
    double *mean = must_alloc(n, sizeof *mean), *variance = must_alloc(n, sizeof *variance);
    gp_leave_one_out(gp, mean, variance);
    for (size_t i = from; i < n; i++) mean[i - from] = fabs(y[i] - mean[i]) / sqrt(variance[i]);
    double z = conformal_quantile(mean, n - from, coverage);
    free(mean);
    free(variance);
    return z;
}

/* At a point that the search itself has chosen: it chooses where the model is hopeful and is surprised more often than
 * anywhere. So: how far the last results lay from what the model, as it was then, said of them. */
static double chosen_distance(const struct rows *r, const struct dimension *dim, warp_fn *warp, const enum goal *goal,
                              uint64_t seed, double coverage)
{
    struct learner past = {0};
    double *y = must_alloc(r->n, sizeof *y), z[SURPRISES];
    size_t from = r->n > SURPRISES + 4 ? r->n - SURPRISES : 4, m = 0;
    for (size_t i = from; i < r->n; i++) {
        struct rows before = *r;
        double mean, variance;
        before.n = i;
        if (learner_update(&past, &before, dim, warp, goal, seed, NULL)) break;
        memcpy(y, r->y, (i + 1) * sizeof *y);
        if (warp) warp(y, i + 1, goal);
        gp_predict(past.gp, r->x + i * r->d, &mean, &variance);
        z[m++] = fabs(y[i] - mean) / sqrt(variance + gp_noise(past.gp) + (r->noise ? r->noise[i] : 0));
    }
    learner_done(&past);
    free(y);
    return conformal_quantile(z, m, coverage);
}

struct prediction model_predict(const struct model *m, const struct study *study, const struct search_history *history,
                                const double *points, const struct encoding *e, size_t metric, const double *point,
                                bool chosen, double coverage, uint64_t seed)
{
    const struct objective *o = &study->objective;
    const struct metric *of = &o->metric[metric];
    const struct rows_source source = {history, points, m->order, m->n_complete, m->d};
    struct rows r = rows_of_metric(&source, of, metric);
    double unit = rows_unit(&r), mean, variance, q[3];
    gp_predict(m->learner[metric].gp, point, &mean, &variance);
    struct rows_level *l = must_alloc(r.n, sizeof *l);
    warp_fn *warp = rows_are_warped(o, metric) ? rows_warp : NULL;
    for (size_t i = 0; i < r.n; i++) l[i].raw = of->goal * (r.y[i] /= unit);
    double z = chosen ? chosen_distance(&r, e->dim, warp, &of->goal, seed, coverage) : 0;
    if (warp) warp(r.y, r.n, &of->goal);
    if (!chosen) z = usual_distance(m->learner[metric].gp, r.y, coverage);
    double sd = sqrt(variance + gp_noise(m->learner[metric].gp) + rows_known_noise(of, rows_transform_back(of, mean)));
    for (int i = 0; i < 3; i++) q[i] = mean + (i - 1) * z * sd;
    if (rows_are_warped(o, metric)) {
        for (size_t i = 0; i < r.n; i++) l[i].warped = of->goal * r.y[i];
        qsort(l, r.n, sizeof *l, rows_level_compare);
        for (int i = 0; i < 3; i++) q[i] = of->goal * rows_unwarp(l, r.n, of->goal * q[i]);
    }
    free(l);
    rows_done(&r);
    for (int i = 0; i < 3; i++) q[i] = rows_transform_back(of, q[i]) * (of->kind == METRIC_VALUE ? unit : 1);
    return (struct prediction){.low = q[0], .median = q[1], .high = q[2]};
}
