/* suggestion: a configuration to try next, what kind of suggestion it is, and why. */
#ifndef TUNER_SEARCH_SUGGESTION_H
#define TUNER_SEARCH_SUGGESTION_H

#include "tuner/study/study.h"

enum suggestion_kind {
    SUGGESTION_OTHER,      /* not by the search: a baseline, what was enqueued, a population's member, … */
    SUGGESTION_WARM_START, /* an earlier study's best */
    SUGGESTION_RANDOM,     /* the sampler is random */
    SUGGESTION_SOBOL,
    SUGGESTION_MODEL,    /* the maximum of the acquisition */
    SUGGESTION_DIVERTED, /* random: what came first lies near a poisonous configuration */
    SUGGESTION_FALLBACK, /* random: for numerical reasons no model could be asked */
};

struct suggestion {
    double config[SPACE_PARAMS_MAX];
    enum suggestion_kind kind;
    double cost; /* tokens that it may still cost, what nine of ten stay under; NaN: the search does not know */
    double gain; /* of the utility, as the model expects it beyond the best; 0: unknown, or it was another reason */
    char source[160]; /* why, for people and the log: "sobol", "gp: log improvement −3.1", "random: …" */
    char enough[160]; /* budget: {patience: auto}: why the search may end here; else "" */
};

/* Sets kind and source, and takes the gain back; the text goes on from how the sources of its kind begin. */
void suggestion_say(struct suggestion *s, enum suggestion_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Of a source of the log, which keeps the text alone. */
enum suggestion_kind suggestion_kind_of(const char *source);

#endif
