/* salvage: a body of outcomes that is no JSON as a whole, read item by item, so that one of them (a name with \u0000 or
 * half a surrogate in it, a number beyond all bounds, NaN) does not take along those that came with it: what cannot be
 * read is null, which intake refuses by its place.
 *
 *     json_t *body;
 *     if (salvage_outcomes("{\"outcomes\": [{\"unit\": \"a\\u0000\"}, {}]}", 39, &body)) json_decref(body);
 */
#ifndef TUNER_LIVE_SALVAGE_H
#define TUNER_LIVE_SALVAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* False: it is not {"outcomes": […]} with a list that ends, of INTAKE_ITEMS_MAX items at most. *ret: that; the
 * caller's. */
bool salvage_outcomes(const char *text, size_t n, json_t **ret);

#endif
