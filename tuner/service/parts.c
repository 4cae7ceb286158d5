#include "tuner/service/parts.h"

#include "tuner/base/beneath.h"
#include "tuner/base/redact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void service_say(struct service *s, const char *study, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = must_vprintf(fmt, ap);
    va_end(ap);
    redact(text, strlen(text));
    s->options.say(s->options.data, study, text);
    free(text);
}

bool service_owns(const struct service *s, const char *path)
{
    return beneath_rest(s->files, path) != NULL;
}

/* It goes with its last descriptor, whatever happens. */
int service_spool(const struct service *s)
{
    int dir = -1;
    if (beneath_folder(AT_FDCWD, s->files, true, &dir, NULL)) return -1;
    int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), code = errno;
    close(dir);
    errno = code;
    return fd;
}
