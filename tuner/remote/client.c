#include "tuner/remote/client.h"

#include "tuner/base/arena.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/close_range.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONNECT_S = 10, STALL_S = 60, ANSWER_MAX = 16 << 20, ETAG_MAX = 128 };

struct client {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timer;
    char *url, *ca, *bearer;
    struct inquiry *inquiry;
    int watchers; /* whose handles are open */
    curl_off_t retry_after_s;
    char etag[ETAG_MAX];
    void (*closed)(void *data);
    void *closed_data;
};

struct inquiry {
    struct inquiry *next;
    struct client *client;
    CURL *easy;
    struct curl_slist *headers;
    char *body, error[CURL_ERROR_SIZE];
    FILE *upload;
    int download;
    bool (*take)(void *data, const char *bytes, size_t n);
    enum client_failure *failure;
    char *answer;
    size_t n, capacity, enough;
    client_done_fn *done;
    void *data;
};

struct watcher { /* of one socket */
    struct client *client;
    uv_poll_t poll;
    curl_socket_t socket;
};

/* ---- ends ---- */

static void inquiry_free(struct inquiry *q)
{
    struct inquiry **at = &q->client->inquiry;
    while (*at != q) at = &(*at)->next;
    *at = q->next;
    curl_multi_remove_handle(q->client->multi, q->easy);
    curl_easy_cleanup(q->easy);
    curl_slist_free_all(q->headers);
    if (q->upload) fclose(q->upload);
    free(q->body);
    free(q->answer);
    free(q);
}

void client_drop(struct inquiry *q)
{
    inquiry_free(q);
}

static enum client_failure failure_of(CURLcode code)
{
    switch ((int)code) { /* of a hundred codes these */
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM: return CLIENT_UNTRUSTED;
    case CURLE_OPERATION_TIMEDOUT: return CLIENT_SILENT;
    case CURLE_WRITE_ERROR: return CLIENT_REFUSED;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP2:
    case CURLE_WEIRD_SERVER_REPLY: return CLIENT_CUT;
    default: return CLIENT_UNREACHABLE;
    }
}

static void note_headers(struct inquiry *q)
{
    struct client *c = q->client;
    struct curl_header *tag = NULL;
    if (curl_easy_getinfo(q->easy, CURLINFO_RETRY_AFTER, &c->retry_after_s)) c->retry_after_s = 0;
    bool has = curl_easy_header(q->easy, "ETag", 0, CURLH_HEADER, -1, &tag) == CURLHE_OK;
    *c->etag = 0;
    if (has && strlen(tag->value) < sizeof c->etag) strcpy(c->etag, tag->value);
}

static void complete(struct inquiry *q, CURLcode code)
{
    long status = 0;
    client_done_fn *done = q->done;
    void *data = q->data;
    curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &status);
    note_headers(q);
    if (q->enough && q->n >= q->enough && status) code = CURLE_OK; /* the rest was not wanted */
    char *text = q->answer;
    size_t n = q->n;
    q->answer = NULL;
    if (code != CURLE_OK) {
        if (q->failure) *q->failure = failure_of(code);
        status = 0;
        free(text);
        text = must_strdup(*q->error ? q->error : curl_easy_strerror(code));
        n = strlen(text);
    }
    inquiry_free(q);
    done(data, status, text ? text : "", n);
    free(text);
}

static void collect(struct client *c)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(c->multi, &left))) {
        struct inquiry *q = NULL;
        if (m->msg != CURLMSG_DONE) continue;
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&q);
        complete(q, code);
        if (c->closed) return;
    }
}

/* ---- the loop ---- */

static void on_watcher_closed(uv_handle_t *handle);

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watcher *w = poll->data;
    struct client *c = w->client;
    int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) |
                (status < 0 ? CURL_CSELECT_ERR : 0);
    int running;
    curl_multi_socket_action(c->multi, w->socket, flags, &running);
    collect(c);
}

static void on_timer(uv_timer_t *timer)
{
    struct client *c = timer->data;
    int running;
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(c);
}

static int on_set_timer(CURLM *multi, long ms, void *data)
{
    struct client *c = data;
    (void)multi;
    if (c->closed) return 0;
    uv_update_time(c->loop); /* a timer that comes before curl's own time has is not asked for again */
    if (ms < 0)
        uv_timer_stop(&c->timer);
    else
        uv_timer_start(&c->timer, on_timer, (uint64_t)(ms ? ms : 1), 0);
    return 0;
}

static struct watcher *watch(struct client *c, curl_socket_t socket)
{
    struct watcher *w = must_alloc(1, sizeof *w);
    w->client = c;
    w->socket = socket;
    uv_poll_init_socket(c->loop, &w->poll, socket);
    w->poll.data = w;
    c->watchers++;
    curl_multi_assign(c->multi, socket, w);
    return w;
}

static int on_set_socket(CURL *easy, curl_socket_t socket, int what, void *data, void *socket_data)
{
    struct client *c = data;
    struct watcher *w = socket_data;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (!w) return 0;
        uv_poll_stop(&w->poll);
        uv_close((uv_handle_t *)&w->poll, on_watcher_closed);
        curl_multi_assign(c->multi, socket, NULL);
        return 0;
    }
    if (!w) w = watch(c, socket);
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    uv_poll_start(&w->poll, events, on_poll);
    return 0;
}

/* Programs that are started meanwhile get no part of the conversation. */
static curl_socket_t on_open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)data;
    (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- requests ---- */

static size_t on_bytes(char *bytes, size_t size, size_t n, void *data)
{
    struct inquiry *q = data;
    long status = 0;
    n *= size;
    curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &status);
    if (q->download >= 0 && status == 200) return write(q->download, bytes, n) == (ssize_t)n ? n : 0;
    if (q->take && status == 200) return q->take(q->data, bytes, n) ? n : 0;
    if (q->n + n > ANSWER_MAX) return 0;
    size_t take = q->enough && q->n + n > q->enough ? q->enough - q->n : n;
    q->answer = must_reserve(q->answer, q->n + take + 1, &q->capacity, 1);
    memcpy(q->answer + q->n, bytes, take);
    q->n += take;
    q->answer[q->n] = 0;
    return q->enough && q->n >= q->enough ? 0 : n;
}

static void set_upload(struct inquiry *q, int fd)
{
    struct stat st = {0};
    fstat(fd, &st);
    q->upload = fdopen(fd, "rb");
    curl_easy_setopt(q->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(q->easy, CURLOPT_READDATA, q->upload);
    curl_easy_setopt(q->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)st.st_size);
}

static void set_body(struct inquiry *q, const struct request_spec *spec)
{
    if (spec->upload >= 0)
        set_upload(q, spec->upload);
    else if (spec->body) {
        q->headers = curl_slist_append(q->headers, "Content-Type: application/json");
        q->headers = curl_slist_append(q->headers, "Expect:");
        q->body = must_strdup(spec->body);
        curl_easy_setopt(q->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(q->body));
        curl_easy_setopt(q->easy, CURLOPT_POSTFIELDS, q->body);
    }
    curl_easy_setopt(q->easy, CURLOPT_CUSTOMREQUEST, spec->method);
}

struct inquiry *client_send(struct client *c, const struct request_spec *spec, client_done_fn *done, void *data)
{
    struct inquiry *q = must_alloc(1, sizeof *q);
    struct arena a = {0};
    *q = (struct inquiry){.next = c->inquiry,
                          .client = c,
                          .download = spec->download,
                          .take = spec->take,
                          .failure = spec->failure,
                          .done = done,
                          .data = data};
    q->enough = spec->enough;
    c->inquiry = q;
    q->easy = curl_easy_init();
    if (!q->easy) abort(); /* out of memory */
    curl_easy_setopt(q->easy, CURLOPT_URL, arena_printf(&a, "%s%s", c->url, spec->path));
    curl_easy_setopt(q->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(q->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (c->ca) curl_easy_setopt(q->easy, CURLOPT_CAINFO, c->ca);
    curl_easy_setopt(q->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(q->easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(q->easy, CURLOPT_ERRORBUFFER, q->error);
    curl_easy_setopt(q->easy, CURLOPT_PRIVATE, q);
    curl_easy_setopt(q->easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(q->easy, CURLOPT_WRITEDATA, q);
    curl_easy_setopt(q->easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    if (spec->timeout_s) {
        curl_easy_setopt(q->easy, CURLOPT_TIMEOUT, spec->timeout_s);
    } else {
        curl_easy_setopt(q->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(q->easy, CURLOPT_LOW_SPEED_TIME, spec->stall_s ? spec->stall_s : (long)STALL_S);
    }
    if (spec->packed) curl_easy_setopt(q->easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    set_body(q, spec);
    for (size_t i = 0; spec->header && spec->header[i]; i++)
        q->headers = curl_slist_append(q->headers, spec->header[i]);
    if (c->bearer) q->headers = curl_slist_append(q->headers, c->bearer);
    curl_easy_setopt(q->easy, CURLOPT_HTTPHEADER, q->headers);
    curl_multi_add_handle(c->multi, q->easy);
    arena_done(&a);
    return q;
}

long client_retry_after_s(const struct client *c)
{
    return (long)c->retry_after_s;
}

const char *client_etag(const struct client *c)
{
    return c->etag;
}

/* ---- life ---- */

enum status client_create(const struct client_options *options, uv_loop_t *loop, struct client **ret, struct error *err)
{
    size_t n = strlen(options->url);
    if (strncmp(options->url, "http://", 7) != 0 && strncmp(options->url, "https://", 8) != 0)
        return error_set(err, STATUS_INVALID, "'%.200s' is not a URL such as https://host:8470", options->url);
    struct client *c = must_alloc(1, sizeof *c);
    struct arena a = {0};
    while (n > 0 && options->url[n - 1] == '/') n--;
    c->loop = loop;
    c->url = must_strdup(arena_printf(&a, "%.*s", (int)n, options->url));
    c->ca = options->ca ? must_strdup(options->ca) : NULL;
    if (options->token) c->bearer = must_strdup(arena_printf(&a, "Authorization: Bearer %s", options->token));
    arena_done(&a);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    c->multi = curl_multi_init();
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC); /* it has opened two sockets, which nobody else is to have */
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_set_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_set_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    *ret = c;
    return STATUS_OK;
}

static void finish(struct client *c)
{
    void (*closed)(void *) = c->closed;
    void *data = c->closed_data;
    free(c->url);
    free(c->ca);
    free(c->bearer);
    free(c);
    curl_global_cleanup();
    closed(data);
}

static void on_watcher_closed(uv_handle_t *handle)
{
    struct watcher *w = handle->data;
    struct client *c = w->client;
    free(w);
    if (--c->watchers == 0 && c->closed) finish(c);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct client *c = handle->data;
    if (--c->watchers == 0) finish(c);
}

void client_close(struct client *c, void (*closed)(void *data), void *data)
{
    c->closed = closed;
    c->closed_data = data;
    c->watchers++; /* the timer's */
    while (c->inquiry) inquiry_free(c->inquiry);
    curl_multi_cleanup(c->multi);
    uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}
