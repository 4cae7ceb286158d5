/* checkpoint: some pieces of memory in a sealed file, which says how long each of them is: a file of a program with
 * other pieces is refused. */
#ifndef G2P_CHECKPOINT_H
#define G2P_CHECKPOINT_H

#include "sealed.h"

enum { CHECKPOINT_PIECES_MAX = 16 };

/* 0, or -1 with errno set. */
int checkpoint_save(const char *path, const struct piece *piece, size_t n);

/* Nothing is changed unless it returns NULL; otherwise it says what is wrong with the file. */
const char *checkpoint_load(const char *path, const struct piece *piece, size_t n);

#endif
