/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * nocturne-guard PARENT PROGRAM [ARG…]: runs one program and leaves nothing of it behind.
 *
 * PARENT is the process id of the coordinator: if the guard finds another parent, the coordinator died before the guard
 * could ask the kernel to be told, and nothing is started.
 *
 * There are two of it, one below the other:
 *
 *     coordinator ── outer guard ── inner guard ── program, in a process group of its own
 *                                   └──────── a cgroup where one can be had ────────┘
 *
 * The program's parent is the inner one, and whatever becomes of that, the outer one is there. When the program ends,
 * or the parent of either dies (kill -9 included), all descendants die, wherever they went: both are the reapers of
 * what is below them. Signals:
 *
 *     SIGTERM, SIGINT   passed on, in the end to the program's group
 *     SIGUSR1, SIGHUP   kill all now
 *     SIGCONT           the parent may have died: it is also what the kernel sends then, since it wakes a stopped guard
 *
 * All others are blocked. The guard ends as the program did: same exit code, or same signal.
 */
#include "workers/guard.h"

#include "workers/cgroup.h"
#include "workers/descendants.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MIN_MS = 2, WAIT_MAX_MS = 250 };

struct guard {
    char **argv; /* the program's */
    const char *cgroup;
    sigset_t signals, before;
    bool inner;
    pid_t parent, child; /* child: of the outer guard, the inner one */
    bool ended;          /* the child */
    int status;          /* as wait says it */
};

static _Noreturn void run_program(const struct guard *g)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the guard itself be killed */
    if (getppid() != g->parent) _exit(127);
    sigprocmask(SIG_SETMASK, &g->before, NULL);
    execvp(g->argv[0], g->argv);
    fprintf(stderr, GUARD_CANNOT_START "%s: %s\n", g->argv[0], strerror(errno));
    _exit(GUARD_CANNOT_START_CODE);
}

/* Returns false once there is no child. */
static bool reap(struct guard *g)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG | WUNTRACED);
        if (pid <= 0) return pid == 0;
        if (WIFSTOPPED(status)) {
            if (pid == g->child && !g->inner) kill(pid, SIGCONT); /* a guard has no business to sleep */
        } else if (pid == g->child) {
            g->ended = true;
            g->status = status;
        }
    }
}

static void watch(struct guard *g)
{
    while (!g->ended) {
        int signal = sigwaitinfo(&g->signals, NULL);
        if (signal == SIGTERM || signal == SIGINT) kill(-g->child, signal);
        if (signal == SIGUSR1 || signal == SIGHUP || getppid() != g->parent) return;
        reap(g);
    }
}

/* Those whose parent died are our children, so that nobody is left once we have none. */
static void end_descendants(struct guard *g)
{
    const struct lineage of = {.root = getpid(), .born = descendants_born(getpid())};
    if (!reap(g)) return;
    if (!g->inner) cgroup_kill(g->cgroup);
    for (long ms = WAIT_MIN_MS; reap(g); ms = ms < WAIT_MAX_MS ? 2 * ms : WAIT_MAX_MS) {
        long left = descendants_kill(&of);
        if (left < 0 && !g->ended) left = kill(-g->child, SIGKILL) == 0; /* no /proc: the group, as well as we can */
        if (left <= 0) return;
        sigtimedwait(&g->signals, NULL, &(struct timespec){.tv_nsec = ms * 1000000});
    }
}

static int end_like(int status)
{
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    struct rlimit no_core = {0, 0};
    sigset_t one;
    setrlimit(RLIMIT_CORE, &no_core); /* the program has dumped its own */
    sigemptyset(&one);
    sigaddset(&one, WTERMSIG(status));
    signal(WTERMSIG(status), SIG_DFL);
    kill(getpid(), WTERMSIG(status));
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    return 128 + WTERMSIG(status);
}

static int guard(struct guard *g);

static _Noreturn void be_child(const struct guard *g, pid_t parent)
{
    struct guard below = *g;
    below.inner = true;
    below.parent = parent;
    setpgid(0, 0);
    if (g->inner) run_program(&below);
    _exit(guard(&below));
}

static int guard(struct guard *g)
{
    pid_t self = getpid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, SIGCONT);
    if (getppid() != g->parent) return 127;
    g->child = g->inner ? fork() : cgroup_fork(g->cgroup);
    if (g->child < 0) {
        fprintf(stderr, GUARD_CANNOT_FORK "%s\n", strerror(errno));
        return GUARD_CANNOT_FORK_CODE;
    }
    if (g->child == 0) be_child(g, self);
    setpgid(g->child, g->child); /* both sides do it: no race with the first signal */
    watch(g);
    end_descendants(g);
    if (!g->inner) cgroup_remove(g->cgroup);
    return end_like(g->status);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: nocturne-guard PARENT PROGRAM [ARG...]\n", stderr);
        return 2;
    }
    struct guard outer = {
        .argv = argv + 2, .cgroup = getenv(GUARD_JOB), .parent = (pid_t)strtol(argv[1], NULL, 10), .status = SIGKILL};
    sigset_t all;
    fcntl(GUARD_LOCK_FD, F_SETFD, FD_CLOEXEC); /* if there is one: the guards' own */
    signal(SIGCHLD, SIG_DFL);
    sigfillset(&all); /* whoever is below may send anything */
    sigprocmask(SIG_BLOCK, &all, &outer.before);
    sigemptyset(&outer.signals);
    for (size_t i = 0; i < 6; i++)
        sigaddset(&outer.signals, (int[]){SIGCHLD, SIGTERM, SIGINT, SIGUSR1, SIGHUP, SIGCONT}[i]);
    return guard(&outer);
}
