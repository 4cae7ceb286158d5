#include "tuner/study/space.h"

#include "tuner/base/arena.h"
#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double STEP_SLACK = 1e-9; /* of a step: [0, 0.3] by 0.1 has four values */

static const char *type_name(enum param_type type)
{
    static const char *const name[] = {"int", "float", "categorical", "ordinal", "bool"};
    return name[type];
}

double param_levels(const struct param *p)
{
    switch (p->type) {
    case PARAM_INT: return floor((p->hi - p->lo) / fmax(p->step, 1)) + 1;
    case PARAM_FLOAT: return p->step > 0 ? floor((p->hi - p->lo) / p->step + STEP_SLACK) + 1 : p->lo < p->hi ? 0 : 1;
    case PARAM_CATEGORICAL:
    case PARAM_ORDINAL:
    case PARAM_BOOL: return (double)p->n_values;
    }
    return 0;
}

static double digits(double v, int n)
{
    char buf[40];
    snprintf(buf, sizeof buf, "%.*g", n, v);
    return strtod(buf, NULL);
}

/* lo + k · step in decimal: 0.3, not 0.30000000000000004, where all three are decimals of 15 digits. */
static double step_value(const struct param *p, double k)
{
    double step = p->step > 0 ? p->step : 1, v = p->lo + k * step;
    if (p->type == PARAM_INT) return v;
    double near = digits(v, 15);
    bool decimal = digits(p->lo, 15) == p->lo && digits(step, 15) == step && fabs(near - v) < STEP_SLACK * step;
    return fmin(decimal ? near : v, p->hi);
}

static double nearest_step(const struct param *p, double v)
{
    double k = round((v - p->lo) / (p->step > 0 ? p->step : 1));
    return step_value(p, fmin(fmax(k, 0), param_levels(p) - 1));
}

double param_nearest(const struct param *p, double v)
{
    if (param_levels(p) > 0) return nearest_step(p, v);
    double wide = fmax(fabs(p->lo), fabs(p->hi)) / (p->hi - p->lo);
    int n = 6 + (int)fmin(fmax(floor(log10(wide)), 0), 11);
    return fmin(fmax(n < 16 ? digits(v, n) : v, p->lo), p->hi);
}

int space_find(const struct space *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->param[i].name, name) == 0) return (int)i;
    return -1;
}

static void write_variable(const char *name, bool capitals, char *ret)
{
    for (; *name; name++)
        *ret++ = !isalnum((unsigned char)*name) ? '_' : capitals ? (char)toupper((unsigned char)*name) : *name;
    *ret = 0;
}

const char *space_variable(const struct space *s, size_t param, struct arena *arena)
{
    const char *name = s->param[param].name;
    char *own = arena_strdup(arena, name), other[SPACE_NAME_MAX + 1];
    bool alone = true;
    write_variable(name, true, own);
    for (size_t i = 0; i < s->n; i++) {
        write_variable(s->param[i].name, true, other);
        alone &= i == param || strcmp(other, own) != 0;
    }
    if (!alone) write_variable(name, false, own);
    return arena_printf(arena, "NOCTURNE_PARAM_%s", own);
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
    case PARAM_FLOAT: return json_shortest(value, buf);
    case PARAM_CATEGORICAL:
    case PARAM_ORDINAL:
    case PARAM_BOOL: return p->value[(size_t)value].text;
    }
    return "";
}

static enum status outside(const struct param *p, double v, struct error *err)
{
    char a[40], b[40], c[40];
    return error_set(err, STATUS_INVALID, "%s: %s is outside its range [%s, %s]", p->name, json_shortest(v, a),
                     json_shortest(p->lo, b), json_shortest(p->hi, c));
}

static enum status beside_steps(const struct param *p, double v, double nearest, struct error *err)
{
    char a[40], b[40], c[40], d[40];
    return error_set(err, STATUS_INVALID, "%s: %s is not on its steps of %s from %s; the nearest is %s", p->name,
                     json_shortest(v, a), json_shortest(p->step, b), json_shortest(p->lo, c),
                     json_shortest(nearest, d));
}

enum status param_number(const struct param *p, double v, double *ret, struct error *err)
{
    char a[40];
    if (p->type == PARAM_INT && v != floor(v))
        return error_set(err, STATUS_INVALID, "%s: %s is not a whole number", p->name, json_shortest(v, a));
    if (!(v >= p->lo && v <= p->hi)) return outside(p, v, err);
    double on = p->step > 0 ? nearest_step(p, v) : v;
    if (fabs(on - v) > STEP_SLACK * p->step) return beside_steps(p, v, on, err);
    *ret = p->type == PARAM_INT ? v + 0.0 : v; /* a whole −0 is 0; others keep their bits, also beside a step */
    return STATUS_OK;
}

static enum status take_choice(const struct param *p, size_t at, const char *text, double *ret, struct error *err)
{
    const char *texts[SPACE_VALUES_MAX];
    if (at < p->n_values) {
        *ret = (double)at;
        return STATUS_OK;
    }
    for (size_t i = 0; i < p->n_values; i++) texts[i] = p->value[i].text;
    const char *near = words_nearest(text, texts, p->n_values), *all = "";
    struct arena a = {0};
    for (size_t i = 0; i < p->n_values; i++) all = arena_printf(&a, "%s%s%s", all, i ? ", " : "", texts[i]);
    error_set(err, STATUS_INVALID, "%s: '%.80s' is not one of its values%s%s%s; there are %.200s", p->name, text,
              near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "", all);
    arena_done(&a);
    return STATUS_INVALID;
}

static enum status beyond_counting(const struct param *p, const char *text, struct error *err)
{
    return error_set(err, STATUS_INVALID, "%s: %.80s is beyond 2^53, up to where whole numbers are exact", p->name,
                     text);
}

enum status param_parse(const struct param *p, const char *text, double *ret, struct error *err)
{
    if (p->n_values) return take_choice(p, choice_of_text(p->value, p->n_values, text), text, ret, err);
    double v;
    if (!words_number(text, &v)) return error_set(err, STATUS_INVALID, "%s: '%.80s' is not a number", p->name, text);
    if (p->type == PARAM_INT && words_is_rounded(text, v)) return beyond_counting(p, text, err);
    return param_number(p, v, ret, err);
}

json_t *param_to_json(const struct param *p, double value)
{
    switch (p->type) {
    case PARAM_INT: return json_integer((json_int_t)value);
    case PARAM_FLOAT: return json_real(value);
    case PARAM_BOOL: return json_boolean(value != 0);
    case PARAM_CATEGORICAL:
    case PARAM_ORDINAL: return choice_json(&p->value[(size_t)value]);
    }
    return NULL;
}

json_t *space_to_json(const struct space *s, const double *config)
{
    json_t *object = json_object();
    for (size_t i = 0; i < s->n; i++)
        if (!isnan(config[i])) json_object_set_new(object, s->param[i].name, param_to_json(&s->param[i], config[i]));
    return object;
}

enum status param_from_json(const struct param *p, const json_t *v, double *ret, struct error *err)
{
    if (!p->n_values) {
        if (!json_is_number(v)) return error_set(err, STATUS_INVALID, "%s: must be a number", p->name);
        char exact[24];
        snprintf(exact, sizeof exact, "%lld", (long long)json_integer_value(v));
        if (p->type == PARAM_INT && json_is_integer(v) && words_is_rounded(exact, json_number_value(v)))
            return beyond_counting(p, exact, err);
        return param_number(p, json_number_value(v), ret, err);
    }
    size_t at = choice_of_json(p->value, p->n_values, v);
    char *text = at == SIZE_MAX ? json_text(v) : NULL;
    enum status s = take_choice(p, at, json_is_string(v) ? json_string_value(v) : text ? text : "", ret, err);
    free(text);
    return s;
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
        enum status st = param_from_json(&s->param[i], v, &config[i], err);
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
        json_t *one = json_pack("{s:s, s:s}", "name", p->name, "type", type_name(p->type));
        if (p->n_values) {
            json_t *values = json_array();
            for (size_t k = 0; k < p->n_values; k++) json_array_append_new(values, json_string(p->value[k].text));
            json_object_set_new(one, "values", values);
        } else {
            json_object_set_new(one, "range", json_pack("[f, f]", p->lo, p->hi));
            if (p->step > 0) json_object_set_new(one, "step", json_real(p->step));
            json_object_set_new(one, "scale", json_string(p->log ? "log" : "linear"));
        }
        if (p->when) json_object_set_new(one, "when", json_string(p->when_text));
        json_array_append_new(all, one);
    }
    return all;
}

/* ---- how many configurations ---- */

enum { COUNTED_MAX = 4096 };

static double level_value(const struct param *p, double k)
{
    return p->type > PARAM_FLOAT ? k : step_value(p, k);
}

/* One of each set of settings that differ in what does not exist: the one with the lowest levels there. */
static bool stands_for_itself(const struct space *s, const double *level)
{
    double config[SPACE_PARAMS_MAX];
    for (size_t i = 0; i < s->n; i++) config[i] = level_value(&s->param[i], level[i]);
    space_settle(s, config);
    for (size_t i = 0; i < s->n; i++)
        if (isnan(config[i]) && level[i] > 0) return false;
    return true;
}

static double count_conditional(const struct space *s, double product)
{
    double n = 0;
    for (double k = 0; k < product; k++) {
        double level[SPACE_PARAMS_MAX], rest = k;
        for (size_t i = 0; i < s->n; i++) {
            level[i] = fmod(rest, param_levels(&s->param[i]));
            rest = floor(rest / param_levels(&s->param[i]));
        }
        n += stands_for_itself(s, level);
    }
    return n;
}

double space_size(const struct space *s)
{
    double product = 1;
    bool conditional = false;
    for (size_t i = 0; i < s->n; i++) {
        product *= param_levels(&s->param[i]);
        conditional |= s->param[i].when != NULL;
    }
    if (product > 1e9 || (conditional && product > COUNTED_MAX)) return 0;
    return conditional ? count_conditional(s, product) : product;
}
