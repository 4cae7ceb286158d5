/* event_fast: reads the two events that a long log is full of, suggestions and results, without building a JSON tree.
 *
 * It understands only what event_body writes most often. Whatever else there is, event_read must read, which
 * understands everything; where both understand, both say the same (tests/test_event_fast.c).
 */
#ifndef TUNER_HISTORY_EVENT_FAST_H
#define TUNER_HISTORY_EVENT_FAST_H

#include "tuner/history/event.h"

struct event_fast { /* what the event points into */
    double config[SPACE_PARAMS_MAX];
    double value[METRICS_MAX];
    char source[160], token[40];
};

/* False: not one of the simple ones. */
bool event_fast_read(const struct store_event *stored, const struct study *study, struct event_fast *ret_data,
                     struct event *ret);

#endif
