/* product: what a stage has left: its checkpoint, which a depot keeps by its digest, and the numbers that it said.
 *
 * It is known by its key, the SHA-256 of all that it follows from: the fingerprint of the stage's program, the
 * parameters that this sees and that exist, the seed, and the digests of the checkpoints that it takes. What has the
 * same key need not be run again.
 */
#ifndef TUNER_HISTORY_PRODUCT_H
#define TUNER_HISTORY_PRODUCT_H

#include "tuner/history/memory.h"

#include "tuner/base/digest.h"

/* The last product with this key; NULL: there is none. */
const struct product *product_find(const struct memory *s, const char *key);

/* Is a checkpoint of this digest kept? */
bool product_has(const struct memory *s, const char *digest);

/* The key of what a stage is to leave for this trial. False: something that it takes is not there yet, or is not known
 * well enough to be told from others. */
bool product_key(const struct memory *s, const struct trial *t, size_t stage, char ret[DIGEST_HEX]);

/* Need a new trial that agrees in all that this stage of a trial follows from not run it again? */
bool product_is_kept(const struct memory *s, const struct trial *t, size_t stage);

/* The first stage that exists and has left nothing for this trial; pipeline.n: there is none. */
size_t product_next(const struct memory *s, const struct trial *t);

/* What a stage of the trial takes, as far as it is done; ret: STAGES_MAX. Returns how many. */
size_t product_takes(const struct memory *s, const struct trial *t, size_t stage, const struct product **ret);

/* Tokens of all stages that are done for this trial. */
double product_cost(const struct memory *s, const struct trial *t);

/* All that the done stages said, the later over the earlier; tokens are added up. A new reference. */
json_t *product_metrics(const struct memory *s, const struct trial *t);

/* What a stage says of its own tokens, as the trial's: with those of the stages before. A new reference. */
json_t *product_whole(const struct memory *s, const struct trial *t, const json_t *metrics);

/* ---- for apply.c ---- */

void product_add(struct history *s, struct product *p);
/* The depot has lost this one. */
void product_evict(struct history *s, const char *digest);

#endif
