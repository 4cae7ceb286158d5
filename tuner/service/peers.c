#include "tuner/service/peers.h"

#include "tuner/base/arena.h"
#include "tuner/base/digest.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOK_MAX = 64 /* places that are looked at for one that is quiet */,
    FULL_S = 10 /* a burst, in seconds of rate */
};

struct peer {
    struct peer *next;          /* of the same bucket */
    struct peer *older, *newer; /* by when it was heard of last */
    char name[PEER_TEXT_MAX];
    long tries;       /* without a valid token */
    int64_t tries_ms; /* since then */
    double allowance; /* requests that it may still make; −1: not asked yet */
    double full;      /* what it had at most */
    int64_t heard_ms; /* last */
};

struct peers {
    const struct clock *clock;
    uint64_t seed; /* nobody outside can choose who shares a bucket */
    size_t n, max;
    struct peer **bucket; /* max */
    struct peer *oldest, *newest;
    struct peer others; /* all that found no place */
};

struct peers *peers_create(const struct clock *clock, size_t max)
{
    struct peers *p = must_alloc(1, sizeof *p);
    char seed[17];
    digest_random_hex(seed, 8);
    p->clock = clock;
    p->seed = strtoull(seed, NULL, 16);
    p->max = max;
    p->bucket = must_alloc(max, sizeof(struct peer *));
    p->others.allowance = -1;
    return p;
}

void peers_free(struct peers *p)
{
    if (!p) return;
    for (struct peer *x = p->oldest, *next; x; x = next) {
        next = x->newer;
        free(x);
    }
    free(p->bucket);
    free(p);
}

/* ---- names ---- */

static void name_v6(const struct in6_addr *in, char *ret)
{
    struct sockaddr_in6 net = {.sin6_family = AF_INET6};
    char text[PEER_TEXT_MAX - 8] = "";
    memcpy(&net.sin6_addr, in, 8);
    getnameinfo((struct sockaddr *)&net, sizeof net, text, sizeof text, NULL, 0, NI_NUMERICHOST);
    snprintf(ret, PEER_TEXT_MAX, "%s/64", text);
}

void peer_name(const struct sockaddr *address, socklen_t n, char ret[PEER_TEXT_MAX])
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    if (address->sa_family == AF_INET6) {
        const struct in6_addr *in = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        if (!IN6_IS_ADDR_V4MAPPED(in) && !IN6_IS_ADDR_LOOPBACK(in)) {
            name_v6(in, ret);
            return;
        }
        if (IN6_IS_ADDR_V4MAPPED(in)) {
            memcpy(&v4.sin_addr, in->s6_addr + 12, 4);
            address = (const struct sockaddr *)&v4;
            n = sizeof v4;
        }
    }
    if (getnameinfo(address, n, ret, PEER_TEXT_MAX, NULL, 0, NI_NUMERICHOST) != 0)
        snprintf(ret, PEER_TEXT_MAX, "unknown");
}

/* ---- places ---- */

static struct peer **bucket_of(struct peers *p, const char *name)
{
    uint64_t h = digest_quick(p->seed, name);
    return &p->bucket[(h ^ h >> 32) % p->max];
}

static void leave_line(struct peers *p, struct peer *x)
{
    *(x->older ? &x->older->newer : &p->oldest) = x->newer;
    *(x->newer ? &x->newer->older : &p->newest) = x->older;
}

static void join_line(struct peers *p, struct peer *x)
{
    x->older = p->newest;
    x->newer = NULL;
    *(p->newest ? &p->newest->newer : &p->oldest) = x;
    p->newest = x;
}

/* To forget it would give it nothing that it does not have, or nearly so. */
static bool is_quiet(const struct peer *x, int64_t now)
{
    bool tries = x->tries > 0 && now - x->tries_ms <= PEERS_TRIES_S * 1000;
    bool spent = x->allowance >= 0 && x->allowance < x->full / 2 && now - x->heard_ms < FULL_S * 1000;
    return !tries && !spent;
}

static void remove_peer(struct peers *p, struct peer *x)
{
    struct peer **at = bucket_of(p, x->name);
    while (*at != x) at = &(*at)->next;
    *at = x->next;
    leave_line(p, x);
    p->n--;
    free(x);
}

static bool make_room(struct peers *p, int64_t now)
{
    if (p->n < p->max) return true;
    struct peer *x = p->oldest;
    for (int i = 0; x && i < LOOK_MAX; i++, x = x->newer)
        if (is_quiet(x, now)) {
            remove_peer(p, x);
            return true;
        }
    return false;
}

static struct peer *peer_of(struct peers *p, const char *name, int64_t now)
{
    struct peer *x = *bucket_of(p, name);
    while (x && strcmp(x->name, name) != 0) x = x->next;
    if (x)
        leave_line(p, x);
    else if (make_room(p, now)) {
        struct peer **at = bucket_of(p, name);
        x = must_alloc(1, sizeof *x);
        *x = (struct peer){.next = *at, .allowance = -1};
        snprintf(x->name, sizeof x->name, "%s", name);
        *at = x;
        p->n++;
    } else
        return &p->others;
    join_line(p, x);
    return x;
}

/* ---- limits ---- */

bool peers_is_flood(struct peers *p, const char *name, double rate)
{
    int64_t now = clock_mono_ms(p->clock);
    struct peer *x = peer_of(p, name, now);
    x->full = FULL_S * rate;
    x->allowance = x->allowance < 0 ? x->full : x->allowance + rate * (double)(now - x->heard_ms) / 1000;
    if (x->allowance > x->full) x->allowance = x->full;
    x->heard_ms = now;
    if (x->allowance < 1) return true;
    x->allowance -= 1;
    return false;
}

bool peers_tries(struct peers *p, const char *name, long max)
{
    int64_t now = clock_mono_ms(p->clock);
    struct peer *x = peer_of(p, name, now);
    if (x->tries == 0 || now - x->tries_ms > PEERS_TRIES_S * 1000) {
        x->tries = 0;
        x->tries_ms = now;
    }
    return ++x->tries > max;
}
