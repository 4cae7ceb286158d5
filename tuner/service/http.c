#include "tuner/service/http.h"

#include "tuner/service/body.h"
#include "tuner/service/door.h"
#include "tuner/service/framing.h"
#include "tuner/service/pem.h"

#include "tuner/base/arena.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MEMORY_PER_CONNECTION = 32 << 10, /* the header must fit */
    PULSE_MS = 1000,
    STREAM_BLOCK = 4096,
    NO_LIMIT = 1 << 30, /* the door knows how many may come in */
    /* MHD_USE_NO_THREAD_SAFETY, unknown to 0.9.75: without it 1.0 takes a socket when `entering` is no more. */
    ONE_THREAD = 1 << 19,
};

struct http {
    struct MHD_Daemon *daemon;
    struct door *door;
    struct visitor *entering; /* while libmicrohttpd takes its socket */
    uv_loop_t *loop;
    struct http_hooks hooks;
    uv_poll_t poll;
    uv_timer_t timer;
    uv_async_t wake;
    int open_handles;
    char *cert, *key;
    struct connection *connections; /* all of them */
    void (*closed)(void *data);
    void *closed_data;
    bool closing;
};

/*   LINE ──header──▶ BEGUN ──body──▶ HANDLED ──no answer yet──▶ WAITING ──the service ends──▶ LEFT
 *                      │                │                          │                           ▲
 *                      └──────answer────┴───────────answer─────────┴──▶ ANSWERED               │
 *                                                                          │ is sent           │
 *                                                                          ▼                   │
 *             a stream has nothing to say, until it is woken: DRY ◀────▶ SENDING               │
 *                                                              └─────────the service ends──────┘
 *
 * In WAITING and DRY the connection is suspended; libmicrohttpd must not have any such when it stops.
 */
enum stage {
    STAGE_LINE,
    STAGE_BEGUN,
    STAGE_HANDLED,
    STAGE_WAITING,
    STAGE_ANSWERED,
    STAGE_SENDING,
    STAGE_DRY,
    STAGE_LEFT
};

/* A request as libmicrohttpd knows it, from its first line on. */
struct connection {
    struct connection *next, *prev;
    struct http *http;
    struct MHD_Connection *connection;
    struct visitor *visitor;
    struct http_request request;
    size_t target_n; /* bytes of the request's target as it came */
    bool malformed;  /* its target */
    enum stage stage;
    struct body body;
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

/* ---- the stages ---- */

static bool may_move(const struct connection *x, enum stage to)
{
    static const unsigned legal[] = {
        [STAGE_LINE] = 1u << STAGE_BEGUN,
        [STAGE_BEGUN] = 1u << STAGE_HANDLED | 1u << STAGE_ANSWERED,
        [STAGE_HANDLED] = 1u << STAGE_WAITING | 1u << STAGE_ANSWERED,
        [STAGE_WAITING] = 1u << STAGE_ANSWERED | 1u << STAGE_LEFT,
        [STAGE_ANSWERED] = 1u << STAGE_SENDING,
        [STAGE_SENDING] = 1u << STAGE_DRY,
        [STAGE_DRY] = 1u << STAGE_SENDING | 1u << STAGE_LEFT,
        [STAGE_LEFT] = 0,
    };
    return legal[x->stage] & 1u << to;
}

static bool is_suspended(enum stage stage)
{
    return stage == STAGE_WAITING || stage == STAGE_DRY;
}

/* What is not legal is not done: an answer to who has one, a wake of who is awake. */
static void move(struct connection *x, enum stage to)
{
    enum stage from = x->stage;
    if (!may_move(x, to)) return;
    x->stage = to;
    if (is_suspended(to)) MHD_suspend_connection(x->connection);
    if (!is_suspended(from)) return;
    MHD_resume_connection(x->connection);
    if (to != STAGE_LEFT) uv_async_send(&x->http->wake);
}

/* ---- reading ---- */

const char *http_request_header(const struct http_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection->connection, MHD_HEADER_KIND, name);
}

const char *http_request_query(const struct http_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection->connection, MHD_GET_ARGUMENT_KIND, name);
}

struct queries {
    void (*each)(void *data, const char *name, const char *value);
    void *data;
};

static enum MHD_Result on_query(void *data, enum MHD_ValueKind kind, const char *key, const char *value)
{
    const struct queries *q = data;
    (void)kind;
    if (value) q->each(q->data, key, value);
    return MHD_YES;
}

void http_request_each_query(const struct http_request *r,
                             void (*each)(void *data, const char *name, const char *value), void *data)
{
    struct queries q = {each, data};
    MHD_get_connection_values(r->connection->connection, MHD_GET_ARGUMENT_KIND, on_query, &q);
}

bool http_request_shows(struct http_request *r, const char *token)
{
    return visitor_shows(r->connection->visitor, token);
}

/* ---- a request's beginning ---- */

static struct visitor *visitor_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* Its first line is here. NULL: no memory; it will be refused. */
static void *on_target(void *data, const char *target, struct MHD_Connection *connection)
{
    struct http *h = data;
    struct connection *x = calloc(1, sizeof *x);
    if (!x) return NULL;
    x->http = h;
    x->connection = connection;
    x->visitor = visitor_of(connection);
    x->target_n = target ? strlen(target) : 0;
    x->next = h->connections;
    if (x->next) x->next->prev = x;
    h->connections = x;
    x->request.spool = -1;
    x->request.connection = x;
    x->body = (struct body){.request = &x->request, .visitor = x->visitor};
    snprintf(x->request.peer, sizeof x->request.peer, "%s", visitor_peer(x->visitor));
    visitor_own(x->visitor, x);
    return x;
}

static size_t on_unescape(void *data, struct MHD_Connection *connection, char *text)
{
    struct connection *x = visitor_owner(visitor_of(connection));
    bool ok = framing_unescape(text);
    (void)data;
    if (x && !ok) x->malformed = true;
    return strlen(text);
}

/* The parts of the first line lie in one buffer, one byte apart; a 0 byte in the target has cut it. */
static bool is_cut(const struct connection *x, const char *target, const char *version)
{
    uintptr_t gap = (uintptr_t)version - (uintptr_t)target;
    return gap < MEMORY_PER_CONNECTION && gap > x->target_n + 1;
}

/* Of a request whose body nobody wants the connection is closed with the answer; others can go on. */
static bool has_body(const struct connection *x)
{
    const char *length = http_request_header(&x->request, "Content-Length");
    return (length && strcmp(length, "0") != 0) || http_request_header(&x->request, "Transfer-Encoding");
}

static enum MHD_Result send_answer(struct connection *x)
{
    move(x, STAGE_SENDING);
    enum MHD_Result ok = MHD_queue_response(x->connection, x->status, x->response);
    MHD_destroy_response(x->response);
    x->response = NULL;
    return ok;
}

/* Before the service has seen it. */
static void refuse(struct connection *x, unsigned status, const char *title, const char *detail)
{
    static const struct http_header close[] = {{"Connection", "close"}, {NULL, NULL}},
                                    later[] = {{"Connection", "close"}, {"Retry-After", "5"}, {NULL, NULL}};
    char text[400];
    int n = snprintf(text, sizeof text, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"detail\":\"%s\"}",
                     title, status, detail);
    http_request_answer(&x->request, status, "application/problem+json", text, (size_t)n,
                        status == 503 ? later : close);
}

static void refuse_body(struct connection *x)
{
    if (x->body.refused == 503)
        refuse(x, 503, "Service Unavailable", "too many bodies are on their way; try again");
    else if (x->body.refused == 507)
        refuse(x, 507, "Insufficient Storage", "the disk is full, or takes no file of this size");
    else
        refuse(x, 413, "Content Too Large", "the body is larger than this resource takes");
}

static enum MHD_Result begin(struct connection *x, const char *target, const char *method, const char *version)
{
    struct http *h = x->http;
    unsigned status;
    move(x, STAGE_BEGUN);
    visitor_sends(x->visitor, 0);
    x->request.method = strdup(method);
    x->request.path = strdup(target);
    if (!x->request.method || !x->request.path) return MHD_NO;
    if (is_cut(x, target, version)) x->malformed = true;
    const char *fault = framing_fault(x->connection, version, x->malformed, &status);
    if (fault)
        refuse(x, status, status == 501 ? "Not Implemented" : "Bad Request", fault);
    else
        h->hooks.begin(h->hooks.data, &x->request);
    if (x->stage == STAGE_BEGUN) body_begin(&x->body, http_request_header(&x->request, "Content-Length"));
    if (x->body.refused) refuse_body(x);
    return x->stage == STAGE_ANSWERED && has_body(x) ? send_answer(x) : MHD_YES;
}

static void handle(struct connection *x)
{
    struct http *h = x->http;
    if (x->body.refused) refuse_body(x);
    if (x->stage != STAGE_BEGUN) return;
    move(x, STAGE_HANDLED);
    if (!x->request.body && x->request.spool < 0) x->request.body = must_strdup("");
    h->hooks.handle(h->hooks.data, &x->request);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_n, void **state)
{
    struct connection *x = *state;
    (void)data;
    (void)connection;
    if (!x) return MHD_NO;
    if (x->stage == STAGE_LINE) return begin(x, url, method, version);
    if (x->stage == STAGE_SENDING) { /* what still comes of a body that nobody wants */
        *upload_n = 0;
        return MHD_YES;
    }
    if (*upload_n) {
        bool ok = body_take(&x->body, upload, *upload_n);
        *upload_n = 0;
        return ok ? MHD_YES : MHD_NO;
    }
    visitor_waits(x->visitor);
    handle(x);
    if (x->stage == STAGE_ANSWERED) return send_answer(x);
    move(x, STAGE_WAITING);
    return MHD_YES;
}

static void connection_free(struct connection *x)
{
    struct http *h = x->http;
    *(x->prev ? &x->prev->next : &h->connections) = x->next;
    if (x->next) x->next->prev = x->prev;
    if (x->response) MHD_destroy_response(x->response);
    body_forget(&x->body);
    visitor_own(x->visitor, NULL);
    free((char *)x->request.method);
    free((char *)x->request.path);
    free(x);
}

static void on_completed(void *data, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct http *h = data;
    struct connection *x = *state;
    (void)connection;
    (void)code;
    if (!x) return;
    *state = NULL;
    if (x->stage != STAGE_LINE) h->hooks.gone(h->hooks.data, &x->request);
    visitor_asks(x->visitor);
    connection_free(x);
}

/* ---- answering ---- */

/* Without a response, for lack of memory, the connection ends. */
static void answer_with(struct connection *x, unsigned status, struct MHD_Response *response, const char *type)
{
    if (response) {
        if (type) MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
        if (!MHD_get_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL))
            MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
        MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    }
    x->status = status;
    x->response = response;
    move(x, STAGE_ANSWERED);
}

static void add_headers(struct MHD_Response *response, const struct http_header *headers)
{
    for (; response && headers && headers->name; headers++)
        MHD_add_response_header(response, headers->name, headers->value);
}

static void answer(struct http_request *r, unsigned status, const char *type, struct MHD_Response *response,
                   const struct http_header *headers)
{
    if (may_move(r->connection, STAGE_ANSWERED)) {
        add_headers(response, headers);
        answer_with(r->connection, status, response, type);
    } else if (response) {
        MHD_destroy_response(response);
    }
}

void http_request_answer(struct http_request *r, unsigned status, const char *type, const char *body, size_t n,
                         const struct http_header *headers)
{
    answer(r, status, type, MHD_create_response_from_buffer(n, (void *)body, MHD_RESPMEM_MUST_COPY), headers);
}

void http_request_answer_lasting(struct http_request *r, unsigned status, const char *type, const char *body, size_t n,
                                 const struct http_header *headers)
{
    answer(r, status, type, MHD_create_response_from_buffer(n, (void *)body, MHD_RESPMEM_PERSISTENT), headers);
}

void http_request_answer_file(struct http_request *r, const char *type, int fd, uint64_t bytes,
                              const struct http_header *headers)
{
    answer(r, 200, type, MHD_create_response_from_fd64(bytes, fd), headers);
}

/* Of a stream that is to end. */
static ssize_t read_end(void *data, char *buf, size_t max)
{
    (void)data;
    (void)buf;
    (void)max;
    return -1;
}

static ssize_t on_read(void *data, uint64_t at, char *buf, size_t max)
{
    struct connection *x = data;
    (void)at;
    ssize_t n = x->read(x->read_data, buf, max);
    if (n < 0) return MHD_CONTENT_READER_END_OF_STREAM;
    if (n == 0) move(x, STAGE_DRY);
    return n;
}

void http_request_stream(struct http_request *r, const char *type, ssize_t (*read)(void *data, char *buf, size_t max),
                         void *data)
{
    struct connection *x = r->connection;
    if (!may_move(x, STAGE_ANSWERED)) return;
    x->read = read;
    x->read_data = data;
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_read, x, NULL);
    if (response)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close"); /* its end is the connection's */
    answer_with(x, 200, response, type);
}

void http_request_wake(struct http_request *r)
{
    if (r->connection->stage == STAGE_DRY) move(r->connection, STAGE_SENDING);
}

/* ---- the door ---- */

static void on_connection(void *data, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http *h = data;
    (void)connection;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = h->entering;
        h->entering = NULL;
    } else if (*socket_context) {
        struct connection *x = visitor_owner(*socket_context);
        if (x) connection_free(x); /* a request with a first line, and no whole header: it never began */
        visitor_leaves(*socket_context);
        *socket_context = NULL;
    }
}

static void on_enter(void *data, struct visitor *v, int fd, const struct sockaddr *address, socklen_t n)
{
    struct http *h = data;
    h->entering = v;
    MHD_add_connection(h->daemon, fd, address, n); /* closes it if it fails */
    if (h->entering) visitor_leaves(v);
    h->entering = NULL;
}

static void on_entered(void *data)
{
    run(data);
}

static bool on_is_valid(void *data, const char *token)
{
    struct http *h = data;
    return h->hooks.is_valid(h->hooks.data, token);
}

/* A stream comes to its end, who waits for an answer is told; for whoever does not listen, and all others, the
 * connection ends. */
static void on_expel(void *data, struct visitor *v)
{
    struct http *h = data;
    struct connection *x = visitor_owner(v);
    if (x && x->read && x->read != read_end) {
        x->read = read_end;
        http_request_wake(&x->request);
    } else if (x && x->stage == STAGE_WAITING)
        h->hooks.unwelcome(h->hooks.data, &x->request);
    else
        visitor_expel(v);
}

/* ---- life ---- */

static void on_mhd_log(void *data, const char *fmt, va_list ap)
{
    (void)data; /* what clients do wrong is not news */
    (void)fmt;
    (void)ap;
}

static void http_free(struct http *h)
{
    free(h->cert);
    free(h->key);
    free(h);
}

static enum status read_pems(struct http *h, const struct http_options *o, struct error *err)
{
    enum status s = o->cert ? pem_read(o->cert, &h->cert, err) : STATUS_OK;
    if (!s && o->cert) s = pem_read(o->key, &h->key, err);
    return s;
}

static enum status start(struct http *h, const struct http_options *o, struct error *err)
{
    enum status s = read_pems(h, o, err);
    if (s) return s;
    unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     ONE_THREAD | (o->cert ? MHD_USE_TLS : 0u);
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, h->cert},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, h->key},
                                   {MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
                                   {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    h->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)NO_LIMIT, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_PER_CONNECTION,
        MHD_OPTION_CONNECTION_TIMEOUT, o->idle_s, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_URI_LOG_CALLBACK, on_target, h,
        MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, h, MHD_OPTION_ARRAY, o->cert ? tls : none, MHD_OPTION_END);
    if (h->daemon) return STATUS_OK;
    return error_set(err, STATUS_FAILED, "the HTTP server cannot start%s%s",
                     o->cert ? ": is the key of --tls-key the one of the certificate " : "", o->cert ? o->cert : "");
}

enum status http_create(const struct http_options *options, const struct http_hooks *hooks, uv_loop_t *loop,
                        struct http **ret, struct error *err)
{
    struct http *h = must_alloc(1, sizeof *h);
    const struct door_options way_in = {options->address, options->port, options->connections};
    struct door_hooks door = {on_enter, on_entered, on_is_valid, on_expel, h};
    h->hooks = *hooks;
    h->loop = loop;
    enum status s = start(h, options, err);
    if (!s) s = door_create(&way_in, &door, loop, &h->door, err);
    if (s) {
        if (h->daemon) MHD_stop_daemon(h->daemon);
        http_free(h);
        return s;
    }
    uv_poll_init(loop, &h->poll, MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
    uv_timer_init(loop, &h->timer);
    uv_async_init(loop, &h->wake, on_wake);
    h->open_handles = 4; /* the door is one */
    h->poll.data = h->timer.data = h->wake.data = h;
    uv_poll_start(&h->poll, UV_READABLE, on_poll);
    arm(h);
    *ret = h;
    return STATUS_OK;
}

uint16_t http_port(const struct http *h)
{
    return door_port(h->door);
}

unsigned http_connections(const struct http *h)
{
    return door_visitors(h->door);
}

static void close_part(struct http *h)
{
    if (--h->open_handles > 0) return;
    void (*closed)(void *) = h->closed;
    void *data = h->closed_data;
    door_free(h->door);
    http_free(h);
    closed(data);
}

static void on_closed(uv_handle_t *handle)
{
    close_part(handle->data);
}

static void on_door_closed(void *data)
{
    close_part(data);
}

void http_close(struct http *h, void (*closed)(void *data), void *data)
{
    h->closed = closed;
    h->closed_data = data;
    h->closing = true;
    for (struct connection *x = h->connections; x; x = x->next) move(x, STAGE_LEFT);
    uv_poll_stop(&h->poll);
    MHD_stop_daemon(h->daemon);
    door_close(h->door, on_door_closed, h);
    uv_close((uv_handle_t *)&h->poll, on_closed);
    uv_close((uv_handle_t *)&h->timer, on_closed);
    uv_close((uv_handle_t *)&h->wake, on_closed);
}
