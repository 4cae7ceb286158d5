#include "tuner/cli/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status cannot_write(const char *path, struct error *err)
{
    return error_set(err, status_of_errno(errno), "%s: cannot write: %s", path, strerror(errno));
}

/* a/chart.png: a/chart.png.part.png */
static bool name_part(struct whole_file *f)
{
    const char *name = strrchr(f->path, '/'), *end = strrchr(name ? name : f->path, '.');
    return snprintf(f->part, sizeof f->part, "%s.part%s", f->path, end ? end : "") < (int)sizeof f->part;
}

enum status whole_file_begin(struct whole_file *f, const char *path, struct error *err)
{
    f->path = path;
    if (!name_part(f)) return error_set(err, STATUS_INVALID, "the name of the file is too long");
    int fd = open(f->part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0) return cannot_write(path, err);
    f->out = fdopen(fd, "w");
    if (f->out) return STATUS_OK;
    close(fd);
    return cannot_write(path, err);
}

enum status whole_file_end(struct whole_file *f, enum status made, struct error *err)
{
    bool bad = ferror(f->out) != 0;
    if ((fclose(f->out) != 0 || bad) && !made) made = cannot_write(f->path, err);
    if (!made && rename(f->part, f->path) != 0) made = cannot_write(f->path, err);
    if (made) remove(f->part);
    return made;
}

bool whole_file_is_filled(const struct whole_file *f)
{
    struct stat info;
    return stat(f->part, &info) == 0 && info.st_size > 0;
}
