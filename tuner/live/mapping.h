/* mapping: which of what telemetry measures is which metric of a rollout.
 *
 * Measured are evaluations, by gen_ai.evaluation.name, and what a request spent: "tokens" (input_tokens and
 * output_tokens together), "input_tokens", "output_tokens", "reasoning_tokens". A metric is what is measured under its
 * own name, or under the one that the plan gives to it:
 *
 *     otlp: {correctness: em, output_tokens: tokens}
 *
 * All texts are the caller's, and stay for as long as the mapping is used.
 */
#ifndef TUNER_LIVE_MAPPING_H
#define TUNER_LIVE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>

#define MEASURED_TOKENS "tokens"
#define MEASURED_INPUT "input_tokens"
#define MEASURED_OUTPUT "output_tokens"
#define MEASURED_REASONING "reasoning_tokens"

struct mapping_row { /* a metric */
    const char *measured, *metric;
};

struct mapping { /* of one rollout */
    const char *rollout;
    size_t n;
    const struct mapping_row *row; /* no two measured under one name */
    bool alone;                    /* no experiment: everybody has the champion, which is watched */
};

struct measurement {
    const char *name;
    double value;
};

/* Gives each of n its metric's name, and leaves out, in place, what is no metric; how many are left. */
size_t mapping_apply(const struct mapping *m, struct measurement *each, size_t n);

struct mappings { /* of all rollouts that want outcomes */
    size_t n;
    const struct mapping *each;
};

const struct mapping *mappings_find(const struct mappings *all, const char *rollout); /* NULL: not one of them */
bool mappings_want(const struct mappings *all, const char *measured);
bool mappings_want_tokens(const struct mappings *all); /* any of the four */

#endif
