#include "tuner/agent/work.h"

#include "tuner/agent/aside.h"

#include "tuner/base/beneath.h"
#include "tuner/base/clock.h"
#include "tuner/base/digest.h"
#include "tuner/base/host.h"
#include "tuner/base/json.h"
#include "tuner/base/redact.h"

#include "tuner/execution/execution.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TAIL_MAX = 8192,
    RETRY_MS = 500,
    RETRY_MAX_MS = 30000,
    BACKLOG_MAX = 64 << 10,
    PREPARE_AGAIN_MS = 2000,
    OUTBOX_MAX = 8 << 20
};

enum state { PREPARES, RUNS };

struct tail { /* the end of a log that was not said yet */
    char bytes[TAIL_MAX];
    size_t n;
    bool cut; /* something before it was left out */
};

struct work {
    struct work *next;
    struct crew *crew;
    enum state state;
    const struct study *study; /* NULL: on its way */
    char *study_name, *definition, *dir;
    json_t *params, *resume;
    double config[SPACE_PARAMS_MAX];
    struct attempt_spec spec;
    struct job *job;
    struct inquiry *inquiry; /* of the checkpoint */
    char *checkpoint;        /* its path here */
    int checkpoint_fd;
    bool ready; /* waits for a slot only */
    bool fenced;
    int64_t again_ms; /* the study is asked for again; 0: it is not */
    long reports, uploads;
    long long killed;
    struct tail tail[2];
};

static int64_t now_ms(void)
{
    return clock_mono_ms(clock_real());
}

/* ---- saying ---- */

/* Reports were thinned: the next one of each lease has a smaller number. */
static void count_again(struct crew *c)
{
    for (struct work *w = c->work; w; w = w->next)
        w->reports -= (long)outbox_thinned(c->outbox, w->study_name, w->spec.lease);
}

static void say_body(struct work *w, const char *key, json_t *body, bool sync)
{
    json_t *line = json_pack("{s:s, s:I, s:I, s:o}", "study", w->study_name, "trial", (json_int_t)w->spec.trial,
                             "lease", (json_int_t)w->spec.lease, key, body);
    if (!w->fenced && line && outbox_add(w->crew->outbox, line, sync)) count_again(w->crew);
    json_decref(line);
}

/* Text that JSON can hold: what is not UTF-8 becomes '?'. */
static json_t *text_json(const char *bytes, size_t n)
{
    json_t *text = json_stringn(bytes, n);
    if (text) return text;
    char *copy = must_alloc(n + 1, 1);
    for (size_t i = 0; i < n; i++) copy[i] = (unsigned char)bytes[i] < 128 ? bytes[i] : '?';
    text = json_stringn(copy, n);
    free(copy);
    return text;
}

static void flush_tail(struct work *w, int which)
{
    struct tail *t = &w->tail[which];
    if (t->n == 0) return;
    if (t->cut)
        say_body(w, "log", json_pack("{s:s, s:s}", "stream", which ? "stderr" : "stdout", "text", "\n[…]\n"), false);
    say_body(w, "log",
             json_pack("{s:s, s:o}", "stream", which ? "stderr" : "stdout", "text", text_json(t->bytes, t->n)), false);
    t->n = 0;
    t->cut = false;
}

static void remove_work(struct work *w)
{
    struct work **at = &w->crew->work;
    while (*at != w) at = &(*at)->next;
    *at = w->next;
    depot_forget(w->crew->depot, w);
    if (w->inquiry) client_drop(w->inquiry);
    if (w->checkpoint_fd >= 0) close(w->checkpoint_fd);
    json_decref(w->params);
    json_decref(w->resume);
    free(w->study_name);
    free(w->definition);
    free(w->dir);
    free(w->checkpoint);
    free(w);
}

static void start_ready(struct crew *c);

static void end(struct work *w, enum job_end how, const json_t *metrics, const char *reason, int signal, bool oom)
{
    struct crew *c = w->crew;
    json_t *body = json_pack("{s:s}", "end", job_end_name(how)), *why;
    char safe[600];
    redact_cut(reason, strlen(reason), safe, sizeof safe);
    why = text_json(safe, strlen(safe));
    json_object_set_new(body, "reason", why);
    if (metrics) json_object_set(body, "metrics", (json_t *)metrics);
    if (signal) json_object_set_new(body, "signal", json_integer(signal));
    if (oom) json_object_set_new(body, "out_of_memory", json_true());
    flush_tail(w, 0);
    flush_tail(w, 1);
    say_body(w, "end", body, true);
    if (!w->fenced) { /* held until it is said */
        json_t *lease =
            json_pack("{s:s, s:I, s:s}", "study", w->study_name, "lease", (json_int_t)w->spec.lease, "dir", w->dir);
        json_array_append_new(c->ended, lease);
    } else
        workers_remove_folder(w->dir);
    remove_work(w);
    start_ready(c);
    c->options.changed(c->options.data);
}

/* ---- what the program says ---- */

static void on_report(void *data, long step, const json_t *metrics)
{
    struct work *w = data;
    say_body(w, "report",
             json_pack("{s:I, s:I, s:O}", "n", (json_int_t)w->reports++, "step", (json_int_t)step, "metrics",
                       (json_t *)metrics),
             false);
    w->crew->options.changed(w->crew->options.data);
}

static void on_policy(void *data, const json_t *policy)
{
    struct work *w = data;
    say_body(w, "policy", json_incref((json_t *)policy), false);
    w->crew->options.changed(w->crew->options.data);
}

static bool send_file(struct work *w, const char *path, char *name, size_t size)
{
    struct arena a = {0};
    char *aside = aside_set(w->dir, path, w->uploads++, name, size, &a);
    if (aside) say_body(w, "upload", json_pack("{s:s, s:s}", "path", aside, "name", name), false);
    arena_done(&a);
    return aside != NULL;
}

static void say_refused(struct work *w, const char *what, const char *path)
{
    struct arena a = {0};
    char *text =
        arena_printf(&a,
                     "trial %ld of study %s: the %s '%.200s' stays here: it is no regular file with content in "
                     "its own folder NOCTURNE_DIR",
                     w->spec.trial, w->study_name, what, path);
    redact(text, strlen(text));
    w->crew->options.say(w->crew->options.say_data, text);
    arena_done(&a);
}

/* A folder stays here: a retry elsewhere begins at the beginning. */
static void on_checkpoint(void *data, long step, const char *path)
{
    struct work *w = data;
    char name[256];
    if (!send_file(w, path, name, sizeof name)) {
        say_refused(w, "checkpoint", path);
        return;
    }
    say_body(w, "checkpoint", json_pack("{s:s, s:I}", "path", name, "step", (json_int_t)step), false);
    w->crew->options.changed(w->crew->options.data);
}

static void on_artefact(void *data, const char *path)
{
    struct work *w = data;
    char name[256];
    if (send_file(w, path, name, sizeof name))
        w->crew->options.changed(w->crew->options.data);
    else
        say_refused(w, "artefact", path);
}

static void on_output(void *data, bool err, const char *bytes, size_t n)
{
    struct tail *t = &((struct work *)data)->tail[err];
    if (n > TAIL_MAX) {
        bytes += n - TAIL_MAX;
        n = TAIL_MAX;
        t->n = 0;
        t->cut = true;
    }
    if (t->n + n > TAIL_MAX) {
        size_t drop = t->n + n - TAIL_MAX;
        memmove(t->bytes, t->bytes + drop, t->n - drop);
        t->n -= drop;
        t->cut = true;
    }
    memcpy(t->bytes + t->n, bytes, n);
    t->n += n;
}

static void could_not_start(struct crew *c)
{
    c->retry_ms = c->retry_ms ? 2 * c->retry_ms : RETRY_MS;
    if (c->retry_ms > RETRY_MAX_MS) c->retry_ms = RETRY_MAX_MS;
    c->again_ms = now_ms() + c->retry_ms;
}

static void on_end(void *data, const struct job_outcome *o)
{
    struct work *w = data;
    bool oom = host_killed_for_memory(o->signal, w->killed);
    if (o->end == JOB_NOT_STARTED) could_not_start(w->crew);
    w->job = NULL;
    end(w, o->end, o->metrics, o->reason, o->signal, oom);
}

static const struct job_handler handler = {.report = on_report,
                                           .checkpoint = on_checkpoint,
                                           .policy = on_policy,
                                           .end = on_end,
                                           .artefact = on_artefact,
                                           .output = on_output};

/* ---- beginning ---- */

static void start(struct work *w)
{
    struct crew *c = w->crew;
    struct error err;
    w->killed = host_memory_kills();
    w->spec.study = w->study;
    w->spec.dir = w->dir;
    w->spec.resume = w->checkpoint;
    w->job = launch(c->workers, c->options.gpus, &w->spec, &handler, w, &err);
    if (!w->job) {
        bool faulty = err.status == STATUS_INVALID; /* the study, not this machine */
        if (!faulty) could_not_start(c);
        c->options.say(c->options.say_data, err.text);
        end(w, faulty ? JOB_FAILED : JOB_NOT_STARTED, NULL, err.text, 0, false);
        return;
    }
    c->retry_ms = 0;
    w->state = RUNS;
    json_t *body = json_pack("{s:I}", "pid", (json_int_t)job_pid(w->job));
    if (w->checkpoint) json_object_set(body, "resumed", json_object_get(w->resume, "cost"));
    say_body(w, "started", body, false);
    c->options.changed(c->options.data);
}

static void start_ready(struct crew *c)
{
    for (struct work *w = c->stopping ? NULL : c->work; w && workers_free_slots(c->workers) > 0; w = w->next)
        if (w->ready && w->state == PREPARES) {
            start(w);
            start_ready(c);
            return;
        }
}

static void prepared(struct work *w)
{
    w->ready = true;
    start_ready(w->crew);
}

/* The trial begins anew if its checkpoint cannot be had. */
static void on_resume(void *data, long status, const char *body, size_t n)
{
    struct work *w = data;
    (void)body;
    (void)n;
    w->inquiry = NULL;
    close(w->checkpoint_fd);
    w->checkpoint_fd = -1;
    if (status != 200) {
        free(w->checkpoint);
        w->checkpoint = NULL;
    }
    prepared(w);
}

static void fetch_resume(struct work *w)
{
    struct arena a = {0};
    int dir = -1;
    const char *name = json_string_value(json_object_get(w->resume, "name")),
               *own = arena_printf(&a, "resume.%s", name);
    w->checkpoint = must_strdup(arena_printf(&a, "%s/%s", w->dir, own));
    if (workers_attempt_folder(w->dir, &dir, NULL) == STATUS_OK) {
        beneath_create(dir, own, 0644, &w->checkpoint_fd, NULL);
        close(dir);
    }
    struct request_spec spec = {
        .method = "GET",
        .path = arena_printf(&a, "/api/v1/studies/%s/trials/%lld/artefacts/%s?attempt=%lld", w->study_name,
                             (long long)json_integer_value(json_object_get(w->resume, "trial")), name,
                             (long long)json_integer_value(json_object_get(w->resume, "attempt"))),
        .upload = -1,
        .download = w->checkpoint_fd};
    if (w->checkpoint_fd >= 0)
        w->inquiry = client_send(w->crew->options.client, &spec, on_resume, w);
    else
        on_resume(w, 0, "", 0);
    arena_done(&a);
}

static bool is_plain(const char *name)
{
    return name && *name && *name != '.' && strlen(name) < 200 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == strlen(name);
}

static void on_study(void *data, const struct study *study, const struct error *err)
{
    struct work *w = data;
    struct error bad;
    if (!study && err->status == STATUS_BUSY) {
        w->again_ms = now_ms() + PREPARE_AGAIN_MS;
        return;
    }
    if (!study) {
        could_not_start(w->crew);
        w->crew->options.say(w->crew->options.say_data, err->text);
        end(w, JOB_NOT_STARTED, NULL, err->text, 0, false);
        return;
    }
    w->study = study;
    if (space_from_json(&study->space, w->params, w->config, &bad))
        end(w, JOB_NOT_STARTED, NULL, bad.text, 0, false);
    else if (is_plain(json_string_value(json_object_get(w->resume, "name"))))
        fetch_resume(w);
    else
        prepared(w);
}

void crew_take(struct crew *c, const json_t *assignment)
{
    struct arena a = {0};
    const char *study = json_string_value(json_object_get(assignment, "study")),
               *definition = json_string_value(json_object_get(assignment, "definition"));
    const json_t *params = json_object_get(assignment, "params");
    unsigned char hash[DIGEST_BYTES];
    if (!study || !study_is_name(study) || !definition || !digest_parse(definition, hash) || !json_is_object(params)) {
        c->options.say(c->options.say_data, "an assignment of the service makes no sense: is it another version?");
        return;
    }
    struct work *w = must_alloc(1, sizeof *w);
    w->crew = c;
    w->next = c->work;
    c->work = w;
    w->checkpoint_fd = -1;
    w->study_name = must_strdup(study);
    w->definition = must_strdup(definition);
    w->params = json_incref((json_t *)params);
    w->resume = json_incref(json_object_get(assignment, "resume"));
    w->spec = (struct attempt_spec){.trial = (long)json_integer_value(json_object_get(assignment, "trial")),
                                    .attempt = (long)json_integer_value(json_object_get(assignment, "attempt")),
                                    .lease = json_integer_value(json_object_get(assignment, "lease")),
                                    .seed = (uint64_t)json_integer_value(json_object_get(assignment, "seed")),
                                    .config = w->config};
    w->dir =
        must_strdup(arena_printf(&a, "%s/trials/%s/%04ld.%ld", c->options.dir, study, w->spec.trial, w->spec.attempt));
    arena_done(&a);
    if (c->stopping)
        end(w, JOB_STOPPED, NULL, "the agent was stopped", 0, false);
    else
        depot_get(c->depot, study, w->definition, on_study, w);
}

/* ---- orders ---- */

static struct work *find(const struct crew *c, const json_t *about)
{
    const char *study = json_string_value(json_object_get(about, "study"));
    json_int_t lease = json_integer_value(json_object_get(about, "lease"));
    struct work *w = c->work;
    while (w && !(study && strcmp(w->study_name, study) == 0 && w->spec.lease == lease)) w = w->next;
    return w;
}

static void stop(struct work *w, const char *why)
{
    if (w->job)
        job_stop(w->job, why);
    else
        end(w, JOB_STOPPED, NULL, why, 0, false);
}

void crew_order(struct crew *c, const json_t *about, const json_t *order)
{
    struct work *w = find(c, about);
    const char *why = json_string_value(json_object_get(order, "stop"));
    if (!w) return;
    if (why)
        stop(w, why);
    else if (w->job)
        job_send(w->job, order);
}

static bool is_same_lease(const json_t *a, const json_t *b)
{
    return json_equal(json_object_get(a, "study"), json_object_get(b, "study")) &&
           json_equal(json_object_get(a, "lease"), json_object_get(b, "lease"));
}

static void forget_ended(struct crew *c, const json_t *lease)
{
    for (size_t i = json_array_size(c->ended); i-- > 0;)
        if (is_same_lease(json_array_get(c->ended, i), lease)) json_array_remove(c->ended, i);
}

void crew_fence(struct crew *c, const json_t *gone)
{
    const json_t *x;
    size_t i;
    json_array_foreach((json_t *)gone, i, x)
    {
        struct work *w = find(c, x);
        forget_ended(c, x);
        if (!w) continue;
        w->fenced = true;
        stop(w, "its lease is over");
    }
}

void crew_stop(struct crew *c, const char *why)
{
    c->stopping = true;
    for (struct work *w = c->work, *next; w; w = next) {
        next = w->next;
        stop(w, why);
    }
}

void crew_uploaded(struct crew *c)
{
    size_t bytes;
    json_t *lines = outbox_take(c->outbox, 1, "upload", &bytes);
    const char *path = json_string_value(json_object_get(json_object_get(json_array_get(lines, 0), "upload"), "path"));
    if (path && beneath_rest(c->options.dir, path)) beneath_remove(AT_FDCWD, path);
    json_decref(lines);
}

/* All is said: nobody needs the attempts' folders any more. */
static void tidy(struct crew *c)
{
    const json_t *x;
    size_t i;
    json_array_foreach(c->ended, i, x)
    {
        const char *dir = json_string_value(json_object_get(x, "dir"));
        if (dir) workers_remove_folder(dir);
    }
    json_array_clear(c->ended);
}

bool crew_tick(struct crew *c, bool online)
{
    int64_t now = now_ms();
    bool has_room = outbox_bytes(c->outbox) < BACKLOG_MAX;
    bool over = c->again_ms && now >= c->again_ms;
    if (over) c->again_ms = 0;
    if (outbox_is_empty(c->outbox)) tidy(c);
    for (struct work *w = c->work; w; w = w->next) {
        if (online && has_room) flush_tail(w, 0);
        if (online && has_room) flush_tail(w, 1);
    }
    for (struct work *w = c->work; w; w = w->next) {
        if (!w->again_ms || now < w->again_ms) continue;
        w->again_ms = 0;
        depot_get(c->depot, w->study_name, w->definition, on_study, w);
        break; /* it may be gone */
    }
    return over;
}

/* ---- the whole ---- */

size_t crew_capacity(const struct crew *c)
{
    return now_ms() < c->again_ms ? 0 : c->options.slots;
}

bool crew_is_idle(const struct crew *c)
{
    return !c->work;
}

json_t *crew_held(const struct crew *c)
{
    json_t *out = json_array();
    const json_t *x;
    size_t i;
    json_array_foreach(c->ended, i, x)
    {
        json_array_append_new(
            out, json_pack("{s:O, s:O}", "study", json_object_get(x, "study"), "lease", json_object_get(x, "lease")));
    }
    for (const struct work *w = c->work; w; w = w->next)
        if (!w->fenced)
            json_array_append_new(out,
                                  json_pack("{s:s, s:I}", "study", w->study_name, "lease", (json_int_t)w->spec.lease));
    return out;
}

/* Trials of an earlier process died with it; what they said last may still be in the outbox. */
static void find_ended(void *data, const json_t *line)
{
    struct crew *c = data;
    json_t *study = json_object_get(line, "study"), *lease = json_object_get(line, "lease");
    if (json_object_get(line, "end") && study && lease)
        json_array_append_new(c->ended, json_pack("{s:O, s:O}", "study", study, "lease", lease));
}

enum status crew_open(struct crew *c, const struct crew_options *options, struct error *err)
{
    struct arena a = {0};
    *c = (struct crew){.options = *options};
    enum status s = outbox_open(arena_printf(&a, "%s/outbox.jsonl", options->dir), OUTBOX_MAX, &c->outbox, err);
    if (s) {
        arena_done(&a);
        return s;
    }
    c->ended = json_array();
    if (outbox_is_empty(c->outbox)) workers_remove_folder(arena_printf(&a, "%s/trials", options->dir));
    workers_remove_folder(arena_printf(&a, "%s/studies", options->dir)); /* made anew from the cache */
    c->workers = workers_create(options->loop, options->guard, options->slots);
    workers_lock_slots(c->workers, options->dir);
    c->depot = depot_create(options->client, options->dir);
    outbox_each(c->outbox, find_ended, c);
    arena_done(&a);
    return STATUS_OK;
}

void crew_done(struct crew *c)
{
    while (c->work) remove_work(c->work);
    depot_free(c->depot);
    workers_free(c->workers);
    outbox_close(c->outbox);
    json_decref(c->ended);
}
