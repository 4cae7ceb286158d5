#include "tuner/history/checkpoint.h"

#include "tuner/history/append.h"

#include "tuner/base/beneath.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A regular file or a folder, with no link on the way. */
static enum status look(const char *path, struct stat *ret, struct error *err)
{
    int fd = -1;
    enum status s = beneath_open(AT_FDCWD, path, O_RDONLY, 0, &fd, err);
    if (s == STATUS_INVALID) s = beneath_folder(AT_FDCWD, path, false, &fd, err);
    if (s) return s;
    if (fstat(fd, ret) != 0) s = error_set(err, STATUS_IO, "%s: %s", path, strerror(errno));
    close(fd);
    return s;
}

enum status checkpoint_take(struct history *s, const struct trial *t, const char *dir, long step, const char *path,
                            struct error *err)
{
    struct arena arena = {0};
    struct stat file;
    char *real = realpath(*path == '/' ? path : arena_printf(&arena, "%s/%s", dir, path), NULL);
    enum status st = STATUS_OK;
    bool inside = real && beneath_rest(dir, real); /* `dir` has no link in it, unless the trial has put one there */
    if (!real || (inside && (look(real, &file, err) || (S_ISREG(file.st_mode) && file.st_size == 0))))
        st = error_set(err, STATUS_NOT_FOUND,
                       "trial %ld reported the checkpoint '%.200s', which is no file with content", t->number, path);
    else if (!inside)
        st = error_set(err, STATUS_INVALID,
                       "trial %ld reported the checkpoint '%.200s', which is not in its own folder NOCTURNE_DIR",
                       t->number, path);
    else
        st = history_checkpoint(s, t, real, step, S_ISREG(file.st_mode) ? (int64_t)file.st_size : 0, err);
    free(real);
    arena_done(&arena);
    return st;
}

const char *checkpoint_find(const struct memory *s, const struct trial *t, struct arena *arena, double *ret_cost,
                            struct error *err)
{
    const struct trial *from = t->checkpoint.path ? t : memory_trial(s, t->parent);
    struct stat file;
    error_set(err, STATUS_OK, "%s", "");
    if (!from) return NULL;
    if (!from->checkpoint.path) {
        error_set(err, STATUS_NOT_FOUND, "trial %ld left no checkpoint to go on from", from->number);
        return NULL;
    }
    enum status st = look(from->checkpoint.path, &file, NULL);
    if (st && st != STATUS_INVALID)
        error_set(err, STATUS_NOT_FOUND, "the checkpoint of trial %ld is gone: %s", from->number,
                  from->checkpoint.path);
    else if (st || !(from->checkpoint.bytes ? S_ISREG(file.st_mode) : S_ISDIR(file.st_mode)))
        error_set(err, STATUS_INVALID, "the checkpoint of trial %ld is no longer a %s: %s", from->number,
                  from->checkpoint.bytes ? "regular file" : "folder", from->checkpoint.path);
    else if (from->checkpoint.bytes && file.st_size != from->checkpoint.bytes)
        error_set(err, STATUS_INVALID, "the checkpoint of trial %ld has %lld bytes instead of %lld: %s", from->number,
                  (long long)file.st_size, (long long)from->checkpoint.bytes, from->checkpoint.path);
    if (!err->status) *ret_cost = from->checkpoint.cost;
    return err->status ? NULL : arena_strdup(arena, from->checkpoint.path);
}
