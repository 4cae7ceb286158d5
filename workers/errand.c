#include "workers/rescue.h"
#include "workers/workers.h"

#include "tuner/base/arena.h"
#include "tuner/base/redact.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUTPUT_MAX = 4 << 20 };

struct output {
    uv_pipe_t pipe;
    char *text;
    size_t n;
};

struct errand {
    uv_process_t process;
    uv_timer_t timer;
    struct output out, err;
    struct arena arena;
    int handles, open; /* open: of process, out, err, those that are not at their end */
    int64_t code;
    int signal;
    bool slow, ending;
    struct rescue rescue; /* kills what it has started, too */
    errand_done_fn *done; /* NULL: dropped, or called */
    void *data;
};

static void release(struct errand *e)
{
    if (--e->handles > 0) return;
    free(e->out.text);
    free(e->err.text);
    arena_done(&e->arena);
    free(e);
}

static void on_close(uv_handle_t *handle)
{
    release(handle->data);
}

static void close_all(struct errand *e)
{
    uv_handle_t *all[] = {(uv_handle_t *)&e->process, (uv_handle_t *)&e->timer, (uv_handle_t *)&e->out.pipe,
                          (uv_handle_t *)&e->err.pipe};
    for (size_t i = 0; i < 4; i++)
        if (!uv_is_closing(all[i])) uv_close(all[i], on_close);
}

static void finish(struct errand *e)
{
    errand_done_fn *done = e->done;
    e->done = NULL;
    bool ok = e->code == 0 && !e->signal && !e->slow;
    const char *said = e->err.text && *e->err.text ? e->err.text : e->out.text && *e->out.text ? e->out.text : "failed";
    const char *text = ok ? e->out.text : e->slow ? "too slow" : said;
    if (done) done(e->data, e->signal || e->slow ? -1 : (int)e->code, text ? text : "");
    close_all(e);
}

static void part(struct errand *e)
{
    if (--e->open == 0) finish(e);
}

static void on_gone(uv_process_t *process, int64_t code, int signal)
{
    struct errand *e = process->data;
    e->code = code;
    e->signal = signal;
    part(e);
}

static void stop_reading(struct errand *e, struct output *o)
{
    if (uv_is_closing((uv_handle_t *)&o->pipe)) return;
    uv_close((uv_handle_t *)&o->pipe, on_close);
    part(e);
}

/* Whoever got away from it does not keep the errand by holding its pipes. */
static void on_killed(void *data)
{
    struct errand *e = data;
    if (uv_is_active((uv_handle_t *)&e->process)) uv_process_kill(&e->process, SIGKILL); /* if there was no /proc */
    stop_reading(e, &e->out);
    stop_reading(e, &e->err);
    release(e);
}

static void end_command(struct errand *e)
{
    if (e->ending) return;
    e->ending = true;
    e->handles++;
    rescue_start(&e->rescue, e->timer.loop, on_killed, e);
}

static void on_timer(uv_timer_t *timer)
{
    struct errand *e = timer->data;
    e->slow = true;
    end_command(e);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    *buf = uv_buf_init(must_alloc(suggested, 1), (unsigned)suggested);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct errand *e = stream->data;
    struct output *o = stream == (uv_stream_t *)&e->out.pipe ? &e->out : &e->err;
    if (n > 0 && o->n + (size_t)n < OUTPUT_MAX) {
        o->text = must_grow(o->text, o->n + (size_t)n + 1, 1);
        memcpy(o->text + o->n, buf->base, (size_t)n);
        o->n += (size_t)n;
        o->text[o->n] = 0;
    }
    free(buf->base);
    if (n >= 0) return;
    stop_reading(e, o);
}

static char **environment(struct arena *a, const char *const *scrub)
{
    size_t n = 0, k = 0;
    while (environ[n]) n++;
    char **env = arena_array(a, n + 1, sizeof *env);
    for (size_t i = 0; i < n; i++) {
        bool out = redact_is_own(environ[i]);
        for (size_t j = 0; scrub && scrub[j]; j++) out |= strncmp(environ[i], scrub[j], strlen(scrub[j])) == 0;
        if (!out) env[k++] = environ[i];
    }
    return env;
}

static void on_not_started(uv_timer_t *timer)
{
    finish(timer->data);
}

struct errand *errand_start(uv_loop_t *loop, char *const *argv, const char *const *scrub, int64_t timeout_ms,
                            errand_done_fn *done, void *data)
{
    const uv_stdio_flags output = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
    struct errand *e = must_alloc(1, sizeof *e);
    uv_stdio_container_t stdio[] = {{.flags = UV_IGNORE},
                                    {.flags = output, .data.stream = (uv_stream_t *)&e->out.pipe},
                                    {.flags = output, .data.stream = (uv_stream_t *)&e->err.pipe}};
    uv_process_options_t options = {.exit_cb = on_gone,
                                    .file = argv[0],
                                    .args = (char **)argv,
                                    .env = environment(&e->arena, scrub),
                                    .stdio_count = 3,
                                    .stdio = stdio};
    e->done = done;
    e->data = data;
    uv_pipe_init(loop, &e->out.pipe, 0);
    uv_pipe_init(loop, &e->err.pipe, 0);
    uv_timer_init(loop, &e->timer);
    e->process.data = e->timer.data = e->out.pipe.data = e->err.pipe.data = e;
    e->handles = 4;
    int code = uv_spawn(loop, &e->process, &options);
    if (code != 0) { /* said from the loop, as everything is */
        e->err.text = must_strdup(uv_strerror(code));
        e->code = -1;
        e->slow = false;
        e->signal = SIGABRT;
        uv_timer_start(&e->timer, on_not_started, 0, 0);
        return e;
    }
    e->open = 3;
    rescue_init(&e->rescue);
    rescue_watch(&e->rescue, e->process.pid);
    uv_read_start((uv_stream_t *)&e->out.pipe, on_alloc, on_read);
    uv_read_start((uv_stream_t *)&e->err.pipe, on_alloc, on_read);
    uv_timer_start(&e->timer, on_timer, (uint64_t)timeout_ms, 0);
    return e;
}

void errand_drop(struct errand *e)
{
    if (!e->done) return;
    e->done = NULL;
    if (e->open > 0)
        end_command(e);
    else
        close_all(e);
}
