/* metrics: the numbers that a report or a result brings, through whatever door: {"name": number}. */
#ifndef TUNER_BASE_METRICS_H
#define TUNER_BASE_METRICS_H

#include "tuner/base/error.h"

#include <jansson.h>

enum { METRICS_SAID_MAX = 64, METRIC_NAME_MAX = 200 };

/* An object of at most METRICS_SAID_MAX finite numbers, whose names have 1 to METRIC_NAME_MAX bytes and no control
 * characters. */
enum status metrics_check(const json_t *metrics, struct error *err);

#endif
