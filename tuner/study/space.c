#include "tuner/study/space.h"

#include "tuner/base/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *param_type_name(enum param_type type)
{
    static const char *const name[] = {"int", "float", "categorical", "ordinal", "bool"};
    return name[type];
}

double param_levels(const struct param *p)
{
    switch (p->type) {
    case PARAM_INT: return p->hi - p->lo + 1;
    case PARAM_FLOAT: return p->lo < p->hi ? 0 : 1;
    case PARAM_CATEGORICAL:
    case PARAM_ORDINAL:
    case PARAM_BOOL: return (double)p->n_values;
    }
    return 0;
}

int space_find(const struct space *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->param[i].name, name) == 0) return (int)i;
    return -1;
}

void space_settle(const struct space *s, double *config)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct param *p = &s->param[i];
        if (!condition_holds(p->when, config))
            config[i] = NAN;
        else if (isnan(config[i]))
            config[i] = p->n_values ? 0 : p->lo;
    }
}

const char *param_text(const struct param *p, double value, char *buf)
{
    if (isnan(value)) return "";
    switch (p->type) {
    case PARAM_INT: snprintf(buf, SPACE_TEXT_MAX, "%.0f", value); return buf;
    case PARAM_FLOAT: snprintf(buf, SPACE_TEXT_MAX, "%.15g", value); return buf;
    case PARAM_CATEGORICAL:
    case PARAM_ORDINAL:
    case PARAM_BOOL: return p->value[(size_t)value];
    }
    return "";
}

static double fifteen_digits(double v)
{
    char buf[40];
    if (v == floor(v) && fabs(v) < 1e15) return v;
    snprintf(buf, sizeof buf, "%.15g", v);
    return strtod(buf, NULL);
}

static enum status in_range(const struct param *p, double v, double *ret, struct error *err)
{
    if (p->type == PARAM_INT && v != floor(v))
        return error_set(err, STATUS_INVALID, "%s: %.15g is not a whole number", p->name, v);
    if (!(v >= p->lo && v <= p->hi))
        return error_set(err, STATUS_INVALID, "%s: %.15g is outside its range [%.15g, %.15g]", p->name, v, p->lo,
                         p->hi);
    *ret = fifteen_digits(v);
    return STATUS_OK;
}

static enum status one_of(const struct param *p, const char *text, double *ret, struct error *err)
{
    for (size_t i = 0; i < p->n_values; i++)
        if (strcmp(p->value[i], text) == 0) {
            *ret = (double)i;
            return STATUS_OK;
        }
    const char *near = words_nearest(text, p->value, p->n_values);
    return error_set(err, STATUS_INVALID, "%s: '%.80s' is not one of its values%s%s%s", p->name, text,
                     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

enum status param_parse(const struct param *p, const char *text, double *ret, struct error *err)
{
    if (p->n_values) return one_of(p, text, ret, err);
    double v;
    if (!words_number(text, &v)) return error_set(err, STATUS_INVALID, "%s: '%.80s' is not a number", p->name, text);
    return in_range(p, v, ret, err);
}

static json_t *value_to_json(const struct param *p, double value)
{
    switch (p->type) {
    case PARAM_INT: return json_integer((json_int_t)value);
    case PARAM_FLOAT: return json_real(value);
    case PARAM_BOOL: return json_boolean(value != 0);
    case PARAM_CATEGORICAL:
    case PARAM_ORDINAL: break;
    }
    const char *text = p->value[(size_t)value];
    double v;
    if (!p->is_number[(size_t)value] || !words_number(text, &v)) return json_string(text);
    return v == floor(v) && fabs(v) < 9e15 && !strpbrk(text, ".eE") ? json_integer((json_int_t)v) : json_real(v);
}

json_t *space_to_json(const struct space *s, const double *config)
{
    json_t *object = json_object();
    for (size_t i = 0; i < s->n; i++)
        if (!isnan(config[i])) json_object_set_new(object, s->param[i].name, value_to_json(&s->param[i], config[i]));
    return object;
}

static enum status value_from_json(const struct param *p, const json_t *v, double *ret, struct error *err)
{
    if (!p->n_values) {
        if (!json_is_number(v)) return error_set(err, STATUS_INVALID, "%s: must be a number", p->name);
        return in_range(p, json_number_value(v), ret, err);
    }
    for (size_t i = 0; i < p->n_values; i++) {
        json_t *candidate = value_to_json(p, (double)i);
        bool same = json_equal(candidate, v) || (json_is_number(candidate) && json_is_number(v) &&
                                                 json_number_value(candidate) == json_number_value(v));
        json_decref(candidate);
        if (same) {
            *ret = (double)i;
            return STATUS_OK;
        }
    }
    return one_of(p, json_is_string(v) ? json_string_value(v) : "that", ret, err);
}

enum status space_from_json(const struct space *s, const json_t *object, double *ret_config, struct error *err)
{
    double config[SPACE_PARAMS_MAX];
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        if (space_find(s, key) < 0) return error_set(err, STATUS_INVALID, "'%.80s' is not a parameter", key);
    }
    for (size_t i = 0; i < s->n; i++) {
        const json_t *v = json_object_get(object, s->param[i].name);
        if (!condition_holds(s->param[i].when, config)) {
            if (v)
                return error_set(err, STATUS_INVALID, "parameter '%s' is given, but exists only when %s",
                                 s->param[i].name, s->param[i].when_text);
            config[i] = NAN;
            continue;
        }
        if (!v) return error_set(err, STATUS_INVALID, "parameter '%s' is missing", s->param[i].name);
        enum status st = value_from_json(&s->param[i], v, &config[i], err);
        if (st) return st;
    }
    memcpy(ret_config, config, s->n * sizeof *config);
    return STATUS_OK;
}

json_t *space_describe(const struct space *s)
{
    json_t *all = json_array();
    for (size_t i = 0; i < s->n; i++) {
        const struct param *p = &s->param[i];
        json_t *one = json_pack("{s:s, s:s}", "name", p->name, "type", param_type_name(p->type));
        if (p->n_values) {
            json_t *values = json_array();
            for (size_t k = 0; k < p->n_values; k++) json_array_append_new(values, json_string(p->value[k]));
            json_object_set_new(one, "values", values);
        } else {
            json_object_set_new(one, "range", json_pack("[f, f]", p->lo, p->hi));
            json_object_set_new(one, "scale", json_string(p->log ? "log" : "linear"));
        }
        if (p->when) json_object_set_new(one, "when", json_string(p->when_text));
        json_array_append_new(all, one);
    }
    return all;
}
