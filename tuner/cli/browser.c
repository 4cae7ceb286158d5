#include "tuner/cli/browser.h"

#include "tuner/base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int browser_spawn(char *const *argv, int in)
{
    posix_spawn_file_actions_t files;
    pid_t pid;
    int wait_status = 0;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
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
    lseek(from, 0, SEEK_SET);
    while ((n = read(from, buf, sizeof buf)) > 0)
        if (write(to, buf, (size_t)n) != n) return false;
    return n == 0;
}

static bool put(int page, const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool copied = file >= 0 && copy(page, file);
    if (file >= 0 && close(file) != 0) copied = false;
    return copied;
}

/* The first of its names that is a program here. */
static int try_each(char **argv, int in)
{
    static const char *const names[] = {"chromium", "chromium-browser", "google-chrome"};
    int code = 127;
    for (size_t i = 0; code == 127 && i < sizeof names / sizeof *names; i++) {
        argv[0] = (char *)names[i];
        code = browser_spawn(argv, in);
    }
    return code;
}

int browser_run(int page, const char *as, const char *const *wish)
{
    char dir[4096], path[4200], profile[4200], url[4300];
    const char *tmp = getenv("TMPDIR");
    const char *argv[8 + BROWSER_WISHES_MAX] = {"",
                                                "--headless",
                                                "--disable-gpu",
                                                "--no-first-run",
                                                profile,
                                                geteuid() == 0 ? "--no-sandbox" : "--disable-extensions"};
    size_t n = 6;
    snprintf(dir, sizeof dir, "%s/nocturne-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC), code = 1;
    if (in < 0 || !mkdtemp(dir)) {
        if (in >= 0) close(in);
        return 1;
    }
    snprintf(path, sizeof path, "%s/%s", dir, as);
    snprintf(profile, sizeof profile, "--user-data-dir=%s/profile", dir);
    snprintf(url, sizeof url, "file://%s", path);
    for (size_t i = 0; i < BROWSER_WISHES_MAX && wish[i]; i++) argv[n++] = wish[i];
    argv[n++] = url;
    if (put(page, path)) code = try_each((char **)argv, in);
    close(in);
    beneath_remove(AT_FDCWD, dir);
    return code;
}
