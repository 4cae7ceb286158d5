#include "workers/files.h"

#include "workers/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOG_BYTES_MAX = 8 << 20, PATH_ROOM = 4200 };

enum status workers_make_folder(const char *dir, struct error *err)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s", dir) >= sizeof path)
        return error_set(err, STATUS_IO, "%.200s…: the path is too long", dir);
    for (char *slash = path + 1; slash;) {
        slash = strchr(slash, '/');
        if (slash) *slash = 0;
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return error_set(err, status_of_errno(errno), "%s: cannot make the folder: %s", path, strerror(errno));
        if (slash) *slash++ = '/';
    }
    return STATUS_OK;
}

enum status files_write(const char *dir, const char *name, const char *text, struct error *err)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *out = fopen(path, "we");
    int bad = !out || fputs(text, out) < 0;
    if (out && fclose(out) != 0) bad = 1;
    return bad ? error_set(err, status_of_errno(errno), "%s: cannot write: %s", path, strerror(errno)) : STATUS_OK;
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

void log_init(struct log_file *log, const char *dir, const char *name)
{
    snprintf(log->path, sizeof log->path, "%s/%s", dir, name);
    log->bytes = 0;
    log->fd = -1;
}

static void start(struct log_file *log)
{
    log->fd = open(log->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    log->bytes = 0;
}

static void rotate(struct log_file *log)
{
    char old[sizeof log->path + 2];
    snprintf(old, sizeof old, "%s.1", log->path);
    rename(log->path, old);
    close(log->fd);
    start(log);
}

void log_write(struct log_file *log, const char *bytes, size_t n)
{
    if (log->fd < 0 && log->bytes == 0 && *log->path) start(log);
    if (log->bytes > LOG_BYTES_MAX) rotate(log);
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
    struct log_file log;
    struct stat st;
    struct error ignored;
    if (workers_make_folder(dir, &ignored)) return;
    log_init(&log, dir, name);
    log.fd = open(log.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    log.bytes = log.fd >= 0 && fstat(log.fd, &st) == 0 ? (size_t)st.st_size : 0;
    log_write(&log, bytes, n);
    log_close(&log);
}

/* A new file beside the one that it will replace. */
static enum status open_part(const char *dir, const char *path, char *full, char *part, unsigned mode, int *ret,
                             struct error *err)
{
    if ((size_t)snprintf(full, PATH_ROOM, "%s/%s", dir, path) >= PATH_ROOM - 8)
        return error_set(err, STATUS_INVALID, "%.200s: the path is too long", path);
    snprintf(part, PATH_ROOM, "%s", full);
    *strrchr(part, '/') = 0;
    enum status s = workers_make_folder(part, err);
    if (s) return s;
    snprintf(part, PATH_ROOM, "%.*s.part", PATH_ROOM - 8, full);
    unlink(part);
    *ret = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    return *ret < 0 ? error_set(err, status_of_errno(errno), "%s: cannot write: %s", full, strerror(errno)) : STATUS_OK;
}

static enum status close_part(int fd, bool ok, const char *part, const char *full, struct error *err)
{
    ok = ok && fsync(fd) == 0;
    int code = errno;
    close(fd);
    if (ok && rename(part, full) == 0) return STATUS_OK;
    if (ok) code = errno;
    unlink(part);
    return error_set(err, status_of_errno(code), "%s: cannot write: %s", full, strerror(code));
}

enum status workers_keep_file(const char *dir, const char *path, const char *bytes, size_t n, struct error *err)
{
    char full[PATH_ROOM], part[PATH_ROOM];
    int fd = -1;
    enum status s = open_part(dir, path, full, part, 0644, &fd, err);
    return s ? s : close_part(fd, write_all(fd, bytes, n), part, full, err);
}

enum status workers_keep_spool(const char *dir, const char *path, int from, unsigned mode, struct error *err)
{
    char full[PATH_ROOM], part[PATH_ROOM], buf[1 << 16];
    int fd = -1;
    off_t at = 0;
    ssize_t n = 0;
    enum status s = open_part(dir, path, full, part, mode, &fd, err);
    if (s) return s;
    bool ok = true;
    while (ok && (n = pread(from, buf, sizeof buf, at)) > 0) {
        ok = write_all(fd, buf, (size_t)n);
        at += n;
    }
    return close_part(fd, ok && n == 0, part, full, err);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

void workers_remove_folder(const char *dir)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
