#include "tuner/coordinator/alike.h"

#include <ctype.h>
#include <string.h>

bool alike_add(struct alike *a, const char *reason)
{
    static const char lines[] = "its last line"; /* with their times, say */
    char bare[sizeof a->reason];
    size_t n = 0;
    for (; *reason && strncmp(reason, lines, strlen(lines)) != 0 && n + 1 < sizeof bare; reason++)
        if (!isdigit((unsigned char)*reason)) bare[n++] = *reason;
    bare[n] = 0;
    a->n = strcmp(bare, a->reason) == 0 ? a->n + 1 : 1;
    memcpy(a->reason, bare, n + 1);
    return a->n >= ALIKE_MAX;
}
