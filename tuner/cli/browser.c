#include "tuner/cli/browser.h"

#include "tuner/base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum status browser_page(FILE **ret, struct error *err)
{
    int fd = memfd_create("page", MFD_CLOEXEC);
    FILE *page = fd < 0 ? NULL : fdopen(fd, "w");
    if (page) return *ret = page, STATUS_OK;
    error_set(err, STATUS_IO, "no room for a page: %s", strerror(errno));
    if (fd >= 0) close(fd);
    return STATUS_IO;
}

/* All that was written, from its beginning. */
static bool wind_back(FILE *page)
{
    return fflush(page) == 0 && !ferror(page) && lseek(fileno(page), 0, SEEK_SET) == 0;
}

int browser_spawn(char *const *argv, FILE *page)
{
    posix_spawn_file_actions_t files;
    pid_t pid;
    int wait_status = 0;
    if (page && !wind_back(page)) return 1;
    posix_spawn_file_actions_init(&files);
    if (page)
        posix_spawn_file_actions_adddup2(&files, fileno(page), STDIN_FILENO);
    else
        posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int failed = posix_spawnp(&pid, argv[0], &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    if (failed) return 127;
    while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 1;
}

static bool copy(int from, int to)
{
    char buf[65536];
    ssize_t n;
    while ((n = read(from, buf, sizeof buf)) > 0)
        if (write(to, buf, (size_t)n) != n) return false;
    return n == 0;
}

static bool put(FILE *page, const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool copied = file >= 0 && wind_back(page) && copy(fileno(page), file);
    if (file >= 0 && close(file) != 0) copied = false;
    return copied;
}

/* The first of its names that is a program here. */
static int try_each(char **argv)
{
    static const char *const names[] = {"chromium", "chromium-browser", "google-chrome"};
    int code = 127;
    for (size_t i = 0; code == 127 && i < sizeof names / sizeof *names; i++) {
        argv[0] = (char *)names[i];
        code = browser_spawn(argv, NULL);
    }
    return code;
}

/* Chromium begins in a folder of its own: it wants the whole path of what it makes. */
static int run_in(const char *dir, FILE *page, const struct browser_wish *wish)
{
    char path[4200], profile[4200], url[4300], make[PATH_MAX + 64], out[PATH_MAX];
    const char *argv[9 + BROWSER_OPTIONS_MAX] = {"",
                                                 "--headless",
                                                 "--disable-gpu",
                                                 "--no-first-run",
                                                 profile,
                                                 geteuid() == 0 ? "--no-sandbox" : "--disable-extensions",
                                                 make};
    size_t n = 7;
    snprintf(path, sizeof path, "%s/%s", dir, wish->as);
    snprintf(profile, sizeof profile, "--user-data-dir=%s/profile", dir);
    snprintf(url, sizeof url, "file://%s", path);
    if (!realpath(wish->out, out) || !put(page, path)) return 1;
    snprintf(make, sizeof make, "%s=%s", wish->make, out);
    for (size_t i = 0; i < BROWSER_OPTIONS_MAX && wish->option[i]; i++) argv[n++] = wish->option[i];
    argv[n++] = url;
    return try_each((char **)argv);
}

int browser_run(FILE *page, const struct browser_wish *wish)
{
    char dir[4096];
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/nocturne-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(dir)) return 1;
    int code = run_in(dir, page, wish);
    beneath_remove(AT_FDCWD, dir);
    return code;
}
