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
 */
#include "nocturne.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const double NEVER = 1e300; /* JSON has no infinity */

enum { MESSAGE_MAX = 8192, LINE_MAX_ = 1024, SETTERS_MAX = 16, NAME_MAX_ = 64, ASKED_MAX = 128 };

struct setter {
    const char *name;
    void (*set)(void *data, double value);
    void *data;
};

struct asked { /* a parameter that the program has asked for */
    const char *name;
    const char *text; /* its fallback; NULL: it is a number */
    double number;
};

struct asking {
    struct asked param[ASKED_MAX];
    size_t n;
    int is_open; /* --help is still to be answered */
};

struct nocturne {
    struct asking *asking;
    int fd; /* stream socket to Nocturne, or -1: stdout */
    int argc;
    char **argv;
    int stop;
    int listens; /* it asks whether to stop */
    char why[256];
    struct setter setter[SETTERS_MAX];
    size_t n_setters;
    struct nocturne_stopping *stopping;
    char line[LINE_MAX_]; /* the unfinished message from Nocturne */
    size_t line_len;
};

/* The only thing that a signal handler may write. */
static volatile sig_atomic_t terminated;

static void on_terminate(int number)
{
    (void)number;
    terminated = 1;
}

static void catch_termination(void)
{
    struct sigaction old, now;
    if (sigaction(SIGTERM, NULL, &old) != 0 || old.sa_handler != SIG_DFL) return;
    memset(&now, 0, sizeof now);
    now.sa_handler = on_terminate;
    now.sa_flags = SA_RESTART;
    sigaction(SIGTERM, &now, NULL);
}

struct nocturne *nocturne_open(int argc, char **argv)
{
    struct nocturne *n = calloc(1, sizeof *n);
    const char *fd = getenv("NOCTURNE_FD");
    if (!n) return NULL;
    n->asking = calloc(1, sizeof *n->asking);
    if (!n->asking) return free(n), NULL;
    n->fd = fd && *fd ? atoi(fd) : -1;
    n->argc = argv ? argc : 0;
    n->argv = argv;
    n->asking->is_open = n->fd < 0 && n->argc > 0;
    return n;
}

void nocturne_close(struct nocturne *n)
{
    if (n) free(n->asking);
    free(n);
}

/* ---- parameters ---- */

/* Is it --name, with or without "=value"? - and _ are alike. Returns what is behind the name; NULL: no. */
static const char *behind_name(const char *a, const char *name)
{
    if (a[0] != '-' || a[1] != '-') return NULL;
    for (a += 2; *name && (*a == *name || (*a == '-' && *name == '_')); a++, name++) {
    }
    return *name || (*a && *a != '=') ? NULL : a;
}

/* Value of --name=value or --name value. NULL: not there. */
static const char *argument(const struct nocturne *n, const char *name)
{
    for (int i = 1; i < n->argc && strcmp(n->argv[i], "--") != 0; i++) {
        const char *rest = behind_name(n->argv[i], name);
        if (rest && *rest) return rest + 1;
        if (rest && i + 1 < n->argc) return n->argv[i + 1];
    }
    return NULL;
}

/* NOCTURNE_PARAM_NAME, with '_' for what is neither letter nor digit; in small letters as they are where two parameters
 * differ in nothing else. */
static const char *variable(const char *name, int capitals)
{
    char text[NAME_MAX_ + 32] = "NOCTURNE_PARAM_";
    size_t at = strlen(text);
    for (const unsigned char *c = (const unsigned char *)name; *c && at + 1 < sizeof text; c++)
        text[at++] = !isalnum(*c) ? '_' : capitals ? (char)toupper(*c) : (char)*c;
    text[at] = 0;
    return getenv(text);
}

static const char *find_text(const struct nocturne *n, const char *name, const char *fallback)
{
    const char *value = variable(name, 1);
    if (!value) value = variable(name, 0);
    if (!value && n->fd < 0) value = argument(n, name);
    return value ? value : fallback;
}

static int has_asked(const struct nocturne *n, const char *name)
{
    for (size_t i = 0; i < n->asking->n; i++)
        if (strcmp(n->asking->param[i].name, name) == 0) return 1;
    return 0;
}

static void ask(const struct nocturne *n, struct asked asked)
{
    struct asking *all = n->asking;
    if (all->n < ASKED_MAX && !has_asked(n, asked.name)) all->param[all->n++] = asked;
}

const char *nocturne_text(const struct nocturne *n, const char *name, const char *fallback)
{
    ask(n, (struct asked){name, fallback ? fallback : "", 0});
    return find_text(n, name, fallback);
}

static int read_number(const char *text, double *ret)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end) return 0;
    *ret = v;
    return 1;
}

double nocturne_number(const struct nocturne *n, const char *name, double fallback)
{
    const char *text = find_text(n, name, "");
    double v = fallback;
    ask(n, (struct asked){name, NULL, fallback});
    return read_number(text, &v) ? v : fallback;
}

static const char *setting(const struct nocturne *n, const char *variable, const char *name)
{
    const char *value = getenv(variable);
    return value && *value ? value : argument(n, name);
}

unsigned long nocturne_seed(const struct nocturne *n)
{
    const char *text = setting(n, "NOCTURNE_SEED", "seed");
    return text ? strtoul(text, NULL, 10) : 1;
}

const char *nocturne_folder(const struct nocturne *n)
{
    const char *folder = setting(n, "NOCTURNE_DIR", "folder");
    return folder ? folder : ".";
}

const char *nocturne_resume_from(const struct nocturne *n)
{
    return setting(n, "NOCTURNE_RESUME", "resume");
}

/* ---- by hand ---- */

/* isfinite() that survives -ffast-math: an exponent of all ones is NaN or infinity. */
static int is_finite(double v)
{
    unsigned long long bits;
    memcpy(&bits, &v, sizeof bits);
    return (bits >> 52 & 0x7ff) != 0x7ff;
}

static const struct { /* what is read besides */
    const char *name, *what, *text;
} own[] = {{"seed", "INT", "of the program's random numbers (default: 1)"},
           {"folder", "PATH", "for checkpoints (default: the current one)"},
           {"resume", "PATH", "the checkpoint to go on from"}};
enum { N_OWN = sizeof own / sizeof *own, COLUMN = 28 };

static void print_option(const char *name, const char *what)
{
    int n = printf("  --");
    for (; *name; name++, n++) putchar(*name == '_' ? '-' : *name);
    n += printf(" %s", what);
    printf("%*s  ", n < COLUMN ? COLUMN - n : 0, "");
}

static void print_help(const struct nocturne *n)
{
    const char *slash = n->argv[0] ? strrchr(n->argv[0], '/') : NULL;
    printf("Usage: %s [--NAME VALUE]...\n", slash ? slash + 1 : n->argv[0] ? n->argv[0] : "program");
    printf("Under Nocturne the parameters are the trial's; by hand they are:\n\n");
    for (size_t i = 0; i < n->asking->n; i++) {
        const struct asked *p = &n->asking->param[i];
        print_option(p->name, p->text ? "TEXT" : "NUMBER");
        if (p->text)
            printf("default: '%s'\n", p->text);
        else
            printf("default: %.15g\n", p->number);
    }
    for (size_t i = 0; i < N_OWN; i++) {
        if (has_asked(n, own[i].name)) continue;
        print_option(own[i].name, own[i].what);
        printf("%s\n", own[i].text);
    }
    print_option("help", "");
    printf("print this\n");
}

/* Ends the program if its arguments ask for help, and nobody has answered. */
static void answer_help(struct nocturne *n)
{
    if (!n->asking->is_open) return;
    n->asking->is_open = 0;
    for (int i = 1; i < n->argc && strcmp(n->argv[i], "--") != 0; i++)
        if (strcmp(n->argv[i], "--help") == 0 || strcmp(n->argv[i], "-h") == 0) {
            print_help(n);
            exit(fflush(stdout) == 0 ? 0 : 1);
        }
}

static void refuse(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputs("; see --help\n", stderr);
    exit(2);
}

/* Which of the parameters, and behind them of `own`, an argument names, and what is behind the name; -1: none. */
static int find_named(const struct nocturne *n, const char *a, const char **ret_rest)
{
    int all = (int)n->asking->n;
    for (int i = 0; i < all + N_OWN; i++)
        if ((*ret_rest = behind_name(a, i < all ? n->asking->param[i].name : own[i - all].name))) return i;
    return -1;
}

static void refuse_unknown(const struct nocturne *n, const char *a)
{
    char option[NAME_MAX_ + 4];
    const char *rest;
    int dashes = (int)strspn(a, "-"), name = (int)strcspn(a + dashes, "=");
    snprintf(option, sizeof option, "--%.*s", name, a + dashes);
    if (find_named(n, option, &rest) >= 0)
        refuse("%s '%.80s'; did you mean '%s'?", dashes ? "unknown option" : "unexpected word", a, option);
    if (dashes) refuse("unknown option '%.*s'", dashes + name < 80 ? dashes + name : 80, a);
    refuse("unexpected word '%.80s': a parameter is '--NAME VALUE' or '--NAME=VALUE'", a);
}

enum kind { KIND_TEXT, KIND_NUMBER, KIND_WHOLE };

static enum kind kind_of(const struct nocturne *n, int named)
{
    int all = (int)n->asking->n;
    if (named < all) return n->asking->param[named].text ? KIND_TEXT : KIND_NUMBER;
    return strcmp(own[named - all].name, "seed") == 0 ? KIND_WHOLE : KIND_TEXT;
}

/* Decimal; infinite only where it says so. */
static int is_of_kind(const char *text, enum kind kind)
{
    double v;
    size_t n = strlen(text);
    if (kind == KIND_TEXT) return 1;
    if (kind == KIND_WHOLE) return n > 0 && strspn(text, "0123456789") == n;
    if (!read_number(text, &v)) return 0;
    return is_finite(v) ? strspn(text, "0123456789+-.eE") == n : !!strchr("iI", text[strspn(text, "+-")]);
}

/* Returns how many arguments it is. */
static int check_argument(const struct nocturne *n, int i, char *said)
{
    const char *a = n->argv[i], *rest, *value;
    int named = find_named(n, a, &rest);
    if (named < 0) refuse_unknown(n, a);
    enum kind kind = kind_of(n, named);
    value = *rest ? rest + 1 : i + 1 < n->argc ? n->argv[i + 1] : NULL;
    if (!value || (!*rest && kind != KIND_TEXT && strncmp(value, "--", 2) == 0)) refuse("%s: its value is missing", a);
    if (said[named]) refuse("%.*s is said twice", (int)(rest - a), a);
    said[named] = 1;
    if (!is_of_kind(value, kind))
        refuse("%.*s: '%.80s' is not a %snumber", (int)(rest - a), a, value, kind == KIND_WHOLE ? "whole " : "");
    return *rest ? 1 : 2;
}

void nocturne_ready(struct nocturne *n)
{
    char said[ASKED_MAX + N_OWN] = {0};
    answer_help(n);
    if (n->fd >= 0 || n->asking->n == ASKED_MAX) return; /* there may be more than could be kept */
    for (int i = 1; i < n->argc && strcmp(n->argv[i], "--") != 0;) i += check_argument(n, i, said);
}

/* ---- sending ---- */

static int send_text(struct nocturne *n, const char *text, size_t len)
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

/* A message being written; `at` goes on counting when it is full. */
struct text {
    char buf[MESSAGE_MAX];
    size_t at;
};

static void put(struct text *t, const char *fmt, ...)
{
    size_t capacity = t->at < sizeof t->buf ? sizeof t->buf - t->at : 0;
    va_list ap;
    int k;
    va_start(ap, fmt);
    k = vsnprintf(capacity ? t->buf + t->at : NULL, capacity, fmt, ap);
    va_end(ap);
    if (k > 0) t->at += (size_t)k;
}

static void put_string(struct text *t, const char *s)
{
    put(t, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            put(t, "\\%c", c);
        else if (c < 32)
            put(t, "\\u%04x", c);
        else
            put(t, "%c", c);
    }
    put(t, "\"");
}

static void put_number(struct text *t, double v)
{
    put(t, is_finite(v) ? "%.17g" : "NaN", v);
}

static int flush(struct nocturne *n, struct text *t)
{
    put(t, "\n");
    if (t->at >= sizeof t->buf) {
        errno = EMSGSIZE;
        return -1;
    }
    return send_text(n, t->buf, t->at);
}

/* After what the message has said already. */
static int send_metrics(struct nocturne *n, struct text *t, size_t k, const struct nocturne_metric *m)
{
    const char *comma = t->buf[t->at - 1] == '{' ? "" : ", ";
    for (size_t i = 0; i < k; i++, comma = ", ") {
        put(t, "%s\"%s\": ", comma, m[i].name);
        put_number(t, m[i].value);
    }
    put(t, "}}");
    return flush(n, t);
}

static int send_string(struct nocturne *n, const char *verb, const char *text)
{
    struct text t;
    t.at = 0;
    put(&t, "{\"%s\": ", verb);
    put_string(&t, text);
    put(&t, "}");
    return flush(n, &t);
}

int nocturne_report(struct nocturne *n, long step, size_t k, const struct nocturne_metric *m)
{
    struct text t;
    t.at = 0;
    answer_help(n);
    put(&t, "{\"report\": {\"step\": %ld", step);
    return send_metrics(n, &t, k, m);
}

int nocturne_item(struct nocturne *n, const char *id, size_t k, const struct nocturne_metric *m)
{
    struct text t;
    t.at = 0;
    answer_help(n);
    put(&t, "{\"item\": {\"id\": ");
    put_string(&t, id);
    if (t.at < sizeof t.buf) return send_metrics(n, &t, k, m);
    errno = EMSGSIZE;
    return -1;
}

int nocturne_result(struct nocturne *n, size_t k, const struct nocturne_metric *m)
{
    struct text t;
    t.at = 0;
    answer_help(n);
    put(&t, "{\"result\": {");
    return send_metrics(n, &t, k, m);
}

/* Splitmix64 [Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195]. */
static uint64_t next_bits(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void nocturne_shuffled(const struct nocturne *n, size_t count, size_t *ret)
{
    uint64_t state = nocturne_seed(n);
    for (size_t i = 0; i < count; i++) {
        size_t k = (size_t)(next_bits(&state) % (i + 1));
        ret[i] = ret[k];
        ret[k] = i;
    }
}

int nocturne_infeasible(struct nocturne *n, const char *why)
{
    return send_string(n, "infeasible", why);
}

int nocturne_log(struct nocturne *n, const char *text)
{
    return send_string(n, "log", text);
}

int nocturne_checkpoint(struct nocturne *n, long step, const char *path)
{
    struct text t;
    t.at = 0;
    put(&t, "{\"checkpoint\": {\"step\": %ld, \"path\": ", step);
    put_string(&t, path);
    put(&t, "}}");
    return flush(n, &t);
}

/* ---- early stopping ---- */

int nocturne_stopping_update(struct nocturne_stopping *s, double value)
{
    int better =
        is_finite(value) &&
        (!s->begun || (s->mode == NOCTURNE_MAX ? value > s->best + s->threshold : value < s->best - s->threshold));
    if (better) {
        s->best = value;
        s->begun = 1;
    }
    s->bad = better ? 0 : s->bad + 1;
    return (double)s->bad >= s->patience;
}

int nocturne_early_stopping(struct nocturne *n, struct nocturne_stopping *s, const char *metric)
{
    struct text t;
    t.at = 0;
    n->stopping = s;
    put(&t, "{\"policy\": {\"patience\": ");
    put_number(&t, is_finite(s->patience) ? s->patience : NEVER);
    put(&t, ", \"threshold\": ");
    put_number(&t, is_finite(s->threshold) ? s->threshold : NEVER);
    put(&t, ", \"metric\": ");
    put_string(&t, metric);
    put(&t, ", \"mode\": \"%s\"", s->mode == NOCTURNE_MAX ? "max" : "min");
    if (s->begun) {
        put(&t, ", \"best\": ");
        put_number(&t, s->best);
        put(&t, ", \"bad\": %ld", s->bad);
    }
    put(&t, "}}");
    return flush(n, &t);
}

/* ---- being told ---- */

int nocturne_on_set(struct nocturne *n, const char *name, void (*set)(void *data, double value), void *data)
{
    if (n->n_setters == SETTERS_MAX) {
        errno = ENOSPC;
        return -1;
    }
    n->setter[n->n_setters++] = (struct setter){name, set, data};
    return 0;
}

static void set_parameter(struct nocturne *n, const char *name, double value)
{
    char text[160];
    for (size_t i = 0; i < n->n_setters; i++)
        if (strcmp(n->setter[i].name, name) == 0) {
            n->setter[i].set(n->setter[i].data, value);
            return;
        }
    snprintf(text, sizeof text, "set: this trial does not know how to change '%.80s'", name);
    nocturne_log(n, text);
}

static void set_policy(struct nocturne *n, const char *name, double value)
{
    if (!n->stopping) return;
    if (strcmp(name, "patience") == 0) n->stopping->patience = value;
    if (strcmp(name, "threshold") == 0) n->stopping->threshold = value;
}

static const char *skip(const char *s)
{
    while (isspace((unsigned char)*s)) s++;
    return s;
}

/* A string without its quotes into buf, cut to its size; escapes lose their backslash. NULL: it is none. */
static const char *take_string(const char *s, char *buf, size_t size)
{
    size_t n = 0;
    s = skip(s);
    if (*s++ != '"') return NULL;
    for (; *s && *s != '"'; s++) {
        if (*s == '\\' && s[1]) s++;
        if (n + 1 < size) buf[n++] = *s;
    }
    buf[n] = 0;
    return *s == '"' ? s + 1 : NULL;
}

/* {"name": number, …}: each pair is handed over. */
static void take_numbers(struct nocturne *n, const char *s, void (*take)(struct nocturne *, const char *, double))
{
    char name[NAME_MAX_];
    s = skip(s);
    if (*s != '{') return;
    do {
        char *end;
        double v;
        s = take_string(s + 1, name, sizeof name);
        if (!s || *(s = skip(s)) != ':') return;
        v = strtod(s + 1, &end);
        if (end == s + 1) return;
        take(n, name, v);
        s = skip(end);
    } while (*s == ',');
}

/* One message: {"verb": …}. What it does not know it does not mind. */
static void take_message(struct nocturne *n, const char *line)
{
    char verb[NAME_MAX_];
    const char *s = skip(line);
    if (*s != '{' || !(s = take_string(s + 1, verb, sizeof verb)) || *(s = skip(s)) != ':') return;
    s++;
    if (strcmp(verb, "stop") == 0) {
        n->stop = 1;
        take_string(s, n->why, sizeof n->why);
    } else if (strcmp(verb, "set") == 0)
        take_numbers(n, s, set_parameter);
    else if (strcmp(verb, "policy") == 0)
        take_numbers(n, s, set_policy);
}

static void take_bytes(struct nocturne *n, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != '\n') {
            if (n->line_len < sizeof n->line - 1) n->line[n->line_len++] = bytes[i];
            continue;
        }
        n->line[n->line_len] = 0;
        n->line_len = 0;
        take_message(n, n->line);
    }
}

int nocturne_should_stop(struct nocturne *n)
{
    char buf[512];
    ssize_t k;
    answer_help(n);
    if (n->fd >= 0 && !n->listens) catch_termination();
    n->listens = 1;
    while (n->fd >= 0 && (k = recv(n->fd, buf, sizeof buf, MSG_DONTWAIT)) > 0) take_bytes(n, buf, (size_t)k);
    const struct nocturne_stopping *s = n->stopping;
    return n->stop || terminated || (s && s->begun && (double)s->bad >= s->patience);
}

const char *nocturne_stop_reason(const struct nocturne *n)
{
    return n->why;
}
