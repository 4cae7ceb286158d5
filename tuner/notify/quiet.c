#include "tuner/notify/quiet.h"

#include "tuner/base/words.h"

#include <time.h>

bool quiet_is(const struct quiet *q, int64_t wall_ms)
{
    time_t at = (time_t)(wall_ms / 1000);
    struct tm t;
    if (!q->some || !localtime_r(&at, &t)) return false;
    int now = 60 * t.tm_hour + t.tm_min;
    return q->from < q->to ? now >= q->from && now < q->to : now >= q->from || now < q->to;
}

int64_t quiet_end_ms(const struct quiet *q, int64_t wall_ms)
{
    return words_next_time_ms(q->to, wall_ms);
}
