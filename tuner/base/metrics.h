/* metrics: the numbers that a report or a result brings, through whatever door: {"name": number}. */
#ifndef TUNER_BASE_METRICS_H
#define TUNER_BASE_METRICS_H

#include "tuner/base/error.h"

#include <jansson.h>
#include <stdbool.h>

enum { METRICS_SAID_MAX = 64, METRIC_NAME_MAX = 200 };

/* An object of at most METRICS_SAID_MAX finite numbers, whose names have 1 to METRIC_NAME_MAX bytes and no control
 * characters. */
enum status metrics_check(const json_t *metrics, struct error *err);

/* Their names and values, in the object's order: METRICS_SAID_MAX at most. Names are the object's. */
size_t metrics_split(const json_t *metrics, const char **ret_name, double *ret_value);

/* Items: what a program says of single questions, words, requests, each with metrics of its own. */
enum { ITEM_ID_MAX = 200 /* bytes */, ITEMS_MAX = 100000 /* of an attempt */ };

/* A text of 1 to ITEM_ID_MAX bytes without control characters. */
bool metrics_is_item_id(const json_t *id);

enum { METRICS_HINT_MAX = 400 };

/* Of a metric that is not in an object of them: "; it has 'EM', 'tokens' (did you mean 'EM'?)", "" if it has nothing.
 * `metrics` may be NULL; size: METRICS_HINT_MAX. */
const char *metrics_hint(const json_t *metrics, const char *missing, char *ret, size_t size);

#endif
