#include "tuner/coordinator/coordinator.h"

#include "tuner/coordinator/confirm.h"

#include "tuner/base/json.h"
#include "workers/workers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum phase { PHASE_SEARCH, PHASE_CONFIRM, PHASE_DRAIN, PHASE_KILL, PHASE_ENDED };

enum { TICK_MS = 250, REQUEST_TICKS = 2 };

/* One attempt in a slot. */
struct lease {
    struct coordinator *c;
    struct trial *trial;
    struct job *job; /* NULL: the slot is free */
};

/* A suggestion being computed on the thread pool. Owns its snapshot. */
struct thinking {
    uv_work_t work;
    struct coordinator *c;
    struct search *search; /* the coordinator's; only one suggestion is computed at a time */
    struct arena arena;
    struct search_history history;
    long number;
    struct suggestion suggestion;
    enum status status;
    struct error err;
};

struct coordinator {
    struct coordinator_options options;
    struct session *session;
    uv_loop_t *loop;
    struct workers *workers;
    struct ledger ledger;
    enum phase phase;
    struct lease *lease; /* options.slots of them */
    struct search *search;
    struct thinking *thinking; /* NULL: none */
    bool exhausted;            /* nothing is left to try, or nothing worth the trouble */
    uv_timer_t tick;
    uv_signal_t interrupt, terminate;
    unsigned ticks;
    enum coordinator_end end;
    enum status status; /* the first error; ends the run */
    struct error err;
};

static void step(struct coordinator *c);

static void tell(struct coordinator *c, enum coordinator_event event, const struct trial *t, const char *text)
{
    c->options.listen(c->options.data, event, t, text);
}

/* ---- ending ---- */

static void stop_jobs(struct coordinator *c, const char *why)
{
    for (size_t i = 0; i < c->options.slots; i++)
        if (c->lease[i].job) job_stop(c->lease[i].job, why);
}

/* Remembers the first error and kills what runs; the loop ends when the last job has. */
static void give_up(struct coordinator *c, enum status status, const struct error *err)
{
    if (!c->status) {
        c->status = status;
        c->err = *err;
    }
    if (c->phase == PHASE_ENDED) return;
    c->phase = PHASE_KILL;
    stop_jobs(c, "the coordinator stops");
    stop_jobs(c, "the coordinator stops");
}

void coordinator_stop(struct coordinator *c)
{
    char text[200];
    switch (c->phase) {
    case PHASE_SEARCH:
    case PHASE_CONFIRM:
        c->phase = PHASE_DRAIN;
        snprintf(text, sizeof text, "stopping: %zu running trial(s) may finish; interrupt again to stop them now",
                 workers_running(c->workers));
        tell(c, EVENT_STOPPING, NULL, text);
        break;
    case PHASE_DRAIN:
        c->phase = PHASE_KILL;
        tell(c, EVENT_STOPPING, NULL, "stopping now: running trials are ended and will be run again");
        stop_jobs(c, "interrupted");
        break;
    case PHASE_KILL: stop_jobs(c, "interrupted"); break;
    case PHASE_ENDED: break;
    }
    step(c);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    coordinator_stop(handle->data);
}

static void end_run(struct coordinator *c)
{
    c->end = c->phase == PHASE_CONFIRM ? COORDINATOR_DONE : COORDINATOR_STOPPED;
    c->phase = PHASE_ENDED;
    uv_close((uv_handle_t *)&c->tick, NULL);
    uv_close((uv_handle_t *)&c->interrupt, NULL);
    uv_close((uv_handle_t *)&c->terminate, NULL);
}

/* ---- attempts ---- */

static enum status after_crash(struct coordinator *c, struct trial *t, const char *reason, struct error *err)
{
    if (t->crashes > c->session->study->retries) return session_finish(c->session, t, TRIAL_FAILED, NULL, reason, err);
    enum status s = session_move(c->session, t, TRIAL_QUEUED, err);
    if (!s) tell(c, EVENT_RETRY, t, reason);
    return s;
}

static enum status conclude(struct coordinator *c, struct trial *t, const struct job_outcome *outcome,
                            struct error *err)
{
    struct session *s = c->session;
    char invalid[600];
    switch (outcome->end) {
    case JOB_COMPLETE: {
        enum status st = session_finish(s, t, TRIAL_COMPLETE, outcome->metrics, NULL, err);
        if (st != STATUS_INVALID) return st;
        snprintf(invalid, sizeof invalid, "%.590s", err->text);
        return session_finish(s, t, TRIAL_FAILED, NULL, invalid, err);
    }
    case JOB_INFEASIBLE: return session_finish(s, t, TRIAL_INFEASIBLE, NULL, outcome->reason, err);
    case JOB_FAILED:
    case JOB_TIMED_OUT: return session_finish(s, t, TRIAL_FAILED, NULL, outcome->reason, err);
    case JOB_CRASHED: return after_crash(c, t, outcome->reason, err);
    case JOB_STOPPED: return session_move(s, t, TRIAL_QUEUED, err);
    }
    return STATUS_OK;
}

static enum status record_end(struct coordinator *c, struct trial *t, const struct job_outcome *outcome,
                              struct error *err)
{
    struct session *s = c->session;
    enum status st = store_begin(s->store, err);
    if (!st) st = session_attempt_end(s, t, job_end_name(outcome->end), outcome->reason, err);
    if (!st) st = conclude(c, t, outcome, err);
    if (!st) st = store_commit(s->store, err);
    if (st) store_rollback(s->store);
    return st;
}

/* Without the baseline's metrics nothing can be compared. */
static void check_baseline(struct coordinator *c, const struct trial *t)
{
    struct error err;
    if (t->role != ROLE_BASELINE || !trial_state_final(t->state) || t->state == TRIAL_COMPLETE) return;
    if (!objective_needs_baseline(&c->session->study->objective)) return;
    error_set(&err, STATUS_FAILED,
              "the baseline (trial %ld) %s: %s; see 'nocturne show %s %ld', correct it, and start again "
              "with another study name or database",
              t->number, trial_state_name(t->state), t->reason ? t->reason : "", c->session->study->name, t->number);
    give_up(c, STATUS_FAILED, &err);
}

static void on_job_end(void *data, const struct job_outcome *outcome)
{
    struct lease *lease = data;
    struct coordinator *c = lease->c;
    struct trial *t = lease->trial;
    struct error err;
    lease->job = NULL;
    enum status s = record_end(c, t, outcome, &err);
    if (s)
        give_up(c, s, &err);
    else if (trial_state_final(t->state)) {
        tell(c, EVENT_FINISHED, t, NULL);
        check_baseline(c, t);
    }
    step(c);
}

static void on_job_report(void *data, long number, const json_t *metrics)
{
    struct lease *lease = data;
    struct error err;
    enum status s = session_report(lease->c->session, lease->trial, number, metrics, &err);
    if (s) give_up(lease->c, s, &err);
}

static char **environment(struct coordinator *c, const struct trial *t, const char *dir, struct arena *a)
{
    const struct study *study = c->session->study;
    char **env = arena_array(a, study->space.n + 8, sizeof *env), buf[SPACE_TEXT_MAX];
    size_t n = 0;
    for (size_t i = 0; i < study->space.n; i++) {
        if (isnan(t->config[i])) continue; /* does not exist */
        char *name = arena_strdup(a, study->space.param[i].name);
        for (char *ch = name; *ch; ch++)
            if (*ch >= 'a' && *ch <= 'z') *ch = (char)(*ch - 'a' + 'A');
        env[n++] = arena_printf(a, "NOCTURNE_PARAM_%s=%s", name, param_text(&study->space.param[i], t->config[i], buf));
    }
    env[n++] = arena_printf(a, "NOCTURNE_PARAMS=%s/params.json", dir);
    env[n++] = arena_printf(a, "NOCTURNE_STUDY=%s", study->name);
    env[n++] = arena_printf(a, "NOCTURNE_TRIAL=%ld", t->number);
    env[n++] = arena_printf(a, "NOCTURNE_ATTEMPT=%ld", t->attempts);
    env[n++] = arena_printf(a, "NOCTURNE_SEED=%llu", (unsigned long long)t->seed);
    env[n++] = arena_printf(a, "NOCTURNE_DIR=%s", dir);
    env[n++] = arena_strdup(a, "NOCTURNE_FD=3");
    return env;
}

static enum status command(struct coordinator *c, const struct trial *t, const char *dir, struct arena *a, char ***ret,
                           struct error *err)
{
    const struct study *study = c->session->study;
    const struct study_run run = {.trial = t->number, .attempt = t->attempts, .seed = t->seed, .dir = dir};
    char **argv = arena_array(a, study->n_args + 1, sizeof *argv);
    enum status s = STATUS_OK;
    for (size_t i = 0; !s && i < study->n_args; i++)
        s = study_fill(study, study->arg[i], t->config, &run, a, &argv[i], err);
    *ret = argv;
    return s;
}

static const char **needed_metrics(const struct study *study, struct arena *a, size_t *ret_n)
{
    const char **name = arena_array(a, METRICS_MAX, sizeof *name);
    size_t n = 0;
    for (size_t i = 0; i < study->objective.n_metrics; i++)
        if (objective_uses(&study->objective, i)) name[n++] = study->objective.metric[i].name;
    *ret_n = n;
    return name;
}

static enum status start_job(struct coordinator *c, struct lease *lease, const char *dir, struct arena *a,
                             struct error *err)
{
    static const struct job_handler handler = {on_job_report, on_job_end};
    const struct study *study = c->session->study;
    struct trial *t = lease->trial;
    json_t *params = space_to_json(&study->space, t->config);
    char *text = json_pretty_numbers(params), **argv;
    struct job_spec spec = {.env = environment(c, t, dir, a),
                            .cwd = study->dir,
                            .dir = dir,
                            .params = text,
                            .timeout_ms = study->timeout_ms,
                            .grace_ms = study->grace_ms,
                            .output_max = study->output_max};
    spec.metric = needed_metrics(study, a, &spec.n_metrics);
    enum status s = command(c, t, dir, a, &argv, err);
    spec.argv = argv;
    if (!s) s = workers_start(c->workers, &spec, &handler, lease, &lease->job, err);
    free(text);
    json_decref(params);
    return s;
}

static void start_attempt(struct coordinator *c, struct lease *lease, struct trial *t)
{
    struct arena a = {0};
    struct error err, start_err;
    char *dir =
        arena_printf(&a, "%s/%s/%04ld.%ld", c->options.files, c->session->study->name, t->number, t->attempts + 1);
    lease->trial = t;
    enum status s = session_attempt_begin(c->session, t, dir, &err);
    if (!s) {
        enum status started = start_job(c, lease, dir, &a, &start_err);
        s = session_move(c->session, t, TRIAL_RUNNING, &err);
        if (!s && started) {
            struct job_outcome outcome = {.end = JOB_CRASHED, .reason = start_err.text};
            s = record_end(c, t, &outcome, &err);
            if (!s && trial_state_final(t->state)) tell(c, EVENT_FINISHED, t, NULL);
            if (!s) check_baseline(c, t);
        } else if (!s) {
            s = store_attempt_set_pid(c->session->store, t->attempt_id, job_pid(lease->job), &err);
            tell(c, EVENT_STARTED, t, NULL);
        }
    }
    if (s) give_up(c, s, &err);
    arena_done(&a);
}

/* ---- suggestions ---- */

static void on_think(uv_work_t *work)
{
    struct thinking *t = work->data;
    t->status = search_suggest(t->search, &t->history, t->number, &t->suggestion, &t->err);
}

static void add_suggestion(struct coordinator *c, const struct thinking *t)
{
    struct trial *added;
    struct error err;
    if (t->status == STATUS_EXHAUSTED) {
        c->exhausted = true;
        tell(c, EVENT_NOTE, NULL, t->err.text);
        return;
    }
    enum status s = t->status;
    if (s) err = t->err;
    if (!s && strncmp(t->suggestion.source, SEARCH_FALLBACK, strlen(SEARCH_FALLBACK)) == 0)
        tell(c, EVENT_NOTE, NULL, t->suggestion.source);
    if (!s && *t->suggestion.enough) {
        c->exhausted = true;
        tell(c, EVENT_NOTE, NULL, t->suggestion.enough);
        return;
    }
    if (!s)
        s = session_add(c->session, ROLE_SEARCH, TRIAL_QUEUED, t->suggestion.config, t->suggestion.source, -1, 0,
                        &added, &err);
    if (s) give_up(c, s, &err);
}

static void on_thought(uv_work_t *work, int cancelled)
{
    struct thinking *t = work->data;
    struct coordinator *c = t->c;
    c->thinking = NULL;
    if (!cancelled && c->phase == PHASE_SEARCH) add_suggestion(c, t);
    arena_done(&t->arena);
    free(t);
    step(c);
}

static void think(struct coordinator *c)
{
    struct thinking *t = must_alloc(1, sizeof *t);
    t->work.data = t;
    t->c = c;
    t->search = c->search;
    t->history = session_history(c->session, &t->arena);
    t->number = (long)c->session->n;
    c->thinking = t;
    uv_queue_work(c->loop, &t->work, on_think, on_thought);
}

/* ---- the machine ---- */

static struct trial *next_queued(const struct coordinator *c)
{
    for (size_t i = 0; i < c->session->n; i++)
        if (c->session->trial[i]->state == TRIAL_QUEUED) return c->session->trial[i];
    return NULL;
}

static void fill_slots(struct coordinator *c)
{
    for (size_t i = 0; i < c->options.slots && (c->phase == PHASE_SEARCH || c->phase == PHASE_CONFIRM); i++) {
        struct trial *t = c->lease[i].job ? NULL : next_queued(c);
        if (t) start_attempt(c, &c->lease[i], t);
    }
}

/* The search, or a round of confirmation, is over: another round, or the end. */
static void confirm_or_end(struct coordinator *c)
{
    struct error err;
    size_t added = 0;
    enum status s = confirm_enqueue(c->session, &added, &err);
    c->phase = PHASE_CONFIRM;
    if (s)
        give_up(c, s, &err);
    else if (added)
        tell(c, EVENT_CONFIRM, NULL, NULL);
    if (!s && !added)
        end_run(c);
    else
        step(c);
}

/* What to do now that something has changed. */
static void step(struct coordinator *c)
{
    fill_slots(c);
    bool idle = workers_running(c->workers) == 0 && !c->thinking;
    switch (c->phase) {
    case PHASE_SEARCH: {
        bool more = !c->exhausted && !ledger_refuses(&c->ledger, c->session, confirm_count(c->session));
        if (next_queued(c)) return;
        if (more && workers_free_slots(c->workers) > 0 && !c->thinking)
            think(c);
        else if (!more && idle)
            confirm_or_end(c);
        return;
    }
    case PHASE_CONFIRM:
        if (idle && !next_queued(c)) confirm_or_end(c);
        return;
    case PHASE_DRAIN:
    case PHASE_KILL:
        if (idle) end_run(c);
        return;
    case PHASE_ENDED: return;
    }
}

/* ---- requests from other processes ---- */

struct inbox {
    struct coordinator *c;
    bool stop;
    enum status status;
    struct error err;
};

static void on_request(void *data, const char *verb, const char *payload)
{
    struct inbox *in = data;
    struct coordinator *c = in->c;
    double config[SPACE_PARAMS_MAX];
    json_t *params = NULL;
    struct trial *t;
    struct error bad;
    if (strcmp(verb, "stop") == 0) {
        in->stop = true;
        return;
    }
    enum status s = json_parse_object(payload, strlen(payload), &params, &bad);
    if (!s) s = space_from_json(&c->session->study->space, params, config, &bad);
    if (s)
        tell(c, EVENT_NOTE, NULL, bad.text);
    else if (!in->status)
        in->status = session_add(c->session, ROLE_ENQUEUED, TRIAL_QUEUED, config, "enqueued", -1, 0, &t, &in->err);
    json_decref(params);
}

/* Adds what was enqueued, in one transaction with taking the requests away. */
static void read_inbox(struct coordinator *c, bool *ret_stop)
{
    struct inbox in = {.c = c};
    struct store *store = c->session->store;
    enum status s = store_begin(store, &in.err);
    if (!s) s = store_requests_take(store, c->session->study_id, on_request, &in, &in.err);
    if (!s) s = in.status;
    if (!s) s = store_commit(store, &in.err);
    *ret_stop = in.stop && !s;
    if (!s) return;
    store_rollback(store);
    give_up(c, s, &in.err);
}

static void take_requests(struct coordinator *c)
{
    bool stop;
    read_inbox(c, &stop);
    if (stop) coordinator_stop(c);
    step(c);
}

static void on_tick(uv_timer_t *timer)
{
    struct coordinator *c = timer->data;
    tell(c, EVENT_TICK, NULL, NULL);
    if (++c->ticks % REQUEST_TICKS == 0 && !c->thinking && c->phase != PHASE_ENDED) take_requests(c);
}

/* ---- life ---- */

enum status coordinator_create(const struct coordinator_options *options, struct session *session, uv_loop_t *loop,
                               struct coordinator **ret, struct error *err)
{
    enum status s = session_recover(session, err);
    if (!s) s = session_set_phase(session, "open", err);
    if (s) return s;
    struct coordinator *c = must_alloc(1, sizeof *c);
    c->options = *options;
    c->session = session;
    c->loop = loop;
    c->workers = workers_create(loop, options->guard, options->slots);
    c->ledger = ledger_open(&options->budget, options->slots, session->clock);
    c->search = search_create(session->study, session->seed, session->prior, session->n_priors);
    c->lease = must_alloc(options->slots, sizeof *c->lease);
    for (size_t i = 0; i < options->slots; i++) c->lease[i].c = c;
    *ret = c;
    return STATUS_OK;
}

void coordinator_free(struct coordinator *c)
{
    if (!c) return;
    workers_free(c->workers);
    search_free(c->search);
    free(c->lease);
    free(c);
}

const struct ledger *coordinator_ledger(const struct coordinator *c)
{
    return &c->ledger;
}

enum status coordinator_run(struct coordinator *c, enum coordinator_end *ret_end, struct error *err)
{
    uv_timer_init(c->loop, &c->tick);
    uv_signal_init(c->loop, &c->interrupt);
    uv_signal_init(c->loop, &c->terminate);
    c->tick.data = c->interrupt.data = c->terminate.data = c;
    uv_timer_start(&c->tick, on_tick, TICK_MS, TICK_MS);
    uv_signal_start(&c->interrupt, on_signal, SIGINT);
    uv_signal_start(&c->terminate, on_signal, SIGTERM);
    bool stale; /* a stop that an earlier run did not live to obey was not meant for this one */
    read_inbox(c, &stale);
    for (size_t i = 0; i < c->session->n; i++) check_baseline(c, c->session->trial[i]);
    step(c);
    uv_run(c->loop, UV_RUN_DEFAULT);
    if (!c->status)
        c->status = session_set_phase(c->session, c->end == COORDINATOR_DONE ? "complete" : "stopped", &c->err);
    if (c->status) return error_set(err, c->status, "%s", c->err.text);
    *ret_end = c->end;
    return STATUS_OK;
}
