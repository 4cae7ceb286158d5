/* course: how the differences went, for people: what they and their intervals were at so many units. A row is kept for
 * each twentieth more units, at least 20, for each change of the shares, and when the experiment ends by itself: 160
 * rows in a million units. No decision looks at it.
 */
#ifndef TUNER_LIVE_COURSE_H
#define TUNER_LIVE_COURSE_H

#include "tuner/live/record.h"

enum course_why {
    COURSE_USUAL,
    COURSE_END, /* it ends now: its last row */
};

/* A row, if one is due. Within a transaction of the record's store. */
enum status course_note(const struct record *r, enum course_why why, int64_t now_ms, struct error *err);

/* {"experiment", "at_ms": […], "units": […], "challengers": [{"variant", "tracks": [{"metric", "what", "ratio",
 * "points", "line", "by": […], "low": […], "high": […]}]}], "ramp": [{"at_ms", "share"}]}: the last of each list is how
 * it stands. "line": what the metric must be above (of what is minimised, and of amounts: below) to be good enough;
 * "points": its range is 0 to 1. The caller owns it. */
enum status course_json(const struct record *r, int64_t now_ms, json_t **ret, struct error *err);

#endif
