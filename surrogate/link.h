/* link: how an output of a GP enters the utility; link_value and link_slope are in surrogate.h.
 *
 *     identity ℓ(f) = f,   logistic ℓ(f) = 1/(1 + e^{−f}),   exp ℓ(f) = e^f, for any f; exp stays at e^700 above 700
 */
#ifndef SURROGATE_LINK_H
#define SURROGATE_LINK_H

#include "surrogate/surrogate.h"

/* First and second derivative. */
void link_slopes(enum link link, double f, double *ret_first, double *ret_second);

#endif
