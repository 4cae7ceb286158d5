#include "tuner/live/levels.h"

#include <math.h>

static const double most = 1e15;

json_t *levels_json(const double *units)
{
    json_t *out = json_array();
    for (size_t i = 0; i < TALLY_LEVELS; i++)
        if (units[i] > 0) json_array_append_new(out, json_pack("[i, o]", (int)i, json_amount(units[i])));
    return out;
}

bool levels_count(const json_t *in, double *ret)
{
    double n = json_number_read(in);
    if (!(n >= 0 && n <= most) || n != floor(n)) return false;
    *ret = n;
    return true;
}

bool levels_read(const json_t *in, double *units)
{
    size_t i;
    json_t *pair;
    double n;
    json_array_foreach(in, i, pair) {
        const json_t *at = json_array_get(pair, 0);
        json_int_t level = json_is_integer(at) ? json_integer_value(at) : -1;
        if (level < 0 || level >= TALLY_LEVELS || !levels_count(json_array_get(pair, 1), &n)) return false;
        units[level] += n;
    }
    return json_is_array(in);
}
