/* rng: random numbers whose state is derived, not remembered.
 *
 * A generator is made from (seed, stream, index), for example (study seed, "suggest",
 * trial number): after a restart the same numbers come again. xoshiro256++ 1.0
 * (Blackman & Vigna 2019), seeded by SplitMix64. Not for secrets.
 */
#ifndef TUNER_BASE_RNG_H
#define TUNER_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

struct rng rng_derive(uint64_t seed, const char *stream, uint64_t index);
uint64_t rng_bits(struct rng *r);
double rng_unit(struct rng *r);                /* in (0, 1), never an end */
double rng_normal(struct rng *r);              /* mean 0, variance 1 (Box-Muller) */
size_t rng_below(struct rng *r, size_t limit); /* 0 … limit−1; limit ≥ 1 */

#endif
