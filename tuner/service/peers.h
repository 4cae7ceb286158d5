/* peers: addresses, and what each has done lately: requests without a valid token, and how fast requests come.
 *
 * A table of bounded size in which every address has a place of its own. An IPv6 /64, which one person has, is one
 * address. When it is full, whoever was quiet for longest makes room; whoever is being held to a limit does not: then
 * all newcomers share one place, and its limits.
 */
#ifndef TUNER_SERVICE_PEERS_H
#define TUNER_SERVICE_PEERS_H

#include "tuner/base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum { PEER_TEXT_MAX = 64, PEERS_TRIES_S = 60 };

/* "192.0.2.1", also of an address that IPv6 wraps; "2001:db8:1:2::/64"; "unknown" */
void peer_name(const struct sockaddr *address, socklen_t n, char ret[PEER_TEXT_MAX]);

struct peers;

struct peers *peers_create(const struct clock *clock, size_t max);
void peers_free(struct peers *p);

/* One request more from this address: is that too many? `rate` a second, ten times that in a burst. */
bool peers_is_flood(struct peers *p, const char *name, double rate);
/* One try more without a valid token: is that more than `max` in PEERS_TRIES_S? */
bool peers_tries(struct peers *p, const char *name, long max);

#endif
