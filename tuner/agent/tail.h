/* tail: the end of a log that was not said yet; what does not fit is left out from the front. */
#ifndef TUNER_AGENT_TAIL_H
#define TUNER_AGENT_TAIL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { TAIL_MAX = 8192 /* bytes */ };

struct tail { /* zero: nothing */
    char bytes[TAIL_MAX];
    size_t n;
    bool cut; /* something before it was left out */
};

void tail_add(struct tail *t, const char *bytes, size_t n);
/* What is in it, and it is empty: the caller owns it. */
json_t *tail_take(struct tail *t);

/* Text that JSON can hold: what is not UTF-8 becomes '?'. */
json_t *tail_text(const char *bytes, size_t n);

#endif
