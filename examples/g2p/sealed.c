/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sealed.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORD = 8 /* magic number, hash */, SIZE_MAX_ = 1 << 30 };

/* FNV-1a over words of eight bytes. */
static uint64_t hash(const char *b, size_t n)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < n; i += 8) {
        uint64_t w = 0;
        memcpy(&w, b + i, n - i < 8 ? n - i : 8);
        h = (h ^ w) * 1099511628211u;
    }
    return h;
}

static int write_whole(const char *path, const char *bytes, size_t n)
{
    FILE *out = fopen(path, "wb");
    if (!out) return 0;
    int good = fwrite(bytes, 1, n, out) == n && fflush(out) == 0 && fsync(fileno(out)) == 0;
    return (fclose(out) == 0) & good;
}

int sealed_save(const char *path, const struct seal *seal, const struct piece *piece, size_t n)
{
    char beside[PATH_MAX];
    size_t size = WORD;
    if ((size_t)snprintf(beside, sizeof beside, "%s.new", path) >= sizeof beside) return errno = ENAMETOOLONG, -1;
    for (size_t i = 0; i < n; i++) size += piece[i].size;
    char *all = malloc(size + WORD);
    if (!all) return -1;
    memcpy(all, &seal->magic, WORD);
    for (size_t i = 0, at = WORD; i < n; at += piece[i++].size) memcpy(all + at, piece[i].at, piece[i].size);
    uint64_t h = hash(all, size);
    memcpy(all + size, &h, WORD);
    int good = write_whole(beside, all, size + WORD) && rename(beside, path) == 0, why = errno;
    if (!good) unlink(beside);
    free(all);
    return errno = why, good ? 0 : -1;
}

/* *ret_size: 0 if it cannot be read. */
static char *read_whole(const char *path, size_t *ret_size, const char **ret_wrong)
{
    struct stat is;
    FILE *in = fopen(path, "rb");
    *ret_size = 0;
    if (!in || fstat(fileno(in), &is) != 0) return *ret_wrong = strerror(errno), in ? fclose(in) : 0, NULL;
    char *all = S_ISREG(is.st_mode) && is.st_size <= SIZE_MAX_ ? malloc((size_t)is.st_size + 1) : NULL;
    if (all)
        *ret_size = fread(all, 1, (size_t)is.st_size, in);
    else
        *ret_wrong = S_ISREG(is.st_mode) ? "it is too large" : "it is no regular file";
    fclose(in);
    return all;
}

char *sealed_load(const char *path, const struct seal *seal, size_t *ret_size, const char **ret_wrong)
{
    uint64_t magic = 0, end = 0;
    size_t size;
    char *all = read_whole(path, &size, ret_wrong);
    if (!all) return NULL;
    if (size >= WORD) memcpy(&magic, all, WORD);
    if (size >= 2 * WORD) memcpy(&end, all + size - WORD, WORD);
    if (magic != seal->magic)
        *ret_wrong = seal->stranger;
    else if (size < 2 * WORD || hash(all, size - WORD) != end)
        *ret_wrong = "it is cut short or damaged";
    else
        return *ret_size = size - 2 * WORD, memmove(all, all + WORD, size - 2 * WORD);
    free(all);
    return NULL;
}
