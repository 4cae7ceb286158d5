/* fingerprint: what of a stage's program can be seen from outside: its command, and the content of its files.
 *
 * Its files are those under `files:` (the stage's, else the study's), the script that the command names and what that
 * imports, as far as the study's folder has them, and a program of PATH that is no interpreter. Two stages with one
 * fingerprint do the same with the same parameters, seed and inputs.
 */
#ifndef TUNER_EXECUTION_FINGERPRINT_H
#define TUNER_EXECUTION_FINGERPRINT_H

#include "tuner/study/study.h"

/* Of each stage, in the arena: pipeline.n texts of hexadecimal digits. STATUS_INVALID: a file of `files:` is missing.
 */
enum status fingerprint_make(const struct study *study, struct arena *arena, const char ***ret, struct error *err);

#endif
