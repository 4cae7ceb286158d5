#include "workers/ansi.h"

#include <string.h>

static const char ESC = '\x1b', BEL = '\x07', CAN = '\x18', SUB = '\x1a';

/* Bytes of a control sequence, ESC [ parameters letter; of a broken one, what could belong to it. */
static size_t measure_csi(const char *at, size_t n)
{
    size_t k = 2;
    while (k < n && at[k] >= 0x20 && at[k] <= 0x3f) k++;
    return k < n && at[k] >= 0x40 && at[k] <= 0x7e ? k + 1 : k;
}

/* Bytes of a string with its end; as in a terminal, CAN, SUB and the beginning of another sequence end it, too. */
static size_t measure_string(const char *at, size_t n)
{
    for (size_t k = 2; k < n; k++) {
        if (at[k] == ESC) return k + 1 < n && at[k + 1] == '\\' ? k + 2 : k;
        if (at[k] == CAN || at[k] == SUB || (at[k] == BEL && at[1] == ']')) return k + 1;
    }
    return 2;
}

/* ESC ( B and its like: bytes between, and one that ends it. */
static size_t measure_others(const char *at, size_t n)
{
    static const char two[] = "78=>cDEHMNOZ\\";
    size_t k = 1;
    while (k < n && at[k] >= 0x20 && at[k] <= 0x2f) k++;
    if (k > 1) return k < n && at[k] >= 0x30 && at[k] <= 0x7e ? k + 1 : k;
    return at[1] && strchr(two, at[1]) ? 2 : 1;
}

/* Bytes of what begins with ESC. */
static size_t measure(const char *at, size_t n)
{
    if (n < 2) return 1;
    switch (at[1]) {
    case '[': return measure_csi(at, n);
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_': return measure_string(at, n);
    default: return measure_others(at, n);
    }
}

size_t ansi_strip(char *line, size_t n)
{
    size_t kept = 0;
    for (size_t at = 0, k; at < n; at += k) {
        k = line[at] == ESC ? measure(line + at, n - at) : 1;
        if ((unsigned char)line[at] >= 32 || line[at] == '\t') line[kept++] = line[at];
    }
    return kept;
}
