#include "tuner/agent/agent.h"

#include "tuner/agent/cache.h"
#include "tuner/agent/outbox.h"
#include "tuner/agent/runner.h"

#include "tuner/base/clock.h"
#include "tuner/base/digest.h"
#include "tuner/base/beneath.h"
#include "tuner/base/host.h"
#include "tuner/base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TICK_MS = 500,
    RETRY_MS = 250,
    RETRY_MAX_MS = 5000,
    POLL_S = 45,
    ANSWER_S = 20,
    BATCH_BYTES = 256 << 10,
    LAST_WORDS_MS = 10000, /* that a stopping agent waits for a service that is away */
};

enum state { AWAY, THERE, LEAVING, GONE };

struct worker {
    struct agent_options options;
    uv_loop_t *loop;
    struct client *client;
    struct runner runner;
    enum state state;
    bool draining, registered_once;
    int lock;
    char instance[33], ticket[65];
    int64_t got; /* number of the last mail */
    struct inquiry *register_inquiry, *poll, *message;
    size_t sending;             /* bytes of the outbox that are on their way */
    int64_t retry_ms, again_ms; /* nothing is tried before */
    int64_t busy_ms, stop_ms;   /* when it last had work; when it was to stop */
    char trouble[400];          /* said last; "": the service is there */
    uv_timer_t tick;
    struct error err;
    bool failed;
};

static int64_t now_ms(void)
{
    return clock_mono_ms(clock_real());
}

static void say(struct worker *w, const char *text)
{
    w->options.say(w->options.data, text);
}

static void step(struct worker *w);

/* ---- trouble ---- */

static void away(struct worker *w, const char *why)
{
    char text[500];
    if (w->state == THERE) w->state = AWAY;
    if (!*w->trouble) {
        snprintf(text, sizeof text, "the service cannot be reached: %.400s; trials go on, and this tries again", why);
        say(w, text);
    }
    snprintf(w->trouble, sizeof w->trouble, "%.390s", *why ? why : "no answer");
    w->retry_ms = w->retry_ms ? 2 * w->retry_ms : RETRY_MS;
    if (w->retry_ms > RETRY_MAX_MS) w->retry_ms = RETRY_MAX_MS;
    w->again_ms = now_ms() + w->retry_ms;
}

static void there(struct worker *w)
{
    if (*w->trouble) say(w, "the service is there again");
    *w->trouble = 0;
    w->retry_ms = w->again_ms = 0;
}

/* What a problem document says. */
static void detail_of(const char *body, char *ret, size_t size)
{
    json_t *o = NULL;
    json_parse_object(body, strlen(body), &o, NULL);
    const char *detail = json_string_value(json_object_get(o, "detail"));
    snprintf(ret, size, "%.380s", detail ? detail : body);
    json_decref(o);
}

static void refused(struct worker *w, long status, const char *body)
{
    char why[400];
    detail_of(body, why, sizeof why);
    if (status == 409 || status == 404) { /* it does not know us (any more) */
        if (w->state == THERE) w->state = AWAY;
        return;
    }
    away(w, why);
}

/* A token that was never accepted, or a name that somebody else has, will not get better by itself. */
static void give_up(struct worker *w, const char *why)
{
    error_set(&w->err, STATUS_FAILED, "%s: %s", w->options.url, why);
    w->failed = true;
    worker_stop(w, true);
}

/* ---- registering ---- */

static void on_registered(void *data, long status, const char *body, size_t n)
{
    struct worker *w = data;
    json_t *o = NULL;
    char why[400];
    w->register_inquiry = NULL;
    bool ok = status == 200 && json_parse_object(body, n, &o, NULL) == STATUS_OK;
    const char *ticket = json_string_value(json_object_get(o, "ticket"));
    if (ok && ticket) {
        snprintf(w->ticket, sizeof w->ticket, "%s", ticket);
        w->got = 0;
        if (w->state == AWAY) w->state = THERE;
        if (!w->registered_once) say(w, "registered");
        w->registered_once = true;
        there(w);
        runner_fence(&w->runner, json_object_get(o, "gone"));
    } else {
        detail_of(body, why, sizeof why);
        if ((status == 401 || status == 403 || status == 409 || status == 422) && !w->registered_once)
            give_up(w, why);
        else
            away(w, why);
    }
    json_decref(o);
    step(w);
}

static char *agent_path(const struct worker *w, const char *rest, struct arena *a)
{
    return arena_printf(a, "/api/v1/agents/%s%s", w->options.name, rest);
}

static struct inquiry *post(struct worker *w, const char *method, const char *path, json_t *body, long timeout_s,
                            client_done_fn *done)
{
    char *text = body ? json_text(body) : NULL;
    struct request_spec spec = {
        .method = method, .path = path, .body = text, .upload = -1, .download = -1, .timeout_s = timeout_s};
    struct inquiry *q = client_send(w->client, &spec, done, w);
    free(text);
    json_decref(body);
    return q;
}

static void enroll(struct worker *w)
{
    struct arena a = {0};
    char host[HOST_TEXT_MAX], boot[HOST_TEXT_MAX];
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:o}", "instance", w->instance, "host", host_name(host), "boot",
                  host_boot(boot), "version", NOCTURNE_VERSION, "slots", (json_int_t)w->options.slots, "gpus",
                  (json_int_t)(w->options.gpus ? w->options.gpus->n : 0), "held", runner_held(&w->runner));
    if (w->options.job) json_object_set_new(body, "job", json_string(w->options.job));
    if (w->options.study) json_object_set_new(body, "study", json_string(w->options.study));
    w->register_inquiry = post(w, "PUT", agent_path(w, "", &a), body, ANSWER_S, on_registered);
    arena_done(&a);
}

/* ---- mail ---- */

static void take_mail(struct worker *w, const json_t *mail)
{
    const json_t *x;
    size_t i;
    json_array_foreach((json_t *)mail, i, x)
    {
        json_int_t n = json_integer_value(json_object_get(x, "n"));
        const json_t *assignment = json_object_get(x, "assign"), *order = json_object_get(x, "order");
        if (n <= w->got) continue;
        w->got = n;
        w->busy_ms = now_ms();
        if (assignment) runner_take(&w->runner, assignment);
        if (order) runner_order(&w->runner, x, order);
    }
}

static void on_polled(void *data, long status, const char *body, size_t n)
{
    struct worker *w = data;
    json_t *o = NULL;
    w->poll = NULL;
    if (status == 200 && json_parse_object(body, n, &o, NULL) == STATUS_OK) {
        there(w);
        take_mail(w, json_object_get(o, "mail"));
    } else
        refused(w, status, body);
    json_decref(o);
    step(w);
}

static void poll_service(struct worker *w)
{
    struct arena a = {0};
    size_t capacity = w->draining ? 0 : runner_capacity(&w->runner);
    json_t *body =
        json_pack("{s:s, s:I, s:I}", "ticket", w->ticket, "got", (json_int_t)w->got, "capacity", (json_int_t)capacity);
    w->poll = post(w, "POST", agent_path(w, "/poll", &a), body, POLL_S, on_polled);
    arena_done(&a);
}

/* ---- messages ---- */

static void on_said(void *data, long status, const char *body, size_t n)
{
    struct worker *w = data;
    json_t *o = NULL;
    w->message = NULL;
    if (status == 200 && json_parse_object(body, n, &o, NULL) == STATUS_OK) {
        there(w);
        outbox_drop(w->runner.outbox, w->sending);
        runner_fence(&w->runner, json_object_get(o, "gone"));
    } else if (status == 413 || status == 422)
        outbox_drop(w->runner.outbox, w->sending); /* it would not be taken next time, either */
    else
        refused(w, status, body);
    json_decref(o);
    step(w);
}

/* What is refused for good (the lease is over, it is too large) is not tried again. */
static void on_uploaded(void *data, long status, const char *body, size_t n)
{
    struct worker *w = data;
    (void)n;
    w->message = NULL;
    if (status == 0 || status >= 500 || status == 401 || status == 429)
        refused(w, status, body);
    else {
        runner_uploaded(&w->runner);
        outbox_drop(w->runner.outbox, w->sending);
    }
    step(w);
}

/* False: there is nothing to upload (any more). */
static bool upload(struct worker *w, const json_t *line)
{
    struct arena a = {0};
    const json_t *x = json_object_get(line, "upload");
    const char *path = json_string_value(json_object_get(x, "path")),
               *name = json_string_value(json_object_get(x, "name"));
    struct error err;
    int fd = -1;
    if (!path || !name || !beneath_rest(w->options.dir, path))
        say(w, "an upload of the outbox makes no sense: dropped");
    else if (beneath_open(AT_FDCWD, path, O_RDONLY, 0, &fd, &err))
        say(w, err.text);
    else {
        struct request_spec spec = {.method = "PUT",
                                    .path = arena_printf(&a, "/api/v1/studies/%s/trials/%lld/artefacts/%s?lease=%lld",
                                                         json_string_value(json_object_get(line, "study")),
                                                         (long long)json_integer_value(json_object_get(line, "trial")),
                                                         name,
                                                         (long long)json_integer_value(json_object_get(line, "lease"))),
                                    .upload = fd,
                                    .download = -1};
        w->message = client_send(w->client, &spec, on_uploaded, w);
    }
    arena_done(&a);
    return w->message != NULL;
}

/* Somebody has cut or overwritten the file: what it said is lost, and the service learns which trials are not here. */
static void forget_lost(struct worker *w)
{
    say(w, "messages that waited in the outbox are lost: its file was cut or overwritten; registering again");
    outbox_drop(w->runner.outbox, w->sending);
    w->state = AWAY;
}

static void say_messages(struct worker *w)
{
    while (!w->message && !outbox_is_empty(w->runner.outbox)) {
        struct arena a = {0};
        json_t *lines = outbox_take(w->runner.outbox, BATCH_BYTES, "upload", &w->sending);
        if (json_array_size(lines) == 0) {
            forget_lost(w);
            json_decref(lines);
            return;
        }
        if (json_object_get(json_array_get(lines, 0), "upload")) {
            if (!upload(w, json_array_get(lines, 0))) outbox_drop(w->runner.outbox, w->sending);
            json_decref(lines);
        } else
            w->message = post(w, "POST", agent_path(w, "/messages", &a),
                              json_pack("{s:s, s:o}", "ticket", w->ticket, "messages", lines), ANSWER_S, on_said);
        arena_done(&a);
    }
}

/* ---- leaving ---- */

static void on_client_closed(void *data)
{
    struct worker *w = data;
    struct agent_options o = w->options;
    struct error err = w->err;
    bool failed = w->failed;
    close(w->lock);
    free(w);
    o.ended(o.data, failed ? &err : NULL);
}

static void on_tick_closed(uv_handle_t *handle)
{
    struct worker *w = handle->data;
    client_close(w->client, on_client_closed, w);
}

static void close_worker(struct worker *w)
{
    if (w->state == GONE) return;
    w->state = GONE;
    runner_done(&w->runner);
    uv_close((uv_handle_t *)&w->tick, on_tick_closed);
}

static void on_left(void *data, long status, const char *body, size_t n)
{
    (void)status;
    (void)body;
    (void)n;
    close_worker(data);
}

static void leave(struct worker *w)
{
    struct arena a = {0};
    w->state = LEAVING;
    if (w->poll) client_drop(w->poll);
    w->poll = NULL;
    post(w, "DELETE", agent_path(w, arena_printf(&a, "?ticket=%s", w->ticket), &a), NULL, 5, on_left);
    arena_done(&a);
}

void worker_stop(struct worker *w, bool now)
{
    bool again = w->draining;
    w->draining = true;
    if (!w->stop_ms) w->stop_ms = now_ms();
    if (now || again) runner_stop(&w->runner, "the agent was stopped");
    if (!again && w->poll) { /* say at once that there is no more room */
        client_drop(w->poll);
        w->poll = NULL;
    }
    step(w);
}

/* Everything has ended: the last words are said, if the service is there to hear them; else they stay in the outbox. */
static void try_to_leave(struct worker *w)
{
    bool said = outbox_is_empty(w->runner.outbox) && !w->message;
    if (!w->draining || !runner_is_idle(&w->runner)) return;
    if (w->state == THERE && said)
        leave(w);
    else if (w->failed || (w->state == AWAY && now_ms() - w->stop_ms > LAST_WORDS_MS)) {
        if (!said) say(w, "what is not said yet stays in the outbox for the next start");
        close_worker(w);
    }
}

/* ---- the machine ---- */

static void step(struct worker *w)
{
    if (w->state == LEAVING || w->state == GONE) return;
    bool may = now_ms() >= w->again_ms;
    if (w->state == AWAY && may && !w->register_inquiry && !w->failed) enroll(w);
    if (w->state == THERE && may && !w->message) say_messages(w);
    if (w->state == THERE && may && !w->poll) poll_service(w);
    try_to_leave(w);
}

static void on_tick(uv_timer_t *timer)
{
    struct worker *w = timer->data;
    int64_t now = now_ms();
    if (runner_tick(&w->runner, w->state == THERE) && w->poll) { /* say at once that there is room */
        client_drop(w->poll);
        w->poll = NULL;
    }
    if (!runner_is_idle(&w->runner) || !w->busy_ms) w->busy_ms = now;
    if (w->options.idle_ms && now - w->busy_ms > w->options.idle_ms && !w->draining) {
        say(w, "there has been no work for a while: leaving");
        worker_stop(w, false);
        return;
    }
    step(w);
}

static void on_said_something(void *data)
{
    step(data);
}

/* ---- life ---- */

/* One process at a time; the folder's own name at the service, from the first start on. */
static enum status take_folder(struct worker *w, struct error *err)
{
    struct arena a = {0};
    const char *path = arena_printf(&a, "%s/instance", w->options.dir);
    w->lock = -1;
    enum status s = beneath_open(AT_FDCWD, path, O_RDWR | O_CREAT, 0600, &w->lock, err);
    if (!s) beneath_tighten(w->lock);
    if (!s && flock(w->lock, LOCK_EX | LOCK_NB) != 0)
        s = error_set(err, STATUS_BUSY, "another agent works in %s; give this one another --dir", w->options.dir);
    if (!s && pread(w->lock, w->instance, 32, 0) != 32) {
        digest_random_hex(w->instance, 16);
        if (pwrite(w->lock, w->instance, 32, 0) != 32) s = error_set(err, STATUS_IO, "%s: %s", path, strerror(errno));
    }
    if (s && w->lock >= 0) close(w->lock);
    arena_done(&a);
    return s;
}

enum status worker_create(const struct agent_options *options, uv_loop_t *loop, struct worker **ret, struct error *err)
{
    struct worker *w = must_alloc(1, sizeof *w);
    w->options = *options;
    w->loop = loop;
    struct client_options client = {options->url, options->token, options->ca};
    enum status s = take_folder(w, err);
    if (!s && (s = client_create(&client, loop, &w->client, err))) close(w->lock);
    if (s) {
        free(w);
        return s;
    }
    uv_timer_init(loop, &w->tick);
    w->tick.data = w;
    struct runner_options runner = {.dir = options->dir,
                                    .guard = options->guard,
                                    .slots = options->slots,
                                    .gpus = options->gpus,
                                    .client = w->client,
                                    .loop = loop,
                                    .say = options->say,
                                    .say_data = options->data,
                                    .changed = on_said_something,
                                    .data = w};
    s = runner_open(&w->runner, &runner, err);
    if (s) {
        w->err = *err;
        w->failed = true;
        w->state = GONE;
        uv_close((uv_handle_t *)&w->tick, on_tick_closed);
        *ret = w;
        return STATUS_OK; /* `ended` says it */
    }
    uv_timer_start(&w->tick, on_tick, 0, TICK_MS);
    *ret = w;
    return STATUS_OK;
}
