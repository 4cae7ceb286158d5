/* sealed: pieces of memory in a file, whole or not at all.
 *
 * The file begins with a magic number and ends with a hash of everything before it: a file that is cut short, damaged,
 * or of another kind is refused. */
#ifndef G2P_SEALED_H
#define G2P_SEALED_H

#include <stddef.h>
#include <stdint.h>

struct piece {
    void *at;
    size_t size; /* bytes */
};

struct seal {
    uint64_t magic;
    const char *stranger; /* what is said of a file without the magic number */
};

/* Written beside it and renamed. 0, or -1 with errno set. */
int sealed_save(const char *path, const struct seal *seal, const struct piece *piece, size_t n);

/* The bytes between magic number and hash; free() them. NULL: *ret_wrong says what is wrong with the file. */
char *sealed_load(const char *path, const struct seal *seal, size_t *ret_size, const char **ret_wrong);

#endif
