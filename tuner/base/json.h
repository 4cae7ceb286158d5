/* json: small helpers around jansson, strict everywhere: duplicate keys, NaN and
 * trailing bytes are errors. */
#ifndef TUNER_BASE_JSON_H
#define TUNER_BASE_JSON_H

#include "tuner/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Commas, colons and opening brackets outside of texts: no value takes memory without one, whatever its bytes. */
size_t json_marks(const char *text, size_t len);

/* Parses one JSON object. Ownership of *ret goes to the caller (json_decref). */
enum status json_parse_object(const char *text, size_t len, json_t **ret, struct error *err);

/* The same of what Python's json.dumps writes: NaN, Infinity and -Infinity are taken, as null. */
enum status json_parse_python(const char *text, size_t len, json_t **ret, struct error *err);

/* STATUS_INVALID names the first key of the object that is not in the list, which ends with NULL. */
enum status json_only(const json_t *object, struct error *err, ...) __attribute__((sentinel));

/* A finite number; null for what JSON cannot say (NaN, infinity): never NULL, which would break what holds it. */
json_t *json_number(double v);
/* And back: NaN for what is no number; `v`, `object` may be NULL. */
double json_number_read(const json_t *v);
double json_number_at(const json_t *object, const char *key);
/* A list of n of them; back: false if it has not n items. */
json_t *json_numbers(const double *v, size_t n);
bool json_numbers_read(const json_t *v, double *ret, size_t n);
/* The same, and whole numbers as integers: 7, not 7.0. */
json_t *json_amount(double v);
/* [low, high], as amounts. */
json_t *json_pair(double low, double high);
/* As a study file has it, "90s"; nothing is 0. */
json_t *json_duration(int64_t ms);

/* Text of a value, of any kind. Each number has as few digits as its round trip needs, and a real stays one ("1.0",
 * "1.0e-05"), so that YAML 1.1, TOML and Python read it as the number that it is. Caller frees. */
char *json_text(const json_t *value);     /* on one line, a space behind commas and colons */
char *json_tight(const json_t *value);    /* without spaces: for what is stored by the hundred thousand */
char *json_indented(const json_t *value); /* on several lines: for files */

/* The fewest digits that survive the round trip: 15 to 17, like printf's %g. buf: 40 bytes. */
const char *json_shortest(double v, char *buf);

#endif
