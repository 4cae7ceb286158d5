#include "tuner/report/ascii.h"

#include "tuner/base/width.h"

#include <stdio.h>
#include <string.h>

/* "…" ends what was cut to a width, so it stays one column. */
static const char *ascii_of(const char *c)
{
    static const char *const pairs[][2] = {
        {"…", "~"}, {"◀", "<"}, {"±", "+-"}, {"█", "#"},  {"░", "-"}, {"·", "-"}, {"—", "-"}, {"–", "-"},
        {"−", "-"}, {"→", ">"}, {"≤", "<="}, {"≥", ">="}, {"×", "x"}, {"✕", "x"}, {"✓", "+"}, {"²", "2"},
        {"“", "'"}, {"”", "'"}, {"←", "<"},  {"↑", "^"},  {"↓", "v"}, {"●", "*"}, {"○", "o"}, {"◐", "o"},
        {"★", ">"}, {"◇", "d"}, {"▽", "v"},  {"■", "#"},  {"─", "-"}, {"│", "|"}, {"▸", ">"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (strcmp(pairs[i][0], c) == 0) return pairs[i][1];
    size_t columns = width_of(c);
    return columns == 0 ? "" : columns == 1 ? "?" : "??";
}

char *ascii_text(struct arena *a, const char *s)
{
    char *out = arena_alloc(a, 2 * strlen(s) + 1), *end = out, c[8];
    while (*s) {
        size_t n = 1;
        while (n < 4 && ((unsigned char)s[n] & 0xc0) == 0x80) n++;
        snprintf(c, sizeof c, "%.*s", (int)n, s);
        end = stpcpy(end, (unsigned char)*s < 0x80 ? c : ascii_of(c));
        s += n;
        if (strcmp(c, "±") == 0 && *s == ' ') s++; /* "+-" takes its place */
    }
    *end = 0;
    return out;
}
