/* cgroup: a cgroup (v2) of a job's own, where the system lets us have one: as root, or below a delegated one. What is
 * in it dies at once and whole, whatever it calls itself and whoever its parent is. Where there is none, every function
 * here quietly does nothing more than fork; no program fails because of it. A program of the same user could move
 * itself out: whoever kills looks for descendants as well.
 *
 * Used by nocturne-guard: nothing of tuner/base here. */
#ifndef WORKERS_CGROUP_H
#define WORKERS_CGROUP_H

#include <sys/types.h>

/* fork, the child in a new cgroup of this name below ours. name NULL: fork. The child has no copy of libc's thread id:
 * no raise there. */
pid_t cgroup_fork(const char *name);
void cgroup_kill(const char *name);
void cgroup_remove(const char *name); /* those that were made in it as well; only empty ones */
void cgroup_sweep(void);              /* empty ones that killed guards have left */

#endif
