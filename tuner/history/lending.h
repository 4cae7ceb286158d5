/* lending: curves, lent to who thinks on another thread.
 *
 * A trial that has ended reports no more, so between lending_begin and lending_end its points are lent as they are
 * (curve.h, curve_lend), and any thread may read them. What was lent and is to go, or is to change since the trial goes
 * on after all, stays until nobody holds anything. Begin and end are on the history's thread.
 */
#ifndef TUNER_HISTORY_LENDING_H
#define TUNER_HISTORY_LENDING_H

#include "tuner/history/memory.h"

#include "tuner/search/search.h"

/* Each begin has its end. */
void lending_begin(struct history *s);
void lending_end(struct history *s);

/* ---- for curve.c: of a curve that was lent ---- */

/* Its points are to change: those that are read are others from now on. */
void lending_part(struct history *s, struct learning_curve *c);
/* Frees its points, now or once nobody holds them. */
void lending_drop(struct history *s, struct learning_curve *c);
/* What is still held is freed with the history. */
void lending_done(struct history *s);

#endif
