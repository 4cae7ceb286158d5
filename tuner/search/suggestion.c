#include "tuner/search/suggestion.h"

#include <stdarg.h>
#include <stdio.h>
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
    s->gain = 0;
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
