/* checkpoint: some pieces of memory in a file, whole or not at all.
 *
 * The file begins with a magic number, says how long each piece is, and ends with a hash of everything before it: a
 * file that is cut short, damaged, or of a program with other pieces is refused. */
#ifndef G2P_CHECKPOINT_H
#define G2P_CHECKPOINT_H

#include <stddef.h>

struct piece {
    void *at;
    size_t size; /* bytes */
};

/* Written beside it and renamed. 0, or -1 with errno set. */
int checkpoint_save(const char *path, const struct piece *piece, size_t n);

/* Nothing is changed unless it returns NULL; otherwise it says what is wrong with the file. */
const char *checkpoint_load(const char *path, const struct piece *piece, size_t n);

#endif
