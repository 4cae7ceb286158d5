/* SPDX-License-Identifier: MIT
 *
 * Copyright (c) 2026 The Nocturne developers
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy
 * of this software and associated documentation files (the "Software"), to
 * deal in the Software without restriction, including without limitation the
 * rights to use, copy, modify, merge, publish, distribute, sublicense, and/or
 * sell copies of the Software, and to permit persons to whom the Software is
 * furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in
 * all copies or substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 * IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 * FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 * AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 * LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING
 * FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS
 * IN THE SOFTWARE.
 *
 * nocturne.h: what a trial program written in C includes. One header, no library.
 *
 *     struct nocturne n = nocturne_open();
 *     for (step = 0; !done; step++) {
 *         train();
 *         nocturne_report(&n, step, 2, (struct nocturne_metric[]){{"em", em}, {"tokens", tokens}});
 *         if (nocturne_should_stop(&n)) break;
 *     }
 *     nocturne_result(&n, 2, (struct nocturne_metric[]){{"em", em}, {"tokens", tokens}});
 *
 * Messages are JSON lines on the stream socket NOCTURNE_FD. Outside Nocturne,
 * without that variable, they go to stdout behind the word "nocturne:", so a
 * program can be tried by hand. A message is written whole or the program is
 * told so: the calls return 0, or -1 with errno set. One thread at a time.
 */
#ifndef NOCTURNE_SDK_H
#define NOCTURNE_SDK_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct nocturne {
    int fd; /* stream socket to Nocturne, or -1: stdout */
    int stop;
    char line[512]; /* the unfinished message from Nocturne */
    size_t line_len;
};

/* `name` must match the study file and is sent as it is; `value` may be any double: NaN fails the trial with a reason.
 */
struct nocturne_metric {
    const char *name;
    double value;
};

static inline struct nocturne nocturne_open(void)
{
    struct nocturne n = {.fd = -1};
    const char *fd = getenv("NOCTURNE_FD");
    if (fd && *fd) n.fd = atoi(fd);
    return n;
}

static inline int nocturne_send_(struct nocturne *n, const char *text, size_t len)
{
    if (n->fd < 0) {
        int bad = fputs("nocturne: ", stdout) < 0 || fwrite(text, 1, len, stdout) != len || fflush(stdout) != 0;
        return bad ? -1 : 0;
    }
    while (len > 0) {
        ssize_t k = send(n->fd, text, len, MSG_NOSIGNAL);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return -1;
        text += k;
        len -= (size_t)k;
    }
    return 0;
}

static inline size_t nocturne_put_(char *buf, size_t room, size_t at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int k = vsnprintf(at < room ? buf + at : NULL, at < room ? room - at : 0, fmt, ap);
    va_end(ap);
    return at + (k > 0 ? (size_t)k : 0);
}

/* isfinite() that survives -ffast-math: an exponent of all ones is NaN or infinity. */
static inline int nocturne_finite_(double v)
{
    unsigned long long bits;
    memcpy(&bits, &v, sizeof bits);
    return (bits >> 52 & 0x7ff) != 0x7ff;
}

static inline int nocturne_message_(struct nocturne *n, const char *verb, long step, size_t k,
                                    const struct nocturne_metric *m)
{
    char buf[4096];
    const char *comma = "";
    size_t at = nocturne_put_(buf, sizeof buf, 0, "{\"%s\": {", verb);
    if (step >= 0) {
        at = nocturne_put_(buf, sizeof buf, at, "\"step\": %ld", step);
        comma = ", ";
    }
    for (size_t i = 0; i < k; i++, comma = ", ")
        at = nocturne_put_(buf, sizeof buf, at, nocturne_finite_(m[i].value) ? "%s\"%s\": %.17g" : "%s\"%s\": NaN",
                           comma, m[i].name, m[i].value);
    at = nocturne_put_(buf, sizeof buf, at, "}}\n");
    if (at >= sizeof buf) {
        errno = EMSGSIZE;
        return -1;
    }
    return nocturne_send_(n, buf, at);
}

/* Reports `k` metrics at `step` (0, 1, 2, …). */
static inline int nocturne_report(struct nocturne *n, long step, size_t k, const struct nocturne_metric *m)
{
    return nocturne_message_(n, "report", step, k, m);
}

/* The final metrics; call once, then exit 0. */
static inline int nocturne_result(struct nocturne *n, size_t k, const struct nocturne_metric *m)
{
    return nocturne_message_(n, "result", -1, k, m);
}

/* Has Nocturne asked this trial to stop? Never blocks. A stopped trial may still send its result. */
static inline int nocturne_should_stop(struct nocturne *n)
{
    char c;
    while (n->fd >= 0 && recv(n->fd, &c, 1, MSG_DONTWAIT) == 1) {
        if (c != '\n') {
            if (n->line_len < sizeof n->line - 1) n->line[n->line_len++] = c;
            continue;
        }
        n->line[n->line_len] = 0;
        if (strstr(n->line, "\"stop\"")) n->stop = 1;
        n->line_len = 0;
    }
    return n->stop;
}

#endif
