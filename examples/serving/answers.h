/* answers: what the server has said lately, until somebody says whether it was right.
 *
 *     struct answer *a = answers_add(&all, "user-17");
 *     …
 *     struct answer *a = answers_find(&all, id);    // NULL: long ago, or never
 *
 * The last ANSWERS are kept, one after the other; for one thread. */
#ifndef SERVING_ANSWERS_H
#define SERVING_ANSWERS_H

#include "examples/g2p/model.h"

#include "workers/sdk/c/nocturne_live.h"

enum { ANSWERS = 16384, UNIT_MAX = 128 };

struct answer {
    unsigned long id; /* from 1 */
    char unit[UNIT_MAX], word[WORD_MAX + 1], phones[PHONES_MAX];
    struct nocturne_variant variant; /* its unit is the one above */
    double tokens;
    size_t letters;
    bool is_judged;
};

struct answers {
    struct answer *slot; /* ANSWERS */
    unsigned long n;     /* so far */
};

void answers_init(struct answers *all);
void answers_done(struct answers *all);
/* An empty one, with its id and unit. The unit has fewer than UNIT_MAX bytes. */
struct answer *answers_add(struct answers *all, const char *unit);
struct answer *answers_find(const struct answers *all, unsigned long id);

#endif
