/* finding: what one check of a study says: a level, one sentence with the numbers, one action.
 *
 * Texts are for people, in the arena they were made in, and may hold what trials and users wrote (reasons, names): show
 * them as untrusted (plain_shown, or escaped).
 */
#ifndef TUNER_ANALYSIS_FINDING_H
#define TUNER_ANALYSIS_FINDING_H

#include "tuner/base/arena.h"

#include <stdbool.h>

/* In the order in which they are shown; and their names, which say what is looked at. */
#define HEALTH_CHECKS(X)                                                                                               \
    X(WORK, "work")               /* is somebody at it, and can it go on */                                            \
    X(SERVICE, "service")         /* does the service answer */                                                        \
    X(FLEET, "fleet")             /* agents that are gone, or of another version */                                    \
    X(REPORTS, "reports")         /* running trials that have fallen silent */                                         \
    X(FAILURES, "failures")       /* their share, and whether they are one */                                          \
    X(BUDGET, "budget")           /* tokens, cost or time that go sooner than the trials */                            \
    X(DISK, "disk")               /* room for what trials leave */                                                     \
    X(DEADLINE, "deadline")       /* does the forecast end before it */                                                \
    X(BASELINE, "baseline")       /* does it measure the same again */                                                 \
    X(METRICS, "metrics")         /* are they all there, do they move, and the right way */                            \
    X(PARAMETERS, "parameters")   /* does each make a difference */                                                    \
    X(EFFECT, "effect")           /* do all together make more of one than the seed */                                 \
    X(BOUNDS, "bounds")           /* do the best lie at the end of a range */                                          \
    X(MODEL, "model")             /* does the surrogate predict trials that it has not seen */                         \
    X(CONSTRAINTS, "constraints") /* is each ever met */                                                               \
    X(BEST, "best")               /* is it too good */                                                                 \
    X(STOPS, "stops")             /* were audited ones right */                                                        \
    X(GAIN, "gain")               /* is there anything left to gain */                                                 \
    X(NUMERICS, "numerics")       /* suggestions at random because no model could be asked */

enum health_check {
#define HEALTH_CHECK(NAME, name) HEALTH_##NAME,
    HEALTH_CHECKS(HEALTH_CHECK)
#undef HEALTH_CHECK
};

enum { HEALTH_CHECKS_ALL = HEALTH_NUMERICS + 1 };

enum health_level {
    HEALTH_LATER, /* too little is known yet; the sentence says of what */
    HEALTH_FINE,
    HEALTH_LOOK,  /* a person should look when there is time */
    HEALTH_WRONG, /* the night is being lost, or the result is not to be trusted */
};

struct finding {
    enum health_check check;
    enum health_level level;
    const char *sentence; /* NULL: there is nothing to check in this study */
    const char *action;   /* look, wrong: a command, or what to write in the study file; else NULL */
};

const char *health_check_name(enum health_check check);
const char *health_level_name(enum health_level level); /* "later", "fine", "look", "wrong" */
/* One of those that the first half hour answers: is it running right? */
bool health_check_is_early(enum health_check check);

/* There is nothing to check. */
struct finding finding_none(enum health_check check);
struct finding finding_later(enum health_check check, const char *sentence);
struct finding finding_fine(enum health_check check, const char *sentence);
struct finding finding_look(enum health_check check, const char *sentence, const char *action);
struct finding finding_wrong(enum health_check check, const char *sentence, const char *action);

#endif
