/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "checkpoint.h"

#include <stdlib.h>
#include <string.h>

static const struct seal SEAL = {0x31747063703267 /* "g2pcpt1" */, "not a checkpoint of this program"};

/* Returns how many bytes the pieces have. */
static size_t sizes_of(const struct piece *piece, size_t n, size_t ret[CHECKPOINT_PIECES_MAX])
{
    size_t all = 0;
    for (size_t i = 0; i < n; i++) all += ret[i] = piece[i].size;
    return all;
}

int checkpoint_save(const char *path, const struct piece *piece, size_t n)
{
    size_t size[CHECKPOINT_PIECES_MAX];
    struct piece all[1 + CHECKPOINT_PIECES_MAX] = {{size, n * sizeof *size}};
    sizes_of(piece, n, size);
    memcpy(all + 1, piece, n * sizeof *piece);
    return sealed_save(path, &SEAL, all, n + 1);
}

const char *checkpoint_load(const char *path, const struct piece *piece, size_t n)
{
    size_t size[CHECKPOINT_PIECES_MAX], head = n * sizeof *size, body = sizes_of(piece, n, size), all;
    const char *wrong = NULL;
    char *bytes = sealed_load(path, &SEAL, &all, &wrong);
    if (!bytes) return wrong;
    if (all != head + body || memcmp(bytes, size, head) != 0)
        wrong = "it is of another network";
    else
        for (size_t i = 0, at = head; i < n; at += piece[i++].size) memcpy(piece[i].at, bytes + at, piece[i].size);
    free(bytes);
    return wrong;
}
