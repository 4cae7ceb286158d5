/* diagnosis: what a drift has done: the champion and the best others of its study, run again on what is the case now,
 * beside what had been measured of them. One that does as well as the champion did, and better than it does now, can be
 * tried at once; otherwise the study is tuned anew.
 *
 * "As well as it did": by its means no metric of the objective is beyond the study's margin worse. "Better than it does
 * now": adopt or promising by the rules of verdicts, on the same seeds. What is tried is judged by an experiment anyway.
 */
#ifndef TUNER_CLI_DIAGNOSIS_H
#define TUNER_CLI_DIAGNOSIS_H

#include "tuner/analysis/analysis.h"

#include "tuner/base/json.h"

enum { DIAGNOSIS_MAX = 32 };

struct suspect {
    const char *what;     /* "the champion", "trial 12", "challenger of the last experiment" */
    long trial;           /* of the study; −1: none of its trials */
    const double *config;
    struct measured was[METRICS_MAX]; /* before; n 0: unknown */
    struct measured now[METRICS_MAX];
    size_t seeds;     /* on which it was run */
    const char *gone; /* why it was run no further: worse than the champion, for sure; NULL: it was run on all */
};

struct diagnosis {
    const struct memory *memory; /* of the study, whose trials they are */
    size_t n, seeds;
    struct suspect suspect[DIAGNOSIS_MAX]; /* the champion first */
    const struct suspect *found;           /* that can be tried at once; NULL */
    const char *why;                       /* what came out, in words, in the arena */
};

/* Who is to be run again: the champion (a configuration's JSON), and the best others of the study until there are `top`.
 * STATUS_INVALID: the champion is not in the study's space. */
enum status diagnosis_begin(struct diagnosis *d, const struct memory *s, const json_t *champion, long top,
                            struct arena *arena, struct error *err);
/* … and of a last experiment those that are not among them ({"challenger": configuration, …}; NULL: there was none). */
void diagnosis_add(struct diagnosis *d, const json_t *variants, struct arena *arena);
/* From `now` of each. */
void diagnosis_judge(struct diagnosis *d, struct arena *arena);
/* {"study", "seeds", "configurations": [{"what", "seeds", "trial"?, "gone"?, "parameters", "was": {…}, "now": {…}}, …]}; the caller's. */
json_t *diagnosis_json(const struct diagnosis *d);

#endif
