#include "tuner/service/http.h"

#include "tuner/base/arena.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MEMORY_PER_CONNECTION = 32 << 10, /* the header must fit */
    PULSE_MS = 1000,
    STREAM_BLOCK = 4096,
    PEM_MAX = 1 << 20,
};

struct http {
    struct MHD_Daemon *daemon;
    uv_loop_t *loop;
    struct http_hooks hooks;
    uv_poll_t poll;
    uv_timer_t timer;
    uv_async_t wake;
    int open_handles;
    char *cert, *key;
    uint16_t port;
    struct exchange *exchange; /* all of them */
    void (*closed)(void *data);
    void *closed_data;
    bool closing;
};

/* A request as libmicrohttpd knows it. */
struct exchange {
    struct exchange *next, *prev;
    struct http *http;
    struct MHD_Connection *connection;
    struct request request;
    size_t room;
    bool handled, answered, sent, suspended, too_large;
    unsigned status;
    struct MHD_Response *response;
    ssize_t (*read)(void *data, char *buf, size_t max);
    void *read_data;
};

/* ---- the loop ---- */

static void on_timer(uv_timer_t *timer);

static void arm(struct http *h)
{
    MHD_UNSIGNED_LONG_LONG ms = PULSE_MS;
    if (MHD_get_timeout(h->daemon, &ms) != MHD_YES || ms > PULSE_MS) ms = PULSE_MS;
    uv_timer_stop(&h->timer);
    uv_timer_start(&h->timer, on_timer, ms, 0);
}

static void run(struct http *h)
{
    if (h->closing) return;
    MHD_run(h->daemon);
    arm(h);
}

static void on_timer(uv_timer_t *timer)
{
    run(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run(poll->data);
}

static void on_wake(uv_async_t *wake)
{
    run(wake->data);
}

static void resume(struct exchange *x)
{
    if (!x->suspended) return;
    x->suspended = false;
    MHD_resume_connection(x->connection);
    uv_async_send(&x->http->wake);
}

static void suspend(struct exchange *x)
{
    x->suspended = true;
    MHD_suspend_connection(x->connection);
}

/* ---- reading ---- */

const char *request_header(const struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->exchange->connection, MHD_HEADER_KIND, name);
}

const char *request_query(const struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->exchange->connection, MHD_GET_ARGUMENT_KIND, name);
}

struct framing {
    int lengths, encodings;
};

static enum MHD_Result count_framing(void *data, enum MHD_ValueKind kind, const char *key, const char *value)
{
    struct framing *f = data;
    (void)kind;
    (void)value;
    f->lengths += strcasecmp(key, "Content-Length") == 0;
    f->encodings += strcasecmp(key, "Transfer-Encoding") == 0;
    return MHD_YES;
}

/* libmicrohttpd accepts two lengths, or a length beside an encoding: where one request ends would be open to
 * interpretation [RFC 9112, 6.3]. */
static bool is_framed(struct MHD_Connection *connection)
{
    struct framing f = {0, 0};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, count_framing, &f);
    return f.lengths + f.encodings <= 1;
}

static void take_peer(struct exchange *x)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!info || getnameinfo(info->client_addr, sizeof(struct sockaddr_storage), x->request.peer,
                             sizeof x->request.peer, NULL, 0, NI_NUMERICHOST) != 0)
        snprintf(x->request.peer, sizeof x->request.peer, "unknown");
}

static struct exchange *begin(struct http *h, struct MHD_Connection *connection, const char *path, const char *method)
{
    struct exchange *x = must_alloc(1, sizeof *x);
    x->http = h;
    x->connection = connection;
    x->next = h->exchange;
    if (x->next) x->next->prev = x;
    h->exchange = x;
    x->request = (struct request){.method = must_strdup(method), .path = must_strdup(path), .spool = -1, .exchange = x};
    take_peer(x);
    return x;
}

static void announce_length(struct exchange *x)
{
    const char *text = request_header(&x->request, "Content-Length");
    if (text && strtoull(text, NULL, 10) > x->request.body_max) x->too_large = true;
}

/* Of a request whose body nobody wants the connection is closed with the answer; others can go on. */
static bool has_body(const struct exchange *x)
{
    const char *length = request_header(&x->request, "Content-Length");
    return (length && strcmp(length, "0") != 0) || request_header(&x->request, "Transfer-Encoding");
}

static bool take_bytes(struct exchange *x, const char *bytes, size_t n)
{
    struct request *r = &x->request;
    if (r->n + n > r->body_max) {
        x->too_large = true;
        return r->n + n <= 2 * r->body_max + 65536; /* a little more is heard out, so that an answer can be given */
    }
    if (r->spool >= 0) {
        if (write(r->spool, bytes, n) != (ssize_t)n) return false;
    } else {
        if (r->n + n + 1 > x->room) {
            x->room = 2 * (r->n + n) + 1024;
            r->body = must_grow(r->body, x->room, 1);
        }
        memcpy(r->body + r->n, bytes, n);
        r->body[r->n + n] = 0;
    }
    r->n += n;
    return true;
}

static enum MHD_Result send_answer(struct exchange *x)
{
    enum MHD_Result ok = MHD_queue_response(x->connection, x->status, x->response);
    x->sent = true;
    MHD_destroy_response(x->response);
    x->response = NULL;
    return ok;
}

static void refuse_size(struct exchange *x)
{
    static const char text[] =
        "{\"type\":\"about:blank\",\"title\":\"Content Too Large\",\"status\":413,\"detail\":\"the "
        "body is larger than this resource takes\"}";
    if (!x->answered) request_answer(&x->request, 413, "application/problem+json", text, sizeof text - 1, NULL);
}

static void refuse_framing(struct exchange *x)
{
    static const char text[] =
        "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\"detail\":\"more than "
        "one Content-Length or Transfer-Encoding\"}";
    static const struct http_header close[] = {{"Connection", "close"}, {NULL, NULL}};
    request_answer(&x->request, 400, "application/problem+json", text, sizeof text - 1, close);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_n, void **state)
{
    struct http *h = data;
    struct exchange *x = *state;
    (void)version;
    if (!x) {
        x = *state = begin(h, connection, url, method);
        if (!is_framed(connection))
            refuse_framing(x);
        else
            h->hooks.begin(h->hooks.data, &x->request);
        if (!x->answered) announce_length(x);
        if (x->too_large) refuse_size(x);
        return x->answered && has_body(x) ? send_answer(x) : MHD_YES;
    }
    if (x->sent) { /* what still comes of a body that nobody wants */
        *upload_n = 0;
        return MHD_YES;
    }
    if (*upload_n) {
        bool ok = take_bytes(x, upload, *upload_n);
        *upload_n = 0;
        return ok ? MHD_YES : MHD_NO;
    }
    if (x->too_large) refuse_size(x);
    if (!x->answered && !x->handled) {
        x->handled = true;
        if (!x->request.body && x->request.spool < 0) x->request.body = must_strdup("");
        h->hooks.handle(h->hooks.data, &x->request);
    }
    if (x->answered) return send_answer(x);
    suspend(x);
    return MHD_YES;
}

static void on_completed(void *data, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct http *h = data;
    struct exchange *x = *state;
    (void)connection;
    (void)code;
    if (!x) return;
    *state = NULL;
    h->hooks.gone(h->hooks.data, &x->request);
    if (x->prev)
        x->prev->next = x->next;
    else
        h->exchange = x->next;
    if (x->next) x->next->prev = x->prev;
    if (x->response) MHD_destroy_response(x->response);
    if (x->request.spool >= 0) close(x->request.spool);
    free((char *)x->request.method);
    free((char *)x->request.path);
    free(x->request.body);
    free(x);
}

/* ---- answering ---- */

static void answer_with(struct exchange *x, unsigned status, struct MHD_Response *response, const char *type)
{
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    x->status = status;
    x->response = response;
    x->answered = true;
    resume(x);
}

void request_answer(struct request *r, unsigned status, const char *type, const char *body, size_t n,
                    const struct http_header *headers)
{
    struct exchange *x = r->exchange;
    if (x->answered) return;
    struct MHD_Response *response = MHD_create_response_from_buffer(n, (void *)body, MHD_RESPMEM_MUST_COPY);
    for (; headers && headers->name; headers++) MHD_add_response_header(response, headers->name, headers->value);
    answer_with(x, status, response, type);
}

void request_answer_file(struct request *r, const char *type, int fd, uint64_t bytes)
{
    answer_with(r->exchange, 200, MHD_create_response_from_fd64(bytes, fd), type);
}

static ssize_t on_read(void *data, uint64_t at, char *buf, size_t max)
{
    struct exchange *x = data;
    (void)at;
    ssize_t n = x->read(x->read_data, buf, max);
    if (n < 0) return MHD_CONTENT_READER_END_OF_STREAM;
    if (n == 0 && !x->suspended) suspend(x);
    return n;
}

void request_stream(struct request *r, const char *type, ssize_t (*read)(void *data, char *buf, size_t max), void *data)
{
    struct exchange *x = r->exchange;
    x->read = read;
    x->read_data = data;
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_read, x, NULL);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close"); /* its end is the connection's */
    answer_with(x, 200, response, type);
}

void request_wake(struct request *r)
{
    if (r->exchange->read) resume(r->exchange);
}

/* ---- life ---- */

static enum status read_pem(const char *path, char **ret, struct error *err)
{
    FILE *in = fopen(path, "re");
    if (!in) return error_set(err, STATUS_NOT_FOUND, "%s: cannot read it: %s", path, strerror(errno));
    char *text = must_alloc(PEM_MAX, 1);
    size_t n = fread(text, 1, PEM_MAX - 1, in);
    fclose(in);
    text[n] = 0;
    if (strstr(text, "-----BEGIN ")) return *ret = text, STATUS_OK;
    free(text);
    return error_set(err, STATUS_INVALID, "%s: not a PEM file ('-----BEGIN …')", path);
}

static enum status resolve(const struct http_options *o, struct sockaddr_storage *ret, struct error *err)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM},
                    *found;
    char port[8];
    snprintf(port, sizeof port, "%u", o->port);
    int code = getaddrinfo(o->address, port, &hints, &found);
    if (code != 0)
        return error_set(err, STATUS_INVALID, "'%s' is not an address to listen on, such as 127.0.0.1 or ::1: %s",
                         o->address, gai_strerror(code));
    memcpy(ret, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return STATUS_OK;
}

static void on_mhd_log(void *data, const char *fmt, va_list ap)
{
    (void)data; /* what clients do wrong is not news */
    (void)fmt;
    (void)ap;
}

/* Our own socket, so that the error says why. */
static enum status listen_on(const struct http_options *o, int *ret, uint16_t *ret_port, bool *ret_v6,
                             struct error *err)
{
    struct sockaddr_storage address;
    enum status s = resolve(o, &address, err);
    if (s) return s;
    int family = address.ss_family, one = 1, fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t n = family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, n) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &n) != 0) {
        int code = errno;
        if (fd >= 0) close(fd);
        return error_set(err, STATUS_FAILED, "cannot listen on %s port %u: %s%s", o->address, o->port, strerror(code),
                         code == EADDRINUSE ? "; another server is there, choose another --listen" : "");
    }
    *ret = fd;
    *ret_v6 = family == AF_INET6;
    *ret_port = ntohs(family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                         : ((struct sockaddr_in *)&address)->sin_port);
    return STATUS_OK;
}

static void http_free(struct http *h)
{
    free(h->cert);
    free(h->key);
    free(h);
}

static enum status start(struct http *h, const struct http_options *o, struct error *err)
{
    int fd = -1;
    bool v6 = false;
    enum status s = o->cert ? read_pem(o->cert, &h->cert, err) : STATUS_OK;
    if (!s && o->cert) s = read_pem(o->key, &h->key, err);
    if (!s) s = listen_on(o, &fd, &h->port, &v6, err);
    if (s) return s;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (v6 ? MHD_USE_IPv6 : 0u) |
                     (o->cert ? MHD_USE_TLS : 0u);
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, h->cert},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, h->key},
                                   {MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
                                   {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    h->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, o->connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_PER_CONNECTION,
        MHD_OPTION_CONNECTION_TIMEOUT, o->idle_s, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, h, MHD_OPTION_ARRAY, o->cert ? tls : none, MHD_OPTION_END);
    if (h->daemon) return STATUS_OK;
    close(fd);
    return error_set(err, STATUS_FAILED, "the HTTP server cannot start%s%s",
                     o->cert ? ": is the key of --tls-key the one of the certificate " : "", o->cert ? o->cert : "");
}

enum status http_create(const struct http_options *options, const struct http_hooks *hooks, uv_loop_t *loop,
                        struct http **ret, struct error *err)
{
    struct http *h = must_alloc(1, sizeof *h);
    h->hooks = *hooks;
    h->loop = loop;
    enum status s = start(h, options, err);
    if (s) {
        http_free(h);
        return s;
    }
    uv_poll_init(loop, &h->poll, MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
    uv_timer_init(loop, &h->timer);
    uv_async_init(loop, &h->wake, on_wake);
    h->open_handles = 3;
    h->poll.data = h->timer.data = h->wake.data = h;
    uv_poll_start(&h->poll, UV_READABLE, on_poll);
    arm(h);
    *ret = h;
    return STATUS_OK;
}

uint16_t http_port(const struct http *h)
{
    return h->port;
}

unsigned http_connections(const struct http *h)
{
    return MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

static void on_closed(uv_handle_t *handle)
{
    struct http *h = handle->data;
    if (--h->open_handles > 0) return;
    void (*closed)(void *) = h->closed;
    void *data = h->closed_data;
    http_free(h);
    closed(data);
}

void http_close(struct http *h, void (*closed)(void *data), void *data)
{
    h->closed = closed;
    h->closed_data = data;
    h->closing = true;
    for (struct exchange *x = h->exchange; x; x = x->next)
        if (x->suspended) { /* libmicrohttpd must not have any when it stops */
            x->suspended = false;
            MHD_resume_connection(x->connection);
        }
    uv_poll_stop(&h->poll);
    MHD_stop_daemon(h->daemon);
    uv_close((uv_handle_t *)&h->poll, on_closed);
    uv_close((uv_handle_t *)&h->timer, on_closed);
    uv_close((uv_handle_t *)&h->wake, on_closed);
}
