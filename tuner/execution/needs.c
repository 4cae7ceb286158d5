#include "tuner/execution/needs.h"

#include "tuner/base/beneath.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* path: PATH_MAX */
static bool is_program(const char *dir, const char *file, char *path)
{
    struct stat st;
    if (*file == '/')
        snprintf(path, PATH_MAX, "%s", file);
    else
        snprintf(path, PATH_MAX, "%s/%s", dir, file);
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* As exec looks for it. */
bool needs_program(const struct study *study, const char *program, char *ret)
{
    const char *path = getenv("PATH");
    if (strchr(program, '/')) return is_program(study->dir, program, ret);
    char *copy = must_strdup(path ? path : ""), *save = NULL;
    bool found = false;
    for (char *dir = strtok_r(copy, ":", &save); !found && dir; dir = strtok_r(NULL, ":", &save))
        found = is_program(dir, program, ret);
    free(copy);
    return found;
}

enum { FIRST_LINE_MAX = 256, SCRIPTS_MAX = 4 }; /* the kernel's own */

/* The program that a script's first line names, and env after it; "": none. `line` is cut up. */
struct script {
    char *interpreter, *by_env;
    bool carriage; /* a carriage return ends the line */
};

static struct script read_first(char *line)
{
    struct script out = {.interpreter = line + strlen(line), .by_env = line + strlen(line)};
    size_t n = strcspn(line, "\n");
    if (strncmp(line, "#!", 2) != 0 || !line[n]) return out; /* or it is longer than this */
    while (n > 2 && strchr(" \t\r", line[n - 1])) out.carriage |= line[--n] == '\r';
    line[n] = 0;
    out.interpreter = line + 2 + strspn(line + 2, " \t");
    char *rest = out.interpreter + strcspn(out.interpreter, " \t"), *slash;
    if (*rest) *rest++ = 0;
    rest += strspn(rest, " \t");
    slash = strrchr(out.interpreter, '/');
    if (slash && strcmp(slash, "/env") == 0 && *rest != '-' && !strchr(rest, '=')) out.by_env = rest;
    return out;
}

static enum status lacks_interpreter(const struct study *study, const struct script *script, const char *name,
                                     struct error *err)
{
    return error_set(err, STATUS_INVALID,
                     "%s: the command '%s' cannot be started: there is no program '%s', which its first line names%s",
                     study->path, study->arg[0], name,
                     script->carriage ? " (its lines end with a carriage return)" : "");
}

/* Its e_machine [ELF]: a 64-bit machine may run its 32-bit elders. */
static bool is_foreign(const unsigned char *head, size_t n)
{
    unsigned char own[20] = {0};
    FILE *self = fopen("/proc/self/exe", "rb");
    bool known = self && fread(own, 1, sizeof own, self) == sizeof own;
    if (self) fclose(self);
    if (!known || n < 4 || memcmp(head, "\177ELF", 4) != 0) return false;
    return n < sizeof own || head[5] != own[5] || (head[4] == own[4] && memcmp(head + 18, own + 18, 2) != 0);
}

/* What a script begins with is a program, too; else exec says only that there is no such file. */
static enum status check_beginning(const struct study *study, const char *path, int depth, struct error *err)
{
    char head[FIRST_LINE_MAX + 1] = "", next[PATH_MAX];
    FILE *in = fopen(path, "rb");
    size_t n = in ? fread(head, 1, FIRST_LINE_MAX, in) : 0;
    if (in) fclose(in);
    if (is_foreign((unsigned char *)head, n))
        return error_set(err, STATUS_INVALID,
                         "%s: the command '%s' cannot be started: %s is no program for this kind of machine",
                         study->path, study->arg[0], path);
    struct script script = read_first(head);
    if (!*script.interpreter) return STATUS_OK;
    if (depth == SCRIPTS_MAX)
        return error_set(
            err, STATUS_INVALID,
            "%s: the command '%s' cannot be started: the first lines of more than %d scripts name each other",
            study->path, study->arg[0], SCRIPTS_MAX);
    if (script.carriage) /* it is a part of the name */
        return lacks_interpreter(study, &script, *script.by_env ? script.by_env : script.interpreter, err);
    if (!is_program(study->dir, script.interpreter, next))
        return lacks_interpreter(study, &script, script.interpreter, err);
    if (*script.by_env && !needs_program(study, script.by_env, next))
        return lacks_interpreter(study, &script, script.by_env, err);
    return check_beginning(study, next, depth + 1, err);
}

static enum status check_command(const struct study *study, struct error *err)
{
    char path[PATH_MAX];
    if (study->n_args == 0)
        return error_set(err, STATUS_INVALID, "%s:1:1: 'trial: {command: […]}' is missing: the program to run",
                         study->path);
    const char *program = study->arg[0];
    if (strchr(program, '{')) return STATUS_OK;
    if (needs_program(study, program, path)) return check_beginning(study, path, 0, err);
    return error_set(err, STATUS_INVALID, "%s: the command '%s' is not an executable program %s%s", study->path,
                     program, strchr(program, '/') ? "in " : "in PATH", strchr(program, '/') ? study->dir : "");
}

/* Better now than as the failure of the baseline at night. */
enum status needs_command(const struct study *study, struct error *err)
{
    enum status s = study->pipeline.n ? STATUS_OK : check_command(study, err);
    for (size_t i = 0; !s && i < study->pipeline.n; i++) {
        s = check_command(study->pipeline.stage[i].alone, err);
        if (s) error_context(err, "stage '%s'", study->pipeline.stage[i].name);
    }
    return s;
}

static enum status lacks_gpus(const struct study *study, const struct gpus *all, struct error *err)
{
    const struct gpu_wish *wish = &study->workers.gpus;
    char there[400], asked[60];
    snprintf(there, sizeof there, "no GPU found on this machine%s%s", *all->trouble ? ", as " : "", all->trouble);
    if (all->n == 1) snprintf(there, sizeof there, "this machine has one GPU, 0");
    if (all->n > 1) snprintf(there, sizeof there, "this machine has %zu GPUs, 0 to %zu", all->n, all->n - 1);
    snprintf(asked, sizeof asked, "%zu", wish->n);
    for (size_t i = 0; wish->kind == GPUS_LISTED && i < wish->n; i++)
        if (wish->place[i] >= (long)all->n) {
            snprintf(asked, sizeof asked, "GPU %ld", wish->place[i]);
            break;
        }
    return error_set(err, STATUS_INVALID, "%s:%d:%d: 'gpus' asks for %s: %s; 'gpus: auto' takes what is there",
                     study->path, wish->line, wish->column, asked, there);
}

static bool has_gpus(const struct gpu_wish *wish, const struct gpus *all)
{
    if (wish->kind == GPUS_FIRST) return wish->n <= all->n;
    for (size_t i = 0; i < wish->n; i++)
        if (wish->place[i] >= (long)all->n) return false;
    return true;
}

enum status needs_gpus(const struct study *study, size_t slots, struct gpu_grant *ret, struct arena *arena,
                       struct error *err)
{
    const struct gpu_wish *wish = &study->workers.gpus;
    long place[STUDY_GPUS_MAX];
    struct gpus all;
    ret->some = false;
    ret->shown = NULL;
    if (wish->kind == GPUS_UNTOUCHED) return STATUS_OK;
    gpus_find(&all);
    if (!has_gpus(wish, &all)) return lacks_gpus(study, &all, err);
    for (size_t i = 0; i < STUDY_GPUS_MAX; i++) place[i] = wish->kind == GPUS_LISTED ? wish->place[i] : (long)i;
    gpus_select(&all, wish->kind == GPUS_AUTO ? all.n : wish->n, place, &ret->gpus);
    ret->some = wish->kind != GPUS_AUTO || ret->gpus.n > 0;
    ret->shown = ret->some ? gpus_sentence(&ret->gpus, slots, arena)
                           : arena_printf(arena, "no GPU found on this machine: slots run without%s%s",
                                          *all.trouble ? "; " : "", all.trouble);
    return STATUS_OK;
}

/* Without a link in it, so that none is followed later. What others may read of it is closed. */
enum status needs_folder(const char *db, char *ret, struct error *err)
{
    char full[PATH_MAX];
    int fd;
    if (!realpath(db, full)) return error_set(err, STATUS_IO, "%s: %s", db, strerror(errno));
    size_t n = strlen(full);
    if (n > 3 && strcmp(full + n - 3, ".db") == 0) n -= 3;
    snprintf(ret, PATH_MAX, "%.*s.files", (int)(n < PATH_MAX - 16 ? n : PATH_MAX - 16), full);
    if (realpath(ret, full)) snprintf(ret, PATH_MAX, "%s", full);
    if (beneath_folder(AT_FDCWD, ret, false, &fd, NULL)) return STATUS_OK;
    beneath_tighten(fd);
    close(fd);
    return STATUS_OK;
}
