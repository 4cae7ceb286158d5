#include "tuner/base/json.h"

#include "tuner/base/arena.h"

#include <string.h>

/* Python's json.dumps writes NaN and Infinity, which JSON does not have: say that, not "invalid token". */
static const char *hint(const char *text, size_t len)
{
    return memmem(text, len, "NaN", 3) || memmem(text, len, "nan", 3) || memmem(text, len, "Infinity", 8)
               ? " (NaN and infinity are not numbers in JSON)"
               : "";
}

enum status json_parse_object(const char *text, size_t len, json_t **ret, struct error *err)
{
    json_error_t at;
    json_t *v = json_loadb(text, len, JSON_REJECT_DUPLICATES, &at);
    if (!v) return error_set(err, STATUS_INVALID, "not JSON: %s at column %d%s", at.text, at.column, hint(text, len));
    if (!json_is_object(v)) {
        json_decref(v);
        return error_set(err, STATUS_INVALID, "not a JSON object");
    }
    *ret = v;
    return STATUS_OK;
}

static char *dump(const json_t *value, size_t digits)
{
    char *s = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
    return s ? s : must_strdup("null");
}

char *json_exact(const json_t *value)
{
    return dump(value, 17);
}

char *json_pretty_numbers(const json_t *value)
{
    return dump(value, 15);
}
