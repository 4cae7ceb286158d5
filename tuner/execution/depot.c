#include "tuner/execution/depot.h"

#include "tuner/base/beneath.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 32, ENTRIES_MAX = 100000 };

/* ---- content ---- */

struct entry { /* of a folder */
    char *path;
    bool folder, executable;
    int64_t bytes;
    char digest[DIGEST_HEX];
};

struct listing {
    struct entry *entry;
    size_t n, capacity;
    bool settles; /* what is read becomes read only, and is to be durable */
    struct error *err;
};

/* A file with another name as well would be written to from there. */
static enum status settle(int fd, const struct stat *st, const char *name, struct error *err)
{
    if (st->st_nlink > 1)
        return error_set(err, STATUS_INVALID,
                         "'%.300s' has another name as well, being a hard link; what is kept has only one", name);
    (void)!fchmod(fd, st->st_mode & 0555);
    return STATUS_OK;
}

static enum status digest_of(struct listing *l, int fd, const struct stat *st, const char *name, char *ret)
{
    unsigned char sum[DIGEST_BYTES];
    enum status s = l->settles ? settle(fd, st, name, l->err) : STATUS_OK;
    if (!s) s = digest_file(fd, sum, l->err);
    if (!s) digest_hex(sum, ret);
    return s;
}

static const char *kind_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFLNK: return "a link";
    case S_IFIFO: return "a FIFO";
    case S_IFSOCK: return "a socket";
    default: return "a device";
    }
}

static enum status add_folder(struct listing *l, int fd, const char *above, int depth);

static enum status add_entry(struct listing *l, int dir, const char *name, const char *path, int depth)
{
    struct stat st;
    struct entry *x;
    int fd = -1;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set(l->err, status_of_errno(errno), "%.300s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return error_set(l->err, STATUS_INVALID, "'%.300s' in it is %s; only files and folders are kept", path,
                         kind_of(st.st_mode));
    if (l->n == ENTRIES_MAX) return error_set(l->err, STATUS_INVALID, "it holds more than %d files", ENTRIES_MAX);
    l->entry = must_reserve(l->entry, l->n + 1, &l->capacity, sizeof *l->entry);
    x = &l->entry[l->n++];
    *x = (struct entry){.path = must_strdup(path),
                        .folder = S_ISDIR(st.st_mode),
                        .executable = S_ISREG(st.st_mode) && st.st_mode & 0100,
                        .bytes = S_ISREG(st.st_mode) ? (int64_t)st.st_size : 0};
    enum status s =
        x->folder ? beneath_folder(dir, name, false, &fd, l->err) : beneath_open(dir, name, O_RDONLY, 0, &fd, l->err);
    if (s) return s;
    if (!x->folder) s = digest_of(l, fd, &st, path, x->digest);
    if (x->folder) s = add_folder(l, fd, path, depth + 1);
    close(fd);
    return s;
}

/* All that is below the folder. */
static enum status add_folder(struct listing *l, int fd, const char *above, int depth)
{
    struct arena a = {0};
    enum status s = STATUS_OK;
    int own = dup(fd);
    DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    if (depth > DEPTH_MAX) s = error_set(l->err, STATUS_INVALID, "its folders are more than %d deep", DEPTH_MAX);
    if (!dir) s = error_set(l->err, status_of_errno(errno), "%.300s: %s", above, strerror(errno));
    for (struct dirent *d; !s && (d = readdir(dir));) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0) continue;
        const char *path = *above ? arena_printf(&a, "%s/%s", above, d->d_name) : d->d_name;
        s = add_entry(l, fd, d->d_name, path, depth);
    }
    if (dir) closedir(dir);
    arena_done(&a);
    return s;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

/* Each name behind its length, so that no name can look like another line. */
static void digest_listing(const struct listing *l, struct deposit *ret)
{
    char *text = NULL;
    size_t n = 0;
    unsigned char sum[DIGEST_BYTES];
    FILE *out = open_memstream(&text, &n);
    if (!out) abort();
    fprintf(out, "folder\n");
    for (size_t i = 0; i < l->n; i++) {
        const struct entry *x = &l->entry[i];
        fprintf(out, "%zu:%s %c %lld %s\n", strlen(x->path), x->path,
                x->folder       ? 'd'
                : x->executable ? 'x'
                                : 'f',
                (long long)x->bytes, x->digest);
        ret->bytes += x->bytes;
    }
    fclose(out);
    digest(text, n, sum);
    digest_hex(sum, ret->digest);
    free(text);
}

static enum status look_at_folder(struct listing *l, int fd, struct deposit *ret)
{
    enum status s = add_folder(l, fd, "", 0);
    if (!s && l->n == 0) s = error_set(l->err, STATUS_NOT_FOUND, "the folder is empty");
    if (l->n) qsort(l->entry, l->n, sizeof *l->entry, by_path);
    if (!s) digest_listing(l, ret);
    for (size_t i = 0; i < l->n; i++) free(l->entry[i].path);
    free(l->entry);
    return s;
}

/* What `name` in the folder is. */
static enum status look(int dir, const char *name, bool settles, struct deposit *ret, struct error *err)
{
    struct stat st;
    struct listing l = {.settles = settles, .err = err};
    int fd = -1;
    *ret = (struct deposit){0};
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set(err, errno == ENOENT ? STATUS_NOT_FOUND : status_of_errno(errno), "%s", strerror(errno));
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return error_set(err, STATUS_INVALID, "it is %s; only files and folders are kept", kind_of(st.st_mode));
    if (S_ISREG(st.st_mode) && st.st_size == 0) return error_set(err, STATUS_NOT_FOUND, "the file is empty");
    enum status s = S_ISDIR(st.st_mode) ? beneath_folder(dir, name, false, &fd, err)
                                        : beneath_open(dir, name, O_RDONLY, 0, &fd, err);
    if (s) return s;
    ret->bytes = S_ISREG(st.st_mode) ? (int64_t)st.st_size : 0;
    s = S_ISDIR(st.st_mode) ? look_at_folder(&l, fd, ret) : digest_of(&l, fd, &st, name, ret->digest);
    /* One call for a folder: its files one by one take some milliseconds each. */
    if (!s && settles && (S_ISDIR(st.st_mode) ? syncfs(fd) : fsync(fd)) != 0)
        s = error_set(err, status_of_errno(errno), "%.300s: %s", name, strerror(errno));
    close(fd);
    return s;
}

/* ---- keeping ---- */

static bool is_kept(int depot, const char *digest)
{
    struct deposit there;
    return look(depot, digest, false, &there, NULL) == STATUS_OK && strcmp(there.digest, digest) == 0;
}

/* What is there already may be in use: it stays, if it is what it was. */
static enum status take_in(int dir, const char *name, int depot, const struct deposit *x, struct error *err)
{
    if (is_kept(depot, x->digest)) {
        beneath_remove(dir, name);
        return STATUS_OK;
    }
    beneath_remove(depot, x->digest);
    if (renameat(dir, name, depot, x->digest) == 0 && fsync(depot) == 0) return STATUS_OK;
    return error_set(err, status_of_errno(errno), "%s", strerror(errno));
}

enum status depot_keep(const char *depot, const char *path, struct deposit *ret, struct error *err)
{
    struct arena a = {0};
    struct deposit left;
    const char *slash = strrchr(path, '/');
    int dir = -1, to = -1;
    enum status s = beneath_folder(AT_FDCWD, arena_printf(&a, "%.*s", (int)(slash - path), path), false, &dir, err);
    if (!s) s = look(dir, slash + 1, true, &left, err);
    if (!s) s = beneath_folder(AT_FDCWD, depot, true, &to, err);
    if (!s) s = take_in(dir, slash + 1, to, &left, err);
    if (!s) *ret = left;
    if (to >= 0) close(to);
    if (dir >= 0) close(dir);
    arena_done(&a);
    return s;
}

enum status depot_verify(const char *depot, const char *digest, struct error *err)
{
    struct deposit now;
    int fd = -1;
    enum status s = beneath_folder(AT_FDCWD, depot, false, &fd, err);
    if (!s) s = look(fd, digest, false, &now, err);
    if (fd >= 0) close(fd);
    if (!s && strcmp(now.digest, digest) != 0) s = error_set(err, STATUS_INVALID, "its content has changed");
    return s;
}

char *depot_path(const char *depot, const char *digest, struct arena *arena)
{
    return arena_printf(arena, "%s/%s", depot, digest);
}

void depot_remove(const char *depot, const char *digest)
{
    int fd = -1;
    if (beneath_folder(AT_FDCWD, depot, false, &fd, NULL)) return;
    beneath_remove(fd, digest);
    close(fd);
}

size_t depot_sweep(const char *depot, bool (*is_known)(void *data, const char *digest), void *data)
{
    int fd = -1;
    size_t n = 0;
    DIR *dir = beneath_folder(AT_FDCWD, depot, false, &fd, NULL) == STATUS_OK ? fdopendir(fd) : NULL;
    for (struct dirent *d; dir && (d = readdir(dir));) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 || is_known(data, d->d_name)) continue;
        beneath_remove(dirfd(dir), d->d_name);
        n++;
    }
    if (dir) closedir(dir);
    return n;
}
