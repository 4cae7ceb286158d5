#include "tuner/agent/assignment.h"

#include "tuner/agent/aside.h"

#include "tuner/base/beneath.h"
#include "tuner/base/clock.h"
#include "tuner/base/digest.h"
#include "tuner/base/json.h"
#include "tuner/base/metrics.h"
#include "tuner/base/redact.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PREPARE_AGAIN_MS = 2000 };

static void note(const struct assignment *as, const char *text)
{
    as->home->note(as->home->data, text);
}

/* ---- saying ---- */

static void put(struct assignment *as, const char *key, json_t *body, bool sync)
{
    json_t *line = json_pack("{s:s, s:I, s:I, s:o}", "study", as->study, "trial", (json_int_t)as->spec.trial, "lease",
                             (json_int_t)as->spec.lease, key, body);
    if (!as->fenced && line && outbox_add(as->home->outbox, line, sync)) as->home->thinned(as->home->data);
    json_decref(line);
}

static void say(struct assignment *as, const char *key, json_t *body)
{
    put(as, key, body, false);
    as->home->said(as->home->data);
}

void assignment_recount(struct assignment *as)
{
    as->reports -= (long)outbox_thinned(as->home->outbox, as->study, as->spec.lease);
}

void assignment_flush(struct assignment *as)
{
    static const char *const stream[] = {"stdout", "stderr"};
    for (int i = 0; i < 2; i++) {
        struct tail *t = &as->tail[i];
        if (t->cut) put(as, "log", json_pack("{s:s, s:s}", "stream", stream[i], "text", "\n[…]\n"), false);
        if (t->n) put(as, "log", json_pack("{s:s, s:o}", "stream", stream[i], "text", tail_take(t)), false);
    }
}

static void end(struct assignment *as, const struct job_outcome *o)
{
    json_t *body = json_pack("{s:s}", "end", job_end_name(o->end));
    char safe[600];
    redact_cut(o->reason, strlen(o->reason), safe, sizeof safe);
    json_object_set_new(body, "reason", tail_text(safe, strlen(safe)));
    if (o->metrics) json_object_set(body, "metrics", (json_t *)o->metrics);
    if (!o->metrics && o->end == JOB_COMPLETE) json_object_set_new(body, "metrics", json_object()); /* a silent stage */
    if (o->signal) json_object_set_new(body, "signal", json_integer(o->signal));
    if (o->out_of_memory) json_object_set_new(body, "out_of_memory", json_true());
    assignment_flush(as);
    put(as, "end", body, true);
    as->home->ended(as->home->data, as, o->end);
}

static void end_unstarted(struct assignment *as, enum job_end how, const char *why)
{
    const struct job_outcome outcome = {.end = how, .reason = why};
    end(as, &outcome);
}

/* ---- hooks of its execution ---- */

static void on_started(void *data, int64_t pid)
{
    struct assignment *as = data;
    json_t *body = json_pack("{s:I}", "pid", (json_int_t)pid);
    if (as->resume.path) json_object_set(body, "resumed", json_object_get(as->resume.wish, "cost"));
    as->state = ASSIGNMENT_RUNS;
    say(as, "started", body);
}

static void on_report(void *data, long step, const json_t *metrics)
{
    struct assignment *as = data;
    say(as, "report",
        json_pack("{s:I, s:I, s:O}", "n", (json_int_t)as->reports++, "step", (json_int_t)step, "metrics",
                  (json_t *)metrics));
}

/* Beyond what is kept of an attempt it need not travel. */
static void on_item(void *data, const char *id, const json_t *metrics)
{
    struct assignment *as = data;
    if (as->items++ <= ITEMS_MAX) say(as, "item", json_pack("{s:s, s:O}", "id", id, "metrics", (json_t *)(uintptr_t)metrics));
}

static void on_policy(void *data, const json_t *policy)
{
    say(data, "policy", json_incref((json_t *)policy));
}

/* Sends a file; a folder stays here. */
static bool upload(struct assignment *as, const char *what, const char *path, char *name, size_t size)
{
    struct arena a = {0};
    char *aside = aside_set(as->dir, path, as->uploads++, name, size, &a);
    if (aside)
        put(as, "upload", json_pack("{s:s, s:s}", "path", aside, "name", name), false);
    else {
        char *text = arena_printf(&a,
                                  "trial %ld of study %s: the %s '%.200s' stays here: it is no regular file with "
                                  "content in its own folder NOCTURNE_DIR",
                                  as->spec.trial, as->study, what, path);
        redact(text, strlen(text));
        note(as, text);
    }
    arena_done(&a);
    return aside != NULL;
}

/* Without it a retry elsewhere begins at the beginning. */
static void on_checkpoint(void *data, long step, const char *path)
{
    char name[256];
    if (upload(data, "checkpoint", path, name, sizeof name))
        say(data, "checkpoint", json_pack("{s:s, s:I}", "path", name, "step", (json_int_t)step));
}

static void on_artefact(void *data, const char *path)
{
    const struct assignment *as = data;
    char name[256];
    if (upload(data, "artefact", path, name, sizeof name)) as->home->said(as->home->data);
}

static void on_output(void *data, bool err, const char *bytes, size_t n)
{
    tail_add(&((struct assignment *)data)->tail[err], bytes, n);
}

/* ---- what a stage leaves ---- */

struct packing {
    struct assignment *as; /* NULL: it is gone */
    struct arena arena;
    uv_work_t work;
    const char *dir, *output, *depot;
    json_t *metrics;
    size_t parts;
    enum status status;
    struct error err;
};

/* It is sent, and kept here for the next stage, if that comes to this agent. */
static void pack(uv_work_t *work)
{
    struct packing *x = work->data;
    struct deposit left;
    x->status = parcel_split(x->output, x->dir, LAUNCH_PARCEL, LAUNCH_PARCEL_PART, &x->parts, &x->err);
    if (!x->status) depot_keep(x->depot, x->output, &left, NULL);
}

static void say_parts(struct assignment *as, const struct packing *x)
{
    for (size_t i = 0; i < x->parts; i++) {
        struct arena a = {0};
        put(as, "upload",
            json_pack("{s:s, s:s}", "path", arena_printf(&a, "%s/%s.%zu", x->dir, LAUNCH_PARCEL, i), "name",
                      arena_printf(&a, "%s.%zu", LAUNCH_PARCEL, i)),
            false);
        arena_done(&a);
    }
}

/* That it left nothing the service will see. */
static void on_packed(uv_work_t *work, int cancelled)
{
    struct packing *x = work->data;
    struct assignment *as = x->as;
    struct job_outcome o = {.end = JOB_COMPLETE, .metrics = x->metrics, .reason = ""};
    (void)cancelled;
    if (x->status == STATUS_INVALID) o = (struct job_outcome){.end = JOB_FAILED, .reason = x->err.text};
    if (x->status && x->status != STATUS_INVALID && x->status != STATUS_NOT_FOUND)
        o = (struct job_outcome){.end = JOB_NOT_STARTED, .reason = x->err.text};
    if (as) {
        as->stage.packing = NULL;
        if (!x->status) say_parts(as, x);
        end(as, &o);
    }
    json_decref(x->metrics);
    arena_done(&x->arena);
    free(x);
}

static void send_output(struct assignment *as, const json_t *metrics)
{
    struct packing *x = as->stage.packing = must_alloc(1, sizeof *x);
    x->as = as;
    x->dir = arena_strdup(&x->arena, as->dir);
    x->output = launch_output(x->dir, &x->arena);
    x->depot = inputs_depot(as->home->dir, &x->arena);
    x->metrics = json_incref((json_t *)metrics);
    x->work.data = x;
    as->state = ASSIGNMENT_PACKS;
    as->at->at->free(as->at);
    as->at = NULL;
    uv_queue_work(as->home->loop, &x->work, pack, on_packed);
}

static void on_end(void *data, const struct job_outcome *o)
{
    struct assignment *as = data;
    if (as->spec.stage && o->end == JOB_COMPLETE && !as->fenced)
        send_output(as, o->metrics);
    else
        end(as, o);
}

static const struct execution_hooks hooks = {.started = on_started,
                                             .program = {.report = on_report,
                                                         .item = on_item,
                                                         .policy = on_policy,
                                                         .checkpoint = on_checkpoint,
                                                         .end = on_end,
                                                         .artefact = on_artefact,
                                                         .output = on_output}};

/* ---- its beginning ---- */

/* NULL: it runs the whole of the trial. */
static const struct stage_run *take_stage(struct assignment *as)
{
    struct stage_part *x = &as->stage;
    if (!x->wish) return NULL;
    x->run.name = json_string_value(json_object_get(x->wish, "name"));
    x->run.output = launch_output(as->dir, &x->arena);
    inputs_fill(x->inputs, &x->run);
    return &x->run;
}

bool assignment_start(struct assignment *as)
{
    struct error err;
    as->spec.dir = as->dir;
    as->spec.resume.path = as->resume.path;
    as->spec.stage = take_stage(as);
    as->at = local_execution(as->home->workers, as->home->gpus);
    as->at->hooks = &hooks;
    as->at->data = as;
    enum status s = as->at->at->start(as->at, &as->spec, &err);
    if (!s) return true;
    note(as, err.text);
    end_unstarted(as, s == STATUS_INVALID ? JOB_FAILED : JOB_NOT_STARTED, err.text); /* the study, or this machine */
    return false;
}

static void get_ready(struct assignment *as)
{
    as->state = ASSIGNMENT_READY;
    as->home->ready(as->home->data);
}

static void on_inputs(void *data, enum status s, const char *why)
{
    struct assignment *as = data;
    if (s == STATUS_OK)
        get_ready(as);
    else if (s == STATUS_BUSY) {
        inputs_free(as->stage.inputs);
        as->stage.inputs = NULL;
        as->again_ms = clock_mono_ms(clock_real()) + PREPARE_AGAIN_MS;
    } else
        end_unstarted(as, JOB_NOT_STARTED, why);
}

/* All but what its stage takes is here. */
static void get_inputs(struct assignment *as)
{
    const struct inputs_wish wish = {.loop = as->home->loop,
                                     .client = as->home->client,
                                     .dir = as->home->dir,
                                     .folder = as->dir,
                                     .study = as->study,
                                     .trial = as->spec.trial,
                                     .lease = as->spec.lease,
                                     .list = json_object_get(as->stage.wish, "inputs")};
    const char *name = json_string_value(json_object_get(as->stage.wish, "name"));
    if (!as->stage.wish)
        get_ready(as);
    else if (!name || stage_find(as->spec.study, name) < 0)
        end_unstarted(as, JOB_NOT_STARTED, "the study that came has no such stage");
    else
        as->stage.inputs = inputs_get(&wish, on_inputs, as);
}

static void say_anew(const struct assignment *as, const char *why)
{
    struct arena a = {0};
    char *text = arena_printf(&a, "trial %ld of study %s begins anew: its checkpoint cannot be had: %.300s",
                              as->spec.trial, as->study, why);
    redact(text, strlen(text));
    note(as, text);
    arena_done(&a);
}

/* The trial begins anew if its checkpoint cannot be had. */
static void on_resume(void *data, long status, const char *body, size_t n)
{
    struct assignment *as = data;
    struct resume_fetch *r = &as->resume;
    (void)n;
    r->inquiry = NULL;
    if (r->fd >= 0) close(r->fd);
    r->fd = -1;
    if (status != 200) {
        say_anew(as, status == 404 ? "the service has no such file" : body);
        free(r->path);
        r->path = NULL;
    }
    get_inputs(as);
}

static void fetch_resume(struct assignment *as)
{
    struct arena a = {0};
    struct resume_fetch *r = &as->resume;
    int dir = -1;
    const char *name = json_string_value(json_object_get(r->wish, "name")), *own = arena_printf(&a, "resume.%s", name);
    r->path = must_strdup(arena_printf(&a, "%s/%s", as->dir, own));
    if (workers_attempt_folder(as->dir, &dir, NULL) == STATUS_OK) {
        beneath_create(dir, own, 0644, &r->fd, NULL);
        close(dir);
    }
    struct request_spec spec = {
        .method = "GET",
        .path = arena_printf(&a, "/api/v1/studies/%s/trials/%lld/artefacts/%s?attempt=%lld", as->study,
                             (long long)json_integer_value(json_object_get(r->wish, "trial")), name,
                             (long long)json_integer_value(json_object_get(r->wish, "attempt"))),
        .upload = -1,
        .download = r->fd};
    if (r->fd >= 0)
        r->inquiry = client_send(as->home->client, &spec, on_resume, as);
    else
        on_resume(as, 0, "it cannot be written here", 0);
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
        as->again_ms = clock_mono_ms(clock_real()) + PREPARE_AGAIN_MS;
        return;
    }
    if (!study) {
        note(as, err->text);
        end_unstarted(as, JOB_NOT_STARTED, err->text);
        return;
    }
    as->spec.study = study;
    if (space_from_json(&study->space, as->params, as->config, &bad))
        end_unstarted(as, JOB_NOT_STARTED, bad.text);
    else if (is_plain(json_string_value(json_object_get(as->resume.wish, "name"))))
        fetch_resume(as);
    else {
        if (as->resume.wish) say_anew(as, "it lies in a folder of its own");
        get_inputs(as);
    }
}

void assignment_prepare(struct assignment *as)
{
    as->again_ms = 0;
    cache_get(as->home->cache, as->study, as->definition, on_study, as);
}

/* ---- orders ---- */

void assignment_send(struct assignment *as, const json_t *message)
{
    if (as->at) as->at->at->send(as->at, message);
}

void assignment_stop(struct assignment *as, enum stop_mode mode, const char *why)
{
    if (as->at)
        as->at->at->stop(as->at, mode, why);
    else if (as->state != ASSIGNMENT_PACKS) /* it has ended already */
        end_unstarted(as, JOB_STOPPED, why);
}

/* ---- life ---- */

bool assignment_is(const struct assignment *as, const char *study, int64_t lease)
{
    return study && strcmp(as->study, study) == 0 && as->spec.lease == lease;
}

struct assignment *assignment_create(const struct assignment_home *home, const json_t *words)
{
    const char *study = json_string_value(json_object_get(words, "study")),
               *definition = json_string_value(json_object_get(words, "definition"));
    const json_t *params = json_object_get(words, "params");
    unsigned char hash[DIGEST_BYTES];
    if (!study || !study_is_name(study) || !definition || !digest_parse(definition, hash) || !json_is_object(params))
        return NULL;
    struct assignment *as = must_alloc(1, sizeof *as);
    as->home = home;
    as->study = must_strdup(study);
    as->definition = must_strdup(definition);
    as->params = json_incref((json_t *)params);
    as->stage.wish = json_incref(json_object_get(words, "stage"));
    as->resume = (struct resume_fetch){.wish = json_incref(json_object_get(words, "resume")), .fd = -1};
    as->spec = (struct attempt_spec){.trial = (long)json_integer_value(json_object_get(words, "trial")),
                                     .attempt = (long)json_integer_value(json_object_get(words, "attempt")),
                                     .lease = json_integer_value(json_object_get(words, "lease")),
                                     .seed = (uint64_t)json_integer_value(json_object_get(words, "seed")),
                                     .config = as->config};
    struct arena a = {0};
    as->dir =
        must_strdup(arena_printf(&a, "%s/trials/%s/%04ld.%ld", home->dir, study, as->spec.trial, as->spec.attempt));
    arena_done(&a);
    return as;
}

void assignment_free(struct assignment *as)
{
    cache_forget(as->home->cache, as);
    if (as->at) as->at->at->free(as->at);
    if (as->stage.packing) as->stage.packing->as = NULL;
    inputs_free(as->stage.inputs);
    arena_done(&as->stage.arena);
    json_decref(as->stage.wish);
    if (as->resume.inquiry) client_drop(as->resume.inquiry);
    if (as->resume.fd >= 0) close(as->resume.fd);
    json_decref(as->params);
    json_decref(as->resume.wish);
    free(as->resume.path);
    free(as->study);
    free(as->definition);
    free(as->dir);
    free(as);
}
