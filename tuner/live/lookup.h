/* lookup: things by texts that strangers choose; several may have the same text.
 *
 * A link is a part of whatever is found by it, which owns the text. Those of one text are found newest first.
 *
 *     struct lookup l;
 *     lookup_init(&l, 1000);
 *     lookup_put(&l, link, 0, name, thing);
 *     for (struct lookup_link *x = lookup_first(&l, 0, "ada"); x; x = lookup_next(x)) use(x->owner);
 *     lookup_remove(link);
 *     lookup_done(&l);
 */
#ifndef TUNER_LIVE_LOOKUP_H
#define TUNER_LIVE_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

struct lookup_link { /* zero: not put */
    struct lookup_link *next, **here;
    uint64_t hash;
    int kind; /* what the text is: those of another kind are others */
    const char *text;
    void *owner;
};

struct lookup {
    uint64_t seed; /* nobody outside can choose who shares a bucket */
    size_t size;
    struct lookup_link **bucket;
};

void lookup_init(struct lookup *l, size_t expected); /* as many as this are found at once, more more slowly */
void lookup_done(struct lookup *l);                  /* its links stay what they are */

void lookup_put(struct lookup *l, struct lookup_link *link, int kind, const char *text, void *owner);
void lookup_remove(struct lookup_link *link); /* one that was not put is fine */

struct lookup_link *lookup_first(const struct lookup *l, int kind, const char *text); /* NULL: none */
struct lookup_link *lookup_next(const struct lookup_link *link);

#endif
