/* client: HTTP requests on a libuv loop, by libcurl's multi interface. */
#ifndef TUNER_REMOTE_CLIENT_H
#define TUNER_REMOTE_CLIENT_H

#include "tuner/base/error.h"

#include <stdbool.h>
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

/* Why there was no answer. */
enum client_failure {
    CLIENT_UNREACHABLE, /* no such host, nobody listens there, no way to it */
    CLIENT_UNTRUSTED,   /* its certificate, or no TLS at all */
    CLIENT_SILENT,      /* for too long */
    CLIENT_CUT,         /* it began, and ended too early */
    CLIENT_REFUSED,     /* by ourselves: too long, or `take` wants no more */
};

struct request_spec {
    const char *method, *path; /* "/api/v1/…" */
    const char *body;          /* JSON; NULL: none */
    int upload;                /* descriptor of a file to send instead; −1: none. Closed by the client */
    int download;              /* descriptor that takes the answer; −1: none. Stays the caller's */
    long timeout_s;            /* of the whole; 0: it may take as long as bytes flow */
    long stall_s;              /* … and no longer without any; 0: a minute */
    /* Takes the answer instead, piece by piece, if the status is 200; false: no more of it. NULL: nobody. */
    bool (*take)(void *data, const char *bytes, size_t n);
    bool packed;                  /* it may come compressed */
    enum client_failure *failure; /* where to say it, before `done`; NULL: nowhere */
    const char *const *header;    /* "Name: value", NULL-terminated; NULL: none besides */
    size_t enough;                /* bytes of the answer, which ends there whatever follows; 0: all of it */
};

/* `done` is called once, from the loop, unless the request is dropped. */
struct inquiry *client_send(struct client *c, const struct request_spec *spec, client_done_fn *done, void *data);
void client_drop(struct inquiry *q);
/* While `done` is called: for how long the answer asks not to come again (Retry-After), in seconds; 0: it does not. */
long client_retry_after_s(const struct client *c);
/* … and by what it may be asked for again (ETag); "": it has none, or a long one. */
const char *client_etag(const struct client *c);

#endif
