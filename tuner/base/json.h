/* json: small helpers around jansson, strict everywhere: duplicate keys, NaN and
 * trailing bytes are errors. */
#ifndef TUNER_BASE_JSON_H
#define TUNER_BASE_JSON_H

#include "tuner/base/error.h"

#include <jansson.h>
#include <stddef.h>

/* Commas, colons and opening brackets outside of texts: no value takes memory without one, whatever its bytes. */
size_t json_marks(const char *text, size_t len);

/* Parses one JSON object. Ownership of *ret goes to the caller (json_decref). */
enum status json_parse_object(const char *text, size_t len, json_t **ret, struct error *err);

/* STATUS_INVALID names the first key of the object that is not in the list, which ends with NULL. */
enum status json_only(const json_t *object, struct error *err, ...) __attribute__((sentinel));

/* Compact text with numbers that survive the round trip (17 digits). Caller frees. */
char *json_exact(const json_t *value);

/* The same without spaces, and each number with as few digits as the round trip needs: for what is stored by the
 * hundred thousand. Caller frees. */
char *json_tight(const json_t *value);

/* The fewest digits that survive the round trip: 15 to 17. buf: 40 bytes. */
const char *json_shortest(double v, char *buf);

/* Compact text with numbers for people and pipes (15 digits). Caller frees. */
char *json_pretty_numbers(const json_t *value);

#endif
