/* salvage: bodies that are no JSON as a whole, read in part, so that one name with \u0000 or half a surrogate in it,
 * one number beyond all bounds or one NaN does not take along all that came with it. Of outcomes an item that cannot be
 * read is null, which intake refuses by its place. Of telemetry it is the value alone: what needs it is refused by
 * itself (otlp), and what nobody reads (a prompt that was cut in the middle of an emoji) costs nothing.
 *
 *     json_t *body;
 *     if (salvage_outcomes("{\"outcomes\": [{\"unit\": \"a\\u0000\"}, {}]}", 39, &body)) json_decref(body);
 *     if (salvage_values("{\"prompt\": \"\\ud83d\", \"tokens\": 7}", 33, &body)) json_decref(body);
 */
#ifndef TUNER_LIVE_SALVAGE_H
#define TUNER_LIVE_SALVAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* False: it is not {"outcomes": […]} with a list that ends, of INTAKE_ITEMS_MAX items at most. *ret: that; the
 * caller's. */
bool salvage_outcomes(const char *text, size_t n, json_t **ret);

/* False: it is no JSON object even if texts, words and numbers that cannot be read are null. *ret: that; the caller's.
 */
bool salvage_values(const char *text, size_t n, json_t **ret);

#endif
