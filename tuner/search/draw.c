#include "tuner/search/draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NEARBY = 300, CENTRES = 5 };

static const double REACH = 0.2;

/* 1, or how far the draw is beyond its bounds, in deviations of theirs, below 0. f: n_outputs × n. */
static double feasible(const struct model *m, const double *f, size_t n, size_t at)
{
    double out = 1;
    for (size_t c = 0; c < m->n_bounds; c++) {
        const struct acquisition_bound *b = &m->bound[c];
        double beyond = (b->at_least ? 1 : -1) * (b->bound - f[b->output * n + at]);
        if (beyond > 0) out = fmin(out, 0) - beyond / sqrt(gp_signal(m->output[b->output].gp));
    }
    return out;
}

static double utility(const struct model *m, const double *f, size_t n, size_t at)
{
    double u = 0;
    for (size_t g = 0; g < m->n_outputs; g++)
        if (m->output[g].weight != 0) u += m->output[g].weight * link_value(m->output[g].link, f[g * n + at]);
    return u;
}

enum status draw_rank(const struct model *m, const struct gp_draws *draws, struct search_rank *ret, struct error *err)
{
    size_t n = draws->n_points;
    double *f = must_alloc(n * m->n_outputs, sizeof *f);
    enum status s = STATUS_OK;
    for (size_t g = 0; !s && g < m->n_outputs; g++) {
        struct gp_draws of_output = *draws;
        of_output.seed += g;
        s = gp_sample(m->output[g].gp, &of_output, f + g * n, err);
    }
    for (size_t i = 0; !s && i < n; i++) ret[i] = (struct search_rank){utility(m, f, n, i), feasible(m, f, n, i), i};
    free(f);
    if (!s) qsort(ret, n, sizeof *ret, search_rank_compare);
    return s;
}

static bool is_among(const double *points, size_t n, const double *point, size_t d)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(points + i * d, point, d * sizeof *point) == 0) return true;
    return false;
}

/* Up to NEARBY points near the best ones, each once. */
static double *points_nearby(struct task *t, const double *best, size_t n_best, size_t *ret_n)
{
    size_t n = 0, centres = n_best < CENTRES ? n_best : CENTRES;
    double *points = arena_array(&t->arena, NEARBY * t->d, sizeof *points);
    bool exists[SURROGATE_DIMS_MAX];
    for (size_t i = 0; i < NEARBY; i++) {
        double *p = points + n * t->d;
        memcpy(p, best + i % centres * t->d, t->d * sizeof *p);
        design_near(t->encoding->dim, t->d, REACH, t->seed, i, p);
        encoding_settle(t->encoding, p, exists);
        n += !is_among(points, n, p, t->d);
    }
    *ret_n = n;
    return points;
}

enum status draw_propose(struct task *t, const double *best, size_t n_best, double *ret_point, bool *ret_found,
                         struct error *err)
{
    struct gp_draws draws = {.n_draws = 1, .seed = t->seed};
    draws.points = points_nearby(t, best, n_best, &draws.n_points);
    struct search_rank *r = arena_array(&t->arena, draws.n_points, sizeof *r);
    enum status s = draw_rank(t->model, &draws, r, err);
    *ret_found = false;
    for (size_t i = 0; !s && !*ret_found && i < draws.n_points; i++) {
        memcpy(ret_point, draws.points + r[i].at * t->d, t->d * sizeof *ret_point);
        *ret_found = !is_among(t->points, t->history->n, ret_point, t->d);
    }
    return s;
}
