/* happening: an event of a study's log as a line for who watches it: "03:12:07  trial 9 is complete: em 0.5983".
 *
 * What only machines care for (leases, renewals, checkpoints, what is added to the queue) has no line, and neither has
 * that a trial begins: those that run are seen. The text is
 * harmless for a terminal, and in the arena.
 */
#ifndef TUNER_REPORT_HAPPENING_H
#define TUNER_REPORT_HAPPENING_H

#include "tuner/history/history.h"

/* NULL: nothing to be said of it. `s`: the study's, for the names of its metrics. */
const char *happening_text(const struct memory *s, const struct store_event *stored, struct arena *a);

#endif
