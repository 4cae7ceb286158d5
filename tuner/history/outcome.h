/* outcome: how an attempt ended, where that says more than the trial's state does. */
#ifndef TUNER_HISTORY_OUTCOME_H
#define TUNER_HISTORY_OUTCOME_H

#include <stdbool.h>

enum outcome {
    OUTCOME_NONE, /* nothing more is to be said */
    OUTCOME_CRASHED,
    OUTCOME_EXPIRED, /* its lease has */
    OUTCOME_CRASHED_THE_MACHINE,
    OUTCOME_LOST,
    OUTCOME_LATE, /* the result of an older lease */
    OUTCOME_STOPPED,
    OUTCOME_NOT_STARTED,
    OUTCOME_PRUNED,
    OUTCOME_FAILED,
    OUTCOME_TIMED_OUT,
    OUTCOME_OTHER, /* a word that this version does not know */
};

const char *outcome_name(enum outcome o);     /* as the log has it; NULL: none */
enum outcome outcome_parse(const char *name); /* NULL: none */
/* Does it count against `retries`? */
bool outcome_is_crash(enum outcome o);

#endif
