/* guard: how nocturne-guard says that the machine could not start the program, which is not the program's fault. */
#ifndef WORKERS_GUARD_H
#define WORKERS_GUARD_H

#define GUARD_CANNOT_FORK "nocturne-guard: cannot fork: " /* begins its last line on stderr */

enum { GUARD_CANNOT_FORK_CODE = 127 };

#endif
