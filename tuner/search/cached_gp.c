#include "tuner/search/cached_gp.h"

#include "tuner/base/arena.h"

#include <stdlib.h>
#include <string.h>

static const double SURE = 0.9;

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

/* The first n rows' y as the GP sees it. */
static double *scale(const struct targets *r, size_t n, const enum goal *warped)
{
    double *y = must_alloc(n, sizeof *y);
    memcpy(y, r->y, n * sizeof *y);
    if (warped) targets_warp(y, n, *warped);
    return y;
}

static enum status fit(struct cached_gp *c, const struct targets *r, const struct dimension *dim,
                       const enum goal *warped, uint64_t seed, struct error *err)
{
    double *y = scale(r, c->n_fit, warped);
    struct gp_data data = {.n = c->n_fit, .d = r->d, .x = r->x, .y = y, .noise = r->noise, .dim = dim};
    enum status s = gp_fit(&data, seed, &c->gp, err);
    free(y);
    if (s) return s;
    c->n = c->n_fit;
    c->warped = warped != NULL;
    return STATUS_OK;
}

/* Warped unless it is surely noisy: what is bad by noise alone says as much as what is good. */
static enum status fit_anew(struct cached_gp *c, const struct targets *r, const struct dimension *dim,
                            const enum goal *warped, uint64_t seed, struct error *err)
{
    enum status s = fit(c, r, dim, warped, seed, err);
    if (s || !warped || gp_hyper(c->gp)->noisy < SURE) return s;
    gp_free(c->gp);
    c->gp = NULL;
    return fit(c, r, dim, NULL, seed, err);
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
    if (!still_fits(c, r, fit_at)) {
        cached_gp_done(c);
        c->n_fit = fit_at;
        enum status s = fit_anew(c, r, dim, warped, seed, err);
        if (s) return s;
    }
    for (; c->n < r->n; c->n++) gp_append(c->gp, r->x + c->n * r->d, r->noise ? r->noise[c->n] : 0);
    double *y = scale(r, r->n, c->warped ? warped : NULL);
    gp_observe(c->gp, y);
    free(y);
    remember(c, r);
    return STATUS_OK;
}
