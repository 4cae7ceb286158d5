#include "tuner/history/checkpoint.h"

#include "tuner/base/beneath.h"
#include "tuner/base/digest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A regular file or a folder, with no link on the way; the caller closes it. */
static enum status open_plain(const char *path, int *ret_fd, struct stat *ret, struct error *err)
{
    enum status s = beneath_open(AT_FDCWD, path, O_RDONLY, 0, ret_fd, err);
    if (s == STATUS_INVALID) s = beneath_folder(AT_FDCWD, path, false, ret_fd, err);
    if (s) return s;
    if (fstat(*ret_fd, ret) == 0) return STATUS_OK;
    close(*ret_fd);
    *ret_fd = -1;
    return error_set(err, STATUS_IO, "%s: %s", path, strerror(errno));
}

/* ret: DIGEST_HEX. */
static enum status digest_parts(int fd, int64_t bytes, char *ret, struct error *err)
{
    unsigned char sum[DIGEST_BYTES];
    char *buf = must_alloc(1, CHECKPOINT_PARTS * CHECKPOINT_PART + 32);
    size_t n = (size_t)snprintf(buf, 32, "%lld:", (long long)bytes);
    enum status s = STATUS_OK;
    for (int64_t k = 0; !s && k < CHECKPOINT_PARTS; k++) {
        ssize_t got = pread(fd, buf + n, CHECKPOINT_PART, (off_t)(bytes / CHECKPOINT_PARTS * k));
        if (got < 0) s = error_set(err, STATUS_IO, "cannot read a checkpoint: %s", strerror(errno));
        if (got > 0) n += (size_t)got;
    }
    digest(buf, n, sum);
    digest_hex(sum, ret);
    free(buf);
    return s;
}

bool checkpoint_parse(const char *path, long trial, struct checkpoint *ret)
{
    char folder[32];
    const char *at = NULL;
    for (const char *p = path; (p = strchr(p, '/')); p++) {
        long t = -1, attempt = -1;
        int n = 0;
        if (sscanf(p, "/%ld.%ld/%n", &t, &attempt, &n) != 2 || !n || !p[n] || t != trial) continue;
        snprintf(folder, sizeof folder, "/%04ld.%ld/", t, attempt);
        if (strncmp(p, folder, strlen(folder)) != 0) continue;
        at = p + n;
        *ret = (struct checkpoint){.trial = t, .attempt = attempt, .name = at};
    }
    return at;
}

/* What `real` is: a file with content, or a folder. */
static enum status look(const char *real, struct checkpoint *c, struct arena *arena, struct error *err)
{
    struct stat file;
    char hex[DIGEST_HEX];
    int fd = -1;
    enum status s = open_plain(real, &fd, &file, err);
    if (s) return s;
    c->bytes = S_ISREG(file.st_mode) ? (int64_t)file.st_size : 0;
    if (S_ISREG(file.st_mode) && file.st_size == 0) s = error_set(err, STATUS_NOT_FOUND, "%s is empty", real);
    if (!s && c->bytes) s = digest_parts(fd, c->bytes, hex, err);
    if (!s && c->bytes) c->digest = arena_strdup(arena, hex);
    close(fd);
    return s;
}

enum status checkpoint_refer(const struct trial *t, const char *dir, const char *path, struct arena *arena,
                             struct checkpoint *ret, struct error *err)
{
    char *real = realpath(*path == '/' ? path : arena_printf(arena, "%s/%s", dir, path), NULL);
    const char *rest = real ? beneath_rest(dir, real) : NULL; /* no link in `dir`, unless the trial has put one there */
    enum status s = STATUS_OK;
    *ret = (struct checkpoint){.trial = t->number, .attempt = t->effort.attempts};
    if (!real || (rest && look(real, ret, arena, err)))
        s = error_set(err, STATUS_NOT_FOUND,
                      "trial %ld reported the checkpoint '%.200s', which is no file with content", t->number, path);
    else if (!rest)
        s = error_set(err, STATUS_INVALID,
                      "trial %ld reported the checkpoint '%.200s', which is not in its own folder NOCTURNE_DIR",
                      t->number, path);
    else
        ret->name = arena_strdup(arena, rest);
    free(real);
    return s;
}

static enum status is_changed(const struct checkpoint *c, int fd, const struct stat *file, const char *path,
                              struct error *err)
{
    char now[DIGEST_HEX];
    if (c->bytes && file->st_size != c->bytes)
        return error_set(err, STATUS_INVALID, "the checkpoint of trial %ld has %lld bytes instead of %lld: %s",
                         c->trial, (long long)file->st_size, (long long)c->bytes, path);
    if (!c->digest) return STATUS_OK;
    enum status s = digest_parts(fd, c->bytes, now, err);
    if (s || strcmp(now, c->digest) == 0) return s;
    return error_set(err, STATUS_INVALID, "the checkpoint of trial %ld is not what was left there: %s", c->trial, path);
}

enum status checkpoint_verify(const struct checkpoint *c, const char *path, struct error *err)
{
    struct stat file;
    int fd = -1;
    if (!c->name) return error_set(err, STATUS_NOT_FOUND, "trial %ld left no checkpoint to go on from", c->trial);
    enum status s = open_plain(path, &fd, &file, NULL);
    if (s && s != STATUS_INVALID)
        return error_set(err, STATUS_NOT_FOUND, "the checkpoint of trial %ld is gone: %s", c->trial, path);
    if (s || !(c->bytes ? S_ISREG(file.st_mode) : S_ISDIR(file.st_mode)))
        s = error_set(err, STATUS_INVALID, "the checkpoint of trial %ld is no longer a %s: %s", c->trial,
                      c->bytes ? "regular file" : "folder", path);
    else
        s = is_changed(c, fd, &file, path, err);
    if (fd >= 0) close(fd);
    return s;
}
