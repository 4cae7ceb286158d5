/* normal: expected improvement of a normal quantity with its slopes; the rest of it is in surrogate.h.
 *
 *     log EI = log σ + log h(z),  z = (μ − best)/σ,   ∂EI/∂μ · 1/EI = Φ(z)/(σ h(z)),  ∂EI/∂σ · 1/EI = φ(z)/(σ h(z))
 *
 * For σ > 0 and any z, as far out as a double reaches [Ament 2023].
 */
#ifndef SURROGATE_NORMAL_H
#define SURROGATE_NORMAL_H

#include "surrogate/surrogate.h"

/* The slopes only if ret_by_mean is not NULL. */
double normal_log_improvement(double mean, double sd, double best, double *ret_by_mean, double *ret_by_sd);

#endif
