#include "tuner/live/kill_file.h"

#include "tuner/base/beneath.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char blanks[] = " \t\r";

const char *kill_file_path(const char *db, struct arena *arena)
{
    return arena_printf(arena, "%s-kill", db);
}

/* ---- reading ---- */

/* Without what is left out. */
static char *name_of(char *line)
{
    line[strcspn(line, "#")] = 0;
    line += strspn(line, blanks);
    size_t n = strlen(line);
    while (n > 0 && strchr(blanks, line[n - 1])) line[--n] = 0;
    return line;
}

static struct kill_list parse(char *text, struct arena *arena)
{
    struct kill_list list = {.why = ""};
    for (char *line; (line = strsep(&text, "\n"));) {
        const char *name = name_of(line);
        if (!*name) continue;
        list.all |= strcmp(name, "all") == 0;
        list.name = arena_more(arena, list.name, list.n, sizeof *list.name);
        list.name[list.n++] = arena_strdup(arena, name);
    }
    return list;
}

/* The folder of a database may be a link. */
static int open_folder(const char *path)
{
    struct arena a = {0};
    int fd = open(dirname(arena_strdup(&a, path)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    arena_done(&a);
    return fd;
}

struct kill_list kill_file_read(const char *path, struct arena *arena)
{
    struct error err;
    char *text = NULL;
    int dir = open_folder(path);
    const char *slash = strrchr(path, '/');
    if (dir < 0) return (struct kill_list){.why = ""}; /* of a database that is not there */
    enum status s = beneath_read(dir, slash ? slash + 1 : path, KILL_FILE_BYTES, &text, NULL, &err);
    close(dir);
    if (s == STATUS_NOT_FOUND) return (struct kill_list){.why = ""};
    if (s) return (struct kill_list){.all = true, .why = arena_strdup(arena, err.text)};
    struct kill_list list = parse(text, arena);
    free(text);
    return list;
}

bool kill_list_has(const struct kill_list *list, const char *rollout)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->name[i], rollout) == 0) return true;
    return list->all;
}

/* ---- writing ---- */

static enum status cannot(const char *path, struct error *err)
{
    return error_set(err, status_of_errno(errno), "%s: cannot be written: %s", path, strerror(errno));
}

/* A name is on the disk when its folder is. */
static void sync_folder(const char *path)
{
    int fd = open_folder(path);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

/* The line before may have no end. */
enum status kill_file_add(const char *path, const char *rollout, struct error *err)
{
    struct arena a = {0};
    if (!*rollout || strpbrk(rollout, " \t\r\n#"))
        return error_set(err, STATUS_INVALID, "'%.60s' is no name of a rollout", rollout);
    const struct kill_list list = kill_file_read(path, &a);
    bool there = kill_list_has(&list, rollout);
    arena_done(&a);
    if (there) return STATUS_OK;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0) return cannot(path, err);
    bool good = dprintf(fd, "\n%s\n", rollout) > 0 && fsync(fd) == 0;
    enum status s = good ? STATUS_OK : cannot(path, err);
    close(fd);
    sync_folder(path);
    return s;
}

/* The others' names, into a new file in its place. */
static enum status write_others(const char *path, const struct kill_list *list, const char *rollout, struct error *err)
{
    struct arena a = {0};
    const char *part = arena_printf(&a, "%s.part", path);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool good = fd >= 0;
    for (size_t i = 0; good && i < list->n; i++)
        if (strcmp(list->name[i], rollout) != 0) good = dprintf(fd, "%s\n", list->name[i]) > 0;
    good = good && fsync(fd) == 0 && rename(part, path) == 0;
    enum status s = good ? STATUS_OK : cannot(path, err);
    if (fd >= 0) close(fd);
    arena_done(&a);
    return s;
}

enum status kill_file_remove(const char *path, const char *rollout, struct error *err)
{
    struct arena a = {0};
    const struct kill_list list = kill_file_read(path, &a);
    size_t own = 0;
    enum status s = STATUS_OK;
    for (size_t i = 0; i < list.n; i++) own += strcmp(list.name[i], rollout) == 0;
    if (list.all)
        s = error_set(err, STATUS_CONFLICT, "%s kills all rollouts%s%s; change it first", path, *list.why ? ": " : "",
                      list.why);
    else if (own && own == list.n)
        s = unlink(path) == 0 || errno == ENOENT ? STATUS_OK : cannot(path, err);
    else if (own)
        s = write_others(path, &list, rollout, err);
    if (own) sync_folder(path);
    arena_done(&a);
    return s;
}
