/* retuning: a study is tuned anew on what is the case now: a study file beside the first one's, with another name, a
 * budget of its own, the champion as its baseline, and what was found before as a warm start.
 *
 *     study: g2p  ──▶  study: g2p-2, baseline: {…}, warm_start: [g2p], budget: {trials: 25}
 *
 * References of the first study are left out, and it is confirmed even if that one was not. All else is as it was written.
 */
#ifndef TUNER_CLI_RETUNING_H
#define TUNER_CLI_RETUNING_H

#include "tuner/history/history.h"

struct retuning {
    struct store *store;
    const struct study *base; /* the first study */
    const char *name;         /* of the new one */
    const json_t *champion;   /* a configuration's JSON */
    long trials;
};

/* The first name that is free, "g2p-2", "g2p-3", …: neither a study of the store nor a file beside the base's has it. In
 * the arena. */
enum status retuning_name(struct store *store, const struct study *base, struct arena *arena, const char **ret,
                          struct error *err);
/* Writes its file, unless it is there; *ret: its path, in the arena. STATUS_INVALID: no study comes of it, for example
 * because the champion is outside of what the base's ranges have become. */
enum status retuning_file(const struct retuning *r, struct arena *arena, const char **ret, struct error *err);

#endif
