/* http_request: what the service sees of a request as HTTP brings it. */
#ifndef TUNER_SERVICE_HTTP_REQUEST_H
#define TUNER_SERVICE_HTTP_REQUEST_H

#include <stddef.h>

struct connection;

struct http_request {
    const char *method, *path;     /* decoded, without the query */
    char peer[64];                 /* address, without the port: peer_name */
    size_t body_max;               /* set by begin; 0: no body */
    int spool;                     /* set by begin: the body goes into this file; −1: into memory. Closed by http */
    char *body;                    /* NUL-terminated */
    size_t n;                      /* its bytes, spooled or not */
    void *owner;                   /* the handler's */
    struct connection *connection; /* http's */
};

#endif
