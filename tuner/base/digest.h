/* digest: SHA-256 [FIPS 180-4], HMAC and base 64, by GnuTLS, a quick hash for tables, and random bytes. */
#ifndef TUNER_BASE_DIGEST_H
#define TUNER_BASE_DIGEST_H

#include "tuner/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_BYTES = 32, DIGEST_HEX = 2 * DIGEST_BYTES + 1 };

void digest(const void *bytes, size_t n, unsigned char ret[DIGEST_BYTES]);
/* Of the whole file behind fd, read from its beginning. */
enum status digest_file(int fd, unsigned char ret[DIGEST_BYTES], struct error *err);
/* ret: DIGEST_HEX bytes */
const char *digest_hex(const unsigned char bytes[DIGEST_BYTES], char *ret);
bool digest_parse(const char *hex, unsigned char ret[DIGEST_BYTES]);
/* Takes as long for any two. */
bool digest_equal(const unsigned char a[DIGEST_BYTES], const unsigned char b[DIGEST_BYTES]);

/* FNV-1a, 64 bits [Fowler, Noll, Vo], of the text and its NUL. `seed`: the hash of the text before it, a random number
 * where strangers choose the texts, or DIGEST_QUICK_SEED. */
#define DIGEST_QUICK_SEED UINT64_C(14695981039346656037)
uint64_t digest_quick(uint64_t seed, const char *text);

/* HMAC-SHA256 [RFC 2104]. */
void digest_hmac(const void *key, size_t n_key, const void *bytes, size_t n, unsigned char ret[DIGEST_BYTES]);

/* Base 64 [RFC 4648], with padding and without line ends. The caller frees it. */
char *digest_base64(const void *bytes, size_t n);
/* And back; NULL: it is none. */
unsigned char *digest_base64_read(const char *text, size_t *ret_n);

/* n ≤ 256 random bytes of the kernel as 2 n hexadecimal digits, for keys. ret: 2 n + 1 bytes */
void digest_random_hex(char *ret, size_t n);

#endif
