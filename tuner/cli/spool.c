#include "tuner/cli/spool.h"

#include "tuner/base/json.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_ = 64 << 10 };

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n > m && strcmp(name + n - m, end) == 0;
}

/* NAME.from as NAME.to; NULL: somebody else was quicker. */
static const char *renamed(struct arena *arena, const char *path, const char *from, const char *to)
{
    const char *other = arena_printf(arena, "%.*s%s", (int)(strlen(path) - strlen(from)), path, to);
    return rename(path, other) == 0 ? other : NULL;
}

/* An empty one has just been made. */
static bool is_idle(const char *path, int64_t now_ms)
{
    struct stat st;
    if (stat(path, &st) != 0 || st.st_size == 0) return false;
    int64_t age = now_ms - (int64_t)st.st_mtim.tv_sec * 1000 - st.st_mtim.tv_nsec / 1000000;
    return age > SPOOL_IDLE_MS || age < -SPOOL_IDLE_MS; /* a clock that was set back makes nobody wait for ever */
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum status spool_ready(const char *folder, int64_t now_ms, struct arena *arena, const char ***ret, size_t *ret_n,
                        struct error *err)
{
    const char **all = NULL;
    size_t n = 0;
    DIR *d = opendir(folder);
    if (!d && errno != ENOENT) return error_set(err, STATUS_IO, "%s: %s", folder, strerror(errno));
    for (struct dirent *e; d && (e = readdir(d));) {
        const char *path = arena_printf(arena, "%s/%s", folder, e->d_name);
        if (ends_with(e->d_name, ".open"))
            path = is_idle(path, now_ms) ? renamed(arena, path, ".open", ".jsonl") : NULL;
        else if (!ends_with(e->d_name, ".jsonl"))
            path = NULL;
        if (!path) continue;
        all = arena_more(arena, all, n, sizeof *all);
        all[n++] = path;
    }
    if (d) closedir(d);
    if (n) qsort(all, n, sizeof *all, compare);
    *ret = all;
    *ret_n = n;
    return STATUS_OK;
}

FILE *spool_claim(const char *path)
{
    struct stat st;
    FILE *in = fopen(path, "re");
    if (in && flock(fileno(in), LOCK_EX | LOCK_NB) == 0 && fstat(fileno(in), &st) == 0 && st.st_nlink > 0) return in;
    if (in) fclose(in);
    return NULL;
}

/* NULL: it is none. */
static json_t *outcome_of(const char *line, size_t n)
{
    json_t *one = NULL;
    struct error ignored;
    bool whole = n > 0 && line[n - 1] == '\n';
    return whole && json_parse_object(line, n, &one, &ignored) == STATUS_OK ? one : NULL;
}

json_t *spool_batch(FILE *claimed, long *broken)
{
    json_t *out = json_array();
    char *line = NULL;
    size_t size = 0, bytes = 0;
    ssize_t n;
    while (json_array_size(out) < SPOOL_LINES_MAX && bytes + LINE_MAX_ < SPOOL_BYTES_MAX &&
           (n = getline(&line, &size, claimed)) > 0) {
        json_t *one = n <= LINE_MAX_ ? outcome_of(line, (size_t)n) : NULL;
        if (one)
            json_array_append_new(out, one), bytes += (size_t)n;
        else
            (*broken)++;
    }
    free(line);
    if (json_array_size(out) > 0) return out;
    json_decref(out);
    return NULL;
}

void spool_done(const char *path)
{
    unlink(path);
}

void spool_set_aside(const char *path)
{
    struct arena a = {0};
    renamed(&a, path, ".jsonl", ".refused");
    arena_done(&a);
}
