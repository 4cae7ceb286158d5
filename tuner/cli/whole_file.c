#include "tuner/cli/whole_file.h"

#include "tuner/base/arena.h"
#include "tuner/base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PART_BYTES = 6 };

static enum status cannot_write(const char *path, struct error *err)
{
    return error_set(err, status_of_errno(errno), "%s: cannot write: %s", path, strerror(errno));
}

/* Its name, or where a link of that name leads to a file: there it takes its place. False: `fd`, which is open, is all
 * that there is of it. */
static bool find_place(struct whole_file *f, int fd)
{
    struct stat there;
    return fstat(fd, &there) == 0 && S_ISREG(there.st_mode) && realpath(f->path, f->place);
}

/* What is neither a file nor nothing: a device, a pipe, a link. Opened as any program would, so that the system's own
 * rules for links in folders of all apply. */
static enum status begin_at_other(struct whole_file *f, struct error *err)
{
    int fd = open(f->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && errno == ENOENT) return STATUS_OK; /* a link to nothing: it is replaced */
    if (fd < 0) return cannot_write(f->path, err);
    if (find_place(f, fd)) {
        close(fd);
        return STATUS_OK;
    }
    f->out = fdopen(fd, "w");
    if (f->out) return STATUS_OK;
    close(fd);
    return cannot_write(f->path, err);
}

/* a/chart.png: a/chart.png.part-5d0c8f1e22ab.png, which nobody else has or can have put there. */
static bool name_part(struct whole_file *f)
{
    char some[2 * PART_BYTES + 1];
    const char *name = strrchr(f->place, '/'), *end = strrchr(name ? name : f->place, '.');
    digest_random_hex(some, PART_BYTES);
    return snprintf(f->part, sizeof f->part, "%s.part-%s%s", f->place, some, end ? end : "") < (int)sizeof f->part;
}

/* Who may read it stays as it was. */
static enum status begin_part(struct whole_file *f, const struct stat *before, struct error *err)
{
    if (!name_part(f)) return error_set(err, STATUS_INVALID, "the name of the file is too long");
    int fd = open(f->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return cannot_write(f->path, err);
    if (before) fchmod(fd, before->st_mode & 0777); /* some file systems have no such thing */
    f->out = fdopen(fd, "w");
    if (f->out) return STATUS_OK;
    close(fd);
    remove(f->part);
    return cannot_write(f->path, err);
}

enum status whole_file_begin(struct whole_file *f, const char *path, struct error *err)
{
    struct stat before;
    *f = (struct whole_file){.path = path};
    if (snprintf(f->place, sizeof f->place, "%s", path) >= (int)sizeof f->place)
        return error_set(err, STATUS_INVALID, "the name of the file is too long");
    bool other = lstat(path, &before) == 0 && !S_ISREG(before.st_mode);
    enum status s = other ? begin_at_other(f, err) : STATUS_OK;
    if (s || !f->out) return s ? s : begin_part(f, stat(f->place, &before) == 0 ? &before : NULL, err);
    snprintf(f->part, sizeof f->part, "%s", path);
    f->straight = true;
    return STATUS_OK;
}

enum status whole_file_end(struct whole_file *f, enum status made, struct error *err)
{
    bool bad = ferror(f->out) != 0;
    if ((fclose(f->out) != 0 || bad) && !made) made = cannot_write(f->path, err);
    if (f->straight) return made;
    if (!made && rename(f->part, f->place) != 0) made = cannot_write(f->path, err);
    if (made) remove(f->part);
    return made;
}

bool whole_file_is_filled(const struct whole_file *f)
{
    struct stat info;
    return f->straight || (stat(f->part, &info) == 0 && info.st_size > 0);
}

enum status whole_file_read(const char *path, size_t most, char **ret, struct error *err)
{
    FILE *in = fopen(path, "re");
    if (!in)
        return error_set(err, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, "%s: cannot read: %s", path,
                         strerror(errno));
    char *text = must_alloc(most + 2, 1);
    size_t n = fread(text, 1, most + 1, in);
    enum status s = STATUS_OK;
    if (ferror(in))
        s = error_set(err, STATUS_IO, "%s: cannot read: %s", path, strerror(errno));
    else if (n > most)
        s = error_set(err, STATUS_INVALID, "%s: larger than %zu kB", path, most >> 10);
    else if (strlen(text) < n)
        s = error_set(err, STATUS_INVALID, "%s: this is no text", path);
    fclose(in);
    if (s)
        free(text);
    else
        *ret = text;
    return s;
}
