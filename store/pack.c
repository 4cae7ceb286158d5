#include "store/pack.h"

#include "tuner/base/arena.h"

#include <string.h>

/* ---- writing ---- */

static void put(struct pack *p, const void *bytes, size_t n)
{
    p->bytes = must_reserve(p->bytes, p->n + n, &p->capacity, 1);
    memcpy(p->bytes + p->n, bytes, n);
    p->n += n;
}

void pack_number(struct pack *p, uint64_t v)
{
    do {
        unsigned char byte = (unsigned char)((v & 127) | (v > 127 ? 128 : 0));
        put(p, &byte, 1);
        v >>= 7;
    } while (v);
}

void pack_text(struct pack *p, const char *text, size_t n)
{
    pack_number(p, n);
    put(p, text, n);
}

static void put_double(struct pack *p, double v)
{
    uint64_t bits;
    unsigned char bytes[9];
    memcpy(&bits, &v, sizeof bits);
    unsigned zeros = bits ? (unsigned)__builtin_ctzll(bits) / 8 : 8;
    bytes[0] = (unsigned char)zeros;
    for (unsigned i = zeros; i < 8; i++) bytes[1 + i - zeros] = (unsigned char)(bits >> 8 * i);
    put(p, bytes, 9 - zeros);
}

static void put_name(struct pack *p, size_t place, const char *name)
{
    size_t length = strnlen(name, PACK_NAME_MAX);
    if (place < p->n_names && p->name[place].length == length &&
        memcmp(p->bytes + p->name[place].at, name, length) == 0) {
        pack_number(p, 0);
        return;
    }
    pack_number(p, length);
    p->name[place].at = (uint32_t)p->n;
    p->name[place].length = (uint32_t)length;
    put(p, name, length);
}

void pack_metrics(struct pack *p, const struct pack_metrics *m, bool same)
{
    size_t n = m->n < PACK_METRICS_MAX ? m->n : PACK_METRICS_MAX;
    pack_number(p, n);
    for (size_t i = 0; i < n; i++) {
        if (same)
            pack_number(p, 0);
        else
            put_name(p, i, m->name[i]);
        put_double(p, m->value[i]);
    }
    if (!same) p->n_names = n;
}

/* ---- reading ---- */

void unpack_begin(struct unpack *u, const unsigned char *bytes, size_t n)
{
    u->at = bytes;
    u->end = n ? bytes + n : bytes; /* SQLite gives no address for a blob of no bytes */
    u->bad = false;
}

bool unpack_more(const struct unpack *u)
{
    return u->at < u->end && !u->bad;
}

uint64_t unpack_number(struct unpack *u)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (u->at == u->end) break;
        unsigned char byte = *u->at++;
        v |= (uint64_t)(byte & 127) << shift;
        if (!(byte & 128)) return v;
    }
    u->bad = true;
    return 0;
}

static double get_double(struct unpack *u)
{
    unsigned zeros = u->at < u->end ? *u->at++ : 9;
    uint64_t bits = 0;
    double v;
    if (zeros > 8 || u->end - u->at < 8 - (ptrdiff_t)zeros) {
        u->bad = true;
        return 0;
    }
    for (unsigned i = zeros; i < 8; i++) bits |= (uint64_t)*u->at++ << 8 * i;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void take(struct unpack *u, size_t length, char *ret, size_t size)
{
    if (u->bad || length >= size || (size_t)(u->end - u->at) < length) {
        u->bad = true;
        return;
    }
    memcpy(ret, u->at, length);
    ret[length] = 0;
    u->at += length;
}

void unpack_text(struct unpack *u, char *ret, size_t size)
{
    *ret = 0;
    take(u, (size_t)unpack_number(u), ret, size);
}

struct pack_metrics unpack_metrics(struct unpack *u)
{
    size_t n = (size_t)unpack_number(u);
    if (n > PACK_METRICS_MAX) u->bad = true;
    for (size_t i = 0; i < n && !u->bad; i++) {
        size_t length = (size_t)unpack_number(u);
        if (length) take(u, length, u->text[i], sizeof u->text[i]);
        u->name[i] = u->text[i];
        u->value[i] = get_double(u);
    }
    return (struct pack_metrics){u->bad ? 0 : n, u->name, u->value};
}
