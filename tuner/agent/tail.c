#include "tuner/agent/tail.h"

#include "tuner/base/arena.h"

#include <stdlib.h>
#include <string.h>

void tail_add(struct tail *t, const char *bytes, size_t n)
{
    if (n > TAIL_MAX) {
        bytes += n - TAIL_MAX;
        n = TAIL_MAX;
        t->n = 0;
        t->cut = true;
    }
    if (t->n + n > TAIL_MAX) {
        size_t drop = t->n + n - TAIL_MAX;
        memmove(t->bytes, t->bytes + drop, t->n - drop);
        t->n -= drop;
        t->cut = true;
    }
    memcpy(t->bytes + t->n, bytes, n);
    t->n += n;
}

json_t *tail_text(const char *bytes, size_t n)
{
    json_t *text = json_stringn(bytes, n);
    if (text) return text;
    char *copy = must_alloc(n + 1, 1);
    for (size_t i = 0; i < n; i++) copy[i] = (unsigned char)bytes[i] < 128 ? bytes[i] : '?';
    text = json_stringn(copy, n);
    free(copy);
    return text;
}

json_t *tail_take(struct tail *t)
{
    json_t *text = tail_text(t->bytes, t->n);
    t->n = 0;
    t->cut = false;
    return text;
}
