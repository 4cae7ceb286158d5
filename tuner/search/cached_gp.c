#include "tuner/search/cached_gp.h"

#include "tuner/base/arena.h"

#include <stdlib.h>
#include <string.h>

void cached_gp_done(struct cached_gp *c)
{
    gp_free(c->gp);
    free(c->x);
    free(c->noise);
    *c = (struct cached_gp){0};
}

/* Are the rows that the GP has the first of these, and no new fit is due? */
static bool still_fits(const struct cached_gp *c, const struct targets *r, size_t fit)
{
    if (!c->gp || c->n_fit != fit || c->n > r->n || c->d != r->d) return false;
    if (memcmp(c->x, r->x, c->n * r->d * sizeof *r->x) != 0) return false;
    return r->noise ? c->noise && memcmp(c->noise, r->noise, c->n * sizeof *r->noise) == 0 : !c->noise;
}

static enum status fit(struct cached_gp *c, const struct targets *r, const struct dimension *dim, const double *y,
                       uint64_t seed, struct error *err)
{
    struct gp_data data = {.n = c->n_fit, .d = r->d, .x = r->x, .y = y, .noise = r->noise, .dim = dim};
    enum status s = gp_fit(&data, seed, &c->gp, err);
    if (!s) c->n = c->n_fit;
    return s;
}

static void remember(struct cached_gp *c, const struct targets *r)
{
    c->d = r->d;
    c->x = must_grow(c->x, r->n * r->d, sizeof *c->x);
    memcpy(c->x, r->x, r->n * r->d * sizeof *c->x);
    if (!r->noise) return;
    c->noise = must_grow(c->noise, r->n, sizeof *c->noise);
    memcpy(c->noise, r->noise, r->n * sizeof *c->noise);
}

enum status cached_gp_update(struct cached_gp *c, const struct targets *r, const struct dimension *dim,
                             const enum goal *warped, uint64_t seed, struct error *err)
{
    size_t fit_at = targets_fit_point(r->y, r->n);
    double *y = must_alloc(r->n, sizeof *y);
    enum status s = STATUS_OK;
    if (!still_fits(c, r, fit_at)) {
        cached_gp_done(c);
        c->n_fit = fit_at;
        memcpy(y, r->y, fit_at * sizeof *y);
        if (warped) targets_warp(y, fit_at, *warped);
        s = fit(c, r, dim, y, seed, err);
    }
    if (!s) {
        for (; c->n < r->n; c->n++) gp_append(c->gp, r->x + c->n * r->d, r->noise ? r->noise[c->n] : 0);
        memcpy(y, r->y, r->n * sizeof *y);
        if (warped) targets_warp(y, r->n, *warped);
        gp_observe(c->gp, y);
        remember(c, r);
    }
    free(y);
    return s;
}
