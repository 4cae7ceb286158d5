/* cache: what an agent has of studies: their files, by content, and their parsed study files.
 *
 *     cache_get(cache, "g2p", "ab12…", on_ready, data);      at once if it is here, else when it has come
 *
 * DIR/blobs/SHA256 is the cache, kept from run to run: above CACHE_BYTES_MAX the longest unused files go. DIR/studies/
 * STUDY.ID/ is what trials see.
 */
#ifndef TUNER_AGENT_CACHE_H
#define TUNER_AGENT_CACHE_H

#include "tuner/remote/remote.h"

#include "tuner/study/study.h"

struct cache;

#define CACHE_BYTES_MAX 8e9

struct cache *cache_create(struct client *client, const char *dir);
void cache_free(struct cache *d);

/* `study` is the cache's, for as long as it lives; NULL: `err` says why. STATUS_BUSY: the service could not be reached,
 * try again; other failures are for good. */
typedef void cache_ready_fn(void *data, const struct study *study, const struct error *err);

void cache_get(struct cache *d, const char *study, const char *definition, cache_ready_fn *ready, void *data);
/* Whoever waits with this data does so no more. */
void cache_forget(struct cache *d, const void *data);

#endif
