/* aside: a file that a trial wants to send, as it is now, under a name of its own, so that it can go while the program
 * goes on. */
#ifndef TUNER_AGENT_ASIDE_H
#define TUNER_AGENT_ASIDE_H

#include "tuner/base/arena.h"

/* `dir`: the attempt's folder, without links; `path`: as the trial says it; `number`: another each time. Returns the
 * second name; NULL: it is no regular file with content of the folder. The file's name at the service, part of a URL,
 * goes into `name`. */
char *aside_set(const char *dir, const char *path, long number, char *name, size_t size, struct arena *a);

#endif
