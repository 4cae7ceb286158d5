#include "workers/descendants.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PASSES_MAX = 64, SWEEPS_MAX = 1000, CLIMB_MAX = 4 };

struct process {
    pid_t pid, parent, session;
    uint64_t born; /* with pid: who it is */
    char state;
    long threads;
    bool claimed; /* one of them by itself, whoever its parent is */
    long depth;   /* below the first of them, from 1; 0: not one of them */
    bool stopped, refused;
};

struct census {
    struct process *all; /* by pid */
    size_t n, capacity;
    struct process **ours;    /* by depth */
    size_t n_ours, n_stopped; /* n_stopped: those that this pass was the first to stop */
};

/* ---- one process ---- */

static bool read_process(pid_t pid, struct process *ret)
{
    char path[32], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return false;
    text[n] = 0;
    struct process p = {.pid = pid};
    int parent, session;
    unsigned long long born;
    const char *rest = strrchr(text, ')'); /* a name may hold anything, ") R 1" too */
    if (!rest || sscanf(rest + 1, " %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld %*d %llu",
                        &p.state, &parent, &session, &p.threads, &born) != 5)
        return false;
    p.parent = parent;
    p.session = session;
    p.born = born;
    *ret = p;
    return true;
}

uint64_t descendants_born(pid_t pid)
{
    struct process p;
    return read_process(pid, &p) ? p.born : 0;
}

/* A zombie whose other threads run is not dead. */
static bool is_dead(const struct process *p)
{
    return (p->state == 'Z' || p->state == 'X') && p->threads <= 1;
}

static bool carries(pid_t pid, const char *mark)
{
    char path[40], *entry = NULL;
    size_t size = 0;
    bool found = false;
    snprintf(path, sizeof path, "/proc/%ld/environ", (long)pid);
    FILE *in = fopen(path, "re");
    if (!in) return false;
    while (!found && getdelim(&entry, &size, 0, in) > 0) found = strcmp(entry, mark) == 0;
    free(entry);
    fclose(in);
    return found;
}

/* ---- all processes ---- */

static void census_done(struct census *c)
{
    free(c->all);
    free(c->ours);
    *c = (struct census){0};
}

static int by_pid(const void *a, const void *b)
{
    const struct process *p = a, *q = b;
    return (p->pid > q->pid) - (p->pid < q->pid);
}

static int by_depth(const void *a, const void *b)
{
    const struct process *const *p = a, *const *q = b;
    return ((*p)->depth > (*q)->depth) - ((*p)->depth < (*q)->depth);
}

static struct process *find(const struct census *c, pid_t pid)
{
    struct process key = {.pid = pid};
    return c->n ? bsearch(&key, c->all, c->n, sizeof *c->all, by_pid) : NULL;
}

static struct process *find_same(const struct census *c, const struct process *p)
{
    struct process *found = find(c, p->pid);
    return found && found->born == p->born ? found : NULL;
}

static bool add(struct census *c, const struct process *p)
{
    if (c->n == c->capacity) {
        size_t capacity = c->capacity ? 2 * c->capacity : 256;
        struct process *all = realloc(c->all, capacity * sizeof *all);
        if (!all) return false;
        c->all = all;
        c->capacity = capacity;
    }
    c->all[c->n++] = *p;
    return true;
}

/* ---- whose ---- */

static bool is_claimed(const struct lineage *of, const struct process *p, bool root_is_another)
{
    if (p->pid == of->root) return p->born == of->born;
    if (p->born < of->born || is_dead(p)) return false;
    if (p->session == of->root && !root_is_another) return true; /* the number is not given away while anybody has it */
    return of->mark && carries(p->pid, of->mark);
}

/* A parent's number is mostly lower than its child's, so that a sweep or two will do. */
static void spread_depth(struct census *c)
{
    bool changed = true;
    for (int sweep = 0; changed && sweep < SWEEPS_MAX; sweep++) {
        changed = false;
        for (size_t i = 0; i < c->n; i++) {
            struct process *p = &c->all[i];
            const struct process *parent = find(c, p->parent);
            bool below = parent && parent->depth && parent->born <= p->born;
            long depth = below ? parent->depth + 1 : p->claimed;
            if (depth == p->depth) continue;
            p->depth = depth;
            changed = true;
        }
    }
}

static bool list_ours(struct census *c)
{
    c->ours = malloc(c->n * sizeof *c->ours);
    if (!c->ours) return false;
    for (size_t i = 0; i < c->n; i++)
        if (c->all[i].depth && c->all[i].pid != getpid()) c->ours[c->n_ours++] = &c->all[i];
    qsort(c->ours, c->n_ours, sizeof *c->ours, by_depth);
    return true;
}

/* ---- signals ---- */

/* Still who it was, and still below one of ours that is still who it was; a parent that came after the census may be
 * between the two. */
static bool is_still_ours(const struct census *c, const struct process *p)
{
    struct process now, above;
    if (!read_process(p->pid, &now) || now.born != p->born) return false;
    if (p->claimed) return true;
    for (int step = 0; step < CLIMB_MAX; step++) {
        const struct process *parent = find(c, now.parent);
        if (!read_process(now.parent, &above) || above.born > now.born) return false;
        if (parent && parent->depth && parent->born == above.born) return true;
        now = above;
    }
    return false;
}

/* Returns whether it was one of ours. */
static bool send(const struct census *c, struct process *p, int signal)
{
    int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
    if (fd < 0 && errno == ESRCH) return false;
    bool ours = is_still_ours(c, p);
    if (ours) {
        long code = fd >= 0 ? syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) : -1;
        if (fd < 0 || (code != 0 && errno == ENOSYS)) code = kill(p->pid, signal);
        p->refused = code != 0 && errno == EPERM;
    }
    if (fd >= 0) close(fd);
    return ours;
}

/* ---- a pass ---- */

static bool list_pids(pid_t **ret, size_t *ret_n)
{
    pid_t *all = NULL;
    size_t n = 0, capacity = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        if (*entry->d_name < '1' || *entry->d_name > '9') continue;
        if (n == capacity) {
            capacity = capacity ? 2 * capacity : 512;
            pid_t *more = realloc(all, capacity * sizeof *all);
            if (!more) break;
            all = more;
        }
        all[n++] = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    if (proc) closedir(proc);
    *ret = all;
    *ret_n = n;
    return n > 0;
}

/* The newest first, and those that the pass before did not know are stopped at sight: who has a child and is gone at
 * once, again and again, would not be met a second time. */
static bool read_all(struct census *c, const struct census *before, const struct lineage *of)
{
    pid_t *pids;
    size_t n;
    struct process root = {0}, p;
    if (!list_pids(&pids, &n)) return false;
    bool another = read_process(of->root, &root) && root.born != of->born, ok = true;
    while (ok && n-- > 0) {
        if (!read_process(pids[n], &p)) continue;
        p.claimed = is_claimed(of, &p, another);
        bool fresh = before->n && p.born >= of->born && p.pid != getpid() && !is_dead(&p) && !find_same(before, &p);
        p.stopped = fresh && send(before, &p, SIGSTOP);
        c->n_stopped += p.stopped;
        ok = add(c, &p);
    }
    free(pids);
    if (c->n) qsort(c->all, c->n, sizeof *c->all, by_pid);
    return ok && c->n > 0;
}

static bool take(struct census *c, const struct census *before, const struct lineage *of)
{
    if (!read_all(c, before, of)) return false;
    spread_depth(c);
    return list_ours(c);
}

static void stop_new(struct census *now, const struct census *before)
{
    for (size_t i = 0; i < now->n_ours; i++) {
        struct process *p = now->ours[i];
        const struct process *known = find_same(before, p);
        p->stopped |= known && known->stopped;
        if (p->stopped || is_dead(p)) continue;
        p->stopped = send(now, p, SIGSTOP);
        now->n_stopped++;
    }
}

static long kill_all(struct census *c, pid_t root)
{
    long left = 0;
    for (size_t i = c->n_ours; i-- > 0;) {
        struct process *p = c->ours[i];
        if (!is_dead(p)) send(c, p, SIGKILL);
        left += !p->refused && (!is_dead(p) || p->parent == root); /* other zombies wait for somebody else */
    }
    return left;
}

long descendants_kill(const struct lineage *of)
{
    struct census now = {0}, before = {0};
    long left = -1;
    for (int pass = 0; pass < PASSES_MAX; pass++) {
        census_done(&before);
        before = now;
        now = (struct census){0};
        if (!take(&now, &before, of)) goto done;
        stop_new(&now, &before);
        if (now.n_stopped == 0) break;
    }
    left = kill_all(&now, of->root);
done:
    census_done(&now);
    census_done(&before);
    return left;
}
