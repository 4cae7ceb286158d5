/* shares: ranges of places that give each challenger its share, made from the ranges of before so that as few units as
 * possible get another arm.
 *
 * A challenger that shrinks gives back from its end. One that grows takes what was given back, then the champion's
 * room; beside its own ranges first, then where most is free. So the units that move are as many as the shares that
 * grow (the champion's is one of them), and no fewer can.
 *
 * Shares that change for ever cut [0, 1) into ever more pieces. Where they would be more than SHARES_RANGES_MAX, all
 * challengers are laid side by side again, each in one range; then more units move.
 *
 *     struct assignment_range ranges[SHARES_RANGES_MAX];
 *     size_t n = 0;
 *     shares_lay(ranges, n, (const double[]){0.05, 0.05}, 2, ranges, &n); // [0, 0.05) 1, [0.05, 0.1) 2
 *     shares_lay(ranges, n, (const double[]){0.05, 0.25}, 2, ranges, &n); // [0, 0.05) 1, [0.05, 0.3) 2
 */
#ifndef TUNER_ROLLOUT_SHARES_H
#define TUNER_ROLLOUT_SHARES_H

#include "tuner/rollout/assignment.h"

#include <stdbool.h>

enum { SHARES_CHALLENGERS_MAX = 64, SHARES_RANGES_MAX = 256 };

/* now: n_now ranges, sorted, without overlap. shares[i], in [0, 1], of sum ≤ 1: of arm i + 1 in time to come; an arm of
 * `now` beyond n gets none. ret_ranges: room for SHARES_RANGES_MAX (`now` itself will do); they come out sorted,
 * merged, of widths that add up to each share within 1e-12. False: ranges or shares that cannot be; nothing changes. */
bool shares_lay(const struct assignment_range *now, size_t n_now, const double *shares, size_t n,
                struct assignment_range *ret_ranges, size_t *ret_n);

#endif
