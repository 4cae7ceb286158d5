#include "tuner/search/learner.h"

#include "tuner/base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void learner_done(struct learner *l)
{
    gp_free(l->gp);
    free(l->x);
    free(l->noise);
    *l = (struct learner){0};
}

/* Are the rows that the GP has the first of these, and no new fit is due? */
static bool still_fits(const struct learner *l, const struct rows *r, size_t fit)
{
    if (!l->gp || l->n_fit != fit || l->n > r->n || l->d != r->d) return false;
    if (memcmp(l->x, r->x, l->n * r->d * sizeof *r->x) != 0) return false;
    return r->noise ? l->noise && memcmp(l->noise, r->noise, l->n * sizeof *r->noise) == 0 : !l->noise;
}

static enum status fit(struct learner *l, const struct rows *r, const struct dimension *dim, const double *y,
                       uint64_t seed, struct error *err)
{
    struct gp_data data = {.n = l->n_fit, .d = r->d, .x = r->x, .y = y, .noise = r->noise, .dim = dim};
    enum status s = gp_fit(&data, seed, &l->gp, err);
    if (!s) l->n = l->n_fit;
    return s;
}

static void remember(struct learner *l, const struct rows *r)
{
    l->d = r->d;
    l->x = must_grow(l->x, r->n * r->d, sizeof *l->x);
    memcpy(l->x, r->x, r->n * r->d * sizeof *l->x);
    if (!r->noise) return;
    l->noise = must_grow(l->noise, r->n, sizeof *l->noise);
    memcpy(l->noise, r->noise, r->n * sizeof *l->noise);
}

enum status learner_update(struct learner *l, const struct rows *r, const struct dimension *dim, warp_fn *warp,
                           const void *warp_data, uint64_t seed, struct error *err)
{
    size_t fit_at = rows_fit_point(r->y, r->n);
    double *y = must_alloc(r->n, sizeof *y);
    enum status s = STATUS_OK;
    if (!still_fits(l, r, fit_at)) {
        learner_done(l);
        l->n_fit = fit_at;
        memcpy(y, r->y, fit_at * sizeof *y);
        if (warp) warp(y, fit_at, warp_data);
        s = fit(l, r, dim, y, seed, err);
    }
    if (!s) {
        for (; l->n < r->n; l->n++) gp_append(l->gp, r->x + l->n * r->d, r->noise ? r->noise[l->n] : 0);
        memcpy(y, r->y, r->n * sizeof *y);
        if (warp) warp(y, r->n, warp_data);
        gp_observe(l->gp, y);
        remember(l, r);
    }
    free(y);
    return s;
}
