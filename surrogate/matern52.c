/* Matérn-5/2, for functions that are twice differentiable [Rasmussen 2006, eq. 4.17].
 *
 *     k(r) = s² (1 + √5 r + 5r²/3) e^{−√5 r},   slope = (5/3) s² (1 + √5 r) e^{−√5 r}
 *
 * Valid for any r ≥ 0 in any number of dimensions; beyond √5 r = 700 the exponential stays at e^{−700}.
 */
#include "surrogate/kernel.h"
#include "surrogate/simd.h"

#include <math.h>

FAST static void value(size_t n, double signal, double *restrict r2)
{
    for (size_t i = 0; i < n; i++) {
        double t = sqrt(5 * r2[i]);
        r2[i] = signal * (1 + t + t * t * (1.0 / 3)) * exp_minus(t);
    }
}

FAST static void value_and_slope(size_t n, double signal, double *restrict r2, double *restrict slope)
{
    for (size_t i = 0; i < n; i++) {
        double t = sqrt(5 * r2[i]), e = signal * exp_minus(t);
        r2[i] = (1 + t + t * t * (1.0 / 3)) * e;
        slope[i] = (5.0 / 3) * (1 + t) * e;
    }
}

const struct kernel_ops kernel_matern52 = {.name = "matern52", .value = value, .value_and_slope = value_and_slope};
