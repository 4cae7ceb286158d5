/* gzip: answers in fewer bytes [RFC 1952], for clients that say so [RFC 9110, 12.5.3]; by works only, it takes time.
 *
 *     if (gzip_is_taken(header) && gzip_pack(text, n, &packed, &packed_n)) …     packed is the caller's
 */
#ifndef TUNER_SERVICE_GZIP_H
#define TUNER_SERVICE_GZIP_H

#include <stdbool.h>
#include <stddef.h>

/* Below this an answer is a packet anyway. */
enum { GZIP_LEAST_BYTES = 1400 };

/* `header`: of Accept-Encoding; NULL: there is none. */
bool gzip_is_taken(const char *header);
/* False: it would not be less. The caller frees *ret. */
bool gzip_pack(const char *text, size_t n, char **ret, size_t *ret_n);

#endif
