/* The right to run a study is a lock on a file beside the database. The kernel releases it
 * when the holder dies, however it dies: no stale holder, no heartbeat. */
#include "store/statement.h"

#include "tuner/base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct store_hold {
    int fd;     /* −1: in memory */
    char *path; /* of the lock file */
};

static int open_lock(const struct store *store, const char *study, int flags, char *path, size_t size)
{
    snprintf(path, size, "%s-%s.lock", store->path, study);
    return open(path, flags | O_CLOEXEC, 0644);
}

static void write_holder(int fd)
{
    char host[128] = "", since[32];
    time_t now = time(NULL);
    struct tm t;
    gethostname(host, sizeof host - 1);
    strftime(since, sizeof since, "%Y-%m-%d %H:%M:%S", localtime_r(&now, &t));
    if (ftruncate(fd, 0) == 0) dprintf(fd, "pid %ld on %s since %s", (long)getpid(), host, since);
}

static enum status busy(int fd, const char *study, struct error *err)
{
    char who[256];
    ssize_t n = pread(fd, who, sizeof who - 1, 0);
    who[n > 0 ? n : 0] = 0;
    return error_set(err, STATUS_BUSY,
                     "study '%s' is being run by %s; watch it with 'nocturne status', or stop it with "
                     "'nocturne stop %s'",
                     study, n > 0 ? who : "another process", study);
}

/* Whoever had it may have removed the file between our opening and our locking it: that lock is worth nothing. */
static bool is_at(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

static enum status lock(const struct store *store, const char *study, char *path, size_t size, int *ret_fd,
                        struct error *err)
{
    for (;;) {
        int fd = open_lock(store, study, O_RDWR | O_CREAT, path, size);
        if (fd < 0) return error_set(err, STATUS_IO, "%s: cannot create the lock file: %s", path, strerror(errno));
        enum status s = flock(fd, LOCK_EX | LOCK_NB) == 0 ? STATUS_OK : busy(fd, study, err);
        if (!s && is_at(fd, path)) {
            *ret_fd = fd;
            return STATUS_OK;
        }
        close(fd);
        if (s) return s;
    }
}

enum status store_hold_take(const struct store *store, const char *study, struct store_hold **ret, struct error *err)
{
    char path[4096] = "";
    int fd = -1;
    enum status s = strcmp(store->path, ":memory:") == 0 ? STATUS_OK : lock(store, study, path, sizeof path, &fd, err);
    if (s) return s;
    if (fd >= 0) write_holder(fd);
    struct store_hold *hold = must_alloc(1, sizeof *hold);
    hold->fd = fd;
    hold->path = must_strdup(path);
    *ret = hold;
    return STATUS_OK;
}

void store_hold_release(struct store_hold *hold)
{
    if (!hold) return;
    if (hold->fd >= 0) close(hold->fd);
    free(hold->path);
    free(hold);
}

void store_hold_retire(struct store_hold *hold)
{
    if (hold && hold->fd >= 0) unlink(hold->path); /* while it is locked: nobody else's */
    store_hold_release(hold);
}

bool store_hold_taken(const struct store *store, const char *study)
{
    char path[4096];
    int fd = strcmp(store->path, ":memory:") == 0 ? -1 : open_lock(store, study, O_RDONLY, path, sizeof path);
    if (fd < 0) return false;
    bool taken = flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd);
    return taken;
}
