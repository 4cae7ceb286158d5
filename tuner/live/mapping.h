/* mapping: which of what telemetry measures is which metric of a rollout.
 *
 *     otlp: {correctness: em, output_tokens: tokens}       the table of a plan
 *
 * Left of the colon is what is measured: the name of an evaluation (gen_ai.evaluation.name), or what a request spent:
 * "tokens" (input_tokens and output_tokens together), "input_tokens", "output_tokens", "reasoning_tokens". What the table
 * does not name is the metric of its own name, unless the table gives that metric to something else; what is no metric of
 * the rollout is nothing to it.
 *
 * All texts are the caller's, and stay for as long as the mapping is used.
 */
#ifndef TUNER_LIVE_MAPPING_H
#define TUNER_LIVE_MAPPING_H

#include "tuner/base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define MEASURED_TOKENS "tokens"
#define MEASURED_INPUT "input_tokens"
#define MEASURED_OUTPUT "output_tokens"
#define MEASURED_REASONING "reasoning_tokens"

struct mapping_row {
    const char *measured, *metric;
};

struct mapping { /* of one rollout */
    const char *rollout;
    size_t n_metrics;
    const char *const *metric; /* that it has */
    size_t n;
    const struct mapping_row *row;
};

/* STATUS_INVALID: the table gives something to a metric that the rollout does not have, two things to one metric, or one
 * thing twice. */
enum status mapping_check(const struct mapping *m, struct error *err);

/* NULL: none. */
const char *mapping_metric(const struct mapping *m, const char *measured);

struct measurement {
    const char *name;
    double value;
};

/* Gives each of n its metric's name, and leaves out, in place, what is no metric; how many are left. */
size_t mapping_apply(const struct mapping *m, struct measurement *each, size_t n);

struct mappings { /* of all rollouts that run an experiment */
    size_t n;
    const struct mapping *each;
};

const struct mapping *mappings_find(const struct mappings *all, const char *rollout); /* NULL: not one of them */
bool mappings_want(const struct mappings *all, const char *measured);
bool mappings_want_tokens(const struct mappings *all); /* any of the four */

#endif
