/* lending: curves, lent to who thinks on another thread.
 *
 * A trial that has ended reports no more, so its points are lent as they are; those of a running one are copied. What
 * was lent and is to go, or is to change since the trial goes on after all, stays until nobody holds anything.
 *
 *     lending_begin(history);
 *     const struct learning_curve *c = lending_curve(history, trial, &arena);     any thread may read it
 *     lending_end(history);                                                       on the history's thread
 */
#ifndef TUNER_HISTORY_LENDING_H
#define TUNER_HISTORY_LENDING_H

#include "tuner/history/curve.h"

/* Each begin has its end. */
void lending_begin(struct history *s);
void lending_end(struct history *s);

/* The trial's curve as it is now, in the arena but for its points. The trial has one. */
const struct learning_curve *lending_curve(const struct trial *t, struct arena *arena);

/* ---- for curve.c ---- */

/* The points are to change: they become its own. */
void lending_part(struct history *s, struct curve *c);
/* Frees the points, now or once nobody holds them. */
void lending_drop(struct history *s, struct curve *c);
/* What is still held is freed with the history. */
void lending_done(struct history *s);

#endif
