/* text: metrics, times and configurations as people write them. Buffers are the caller's, or the arena's; what is not
 * finite is "-". */
#ifndef TUNER_REPORT_TEXT_H
#define TUNER_REPORT_TEXT_H

#include "tuner/study/study.h"

#include "tuner/base/arena.h"

#include <stdint.h>

/* A metric's value as people write it (metric_show). */
const char *report_metric(const struct metric *m, double v, char *buf, size_t size);
/* With its sign and four digits; "-" for NaN. */
const char *report_utility(double u, char *buf, size_t size);
/* Wall clock, local time: "2026-11-25 07:00:00". */
const char *report_time(int64_t ms, char *buf, size_t size);
/* "patience=4 threshold=0.0012"; in the arena. */
const char *report_config(const struct space *space, const double *config, struct arena *arena);
/* The same, what differs from `near` first; NULL: nothing to compare with. */
const char *report_config_near(const struct space *space, const double *config, const double *near,
                               struct arena *arena);
/* … and with four digits of each number: to see, not to use. */
const char *report_config_short(const struct space *space, const double *config, const double *near,
                                struct arena *arena);
/* Only what differs from `from`, NULL: all, with four digits of each number. "": nothing does. */
const char *report_config_apart(const struct space *space, const double *config, const double *from,
                                struct arena *arena);

#endif
