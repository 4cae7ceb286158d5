/* clock: the time, passed in, so that tests can own it. */
#ifndef TUNER_BASE_CLOCK_H
#define TUNER_BASE_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*wall_ms)(const struct clock *); /* since 1970-01-01 UTC; may jump */
    int64_t (*mono_ms)(const struct clock *); /* never goes backwards; origin arbitrary */
};

/* The machine's clocks. */
const struct clock *clock_real(void);

static inline int64_t clock_wall_ms(const struct clock *c)
{
    return c->wall_ms(c);
}

static inline int64_t clock_mono_ms(const struct clock *c)
{
    return c->mono_ms(c);
}

#endif
