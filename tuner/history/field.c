#include "tuner/history/field.h"

#include "tuner/base/json.h"

#include <math.h>

void field_put_text(json_t *o, const char *key, const char *v)
{
    if (v && *v) json_object_set_new(o, key, json_string(v));
}

void field_put_int(json_t *o, const char *key, int64_t v, int64_t usual)
{
    if (v != usual) json_object_set_new(o, key, json_integer(v));
}

void field_put_number(json_t *o, const char *key, double v)
{
    if (isfinite(v) && v > 0) json_object_set_new(o, key, json_amount(v));
}

void field_put_flag(json_t *o, const char *key, bool v)
{
    if (v) json_object_set_new(o, key, json_true());
}

const char *field_get_text(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

int64_t field_get_int(const json_t *o, const char *key, int64_t usual)
{
    const json_t *v = json_object_get(o, key);
    return json_is_integer(v) ? json_integer_value(v) : usual;
}

double field_get_number(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

bool field_get_flag(const json_t *o, const char *key)
{
    return json_is_true(json_object_get(o, key));
}
