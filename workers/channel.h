/* channel: one pipe of a trial program: bytes come in, lines go out. */
#ifndef WORKERS_CHANNEL_H
#define WORKERS_CHANNEL_H

#include "workers/files.h"

#include "tuner/base/redact.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

/* `line` has `len` bytes, CONTRACT_LINE_MAX at most, and no end of a line. */
typedef void channel_line_fn(void *data, char *line, size_t len);

struct channel {
    uv_pipe_t pipe; /* its data: the caller's, too */
    bool open;      /* neither at its end nor closed */
    channel_line_fn *line;
    void *data;
    struct log_file log; /* fd −1: none */
    struct redactor redactor;
    char *buf; /* the unfinished line */
    size_t len;
};

void channel_open(struct channel *c, uv_loop_t *loop, channel_line_fn *line, void *data);
/* Closes log and pipe; it may be closed already. */
void channel_close(struct channel *c, uv_close_cb closed);
void channel_done(struct channel *c); /* once the pipe is closed */

/* Hands over whole lines; a line that is too long is cut there, which makes a message invalid and a log line short. */
void channel_split(struct channel *c, const char *bytes, size_t n);
/* What has no end of a line is one. */
void channel_end_line(struct channel *c);

#endif
