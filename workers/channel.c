#include "workers/channel.h"

#include "workers/contract.h"

#include "tuner/base/arena.h"

#include <stdlib.h>
#include <string.h>

void channel_open(struct channel *c, uv_loop_t *loop, channel_line_fn *line, void *data)
{
    uv_pipe_init(loop, &c->pipe, 0);
    c->pipe.data = c->data = data;
    c->line = line;
    c->open = true;
    c->log.fd = -1;
    c->buf = must_alloc(CONTRACT_LINE_MAX, 1);
}

void channel_close(struct channel *c, uv_close_cb closed)
{
    c->open = false;
    log_close(&c->log);
    if (!uv_is_closing((uv_handle_t *)&c->pipe)) uv_close((uv_handle_t *)&c->pipe, closed);
}

void channel_done(struct channel *c)
{
    redactor_done(&c->redactor);
    free(c->buf);
}

void channel_split(struct channel *c, const char *bytes, size_t n)
{
    while (n > 0) {
        const char *end = memchr(bytes, '\n', n);
        size_t k = end ? (size_t)(end - bytes) : n, capacity = CONTRACT_LINE_MAX - c->len;
        if (k > capacity) k = capacity;
        memcpy(c->buf + c->len, bytes, k);
        c->len += k;
        bool whole = end && bytes + k == end;
        bytes += k + whole;
        n -= k + whole;
        if (!whole && c->len < CONTRACT_LINE_MAX) continue;
        c->line(c->data, c->buf, c->len);
        c->len = 0;
    }
}

void channel_end_line(struct channel *c)
{
    if (c->len) c->line(c->data, c->buf, c->len);
    c->len = 0;
}
