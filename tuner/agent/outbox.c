#include "tuner/agent/outbox.h"

#include "tuner/base/arena.h"
#include "tuner/base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMPACT_BYTES = 1 << 20 };

/* The file's content is also in memory: agents talk little, and a disk that refuses loses nothing. */
struct outbox {
    int fd;
    char *text;
    size_t at, n, room; /* what is before `at` has been said */
};

enum status outbox_open(const char *path, struct outbox **ret, struct error *err)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int code = errno;
        if (fd >= 0) close(fd);
        return error_set(err, STATUS_IO, "%s: cannot open the outbox: %s", path, strerror(code));
    }
    struct outbox *o = must_alloc(1, sizeof *o);
    o->fd = fd;
    o->room = (size_t)st.st_size + 4096;
    o->text = must_alloc(o->room, 1);
    ssize_t n = pread(fd, o->text, (size_t)st.st_size, 0);
    o->n = n > 0 ? (size_t)n : 0;
    while (o->n > 0 && o->text[o->n - 1] != '\n') o->n--; /* torn by a crash */
    if (ftruncate(fd, (off_t)o->n) != 0) o->n = 0;
    *ret = o;
    return STATUS_OK;
}

void outbox_close(struct outbox *o)
{
    if (!o) return;
    close(o->fd);
    free(o->text);
    free(o);
}

void outbox_add(struct outbox *o, const json_t *line, bool sync)
{
    char *text = json_exact(line);
    size_t k = strlen(text);
    if (o->n + k + 1 > o->room) {
        o->room = 2 * (o->n + k) + 4096;
        o->text = must_grow(o->text, o->room, 1);
    }
    memcpy(o->text + o->n, text, k);
    o->text[o->n + k] = '\n';
    ssize_t written = pwrite(o->fd, o->text + o->n, k + 1, (off_t)o->n); /* in vain if the disk is full: see above */
    if (sync && written > 0) fdatasync(o->fd);
    o->n += k + 1;
    free(text);
}

bool outbox_is_empty(const struct outbox *o)
{
    return o->at == o->n;
}

size_t outbox_bytes(const struct outbox *o)
{
    return o->n - o->at;
}

json_t *outbox_take(struct outbox *o, size_t max, const char *stop, size_t *ret_bytes)
{
    json_t *all = json_array();
    size_t at = o->at;
    while (at < o->n && (at == o->at || at - o->at < max)) {
        const char *end = memchr(o->text + at, '\n', o->n - at);
        json_t *line = NULL;
        size_t k = (size_t)(end - (o->text + at));
        json_parse_object(o->text + at, k, &line, NULL); /* a damaged line is dropped with its batch */
        bool stops = line && json_object_get(line, stop);
        if (stops && json_array_size(all) > 0) {
            json_decref(line);
            break;
        }
        at += k + 1;
        if (line) json_array_append_new(all, line);
        if (stops) break;
    }
    *ret_bytes = at - o->at;
    return all;
}

/* Kept in the file until all of it is said, or a good part: to be said again after a crash changes nothing. */
void outbox_drop(struct outbox *o, size_t bytes)
{
    o->at += bytes;
    if (o->at < o->n && (o->at < COMPACT_BYTES || o->at < o->n / 2)) return;
    memmove(o->text, o->text + o->at, o->n - o->at);
    o->n -= o->at;
    o->at = 0;
    if (pwrite(o->fd, o->text, o->n, 0) == (ssize_t)o->n && ftruncate(o->fd, (off_t)o->n) == 0) return;
}
