#include "workers/files.h"

#include "workers/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOG_BYTES_MAX = 8 << 20 };

enum status files_make_folder(const char *dir, struct error *err)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s", dir) >= sizeof path)
        return error_set(err, STATUS_IO, "%.200s…: the path is too long", dir);
    for (char *slash = path + 1; slash;) {
        slash = strchr(slash, '/');
        if (slash) *slash = 0;
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return error_set(err, STATUS_IO, "%s: cannot make the folder: %s", path, strerror(errno));
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
    return bad ? error_set(err, STATUS_IO, "%s: cannot write: %s", path, strerror(errno)) : STATUS_OK;
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
    while (log->fd >= 0 && n > 0) {
        ssize_t k = write(log->fd, bytes, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return;
        bytes += k;
        n -= (size_t)k;
    }
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
    if (files_make_folder(dir, &ignored)) return;
    log_init(&log, dir, name);
    log.fd = open(log.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    log.bytes = log.fd >= 0 && fstat(log.fd, &st) == 0 ? (size_t)st.st_size : 0;
    log_write(&log, bytes, n);
    log_close(&log);
}
