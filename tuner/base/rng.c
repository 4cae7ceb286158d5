#include "tuner/base/rng.h"

#include <math.h>

static uint64_t splitmix(uint64_t *s)
{
    uint64_t z = (*s += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

struct rng rng_derive(uint64_t seed, const char *stream, uint64_t index)
{
    uint64_t s = seed;
    for (; *stream; stream++) s = (splitmix(&s) ^ (unsigned char)*stream);
    s = splitmix(&s) ^ index;
    struct rng r;
    for (int i = 0; i < 4; i++) r.s[i] = splitmix(&s);
    return r;
}

uint64_t rng_bits(struct rng *r)
{
    uint64_t *s = r->s, result = rotate(s[0] + s[3], 23) + s[0], t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

double rng_unit(struct rng *r)
{
    return ((double)(rng_bits(r) >> 11) + 0.5) * 0x1p-53;
}

double rng_normal(struct rng *r)
{
    double radius = sqrt(-2 * log(rng_unit(r)));
    return radius * cos(2 * M_PI * rng_unit(r));
}

size_t rng_below(struct rng *r, size_t limit)
{
    return (size_t)(((unsigned __int128)rng_bits(r) * limit) >> 64);
}
