/* flag: a rollout as flags of OpenFeature, in the words of OFREP: the rollout itself, whose value are the variant's
 * parameters, and one for each parameter ("g2p.threshold"), whose value is its own, so that clients that ask for a number
 * or a text can be served, too. What is the same for all units is text already.
 *
 *     {"key":"g2p","value":{"threshold":0.02},"reason":"SPLIT","variant":"challenger",
 *      "metadata":{"hash":"ab…","version":17,"experiment":3,"period":5,"counted":true}}
 *
 * A parameter that the variant does not have has no value: a client takes what its code says then.
 */
#ifndef TUNER_SERVICE_FLAG_H
#define TUNER_SERVICE_FLAG_H

#include "tuner/live/live.h"

/* Grows, and is used again. */
struct flag_text {
    char *bytes;
    size_t n, capacity;
};

void flag_text_add(struct flag_text *t, const char *bytes, size_t n);

struct flag;

struct flag *flag_create(const struct ruleset *set);
void flag_free(struct flag *f); /* NULL is fine */

/* Of the rollout's flags the first is itself, the others are its parameters. */
size_t flag_count(const struct flag *f);
/* `rest`: of the key, behind the rollout's name: "", ".threshold". −1: there is no such flag. */
int flag_find(const struct flag *f, const char *rest);
void flag_write(const struct flag *f, size_t which, const struct assigned *a, struct flag_text *ret);

#endif
