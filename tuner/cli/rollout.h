/* rollout: what the parts of `nocturne rollout` share: what was asked. cmd_rollout.c reads it and hands over. */
#ifndef TUNER_CLI_ROLLOUT_H
#define TUNER_CLI_ROLLOUT_H

#include "tuner/cli/cli.h"

#include "tuner/live/live.h"

enum rollout_do {
    ROLLOUT_START,
    ROLLOUT_STATUS,
    ROLLOUT_OUTCOMES,
    ROLLOUT_TICK,
    ROLLOUT_ASSIGN,
    ROLLOUT_RULESET,
    ROLLOUT_EVENTS,
    ROLLOUT_PLAN,
    ROLLOUT_ORDER, /* one of live_verb */
};

struct rollout_options {
    struct cli_common common;
    enum rollout_do what;
    enum live_verb verb;
    const char **arg; /* behind the verb: n */
    size_t n;
    struct {
        const char *rollout, *champion; /* NULL: by default */
        const char *challenger[LIVE_CHALLENGERS_MAX];
        size_t n_challengers;
        const char *plan, *salt, *window, *promote;
        double units; /* 0: as the plan has it */
    } start;
    struct {
        double share;
        const char *variant, *why;
        long version;
    } order;
    long experiment, from; /* status; events */
    double per_day;        /* plan */
    bool follow;           /* tick */
};

/* Each prints what it has to say; *ret_code: the exit code, if nothing failed. */
enum status rollout_start(const struct rollout_options *o, struct error *err);
enum status rollout_outcomes(const struct rollout_options *o, int *ret_code, struct error *err);
enum status rollout_tick(const struct rollout_options *o, int *ret_code, struct error *err);
enum status rollout_assign(const struct rollout_options *o, struct error *err);
enum status rollout_plan(const struct rollout_options *o, struct error *err);

/* A plan's text: of a file (NULL: none), with what the command line adds to it; in the arena. */
enum status rollout_plan_text(const struct rollout_options *o, const char *file, struct arena *a, const char **ret,
                              struct error *err);

/* A trial's number, "best" (confirmed), "baseline", a reference's name, or a file of parameters; the caller frees its
 * body. */
enum status rollout_choose(const struct memory *s, const char *which, struct configuration *ret, struct error *err);

/* Of a configuration the number of its trial, or its parameters: as the API is asked for it. The caller's. */
json_t *rollout_asked(const struct configuration *c);

/* " --url URL …" of the command line, or "": for commands to be copied. */
const char *rollout_where(const struct rollout_options *o, struct arena *a);
/* Who is at the keyboard, in the arena. */
const char *rollout_by(struct arena *a);

#endif
