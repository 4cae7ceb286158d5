/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "checkpoint.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint64_t MAGIC = 0x31747063703267; /* "g2pcpt1" */

/* FNV-1a over words of eight bytes. */
static uint64_t hash(uint64_t h, const void *bytes, size_t n)
{
    const unsigned char *b = bytes;
    for (size_t i = 0; i < n; i += 8) {
        uint64_t w = 0;
        memcpy(&w, b + i, n - i < 8 ? n - i : 8);
        h = (h ^ w) * 1099511628211u;
    }
    return h;
}

static int put(FILE *out, const void *bytes, size_t n, uint64_t *h)
{
    *h = hash(*h, bytes, n);
    return fwrite(bytes, 1, n, out) == n;
}

int checkpoint_save(const char *path, const struct piece *piece, size_t n)
{
    char beside[4096];
    uint64_t h = 14695981039346656037u;
    if ((size_t)snprintf(beside, sizeof beside, "%s.new", path) >= sizeof beside) return errno = ENAMETOOLONG, -1;
    FILE *out = fopen(beside, "wb");
    if (!out) return -1;
    int good = put(out, &MAGIC, sizeof MAGIC, &h);
    for (size_t i = 0; i < n; i++) good &= put(out, &piece[i].size, sizeof piece[i].size, &h);
    for (size_t i = 0; i < n; i++) good &= put(out, piece[i].at, piece[i].size, &h);
    good &= fwrite(&h, 1, sizeof h, out) == sizeof h && fflush(out) == 0 && fsync(fileno(out)) == 0;
    good &= fclose(out) == 0;
    if (good && rename(beside, path) == 0) return 0;
    unlink(beside);
    return -1;
}

const char *checkpoint_load(const char *path, const struct piece *piece, size_t n)
{
    uint64_t magic = 0, end = 0, h = 14695981039346656037u;
    size_t head = sizeof magic + n * sizeof(size_t), body = 0, size;
    for (size_t i = 0; i < n; i++) body += piece[i].size;
    FILE *in = fopen(path, "rb");
    if (!in) return strerror(errno);
    char *all = malloc(head + body + sizeof end + 1);
    size = all ? fread(all, 1, head + body + sizeof end + 1, in) : 0;
    fclose(in);
    const char *wrong = NULL;
    if (size >= sizeof magic) memcpy(&magic, all, sizeof magic);
    if (magic != MAGIC)
        wrong = "not a checkpoint of this program";
    else if (size < head + body + sizeof end)
        wrong = "it is cut short, or of another network";
    else if (size > head + body + sizeof end)
        wrong = "it is of another network";
    for (size_t i = 0; !wrong && i < n; i++)
        if (memcmp(all + sizeof magic + i * sizeof(size_t), &piece[i].size, sizeof(size_t)) != 0)
            wrong = "it is of another network";
    if (!wrong) {
        h = hash(h, all, sizeof magic);
        for (size_t i = 0; i < n; i++) h = hash(h, all + sizeof magic + i * sizeof(size_t), sizeof(size_t));
        size_t at = head;
        for (size_t i = 0; i < n; at += piece[i++].size) h = hash(h, all + at, piece[i].size);
        memcpy(&end, all + head + body, sizeof end);
        if (h != end) wrong = "it is damaged";
    }
    size_t at = head;
    for (size_t i = 0; !wrong && i < n; at += piece[i++].size) memcpy(piece[i].at, all + at, piece[i].size);
    free(all);
    return wrong;
}
