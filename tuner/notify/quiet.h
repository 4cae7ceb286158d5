/* quiet: hours in which only what is pressing is told; the rest waits for their end.
 *
 * Local clocks count, so that a night is as long as it is when clocks are set. Where a clock shows the moment twice the
 * first counts, where it never does the hour is what the system makes of it. from == to is refused by who reads it.
 */
#ifndef TUNER_NOTIFY_QUIET_H
#define TUNER_NOTIFY_QUIET_H

#include <stdbool.h>
#include <stdint.h>

struct quiet {
    bool some;    /* false: there are none */
    int from, to; /* minutes after midnight, local time; from > to: across midnight */
};

/* Is this moment (wall clock) in them? The first minute is, the last is not. */
bool quiet_is(const struct quiet *q, int64_t wall_ms);
/* When they end, seen from a moment in them. */
int64_t quiet_end_ms(const struct quiet *q, int64_t wall_ms);

#endif
