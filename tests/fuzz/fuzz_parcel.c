/* libFuzzer: any bytes as a parcel; what is taken can be kept, and comes back the same when it is sent on. */
#include "tuner/execution/execution.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/nocturne-fuzz-XXXXXX";

static int holding(const uint8_t *data, size_t size)
{
    int fd = memfd_create("parcel", MFD_CLOEXEC);
    if (fd < 0 || (size && write(fd, data, size) != (ssize_t)size)) abort();
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool made;
    struct arena a = {0};
    struct deposit one, two;
    if (!made && !mkdtemp(folder)) abort();
    made = true;
    const char *to = arena_printf(&a, "%s/output", folder), *depot = arena_printf(&a, "%s/depot", folder);
    int fd = holding(data, size), again = holding(NULL, 0);
    if (parcel_read(fd, to, NULL) == STATUS_OK && parcel_write(to, again, NULL) == STATUS_OK &&
        depot_keep(depot, to, &one, NULL) == STATUS_OK) {
        if (parcel_read(again, to, NULL) || depot_keep(depot, to, &two, NULL)) __builtin_trap();
        if (strcmp(one.digest, two.digest) != 0) __builtin_trap();
        depot_remove(depot, one.digest);
    }
    close(fd);
    close(again);
    arena_done(&a);
    return 0;
}
