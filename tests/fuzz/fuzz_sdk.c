/* libFuzzer: any bytes as what Nocturne says to a trial program with the C SDK. */
#include "workers/sdk/c/nocturne.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void set(void *data, double value)
{
    *(double *)data = value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2];
    char fd[16];
    double rate = 0;
    struct nocturne_stopping stopping = {.patience = 3};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 0;
    fcntl(pair[1], F_SETFL, O_NONBLOCK);
    snprintf(fd, sizeof fd, "%d", pair[0]);
    setenv("NOCTURNE_FD", fd, 1);
    struct nocturne *n = nocturne_open(0, NULL);
    nocturne_on_set(n, "rate", set, &rate);
    nocturne_early_stopping(n, &stopping, "em");
    for (size_t at = 0; at < size;) {
        ssize_t k = send(pair[1], data + at, size - at < 4096 ? size - at : 4096, 0);
        if (k > 0) at += (size_t)k;
        nocturne_should_stop(n);
        for (char drop[4096]; recv(pair[1], drop, sizeof drop, MSG_DONTWAIT) > 0;) {
        } /* its logs */
    }
    nocturne_should_stop(n);
    nocturne_close(n);
    close(pair[0]);
    close(pair[1]);
    return 0;
}
