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

struct local_agent {
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

static void say(struct local_agent *self, const char *text)
{
    self->options.say(self->options.data, text);
}

static void step(struct local_agent *self);

/* ---- trouble ---- */

static void away(struct local_agent *self, const char *why)
{
    char text[500];
    if (self->state == THERE) self->state = AWAY;
    if (!*self->trouble) {
        snprintf(text, sizeof text, "the service cannot be reached: %.400s; trials go on, and this tries again", why);
        say(self, text);
    }
    snprintf(self->trouble, sizeof self->trouble, "%.390s", *why ? why : "no answer");
    self->retry_ms = self->retry_ms ? 2 * self->retry_ms : RETRY_MS;
    if (self->retry_ms > RETRY_MAX_MS) self->retry_ms = RETRY_MAX_MS;
    self->again_ms = now_ms() + self->retry_ms;
}

static void there(struct local_agent *self)
{
    if (*self->trouble) say(self, "the service is there again");
    *self->trouble = 0;
    self->retry_ms = self->again_ms = 0;
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

static void refused(struct local_agent *self, long status, const char *body)
{
    char why[400];
    detail_of(body, why, sizeof why);
    if (status == 409 || status == 404) { /* it does not know us (any more) */
        if (self->state == THERE) self->state = AWAY;
        return;
    }
    away(self, why);
}

/* A token that was never accepted, or a name that somebody else has, will not get better by itself. */
static void give_up(struct local_agent *self, const char *why)
{
    error_set(&self->err, STATUS_FAILED, "%s: %s", self->options.url, why);
    self->failed = true;
    local_agent_stop(self, STOP_GENTLY);
}

/* ---- registering ---- */

static void on_registered(void *data, long status, const char *body, size_t n)
{
    struct local_agent *self = data;
    json_t *o = NULL;
    char why[400];
    self->register_inquiry = NULL;
    bool ok = status == 200 && json_parse_object(body, n, &o, NULL) == STATUS_OK;
    const char *ticket = json_string_value(json_object_get(o, "ticket"));
    if (ok && ticket) {
        snprintf(self->ticket, sizeof self->ticket, "%s", ticket);
        self->got = 0;
        if (self->state == AWAY) self->state = THERE;
        if (!self->registered_once) say(self, "registered");
        self->registered_once = true;
        there(self);
        runner_fence(&self->runner, json_object_get(o, "gone"));
    } else {
        detail_of(body, why, sizeof why);
        if ((status == 401 || status == 403 || status == 409 || status == 422) && !self->registered_once)
            give_up(self, why);
        else
            away(self, why);
    }
    json_decref(o);
    step(self);
}

static char *agent_path(const struct local_agent *self, const char *rest, struct arena *a)
{
    return arena_printf(a, "/api/v1/agents/%s%s", self->options.name, rest);
}

static struct inquiry *post(struct local_agent *self, const char *method, const char *path, json_t *body,
                            long timeout_s, client_done_fn *done)
{
    char *text = body ? json_text(body) : NULL;
    struct request_spec spec = {
        .method = method, .path = path, .body = text, .upload = -1, .download = -1, .timeout_s = timeout_s};
    struct inquiry *q = client_send(self->client, &spec, done, self);
    free(text);
    json_decref(body);
    return q;
}

static void enroll(struct local_agent *self)
{
    struct arena a = {0};
    char host[HOST_TEXT_MAX], boot[HOST_TEXT_MAX];
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:o}", "instance", self->instance, "host", host_name(host), "boot",
                  host_boot(boot), "version", NOCTURNE_VERSION, "slots", (json_int_t)self->options.slots, "gpus",
                  (json_int_t)(self->options.gpus ? self->options.gpus->n : 0), "held", runner_held(&self->runner));
    if (self->options.job) json_object_set_new(body, "job", json_string(self->options.job));
    if (self->options.study) json_object_set_new(body, "study", json_string(self->options.study));
    self->register_inquiry = post(self, "PUT", agent_path(self, "", &a), body, ANSWER_S, on_registered);
    arena_done(&a);
}

/* ---- mail ---- */

static void take_mail(struct local_agent *self, const json_t *mail)
{
    const json_t *x;
    size_t i;
    json_array_foreach((json_t *)mail, i, x)
    {
        json_int_t n = json_integer_value(json_object_get(x, "n"));
        const json_t *assignment = json_object_get(x, "assign"), *order = json_object_get(x, "order");
        if (n <= self->got) continue;
        self->got = n;
        self->busy_ms = now_ms();
        if (assignment) runner_take(&self->runner, assignment);
        if (order) runner_order(&self->runner, x, order);
    }
}

static void on_polled(void *data, long status, const char *body, size_t n)
{
    struct local_agent *self = data;
    json_t *o = NULL;
    self->poll = NULL;
    if (status == 200 && json_parse_object(body, n, &o, NULL) == STATUS_OK) {
        there(self);
        take_mail(self, json_object_get(o, "mail"));
    } else
        refused(self, status, body);
    json_decref(o);
    step(self);
}

static void poll_service(struct local_agent *self)
{
    struct arena a = {0};
    size_t capacity = self->draining ? 0 : runner_capacity(&self->runner);
    json_t *body = json_pack("{s:s, s:I, s:I}", "ticket", self->ticket, "got", (json_int_t)self->got, "capacity",
                             (json_int_t)capacity);
    self->poll = post(self, "POST", agent_path(self, "/poll", &a), body, POLL_S, on_polled);
    arena_done(&a);
}

/* ---- messages ---- */

static void on_said(void *data, long status, const char *body, size_t n)
{
    struct local_agent *self = data;
    json_t *o = NULL;
    self->message = NULL;
    if (status == 200 && json_parse_object(body, n, &o, NULL) == STATUS_OK) {
        there(self);
        outbox_drop(self->runner.outbox, self->sending);
        runner_fence(&self->runner, json_object_get(o, "gone"));
    } else if (status == 413 || status == 422)
        outbox_drop(self->runner.outbox, self->sending); /* it would not be taken next time, either */
    else
        refused(self, status, body);
    json_decref(o);
    step(self);
}

/* What is refused for good (the lease is over, it is too large) is not tried again. */
static void on_uploaded(void *data, long status, const char *body, size_t n)
{
    struct local_agent *self = data;
    (void)n;
    self->message = NULL;
    if (status == 0 || status >= 500 || status == 401 || status == 429)
        refused(self, status, body);
    else {
        runner_uploaded(&self->runner);
        outbox_drop(self->runner.outbox, self->sending);
    }
    step(self);
}

/* False: there is nothing to upload (any more). */
static bool upload(struct local_agent *self, const json_t *line)
{
    struct arena a = {0};
    const json_t *x = json_object_get(line, "upload");
    const char *path = json_string_value(json_object_get(x, "path")),
               *name = json_string_value(json_object_get(x, "name"));
    struct error err;
    int fd = -1;
    if (!path || !name || !beneath_rest(self->options.dir, path))
        say(self, "an upload of the outbox makes no sense: dropped");
    else if (beneath_open(AT_FDCWD, path, O_RDONLY, 0, &fd, &err))
        say(self, err.text);
    else {
        struct request_spec spec = {.method = "PUT",
                                    .path = arena_printf(&a, "/api/v1/studies/%s/trials/%lld/artefacts/%s?lease=%lld",
                                                         json_string_value(json_object_get(line, "study")),
                                                         (long long)json_integer_value(json_object_get(line, "trial")),
                                                         name,
                                                         (long long)json_integer_value(json_object_get(line, "lease"))),
                                    .upload = fd,
                                    .download = -1};
        self->message = client_send(self->client, &spec, on_uploaded, self);
    }
    arena_done(&a);
    return self->message != NULL;
}

/* Somebody has cut or overwritten the file: what it said is lost, and the service learns which trials are not here. */
static void forget_lost(struct local_agent *self)
{
    say(self, "messages that waited in the outbox are lost: its file was cut or overwritten; registering again");
    outbox_drop(self->runner.outbox, self->sending);
    self->state = AWAY;
}

static void say_messages(struct local_agent *self)
{
    while (!self->message && !outbox_is_empty(self->runner.outbox)) {
        struct arena a = {0};
        json_t *lines = outbox_take(self->runner.outbox, BATCH_BYTES, "upload", &self->sending);
        if (json_array_size(lines) == 0) {
            forget_lost(self);
            json_decref(lines);
            return;
        }
        if (json_object_get(json_array_get(lines, 0), "upload")) {
            if (!upload(self, json_array_get(lines, 0))) outbox_drop(self->runner.outbox, self->sending);
            json_decref(lines);
        } else
            self->message = post(self, "POST", agent_path(self, "/messages", &a),
                                 json_pack("{s:s, s:o}", "ticket", self->ticket, "messages", lines), ANSWER_S, on_said);
        arena_done(&a);
    }
}

/* ---- leaving ---- */

static void on_client_closed(void *data)
{
    struct local_agent *self = data;
    struct agent_options o = self->options;
    struct error err = self->err;
    bool failed = self->failed;
    close(self->lock);
    free(self);
    o.ended(o.data, failed ? &err : NULL);
}

static void on_tick_closed(uv_handle_t *handle)
{
    struct local_agent *self = handle->data;
    client_close(self->client, on_client_closed, self);
}

static void close_worker(struct local_agent *self)
{
    if (self->state == GONE) return;
    self->state = GONE;
    runner_done(&self->runner);
    uv_close((uv_handle_t *)&self->tick, on_tick_closed);
}

static void on_left(void *data, long status, const char *body, size_t n)
{
    (void)status;
    (void)body;
    (void)n;
    close_worker(data);
}

/* The next one says at once that there is room again, or no more. */
static void drop_poll(struct local_agent *self)
{
    if (self->poll) client_drop(self->poll);
    self->poll = NULL;
}

static void leave(struct local_agent *self)
{
    struct arena a = {0};
    self->state = LEAVING;
    drop_poll(self);
    post(self, "DELETE", agent_path(self, arena_printf(&a, "?ticket=%s", self->ticket), &a), NULL, 5, on_left);
    arena_done(&a);
}

void local_agent_drain(struct local_agent *self)
{
    if (!self->draining) {
        self->draining = true;
        self->stop_ms = now_ms();
        drop_poll(self);
    }
    step(self);
}

void local_agent_stop(struct local_agent *self, enum stop_mode mode)
{
    runner_stop(&self->runner, mode, "the agent was stopped");
    local_agent_drain(self);
}

/* Everything has ended: the last words are said, if the service is there to hear them; else they stay in the outbox. */
static void try_to_leave(struct local_agent *self)
{
    bool said = outbox_is_empty(self->runner.outbox) && !self->message;
    if (!self->draining || !runner_is_idle(&self->runner)) return;
    if (self->state == THERE && said)
        leave(self);
    else if (self->failed || (self->state == AWAY && now_ms() - self->stop_ms > LAST_WORDS_MS)) {
        if (!said) say(self, "what is not said yet stays in the outbox for the next start");
        close_worker(self);
    }
}

/* ---- the machine ---- */

static void step(struct local_agent *self)
{
    if (self->state == LEAVING || self->state == GONE) return;
    bool may = now_ms() >= self->again_ms;
    if (self->state == AWAY && may && !self->register_inquiry && !self->failed) enroll(self);
    if (self->state == THERE && may && !self->message) say_messages(self);
    if (self->state == THERE && may && !self->poll) poll_service(self);
    try_to_leave(self);
}

static void on_tick(uv_timer_t *timer)
{
    struct local_agent *self = timer->data;
    int64_t now = now_ms();
    if (runner_tick(&self->runner, self->state == THERE)) drop_poll(self);
    if (!runner_is_idle(&self->runner) || !self->busy_ms) self->busy_ms = now;
    if (self->options.idle_ms && now - self->busy_ms > self->options.idle_ms && !self->draining) {
        say(self, "there has been no work for a while: leaving");
        local_agent_drain(self);
        return;
    }
    step(self);
}

static void on_note(void *data, const char *text)
{
    say(data, text);
}

static void on_said_something(void *data)
{
    step(data);
}

/* ---- life ---- */

/* One process at a time; the folder's own name at the service, from the first start on. */
static enum status take_folder(struct local_agent *self, struct error *err)
{
    struct arena a = {0};
    const char *path = arena_printf(&a, "%s/instance", self->options.dir);
    self->lock = -1;
    enum status s = beneath_open(AT_FDCWD, path, O_RDWR | O_CREAT, 0600, &self->lock, err);
    if (!s) beneath_tighten(self->lock);
    if (!s && flock(self->lock, LOCK_EX | LOCK_NB) != 0)
        s = error_set(err, STATUS_BUSY, "another agent works in %s; give this one another --dir", self->options.dir);
    if (!s && pread(self->lock, self->instance, 32, 0) != 32) {
        digest_random_hex(self->instance, 16);
        if (pwrite(self->lock, self->instance, 32, 0) != 32)
            s = error_set(err, STATUS_IO, "%s: %s", path, strerror(errno));
    }
    if (s && self->lock >= 0) close(self->lock);
    arena_done(&a);
    return s;
}

enum status local_agent_create(const struct agent_options *options, uv_loop_t *loop, struct local_agent **ret,
                               struct error *err)
{
    struct local_agent *self = must_alloc(1, sizeof *self);
    self->options = *options;
    self->loop = loop;
    struct client_options client = {options->url, options->token, options->ca};
    enum status s = take_folder(self, err);
    if (!s && (s = client_create(&client, loop, &self->client, err))) close(self->lock);
    if (s) {
        free(self);
        return s;
    }
    uv_timer_init(loop, &self->tick);
    self->tick.data = self;
    struct runner_options runner = {.dir = options->dir,
                                    .guard = options->guard,
                                    .slots = options->slots,
                                    .gpus = options->gpus,
                                    .client = self->client,
                                    .loop = loop,
                                    .say = on_note,
                                    .changed = on_said_something,
                                    .data = self};
    s = runner_open(&self->runner, &runner, err);
    if (s) {
        self->err = *err;
        self->failed = true;
        self->state = GONE;
        uv_close((uv_handle_t *)&self->tick, on_tick_closed);
        *ret = self;
        return STATUS_OK; /* `ended` says it */
    }
    uv_timer_start(&self->tick, on_tick, 0, TICK_MS);
    *ret = self;
    return STATUS_OK;
}
