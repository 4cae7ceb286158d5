/* form: what a YAML document must hold: checks of its nodes whose errors name the place, the value and the way out.
 *
 * Each sets "file:line:column: …" and returns STATUS_INVALID if the node is not what it should be; then *ret is
 * untouched. `name`: what the user calls it.
 */
#ifndef TUNER_BASE_FORM_H
#define TUNER_BASE_FORM_H

#include "tuner/base/yaml.h"

#include <stdint.h>

struct form {
    const char *file; /* what it is called in errors */
    struct error *err;
};

enum status form_fail(const struct form *f, const struct yaml_node *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts the position before an error that a function without positions has set. */
enum status form_fail_with(const struct form *f, const struct yaml_node *at, const struct error *inner);
/* form_fail of a word that is none of those known, n of them; behind `what` stands the nearest, if one is near. */
enum status form_unknown(const struct form *f, const struct yaml_node *at, const char *what, const char *const *known,
                         size_t n);

enum status form_need(const struct form *f, const struct yaml_node *v, enum yaml_kind kind, const char *name);
/* No other keys than these, n of them; the error names the nearest. */
enum status form_only(const struct form *f, const struct yaml_node *map, const char *name, const char *const *keys,
                      size_t n);
struct form_range {
    double min, max;
};
enum status form_number(const struct form *f, const struct yaml_node *v, const char *name, struct form_range range,
                        double *ret);
enum status form_whole(const struct form *f, const struct yaml_node *v, const char *name, struct form_range range,
                       long *ret);
enum status form_size(const struct form *f, const struct yaml_node *v, const char *name, struct form_range range,
                      double *ret); /* bytes */
enum status form_duration(const struct form *f, const struct yaml_node *v, const char *name, int64_t *ret_ms);
enum status form_choice(const struct form *f, const struct yaml_node *v, const char *name, const char *const *choice,
                        size_t n, size_t *ret);

/* The same of a key of a map, if it is there; of durations 0 is one, too. */
enum status form_number_at(const struct form *f, const struct yaml_node *map, const char *key, struct form_range range,
                           double *ret);
enum status form_whole_at(const struct form *f, const struct yaml_node *map, const char *key, struct form_range range,
                          long *ret);
enum status form_duration_at(const struct form *f, const struct yaml_node *map, const char *key, int64_t *ret_ms);
enum status form_choice_at(const struct form *f, const struct yaml_node *map, const char *key,
                           const char *const *choice, size_t n, size_t *ret);
enum status form_flag_at(const struct form *f, const struct yaml_node *map, const char *key, bool *ret);
/* [low, high], which must grow. */
enum status form_pair_at(const struct form *f, const struct yaml_node *map, const char *key, struct form_range range,
                         double ret[2]);

/* form_only, of keys that are listed here. */
#define FORM_ONLY(f, map, name, ...)                                                                                   \
    form_only((f), (map), (name), (const char *const[]){__VA_ARGS__},                                                  \
              sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

#endif
