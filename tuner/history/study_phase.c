#include "tuner/history/study_phase.h"

#include <string.h>

static const char *const names[] = {"open", "paused", "stopped", "complete", "failed"};

const char *study_phase_name(enum study_phase phase)
{
    return names[phase];
}

bool study_phase_parse(const char *name, enum study_phase *ret)
{
    for (int p = STUDY_OPEN; p <= STUDY_FAILED; p++)
        if (strcmp(names[p], name) == 0) return *ret = (enum study_phase)p, true;
    return false;
}
