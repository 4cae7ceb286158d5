#include "workers/guard.h"
#include "workers/invocation.h"
#include "workers/rescue.h"
#include "workers/workers.h"

#include "tuner/base/arena.h"
#include "tuner/base/redact.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { OUTPUT_MAX = 4 << 20 };

struct output {
    uv_pipe_t pipe;
    char *text;
    size_t n;
};

struct command {
    uv_process_t process;
    uv_timer_t timer;
    struct output out, err;
    struct arena arena;
    int handles, open; /* open: of process, out, err, those that are not at their end */
    int64_t code;
    int signal;
    bool slow, ending, guarded;
    struct rescue rescue;  /* kills what it has started, too */
    command_done_fn *done; /* NULL: dropped, or called */
    void *data;
};

static void release(struct command *c)
{
    if (--c->handles > 0) return;
    free(c->out.text);
    free(c->err.text);
    arena_done(&c->arena);
    free(c);
}

static void on_close(uv_handle_t *handle)
{
    release(handle->data);
}

static void close_all(struct command *c)
{
    uv_handle_t *all[] = {(uv_handle_t *)&c->process, (uv_handle_t *)&c->timer, (uv_handle_t *)&c->out.pipe,
                          (uv_handle_t *)&c->err.pipe};
    for (size_t i = 0; i < 4; i++)
        if (!uv_is_closing(all[i])) uv_close(all[i], on_close);
}

/* As if there were no guard: a program that cannot be started has no exit code. */
static void take_guard_word(struct command *c)
{
    size_t n = strlen(GUARD_CANNOT_START);
    const char *said = c->err.text;
    if (c->code != GUARD_CANNOT_START_CODE || !said || strncmp(said, GUARD_CANNOT_START, n) != 0) return;
    const char *why = strrchr(said, ':');
    if (!why || why[1] != ' ') return; /* somebody else's words */
    c->code = -1;
    memmove(c->err.text, why + 2, strlen(why + 1));
}

static void finish(struct command *c)
{
    command_done_fn *done = c->done;
    c->done = NULL;
    if (c->guarded) take_guard_word(c);
    bool ok = c->code == 0 && !c->signal && !c->slow;
    const char *said = c->err.text && *c->err.text ? c->err.text : c->out.text && *c->out.text ? c->out.text : "failed";
    const char *text = ok ? c->out.text : c->slow ? "too slow" : said;
    if (done) done(c->data, c->signal || c->slow ? -1 : (int)c->code, text ? text : "");
    close_all(c);
}

static void part(struct command *c)
{
    if (--c->open == 0) finish(c);
}

static void on_gone(uv_process_t *process, int64_t code, int signal)
{
    struct command *c = process->data;
    c->code = code;
    c->signal = signal;
    part(c);
}

static void stop_reading(struct command *c, struct output *o)
{
    if (uv_is_closing((uv_handle_t *)&o->pipe)) return;
    uv_close((uv_handle_t *)&o->pipe, on_close);
    part(c);
}

/* Whoever got away from it does not keep the command by holding its pipes. */
static void on_killed(void *data)
{
    struct command *c = data;
    if (uv_is_active((uv_handle_t *)&c->process)) uv_process_kill(&c->process, SIGKILL); /* if there was no /proc */
    stop_reading(c, &c->out);
    stop_reading(c, &c->err);
    release(c);
}

static void end_command(struct command *c)
{
    if (c->ending) return;
    c->ending = true;
    c->handles++;
    rescue_start(&c->rescue, c->timer.loop, on_killed, c);
}

static void on_timer(uv_timer_t *timer)
{
    struct command *c = timer->data;
    c->slow = true;
    end_command(c);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    *buf = uv_buf_init(must_alloc(suggested, 1), (unsigned)suggested);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct command *c = stream->data;
    struct output *o = stream == (uv_stream_t *)&c->out.pipe ? &c->out : &c->err;
    if (n > 0 && o->n + (size_t)n < OUTPUT_MAX) {
        o->text = must_grow(o->text, o->n + (size_t)n + 1, 1);
        memcpy(o->text + o->n, buf->base, (size_t)n);
        o->n += (size_t)n;
        o->text[o->n] = 0;
    }
    free(buf->base);
    if (n >= 0) return;
    stop_reading(c, o);
}

static char **environment(struct arena *a, const struct command_spec *spec, const char *mark)
{
    const char *const *scrub = spec->scrub, *const *add = spec->add;
    size_t n = 0, more = 0, k = 0;
    while (environ[n]) n++;
    while (add && add[more]) more++;
    char **env = arena_array(a, n + more + 2, sizeof *env);
    if (spec->guard) env[k++] = arena_strdup(a, mark);
    for (size_t i = 0; i < more; i++) env[k++] = arena_strdup(a, add[i]);
    const size_t own = k;
    for (size_t i = 0; i < n; i++) {
        bool out = redact_is_own(environ[i]);
        for (size_t j = 0; j < own; j++) out |= strncmp(environ[i], env[j], strcspn(env[j], "=") + 1) == 0;
        for (size_t j = 0; scrub && scrub[j]; j++) out |= strncmp(environ[i], scrub[j], strlen(scrub[j])) == 0;
        if (!out) env[k++] = environ[i];
    }
    return env;
}

/* A file without a name that has it, to be read from its beginning: nobody waits for a reader, or writes to one that is
 * gone. −1: there is none. */
static int stdin_with(const char *input)
{
    size_t n = strlen(input), at = 0;
    int fd = memfd_create("stdin", MFD_CLOEXEC);
    while (fd >= 0 && at < n) {
        ssize_t k = write(fd, input + at, n - at);
        if (k <= 0) break;
        at += (size_t)k;
    }
    if (fd >= 0 && (at < n || lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void on_not_started(uv_timer_t *timer)
{
    finish(timer->data);
}

struct command *command_start(uv_loop_t *loop, char *const *argv, const char *const *scrub, int64_t timeout_ms,
                              command_done_fn *done, void *data)
{
    return command_start_with(loop, &(struct command_spec){.argv = argv, .scrub = scrub, .timeout_ms = timeout_ms},
                              done, data);
}

struct command *command_start_with(uv_loop_t *loop, const struct command_spec *spec, command_done_fn *done, void *data)
{
    const uv_stdio_flags output = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
    struct command *c = must_alloc(1, sizeof *c);
    int input = spec->input ? stdin_with(spec->input) : -1;
    uv_stdio_container_t stdio[] = {{.flags = input >= 0 ? UV_INHERIT_FD : UV_IGNORE, .data.fd = input},
                                    {.flags = output, .data.stream = (uv_stream_t *)&c->out.pipe},
                                    {.flags = output, .data.stream = (uv_stream_t *)&c->err.pipe}};
    rescue_init(&c->rescue);
    char *const *argv = spec->guard ? invocation_argv(&c->arena, spec->guard, spec->argv) : spec->argv;
    uv_process_options_t options = {.exit_cb = on_gone,
                                    .file = argv[0],
                                    .args = (char **)argv,
                                    .env = environment(&c->arena, spec, c->rescue.mark),
                                    .stdio_count = 3,
                                    .stdio = stdio};
    c->done = done;
    c->data = data;
    c->guarded = spec->guard != NULL;
    uv_pipe_init(loop, &c->out.pipe, 0);
    uv_pipe_init(loop, &c->err.pipe, 0);
    uv_timer_init(loop, &c->timer);
    c->process.data = c->timer.data = c->out.pipe.data = c->err.pipe.data = c;
    c->handles = 4;
    int code = spec->input && input < 0 ? UV_ENOMEM : uv_spawn(loop, &c->process, &options);
    if (input >= 0) close(input);
    if (code != 0) { /* said from the loop, as everything is */
        c->err.text = must_strdup(uv_strerror(code));
        c->code = -1;
        c->slow = false;
        c->signal = SIGABRT;
        uv_timer_start(&c->timer, on_not_started, 0, 0);
        return c;
    }
    c->open = 3;
    rescue_watch(&c->rescue, c->process.pid);
    uv_read_start((uv_stream_t *)&c->out.pipe, on_alloc, on_read);
    uv_read_start((uv_stream_t *)&c->err.pipe, on_alloc, on_read);
    uv_timer_start(&c->timer, on_timer, (uint64_t)spec->timeout_ms, 0);
    return c;
}

void command_drop(struct command *c)
{
    if (!c->done) return;
    c->done = NULL;
    if (c->open > 0)
        end_command(c);
    else
        close_all(c);
}
