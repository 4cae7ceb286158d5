/* plain: text of other people, as it may be stored and shown. Results are in the arena, or `text` itself. */
#ifndef TUNER_BASE_PLAIN_H
#define TUNER_BASE_PLAIN_H

#include "tuner/base/arena.h"

/* UTF-8 of at most `max` bytes: each byte that is not UTF-8 becomes '?', and what is cut ends in "…". */
const char *plain_bounded(struct arena *a, const char *text, size_t max);

/* In place, of any bytes with a NUL behind them: each that is not UTF-8 becomes '?'. */
void plain_repair(char *bytes, size_t n);

/* One line for a terminal, which it cannot steer: control characters and the marks that turn the direction of writing
 * are written as \n, \x1b, \u202e, and so are bytes that are not UTF-8. */
const char *plain_shown(struct arena *a, const char *text);

#endif
