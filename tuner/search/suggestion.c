#include "tuner/search/suggestion.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How the sources of each kind begin: in the logs of all versions, so never change one. */
static const char *const beginnings[] = {
    [SUGGESTION_OTHER] = "",
    [SUGGESTION_WARM_START] = "warm start: ",
    [SUGGESTION_RANDOM] = "random",
    [SUGGESTION_SOBOL] = "sobol",
    [SUGGESTION_MODEL] = "gp: ",
    [SUGGESTION_DIVERTED] = "random: ",
    [SUGGESTION_FALLBACK] = "random, because",
};

void suggestion_say(struct suggestion *s, enum suggestion_kind kind, const char *format, ...)
{
    va_list args;
    size_t n = (size_t)snprintf(s->source, sizeof s->source, "%s", beginnings[kind]);
    s->kind = kind;
    va_start(args, format);
    vsnprintf(s->source + n, sizeof s->source - n, format, args);
    va_end(args);
}

enum suggestion_kind suggestion_kind_of(const char *source)
{
    for (int k = SUGGESTION_FALLBACK; k > SUGGESTION_OTHER; k--) { /* "random" is a beginning of two others */
        size_t n = strlen(beginnings[k]);
        bool whole = k == SUGGESTION_RANDOM || k == SUGGESTION_SOBOL;
        if (strncmp(source, beginnings[k], n) == 0 && (!whole || !source[n])) return (enum suggestion_kind)k;
    }
    return SUGGESTION_OTHER;
}

double suggestion_gain_of(const char *source)
{
    static const char words[] = "log improvement ";
    char *end;
    if (suggestion_kind_of(source) != SUGGESTION_MODEL) return NAN;
    const char *at = source + strlen(beginnings[SUGGESTION_MODEL]);
    if (strncmp(at, words, sizeof words - 1) != 0) return NAN;
    double log_gain = strtod(at + sizeof words - 1, &end);
    return end > at + sizeof words - 1 ? exp(log_gain) : NAN;
}
