/* watch: a study as a screen shows it to who watches it: is it alive, what it has found so far, what is wrong and what
 * to do, what it may still spend, charts, what runs, what happened last. Judgement first; charts are the evidence.
 *
 * A frame follows from its facts alone: nothing is read, nothing drawn, and any size has one. Up to 80 × 24 it is one
 * column with one chart; a wide screen has words on the left and two charts on the right; a small one leaves out the
 * chart, then what happened, then what runs. Frames are of now, by the memory's clock.
 */
#ifndef TUNER_REPORT_WATCH_H
#define TUNER_REPORT_WATCH_H

#include "tuner/report/frame.h"
#include "tuner/report/scene.h"
#include "tuner/report/watch_facts.h"
#include "tuner/report/watch_runs.h"

/* Fills an empty frame. */
void watch_frame(const struct watch_facts *x, const struct scene *scene, struct frame *f);

#endif
