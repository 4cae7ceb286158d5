/* watch_wish: what `nocturne watch` was asked for, made into a plan: of its file, of what the command line changes in it,
 * and, where nobody says what is to be watched, of the study's metrics.
 */
#ifndef TUNER_CLI_WATCH_WISH_H
#define TUNER_CLI_WATCH_WISH_H

#include "tuner/cli/cli.h"

#include "tuner/live/live.h"

struct watch_options {
    struct cli_common common;
    const char *rollout, *plan, *champion, *notify; /* NULL: not given */
    const char *every, *then, *ask;                 /* the same */
    long trials, top;                               /* 0: the same, as the next */
    double run_length;
    const char **command; /* n of them */
    size_t n_command;
    bool quiet, once;
};

/* Does the command line say how it is to be watched? Otherwise what is watched goes on as it is. */
bool watch_wish_is_given(const struct watch_options *o);

/* The plan, as text, in the arena. `champion`: a configuration's JSON. What of the study's metrics cannot be watched is
 * said on stderr. STATUS_INVALID: names the file, line and value, or the option. */
enum status watch_wish_plan(const struct watch_options *o, const struct memory *s, const json_t *champion,
                            struct arena *arena, const char **ret, struct error *err);

#endif
