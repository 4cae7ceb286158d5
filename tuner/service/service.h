/* service: many studies, users and machines, over HTTP.
 *
 *     struct service *s = NULL;
 *     service_create(&options, loop, &s, &err);
 *     uv_run(loop, UV_RUN_DEFAULT);          until service_close has done its work
 *
 * Studies that were at work when the last process ended are at work again; others are started by requests. All the
 * resources are in openapi.yaml; what may go wrong and who may do harm is in README.md.
 */
#ifndef TUNER_SERVICE_SERVICE_H
#define TUNER_SERVICE_SERVICE_H

#include "tuner/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct service;

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
    void (*say)(void *data, const char *study, const char *text); /* a line for the log; study may be NULL */
    void (*ended)(void *data);                                    /* the service is gone */
    void *data;
};

enum status service_create(const struct service_options *options, uv_loop_t *loop, struct service **ret,
                           struct error *err);
uint16_t service_port(const struct service *s);
/* Leaves all studies: what runs here is ended, agents and clients go on by themselves until a service is back. */
void service_close(struct service *s);

/* The API in OpenAPI 3.1, YAML; `n` bytes. */
const char *service_openapi(size_t *ret_n);

#endif
