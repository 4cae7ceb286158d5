/* study_phase: where a study as a whole stands. */
#ifndef TUNER_HISTORY_STUDY_PHASE_H
#define TUNER_HISTORY_STUDY_PHASE_H

#include <stdbool.h>

enum study_phase {
    STUDY_OPEN,     /* somebody runs it, or did when his process ended */
    STUDY_PAUSED,   /* by a person: nothing new starts, what runs goes on */
    STUDY_STOPPED,  /* by request; the same command goes on */
    STUDY_COMPLETE, /* nothing is left to do */
    STUDY_FAILED,   /* it cannot go on before somebody has mended what kept it */
};

const char *study_phase_name(enum study_phase phase); /* "open", … */
bool study_phase_parse(const char *name, enum study_phase *ret);

#endif
