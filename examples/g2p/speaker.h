/* speaker: models that say words, alone or as a cascade: a small one says each word, and where it is less sure than
 * `confidence`, a large one says it again.
 *
 *     struct speaker small, large;
 *     const char *wrong = speaker_open(&small, "small.model");
 *     …
 *     const struct cascade c = {&small, &large, 0.4};
 *     bool asked = cascade_say(&c, &word, chunk);
 *     double tokens = cascade_cost(&c, word.len, asked) / LETTER_COST;
 *     speaker_close(&small);
 */
#ifndef G2P_SPEAKER_H
#define G2P_SPEAKER_H

#include "model.h"

#include <stdbool.h>

/* What a letter costs an mlp of 128 units, in multiply-adds: a token of whoever compares what models of different sizes
 * spend. */
enum { LETTER_COST = 10000 };

/* A model and its workspace: for one thread at a time. */
struct speaker {
    struct model model;
    struct pass *pass;
};

/* NULL, or what is wrong with the file; then there is nothing to close. */
const char *speaker_open(struct speaker *s, const char *path);
void speaker_close(struct speaker *s);

struct cascade {
    struct speaker *small, *large; /* large: NULL, nobody else is asked */
    double confidence;             /* 0..1 */
};

/* Returns whether the large one was asked. */
bool cascade_say(const struct cascade *c, const struct word *w, unsigned char *ret_chunk);
/* Multiply-adds. */
double cascade_cost(const struct cascade *c, size_t letters, bool asked);

#endif
