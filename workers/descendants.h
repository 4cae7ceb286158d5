/* descendants: everything that a process has started, found in /proc, and ended.
 *
 * One round stops all of them before it kills the first, so that nobody has a child meanwhile: passes over /proc, each
 * of which stops those that the one before did not know, until a pass finds nobody new. Children die before their
 * parents. A number is never trusted alone: a process is the one that was seen if it was started at the same time, and
 * before each signal (through a pidfd, where the kernel has them) both it and its parent are looked at again.
 *
 *     struct lineage of = {.root = pid, .born = descendants_born(pid)};
 *     while (descendants_kill(&of) > 0) reap_them();
 *
 * Used by nocturne-guard, which is small and linked statically: nothing of tuner/base here. Any thread.
 */
#ifndef WORKERS_DESCENDANTS_H
#define WORKERS_DESCENDANTS_H

#include <stdint.h>
#include <sys/types.h>

struct lineage {
    pid_t root;       /* it counts as well, unless it is the caller; it may be dead: then all of its session count */
    uint64_t born;    /* when it was started; nobody older counts */
    const char *mark; /* NAME=value: who was started with it counts, whoever is its parent now; NULL: none */
};

uint64_t descendants_born(pid_t pid); /* in ticks since the machine's start; 0: no such process */

/* One round. Returns how many there were that are to die and to be waited for; 0: nobody is left, or only such as we
 * may not kill; −1: /proc cannot be read. */
long descendants_kill(const struct lineage *of);

#endif
