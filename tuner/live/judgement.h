/* judgement: what the findings mean: of each challenger and track the difference, whether it is proven, and one word,
 * that of every verdict (tuner/analysis/verdict.h); whether a guard or the shares of arrivals say that it must end.
 *
 *   adopt           every metric that is to prove something has: exact match not worse, a typical request cheaper, and
 *                   the bill not higher; of several challengers by closed testing
 *   do not adopt    one is surely worse, or a guard's bound is broken
 *   a trade         one is surely worse, another surely better
 *   promising, no better     by what was seen so far; open
 *   not confirmed   too few units, shares that are not those that were promised, or a metric that is to prove something
 *                   is not heard of the champion's units more often than of the challenger's
 *
 * Never a p-value: right however often somebody looks. Pure.
 */
#ifndef TUNER_LIVE_JUDGEMENT_H
#define TUNER_LIVE_JUDGEMENT_H

#include "tuner/live/experiment.h"
#include "tuner/live/findings.h"

#include "tuner/analysis/analysis.h"

struct track_reading {
    double by, low, high; /* challenger less champion, in the metric's unit; of amounts the ratio less 1; or NaN */
    double evidence[SIDES]; /* log E that it is good enough (above), and that it is not (below) */
    double guard;           /* log E that it must be taken back; of no guard −INFINITY */
    double unheard[2]; /* units of which its metric was not heard, the champion's first */
    bool good, bad, broken;
    bool unfair; /* the champion's lack it more often, which alone would make the challenger look better */
};

struct challenger_reading {
    struct track_reading track[LIVE_TRACKS_MAX];
    double evidence; /* log E that all is good enough */
    double mismatch; /* log E that units do not arrive in the promised shares */
    bool proven, broken, mismatched, unfair;
    size_t broken_track;
    enum verdict_word word;
    double needed;      /* units of both arms that the plan's effects take, about; 0: unknown */
    double needed_same; /* … if what must not be worse is as good, so that it is the margin that must be seen */
};

struct judgement {
    size_t n; /* challengers */
    struct challenger_reading challenger[LIVE_CHALLENGERS_MAX];
};

/* With `intervals` their ends, too, which take a millisecond each; else NaN. */
void judge(const struct experiment *x, const struct findings *f, bool intervals, struct judgement *ret);

json_t *judgement_json(const struct experiment *x, const struct findings *f, const struct judgement *j);

#endif
