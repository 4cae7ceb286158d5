#include "tuner/service/active_study.h"

#include "tuner/service/all_events.h"
#include "tuner/service/streams.h"
#include "tuner/service/telling.h"

#include "tuner/base/beneath.h"
#include "tuner/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct active_study *active_study_find(const struct service *s, const char *study)
{
    struct active_study *as = s->active;
    while (as && (as->over || strcmp(as->study->name, study) != 0)) as = as->next;
    return as;
}

static void on_record(void *data, const struct store_event *e)
{
    struct active_study *as = data;
    event_stream_add(as->stream, e, journal_batch(history_journal(as->active->history)));
}

static void on_report(void *data, const struct trial *t, long step, const json_t *metrics)
{
    struct active_study *as = data;
    event_stream_report(as->stream, t->number, step, metrics, journal_batch(history_journal(as->active->history)));
}

static void on_event(void *data, enum news event, const struct trial *t, const char *text)
{
    struct active_study *as = data;
    struct service *s = as->service;
    if (event != NEWS_TICK) telling_look(s, as->active, true);
    switch (event) {
    case NEWS_STARTED:
    case NEWS_TICK: return;
    case NEWS_FINISHED:
        s->counts.trials_finished++;
        if (as->active->memory->best.trial == t && t->told > 0)
            service_say(s, as->study->name, "trial %ld is the best so far: utility %+.4g", t->number,
                        as->active->memory->best.utility);
        return;
    case NEWS_RETRY: service_say(s, as->study->name, "trial %ld is tried again: %s", t->number, text); return;
    case NEWS_GOES_ON: service_say(s, as->study->name, "trial %ld goes on: %s", t->number, text); return;
    case NEWS_CONFIRM:
        service_say(s, as->study->name, "the search is done; confirming on fresh seeds%s%s", text ? ": " : "",
                    text ? text : "");
        return;
    case NEWS_STOPPING:
    case NEWS_NOTE:
    case NEWS_PAUSED:
    case NEWS_RESUMED: service_say(s, as->study->name, "%s", text); return;
    }
}

static void answer_waiting(struct active_study *as)
{
    request_refuse_all(&as->waiting, as->service->closing ? 503 : 409,
                       as->service->closing ? "the service is stopping" : "the study has ended");
}

/* The coordinator is still on the stack. */
static void part(struct active_study *as)
{
    event_stream_durable(as->stream, UINT64_MAX);
    answer_waiting(as);
    as->over = true;
}

static void on_ended(void *data, enum coordinator_end end, enum status status, const struct error *err)
{
    struct active_study *as = data;
    part(as);
    if (end != COORDINATOR_LEFT) provisioner_retire(as->service->provisioner, as->study->agents.kind, as->study->name);
    telling_over(as->service, as->study->name, end, status ? err->text : NULL);
    if (status)
        service_say(as->service, as->study->name, "ended: %s", err->text);
    else if (end != COORDINATOR_LEFT)
        service_say(as->service, as->study->name, end == COORDINATOR_DONE ? "complete" : "stopped");
}

static size_t busy_here(const struct service *s)
{
    size_t n = 0;
    for (const struct active_study *as = s->active; as; as = as->next)
        if (as->active && as->active->coordinator && !as->over) n += coordinator_busy_here(as->active->coordinator);
    return n;
}

static bool may_start_here(void *data)
{
    const struct active_study *as = data;
    return busy_here(as->service) < as->service->options.slots;
}

static void free_one(struct active_study *as)
{
    if (!as) return;
    if (as->own) active_close(as->active);
    study_free(as->own);
    bundle_done(&as->bundle);
    free(as);
}

static size_t slots_of(const struct service *s, const struct study *study)
{
    size_t n = study_has_program(study) ? (size_t)study->workers.slots : 0;
    return n < s->options.slots ? n : s->options.slots;
}

static const char *definition(void *data)
{
    return ((const struct active_study *)data)->bundle.definition;
}

/* A trial may have put a link in the place of a study that was created here. */
static enum status check_place(const struct service *s, const struct study *study, struct error *err)
{
    if (!service_owns(s, study->path) || beneath_rest(study->dir, study->path)) return STATUS_OK;
    return error_set(err, STATUS_INVALID, "%s: a part of it is a link; that is not followed", study->path);
}

static enum status find_gpus(struct active_study *as, size_t slots, struct error *err)
{
    struct arena a = {0};
    struct gpu_grant grant;
    enum status st = needs_gpus(as->study, slots, &grant, &a, err);
    as->has_gpus = !st && grant.some;
    if (as->has_gpus) as->gpus = grant.gpus;
    if (!st && grant.shown) snprintf(as->shown, sizeof as->shown, "%s", grant.shown);
    arena_done(&a);
    return st;
}

static enum status open_run(struct service *s, struct active_study *as, const struct opening *how, struct error *err)
{
    struct store *store = NULL;
    struct opening opening = *how;
    struct budget budget = how->budget ? active_budget(as->study, how->budget) : as->study->budget;
    opening.seed = as->study->seed;
    opening.budget = &budget;
    opening.slots = slots_of(s, as->study);
    enum status st = check_place(s, as->study, err);
    if (!st && opening.slots) st = needs_command(as->study, err);
    if (!st && opening.slots) st = find_gpus(as, opening.slots, err);
    if (!st) st = store_open(s->options.db, STORE_EXISTING, &store, err);
    if (st) {
        store_hold_release(how->hold);
        return st;
    }
    store_set_patience(store, SERVICE_BUSY_MS);
    st = active_open(store, as->study, &opening, s->clock, &as->active, err);
    if (st) store_close(store);
    return st;
}

static enum status refuse(const struct study *study, const struct opening *how, struct error *err)
{
    store_hold_release(how->hold);
    return error_set(err, STATUS_CONFLICT,
                     "this is the page of one run, which puts no other study to work; 'nocturne serve' does, or "
                     "'nocturne resume %s'",
                     study->name);
}

/* A study whose files are not there yet can still be worked on here and by clients. */
static void pack(struct active_study *as)
{
    struct error err;
    if (bundle_make(&as->bundle, NULL, as->study, &err)) snprintf(as->unpacked, sizeof as->unpacked, "%s", err.text);
}

enum status active_study_open(struct service *s, struct study *study, const struct opening *how,
                              struct active_study **ret, struct error *err)
{
    struct active_study *as = must_alloc(1, sizeof *as);
    as->service = s;
    as->study = as->own = study;
    enum status st = s->options.guest ? refuse(study, how, err) : open_run(s, as, how, err);
    if (st) {
        free_one(as);
        return st;
    }
    pack(as);
    *ret = as;
    return STATUS_OK;
}

/* What happens in it goes to whoever reads that. */
static void join(struct service *s, struct active_study *as)
{
    as->stream = streams_of(s, as->study->name, as->active->memory->study_id);
    all_events_join(s->streams.together, as->study->name, as->active->memory->study_id);
    history_watch(as->active->history, &(struct history_watch){on_record, on_report, as});
}

static void add(struct service *s, struct active_study *as)
{
    as->next = s->active;
    s->active = as;
}

void active_study_host(struct service *s, struct active *guest)
{
    struct active_study *as = must_alloc(1, sizeof *as);
    *as = (struct active_study){.service = s, .study = guest->study, .active = guest};
    snprintf(as->unpacked, sizeof as->unpacked, "study '%s' runs in 'nocturne run', which has no agents",
             as->study->name);
    join(s, as);
    add(s, as);
}

void active_study_leave(struct active_study *as)
{
    history_watch(as->active->history, &(struct history_watch){0});
    part(as);
}

static enum status start(struct service *s, struct active_study *as, struct error *err)
{
    struct coordinator_options options = {.slots = slots_of(s, as->study),
                                          .workers = s->workers,
                                          .gpus = as->has_gpus ? &as->gpus : NULL,
                                          .may_start_here = may_start_here,
                                          .fleet = s->fleet,
                                          .definition = definition,
                                          .guard = s->guard,
                                          .files = s->files,
                                          .listen = on_event,
                                          .ended = on_ended,
                                          .data = as};
    if (s->closing) return error_set(err, STATUS_IO, "the service is stopping");
    join(s, as);
    return active_start(as->active, &options, s->loop, err);
}

enum status active_study_start(struct active_study *as, struct error *err)
{
    struct service *s = as->service;
    enum status st = start(s, as, err);
    if (st) {
        free_one(as);
        return st;
    }
    add(s, as);
    service_say(s, as->study->name, "at work%s%s", *as->shown ? ": " : "", as->shown);
    telling_begin(s, as->study->name);
    active_study_packed(as);
    return STATUS_OK;
}

void active_study_packed(const struct active_study *as)
{
    if (*as->unpacked) service_say(as->service, as->study->name, "agents cannot have it yet: %s", as->unpacked);
}

void active_study_sweep(struct service *s)
{
    for (struct active_study **at = &s->active; *at;) {
        struct active_study *as = *at;
        if (!as->over || as->lent) {
            at = &as->next;
            continue;
        }
        *at = as->next;
        free_one(as);
    }
}

/* ---- requests about it ---- */

/* The handler keeps it until the study has something for it, or ends. */
static void wait_for(struct active_study *as, struct request *r)
{
    r->awaited = as;
    r->wait.coordinator = as->active->coordinator;
    request_wait(r, &as->waiting, NULL);
}

static void on_durable(void *data)
{
    struct request *r = data;
    json_t *answer = r->later.body;
    r->later.body = NULL;
    request_answer(r, r->later.status, answer);
}

static void keep_for_repetition(struct active_study *as, const struct request *r, unsigned status, json_t *answer)
{
    if (!r->repeat.key) return;
    char *text = json_text(answer);
    struct store_answer a = request_kept_answer(r, status, text);
    journal_keep_answer(history_journal(as->active->history), &a);
    free(text);
}

void active_study_answer(struct active_study *as, struct request *r, unsigned status, json_t *answer)
{
    keep_for_repetition(as, r, status, answer);
    json_decref(r->body); /* whoever waits needs little memory */
    r->body = NULL;
    r->later.status = status;
    r->later.body = answer;
    wait_for(as, r);
    coordinator_promise(as->active->coordinator, on_durable, r);
}

/* A study that ends meanwhile is freed at the loop's next turn only. */
void active_study_handle(struct request *r, void (*handle)(struct request *r))
{
    bool about_study = strstr(r->route->path, "{study}") != NULL;
    struct active_study *as = about_study ? active_study_find(r->service, r->param[0]) : NULL;
    char token[TOKEN_ID_MAX]; /* the request may be gone when it has been handled */
    memcpy(token, r->who.id, sizeof token);
    if (as) history_on_behalf_of(as->active->history, token);
    handle(r);
    if (as) history_on_behalf_of(as->active->history, NULL);
}

static void on_calm(void *data)
{
    struct request *r = data;
    request_wait_no_more(r);
    active_study_handle(r, r->then);
}

void active_study_calm(struct active_study *as, struct request *r, void (*then)(struct request *r))
{
    r->then = then;
    wait_for(as, r);
    coordinator_calmly(as->active->coordinator, on_calm, r);
}

/* Also of one that was not there when the request came. */
void active_study_pause(struct active_study *as, const struct request *r, bool yes)
{
    history_on_behalf_of(as->active->history, r->who.id);
    coordinator_pause(as->active->coordinator, yes);
    history_on_behalf_of(as->active->history, NULL);
}

void active_study_lend(struct active_study *as, struct request *r)
{
    r->beside.lent = as ? &as->lent : NULL;
    if (as) as->lent++;
}
