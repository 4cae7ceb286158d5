#include "tuner/agent/aside.h"

#include "tuner/base/beneath.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* False: it is not a regular file with content. */
static bool link_aside(const char *dir, const char *path, const char *aside)
{
    char open_file[64];
    struct stat st;
    int folder = -1, fd = -1;
    if (beneath_folder(AT_FDCWD, dir, false, &folder, NULL)) return false;
    bool ok = beneath_open(folder, path, O_RDONLY, 0, &fd, NULL) == STATUS_OK && fstat(fd, &st) == 0 && st.st_size > 0;
    if (ok) {
        beneath_remove(folder, aside);
        snprintf(open_file, sizeof open_file, "/proc/self/fd/%d", fd);
        ok = linkat(AT_FDCWD, open_file, folder, aside, AT_SYMLINK_FOLLOW) == 0;
    }
    if (fd >= 0) close(fd);
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
