/* order: trials one after the other, by what one asks for.
 *
 * By what was measured it is a ranking of results on one seed; what was measured on others, or before the end, is a
 * ranking of its own behind it. By utility what breaks a constraint stands behind what does not, whichever way: however
 * much it is worth, it is not the best. Those without a value come last in their group, equal ones by number. Whoever
 * asks makes the list, of places, and has it sorted.
 */
#ifndef TUNER_ANALYSIS_ORDER_H
#define TUNER_ANALYSIS_ORDER_H

#include "tuner/history/history.h"

enum order_by { ORDER_BY_FACT /* number, state, parameter, … */, ORDER_BY_METRIC, ORDER_BY_UTILITY };
/* In their order; by a fact all are in the first. */
enum order_group { ORDER_RESULTS, ORDER_BROKEN, ORDER_CONFIRMATIONS, ORDER_STOPPED, ORDER_REST };

struct ordered {
    const struct trial *trial;
    enum order_group group;
    double key; /* NaN: it has none */
};

struct ordered order_place(const struct memory *s, const struct trial *t, enum order_by by, double key);
void order_sort(struct ordered *list, size_t n, bool descending);

#endif
