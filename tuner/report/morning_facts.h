/* morning_facts: what only the caller knows of a study's morning. Nothing is owned. */
#ifndef TUNER_REPORT_MORNING_FACTS_H
#define TUNER_REPORT_MORNING_FACTS_H

#include "tuner/analysis/analysis.h"

struct morning_facts {
    const char *version;         /* of this program */
    bool running;                /* somebody is at the study */
    const struct health *health; /* NULL: nobody has looked */
    const struct plan *plan;     /* of what is left; NULL: unknown */
    const json_t *rollouts;      /* of this study, as live_status_all lists them, with live_courses; NULL: none, or unknown */
};

#endif
