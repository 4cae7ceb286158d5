#include "tuner/rollout/assignment.h"

#include "tuner/base/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 7 }; /* of the digest; the last one's upper half: 52 bits */

double assignment_place(const char *salt, const char *unit, size_t unit_bytes)
{
    size_t n = strlen(salt);
    char small[256], *text = n + 1 + unit_bytes <= sizeof small ? small : malloc(n + 1 + unit_bytes);
    unsigned char bytes[DIGEST_BYTES];
    uint64_t bits = 0;
    memcpy(text, salt, n);
    text[n] = ':';
    memcpy(text + n + 1, unit, unit_bytes);
    digest(text, n + 1 + unit_bytes, bytes);
    if (text != small) free(text);
    for (size_t i = 0; i < BYTES; i++) bits = bits << 8 | bytes[i];
    return (double)(bits >> 4) / 0x1p52;
}
