/* client: HTTP requests on a libuv loop, by libcurl's multi interface. */
#ifndef TUNER_AGENT_CLIENT_H
#define TUNER_AGENT_CLIENT_H

#include "tuner/base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct client;
struct inquiry;

struct client_options {
    const char *url;   /* "https://host:8470" */
    const char *token; /* NULL: none */
    const char *ca;    /* PEM file of certificates to trust; NULL: the system's */
};

enum status client_create(const struct client_options *options, uv_loop_t *loop, struct client **ret,
                          struct error *err);
/* Drops what is on its way. `closed` is called from the loop; the client is gone then. */
void client_close(struct client *c, void (*closed)(void *data), void *data);

/* `status`: of HTTP; 0: there was no answer, and `body` says why. `body` is NUL-terminated; for a download it is in the
 * file, and here only if the status is not 200. */
typedef void client_done_fn(void *data, long status, const char *body, size_t n);

struct request_spec {
    const char *method, *path; /* "/api/v1/…" */
    const char *body;          /* JSON; NULL: none */
    int upload;                /* descriptor of a file to send instead; −1: none. Closed by the client */
    int download;              /* descriptor that takes the answer; −1: none. Stays the caller's */
    long timeout_s;            /* of the whole; 0: it may take as long as bytes flow */
};

/* `done` is called once, from the loop, unless the request is dropped. */
struct inquiry *client_send(struct client *c, const struct request_spec *spec, client_done_fn *done, void *data);
void client_drop(struct inquiry *q);

#endif
