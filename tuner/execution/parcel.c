#include "tuner/execution/parcel.h"

#include "tuner/base/arena.h"
#include "tuner/base/beneath.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 32, ENTRIES_MAX = 100000, CHUNK = 1 << 16 };

static const char magic[] = "nocturne parcel 1\n", last[] = "end\n";

static enum status disk_error(struct error *err, const char *what)
{
    return error_set(err, status_of_errno(errno), "%.300s: %s", what, strerror(errno));
}

/* The folder that `path` lies in, and its name there. */
static enum status open_above(const char *path, bool make, int *ret, const char **ret_name, struct error *err)
{
    struct arena a = {0};
    const char *slash = strrchr(path, '/');
    if (!slash || !slash[1]) return error_set(err, STATUS_INVALID, "'%.200s' is no absolute path", path);
    enum status s = beneath_folder(AT_FDCWD, arena_printf(&a, "%.*s", (int)(slash - path), path), make, ret, err);
    *ret_name = slash + 1;
    arena_done(&a);
    return s;
}

/* ---- writing ---- */

struct sink {
    int fd, dir; /* dir: of the parts; −1: there is one file */
    const char *name;
    int64_t part_bytes, room; /* room: left in this part */
    size_t parts, entries;
    struct error *err;
};

static enum status next_part(struct sink *s)
{
    char name[300];
    if (s->parts == PARCEL_PARTS_MAX) return error_set(s->err, STATUS_INVALID, "it is too large to be sent");
    if (s->fd >= 0) close(s->fd);
    snprintf(name, sizeof name, "%.250s.%zu", s->name, s->parts++);
    s->room = s->part_bytes;
    return beneath_create(s->dir, name, 0600, &s->fd, s->err);
}

static enum status put(struct sink *s, const char *bytes, size_t n)
{
    while (n > 0) {
        if (s->dir >= 0 && s->room == 0 && next_part(s)) return s->err ? s->err->status : STATUS_IO;
        size_t k = s->dir >= 0 && (int64_t)n > s->room ? (size_t)s->room : n;
        ssize_t done = write(s->fd, bytes, k);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return disk_error(s->err, "a parcel");
        bytes += done;
        n -= (size_t)done;
        if (s->dir >= 0) s->room -= done;
    }
    return STATUS_OK;
}

static enum status put_head(struct sink *s, char kind, int64_t bytes, const char *name)
{
    char head[64];
    int n = snprintf(head, sizeof head, "%c %lld %zu\n", kind, (long long)bytes, strlen(name));
    if (s->entries++ == ENTRIES_MAX)
        return error_set(s->err, STATUS_INVALID, "it holds more than %d files", ENTRIES_MAX);
    enum status st = put(s, head, (size_t)n);
    return st ? st : put(s, name, strlen(name));
}

/* A file that grows or shrinks meanwhile is not what was said. */
static enum status put_content(struct sink *s, int fd, int64_t bytes, const char *name)
{
    char buf[CHUNK];
    enum status st = STATUS_OK;
    while (!st && bytes > 0) {
        ssize_t n = read(fd, buf, bytes < CHUNK ? (size_t)bytes : CHUNK);
        if (n < 0) return disk_error(s->err, name);
        if (n == 0) return error_set(s->err, STATUS_INVALID, "'%.200s' became shorter as it was read", name);
        st = put(s, buf, (size_t)n);
        bytes -= n;
    }
    return st;
}

static enum status put_entry(struct sink *s, int dir, const char *name, const char *path, int depth);

static enum status put_folder(struct sink *s, int fd, const char *above, int depth)
{
    struct arena a = {0};
    int own = dup(fd);
    DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    enum status st = dir ? STATUS_OK : disk_error(s->err, above);
    if (!st && depth > DEPTH_MAX)
        st = error_set(s->err, STATUS_INVALID, "its folders are more than %d deep", DEPTH_MAX);
    for (struct dirent *d; !st && (d = readdir(dir));) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0) continue;
        st = put_entry(s, fd, d->d_name, *above ? arena_printf(&a, "%s/%s", above, d->d_name) : d->d_name, depth);
    }
    if (dir) closedir(dir);
    arena_done(&a);
    return st;
}

/* `path`: its name in the parcel. */
static enum status put_entry(struct sink *s, int dir, const char *name, const char *path, int depth)
{
    struct stat st;
    int fd = -1;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return disk_error(s->err, name);
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return error_set(s->err, STATUS_INVALID, "'%.200s' is neither a file nor a folder", path);
    bool folder = S_ISDIR(st.st_mode);
    enum status e =
        folder ? beneath_folder(dir, name, false, &fd, s->err) : beneath_open(dir, name, O_RDONLY, 0, &fd, s->err);
    if (!e && !folder && fstat(fd, &st) != 0) e = disk_error(s->err, name);
    if (!e) e = put_head(s, folder ? 'd' : st.st_mode & 0100 ? 'x' : 'f', folder ? 0 : st.st_size, path);
    if (!e) e = folder ? put_folder(s, fd, path, depth + 1) : put_content(s, fd, st.st_size, path);
    if (fd >= 0) close(fd);
    return e;
}

static enum status write_all(struct sink *s, const char *path)
{
    const char *name = "";
    int dir = -1;
    struct stat there;
    enum status st = open_above(path, false, &dir, &name, s->err);
    if (!st && fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
        st = error_set(s->err, STATUS_NOT_FOUND, "'%.200s' is not there", name);
    if (!st) st = put(s, magic, strlen(magic));
    if (!st) st = put_entry(s, dir, name, "", 0);
    if (!st) st = put(s, last, strlen(last));
    if (dir >= 0) close(dir);
    return st;
}

enum status parcel_write(const char *path, int fd, struct error *err)
{
    struct sink s = {.fd = fd, .dir = -1, .err = err};
    return write_all(&s, path);
}

enum status parcel_split(const char *path, const char *dir, const char *name, int64_t part_bytes, size_t *ret_parts,
                         struct error *err)
{
    struct sink s = {.fd = -1, .dir = -1, .name = name, .part_bytes = part_bytes, .err = err};
    enum status st = beneath_folder(AT_FDCWD, dir, false, &s.dir, err);
    if (!st) st = write_all(&s, path);
    if (s.fd >= 0) close(s.fd);
    if (s.dir >= 0) close(s.dir);
    if (!st) *ret_parts = s.parts;
    return st;
}

/* ---- reading ---- */

struct source {
    int fd, dir; /* dir: of the parts; −1: there is one file */
    const char *name;
    size_t parts, entries;
    char buf[CHUNK];
    size_t at, n;
    struct error *err;
};

static enum status refuse(struct source *s, const char *what)
{
    return error_set(s->err, STATUS_INVALID, "it is no parcel: %s", what);
}

/* False: there is no further part. */
static bool open_part(struct source *s)
{
    char name[300];
    if (s->dir < 0 || s->parts == PARCEL_PARTS_MAX) return false;
    if (s->fd >= 0) close(s->fd);
    snprintf(name, sizeof name, "%.250s.%zu", s->name, s->parts++);
    s->fd = -1;
    return beneath_open(s->dir, name, O_RDONLY, 0, &s->fd, NULL) == STATUS_OK;
}

/* Some bytes are there; STATUS_INVALID: it has ended. */
static enum status fill(struct source *s)
{
    if (s->at < s->n) return STATUS_OK;
    for (;;) {
        ssize_t n = s->fd >= 0 ? read(s->fd, s->buf, sizeof s->buf) : 0;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return disk_error(s->err, "a parcel");
        s->at = 0;
        s->n = (size_t)n;
        if (n > 0) return STATUS_OK;
        if (!open_part(s)) return refuse(s, "it ends too early");
    }
}

static enum status get(struct source *s, char *ret, size_t n)
{
    while (n > 0) {
        enum status st = fill(s);
        if (st) return st;
        size_t k = s->n - s->at < n ? s->n - s->at : n;
        memcpy(ret, s->buf + s->at, k);
        s->at += k;
        ret += k;
        n -= k;
    }
    return STATUS_OK;
}

/* Without its end. */
static enum status get_line(struct source *s, char *ret, size_t size)
{
    for (size_t n = 0; n < size; n++) {
        enum status st = get(s, ret + n, 1);
        if (st) return st;
        if (ret[n] != '\n') continue;
        ret[n] = 0;
        return STATUS_OK;
    }
    return refuse(s, "a line is too long");
}

struct entry {
    char kind, name[PATH_MAX];
    long long bytes;
};

/* Kind 0: it was the last. */
static enum status get_entry(struct source *s, struct entry *x)
{
    char line[64];
    size_t n = 0;
    int used = 0;
    enum status st = get_line(s, line, sizeof line);
    if (st) return st;
    x->kind = 0;
    if (strcmp(line, "end") == 0) return STATUS_OK;
    if (sscanf(line, "%c %lld %zu%n", &x->kind, &x->bytes, &n, &used) != 3 || line[used] || !strchr("fxd", x->kind) ||
        x->bytes < 0 || (x->kind == 'd' && x->bytes) || n >= sizeof x->name)
        return refuse(s, "an entry makes no sense");
    st = get(s, x->name, n);
    x->name[st ? 0 : n] = 0;
    if (!st && (strlen(x->name) != n || *x->name == '/')) return refuse(s, "a name leads elsewhere");
    return st;
}

static enum status take_content(struct source *s, int fd, long long bytes, const char *name)
{
    while (bytes > 0) {
        enum status st = fill(s);
        if (st) return st;
        size_t k = (long long)(s->n - s->at) < bytes ? s->n - s->at : (size_t)bytes;
        ssize_t done = write(fd, s->buf + s->at, k);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return disk_error(s->err, name);
        s->at += (size_t)done;
        bytes -= done;
    }
    return STATUS_OK;
}

/* `path`: below `dir`; the folders above it are there, or it is refused. */
static enum status take_entry(struct source *s, const struct entry *x, int dir, const char *path)
{
    int fd = -1;
    enum status st = x->kind == 'd' ? beneath_folder(dir, path, true, &fd, s->err)
                                    : beneath_create(dir, path, x->kind == 'x' ? 0755 : 0644, &fd, s->err);
    if (st == STATUS_NOT_FOUND) return refuse(s, "the folder of an entry is not there");
    if (!st && x->kind != 'd') st = take_content(s, fd, x->bytes, path);
    if (fd >= 0) close(fd);
    return st;
}

/* The first entry is the whole; only of a folder more come. */
static enum status take_all(struct source *s, int dir, const char *name)
{
    char line[sizeof magic];
    struct entry *x = must_alloc(1, sizeof *x);
    enum status st = get_line(s, line, sizeof line);
    if (!st && strncmp(line, magic, strlen(magic) - 1) != 0) st = refuse(s, "it does not begin as one");
    if (!st) st = get_entry(s, x);
    if (!st && (x->kind == 0 || *x->name)) st = refuse(s, "its first entry has a name");
    bool folder = !st && x->kind == 'd';
    if (!st) st = take_entry(s, x, dir, name);
    for (struct arena a = {0}; !st; arena_done(&a)) {
        st = get_entry(s, x);
        if (st || x->kind == 0) break;
        if (!folder || !*x->name || s->entries++ == ENTRIES_MAX)
            st = refuse(s, "there is too much in it");
        else
            st = take_entry(s, x, dir, arena_printf(&a, "%s/%s", name, x->name));
    }
    free(x);
    return st;
}

static enum status read_all(struct source *s, const char *path)
{
    const char *name = "";
    int dir = -1;
    enum status st = open_above(path, true, &dir, &name, s->err);
    if (st) return st;
    beneath_remove(dir, name);
    st = take_all(s, dir, name);
    if (st) beneath_remove(dir, name); /* half of it is nothing */
    close(dir);
    return st;
}

enum status parcel_read(int fd, const char *path, struct error *err)
{
    struct source *s = must_alloc(1, sizeof *s);
    *s = (struct source){.fd = fd, .dir = -1, .err = err};
    lseek(fd, 0, SEEK_SET);
    enum status st = read_all(s, path);
    free(s);
    return st;
}

void parcel_remove(int dir, const char *name)
{
    char part[300];
    struct stat st;
    for (size_t i = 0; i < PARCEL_PARTS_MAX; i++) {
        snprintf(part, sizeof part, "%.250s.%zu", name, i);
        if (fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW) != 0) return;
        beneath_remove(dir, part);
    }
}

enum status parcel_join(const char *dir, const char *name, const char *path, struct error *err)
{
    struct source *s = must_alloc(1, sizeof *s);
    *s = (struct source){.fd = -1, .dir = -1, .name = name, .err = err};
    enum status st = beneath_folder(AT_FDCWD, dir, false, &s->dir, err);
    if (!st && !open_part(s)) st = error_set(err, STATUS_NOT_FOUND, "nothing was sent");
    if (!st) st = read_all(s, path);
    if (!st) parcel_remove(s->dir, name);
    if (s->fd >= 0) close(s->fd);
    if (s->dir >= 0) close(s->dir);
    free(s);
    return st;
}
