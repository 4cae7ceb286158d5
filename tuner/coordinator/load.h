/* load: what is carried for an attempt that runs a stage, between the depot and its folder. It takes as long as the
 * disk does, and so is done on the pool.
 *
 * load_check: are the checkpoints that its stage takes what they were? load_keep: what its program left goes into the
 * depot.
 *
 * It calls back once, on the loop's thread, and is freed then.
 */
#ifndef TUNER_COORDINATOR_LOAD_H
#define TUNER_COORDINATOR_LOAD_H

#include "tuner/execution/execution.h"
#include "tuner/history/history.h"

#include <uv.h>

struct load;

struct load_home {
    uv_loop_t *loop;
    struct history *history;
    const char *files; /* folder for the attempts' folders */
};

/* `bad`: the first checkpoint that is not there as it was left, and `why`; it is removed, and the log knows it. NULL:
 * all are there. Returns NULL if the stage takes none: nobody is called. */
struct load *load_check(const struct load_home *h, const struct trial *t,
                        void (*done)(void *data, const char *bad, const char *why), void *data);

/* `left` is what is in the depot now; with STATUS_NOT_FOUND there was nothing, with STATUS_INVALID something that is
 * not kept; other errors are the disk's. `dir`: the attempt's folder. `sent`: it has come there as a parcel. */
struct load *load_keep(const struct load_home *h, const char *dir, bool sent,
                       void (*done)(void *data, const struct deposit *left, enum status s, const char *why),
                       void *data);

/* What the trial's attempt has left and was not kept goes, unless the trial goes on from it. Attempt 0: none. */
void load_clear(const struct load_home *h, const struct trial *t, long attempt);
/* Those that nobody needs go, as far as the study's limit asks for it. */
void load_evict(const struct load_home *h);
/* One that the log does not know goes. */
void load_discard(const struct load_home *h, const char *digest);
/* All those do; at the start. */
void load_sweep(const struct load_home *h);

#endif
