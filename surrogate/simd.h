/* simd: what loops that vectorise share. One binary holds clones of a FAST function for AVX-512, AVX2 and neither, and
 * the loader picks. */
#ifndef SURROGATE_SIMD_H
#define SURROGATE_SIMD_H

#include <stdint.h>

/* Sanitizers and the resolvers of clones do not go together. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define FAST __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FAST
#endif

/* e^{−t} for t ≥ 0, to 1 ulp or so, without a branch: −t = n ln 2 + r, |r| ≤ ½ ln 2, Taylor to r¹³ (2e-18), and 2ⁿ by
 * the exponent bits. Beyond t = 700 the value stays e^{−700}. */
static inline double exp_minus(double t)
{
    const double shift = 0x1.8p52, ln2_hi = 0x1.62e42fefa0000p-1, ln2_lo = 0x1.cf79abc9e3b3ap-40;
    double x = -(t < 700 ? t : 700);
    double kd = x * 1.4426950408889634074 + shift;
    union {
        double f;
        uint64_t u;
    } bits = {kd}, power;
    double n = kd - shift, r = (x - n * ln2_hi) - n * ln2_lo;
    double p = 1.0 / 6227020800;
    p = p * r + 1.0 / 479001600;
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r * r + r + 1;
    power.u = (bits.u + 1023) << 52;
    return p * power.f;
}

#endif
