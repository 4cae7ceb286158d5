/* segment: "from this checkpoint until there": the part of training that a trial does. */
#ifndef TUNER_HISTORY_SEGMENT_H
#define TUNER_HISTORY_SEGMENT_H

#include "tuner/history/memory.h"

/* Where the trial's next attempt goes on: its own last checkpoint, or its parent's; NULL: it begins. Its parent's may
 * be missing (`name` is NULL). */
const struct checkpoint *segment_from(const struct memory *s, const struct trial *t);
/* Is it this that the trial's attempt does? Not in a stage that no setting of the schedule is for. */
bool segment_of_stage(const struct memory *s, const struct trial *t);
/* Has training come to where the segment ends? `cost`: of all of it (memory_cost). */
bool segment_is_over(const struct segment *x, double cost);
/* Can another segment go on from where this complete trial ended? Not if its training ended by itself. */
bool segment_leads_on(const struct memory *s, const struct trial *t);
/* Is a trial with this segment and these settings less, or other, than its configuration alone says? */
bool segment_is_part(const struct trial *t);

#endif
