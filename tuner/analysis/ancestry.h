/* ancestry: the stages that led to a trial: what each left, who ran it, what that cost, and with how many others it is
 * shared. */
#ifndef TUNER_ANALYSIS_ANCESTRY_H
#define TUNER_ANALYSIS_ANCESTRY_H

#include "tuner/history/history.h"

struct ancestor {
    const char *stage;
    const double *config; /* space.n: the parameters that its program saw; others are NaN */
    const char *digest;   /* of its checkpoint; NULL: it left none */
    int64_t bytes;
    bool kept;  /* the depot still has it */
    long trial; /* that ran it */
    long attempt;
    double cost; /* tokens of this stage alone; 0: it counts none */
    double ms;
    size_t users;  /* trials that stand on it, this one included */
    size_t n_from; /* places in the list of what it takes */
    size_t from[STAGES_MAX];
};

/* Of a trial; those stages that are done, in their order. */
struct ancestry {
    size_t n;
    const struct ancestor *stage;
    double whole;   /* tokens of all of them: what the trial would cost alone */
    double charged; /* tokens that it has spent itself, with what failed on the way */
    double share;   /* of the whole, if each stage is paid by all who stand on it */
};

/* Who stands on what, of all trials at once: for many ancestries, each of which would else look at all trials. */
struct ancestry_users {
    size_t n;
    const struct product **at; /* what each trial has of each stage, sorted */
};
struct ancestry_users ancestry_users_of(const struct memory *s, struct arena *arena);

/* Is any stage of it done? */
bool ancestry_begun(const struct memory *s, const struct trial *t);

/* Texts and numbers live as long as the memory, lists in the arena. `users`: NULL: counted for this one. */
struct ancestry ancestry_of(const struct memory *s, const struct trial *t, struct arena *arena);
struct ancestry ancestry_among(const struct memory *s, const struct trial *t, const struct ancestry_users *users,
                               struct arena *arena);

/* [{"stage", "params", "digest", "bytes", "kept", "trial", "attempt", "cost", "took_ms", "users", "from"}, …]; the
 * caller owns it. */
json_t *ancestry_json(const struct study *study, const struct ancestry *x);
json_t *ancestry_stage_json(const struct study *study, const struct ancestry *x, size_t stage); /* one of them */

#endif
