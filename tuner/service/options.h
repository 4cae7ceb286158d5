/* options: what a service is given when it is created. */
#ifndef TUNER_SERVICE_OPTIONS_H
#define TUNER_SERVICE_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

struct active;      /* of tuner/coordinator */
struct notify_file; /* of tuner/notify */

struct service_options {
    const char *db;
    const char *address;
    uint16_t port;
    const char *cert, *key; /* TLS; NULL: none */
    const char *url;        /* where agents of Slurm find the service; NULL: as it listens */
    size_t slots;           /* trials of all studies on this machine; 0: none */
    int64_t silence_ms;     /* an agent that is silent for so long has lost its leases */
    double rate;            /* requests a second from one address */
    long tries;             /* without a valid token, from one address, in a minute */
    unsigned connections;
    struct active *guest; /* the one study it has, which the caller runs on the same loop: it is shown, and asked what
                           * requests want; NULL: all studies are the service's */
    const struct notify_file *notify;                             /* who is told what; NULL: nobody */
    void (*say)(void *data, const char *study, const char *text); /* a line for the log; study may be NULL */
    void (*ended)(void *data);                                    /* the service is gone */
    void *data;
};

#endif
