#include "tuner/rollout/assignment.h"

#include "tuner/base/digest.h"

#include <math.h>
#include <string.h>

enum { BYTES = 7 }; /* of the digest; the last one's upper half: 52 bits */

double assignment_place(const char *salt, const char *unit, size_t unit_bytes)
{
    size_t n = strlen(salt);
    char text[ASSIGNMENT_SALT_MAX + 1 + ASSIGNMENT_UNIT_MAX];
    unsigned char bytes[DIGEST_BYTES];
    uint64_t bits = 0;
    if (n > ASSIGNMENT_SALT_MAX || unit_bytes > ASSIGNMENT_UNIT_MAX || strchr(salt, ':')) return NAN;
    memcpy(text, salt, n);
    text[n] = ':';
    memcpy(text + n + 1, unit, unit_bytes);
    digest(text, n + 1 + unit_bytes, bytes);
    for (size_t i = 0; i < BYTES; i++) bits = bits << 8 | bytes[i];
    return (double)(bits >> 4) / 0x1p52;
}

size_t assignment_arm(double place, const struct assignment_range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (place >= ranges[i].from && place < ranges[i].to) return ranges[i].arm;
    return 0;
}
