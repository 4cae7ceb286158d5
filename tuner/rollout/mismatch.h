/* mismatch: do units really arrive in the shares that were promised (sample-ratio mismatch)?
 *
 * If not, something between assignment and outcome loses units of one arm, and nothing that is said of their difference
 * can be believed. E = Σ_k w_k Π_steps exp(φ_k n1 − n log(1 − π + π e^φ_k)) over tilts φ = ±0.01 · 2^j of the log odds,
 * an e-process: of all experiments without a mismatch at most a share `alpha` is ever accused, however often one looks,
 * and evidence adds up over the steps of a ramp. Delay: about what a chi-square test of fixed size needs.
 */
#ifndef TUNER_ROLLOUT_MISMATCH_H
#define TUNER_ROLLOUT_MISMATCH_H

#include <stddef.h>

struct arrivals { /* of one step */
    double share; /* of the challenger, in (0, 1) */
    double champion, challenger;
};

/* log E; an alarm at log(1/alpha). */
double mismatch_evidence(const struct arrivals *steps, size_t n);

/* Of units that lack something, are there more of the champion's than its share? By tilts −0.01 · 2^j up to −2.56:
 * where it is only the champion's that do, thirty of them at equal shares are enough for alpha 1 %. */
double mismatch_of_champion(const struct arrivals *steps, size_t n);

#endif
