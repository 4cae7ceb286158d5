#include "workers/files.h"

#include "workers/workers.h"

#include "tuner/base/beneath.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOG_BYTES_MAX = 8 << 20, LOG_MODE = 0600 };

enum status workers_make_folder(const char *dir, struct error *err)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s", dir) >= sizeof path)
        return error_set(err, STATUS_IO, "%.200s…: the path is too long", dir);
    for (char *slash = path + 1; slash;) {
        slash = strchr(slash, '/');
        if (slash) *slash = 0;
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return error_set(err, status_of_errno(errno), "%s: cannot make the folder: %s", path, strerror(errno));
        if (slash) *slash++ = '/';
    }
    return STATUS_OK;
}

/* An earlier trial may have put something else there. */
enum status workers_attempt_folder(const char *dir, int *ret, struct error *err)
{
    enum status s = beneath_folder(AT_FDCWD, dir, true, ret, err);
    if (s != STATUS_INVALID) return s;
    beneath_remove(AT_FDCWD, dir);
    return beneath_folder(AT_FDCWD, dir, true, ret, err);
}

void workers_remove_folder(const char *dir)
{
    beneath_remove(AT_FDCWD, dir);
}

static bool write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, bytes, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return false;
        bytes += k;
        n -= (size_t)k;
    }
    return true;
}

enum status files_write(int dir, const char *name, const char *text, struct error *err)
{
    int fd = -1;
    enum status s = beneath_create(dir, name, LOG_MODE, &fd, err);
    if (s) return s;
    bool ok = dprintf(fd, "%s", text) >= 0;
    int code = errno;
    close(fd);
    return ok ? STATUS_OK : error_set(err, status_of_errno(code), "%s: cannot write: %s", name, strerror(code));
}

/* ---- logs ---- */

static int new_log(int dir, const char *name)
{
    int fd = -1;
    beneath_remove(dir, name);
    beneath_open(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, LOG_MODE, &fd, NULL);
    return fd;
}

void log_open(struct log_file *log, const char *path, int dir, const char *name)
{
    snprintf(log->dir, sizeof log->dir, "%s", path);
    log->name = name;
    log->bytes = 0;
    log->fd = new_log(dir, name);
}

static bool is_still(int fd, int dir, const char *name)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_ino == b.st_ino &&
           a.st_dev == b.st_dev;
}

/* What the trial has put in the place of the folder or the log is not written to; what was there is lost then. */
static void rotate(struct log_file *log)
{
    char old[80];
    int dir = -1, fd = -1;
    snprintf(old, sizeof old, "%s.1", log->name);
    if (beneath_folder(AT_FDCWD, log->dir, false, &dir, NULL) == STATUS_OK) {
        if (is_still(log->fd, dir, log->name)) {
            beneath_remove(dir, old);
            renameat(dir, log->name, dir, old);
        }
        fd = new_log(dir, log->name);
        close(dir);
    }
    log->bytes = 0;
    if (fd < 0 && ftruncate(log->fd, 0) == 0) return;
    close(log->fd);
    log->fd = fd;
}

void log_write(struct log_file *log, const char *bytes, size_t n)
{
    if (log->fd >= 0 && log->bytes > LOG_BYTES_MAX) rotate(log);
    log->bytes += n;
    if (log->fd >= 0) write_all(log->fd, bytes, n);
}

void log_close(struct log_file *log)
{
    if (log->fd >= 0) close(log->fd);
    log->fd = -1;
}

void workers_keep_log(const char *dir, const char *name, const char *bytes, size_t n)
{
    struct log_file log = {.name = name, .fd = -1};
    struct stat st;
    int folder = -1;
    if (workers_attempt_folder(dir, &folder, NULL)) return;
    snprintf(log.dir, sizeof log.dir, "%s", dir);
    if (beneath_open(folder, name, O_WRONLY | O_CREAT | O_APPEND, LOG_MODE, &log.fd, NULL))
        log.fd = new_log(folder, name);
    close(folder);
    log.bytes = log.fd >= 0 && fstat(log.fd, &st) == 0 ? (size_t)st.st_size : 0;
    log_write(&log, bytes, n);
    log_close(&log);
}

/* ---- whole files ---- */

/* A new file beside the one that it will replace. */
struct part {
    int dir, fd;
    const char *name;
    char temporary[300];
};

static enum status open_part(struct part *p, const char *dir, const char *path, unsigned mode, struct error *err)
{
    char above[4096];
    const char *slash = strrchr(path, '/');
    p->name = slash ? slash + 1 : path;
    snprintf(p->temporary, sizeof p->temporary, "%.280s.part", p->name);
    snprintf(above, sizeof above, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    int top = -1;
    enum status s = beneath_folder(AT_FDCWD, dir, true, &top, err);
    if (s) return s;
    s = beneath_folder(top, above, true, &p->dir, err);
    close(top);
    if (!s && (s = beneath_create(p->dir, p->temporary, mode, &p->fd, err))) close(p->dir);
    return s ? error_context(err, "%s", dir) : STATUS_OK;
}

static enum status close_part(struct part *p, bool ok, const char *dir, const char *path, struct error *err)
{
    ok = ok && fsync(p->fd) == 0;
    int code = errno;
    close(p->fd);
    if (ok && renameat(p->dir, p->temporary, p->dir, p->name) != 0) {
        ok = false;
        code = errno;
    }
    if (!ok) unlinkat(p->dir, p->temporary, 0);
    close(p->dir);
    return ok ? STATUS_OK : error_set(err, status_of_errno(code), "%s/%s: cannot write: %s", dir, path, strerror(code));
}

enum status workers_keep_file(const char *dir, const char *path, const char *bytes, size_t n, struct error *err)
{
    struct part p;
    enum status s = open_part(&p, dir, path, 0600, err);
    return s ? s : close_part(&p, write_all(p.fd, bytes, n), dir, path, err);
}

enum status workers_keep_spool(const char *dir, const char *path, int from, unsigned mode, struct error *err)
{
    struct part p;
    char buf[1 << 16];
    off_t at = 0;
    ssize_t n = 0;
    enum status s = open_part(&p, dir, path, mode, err);
    if (s) return s;
    bool ok = true;
    while (ok && (n = pread(from, buf, sizeof buf, at)) > 0) {
        ok = write_all(p.fd, buf, (size_t)n);
        at += n;
    }
    return close_part(&p, ok && n == 0, dir, path, err);
}
