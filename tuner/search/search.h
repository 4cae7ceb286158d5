/* search: which configuration to try next, and which trial to stop. Knows no store and no clock. This room's one public
 * header. */
#ifndef TUNER_SEARCH_SEARCH_H
#define TUNER_SEARCH_SEARCH_H

#include "tuner/search/forecast.h"
#include "tuner/search/landscape.h"
#include "tuner/search/learning_curve.h"
#include "tuner/search/pruner.h"
#include "tuner/search/schedule.h"
#include "tuner/search/sensitivity.h"
#include "tuner/search/stopping.h"
#include "tuner/search/suggest.h"
#include "tuner/search/suggestion.h"

#endif
