/* sweeping: what deleted studies have left, and answers that are kept no more, taken away a little at a time. */
#ifndef TUNER_SERVICE_SWEEPING_H
#define TUNER_SERVICE_SWEEPING_H

#include "tuner/service/parts.h"

void sweeping_begin(struct service *s); /* again, if it has begun */

#endif
