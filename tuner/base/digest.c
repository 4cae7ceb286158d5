#include "tuner/base/digest.h"

#include "tuner/base/arena.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

void digest(const void *bytes, size_t n, unsigned char ret[DIGEST_BYTES])
{
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, n, ret) < 0) abort(); /* a library without SHA-256 */
}

enum status digest_file(int fd, unsigned char ret[DIGEST_BYTES], struct error *err)
{
    char buf[1 << 16];
    gnutls_hash_hd_t h;
    ssize_t n;
    off_t at = 0;
    if (gnutls_hash_init(&h, GNUTLS_DIG_SHA256) < 0) abort();
    for (; (n = pread(fd, buf, sizeof buf, at)) > 0; at += n) gnutls_hash(h, buf, (size_t)n);
    gnutls_hash_deinit(h, ret);
    return n < 0 ? error_set(err, STATUS_IO, "cannot read: %s", strerror(errno)) : STATUS_OK;
}

static const char *hex(const unsigned char *bytes, size_t n, char *ret)
{
    for (size_t i = 0; i < n; i++) snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
    return ret;
}

const char *digest_hex(const unsigned char bytes[DIGEST_BYTES], char *ret)
{
    return hex(bytes, DIGEST_BYTES, ret);
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool digest_parse(const char *hex, unsigned char ret[DIGEST_BYTES])
{
    if (strlen(hex) != DIGEST_HEX - 1) return false;
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        ret[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

bool digest_equal(const unsigned char a[DIGEST_BYTES], const unsigned char b[DIGEST_BYTES])
{
    return gnutls_memcmp(a, b, DIGEST_BYTES) == 0;
}

void digest_random_hex(char *ret, size_t n)
{
    unsigned char bytes[256];
    if (getrandom(bytes, n, 0) != (ssize_t)n) abort(); /* cannot be for so few */
    hex(bytes, n, ret);
}

uint64_t digest_quick(uint64_t seed, const char *text)
{
    for (;; text++) {
        seed = (seed ^ (unsigned char)*text) * 1099511628211u;
        if (!*text) return seed;
    }
}

void digest_hmac(const void *key, size_t n_key, const void *bytes, size_t n, unsigned char ret[DIGEST_BYTES])
{
    if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, n_key, bytes, n, ret) < 0) abort();
}

static void *own(gnutls_datum_t *d)
{
    unsigned char *out = must_alloc(d->size + 1, 1);
    if (d->size) memcpy(out, d->data, d->size);
    gnutls_free(d->data);
    return out;
}

char *digest_base64(const void *bytes, size_t n)
{
    gnutls_datum_t in = {(void *)(uintptr_t)bytes, (unsigned)n}, out = {NULL, 0};
    if (n == 0) return must_strdup("");
    if (gnutls_base64_encode2(&in, &out) < 0) abort();
    return own(&out);
}

unsigned char *digest_base64_read(const char *text, size_t *ret_n)
{
    gnutls_datum_t in = {(void *)(uintptr_t)text, (unsigned)strlen(text)}, out = {NULL, 0};
    if (*text == 0 || gnutls_base64_decode2(&in, &out) < 0) return NULL;
    *ret_n = out.size;
    return own(&out);
}
