/* space: the parameters of a study and the configurations they span.
 *
 * A configuration is an array of `space.n` doubles, one per parameter: the number itself
 * for int and float, the index of the value for categorical, ordinal and bool (0 false,
 * 1 true), and NaN for a parameter that does not exist under its condition (`when`). Text and JSON of a configuration
 * read back to the same bits.
 */
#ifndef TUNER_STUDY_SPACE_H
#define TUNER_STUDY_SPACE_H

#include "tuner/study/choice.h"

#include "tuner/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    SPACE_PARAMS_MAX = 64,
    SPACE_VALUES_MAX = 256,
    SPACE_NAME_MAX = 48,
    SPACE_TEXT_MAX = 256 /* bytes of a value's text, with its end */
};

enum param_type { PARAM_INT, PARAM_FLOAT, PARAM_CATEGORICAL, PARAM_ORDINAL, PARAM_BOOL };

struct condition;

struct param {
    const char *name;
    enum param_type type;
    double lo, hi; /* int, float: inclusive bounds */
    double step;   /* int, float: lo, lo + step, …; 0: an int's is 1, a float is a continuum */
    bool log;      /* int, float: searched on a log scale; lo > 0 */
    size_t n_values;
    struct choice *value;         /* categorical, ordinal, bool */
    const struct condition *when; /* NULL: always exists */
    const char *when_text;
};

struct space {
    size_t n;
    struct param *param;
};

/* Number of values a parameter can take; 0 means a continuum. */
double param_levels(const struct param *p);

/* Number of configurations; 0: a continuum, or too many to count (over 4,096 with conditions). */
double space_size(const struct space *s);

/* int, float: the value nearest to `v`: in range, on a step; of a continuum with as many digits as its range asks for,
 * six of hi − lo at least. */
double param_nearest(const struct param *p, double v);

/* Index of the parameter called `name`, or -1. */
int space_find(const struct space *s, const char *name);

/* Name of the environment variable that tells a program a parameter: NOCTURNE_PARAM_ and the name in capitals, with '_'
 * for what is neither letter nor digit; not in capitals where two names differ in them only. In the arena. */
const char *space_variable(const struct space *s, size_t param, struct arena *arena);

/* Does a condition (`when`) hold? NULL always does. Defined in condition.c. */
bool condition_holds(const struct condition *c, const double *config);

/* Does it follow from the values of categoricals and bools alone? */
bool condition_is_categorical(const struct condition *c, const struct space *s);

/* Sets what does not exist to NaN, and what exists but is NaN to its lowest value. */
void space_settle(const struct space *s, double *config);

/* Text of one value, as it goes into argv and the environment; "" for NaN. buf: SPACE_TEXT_MAX bytes. */
const char *param_text(const struct param *p, double value, char *buf);

/* int, float: is `v` one of its values? `err` may be NULL. */
enum status param_number(const struct param *p, double v, double *ret, struct error *err);

/* Reads a value from its text; the error says what would be right. */
enum status param_parse(const struct param *p, const char *text, double *ret, struct error *err);

/* The same from a JSON value. `err` may be NULL. */
enum status param_from_json(const struct param *p, const json_t *value, double *ret, struct error *err);

/* And back, of one that is not NaN; the caller owns the result. */
json_t *param_to_json(const struct param *p, double value);

/* {"name": value, …} of the parameters that exist; the caller owns the result. */
json_t *space_to_json(const struct space *s, const double *config);

/* The reverse; every parameter that exists must be there and in range, and nothing else. */
enum status space_from_json(const struct space *s, const json_t *object, double *ret_config, struct error *err);

/* A canonical description, to see whether a study's space has changed. Caller owns the result. */
json_t *space_describe(const struct space *s);

#endif
