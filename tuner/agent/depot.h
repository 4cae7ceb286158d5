/* depot: what an agent has of studies: their files, by content, and their parsed study files.
 *
 *     depot_get(depot, "g2p", "ab12…", on_ready, data);      at once if it is here, else when it has come
 *
 * DIR/blobs/SHA256 is the cache, kept from run to run: above DEPOT_BYTES_MAX the longest unused files go. DIR/studies/
 * STUDY.ID/ is what trials see.
 */
#ifndef TUNER_AGENT_DEPOT_H
#define TUNER_AGENT_DEPOT_H

#include "tuner/agent/client.h"

#include "tuner/study/study.h"

struct depot;

#define DEPOT_BYTES_MAX 8e9

struct depot *depot_create(struct client *client, const char *dir);
void depot_free(struct depot *d);

/* `study` is the depot's, for as long as it lives; NULL: `err` says why. STATUS_BUSY: the service could not be reached,
 * try again; other failures are for good. */
typedef void depot_ready_fn(void *data, const struct study *study, const struct error *err);

void depot_get(struct depot *d, const char *study, const char *definition, depot_ready_fn *ready, void *data);
/* Whoever waits with this data does so no more. */
void depot_forget(struct depot *d, const void *data);

#endif
