#include "tuner/service/gzip.h"

#include "tuner/base/arena.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

/* Twice as fast as the usual 6, for some per cent more bytes. */
enum { LEVEL = 4, GZIP_WINDOW = 15 + 16, MEMORY = 8 };

/* Of "gzip;q=0.5", the 0.5; 1 without. */
static double weight_of(const char *from, size_t n)
{
    const char *q = memchr(from, ';', n), *end = from + n;
    while (q && q < end) {
        q++;
        while (q < end && (*q == ' ' || *q == '\t')) q++;
        if (end - q > 2 && (*q == 'q' || *q == 'Q') && q[1] == '=') return strtod(q + 2, NULL);
        q = memchr(q, ';', (size_t)(end - q));
    }
    return 1;
}

static bool is_called(const char *from, size_t n, const char *name)
{
    size_t k = strcspn(from, "; \t");
    if (k > n) k = n;
    return k == strlen(name) && strncasecmp(from, name, k) == 0;
}

/* What is named goes before "*". */
bool gzip_is_taken(const char *header)
{
    bool any = false;
    while (header && *header) {
        header += strspn(header, ", \t");
        size_t n = strcspn(header, ",");
        if (is_called(header, n, "gzip") || is_called(header, n, "x-gzip")) return weight_of(header, n) > 0;
        if (is_called(header, n, "*")) any = weight_of(header, n) > 0;
        header += n;
    }
    return any;
}

bool gzip_pack(const char *text, size_t n, char **ret, size_t *ret_n)
{
    z_stream z = {0};
    if (n > UINT_MAX / 2 || deflateInit2(&z, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    char *out = must_alloc(n, 1);
    z.next_in = (Bytef *)text;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)n;
    bool less = deflate(&z, Z_FINISH) == Z_STREAM_END;
    *ret_n = n - z.avail_out;
    deflateEnd(&z);
    if (!less) {
        free(out);
        return false;
    }
    *ret = out;
    return true;
}
