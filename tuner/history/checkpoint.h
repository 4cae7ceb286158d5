/* checkpoint: what a trial left to go on from: referred to, and verified when it is wanted. */
#ifndef TUNER_HISTORY_CHECKPOINT_H
#define TUNER_HISTORY_CHECKPOINT_H

#include "tuner/history/memory.h"

/* What the running trial's program says it has left, as a reference, in the arena: a file with content, or a folder, in
 * this attempt's own folder `dir`; otherwise the error says why nothing can go on from it. `path`: absolute, or from
 * there. */
enum status checkpoint_refer(const struct trial *t, const char *dir, const char *path, struct arena *arena,
                             struct checkpoint *ret, struct error *err);

/* Is what lies at `path` what was left? The error says what has become of it. */
enum status checkpoint_verify(const struct checkpoint *c, const char *path, struct error *err);

/* The digest of a file is the SHA-256, in hexadecimal, of a file's size and of CHECKPOINT_PARTS parts of it, spread
 * evenly, each of CHECKPOINT_PART bytes: what was replaced, cut or torn is noticed in a few milliseconds however large
 * it is. Not proof against somebody who forges one. */
enum { CHECKPOINT_PARTS = 16, CHECKPOINT_PART = 65536 };

/* A path of a log from before there were references, FILES/STUDY/TRIAL.ATTEMPT/NAME: its attempt and name. False: it is
 * none. */
bool checkpoint_parse(const char *path, long trial, struct checkpoint *ret);

#endif
