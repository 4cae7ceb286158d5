/* derived: a study file made of another one: some of its keys have other values, all else is as it was written, comments
 * included.
 *
 *     struct derived_key key[] = {{"study", "g2p-2"}, {"budget", "{trials: 25}"}, {"references", NULL}};
 *     struct derived_keys keys = {3, key};
 *     study_derive("study.yaml", text, &keys, &arena, &ret, &err);
 *
 * A file in block style is changed line by line; one in flow style (JSON, or one that begins with a brace) becomes block
 * style, a key a line.
 */
#ifndef TUNER_STUDY_DERIVED_H
#define TUNER_STUDY_DERIVED_H

#include "tuner/base/arena.h"
#include "tuner/base/error.h"

#include <stddef.h>

struct derived_key {
    const char *key, *value; /* value: YAML on one line; NULL: the key goes */
};

struct derived_keys {
    size_t n;
    const struct derived_key *at;
};

/* In the arena. `file`: what errors call it. STATUS_INVALID: the text is no map. Whether the result is a study,
 * study_parse says. */
enum status study_derive(const char *file, const char *text, const struct derived_keys *keys, struct arena *arena,
                         const char **ret, struct error *err);

#endif
