/* stopping: patience and threshold of a running trial, adapted.
 *
 * Every rule within the bounds of the study file is run on the trial's forecast futures; the one with the best expected
 * utility is advised if it is better by a margin than the trial's own. So patience grows while EM is still climbing or
 * under the floor, and shrinks when the curve is flat or turns down. The threshold is never below the noise of one
 * evaluation: a lucky evaluation is no improvement.
 */
#ifndef TUNER_SEARCH_STOPPING_H
#define TUNER_SEARCH_STOPPING_H

#include "tuner/search/forecast.h"

struct advice {
    bool change;
    double patience, threshold;
    char why[320];
};

void stopping_advise(const struct study *study, const struct evidence *evidence, const struct running *running,
                     const struct forecast *forecast, struct advice *ret);

/* The rule's values brought into the study's bounds, without any forecast: a rule that would never stop does. */
bool stopping_clamp(const struct stopping *s, struct early_stopping *rule);

#endif
