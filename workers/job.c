#include "workers/job.h"

#include "workers/channel.h"
#include "workers/contract.h"
#include "workers/ending.h"
#include "workers/files.h"
#include "workers/guard.h"
#include "workers/harvest.h"
#include "workers/invocation.h"
#include "workers/rescue.h"

#include "tuner/base/arena.h"
#include "tuner/base/host.h"
#include "tuner/base/redact.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum job_state { JOB_RUNNING, JOB_STOPPING, JOB_KILLING, JOB_DRAINING, JOB_READING, JOB_CLOSED };

enum { DRAIN_MS = 1000, ESCALATE_MS = 1000, PIPES = 3, TRIAL_FD = 3, MESSAGE_MAX = 1024, UNREAD_MAX = 1 << 16 };
enum { READ_AT_ONCE = 1 << 16, MATCHED_AT_ONCE = 1 << 13 /* bytes: 8 KiB of one-byte lines is a slice of its own */ };
enum { SLICE_MS = 5, NS_PER_MS = 1000000 };

/* What it prints. */
struct job_output {
    struct channel out, err;
    double left;         /* bytes that it may still print */
    uv_timer_t breather; /* while it is active nothing is read: others' turn */
    bool held;           /* nothing is read: back-pressure */
};

struct job {
    enum job_state state;
    struct job_handler handler;
    void *data;
    struct job_seat seat;
    uv_process_t process;
    uv_timer_t timer;
    struct job_output output;
    struct channel messages;
    struct harvest harvest;
    uv_work_t reading; /* of files, in the pool */
    int handles;       /* open libuv handles */
    struct arena arena;
    const char *dir;
    int64_t grace_ms;
    struct ending ending;
    struct rescue rescue;
    enum { RESCUE_NONE, RESCUE_AT_WORK, RESCUE_DONE } rescued;
};

int64_t job_pid(const struct job *job)
{
    return job->process.pid;
}

/* ---- closing ---- */

static void release(struct job *job)
{
    if (--job->handles > 0) return;
    harvest_done(&job->harvest);
    channel_done(&job->output.out);
    channel_done(&job->output.err);
    channel_done(&job->messages);
    arena_done(&job->arena);
    free(job);
}

static void on_close(uv_handle_t *handle)
{
    release(handle->data);
}

static void flush(struct channel *c);

static void conclude(struct job *job)
{
    job->state = JOB_CLOSED;
    struct job_outcome outcome = ending_outcome(&job->ending, &job->harvest, &job->arena);
    uv_close((uv_handle_t *)&job->timer, on_close);
    uv_close((uv_handle_t *)&job->output.breather, on_close);
    uv_close((uv_handle_t *)&job->process, on_close);
    job->seat.gone(job->seat.owner);
    job->handler.end(job->data, &outcome); /* handles close later: outcome still lives */
}

static void read_files(uv_work_t *work)
{
    struct job *job = work->data;
    matcher_read_files(job->harvest.matcher, job->dir);
}

static void on_files_read(uv_work_t *work, int status)
{
    struct job *job = work->data;
    (void)status;
    matcher_say_files(job->harvest.matcher);
    conclude(job);
    release(job);
}

/* Only what ended well has a result in its files. */
static bool has_files_to_read(const struct job *job)
{
    bool well = job->ending.verdict == JOB_COMPLETE && job->ending.signal == 0 && job->ending.exit_code == 0;
    return well && job->harvest.matcher && matcher_has_files(job->harvest.matcher);
}

/* It says nothing more. */
static void finish(struct job *job)
{
    flush(&job->output.out);
    flush(&job->output.err);
    channel_close(&job->output.out, on_close);
    channel_close(&job->output.err, on_close);
    channel_close(&job->messages, on_close);
    if (job->harvest.matcher) matcher_end(job->harvest.matcher);
    uv_timer_stop(&job->timer);
    if (!has_files_to_read(job)) {
        conclude(job);
        return;
    }
    job->state = JOB_READING;
    job->handles++;
    job->reading.data = job;
    uv_queue_work(job->process.loop, &job->reading, read_files, on_files_read);
}

static void drain(struct job *job)
{
    bool open = job->output.out.open || job->output.err.open || job->messages.open || job->rescued == RESCUE_AT_WORK;
    if (job->state == JOB_DRAINING && !open) finish(job);
}

/* ---- stopping ---- */

static void on_timer(uv_timer_t *timer);

static void on_rescued(void *data)
{
    struct job *job = data;
    job->rescued = RESCUE_DONE;
    if (job->state == JOB_KILLING) uv_process_kill(&job->process, SIGKILL); /* if there was no /proc */
    drain(job);
    release(job);
}

/* What the guard should have done and did not, or cannot be known to have done. */
static void rescue(struct job *job)
{
    if (job->rescued != RESCUE_NONE) return;
    job->rescued = RESCUE_AT_WORK;
    job->handles++;
    rescue_start(&job->rescue, job->process.loop, on_rescued, job);
}

/* A guard that was stopped wakes up. */
static void tell_guard(struct job *job, int signal)
{
    uv_process_kill(&job->process, signal);
    uv_process_kill(&job->process, SIGCONT);
}

static void kill_all(struct job *job)
{
    job->state = JOB_KILLING;
    tell_guard(job, SIGUSR1); /* it does the rest; if it does not, we do */
    uv_timer_start(&job->timer, on_timer, ESCALATE_MS, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct job *job = timer->data;
    switch (job->state) {
    case JOB_RUNNING:
        job->ending.verdict = JOB_TIMED_OUT;
        job_stop(job, STOP_GENTLY, "timed out");
        return;
    case JOB_STOPPING: kill_all(job); return;
    case JOB_KILLING: rescue(job); return;
    case JOB_DRAINING:
        if (job->output.held || uv_is_active((uv_handle_t *)&job->output.breather) || job->rescued == RESCUE_AT_WORK)
            uv_timer_start(&job->timer, on_timer, DRAIN_MS, 0); /* its last words are still in the pipes */
        else
            finish(job);
        return;
    case JOB_READING:
    case JOB_CLOSED: return;
    }
}

static void on_written(uv_write_t *req, int status)
{
    (void)status; /* a trial that does not read is stopped by signal */
    free(req);
}

void job_send(struct job *job, const json_t *object)
{
    struct {
        uv_write_t req;
        char text[MESSAGE_MAX];
    } *message = must_alloc(1, sizeof *message);
    size_t n = object ? json_dumpb(object, message->text, sizeof message->text - 1, 0) : 0;
    bool full = job->messages.open && uv_stream_get_write_queue_size((uv_stream_t *)&job->messages.pipe) > UNREAD_MAX;
    if (n == 0 || n >= sizeof message->text - 1 || !job->messages.open || full) {
        free(message);
        return;
    }
    message->text[n++] = '\n';
    uv_buf_t buf = uv_buf_init(message->text, (unsigned)n);
    if (uv_write(&message->req, (uv_stream_t *)&job->messages.pipe, &buf, 1, on_written) != 0) free(message);
}

static void tell_stop(struct job *job, const char *why)
{
    json_t *object = json_pack("{s:s}", "stop", why);
    job_send(job, object);
    json_decref(object);
}

static void begin_to_stop(struct job *job, const char *why)
{
    if (job->ending.verdict == JOB_COMPLETE) job->ending.verdict = JOB_STOPPED;
    if (!*job->ending.reason && why != job->ending.reason)
        snprintf(job->ending.reason, sizeof job->ending.reason, "%s", why);
    job->state = JOB_STOPPING;
    tell_stop(job, why);
    tell_guard(job, SIGTERM);
    uv_timer_start(&job->timer, on_timer, (uint64_t)job->grace_ms, 0);
}

void job_stop(struct job *job, enum stop_mode mode, const char *why)
{
    if (job->state == JOB_RUNNING) begin_to_stop(job, why);
    if (job->state == JOB_STOPPING && mode == STOP_NOW) kill_all(job);
}

static void condemn(struct job *job, enum stop_mode mode, const char *reason)
{
    if (job->ending.verdict == JOB_COMPLETE) {
        job->ending.verdict = JOB_FAILED;
        snprintf(job->ending.reason, sizeof job->ending.reason, "%.500s", reason);
    }
    job_stop(job, mode, job->ending.reason);
}

static void on_process_exit(uv_process_t *process, int64_t code, int signal)
{
    struct job *job = process->data;
    job->ending.exit_code = code;
    job->ending.signal = signal;
    job->state = JOB_DRAINING;
    if (signal == SIGKILL) rescue(job); /* the program's end, or the guard's own */
    uv_timer_start(&job->timer, on_timer, DRAIN_MS, 0);
    drain(job);
}

/* ---- reading ---- */

/* Once it is stopped its last words still count: report, checkpoint, result. */
static bool is_heard(const struct job *job)
{
    return job->ending.verdict == JOB_COMPLETE || job->ending.verdict == JOB_STOPPED;
}

static void take_report(struct job *job, long step, json_t *metrics, bool said)
{
    job->handler.report(job->data, step, harvest_report(&job->harvest, step, metrics, said));
}

static void on_message(struct job *job, const char *line, size_t len)
{
    struct error err;
    struct message m;
    bool stopped = job->ending.verdict == JOB_STOPPED;
    if (len == 0 || !is_heard(job)) return;
    if (contract_parse(line, len, &m, &err)) {
        if (!stopped) condemn(job, STOP_GENTLY, err.text);
        return;
    }
    switch (m.kind) {
    case MESSAGE_REPORT: take_report(job, m.step, m.metrics, true); return;
    case MESSAGE_RESULT: harvest_result(&job->harvest, m.metrics); return;
    case MESSAGE_INFEASIBLE:
        if (stopped) return;
        job->ending.verdict = JOB_INFEASIBLE;
        snprintf(job->ending.reason, sizeof job->ending.reason, "%.500s", m.text);
        return;
    case MESSAGE_CHECKPOINT:
        if (job->handler.checkpoint) job->handler.checkpoint(job->data, m.step, m.text);
        return;
    case MESSAGE_POLICY:
        if (job->handler.policy) job->handler.policy(job->data, m.metrics);
        json_decref(m.metrics);
        return;
    case MESSAGE_ARTEFACT:
        if (job->handler.artefact) job->handler.artefact(job->data, m.text);
        return;
    case MESSAGE_ITEM:
        if (job->handler.item) job->handler.item(job->data, m.text, m.metrics);
        json_decref(m.metrics);
        return;
    case MESSAGE_LOG: return;
    }
}

static void on_message_line(void *data, char *line, size_t len)
{
    on_message(data, line, len);
}

static void on_printed(void *data, const char *json, size_t len)
{
    on_message(data, json, len);
}

static void on_stdout_line(void *data, char *line, size_t len)
{
    contract_find(line, len, on_printed, data);
}

static void on_matched_report(void *data, long step, json_t *metrics)
{
    if (is_heard(data))
        take_report(data, step, metrics, false);
    else
        json_decref(metrics);
}

static void on_wrong_match(void *data, const char *why)
{
    struct job *job = data;
    if (job->ending.verdict == JOB_COMPLETE) condemn(job, STOP_GENTLY, why);
}

static void on_stderr_line(void *data, char *line, size_t len)
{
    struct job *job = data;
    if (len == 0) return;
    snprintf(job->ending.last_error, sizeof job->ending.last_error, "%.*s", (int)(len < 250 ? len : 250), line);
    for (char *c = job->ending.last_error; *c; c++)
        if ((unsigned char)*c < 32) *c = ' ';
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    const struct job *job = handle->data;
    unsigned n = job->harvest.matcher ? MATCHED_AT_ONCE : READ_AT_ONCE;
    (void)suggested;
    *buf = uv_buf_init(must_alloc(n, 1), n);
}

static void count_output(struct job *job, size_t n)
{
    enum stop_mode mode = job->state == JOB_RUNNING ? STOP_GENTLY : STOP_NOW; /* it prints on all the same */
    job->output.left -= (double)n;
    if (job->output.left < 0) condemn(job, mode, "printed too much (raise trial: max_output, or print less)");
}

/* Others may read it: without our tokens, and without what variables say is secret. */
static void hear(struct channel *c, const char *safe, size_t n)
{
    struct job *job = c->data;
    bool err = c == &job->output.err;
    if (n == 0) return;
    log_write(&c->log, safe, n);
    if (job->handler.output) job->handler.output(job->data, err, safe, n);
    if (err) channel_split(c, safe, n); /* of stdout, messages need every byte */
}

static void flush(struct channel *c)
{
    size_t n;
    const char *safe = redactor_end(&c->redactor, &n);
    hear(c, safe, n);
}

static void take_output(struct channel *c, const char *bytes, size_t n)
{
    size_t k;
    const char *safe = redactor_take(&c->redactor, bytes, n, &k);
    hear(c, safe, k);
    count_output(c->data, n);
}

/* Line by line: a report that the program makes itself gets what was found before it. */
static void read_stdout(struct channel *c, const char *bytes, size_t n)
{
    const struct job *job = c->data;
    while (n > 0) {
        const char *end = memchr(bytes, '\n', n);
        size_t k = end ? (size_t)(end - bytes) + 1 : n;
        matcher_take(job->harvest.matcher, MATCH_STDOUT, bytes, k);
        channel_split(c, bytes, k);
        bytes += k;
        n -= k;
    }
}

static void read_channel(struct channel *c, bool on);

static void on_breathed(uv_timer_t *breather)
{
    struct job *job = breather->data;
    read_channel(&job->output.out, !job->output.held);
    read_channel(&job->output.err, !job->output.held);
    read_channel(&job->messages, !job->output.held);
}

/* Millions of short lines take longer to match than to print, and of messages to understand than to say: the loop turns
 * before more of them are read. */
static void breathe(struct job *job)
{
    read_channel(&job->output.out, false);
    read_channel(&job->output.err, false);
    read_channel(&job->messages, false);
    uv_timer_start(&job->output.breather, on_breathed, 1, 0);
}

/* Of what all jobs together may read before the loop turns. */
static bool is_slice_over(const struct job *job)
{
    return uv_hrtime() / NS_PER_MS > uv_now(job->process.loop) + SLICE_MS;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct job *job = stream->data;
    struct channel *c = stream == (uv_stream_t *)&job->output.out.pipe   ? &job->output.out
                        : stream == (uv_stream_t *)&job->output.err.pipe ? &job->output.err
                                                                         : &job->messages;
    if (n > 0 && c != &job->messages) take_output(c, buf->base, (size_t)n);
    bool match = n > 0 && job->harvest.matcher && is_heard(job);
    if (match && c == &job->output.err) matcher_take(job->harvest.matcher, MATCH_STDERR, buf->base, (size_t)n);
    if (match && c == &job->output.out)
        read_stdout(c, buf->base, (size_t)n);
    else if (n > 0 && c != &job->output.err)
        channel_split(c, buf->base, (size_t)n);
    free(buf->base);
    if (n > 0 && is_slice_over(job)) breathe(job);
    if (n >= 0) return;
    flush(c);
    channel_end_line(c);
    channel_close(c, on_close);
    drain(job);
}

static void read_channel(struct channel *c, bool on)
{
    if (!c->open) return;
    if (on)
        uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
    else
        uv_read_stop((uv_stream_t *)&c->pipe);
}

void job_throttle(struct job *job, bool held)
{
    if (job->output.held == held || job->state == JOB_CLOSED) return;
    job->output.held = held;
    bool rests = uv_is_active((uv_handle_t *)&job->output.breather);
    read_channel(&job->output.out, !held && !rests);
    read_channel(&job->output.err, !held && !rests);
    read_channel(&job->messages, !held && !rests);
}

/* ---- starting ---- */

static const struct match_handler match_handler = {on_matched_report, on_wrong_match};

static void open_channels(struct job *job, uv_loop_t *loop)
{
    channel_open(&job->output.out, loop, on_stdout_line, job);
    channel_open(&job->output.err, loop, on_stderr_line, job);
    channel_open(&job->messages, loop, on_message_line, job);
    job->handles += 3;
}

static void open_timers(struct job *job, uv_loop_t *loop)
{
    uv_timer_init(loop, &job->timer);
    uv_timer_init(loop, &job->output.breather);
    job->timer.data = job->output.breather.data = job;
    job->handles += 2;
}

static enum status prepare_folder(struct job *job, const struct job_spec *spec, struct error *err)
{
    int dir = -1;
    enum status s = workers_attempt_folder(spec->dir, &dir, err);
    if (s) return s;
    s = files_write(dir, "params.json", spec->params, err);
    if (s) error_context(err, "%s", spec->dir);
    log_open(&job->output.out.log, spec->dir, dir, "stdout.log");
    log_open(&job->output.err.log, spec->dir, dir, "stderr.log");
    close(dir);
    return s;
}

static int spawn(struct job *job, const struct job_spec *spec)
{
    const char *guard = job->seat.guard;
    int lock = job->seat.lock;
    const uv_stdio_flags output = UV_CREATE_PIPE | UV_WRITABLE_PIPE, both = output | UV_READABLE_PIPE;
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = output, .data.stream = (uv_stream_t *)&job->output.out.pipe},
        {.flags = output, .data.stream = (uv_stream_t *)&job->output.err.pipe},
        {.flags = both, .data.stream = (uv_stream_t *)&job->messages.pipe},
        {.flags = lock < 0 ? UV_IGNORE : UV_INHERIT_FD, .data.fd = lock},
    };
    uv_process_options_t options = {.exit_cb = on_process_exit,
                                    .file = guard,
                                    .args = invocation_argv(&job->arena, guard, spec->argv),
                                    .env = invocation_env(&job->arena, spec->env, job->rescue.mark),
                                    .cwd = spec->cwd,
                                    .flags = UV_PROCESS_DETACHED, /* Ctrl-C is for the coordinator alone */
                                    .stdio_count = lock < 0 ? TRIAL_FD + 1 : GUARD_LOCK_FD + 1,
                                    .stdio = stdio};
    job->process.data = job;
    job->handles++; /* uv_spawn initialises the handle even if it fails */
    return uv_spawn(job->seat.loop, &job->process, &options);
}

static void abandon(struct job *job)
{
    job->state = JOB_CLOSED;
    channel_close(&job->output.out, on_close);
    channel_close(&job->output.err, on_close);
    channel_close(&job->messages, on_close);
    uv_close((uv_handle_t *)&job->timer, on_close);
    uv_close((uv_handle_t *)&job->output.breather, on_close);
    if (job->process.data) uv_close((uv_handle_t *)&job->process, on_close);
}

static void start_reading(struct job *job)
{
    read_channel(&job->output.out, true);
    read_channel(&job->output.err, true);
    read_channel(&job->messages, true);
}

static enum status launch(struct job *job, const struct job_spec *spec, struct error *err)
{
    enum status s = harvest_init(&job->harvest, spec, &match_handler, job, &job->arena, err);
    if (s) return s;
    if (prepare_folder(job, spec, err)) {
        if (err) err->status = STATUS_IO; /* it is not the study that keeps us from it */
        return STATUS_IO;
    }
    int code = spawn(job, spec);
    if (code == 0) return STATUS_OK;
    invocation_blame(code, job->seat.guard, spec->argv[0], err);
    return STATUS_FAILED;
}

struct job *job_start(const struct job_seat *seat, const struct job_spec *spec, const struct job_handler *handler,
                      void *data, struct error *err)
{
    struct job *job = must_alloc(1, sizeof *job);
    job->seat = *seat;
    job->handler = *handler;
    job->data = data;
    job->grace_ms = spec->grace_ms;
    job->output.left = spec->output_max;
    job->ending.memory_kills = host_memory_kills();
    rescue_init(&job->rescue);
    job->dir = arena_strdup(&job->arena, spec->dir);
    open_channels(job, seat->loop);
    open_timers(job, seat->loop);
    if (launch(job, spec, err)) {
        abandon(job);
        return NULL;
    }
    rescue_watch(&job->rescue, job->process.pid);
    start_reading(job);
    if (spec->timeout_ms > 0) uv_timer_start(&job->timer, on_timer, (uint64_t)spec->timeout_ms, 0);
    return job;
}
