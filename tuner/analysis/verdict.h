/* verdict: what may be said of one configuration beside another.
 *
 * Both were run on the same fresh seeds. For each metric: the difference of the means with its 95 % interval [Welch
 * 1947: variances need not be equal; shared seeds are not used as pairs, which makes it wider, never narrower, if they
 * agree]. Counts are compared as ratios of geometric means, by their logarithms. Of fewer than two seeds nothing is
 * known of the spread, and the interval has no end — unless every figure of both came out the same on other seeds, when
 * there is no spread.
 *
 * A metric that the objective uses is *better* if the whole interval is; it *holds* if the interval's worse end is
 * within what the study lets go (its margin: that of the constraint against the baseline, else half a point of a
 * proportion, half a percent of anything else: non-inferiority); else it is *worse* if the whole interval is.
 */
#ifndef TUNER_ANALYSIS_VERDICT_H
#define TUNER_ANALYSIS_VERDICT_H

#include "tuner/analysis/ranking.h"

enum verdict_word {
    VERDICT_NONE,          /* there is nothing to compare with */
    VERDICT_ADOPT,         /* something is better, all else holds */
    VERDICT_TRADE,         /* something is better, something worse */
    VERDICT_PROMISING,     /* by its means it is better; an interval leaves it open */
    VERDICT_NO_BETTER,     /* by its means it is not, or all differences are within the margins */
    VERDICT_DO_NOT_ADOPT,  /* a constraint is surely broken, or something is worse and nothing better */
    VERDICT_NOT_CONFIRMED, /* one of the two was measured once, in the search or on one fresh seed */
};

/* "adopt", "a trade", "promising", "no better", "do not adopt", "not confirmed"; "" for none. */
const char *verdict_name(enum verdict_word word);
bool verdict_parse(const char *name, enum verdict_word *ret);

/* In the metric's own units and direction; of a ratio −0.59 is 59 % fewer. low, high: −INFINITY, INFINITY if nothing is
 * known of the spread. */
struct difference {
    bool ratio;
    double by, low, high;
};

struct measured { /* one metric of one configuration */
    size_t n;
    const double *value;
    bool repeats; /* every seed gives the same */
};

/* `a` less `b`. NaN in all if one of them has no values. */
struct difference difference_of(enum metric_kind kind, struct measured a, struct measured b);

/* What the study lets go of a metric, ≥ 0, as a difference or ratio like `ratio`; `baseline`: its mean. */
double verdict_margin(const struct objective *o, size_t metric, bool ratio, double baseline);

/* `apart`: n_metrics; `margin`: n_metrics; `gain`: utility of the first less that of the second. For two that were
 * confirmed. */
enum verdict_word verdict_judge(const struct objective *o, const struct difference *apart, const double *margin,
                                double gain);

/* One configuration beside another. */
struct verdict {
    const char *reference; /* its label */
    long trial;            /* … and trial */
    enum verdict_word word;
    const struct difference *apart; /* n_metrics; `by` NaN: one of the two has no value */
    const double *margin;           /* n_metrics */
    size_t seeds; /* promising: that each would need, about, for the intervals to decide; 0: unknown, or over 100 */
};

/* Beside the baseline and each reference, itself left out: all in the arena. Returns how many. */
size_t verdict_each(const struct objective *o, const struct ranking *all, const struct ranked *x, struct arena *arena,
                    struct verdict **ret);

/* The one word for all of them: the first that holds of do not adopt, a trade, no better, promising, adopt. */
enum verdict_word verdict_of(const struct verdict *each, size_t n);

#endif
