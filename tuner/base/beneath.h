/* beneath: folders and regular files of ours, in places where somebody else may write: a trial, above all.
 *
 * No part of a path is a link or "..", and a file is a regular one: a link, a FIFO, a socket, a device or a folder in
 * its place is an error at once, never a wait and never another file. The kernel sees to it (openat2); where it cannot,
 * the path is walked part by part.
 *
 *     int dir, fd;
 *     beneath_folder(AT_FDCWD, "/srv/n.files/demo/0001.1", false, &dir, &err);
 *     beneath_open(dir, "c3.bin", O_RDONLY, 0, &fd, &err);
 *
 * A descriptor stays with its folder, whatever becomes of the folder's name. Errors: STATUS_NOT_FOUND; STATUS_INVALID:
 * something else is in its place; STATUS_IO.
 */
#ifndef TUNER_BASE_BENEATH_H
#define TUNER_BASE_BENEATH_H

#include "tuner/base/error.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A folder below `dir`; AT_FDCWD: `path` may be absolute. `make`: it and those above it, for their owner alone. */
enum status beneath_folder(int dir, const char *path, bool make, int *ret, struct error *err);

/* `flags`: O_RDONLY, O_WRONLY or O_RDWR, with O_CREAT, O_EXCL, O_APPEND. What is written to has no second name. */
enum status beneath_open(int dir, const char *path, int flags, unsigned mode, int *ret, struct error *err);

/* A new file for writing, in the place of whatever is there. */
enum status beneath_create(int dir, const char *path, unsigned mode, int *ret, struct error *err);

/* The whole file, of at most `max` bytes, and a NUL behind it; the caller frees it. */
enum status beneath_read(int dir, const char *path, size_t max, char **ret, size_t *ret_n, struct error *err);

/* Whatever is there, folders with all that is in them but for what is mounted there. `dir` and `path` as for
 * beneath_folder. */
void beneath_remove(int dir, const char *path);

/* Is something mounted at this entry of the folder? */
bool beneath_is_mount(int dir, const char *name);

/* Bytes on the disk of whatever is there, folders with all that is in them on the same file system: of very deep or
 * wide ones a part. */
int64_t beneath_bytes(int dir, const char *path);

/* What is left of `path` below `folder`, as they are written; NULL: it is not below. */
const char *beneath_rest(const char *folder, const char *path);

/* A file or folder of this user that others may read or write: no more. */
void beneath_tighten(int fd);

#endif
