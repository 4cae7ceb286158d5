/* The right to run a study is a lock on a file beside the database. The kernel releases it
 * when the holder dies, however it dies: no stale holder, no heartbeat. */
#include "store/statement.h"

#include "tuner/base/arena.h"
#include "tuner/base/beneath.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_PATH_MAX = 4096 };

struct store_hold {
    int fd;     /* −1: in memory */
    char *path; /* of the lock file */
};

/* Beside the database; path: LOCK_PATH_MAX. Who cannot open it cannot lock it. */
static enum status open_lock(const struct store *store, const char *study, int flags, char *path, int *ret,
                             struct error *err)
{
    snprintf(path, LOCK_PATH_MAX, "%s-%s.lock", store->path, study);
    struct arena a = {0};
    const char *slash = strrchr(path, '/'), *above = slash ? arena_printf(&a, "%.*s/", (int)(slash - path), path) : ".";
    int dir = open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);
    enum status s = dir < 0 ? error_set(err, status_of_errno(errno), "%s: %s", above, strerror(errno))
                            : beneath_open(dir, slash ? slash + 1 : path, flags, 0600, ret, err);
    if (dir >= 0) close(dir);
    if (!s) beneath_tighten(*ret);
    arena_done(&a);
    return s ? error_context(err, "the lock file of study '%s'", study) : STATUS_OK;
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

/* The process that the kernel says has the lock; 0: it does not say, as for one on another machine. */
static long locker(int fd)
{
    char line[256];
    struct stat st;
    long pid, found = 0;
    unsigned major_no, minor_no;
    unsigned long long inode;
    FILE *in = fstat(fd, &st) == 0 ? fopen("/proc/locks", "re") : NULL;
    while (in && !found && fgets(line, sizeof line, in))
        if (sscanf(line, "%*u: FLOCK %*s %*s %ld %x:%x:%llu", &pid, &major_no, &minor_no, &inode) == 4 &&
            inode == st.st_ino && makedev(major_no, minor_no) == st.st_dev && pid > 0)
            found = pid;
    if (in) fclose(in);
    return found;
}

/* What the file says of its last holder; "": nothing, or nothing of ours. */
static const char *read_holder(int fd, char *buf, size_t size, long *ret_pid)
{
    ssize_t n = pread(fd, buf, size - 1, 0);
    buf[n > 0 ? n : 0] = 0;
    for (char *c = buf; *c; c++)
        if (!isprint((unsigned char)*c)) *c = '?';
    return sscanf(buf, "pid %ld on ", ret_pid) == 1 ? buf : "";
}

static enum status busy(int fd, const char *study, struct error *err)
{
    char text[256];
    long pid = 0, has = locker(fd);
    const char *who = read_holder(fd, text, sizeof text, &pid);
    if (has && has != pid)
        return error_set(err, STATUS_BUSY,
                         "study '%s' cannot be run: process %ld, which is not one that runs it, has locked its lock "
                         "file; end that process",
                         study, has);
    return error_set(err, STATUS_BUSY,
                     "study '%s' is being run by %s; watch it with 'nocturne status', or stop it with "
                     "'nocturne stop %s'",
                     study, *who ? who : "another process", study);
}

/* Whoever had it may have removed the file between our opening and our locking it: that lock is worth nothing. */
static bool is_at(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && lstat(path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

static enum status lock(const struct store *store, const char *study, char *path, int *ret_fd, struct error *err)
{
    for (;;) {
        int fd = -1;
        enum status s = open_lock(store, study, O_RDWR | O_CREAT, path, &fd, err);
        if (s) return s;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) s = busy(fd, study, err);
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
    char path[LOCK_PATH_MAX] = "";
    int fd = -1;
    enum status s = store_in_memory(store) ? STATUS_OK : lock(store, study, path, &fd, err);
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
    char path[LOCK_PATH_MAX];
    int fd = -1;
    if (store->elsewhere.name) return store->elsewhere.taken;
    if (store_in_memory(store) || open_lock(store, study, O_RDONLY, path, &fd, NULL)) return false;
    bool taken = flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd);
    return taken;
}
