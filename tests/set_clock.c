/* Preloaded into a program by test_clock.py: the wall clock is off by as many seconds as the file TEST_CLOCK says. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *t)
{
    char text[32] = "";
    const char *name = getenv("TEST_CLOCK");
    int code = (int)syscall(SYS_clock_gettime, id, t);
    int fd = code == 0 && id == CLOCK_REALTIME && name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return code;
    if (read(fd, text, sizeof text - 1) > 0) t->tv_sec += strtol(text, NULL, 10);
    close(fd);
    return code;
}
