/* fake_clock: the time as a test says it is. */
#ifndef TESTS_FAKE_CLOCK_H
#define TESTS_FAKE_CLOCK_H

#include "tuner/base/clock.h"

struct fake_clock {
    struct clock clock;
    int64_t wall, mono; /* milliseconds; to be set at will */
};

static inline int64_t fake_wall(const struct clock *c)
{
    return ((const struct fake_clock *)(const void *)c)->wall;
}

static inline int64_t fake_mono(const struct clock *c)
{
    return ((const struct fake_clock *)(const void *)c)->mono;
}

static inline struct fake_clock fake_clock_at(int64_t wall, int64_t mono)
{
    return (struct fake_clock){{fake_wall, fake_mono}, wall, mono};
}

/* Both go on. */
static inline void fake_clock_pass(struct fake_clock *c, int64_t ms)
{
    c->wall += ms;
    c->mono += ms;
}

#endif
