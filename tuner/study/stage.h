/* stage: a step of a trial. Its program is given the checkpoints of stages above, and leaves one itself.
 *
 *     stages:
 *       train:    {command: [./train, --lr, "{lr}", --save, "{output}"], parameters: [lr]}
 *       compress: {command: [./compress, "{input}", "{output}"], parameters: [bits], when: small == true}
 *       evaluate: {command: [./evaluate, "{input}"]}
 *
 * What a stage does follows from its command, the parameters that it names, the seed, its files and its inputs; so the
 * program sees no other parameters, and what equals in these need not run twice. A stage takes the checkpoint of the
 * one above it, or of those under `input:`. One whose `when` does not hold does not exist: it hands on its own first
 * input.
 */
#ifndef TUNER_STUDY_STAGE_H
#define TUNER_STUDY_STAGE_H

#include "tuner/study/study.h"

/* Place of the stage of that name; −1: there is none. */
int stage_find(const struct study *study, const char *name);

/* Does it exist in this configuration? */
bool stage_exists(const struct study *study, size_t stage, const double *config);

/* The first stage from `stage` on that exists; pipeline.n: there is none. */
size_t stage_next(const struct study *study, size_t stage, const double *config);

/* What its program sees of a configuration; others are NaN. ret: space.n */
void stage_config(const struct study *study, size_t stage, const double *config, double *ret);

/* The stage whose checkpoint comes as the input called `input`: itself, or what it hands on; −1: nothing does. */
int stage_source(const struct study *study, size_t input, const double *config);

/* The parameters that decide what a stage leaves: its own, those of all that it takes something from, and those that
 * decide which of these exist. ret: space.n */
void stage_reach(const struct study *study, size_t stage, bool *ret);

#endif
