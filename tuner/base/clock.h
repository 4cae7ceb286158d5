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

/* The same without steps back: when the wall clock is set back, this one goes on from where it was, at the pace of the
 * monotonic clock; what has passed has passed for as long as the process lives. A step forward is taken. Any thread may
 * read it. `base` must live as long. */
struct clock *clock_steady_create(const struct clock *base);
void clock_steady_free(struct clock *c); /* NULL is fine */

static inline int64_t clock_wall_ms(const struct clock *c)
{
    return c->wall_ms(c);
}

static inline int64_t clock_mono_ms(const struct clock *c)
{
    return c->mono_ms(c);
}

#endif
