#include "tuner/rollout/allocation.h"

#include <math.h>
#include <string.h>

enum { DRAWS = 300 };

/* Shape ≥ 1, scale 1 [Marsaglia & Tsang 2000]. */
static double gamma_draw(struct rng *r, double shape)
{
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = rng_normal(r), v = pow(1 + c * x, 3);
        if (v > 0 && log(rng_unit(r)) < x * x / 2 + d - d * v + d * log(v)) return d * v;
    }
}

/* Uniform before the first unit. */
static double posterior_draw(struct rng *r, const struct allocation_arm *arm)
{
    double right = gamma_draw(r, 1 + arm->sum), wrong = gamma_draw(r, 1 + arm->units - arm->sum);
    return right / (right + wrong);
}

/* Half a vote for the best of one draw, half for the second. */
static void vote(const struct allocation_arm *arms, size_t n, struct rng *r, double *votes)
{
    size_t best = 0, second = 0;
    double most = -1, next = -1;
    for (size_t i = 0; i < n; i++) {
        double x = posterior_draw(r, &arms[i]);
        if (x > most)
            second = best, next = most, best = i, most = x;
        else if (x > next)
            second = i, next = x;
    }
    votes[best] += 0.5;
    votes[second] += 0.5;
}

static bool can_be(const struct allocation_arm *arms, size_t n, const struct allocation_floors *floors)
{
    double floor = floors->champion + floors->challenger * (double)(n - 1);
    if (n < 2 || n > ALLOCATION_ARMS_MAX || !(floors->champion >= 0 && floors->challenger >= 0 && floor <= 1))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!(arms[i].sum >= 0 && arms[i].sum <= arms[i].units && arms[i].units < INFINITY)) return false;
    return true;
}

bool allocation_share(const struct allocation_arm *arms, size_t n, const struct allocation_floors *floors,
                      struct rng *r, double *ret_shares)
{
    double votes[ALLOCATION_ARMS_MAX] = {0}, sum = 0;
    if (!can_be(arms, n, floors)) return false;
    for (size_t i = 0; i < DRAWS; i++) vote(arms, n, r, votes);
    double left = 1 - floors->champion - floors->challenger * (double)(n - 1);
    for (size_t i = 0; i < n; i++) {
        ret_shares[i] = (i ? floors->challenger : floors->champion) + left * votes[i] / DRAWS;
        sum += ret_shares[i];
    }
    for (size_t i = 0; i < n; i++) ret_shares[i] /= sum;
    return true;
}
