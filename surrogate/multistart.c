#include "surrogate/multistart.h"

#include "tuner/base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY = 5 };

static const double SUFFICIENT = 1e-4, SHORTER = 0.25, FLAT = 1e-5, SMALLEST = 1e-7, FIRST_STEP = 0.1;

enum phase { CLIMBING, DONE };

struct state {
    enum phase phase;
    double gradient[SURROGATE_DIMS_MAX], direction[SURROGATE_DIMS_MAX], step;
    double s[MEMORY][SURROGATE_DIMS_MAX], y[MEMORY][SURROGATE_DIMS_MAX], rho[MEMORY]; /* newest last */
    size_t n_memory;
};

static double dot(size_t d, const double *a, const double *b)
{
    double sum = 0;
    for (size_t k = 0; k < d; k++) sum += a[k] * b[k];
    return sum;
}

static bool is_free(const struct multistart *m, const struct climber *c, const double *gradient, size_t k)
{
    if (!c->movable[k]) return false;
    return !(c->point[k] <= m->lo[k] && gradient[k] < 0) && !(c->point[k] >= m->hi[k] && gradient[k] > 0);
}

/* The two-loop recursion for ascent, on the dimensions that may move; the gradient itself if that does not ascend. */
static void choose_direction(const struct multistart *m, const struct climber *c, struct state *s)
{
    size_t d = m->d;
    double q[SURROGATE_DIMS_MAX], alpha[MEMORY], free_gradient[SURROGATE_DIMS_MAX];
    for (size_t k = 0; k < d; k++) q[k] = free_gradient[k] = is_free(m, c, s->gradient, k) ? s->gradient[k] : 0;
    for (size_t i = s->n_memory; i-- > 0;) {
        alpha[i] = s->rho[i] * dot(d, s->s[i], q);
        for (size_t k = 0; k < d; k++) q[k] -= alpha[i] * s->y[i][k];
    }
    if (s->n_memory > 0) {
        size_t last = s->n_memory - 1;
        double scale = 1 / (s->rho[last] * dot(d, s->y[last], s->y[last]));
        for (size_t k = 0; k < d; k++) q[k] *= scale;
    }
    for (size_t i = 0; i < s->n_memory; i++) {
        double beta = s->rho[i] * dot(d, s->y[i], q);
        for (size_t k = 0; k < d; k++) q[k] += s->s[i][k] * (alpha[i] - beta);
    }
    for (size_t k = 0; k < d; k++) q[k] = free_gradient[k] != 0 ? q[k] : 0;
    s->step = 1;
    if (s->n_memory == 0 || !(dot(d, q, free_gradient) > 0)) {
        double largest = 0;
        for (size_t k = 0; k < d; k++) largest = fmax(largest, fabs(free_gradient[k]));
        memcpy(q, free_gradient, d * sizeof *q);
        s->n_memory = 0;
        s->step = largest > 0 ? fmin(1, FIRST_STEP / largest) : 0;
    }
    memcpy(s->direction, q, d * sizeof *q);
    if (!(s->step > 0)) s->phase = DONE;
}

/* Of −value, whose gradient is −gradient. */
static void remember(struct state *s, size_t d, const double *moved, const double *change)
{
    double sy = dot(d, moved, change);
    if (!(sy > 1e-12)) return;
    if (s->n_memory == MEMORY) {
        memmove(s->s, s->s + 1, sizeof s->s - sizeof *s->s);
        memmove(s->y, s->y + 1, sizeof s->y - sizeof *s->y);
        memmove(s->rho, s->rho + 1, sizeof s->rho - sizeof *s->rho);
        s->n_memory--;
    }
    memcpy(s->s[s->n_memory], moved, d * sizeof *moved);
    memcpy(s->y[s->n_memory], change, d * sizeof *change);
    s->rho[s->n_memory++] = 1 / sy;
}

static void propose(const struct multistart *m, const struct climber *c, const struct state *s, double *ret)
{
    for (size_t k = 0; k < m->d; k++)
        ret[k] = c->movable[k] ? fmin(fmax(c->point[k] + s->step * s->direction[k], m->lo[k]), m->hi[k]) : c->point[k];
}

/* Takes the proposed point, or shortens the step. */
static void judge(const struct multistart *m, struct climber *c, struct state *s, const double *proposed, double value,
                  const double *gradient)
{
    size_t d = m->d;
    double moved[SURROGATE_DIMS_MAX], change[SURROGATE_DIMS_MAX];
    for (size_t k = 0; k < d; k++) {
        moved[k] = proposed[k] - c->point[k];
        change[k] = s->gradient[k] - gradient[k];
    }
    double promised = dot(d, moved, s->gradient);
    if (!(value >= c->value + SUFFICIENT * promised)) { /* NaN as well */
        s->step *= SHORTER;
        if (s->step * sqrt(dot(d, s->direction, s->direction)) < SMALLEST) s->phase = DONE;
        return;
    }
    double gain = value - c->value;
    remember(s, d, moved, change);
    memcpy(c->point, proposed, d * sizeof *proposed);
    memcpy(s->gradient, gradient, d * sizeof *gradient);
    c->value = value;
    if (gain < FLAT) s->phase = DONE;
    if (s->phase == CLIMBING) choose_direction(m, c, s);
}

void multistart_climb(const struct multistart *m, struct climber *c, size_t n)
{
    struct state *s = must_alloc(MULTISTART_CLIMBERS_MAX, sizeof *s);
    size_t d = m->d, at[MULTISTART_CLIMBERS_MAX];
    double *points = must_alloc(MULTISTART_CLIMBERS_MAX * d, sizeof *points),
           *gradients = must_alloc(MULTISTART_CLIMBERS_MAX * d, sizeof *points);
    double values[MULTISTART_CLIMBERS_MAX];
    for (size_t i = 0; i < n; i++) memcpy(points + i * d, c[i].point, d * sizeof *points);
    acquisition_values(m->acquisition, points, n, values, gradients);
    for (size_t i = 0; i < n; i++) {
        c[i].value = values[i];
        memcpy(s[i].gradient, gradients + i * d, d * sizeof *gradients);
        s[i].phase = isfinite(values[i]) ? CLIMBING : DONE;
        if (s[i].phase == CLIMBING) choose_direction(m, &c[i], &s[i]);
    }
    for (size_t r = 0; r < m->rounds; r++) {
        size_t climbing = 0;
        for (size_t i = 0; i < n; i++)
            if (s[i].phase == CLIMBING) {
                propose(m, &c[i], &s[i], points + climbing * d);
                at[climbing++] = i;
            }
        if (climbing == 0) break;
        acquisition_values(m->acquisition, points, climbing, values, gradients);
        for (size_t j = 0; j < climbing; j++)
            judge(m, &c[at[j]], &s[at[j]], points + j * d, values[j], gradients + j * d);
    }
    free(s);
    free(points);
    free(gradients);
}
