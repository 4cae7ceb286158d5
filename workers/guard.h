/* guard: what nocturne-guard and whoever starts it have agreed on. */
#ifndef WORKERS_GUARD_H
#define WORKERS_GUARD_H

/* The machine could not start the program, which is not the program's fault: begins its last line on stderr. */
#define GUARD_CANNOT_FORK "nocturne-guard: cannot fork: "

/* There is no such program, or it is none: the same. What is wrong stands behind the last ": ". */
#define GUARD_CANNOT_START "cannot start "

/* The variable that names an execution; all that is started below it inherits it. It names the cgroup as well. */
#define GUARD_JOB "NOCTURNE_JOB"

/* A descriptor above the trial's own, where there is one: the guards keep it open as long as they live, and the program
 * does not get it. */
enum { GUARD_CANNOT_FORK_CODE = 127, GUARD_CANNOT_START_CODE = 127, GUARD_LOCK_FD = 4 };

#endif
