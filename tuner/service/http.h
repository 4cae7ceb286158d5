/* http: HTTP/1.1 on a libuv loop [RFC 9110, RFC 9112], by libmicrohttpd; what the service sees of it.
 *
 * A request is first begun (its header is there: route it, refuse it, say how much body it may have), then handled (its
 * body is there). It is answered once, at once or later, or streamed; it is gone when the connection is, answered or
 * not. Everything happens on the loop's thread.
 */
#ifndef TUNER_SERVICE_HTTP_H
#define TUNER_SERVICE_HTTP_H

#include "tuner/service/http_request.h"

#include "tuner/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct http;

struct http_hooks {
    void (*begin)(void *data, struct http_request *r); /* may answer already, and then it is not handled */
    void (*handle)(void *data, struct http_request *r);
    void (*gone)(void *data, struct http_request *r); /* `r` ends with this call */
    bool (*is_valid)(void *data, const char *token);  /* asked about tokens of http_request_shows, again and again */
    void (*unwelcome)(void *data, struct http_request *r); /* its token is valid no more, and it has no answer yet */
    void *data;
};

struct http_options {
    const char *address;    /* "127.0.0.1", "::1", "0.0.0.0" */
    uint16_t port;          /* 0: any */
    const char *cert, *key; /* PEM files; NULL: no TLS. Only TLS 1.2 and 1.3 are spoken */
    unsigned connections;   /* at once: see door.h for whose */
    unsigned idle_s;        /* a connection on which nothing moves for so long is closed */
};

enum status http_create(const struct http_options *options, const struct http_hooks *hooks, uv_loop_t *loop,
                        struct http **ret, struct error *err);
uint16_t http_port(const struct http *h);
unsigned http_connections(const struct http *h);
/* Ends every connection. `closed` is called from the loop; the http is gone then. */
void http_close(struct http *h, void (*closed)(void *data), void *data);

/* NULL: there is none */
const char *http_request_header(const struct http_request *r, const char *name);
const char *http_request_query(const struct http_request *r, const char *name);
void http_request_each_query(const struct http_request *r,
                             void (*each)(void *data, const char *name, const char *value), void *data);

/* It has shown a valid token, for which its connection counts from now on. False: the token has too many connections.
 */
bool http_request_shows(struct http_request *r, const char *token);

struct http_header {
    const char *name, *value;
};

/* The body is copied. `type`: NULL: without one. `headers`: ended by a NULL name; may be NULL. */
void http_request_answer(struct http_request *r, unsigned status, const char *type, const char *body, size_t n,
                         const struct http_header *headers);
/* The same, of a body that lasts as long as the program. */
void http_request_answer_lasting(struct http_request *r, unsigned status, const char *type, const char *body, size_t n,
                                 const struct http_header *headers);
/* The file is closed when it is sent. */
void http_request_answer_file(struct http_request *r, const char *type, int fd, uint64_t bytes,
                              const struct http_header *headers);

/* A body without an end. `read` fills up to `max` bytes; 0: nothing now, try after http_request_wake; −1: the end. */
void http_request_stream(struct http_request *r, const char *type, ssize_t (*read)(void *data, char *buf, size_t max),
                         void *data);
void http_request_wake(struct http_request *r);

#endif
