#include "tuner/execution/provisioner.h"

#include "tuner/execution/fleet.h"
#include "tuner/execution/provision.h"

#include "tuner/base/digest.h"

#include "workers/workers.h"

#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_MS = 2000, COMMAND_MS = 30000, SUBMIT_AGAIN_MS = 15000, MISSES = 2, TOOL_MAX = 40 };

#define ROW(id, key, part, tool) [PROVISIONER_##id] = &key##_provisioner,

static const struct provisioner_ops *const kinds[PROVISIONERS] = {PROVISIONER_ROWS(ROW)};

struct retired {
    struct retired *next;
    char name[PROVISION_NAME_MAX + 1];
    int looks; /* that have shown none of its jobs */
};

/* What the last look has shown. */
struct queue {
    struct provision_job *job;
    size_t n;
};

/* A command that is on its way. */
struct asking {
    struct command *command; /* NULL: none is */
    char tool[TOOL_MAX];     /* its name, for people */
};

/* The agents of one kind. */
struct pool {
    struct provisioner *provisioner;
    enum provisioner_kind kind;
    const struct provisioner_ops *ops;
    struct asking look, submit, cancel;
    int64_t looked_ms, submit_ms; /* submit: not before */
    struct retired *retired;
    struct queue queue;
    bool said;           /* that the queue cannot be looked at */
    char submitting[80]; /* the study that jobs are being submitted for */
};

struct provisioner {
    struct provisioner_options options;
    struct provision_site site;
    char *url, *user, *program;
    struct pool pool[PROVISIONERS];
};

static void say(const struct pool *x, const char *study, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void say(const struct pool *x, const char *study, const char *fmt, ...)
{
    const struct provisioner_options *o = &x->provisioner->options;
    va_list ap;
    va_start(ap, fmt);
    char *text = must_vprintf(fmt, ap);
    va_end(ap);
    o->say(o->data, study, text);
    free(text);
}

static int64_t now_ms(const struct pool *x)
{
    return clock_mono_ms(x->provisioner->options.clock);
}

static void ask(struct pool *x, struct asking *what, char *const *argv, command_done_fn *done)
{
    snprintf(what->tool, sizeof what->tool, "%s", argv[0]);
    what->command = command_start(x->provisioner->options.loop, argv, x->ops->scrub, COMMAND_MS, done, x);
}

const char *provisioner_product(enum provisioner_kind kind)
{
    return kinds[kind]->product;
}

const char *provisioner_own_job(enum provisioner_kind *ret)
{
    for (int kind = PROVISIONER_NONE + 1; kind < PROVISIONERS; kind++) {
        const char *job = getenv(kinds[kind]->variable);
        if (!job || !kinds[kind]->is_id(job)) continue;
        *ret = (enum provisioner_kind)kind;
        return job;
    }
    return NULL;
}

char *provisioner_token_file(const char *files, enum provisioner_kind kind, struct arena *arena)
{
    return arena_printf(arena, "%s/%s.token", files, provisioner_key(kind));
}

/* The same after a restart, another for another database. */
static void job_name(const struct pool *x, const char *study, char *ret)
{
    unsigned char hash[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    struct arena a = {0};
    const char *text = arena_printf(&a, "%s/%s", x->provisioner->site.files, study);
    digest(text, strlen(text), hash);
    snprintf(ret, PROVISION_NAME_MAX + 1, "nocturne-%.20s-%.16s", study, digest_hex(hash, hex));
    arena_done(&a);
}

/* ---- the queue ---- */

static size_t count(const struct queue *q, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < q->n; i++) n += strcmp(q->job[i].name, name) == 0;
    return n;
}

static bool is_queued(const struct queue *q, const char *id)
{
    for (size_t i = 0; i < q->n; i++)
        if (strcmp(q->job[i].id, id) == 0) return true;
    return false;
}

static void read_queue(struct pool *x, const char *text)
{
    struct queue *q = &x->queue;
    size_t capacity = 0;
    q->n = 0;
    for (const char *line = text; *line;) {
        const char *end = strchr(line, '\n');
        q->job = must_reserve(q->job, q->n + 1, &capacity, sizeof *q->job);
        q->n += x->ops->read_job(line, &q->job[q->n]);
        if (!end) break;
        line = end + 1;
    }
}

/* ---- submitting ---- */

static void on_submitted(void *data, int code, const char *text)
{
    struct pool *x = data;
    x->submit.command = NULL;
    x->submit_ms = now_ms(x) + (code == 0 ? LOOK_MS : SUBMIT_AGAIN_MS);
    if (code == 0)
        say(x, x->submitting, "agents submitted to %s as job %.*s", x->ops->product, (int)strcspn(text, ";\n"), text);
    else
        say(x, x->submitting, "%s: %.*s; tried again in %d s", x->submit.tool, (int)strcspn(text, "\n"), text,
            SUBMIT_AGAIN_MS / 1000);
}

static void submit(struct pool *x, const struct study *study, const char *name, size_t n)
{
    const struct provisioner *p = x->provisioner;
    struct arena a = {0};
    struct error err;
    char **argv = NULL;
    struct provision_order order = {study, name, provisioner_token_file(p->site.files, x->kind, &a), n};
    enum status s = p->options.token(p->options.data, x->kind, order.token_file, &err);
    if (!s) s = x->ops->submit(&p->site, &order, &argv, &a, &err);
    snprintf(x->submitting, sizeof x->submitting, "%s", study->name);
    if (s) {
        x->submit_ms = now_ms(x) + SUBMIT_AGAIN_MS;
        say(x, study->name, "%s", err.text);
    } else
        ask(x, &x->submit, argv, on_submitted);
    arena_done(&a);
}

/* That so many trials need. */
static size_t agents(const struct provision *p, size_t trials)
{
    size_t n = (trials + (size_t)p->slots - 1) / (size_t)p->slots;
    return n < (size_t)p->max_agents ? n : (size_t)p->max_agents;
}

static void grow(struct pool *x, const struct provision_wish *wish, size_t n)
{
    char name[PROVISION_NAME_MAX + 1];
    for (size_t i = 0; i < n && !x->submit.command; i++) {
        if (wish[i].study->agents.kind != x->kind || now_ms(x) < x->submit_ms) continue;
        job_name(x, wish[i].study->name, name);
        size_t want = agents(&wish[i].study->agents, wish[i].wanted), have = count(&x->queue, name);
        if (have < want) submit(x, wish[i].study, name, want - have);
    }
}

/* ---- cancelling ---- */

static void on_cancelled(void *data, int code, const char *text)
{
    struct pool *x = data;
    (void)code;
    (void)text; /* the next look shows what came of it */
    x->cancel.command = NULL;
}

static void cancel(struct pool *x, const char *name)
{
    struct arena a = {0};
    ask(x, &x->cancel, x->ops->cancel(name, &a), on_cancelled);
    arena_done(&a);
}

/* A job that was submitted a moment ago may show up late: a name is forgotten after several looks without it. */
static void shrink(struct pool *x)
{
    for (struct retired **at = &x->retired; *at;) {
        struct retired *r = *at;
        if (count(&x->queue, r->name) > 0) {
            r->looks = 0;
            if (!x->cancel.command) cancel(x, r->name);
        } else if (++r->looks > 4) {
            *at = r->next;
            free(r);
            continue;
        }
        at = &r->next;
    }
}

void provisioner_retire(struct provisioner *p, enum provisioner_kind kind, const char *study)
{
    if (kind == PROVISIONER_NONE) return;
    struct pool *x = &p->pool[kind];
    struct retired *r = must_alloc(1, sizeof *r);
    job_name(x, study, r->name);
    r->next = x->retired;
    x->retired = r;
}

static void bring_back(struct pool *x, const char *study)
{
    char name[PROVISION_NAME_MAX + 1];
    job_name(x, study, name);
    for (struct retired **at = &x->retired; *at;) {
        struct retired *r = *at;
        if (strcmp(r->name, name) != 0) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        free(r);
    }
}

/* ---- looking ---- */

static bool is_lost(void *data, const char *job)
{
    const struct pool *x = data;
    return x->ops->is_id(job) && !is_queued(&x->queue, job);
}

static struct provision_wish *wishes(const struct pool *x, struct arena *a, size_t *ret_n)
{
    const struct provisioner_options *o = &x->provisioner->options;
    return o->wishes(o->data, a, ret_n);
}

static void on_looked(void *data, int code, const char *text)
{
    struct pool *x = data;
    struct arena a = {0};
    size_t n;
    x->look.command = NULL;
    if (code != 0) { /* unknown: nothing follows from it */
        if (!x->said) say(x, NULL, "%s: %.*s; tried again", x->look.tool, (int)strcspn(text, "\n"), text);
        x->said = true;
        return;
    }
    if (x->said) say(x, NULL, "%s works again", x->look.tool);
    x->said = false;
    read_queue(x, text);
    fleet_check_jobs(x->provisioner->options.fleet, x->ops->product, is_lost, x, MISSES);
    shrink(x);
    const struct provision_wish *wish = wishes(x, &a, &n);
    grow(x, wish, n);
    arena_done(&a);
}

static bool is_needed(struct pool *x)
{
    struct arena a = {0};
    size_t n;
    bool needed = x->retired != NULL;
    const struct provision_wish *wish = wishes(x, &a, &n);
    for (size_t i = 0; i < n; i++)
        if (wish[i].study->agents.kind == x->kind) {
            bring_back(x, wish[i].study->name);
            needed = true;
        }
    arena_done(&a);
    return needed;
}

static void tick(struct pool *x)
{
    struct arena a = {0};
    int64_t now = now_ms(x);
    if (x->look.command || now - x->looked_ms < LOOK_MS || !is_needed(x)) return;
    x->looked_ms = now;
    ask(x, &x->look, x->ops->look(&x->provisioner->site, &a), on_looked);
    arena_done(&a);
}

void provisioner_tick(struct provisioner *p)
{
    for (size_t i = PROVISIONER_NONE + 1; i < PROVISIONERS; i++) tick(&p->pool[i]);
}

/* ---- life ---- */

struct provisioner *provisioner_create(const struct provisioner_options *options)
{
    struct provisioner *p = must_alloc(1, sizeof *p);
    char program[PATH_MAX];
    struct passwd *user = getpwuid(getuid());
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    program[n > 0 ? n : 0] = 0;
    p->options = *options;
    p->url = must_strdup(options->url);
    p->user = must_strdup(user ? user->pw_name : "root");
    p->program = must_strdup(program);
    p->site = (struct provision_site){p->program, p->user, options->files, p->url, options->ca};
    for (int kind = PROVISIONER_NONE + 1; kind < PROVISIONERS; kind++)
        p->pool[kind] = (struct pool){.provisioner = p, .kind = (enum provisioner_kind)kind, .ops = kinds[kind]};
    return p;
}

static void pool_done(struct pool *x)
{
    if (x->look.command) command_drop(x->look.command);
    if (x->submit.command) command_drop(x->submit.command);
    if (x->cancel.command) command_drop(x->cancel.command);
    while (x->retired) {
        struct retired *r = x->retired;
        x->retired = r->next;
        free(r);
    }
    free(x->queue.job);
}

void provisioner_free(struct provisioner *p)
{
    if (!p) return;
    for (size_t i = PROVISIONER_NONE + 1; i < PROVISIONERS; i++) pool_done(&p->pool[i]);
    free(p->url);
    free(p->user);
    free(p->program);
    free(p);
}
