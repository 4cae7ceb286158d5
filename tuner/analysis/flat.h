/* flat: around the winner, how far each parameter can go without mattering: "patience 3 to 6 is all the same".
 *
 * A value belongs to it if, with all other parameters as the winner has them, the utility is within the margin of the
 * winner's with a chance of FLAT_CHANCE or more, by the functions that the results leave possible, and the constraints
 * are as likely to hold as at the winner, or more likely than not. The margin is the standard deviation of one
 * measurement of the utility at the winner, or what the margins of verdict.h come to, whichever is larger. Numbers and
 * ordinals: the connected range around the winner's value; choices: all that belong.
 */
#ifndef TUNER_ANALYSIS_FLAT_H
#define TUNER_ANALYSIS_FLAT_H

#include "tuner/analysis/surface.h"

#define FLAT_CHANCE 0.75

struct flat {
    size_t param;
    double winner;       /* its value; NaN: it does not exist there, and nothing else is said */
    double low, high;    /* numbers, ordinals */
    bool whole;          /* from end to end, or all choices */
    size_t n;            /* choices that belong, the winner's among them: */
    const double *value; /* places in the list of values */
};

/* Of each parameter, space.n; in the arena. False: the utility is not known. *ret_margin: the margin, in units of the
 * utility. */
bool flat_make(const struct surface *f, struct arena *arena, struct flat **ret, double *ret_margin);

/* [{"parameter", "low", "high"}, …] or {"parameter", "values"}, and "whole"; of those that have more than the winner's
 * own value. */
json_t *flat_json(const struct surface *f, const struct flat *flat);

#endif
