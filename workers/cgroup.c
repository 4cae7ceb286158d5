#include "workers/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, NESTED_MAX = 16, TRIES = 100, TRY_MS = 5 };

static const char *mount_point(void)
{
    static const char *const usual[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    for (size_t i = 0; i < 2; i++) {
        struct statfs fs;
        if (statfs(usual[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC) return usual[i];
    }
    return NULL;
}

/* The folder of the cgroup `name` below ours, of the line 0::/path. */
static bool path_of(const char *name, char path[PATH_SIZE])
{
    const char *mount = mount_point();
    char line[PATH_SIZE / 2];
    bool found = false;
    FILE *in = mount && name ? fopen("/proc/self/cgroup", "re") : NULL;
    if (!in) return false;
    while (!found && fgets(line, sizeof line, in)) found = strncmp(line, "0::/", 4) == 0 && strchr(line, '\n');
    fclose(in);
    if (!found || strstr(line, "/..")) return false;
    line[strcspn(line, "\n")] = 0;
    return snprintf(path, PATH_SIZE, "%s%s/nocturne-%s", mount, line + 3, name) < PATH_SIZE;
}

/* Where clone3 may not be called, the child goes there by itself. */
static pid_t fork_and_join(int folder)
{
    int members = openat(folder, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    pid_t pid = fork();
    if (pid == 0 && members >= 0) {
        ssize_t n = write(members, "0", 1);
        (void)n; /* then it goes on where it is */
    }
    if (members >= 0) close(members);
    return pid;
}

static pid_t fork_into(int folder)
{
    struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (unsigned)folder};
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    return pid >= 0 ? pid : fork_and_join(folder);
}

pid_t cgroup_fork(const char *name)
{
    char path[PATH_SIZE];
    if (!path_of(name, path) || mkdir(path, 0755) != 0) return fork();
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool can_kill = folder >= 0 && faccessat(folder, "cgroup.kill", W_OK, 0) == 0; /* Linux 5.14 */
    if (!can_kill) rmdir(path);
    pid_t pid = can_kill ? fork_into(folder) : fork();
    if (pid < 0) rmdir(path);
    if (folder >= 0) close(folder);
    return pid;
}

void cgroup_kill(const char *name)
{
    char path[PATH_SIZE + 16];
    if (!path_of(name, path)) return;
    strcat(path, "/cgroup.kill");
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t n = write(fd, "1", 1);
    (void)n; /* then the descendants are found one by one */
    close(fd);
}

static int remove_folder(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)where;
    if (type == FTW_DP) rmdir(path);
    return 0;
}

/* The kernel is done with who was in it a moment after they were waited for. */
void cgroup_remove(const char *name)
{
    char path[PATH_SIZE];
    if (!path_of(name, path)) return;
    for (int try = 0; try < TRIES && rmdir(path) != 0 && errno != ENOENT; try++) {
        nftw(path, remove_folder, NESTED_MAX, FTW_DEPTH | FTW_PHYS);
        nanosleep(&(struct timespec){.tv_nsec = TRY_MS * 1000000}, NULL);
    }
}

/* Those that somebody is in refuse. */
void cgroup_sweep(void)
{
    char path[PATH_SIZE];
    if (!path_of("", path)) return;
    char *name = strrchr(path, '/');
    *name++ = 0;
    DIR *dir = opendir(path);
    for (struct dirent *d; dir && (d = readdir(dir));)
        if (strncmp(d->d_name, name, strlen(name)) == 0) unlinkat(dirfd(dir), d->d_name, AT_REMOVEDIR);
    if (dir) closedir(dir);
}
