#include "tuner/agent/runner.h"

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

struct assignment {
    struct assignment *next;
    struct runner *runner;
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
static void count_again(struct runner *r)
{
    for (struct assignment *as = r->assignment; as; as = as->next)
        as->reports -= (long)outbox_thinned(r->outbox, as->study_name, as->spec.lease);
}

static void say_body(struct assignment *as, const char *key, json_t *body, bool sync)
{
    json_t *line = json_pack("{s:s, s:I, s:I, s:o}", "study", as->study_name, "trial", (json_int_t)as->spec.trial,
                             "lease", (json_int_t)as->spec.lease, key, body);
    if (!as->fenced && line && outbox_add(as->runner->outbox, line, sync)) count_again(as->runner);
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

static void flush_tail(struct assignment *as, int which)
{
    struct tail *t = &as->tail[which];
    if (t->n == 0) return;
    if (t->cut)
        say_body(as, "log", json_pack("{s:s, s:s}", "stream", which ? "stderr" : "stdout", "text", "\n[…]\n"), false);
    say_body(as, "log",
             json_pack("{s:s, s:o}", "stream", which ? "stderr" : "stdout", "text", text_json(t->bytes, t->n)), false);
    t->n = 0;
    t->cut = false;
}

static void remove_assignment(struct assignment *as)
{
    struct assignment **at = &as->runner->assignment;
    while (*at != as) at = &(*at)->next;
    *at = as->next;
    cache_forget(as->runner->cache, as);
    if (as->inquiry) client_drop(as->inquiry);
    if (as->checkpoint_fd >= 0) close(as->checkpoint_fd);
    json_decref(as->params);
    json_decref(as->resume);
    free(as->study_name);
    free(as->definition);
    free(as->dir);
    free(as->checkpoint);
    free(as);
}

static void start_ready(struct runner *r);

static void end(struct assignment *as, enum job_end how, const json_t *metrics, const char *reason, int signal,
                bool oom)
{
    struct runner *r = as->runner;
    json_t *body = json_pack("{s:s}", "end", job_end_name(how)), *why;
    char safe[600];
    redact_cut(reason, strlen(reason), safe, sizeof safe);
    why = text_json(safe, strlen(safe));
    json_object_set_new(body, "reason", why);
    if (metrics) json_object_set(body, "metrics", (json_t *)metrics);
    if (signal) json_object_set_new(body, "signal", json_integer(signal));
    if (oom) json_object_set_new(body, "out_of_memory", json_true());
    flush_tail(as, 0);
    flush_tail(as, 1);
    say_body(as, "end", body, true);
    if (!as->fenced) { /* held until it is said */
        json_t *lease =
            json_pack("{s:s, s:I, s:s}", "study", as->study_name, "lease", (json_int_t)as->spec.lease, "dir", as->dir);
        json_array_append_new(r->ended, lease);
    } else
        workers_remove_folder(as->dir);
    remove_assignment(as);
    start_ready(r);
    r->options.changed(r->options.data);
}

/* ---- what the program says ---- */

static void on_report(void *data, long step, const json_t *metrics)
{
    struct assignment *as = data;
    say_body(as, "report",
             json_pack("{s:I, s:I, s:O}", "n", (json_int_t)as->reports++, "step", (json_int_t)step, "metrics",
                       (json_t *)metrics),
             false);
    as->runner->options.changed(as->runner->options.data);
}

static void on_policy(void *data, const json_t *policy)
{
    struct assignment *as = data;
    say_body(as, "policy", json_incref((json_t *)policy), false);
    as->runner->options.changed(as->runner->options.data);
}

static bool send_file(struct assignment *as, const char *path, char *name, size_t size)
{
    struct arena a = {0};
    char *aside = aside_set(as->dir, path, as->uploads++, name, size, &a);
    if (aside) say_body(as, "upload", json_pack("{s:s, s:s}", "path", aside, "name", name), false);
    arena_done(&a);
    return aside != NULL;
}

static void say_refused(struct assignment *as, const char *what, const char *path)
{
    struct arena a = {0};
    char *text =
        arena_printf(&a,
                     "trial %ld of study %s: the %s '%.200s' stays here: it is no regular file with content in "
                     "its own folder NOCTURNE_DIR",
                     as->spec.trial, as->study_name, what, path);
    redact(text, strlen(text));
    as->runner->options.say(as->runner->options.say_data, text);
    arena_done(&a);
}

/* A folder stays here: a retry elsewhere begins at the beginning. */
static void on_checkpoint(void *data, long step, const char *path)
{
    struct assignment *as = data;
    char name[256];
    if (!send_file(as, path, name, sizeof name)) {
        say_refused(as, "checkpoint", path);
        return;
    }
    say_body(as, "checkpoint", json_pack("{s:s, s:I}", "path", name, "step", (json_int_t)step), false);
    as->runner->options.changed(as->runner->options.data);
}

static void on_artefact(void *data, const char *path)
{
    struct assignment *as = data;
    char name[256];
    if (send_file(as, path, name, sizeof name))
        as->runner->options.changed(as->runner->options.data);
    else
        say_refused(as, "artefact", path);
}

static void on_output(void *data, bool err, const char *bytes, size_t n)
{
    struct tail *t = &((struct assignment *)data)->tail[err];
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

static void could_not_start(struct runner *r)
{
    r->retry_ms = r->retry_ms ? 2 * r->retry_ms : RETRY_MS;
    if (r->retry_ms > RETRY_MAX_MS) r->retry_ms = RETRY_MAX_MS;
    r->again_ms = now_ms() + r->retry_ms;
}

static void on_end(void *data, const struct job_outcome *o)
{
    struct assignment *as = data;
    bool oom = host_killed_for_memory(o->signal, as->killed);
    if (o->end == JOB_NOT_STARTED) could_not_start(as->runner);
    as->job = NULL;
    end(as, o->end, o->metrics, o->reason, o->signal, oom);
}

static const struct job_handler handler = {.report = on_report,
                                           .checkpoint = on_checkpoint,
                                           .policy = on_policy,
                                           .end = on_end,
                                           .artefact = on_artefact,
                                           .output = on_output};

/* ---- beginning ---- */

static void start(struct assignment *as)
{
    struct runner *r = as->runner;
    struct error err;
    as->killed = host_memory_kills();
    as->spec.study = as->study;
    as->spec.dir = as->dir;
    as->spec.resume = as->checkpoint;
    as->job = launch(r->workers, r->options.gpus, &as->spec, &handler, as, &err);
    if (!as->job) {
        bool faulty = err.status == STATUS_INVALID; /* the study, not this machine */
        if (!faulty) could_not_start(r);
        r->options.say(r->options.say_data, err.text);
        end(as, faulty ? JOB_FAILED : JOB_NOT_STARTED, NULL, err.text, 0, false);
        return;
    }
    r->retry_ms = 0;
    as->state = RUNS;
    json_t *body = json_pack("{s:I}", "pid", (json_int_t)job_pid(as->job));
    if (as->checkpoint) json_object_set(body, "resumed", json_object_get(as->resume, "cost"));
    say_body(as, "started", body, false);
    r->options.changed(r->options.data);
}

static void start_ready(struct runner *r)
{
    for (struct assignment *as = r->stopping ? NULL : r->assignment; as && workers_free_slots(r->workers) > 0;
         as = as->next)
        if (as->ready && as->state == PREPARES) {
            start(as);
            start_ready(r);
            return;
        }
}

static void prepared(struct assignment *as)
{
    as->ready = true;
    start_ready(as->runner);
}

/* The trial begins anew if its checkpoint cannot be had. */
static void on_resume(void *data, long status, const char *body, size_t n)
{
    struct assignment *as = data;
    (void)body;
    (void)n;
    as->inquiry = NULL;
    close(as->checkpoint_fd);
    as->checkpoint_fd = -1;
    if (status != 200) {
        free(as->checkpoint);
        as->checkpoint = NULL;
    }
    prepared(as);
}

static void fetch_resume(struct assignment *as)
{
    struct arena a = {0};
    int dir = -1;
    const char *name = json_string_value(json_object_get(as->resume, "name")),
               *own = arena_printf(&a, "resume.%s", name);
    as->checkpoint = must_strdup(arena_printf(&a, "%s/%s", as->dir, own));
    if (workers_attempt_folder(as->dir, &dir, NULL) == STATUS_OK) {
        beneath_create(dir, own, 0644, &as->checkpoint_fd, NULL);
        close(dir);
    }
    struct request_spec spec = {
        .method = "GET",
        .path = arena_printf(&a, "/api/v1/studies/%s/trials/%lld/artefacts/%s?attempt=%lld", as->study_name,
                             (long long)json_integer_value(json_object_get(as->resume, "trial")), name,
                             (long long)json_integer_value(json_object_get(as->resume, "attempt"))),
        .upload = -1,
        .download = as->checkpoint_fd};
    if (as->checkpoint_fd >= 0)
        as->inquiry = client_send(as->runner->options.client, &spec, on_resume, as);
    else
        on_resume(as, 0, "", 0);
    arena_done(&a);
}

static bool is_plain(const char *name)
{
    return name && *name && *name != '.' && strlen(name) < 200 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == strlen(name);
}

static void on_study(void *data, const struct study *study, const struct error *err)
{
    struct assignment *as = data;
    struct error bad;
    if (!study && err->status == STATUS_BUSY) {
        as->again_ms = now_ms() + PREPARE_AGAIN_MS;
        return;
    }
    if (!study) {
        could_not_start(as->runner);
        as->runner->options.say(as->runner->options.say_data, err->text);
        end(as, JOB_NOT_STARTED, NULL, err->text, 0, false);
        return;
    }
    as->study = study;
    if (space_from_json(&study->space, as->params, as->config, &bad))
        end(as, JOB_NOT_STARTED, NULL, bad.text, 0, false);
    else if (is_plain(json_string_value(json_object_get(as->resume, "name"))))
        fetch_resume(as);
    else
        prepared(as);
}

void runner_take(struct runner *r, const json_t *assignment)
{
    struct arena a = {0};
    const char *study = json_string_value(json_object_get(assignment, "study")),
               *definition = json_string_value(json_object_get(assignment, "definition"));
    const json_t *params = json_object_get(assignment, "params");
    unsigned char hash[DIGEST_BYTES];
    if (!study || !study_is_name(study) || !definition || !digest_parse(definition, hash) || !json_is_object(params)) {
        r->options.say(r->options.say_data, "an assignment of the service makes no sense: is it another version?");
        return;
    }
    struct assignment *as = must_alloc(1, sizeof *as);
    as->runner = r;
    as->next = r->assignment;
    r->assignment = as;
    as->checkpoint_fd = -1;
    as->study_name = must_strdup(study);
    as->definition = must_strdup(definition);
    as->params = json_incref((json_t *)params);
    as->resume = json_incref(json_object_get(assignment, "resume"));
    as->spec = (struct attempt_spec){.trial = (long)json_integer_value(json_object_get(assignment, "trial")),
                                     .attempt = (long)json_integer_value(json_object_get(assignment, "attempt")),
                                     .lease = json_integer_value(json_object_get(assignment, "lease")),
                                     .seed = (uint64_t)json_integer_value(json_object_get(assignment, "seed")),
                                     .config = as->config};
    as->dir = must_strdup(
        arena_printf(&a, "%s/trials/%s/%04ld.%ld", r->options.dir, study, as->spec.trial, as->spec.attempt));
    arena_done(&a);
    if (r->stopping)
        end(as, JOB_STOPPED, NULL, "the agent was stopped", 0, false);
    else
        cache_get(r->cache, study, as->definition, on_study, as);
}

/* ---- orders ---- */

static struct assignment *find(const struct runner *r, const json_t *about)
{
    const char *study = json_string_value(json_object_get(about, "study"));
    json_int_t lease = json_integer_value(json_object_get(about, "lease"));
    struct assignment *as = r->assignment;
    while (as && !(study && strcmp(as->study_name, study) == 0 && as->spec.lease == lease)) as = as->next;
    return as;
}

static void stop(struct assignment *as, enum stop_mode mode, const char *why)
{
    if (as->job)
        job_stop(as->job, mode, why);
    else
        end(as, JOB_STOPPED, NULL, why, 0, false);
}

void runner_order(struct runner *r, const json_t *about, const json_t *order)
{
    struct assignment *as = find(r, about);
    const char *why = json_string_value(json_object_get(order, "stop"));
    if (!as) return;
    if (why)
        stop(as, json_is_true(json_object_get(order, "now")) ? STOP_NOW : STOP_GENTLY, why);
    else if (as->job)
        job_send(as->job, order);
}

static bool is_same_lease(const json_t *a, const json_t *b)
{
    return json_equal(json_object_get(a, "study"), json_object_get(b, "study")) &&
           json_equal(json_object_get(a, "lease"), json_object_get(b, "lease"));
}

static void forget_ended(struct runner *r, const json_t *lease)
{
    for (size_t i = json_array_size(r->ended); i-- > 0;)
        if (is_same_lease(json_array_get(r->ended, i), lease)) json_array_remove(r->ended, i);
}

void runner_fence(struct runner *r, const json_t *gone)
{
    const json_t *x;
    size_t i;
    json_array_foreach((json_t *)gone, i, x)
    {
        struct assignment *as = find(r, x);
        forget_ended(r, x);
        if (!as) continue;
        as->fenced = true;
        stop(as, STOP_GENTLY, "its lease is over");
    }
}

void runner_stop(struct runner *r, enum stop_mode mode, const char *why)
{
    r->stopping = true;
    for (struct assignment *as = r->assignment, *next; as; as = next) {
        next = as->next;
        stop(as, mode, why);
    }
}

void runner_uploaded(struct runner *r)
{
    size_t bytes;
    json_t *lines = outbox_take(r->outbox, 1, "upload", &bytes);
    const char *path = json_string_value(json_object_get(json_object_get(json_array_get(lines, 0), "upload"), "path"));
    if (path && beneath_rest(r->options.dir, path)) beneath_remove(AT_FDCWD, path);
    json_decref(lines);
}

/* All is said: nobody needs the attempts' folders any more. */
static void tidy(struct runner *r)
{
    const json_t *x;
    size_t i;
    json_array_foreach(r->ended, i, x)
    {
        const char *dir = json_string_value(json_object_get(x, "dir"));
        if (dir) workers_remove_folder(dir);
    }
    json_array_clear(r->ended);
}

bool runner_tick(struct runner *r, bool online)
{
    int64_t now = now_ms();
    bool has_room = outbox_bytes(r->outbox) < BACKLOG_MAX;
    bool over = r->again_ms && now >= r->again_ms;
    if (over) r->again_ms = 0;
    if (outbox_is_empty(r->outbox)) tidy(r);
    for (struct assignment *as = r->assignment; as; as = as->next) {
        if (online && has_room) flush_tail(as, 0);
        if (online && has_room) flush_tail(as, 1);
    }
    for (struct assignment *as = r->assignment; as; as = as->next) {
        if (!as->again_ms || now < as->again_ms) continue;
        as->again_ms = 0;
        cache_get(r->cache, as->study_name, as->definition, on_study, as);
        break; /* it may be gone */
    }
    return over;
}

/* ---- the whole ---- */

size_t runner_capacity(const struct runner *r)
{
    return now_ms() < r->again_ms ? 0 : r->options.slots;
}

bool runner_is_idle(const struct runner *r)
{
    return !r->assignment;
}

json_t *runner_held(const struct runner *r)
{
    json_t *out = json_array();
    const json_t *x;
    size_t i;
    json_array_foreach(r->ended, i, x)
    {
        json_array_append_new(
            out, json_pack("{s:O, s:O}", "study", json_object_get(x, "study"), "lease", json_object_get(x, "lease")));
    }
    for (const struct assignment *as = r->assignment; as; as = as->next)
        if (!as->fenced)
            json_array_append_new(
                out, json_pack("{s:s, s:I}", "study", as->study_name, "lease", (json_int_t)as->spec.lease));
    return out;
}

/* Trials of an earlier process died with it; what they said last may still be in the outbox. */
static void find_ended(void *data, const json_t *line)
{
    struct runner *r = data;
    json_t *study = json_object_get(line, "study"), *lease = json_object_get(line, "lease");
    if (json_object_get(line, "end") && study && lease)
        json_array_append_new(r->ended, json_pack("{s:O, s:O}", "study", study, "lease", lease));
}

enum status runner_open(struct runner *r, const struct runner_options *options, struct error *err)
{
    struct arena a = {0};
    *r = (struct runner){.options = *options};
    enum status s = outbox_open(arena_printf(&a, "%s/outbox.jsonl", options->dir), OUTBOX_MAX, &r->outbox, err);
    if (s) {
        arena_done(&a);
        return s;
    }
    r->ended = json_array();
    if (outbox_is_empty(r->outbox)) workers_remove_folder(arena_printf(&a, "%s/trials", options->dir));
    workers_remove_folder(arena_printf(&a, "%s/studies", options->dir)); /* made anew from the cache */
    r->workers = workers_create(options->loop, options->guard, options->slots);
    workers_lock_slots(r->workers, options->dir);
    r->cache = cache_create(options->client, options->dir);
    outbox_each(r->outbox, find_ended, r);
    arena_done(&a);
    return STATUS_OK;
}

void runner_done(struct runner *r)
{
    while (r->assignment) remove_assignment(r->assignment);
    cache_free(r->cache);
    workers_free(r->workers);
    outbox_close(r->outbox);
    json_decref(r->ended);
}
