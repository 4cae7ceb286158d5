#include "tuner/service/pilot.h"

#include "tuner/base/beneath.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_MS = 2000, COMMAND_MS = 30000, SUBMIT_AGAIN_MS = 15000, NAME_MAX_BYTES = 64, MISSES = 2 };

struct retired {
    struct retired *next;
    char name[NAME_MAX_BYTES + 1];
    int looks; /* that have shown none of its jobs */
};

struct pilot {
    struct service *service;
    char *url, *user, *program;
    char token[TOKEN_ID_MAX]; /* of the agents; "": there is none yet */
    struct command *look, *submit, *cancel;
    int64_t looked_ms, submit_ms; /* submit: not before */
    struct retired *retired;
    struct pilot_job *job;
    size_t n;
    bool said;           /* that the queue cannot be looked at */
    char submitting[80]; /* the study that jobs are being submitted for */
};

static const char *const scrub[] = {"SBATCH_", "SQUEUE_", "SCANCEL_", "SLURM_JOB", "SLURM_ARRAY", NULL};

/* ---- names ---- */

/* The same after a restart, another for another database. */
static void job_name(const struct pilot *p, const char *study, char *ret)
{
    unsigned char hash[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    struct arena a = {0};
    const char *text = arena_printf(&a, "%s/%s", p->service->files, study);
    digest(text, strlen(text), hash);
    snprintf(ret, NAME_MAX_BYTES + 1, "nocturne-%.20s-%.16s", study, digest_hex(hash, hex));
    arena_done(&a);
}

/* ---- the queue ---- */

bool pilot_read_job(const char *line, struct pilot_job *ret)
{
    static const char *const alive[] = {"PENDING",  "RUNNING",  "CONFIGURING", "SUSPENDED",
                                        "REQUEUED", "RESIZING", "REQUEUE_HOLD"};
    char state[32], own[160]; /* sscanf measures all the text behind the line, too */
    struct pilot_job j = {0};
    snprintf(own, sizeof own, "%.*s", (int)strcspn(line, "\n"), line);
    if (sscanf(own, "%ld|%31[A-Z_]|%64[^|\n]", &j.id, state, j.name) != 3 || j.id <= 0) return false;
    for (size_t i = 0; i < sizeof alive / sizeof *alive; i++)
        if (strcmp(state, alive[i]) == 0) {
            *ret = j;
            return true;
        }
    return false; /* it has ended, or ends */
}

static size_t count(const struct pilot *p, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) n += strcmp(p->job[i].name, name) == 0;
    return n;
}

static bool is_queued(const struct pilot *p, long id)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->job[i].id == id) return true;
    return false;
}

static void read_queue(struct pilot *p, const char *text)
{
    size_t capacity = 0;
    p->n = 0;
    for (const char *line = text; *line;) {
        const char *end = strchr(line, '\n');
        if (p->n == capacity) {
            capacity = 2 * capacity + 64;
            p->job = must_grow(p->job, capacity, sizeof *p->job);
        }
        p->n += pilot_read_job(line, &p->job[p->n]);
        if (!end) break;
        line = end + 1;
    }
}

/* ---- submitting ---- */

static char *token_file(const struct pilot *p, struct arena *a)
{
    return arena_printf(a, "%s/slurm.token", p->service->files);
}

bool pilot_owns(const struct pilot *p, const char *token)
{
    return *p->token && strcmp(p->token, token) == 0;
}

/* Agents of the last process may still be there: "noct_ID_SECRET". */
static void recall_token(struct pilot *p)
{
    struct arena a = {0};
    char *text = NULL;
    if (beneath_read(AT_FDCWD, token_file(p, &a), TOKEN_TEXT_MAX, &text, NULL, NULL) == STATUS_OK) {
        const char *id = text + strcspn(text, "_");
        id += *id == '_';
        snprintf(p->token, sizeof p->token, "%.*s", (int)strcspn(id, "_\n"), id);
    }
    free(text);
    arena_done(&a);
}

/* A worker's token of our own, in a file on the file system that the nodes share. */
static enum status ensure_token(struct pilot *p, struct error *err)
{
    struct arena a = {0};
    char text[TOKEN_TEXT_MAX + 16];
    const char *path = token_file(p, &a);
    struct identity who;
    enum status s = STATUS_OK;
    char *file = NULL;
    bool valid = beneath_read(AT_FDCWD, path, TOKEN_TEXT_MAX, &file, NULL, NULL) == STATUS_OK;
    snprintf(text, sizeof text, "Bearer %.*s", valid ? (int)strcspn(file, "\n") : 0, valid ? file : "");
    valid = valid && auth_check(p->service->auth, "slurm", text, &who, err) == STATUS_OK;
    free(file);
    if (valid)
        memcpy(p->token, who.id, sizeof p->token);
    else
        s = auth_create_file(p->service->store, p->service->clock,
                             &(struct token_wish){.name = "slurm", .role = "worker"}, path, p->token, err);
    arena_done(&a);
    return s;
}

static enum status write_script(struct pilot *p, const struct study *study, char **ret, struct arena *a,
                                struct error *err)
{
    const struct slurm *x = &study->slurm;
    const char *dir = arena_printf(a, "%s/%s/slurm", p->service->files, study->name);
    const char *text = arena_printf(
        a, "#!%s worker\n--url=%s\n--token-file=%s\n--slots=%ld\n--study=%s\n--idle=%lds\n%s%s%s%s", p->program, p->url,
        token_file(p, a), x->slots, study->name, (long)(x->idle_ms / 1000 > 0 ? x->idle_ms / 1000 : 1),
        x->gpus ? "--gpus=auto\n" : "", p->service->options.cert ? "--ca=" : "",
        p->service->options.cert ? p->service->options.cert : "", p->service->options.cert ? "\n" : "");
    *ret = arena_printf(a, "%s/agent.job", dir);
    return workers_keep_file(dir, "agent.job", text, strlen(text), err);
}

static void on_submitted(void *data, int code, const char *text)
{
    struct pilot *p = data;
    p->submit = NULL;
    p->submit_ms = clock_mono_ms(p->service->clock) + (code == 0 ? LOOK_MS : SUBMIT_AGAIN_MS);
    if (code == 0)
        service_say(p->service, p->submitting, "agents submitted to Slurm as job %.*s", (int)strcspn(text, ";\n"),
                    text);
    else
        service_say(p->service, p->submitting, "sbatch: %.*s; tried again in %d s", (int)strcspn(text, "\n"), text,
                    SUBMIT_AGAIN_MS / 1000);
}

static void submit(struct pilot *p, const struct study *study, size_t n)
{
    const struct slurm *x = &study->slurm;
    struct arena a = {0};
    struct error err;
    char name[NAME_MAX_BYTES + 1], *script = NULL;
    job_name(p, study->name, name);
    enum status s = ensure_token(p, &err);
    if (!s) s = write_script(p, study, &script, &a, &err);
    if (s) {
        p->submit_ms = clock_mono_ms(p->service->clock) + SUBMIT_AGAIN_MS;
        service_say(p->service, study->name, "%s", err.text);
        arena_done(&a);
        return;
    }
    char **argv = arena_array(&a, x->n_extra + 16, sizeof *argv);
    size_t k = 0;
    argv[k++] = arena_strdup(&a, "sbatch");
    argv[k++] = arena_strdup(&a, "--parsable");
    argv[k++] = arena_strdup(&a, "--no-requeue");
    argv[k++] = arena_printf(&a, "--job-name=%s", name);
    argv[k++] = arena_printf(&a, "--array=1-%zu", n);
    argv[k++] = arena_printf(&a, "--cpus-per-task=%ld", x->slots);
    argv[k++] = arena_printf(&a, "--output=%s/%s/slurm/%%A_%%a.log", p->service->files, study->name);
    if (x->partition) argv[k++] = arena_printf(&a, "--partition=%s", x->partition);
    if (x->time_ms) argv[k++] = arena_printf(&a, "--time=%ld", (long)((x->time_ms + 59999) / 60000));
    if (x->gpus) argv[k++] = arena_printf(&a, "--gpus-per-task=%ld", x->gpus);
    for (size_t i = 0; i < x->n_extra; i++) argv[k++] = arena_strdup(&a, x->extra[i]);
    argv[k++] = script;
    snprintf(p->submitting, sizeof p->submitting, "%s", study->name);
    p->submit = command_start(p->service->loop, argv, scrub, COMMAND_MS, on_submitted, p);
    arena_done(&a);
}

/* Agents that the study could use now: as many as its trials need, those that run included. */
static size_t wanted(const struct hosted *h)
{
    const struct slurm *x = &h->study->slurm;
    size_t trials = coordinator_busy(h->run->coordinator) - coordinator_busy_here(h->run->coordinator) +
                    coordinator_wants(h->run->coordinator);
    size_t agents = (trials + (size_t)x->slots - 1) / (size_t)x->slots;
    return agents < (size_t)x->max_agents ? agents : (size_t)x->max_agents;
}

static void grow(struct pilot *p)
{
    char name[NAME_MAX_BYTES + 1];
    for (struct hosted *h = p->service->hosted; h && !p->submit; h = h->next) {
        if (h->over || !h->study->slurm.on || clock_mono_ms(p->service->clock) < p->submit_ms) continue;
        job_name(p, h->study->name, name);
        size_t want = wanted(h), have = count(p, name);
        if (have < want) submit(p, h->study, want - have);
    }
}

/* ---- cancelling ---- */

static void on_cancelled(void *data, int code, const char *text)
{
    struct pilot *p = data;
    (void)code;
    (void)text; /* the next look shows what came of it */
    p->cancel = NULL;
}

static void cancel(struct pilot *p, const char *name)
{
    struct arena a = {0};
    char *argv[] = {arena_strdup(&a, "scancel"), arena_printf(&a, "--name=%s", name), NULL};
    p->cancel = command_start(p->service->loop, argv, scrub, COMMAND_MS, on_cancelled, p);
    arena_done(&a);
}

/* A job that was submitted a moment ago may show up late: a name is forgotten after several looks without it. */
static void shrink(struct pilot *p)
{
    for (struct retired **at = &p->retired; *at;) {
        struct retired *r = *at;
        if (count(p, r->name) > 0) {
            r->looks = 0;
            if (!p->cancel) cancel(p, r->name);
        } else if (++r->looks > 4) {
            *at = r->next;
            free(r);
            continue;
        }
        at = &r->next;
    }
}

void pilot_retire(struct pilot *p, const char *study)
{
    struct retired *r = must_alloc(1, sizeof *r);
    job_name(p, study, r->name);
    r->next = p->retired;
    p->retired = r;
}

static void bring_back(struct pilot *p, const char *study)
{
    char name[NAME_MAX_BYTES + 1];
    job_name(p, study, name);
    for (struct retired **at = &p->retired; *at;) {
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
    const struct pilot *p = data;
    return !is_queued(p, strtol(job, NULL, 10));
}

static void on_looked(void *data, int code, const char *text)
{
    struct pilot *p = data;
    p->look = NULL;
    if (code != 0) { /* unknown: nothing follows from it */
        if (!p->said) service_say(p->service, NULL, "squeue: %.*s; tried again", (int)strcspn(text, "\n"), text);
        p->said = true;
        return;
    }
    if (p->said) service_say(p->service, NULL, "squeue works again");
    p->said = false;
    read_queue(p, text);
    fleet_check_jobs(p->service->fleet, is_lost, p, MISSES);
    shrink(p);
    grow(p);
}

static bool is_needed(struct pilot *p)
{
    bool needed = p->retired != NULL;
    for (struct hosted *h = p->service->hosted; h; h = h->next)
        if (!h->over && h->study->slurm.on) {
            bring_back(p, h->study->name);
            needed = true;
        }
    return needed;
}

void pilot_tick(struct pilot *p)
{
    int64_t now = clock_mono_ms(p->service->clock);
    if (p->look || p->service->closing || now - p->looked_ms < LOOK_MS || !is_needed(p)) return;
    char *argv[] = {"squeue", "-h", "-r", "-u", p->user, "-o", "%A|%T|%j", NULL};
    p->looked_ms = now;
    p->look = command_start(p->service->loop, argv, scrub, COMMAND_MS, on_looked, p);
}

struct pilot *pilot_create(struct service *s, const char *url)
{
    struct pilot *p = must_alloc(1, sizeof *p);
    char program[PATH_MAX];
    struct passwd *user = getpwuid(getuid());
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    program[n > 0 ? n : 0] = 0;
    p->service = s;
    p->url = must_strdup(url);
    p->user = must_strdup(user ? user->pw_name : "root");
    p->program = must_strdup(program);
    recall_token(p);
    return p;
}

void pilot_free(struct pilot *p)
{
    if (!p) return;
    if (p->look) command_drop(p->look);
    if (p->submit) command_drop(p->submit);
    if (p->cancel) command_drop(p->cancel);
    while (p->retired) {
        struct retired *r = p->retired;
        p->retired = r->next;
        free(r);
    }
    free(p->job);
    free(p->url);
    free(p->user);
    free(p->program);
    free(p);
}
