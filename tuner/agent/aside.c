#include "tuner/agent/aside.h"

#include "tuner/base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 100 }; /* a program may replace its file while it is looked at, not always */

/* *ret_again: another has taken the file's place meanwhile. */
static bool link_once(int folder, const char *path, const char *aside, bool *ret_again)
{
    char open_file[64];
    struct stat st;
    int fd = -1;
    bool ok = beneath_open(folder, path, O_RDONLY, 0, &fd, NULL) == STATUS_OK && fstat(fd, &st) == 0 && st.st_size > 0;
    *ret_again = false;
    if (ok) {
        beneath_remove(folder, aside);
        snprintf(open_file, sizeof open_file, "/proc/self/fd/%d", fd);
        ok = linkat(AT_FDCWD, open_file, folder, aside, AT_SYMLINK_FOLLOW) == 0;
        *ret_again = !ok && errno == ENOENT;
    }
    if (fd >= 0) close(fd);
    return ok;
}

/* False: it is not a regular file with content. */
static bool link_aside(const char *dir, const char *path, const char *aside)
{
    int folder = -1;
    bool again = true, ok = false;
    if (beneath_folder(AT_FDCWD, dir, false, &folder, NULL)) return false;
    for (int i = 0; i < TRIES && again; i++) ok = link_once(folder, path, aside, &again);
    close(folder);
    return ok;
}

char *aside_set(const char *dir, const char *path, long number, char *name, size_t size, struct arena *a)
{
    char *real = realpath(*path == '/' ? path : arena_printf(a, "%s/%s", dir, path), NULL);
    char *aside = arena_printf(a, "%s/.upload.%ld", dir, number);
    const char *below = real ? beneath_rest(dir, real) : NULL, *base = real ? strrchr(real, '/') + 1 : "";
    bool ok = below && link_aside(dir, below, strrchr(aside, '/') + 1);
    snprintf(name, size, "%s", base);
    for (char *c = name; *c; c++) /* it becomes part of a URL */
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.", *c)) *c = '_';
    if (*name == '.') *name = '_';
    free(real);
    return ok ? aside : NULL;
}
