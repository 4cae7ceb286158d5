#include "tuner/base/beneath.h"

#include "tuner/base/arena.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FOLDER = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, STEP = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

static enum status refused(const char *path, int code, struct error *err)
{
    switch (code) {
    case ENOENT: return error_set(err, STATUS_NOT_FOUND, "%.500s is not there", path);
    case ELOOP:
    case EXDEV:
    case ENOTDIR:
        return error_set(err, STATUS_INVALID, "%.500s: a part of it is a link, or no folder; that is not followed",
                         path);
    case ENXIO:
    case EISDIR: return error_set(err, STATUS_INVALID, "%.500s is not a regular file", path);
    case EACCES:
    case ENAMETOOLONG: return error_set(err, STATUS_INVALID, "%.500s: %s", path, strerror(code));
    default: return error_set(err, status_of_errno(code), "%.500s: %s", path, strerror(code));
    }
}

/* ---- opening ---- */

/* The next part of the path, without slashes; NULL: there is none. */
static const char *next_part(const char *at, size_t *ret_n)
{
    do {
        at += strspn(at, "/");
        *ret_n = strcspn(at, "/");
    } while (*ret_n == 1 && *at == '.' && at++);
    return *ret_n ? at : NULL;
}

static bool is_last(const char *part, size_t n)
{
    return !next_part(part + n, &n);
}

static bool goes_up(const char *path)
{
    size_t n;
    for (const char *part = next_part(path, &n); part; part = next_part(part + n, &n))
        if (n == 2 && part[0] == '.' && part[1] == '.') return true;
    return false;
}

static int step(int dir, const char *name, bool make)
{
    int fd = openat(dir, name, STEP);
    if (fd < 0 && make && errno == ENOENT && (mkdirat(dir, name, 0700) == 0 || errno == EEXIST))
        fd = openat(dir, name, STEP);
    return fd;
}

/* Part by part. `make`: the folders of the path, the last one included. */
static int walk(int dir, const char *path, int flags, unsigned mode, bool make)
{
    char name[NAME_MAX + 1];
    size_t n;
    int at = openat(dir, *path == '/' ? "/" : ".", STEP), code;
    const char *part = next_part(path, &n);
    for (; at >= 0 && part && (make || !is_last(part, n)); part = next_part(part + n, &n)) {
        snprintf(name, sizeof name, "%.*s", (int)n, part);
        int below = n > NAME_MAX ? (errno = ENAMETOOLONG, -1) : step(at, name, make);
        code = errno;
        close(at);
        errno = code;
        at = below;
    }
    if (at < 0) return -1;
    snprintf(name, sizeof name, "%.*s", part ? (int)n : 1, part ? part : ".");
    int fd = part && n > NAME_MAX ? (errno = ENAMETOOLONG, -1) : openat(at, name, flags, mode);
    code = errno;
    close(at);
    errno = code;
    return fd;
}

static bool is_missing(int code) /* openat2 is: an old kernel, or a filter of system calls */
{
    return code == ENOSYS || code == EPERM;
}

static int open_beneath(int dir, const char *path, int flags, unsigned mode)
{
    struct open_how how = {.flags = (unsigned)flags,
                           .mode = flags & O_CREAT ? mode : 0,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    if (*path != '/') how.resolve |= RESOLVE_BENEATH;
    if (goes_up(path) || (*path == '/' && dir != AT_FDCWD)) {
        errno = EXDEV;
        return -1;
    }
    int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
    return fd < 0 && is_missing(errno) ? walk(dir, path, flags, mode, false) : fd;
}

enum status beneath_folder(int dir, const char *path, bool make, int *ret, struct error *err)
{
    int fd = open_beneath(dir, path, FOLDER, 0);
    if (fd < 0 && make && errno == ENOENT) {
        fd = walk(dir, path, FOLDER, 0, true);
        if (fd < 0 && errno != ELOOP && errno != ENOTDIR)
            return error_set(err, status_of_errno(errno), "%.500s: cannot make the folder: %s", path, strerror(errno));
    }
    if (fd < 0) return refused(path, errno, err);
    *ret = fd;
    return STATUS_OK;
}

enum status beneath_open(int dir, const char *path, int flags, unsigned mode, int *ret, struct error *err)
{
    struct stat st;
    int fd = open_beneath(dir, path, flags | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, mode);
    if (fd < 0) return refused(path, errno, err);
    enum status s = fstat(fd, &st) != 0   ? refused(path, errno, err)
                    : S_ISREG(st.st_mode) ? STATUS_OK
                                          : refused(path, EISDIR, err);
    if (!s && (flags & O_ACCMODE) != O_RDONLY && st.st_nlink > 1)
        s = error_set(err, STATUS_INVALID, "%.500s has another name as well; that is not written to", path);
    if (s)
        close(fd);
    else
        *ret = fd;
    return s;
}

enum status beneath_create(int dir, const char *path, unsigned mode, int *ret, struct error *err)
{
    beneath_remove(dir, path);
    return beneath_open(dir, path, O_RDWR | O_CREAT | O_EXCL, mode, ret, err);
}

enum status beneath_read(int dir, const char *path, size_t max, char **ret, size_t *ret_n, struct error *err)
{
    int fd;
    size_t n = 0, capacity = 0;
    ssize_t k = 1;
    char *text = NULL;
    enum status s = beneath_open(dir, path, O_RDONLY, 0, &fd, err);
    if (s) return s;
    while (k > 0 && n <= max) {
        text = must_reserve(text, n + 2048, &capacity, 1);
        k = read(fd, text + n, capacity - n - 1);
        n += k > 0 ? (size_t)k : 0;
    }
    if (k < 0) s = refused(path, errno, err);
    if (n > max) s = error_set(err, STATUS_INVALID, "%.500s has more than %zu bytes", path, max);
    close(fd);
    if (s) {
        free(text);
        return s;
    }
    text[n] = 0;
    *ret = text;
    if (ret_n) *ret_n = n;
    return STATUS_OK;
}

/* ---- removing ---- */

enum { REMOVE_MAX = 1 << 20 /* of one folder at one time: somebody may be filling it */ };

struct removal {
    int top; /* what lies deeper is moved up into it: no depth is too much for the stack */
    dev_t device;
    unsigned long moved;
    long left;
};

/* −1, EXDEV: something is mounted there, which may be a folder of the same file system. */
static int open_unmounted(int dir, const char *name)
{
    const struct open_how how = {.flags = FOLDER, .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
    return fd < 0 && is_missing(errno) ? openat(dir, name, FOLDER) : fd;
}

static DIR *list(int dir, const char *name, dev_t device)
{
    struct stat st;
    int fd = open_unmounted(dir, name);
    if (fd < 0) return NULL;
    if (fstat(fd, &st) == 0 && st.st_dev == device) return fdopendir(fd);
    close(fd); /* another file system is mounted there: not ours */
    return NULL;
}

static bool is_self_or_parent(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* The files of a folder of `top` go; its folders go up. */
static void empty(struct removal *r, const char *name)
{
    char up[64];
    DIR *folder = list(r->top, name, r->device);
    for (struct dirent *d; folder && r->left-- > 0 && (d = readdir(folder));) {
        if (is_self_or_parent(d->d_name) || unlinkat(dirfd(folder), d->d_name, 0) == 0) continue;
        do snprintf(up, sizeof up, ".removed.%lu", r->moved++);
        while (faccessat(r->top, up, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
        renameat(dirfd(folder), d->d_name, r->top, up);
    }
    if (folder) closedir(folder);
}

static bool remove_round(struct removal *r)
{
    bool progress = false;
    DIR *folder = list(r->top, ".", r->device);
    for (struct dirent *d; folder && r->left-- > 0 && (d = readdir(folder));) {
        if (is_self_or_parent(d->d_name)) continue;
        bool gone = unlinkat(r->top, d->d_name, 0) == 0;
        if (!gone) empty(r, d->d_name);
        progress |= gone || unlinkat(r->top, d->d_name, AT_REMOVEDIR) == 0;
    }
    if (folder) closedir(folder);
    return progress;
}

static void remove_below(int dir, const char *name)
{
    struct stat st;
    struct removal r = {.left = REMOVE_MAX};
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT || unlinkat(dir, name, AT_REMOVEDIR) == 0) return;
    r.top = openat(dir, name, FOLDER);
    if (r.top < 0) return;
    if (fstat(r.top, &st) == 0) {
        r.device = st.st_dev;
        while (remove_round(&r)) continue;
    }
    close(r.top);
    unlinkat(dir, name, AT_REMOVEDIR);
}

void beneath_remove(int dir, const char *path)
{
    struct arena a = {0};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    int above = dir;
    const char *parent = slash == path ? "/" : arena_printf(&a, "%.*s", slash ? (int)(slash - path) : 0, path);
    bool there = !slash || beneath_folder(dir, parent, false, &above, NULL) == STATUS_OK;
    if (there && *name && !is_self_or_parent(name)) remove_below(above, name);
    if (there && slash) close(above);
    arena_done(&a);
}

bool beneath_is_mount(int dir, const char *name)
{
    int fd = open_unmounted(dir, name), code = errno;
    if (fd >= 0) close(fd);
    return fd < 0 && code == EXDEV;
}

/* ---- measuring ---- */

enum { MEASURE_DEPTH_MAX = 32, MEASURE_MAX = 1 << 20, BLOCK_BYTES = 512 };

static int64_t measure(int dir, const char *name, dev_t device, int depth, long *left)
{
    struct stat st;
    if (--*left < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || (device && st.st_dev != device)) return 0;
    int64_t bytes = (int64_t)st.st_blocks * BLOCK_BYTES;
    DIR *folder = S_ISDIR(st.st_mode) && depth < MEASURE_DEPTH_MAX ? list(dir, name, st.st_dev) : NULL;
    for (struct dirent *d; folder && *left > 0 && (d = readdir(folder));)
        if (!is_self_or_parent(d->d_name)) bytes += measure(dirfd(folder), d->d_name, st.st_dev, depth + 1, left);
    if (folder) closedir(folder);
    return bytes;
}

int64_t beneath_bytes(int dir, const char *path)
{
    long left = MEASURE_MAX;
    return measure(dir, path, 0, 0, &left);
}

const char *beneath_rest(const char *folder, const char *path)
{
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && path[n] == '/' && path[n + 1] ? path + n + 1 : NULL;
}

void beneath_tighten(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || st.st_uid != geteuid() || !(st.st_mode & 077)) return;
    if (fchmod(fd, st.st_mode & 07700) != 0) return; /* a file system without modes */
}
