/* Preloaded into a program by test_ground.py: kill -9 just before its call number KILL_AT of those that leave something on
 * the disk. */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static void count(void)
{
    static long calls;
    const char *at = getenv("KILL_AT");
    if (at && ++calls == strtol(at, NULL, 10)) kill(getpid(), SIGKILL);
}

/* Each does what the next of its name does. */
#define NEXT(type, name, params, args)                                                                                 \
    type name params                                                                                                   \
    {                                                                                                                  \
        type(*next) params;                                                                                            \
        *(void **)&next = dlsym(RTLD_NEXT, #name);                                                                     \
        count();                                                                                                       \
        return next args;                                                                                              \
    }

NEXT(int, fsync, (int fd), (fd))
NEXT(int, fdatasync, (int fd), (fd))
NEXT(int, rename, (const char *from, const char *to), (from, to))
NEXT(int, unlink, (const char *path), (path))
NEXT(int, ftruncate, (int fd, off_t n), (fd, n))
