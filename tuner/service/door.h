/* door: who may come in, how many of them, and how long they may take.
 *
 * Accepts connections and knows each from its beginning to its end. A connection counts for its address until it has
 * shown a valid token, and for the token from then on. An address has few places, and the newest takes that of the
 * oldest; a token has as many as are left to all others together, so that there is always one left. Whoever is too
 * slow, or gone, or whose token is valid no more, is shown out: the socket is shut down, and the server finds its end.
 *
 *   ASKS ──header is here──▶ SENDS ──body is here──▶ WAITS ──answered──▶ ASKS
 *     seconds                  a least speed           the server's turn
 *
 * libmicrohttpd with epoll never sees an end that comes together with the last bytes, so the door looks for it, too.
 */
#ifndef TUNER_SERVICE_DOOR_H
#define TUNER_SERVICE_DOOR_H

#include "tuner/service/peers.h"

#include "tuner/base/error.h"

#include <stdint.h>
#include <uv.h>

struct door;
struct visitor;

struct door_hooks {
    /* Takes the socket, which closes with visitor_leaves. */
    void (*enter)(void *data, struct visitor *v, int fd, const struct sockaddr *address, socklen_t n);
    void (*entered)(void *data); /* some have entered */
    bool (*is_valid)(void *data, const char *token);
    void (*expel)(void *data, struct visitor *v); /* its token is valid no more */
    void *data;
};

struct door_options {
    const char *address;
    uint16_t port;        /* 0: any */
    unsigned connections; /* at once; fewer if the process may not have so many files */
};

/* Listens. */
enum status door_create(const struct door_options *options, const struct door_hooks *hooks, uv_loop_t *loop,
                        struct door **ret, struct error *err);
uint16_t door_port(const struct door *d);
unsigned door_visitors(const struct door *d);
/* Nobody comes in any more. `closed` comes from the loop, and the door is free to go when all have left. */
void door_close(struct door *d, void (*closed)(void *data), void *data);
void door_free(struct door *d);

const char *visitor_peer(const struct visitor *v);
void visitor_own(struct visitor *v, void *owner);
void *visitor_owner(const struct visitor *v);

void visitor_asks(struct visitor *v);
void visitor_sends(struct visitor *v, size_t n); /* so much more of its body is here */
void visitor_waits(struct visitor *v);
/* False: the token has too many connections. */
bool visitor_shows(struct visitor *v, const char *token);
/* Memory for its request. False: that would be more than what is left to all others. */
bool visitor_takes(struct visitor *v, size_t bytes);
void visitor_gives(struct visitor *v, size_t bytes);
void visitor_expel(struct visitor *v);
void visitor_leaves(struct visitor *v); /* and is freed */

#endif
