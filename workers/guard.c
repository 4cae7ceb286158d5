/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * nocturne-guard PARENT PROGRAM [ARG…]: runs one program and leaves nothing of it behind.
 *
 * PARENT is the process id of the coordinator: if the guard finds another parent, the coordinator died before the guard
 * could ask the kernel to be told, and nothing is started.
 *
 * The program runs in a process group of its own. When it ends, or when the guard's parent
 * dies (kill -9 included), the whole group is killed, and so is every descendant that left
 * the group: the guard is their reaper. Signals:
 *   SIGTERM, SIGINT   passed on to the group
 *   SIGUSR1           kill the group now
 * The guard ends as the program did: same exit code, or same signal.
 */
#include "workers/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void run_program(char **argv, pid_t guard, const sigset_t *before)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the guard itself be killed */
    if (getppid() != guard) _exit(127);
    sigprocmask(SIG_SETMASK, before, NULL);
    execvp(argv[0], argv);
    fprintf(stderr, "cannot start %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* Descendants that made a session of their own now have the guard as their parent. */
static void kill_leftovers(void)
{
    char path[64], line[4096];
    snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
    for (int round = 0; round < 100; round++) {
        FILE *in = fopen(path, "re");
        if (!in) return;
        char *rest = fgets(line, sizeof line, in);
        fclose(in);
        if (!rest || !*rest) return;
        for (long pid; (pid = strtol(rest, &rest, 10)) > 0;) {
            kill((pid_t)pid, SIGKILL);
            waitpid((pid_t)pid, NULL, 0);
        }
    }
}

static int wait_for(pid_t program, const sigset_t *signals)
{
    for (;;) {
        siginfo_t info;
        int signal = sigwaitinfo(signals, &info), status;
        if (signal == SIGTERM || signal == SIGINT) kill(-program, signal);
        if (signal == SIGUSR1 || signal == SIGHUP) kill(-program, SIGKILL);
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
            if (pid == program) return status;
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
    raise(WTERMSIG(status));
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    return 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    sigset_t signals, before;
    if (argc < 3) {
        fputs("usage: nocturne-guard PARENT PROGRAM [ARG...]\n", stderr);
        return 2;
    }
    sigemptyset(&signals);
    for (size_t i = 0; i < 5; i++) sigaddset(&signals, (int[]){SIGCHLD, SIGTERM, SIGINT, SIGUSR1, SIGHUP}[i]);
    sigprocmask(SIG_BLOCK, &signals, &before);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, SIGHUP);
    if (getppid() != (pid_t)strtol(argv[1], NULL, 10)) return 127;
    pid_t guard = getpid(), program = fork();
    if (program < 0) {
        fprintf(stderr, GUARD_CANNOT_FORK "%s\n", strerror(errno));
        return GUARD_CANNOT_FORK_CODE;
    }
    if (program == 0) run_program(argv + 2, guard, &before);
    setpgid(program, program); /* both sides do it: no race with the first signal */
    int status = wait_for(program, &signals);
    kill(-program, SIGKILL);
    kill_leftovers();
    return end_like(status);
}
