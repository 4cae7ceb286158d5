#include "tuner/base/host.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

const char *host_name(char *buf)
{
    if (gethostname(buf, HOST_TEXT_MAX - 1) != 0) *buf = 0;
    buf[HOST_TEXT_MAX - 1] = 0;
    return buf;
}

const char *host_boot(char *buf)
{
    const char *given = getenv("NOCTURNE_BOOT_ID");
    FILE *in = given ? NULL : fopen("/proc/sys/kernel/random/boot_id", "re");
    *buf = 0;
    if (given) snprintf(buf, HOST_TEXT_MAX, "%s", given);
    if (in && !fgets(buf, HOST_TEXT_MAX, in)) *buf = 0;
    if (in) fclose(in);
    buf[strcspn(buf, "\n")] = 0;
    return buf;
}

double host_disk_free(const char *path)
{
    struct statvfs fs;
    char dir[4096] = ".";
    const char *slash = strrchr(path, '/');
    if (slash) snprintf(dir, sizeof dir, "%.*s", slash > path ? (int)(slash - path) : 1, path);
    return statvfs(dir, &fs) == 0 ? (double)fs.f_bavail * (double)fs.f_frsize : 0;
}

long long host_memory_kills(void)
{
    char line[128];
    long long n = -1;
    FILE *in = fopen("/proc/vmstat", "re");
    while (in && fgets(line, sizeof line, in))
        if (sscanf(line, "oom_kill %lld", &n) == 1) break;
    if (in) fclose(in);
    return n;
}

/* Only the kernel and people send SIGKILL; the kernel keeps count of its own. */
bool host_killed_for_memory(int signal, long long before)
{
    return signal == SIGKILL && before >= 0 && host_memory_kills() > before;
}
