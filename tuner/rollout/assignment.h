/* assignment: which arm a unit gets: a pure function of names, the same in C, Python, JavaScript and SQL, without a server.
 *
 * SHA-256 of "SALT:UNIT"; its first 13 hexadecimal digits (52 bits, exact in a double everywhere) over 16^13 are where the
 * unit stands in [0, 1). A unit whose place is below the share gets the challenger. Raising the share moves units only
 * from the champion to the challenger; the same salt gives the same places when an experiment is begun anew.
 */
#ifndef TUNER_ROLLOUT_ASSIGNMENT_H
#define TUNER_ROLLOUT_ASSIGNMENT_H

#include <stddef.h>

/* In [0, 1). */
double assignment_place(const char *salt, const char *unit, size_t unit_bytes);

#endif
