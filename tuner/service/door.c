#include "tuner/service/door.h"

#include "tuner/base/arena.h"
#include "tuner/base/digest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    STRANGERS_MAX = 256, /* connections of an address that have not shown a token */
    STRANGERS_SHARE = 4, /* nor more than this part of all */
    BATCH = 64,          /* accepted before those who are here have their turn */
    SWEEP_MS = 500,
    HEADER_MS = 10000,
    GUEST_MS = 180000,   /* the same, and the time that a guest's connection rests before it */
    STRANGER_MS = 30000, /* a stranger's request and its answer */
    BODY_MS = 20000,     /* a body, and a second more for each … */
    BODY_BYTES_A_S = 4096,
    MEMORY = 32 << 20, /* of all requests */
    FILES_SPARE = 128, /* for all that is no connection */
    CROWDS = 1024,
};

/* The connections of an address, or of a token. */
struct crowd {
    struct crowd *next; /* of the same bucket */
    char name[PEER_TEXT_MAX];
    bool token;
    size_t n, memory;
    struct visitor *first, *last; /* oldest first */
};

struct visitor {
    struct visitor *next, *prev;
    struct door *door;
    struct crowd *crowd; /* NULL: it was shown out */
    int fd;
    char peer[PEER_TEXT_MAX];
    enum { ASKS, SENDS, WAITS } phase;
    uint64_t since_ms, sent;
    size_t memory;
    void *owner;
};

struct door {
    struct door_hooks hooks;
    uv_loop_t *loop;
    uv_poll_t poll;
    uv_timer_t timer;
    int fd, open_handles;
    uint16_t port;
    unsigned max, n, guests; /* guests: with a token */
    size_t memory;
    struct crowd *crowd[CROWDS];
    void (*closed)(void *data);
    void *closed_data;
};

/* ---- crowds ---- */

static struct crowd **bucket_of(struct door *d, const char *name)
{
    return &d->crowd[digest_quick(DIGEST_QUICK_SEED, name) % CROWDS];
}

static struct crowd *crowd_of(struct door *d, const char *name, bool token)
{
    struct crowd **bucket = bucket_of(d, name), *c = *bucket;
    while (c && (c->token != token || strcmp(c->name, name) != 0)) c = c->next;
    if (c) return c;
    c = must_alloc(1, sizeof *c);
    *c = (struct crowd){.next = *bucket, .token = token};
    snprintf(c->name, sizeof c->name, "%s", name);
    return *bucket = c;
}

static void disperse(struct door *d, struct crowd *c)
{
    struct crowd **at = bucket_of(d, c->name);
    if (c->n > 0) return;
    while (*at != c) at = &(*at)->next;
    *at = c->next;
    free(c);
}

static void leave(struct visitor *v)
{
    struct crowd *c = v->crowd;
    if (!c) return;
    *(v->prev ? &v->prev->next : &c->first) = v->next;
    *(v->next ? &v->next->prev : &c->last) = v->prev;
    c->n--;
    c->memory -= v->memory;
    v->door->n--;
    v->door->guests -= c->token;
    v->crowd = NULL;
    disperse(v->door, c);
}

static void join(struct visitor *v, struct crowd *c)
{
    v->crowd = c;
    v->next = NULL;
    v->prev = c->last;
    *(c->last ? &c->last->next : &c->first) = v;
    c->last = v;
    c->n++;
    c->memory += v->memory;
    v->door->n++;
    v->door->guests += c->token;
}

/* The server finds the end of the connection. */
void visitor_expel(struct visitor *v)
{
    leave(v);
    shutdown(v->fd, SHUT_RDWR);
}

/* ---- visitors ---- */

const char *visitor_peer(const struct visitor *v)
{
    return v->peer;
}

void visitor_own(struct visitor *v, void *owner)
{
    v->owner = owner;
}

void *visitor_owner(const struct visitor *v)
{
    return v->owner;
}

void visitor_asks(struct visitor *v)
{
    v->phase = ASKS;
    v->since_ms = uv_now(v->door->loop);
}

void visitor_sends(struct visitor *v, size_t n)
{
    if (v->phase != SENDS) v->since_ms = uv_now(v->door->loop);
    v->sent = v->phase == SENDS ? v->sent + n : n;
    v->phase = SENDS;
}

void visitor_waits(struct visitor *v)
{
    v->phase = WAITS;
}

bool visitor_shows(struct visitor *v, const char *token)
{
    struct door *d = v->door;
    struct crowd *c = v->crowd;
    if (!c || (c->token && strcmp(c->name, token) == 0)) return true;
    c = crowd_of(d, token, true);
    bool capacity = c->n < d->max - d->guests;
    if (capacity) {
        leave(v);
        join(v, c);
    }
    disperse(d, c);
    return capacity;
}

bool visitor_takes(struct visitor *v, size_t bytes)
{
    struct door *d = v->door;
    if (!v->crowd || v->crowd->memory + bytes > MEMORY - d->memory) return false;
    v->memory += bytes;
    v->crowd->memory += bytes;
    d->memory += bytes;
    return true;
}

void visitor_gives(struct visitor *v, size_t bytes)
{
    v->memory -= bytes;
    v->door->memory -= bytes;
    if (v->crowd) v->crowd->memory -= bytes;
}

void visitor_leaves(struct visitor *v)
{
    leave(v);
    v->door->memory -= v->memory;
    free(v);
}

/* ---- coming in ---- */

static struct crowd *largest_address(struct door *d)
{
    struct crowd *best = NULL;
    for (size_t i = 0; i < CROWDS; i++)
        for (struct crowd *c = d->crowd[i]; c; c = c->next)
            if (!c->token && c->n > (best ? best->n : 0)) best = c;
    return best;
}

static size_t strangers_max(const struct door *d)
{
    size_t share = d->max / STRANGERS_SHARE;
    return share < STRANGERS_MAX ? share : STRANGERS_MAX;
}

/* There are always strangers when the house is full: see visitor_shows. */
static void make_room(struct door *d, const char *peer)
{
    struct crowd *c = crowd_of(d, peer, false);
    if (c->n >= strangers_max(d))
        visitor_expel(c->first);
    else if (d->n >= d->max && (c = largest_address(d)))
        visitor_expel(c->first);
}

static void let_in(struct door *d, int fd, const struct sockaddr *address, socklen_t n)
{
    struct visitor *v = calloc(1, sizeof *v);
    if (!v) {
        close(fd);
        return;
    }
    v->door = d;
    v->fd = fd;
    peer_name(address, n, v->peer);
    make_room(d, v->peer);
    join(v, crowd_of(d, v->peer, false));
    visitor_asks(v);
    d->hooks.enter(d->hooks.data, v, fd, address, n);
}

/* Without descriptors the next sweep tries again. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct door *d = poll->data;
    (void)status;
    (void)events;
    for (int i = 0; i < BATCH; i++) {
        struct sockaddr_storage address;
        socklen_t n = sizeof address;
        int fd = accept4(d->fd, (struct sockaddr *)&address, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            let_in(d, fd, (struct sockaddr *)&address, n);
        else if (errno == EAGAIN)
            break;
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            uv_poll_stop(&d->poll);
            break;
        }
    }
    d->hooks.entered(d->hooks.data);
}

/* ---- the sweep ---- */

static bool is_late(const struct visitor *v, uint64_t now)
{
    uint64_t ms = now - v->since_ms;
    bool stranger = !v->crowd->token;
    switch (v->phase) {
    case ASKS: return ms > (stranger ? HEADER_MS : GUEST_MS);
    case SENDS: return (stranger && ms > STRANGER_MS) || ms > BODY_MS + v->sent * 1000 / BODY_BYTES_A_S;
    case WAITS: return stranger && ms > STRANGER_MS;
    }
    return false;
}

/* What it has sent and the server has not read yet is the server's delay, not its own. */
static bool is_unread(const struct visitor *v)
{
    int n = 0;
    return ioctl(v->fd, FIONREAD, &n) == 0 && n > 0;
}

struct sweep {
    struct door *door;
    size_t n;
    struct pollfd *poll;
    struct visitor **visitor;
};

static void look_at(struct sweep *s, struct visitor *v)
{
    if (is_late(v, uv_now(s->door->loop)) && !is_unread(v)) {
        visitor_expel(v);
        return;
    }
    if (v->phase == WAITS) return; /* it may have said that it says nothing more */
    s->poll[s->n] = (struct pollfd){.fd = v->fd, .events = POLLRDHUP};
    s->visitor[s->n++] = v;
}

static void look_at_crowd(struct sweep *s, struct crowd *c)
{
    struct door_hooks *hooks = &s->door->hooks;
    bool expel = c->token && !hooks->is_valid(hooks->data, c->name);
    for (struct visitor *v = c->first, *next; v; v = next) {
        next = v->next; /* the crowd goes with its last visitor */
        if (expel)
            hooks->expel(hooks->data, v);
        else
            look_at(s, v);
    }
}

static void sweep(struct door *d)
{
    struct sweep s = {d, 0, must_alloc(d->n + 1, sizeof *s.poll), must_alloc(d->n + 1, sizeof *s.visitor)};
    for (size_t i = 0; i < CROWDS; i++)
        for (struct crowd *c = d->crowd[i], *next; c; c = next) {
            next = c->next;
            look_at_crowd(&s, c);
        }
    int n = poll(s.poll, s.n, 0);
    for (size_t i = 0; n > 0 && i < s.n; i++)
        if (s.poll[i].revents && !is_unread(s.visitor[i])) visitor_expel(s.visitor[i]);
    free(s.poll);
    free(s.visitor);
}

static void on_timer(uv_timer_t *timer)
{
    struct door *d = timer->data;
    sweep(d);
    if (!uv_is_active((uv_handle_t *)&d->poll)) uv_poll_start(&d->poll, UV_READABLE, on_poll);
}

/* ---- life ---- */

static enum status resolve(const char *address, uint16_t port_number, struct sockaddr_storage *ret, struct error *err)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM},
                    *found;
    char port[8];
    snprintf(port, sizeof port, "%u", port_number);
    int code = getaddrinfo(address, port, &hints, &found);
    if (code != 0)
        return error_set(err, STATUS_INVALID, "'%s' is not an address to listen on, such as 127.0.0.1 or ::1: %s",
                         address, gai_strerror(code));
    memcpy(ret, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return STATUS_OK;
}

static enum status listen_on(struct door *d, const char *host, uint16_t port, struct error *err)
{
    struct sockaddr_storage address;
    enum status s = resolve(host, port, &address, err);
    if (s) return s;
    int family = address.ss_family, one = 1, fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t n = family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, n) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &n) != 0) {
        int code = errno;
        if (fd >= 0) close(fd);
        return error_set(err, STATUS_FAILED, "cannot listen on %s port %u: %s%s", host, port, strerror(code),
                         code == EADDRINUSE ? "; another server is there, choose another --listen" : "");
    }
    d->fd = fd;
    d->port = ntohs(family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                       : ((struct sockaddr_in *)&address)->sin_port);
    return STATUS_OK;
}

static unsigned as_many_as_files(unsigned connections)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= (rlim_t)connections + FILES_SPARE)
        return connections;
    return files.rlim_cur > 2 * FILES_SPARE ? (unsigned)files.rlim_cur - FILES_SPARE : FILES_SPARE;
}

enum status door_create(const struct door_options *options, const struct door_hooks *hooks, uv_loop_t *loop,
                        struct door **ret, struct error *err)
{
    struct door *d = must_alloc(1, sizeof *d);
    d->hooks = *hooks;
    d->loop = loop;
    d->max = as_many_as_files(options->connections);
    enum status s = listen_on(d, options->address, options->port, err);
    if (s) {
        free(d);
        return s;
    }
    uv_poll_init(loop, &d->poll, d->fd);
    uv_timer_init(loop, &d->timer);
    d->open_handles = 2;
    d->poll.data = d->timer.data = d;
    uv_poll_start(&d->poll, UV_READABLE, on_poll);
    uv_timer_start(&d->timer, on_timer, SWEEP_MS, SWEEP_MS);
    *ret = d;
    return STATUS_OK;
}

uint16_t door_port(const struct door *d)
{
    return d->port;
}

unsigned door_visitors(const struct door *d)
{
    return d->n;
}

static void on_closed(uv_handle_t *handle)
{
    struct door *d = handle->data;
    if (--d->open_handles == 0) d->closed(d->closed_data);
}

void door_close(struct door *d, void (*closed)(void *data), void *data)
{
    d->closed = closed;
    d->closed_data = data;
    uv_poll_stop(&d->poll);
    close(d->fd);
    uv_close((uv_handle_t *)&d->poll, on_closed);
    uv_close((uv_handle_t *)&d->timer, on_closed);
}

void door_free(struct door *d)
{
    free(d);
}
