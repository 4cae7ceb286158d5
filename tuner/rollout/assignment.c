#include "tuner/rollout/assignment.h"

#include "tuner/base/digest.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { KEY_BITS = 63, PLACE_BITS = 52 };

bool assignment_key(const char *salt, const char *unit, size_t unit_bytes, int64_t *ret)
{
    size_t n = strlen(salt);
    char text[ASSIGNMENT_SALT_MAX + 1 + ASSIGNMENT_UNIT_MAX];
    unsigned char bytes[DIGEST_BYTES];
    uint64_t bits = 0;
    if (n > ASSIGNMENT_SALT_MAX || unit_bytes > ASSIGNMENT_UNIT_MAX || strchr(salt, ':')) return false;
    memcpy(text, salt, n);
    text[n] = ':';
    memcpy(text + n + 1, unit, unit_bytes);
    digest(text, n + 1 + unit_bytes, bytes);
    for (size_t i = 0; i < sizeof bits; i++) bits = bits << 8 | bytes[i];
    *ret = (int64_t)(bits >> (64 - KEY_BITS));
    return true;
}

double assignment_place_of(int64_t key)
{
    return (double)(key >> (KEY_BITS - PLACE_BITS)) / 0x1p52;
}

double assignment_place(const char *salt, const char *unit, size_t unit_bytes)
{
    int64_t key;
    return assignment_key(salt, unit, unit_bytes, &key) ? assignment_place_of(key) : NAN;
}

double assignment_chance(int64_t key)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRId64, key);
    return assignment_place("level", digits, (size_t)n);
}

size_t assignment_arm(double place, const struct assignment_range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (place >= ranges[i].from && place < ranges[i].to) return ranges[i].arm;
    return 0;
}
