#include "tuner/service/body.h"

#include "tuner/service/door.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEARD_OUT = 65536 }; /* of a body that is refused, and twice its size */

void body_begin(struct body *b, const char *length)
{
    size_t max = b->request->body_max;
    b->expected = length ? strtoull(length, NULL, 10) : max;
    if (b->expected > max) b->refused = 413;
}

void body_forget(struct body *b)
{
    struct http_request *r = b->request;
    visitor_gives(b->visitor, b->capacity);
    free(r->body);
    if (r->spool >= 0) close(r->spool);
    r->body = NULL;
    r->spool = -1;
    b->capacity = 0;
}

static bool make_room(struct body *b, size_t n)
{
    size_t want = 2 * n + 1024, all = b->expected + 1;
    if (want > all && n < all) want = all;
    if (!visitor_takes(b->visitor, want - b->capacity)) return false;
    char *bytes = realloc(b->request->body, want);
    if (!bytes) {
        visitor_gives(b->visitor, want - b->capacity);
        return false;
    }
    b->request->body = bytes;
    b->capacity = want;
    return true;
}

static unsigned keep(struct body *b, const char *bytes, size_t n)
{
    struct http_request *r = b->request;
    if (r->n + n + 1 > b->capacity && !make_room(b, r->n + n)) return 503;
    memcpy(r->body + r->n, bytes, n);
    r->body[r->n + n] = 0;
    return 0;
}

static unsigned spool(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, bytes, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return 507;
        bytes += k;
        n -= (size_t)k;
    }
    return 0;
}

bool body_take(struct body *b, const char *bytes, size_t n)
{
    struct http_request *r = b->request;
    visitor_sends(b->visitor, n);
    b->heard += n;
    if (!b->refused && r->n + n > r->body_max) b->refused = 413;
    if (!b->refused) b->refused = r->spool >= 0 ? spool(r->spool, bytes, n) : keep(b, bytes, n);
    if (b->refused) {
        body_forget(b);
        return b->heard <= 2 * r->body_max + HEARD_OUT;
    }
    r->n += n;
    return true;
}
