/* choice: one of the values that a categorical or ordinal parameter takes: text, a number, true, false, null, or a list
 * or map of such.
 *
 * A choice is its place in the list. Its texts are three, because a program's arguments know no types and JSON does:
 *     values: [adam, 0.10, 2.0, null, [64, 64]]
 *     text      adam    0.10  2.0  null  [64, 64]      as the study file has it
 *     json     "adam"   0.1   2.0  null  [64, 64]
 *     key      "adam"   0.1   2    null  [64,64]       numbers by their value: 2 and 2.0 are one choice
 */
#ifndef TUNER_STUDY_CHOICE_H
#define TUNER_STUDY_CHOICE_H

#include "tuner/base/arena.h"
#include "tuner/base/yaml.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct choice {
    const char *text; /* argv, environment, CSV */
    const char *json; /* params.json, log, exports */
    const char *key;  /* equal: the same choice */
};

/* Texts are in the arena. STATUS_INVALID: a control character, or longer than `max` bytes. */
enum status choice_read(const struct yaml_node *node, size_t max, struct arena *arena, struct choice *ret,
                        struct error *err);

/* Which of them a JSON value is; SIZE_MAX: none. */
size_t choice_of_json(const struct choice *choice, size_t n, const json_t *value);

/* Which of them a text is: its own text, or one that reads as the same value ("0.1", "[64,64]"); SIZE_MAX: none. */
size_t choice_of_text(const struct choice *choice, size_t n, const char *text);

/* The value; the caller owns it. */
json_t *choice_json(const struct choice *choice);

#endif
