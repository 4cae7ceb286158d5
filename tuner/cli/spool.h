/* spool: outcomes that the SDKs of clients have put down, a JSON object a line (workers/sdk/python/src/nocturne/_spool.py
 * says why none is lost): NAME.open is being written, NAME.jsonl may be sent, NAME.refused was not taken. */
#ifndef TUNER_CLI_SPOOL_H
#define TUNER_CLI_SPOOL_H

#include "tuner/base/arena.h"
#include "tuner/base/error.h"

#include <jansson.h>
#include <stdio.h>

enum { SPOOL_LINES_MAX = 5000, SPOOL_BYTES_MAX = 900000 /* of a batch */, SPOOL_IDLE_MS = 1000 };

/* Paths of what may be sent, the oldest first; what nobody has appended to for SPOOL_IDLE_MS is made so. In the arena. A
 * folder that is not there yet has none. */
enum status spool_ready(const char *folder, int64_t now_ms, struct arena *arena, const char ***ret, size_t *ret_n,
                        struct error *err);

/* Nobody else sends it meanwhile; fclose lets it go. NULL: somebody else does, or has. */
FILE *spool_claim(const char *path);
/* The next outcomes, a list, the caller's; NULL: there are no more. *broken grows by the lines that are none, as is a last
 * one without its end. */
json_t *spool_batch(FILE *claimed, long *broken);
/* It was sent, or will never be taken. */
void spool_done(const char *path);
void spool_set_aside(const char *path);

#endif
