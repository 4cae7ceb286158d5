/* bundle: the files of `files:` that agents need to run a study, shipped by their hashes. */
#ifndef TUNER_EXECUTION_BUNDLE_H
#define TUNER_EXECUTION_BUNDLE_H

#include "tuner/base/digest.h"
#include "tuner/study/study.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct bundle_file {
    char *path; /* relative to the study's folder */
    unsigned char hash[DIGEST_BYTES];
    int64_t bytes;
    bool executable;
    struct stat seen; /* as it was hashed */
    bool settled;     /* it had not changed for a while then: as long as it looks the same, it is */
};

struct bundle {
    struct bundle_file *file;
    size_t n, capacity;
    char definition[DIGEST_HEX]; /* of the study's text and all files */
    char *text;                  /* what agents are told of it, JSON */
};

/* STATUS_INVALID names what is missing, outside, or too much. `before`: an earlier one of the study, whose files are
 * not read again unless they have changed; may be NULL. */
enum status bundle_make(struct bundle *p, const struct bundle *before, const struct study *study, struct error *err);
void bundle_done(struct bundle *p);
const struct bundle_file *bundle_find(const struct bundle *p, const unsigned char hash[DIGEST_BYTES]);

#endif
