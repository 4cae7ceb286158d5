#include "tuner/search/prediction.h"

#include "tuner/search/quantile.h"
#include "tuner/search/targets.h"

#include "tuner/base/arena.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SURPRISES = 19, FEW = 1 };

/* quantile_conformal of a few distances, whose scale is known no better than by them and by one of size 1: Student's t.
 */
static double student_quantile(const double *z, size_t m, double coverage)
{
    double sum = FEW, n = FEW + (double)m;
    for (size_t i = 0; i < m; i++) sum += z[i] * z[i];
    return sqrt(sum / n) * gsl_cdf_tdist_Pinv(0.5 + coverage / 2, n);
}

/* Anywhere: how far each of the later half of the rows lies from what all the others say. In a space with branches, of
 * which one says little of another, the rows of the point's own; few of them know no quantile: no less than the
 * others', nor than so few leave open. */
static double usual_distance(const struct gp *gp, const struct targets *r, const struct encoding *e,
                             const double *point, double coverage)
{
    size_t n = gp_rows(gp), m = 0;
    double *z = must_alloc(n, sizeof *z), *variance = must_alloc(n, sizeof *variance),
           *own = must_alloc(n, sizeof *own);
    gp_leave_one_out(gp, z, variance);
    for (size_t i = 0; i < n; i++) z[i] = fabs(r->y[i] - z[i]) / sqrt(variance[i]);
    for (size_t i = 0; encoding_is_conditional(e) && i < n; i++)
        if (encoding_same_branch(e, r->x + i * r->d, point)) own[m++] = z[i];
    double all = quantile_conformal(z + n / 2, n - n / 2, coverage), few = student_quantile(own, m, coverage),
           of_branch = quantile_conformal(own, m, coverage);
    free(z);
    free(variance);
    free(own);
    if (!encoding_is_conditional(e)) return all;
    return coverage * (double)(m + 1) <= (double)m ? of_branch : fmax(fmax(of_branch, few), all);
}

/* At a point that the search itself has chosen: it chooses where the model is hopeful and is surprised more often than
 * anywhere. So: how far the last results lay from what the model, as it was then, said of them. */
static double chosen_distance(const struct targets *r, const struct dimension *dim, const enum goal *warped,
                              uint64_t seed, double coverage)
{
    struct cached_gp past = {0};
    double *y = must_alloc(r->n, sizeof *y), z[SURPRISES];
    size_t from = r->n > SURPRISES + 4 ? r->n - SURPRISES : 4, m = 0;
    for (size_t i = from; i < r->n; i++) {
        struct targets before = *r;
        double mean, variance;
        before.n = i;
        if (cached_gp_update(&past, &before, dim, warped, seed, NULL)) break;
        memcpy(y, r->y, (i + 1) * sizeof *y);
        if (past.warped) targets_warp(y, i + 1, *warped);
        gp_predict(past.gp, r->x + i * r->d, &mean, &variance);
        z[m++] = fabs(y[i] - mean) / sqrt(variance + gp_noise(past.gp) + (r->noise ? r->noise[i] : 0));
    }
    cached_gp_done(&past);
    free(y);
    return quantile_conformal(z, m, coverage);
}

struct prediction prediction_make(const struct model *m, const struct model_input *in,
                                  const struct prediction_query *query)
{
    const struct objective *o = &in->study->objective;
    const struct metric *of = &o->metric[query->metric];
    const struct gp *gp = m->cached[query->metric].gp;
    const enum goal *warpable = targets_are_warped(o, query->metric) ? &of->goal : NULL;
    bool warped = m->cached[query->metric].warped;
    const struct targets_source source = {in->history, in->points, m->order, m->n_complete, m->d};
    struct targets r = targets_of_metric(&source, of, query->metric);
    double unit = targets_unit(&r), mean, variance, q[3];
    gp_predict(gp, query->point, &mean, &variance);
    struct targets_level *l = must_alloc(r.n, sizeof *l);
    for (size_t i = 0; i < r.n; i++) l[i].raw = of->goal * (r.y[i] /= unit);
    double z = query->chosen ? chosen_distance(&r, in->encoding->dim, warpable, in->seed, query->coverage) : 0;
    if (warped) targets_warp(r.y, r.n, of->goal);
    if (!query->chosen) z = usual_distance(gp, &r, in->encoding, query->point, query->coverage);
    double sd = sqrt(variance + gp_noise(gp) + targets_known_noise(of, targets_transform_back(of, mean)));
    for (int i = 0; i < 3; i++) q[i] = mean + (i - 1) * z * sd;
    if (warped) {
        for (size_t i = 0; i < r.n; i++) l[i].warped = of->goal * r.y[i];
        qsort(l, r.n, sizeof *l, targets_level_compare);
        for (int i = 0; i < 3; i++) q[i] = of->goal * targets_unwarp(l, r.n, of->goal * q[i]);
    }
    free(l);
    targets_done(&r);
    for (int i = 0; i < 3; i++) q[i] = targets_transform_back(of, q[i]) * (of->kind == METRIC_VALUE ? unit : 1);
    return (struct prediction){.low = q[0], .median = q[1], .high = q[2]};
}
