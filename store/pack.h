/* pack: rows of many small things in as few bytes as they need: numbers, texts, and metrics by name.
 *
 * A number is a varint (7 bits a byte, low first, top bit: more). Metrics are their number, then each the length of its
 * name, the name, and the value: eight bytes of an IEEE 754 double, little endian, of which a count says how many low
 * ones are zero and left out. A name that is the same as that of the metric at the same place of the thing before is
 * left out: its length is 0.
 */
#ifndef STORE_PACK_H
#define STORE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PACK_METRICS_MAX = 64, PACK_NAME_MAX = 255 };

/* Grows. Zero is empty; free(bytes) when done. */
struct pack {
    unsigned char *bytes;
    size_t n, capacity;
    size_t n_names; /* metrics of the last thing, whose names stand at these places of `bytes` */
    struct {
        uint32_t at, length;
    } name[PACK_METRICS_MAX];
};

struct pack_metrics {
    size_t n;
    const char *const *name;
    const double *value;
};

void pack_number(struct pack *p, uint64_t v);
void pack_text(struct pack *p, const char *text, size_t n);
/* `same`: names and their order are those of the thing before. */
void pack_metrics(struct pack *p, const struct pack_metrics *m, bool same);

/* Reads on in the rows of one thing after the other; its names are those of the row before. Large: not on the stack. */
struct unpack {
    const unsigned char *at, *end;
    bool bad; /* damaged: what is read from here on is nothing */
    char text[PACK_METRICS_MAX][PACK_NAME_MAX + 1];
    const char *name[PACK_METRICS_MAX];
    double value[PACK_METRICS_MAX];
};

void unpack_begin(struct unpack *u, const unsigned char *bytes, size_t n);
bool unpack_more(const struct unpack *u);
uint64_t unpack_number(struct unpack *u);
/* At most `size` − 1 bytes, else it is damaged. */
void unpack_text(struct unpack *u, char *ret, size_t size);
/* Valid until the next. */
struct pack_metrics unpack_metrics(struct unpack *u);

#endif
