/* request: what the service sees of one. */
#ifndef TUNER_SERVICE_REQUEST_H
#define TUNER_SERVICE_REQUEST_H

#include <stddef.h>

struct exchange;

struct request {
    const char *method, *path; /* decoded, without the query */
    char peer[64];             /* address, without the port: peer_name */
    size_t body_max;           /* set by begin; 0: no body */
    int spool;                 /* set by begin: the body goes into this file; −1: into memory. Closed by http */
    char *body;                /* NUL-terminated */
    size_t n;                  /* its bytes, spooled or not */
    void *owner;               /* the handler's */
    struct exchange *exchange; /* http's */
};

#endif
