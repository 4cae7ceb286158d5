/* field: of an event's body, which is a JSON object: what is as usual is left out, and what is left out is as usual.
 *
 * What is read points into the object.
 */
#ifndef TUNER_HISTORY_FIELD_H
#define TUNER_HISTORY_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

void field_put_text(json_t *o, const char *key, const char *v); /* usual: NULL, "" */
void field_put_int(json_t *o, const char *key, int64_t v, int64_t usual);
void field_put_number(json_t *o, const char *key, double v); /* usual: what is not finite and above 0 */
void field_put_flag(json_t *o, const char *key, bool v);     /* usual: false */

const char *field_get_text(const json_t *o, const char *key); /* NULL: there is none, or it is no text */
int64_t field_get_int(const json_t *o, const char *key, int64_t usual);
double field_get_number(const json_t *o, const char *key); /* 0: the same */
bool field_get_flag(const json_t *o, const char *key);

#endif
