/* host: this machine, since when it is up, and what room it has. */
#ifndef TUNER_BASE_HOST_H
#define TUNER_BASE_HOST_H

#include <stdbool.h>

enum { HOST_TEXT_MAX = 128 };

/* buf: HOST_TEXT_MAX bytes */
const char *host_name(char *buf);

/* Changes with every boot of the machine: what ran under another one was ended by a crash or reboot of the machine.
 * "" if it cannot be known. NOCTURNE_BOOT_ID in the environment replaces it (for containers, and for tests). */
const char *host_boot(char *buf);

/* Bytes that are free where this file lies; 0: unknown. */
double host_disk_free(const char *path);

/* How many processes the kernel has killed for want of memory since the boot; −1 if it does not say. */
long long host_memory_kills(void);
/* Was it the kernel that ended a process by this signal (0: none) for want of memory? `before`: host_memory_kills when
 * it began. */
bool host_killed_for_memory(int signal, long long before);

#endif
