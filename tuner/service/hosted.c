/* Studies at work: opened beside the loop, started on it, and taken away at a turn of it once they have ended. */
#include "tuner/service/api.h"
#include "tuner/service/pilot.h"

#include "tuner/base/beneath.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hosted *service_hosted(struct service *s, const char *study)
{
    struct hosted *h = s->hosted;
    while (h && (h->over || strcmp(h->study->name, study) != 0)) h = h->next;
    return h;
}

static void on_record(void *data, const struct store_event *e)
{
    struct hosted *h = data;
    feed_event(h->feed, e, journal_batch(h->run->history->journal));
}

static void on_report(void *data, const struct trial *t, long step, const json_t *metrics)
{
    struct hosted *h = data;
    feed_report(h->feed, t->number, step, metrics, journal_batch(h->run->history->journal));
}

static void on_event(void *data, enum news event, const struct trial *t, const char *text)
{
    struct hosted *h = data;
    struct service *s = h->service;
    switch (event) {
    case NEWS_STARTED:
    case NEWS_TICK: return;
    case NEWS_FINISHED:
        s->trials_finished++;
        if (h->run->history->best == t && t->told > 0)
            service_say(s, h->study->name, "trial %ld is the best so far: utility %+.4g", t->number,
                        h->run->history->best_utility);
        return;
    case NEWS_RETRY: service_say(s, h->study->name, "trial %ld is tried again: %s", t->number, text); return;
    case NEWS_CONFIRM: service_say(s, h->study->name, "the search is done; confirming the best on fresh seeds"); return;
    case NEWS_STOPPING:
    case NEWS_NOTE:
    case NEWS_PAUSED:
    case NEWS_RESUMED: service_say(s, h->study->name, "%s", text); return;
    }
}

static void answer_waiting(struct hosted *h)
{
    call_refuse_all(&h->call, h->service->closing ? 503 : 409,
                    h->service->closing ? "the service is stopping" : "the study has ended");
}

static void on_ended(void *data, enum coordinator_end end, enum status status, const struct error *err)
{
    struct hosted *h = data;
    feed_durable(h->feed, UINT64_MAX);
    answer_waiting(h);
    if (h->study->slurm.on && end != COORDINATOR_LEFT) pilot_retire(h->service->pilot, h->study->name);
    h->over = true; /* the coordinator is still on the stack */
    if (status)
        service_say(h->service, h->study->name, "ended: %s", err->text);
    else if (end != COORDINATOR_LEFT)
        service_say(h->service, h->study->name, end == COORDINATOR_DONE ? "complete" : "stopped");
}

static size_t busy_here(const struct service *s)
{
    size_t n = 0;
    for (const struct hosted *h = s->hosted; h; h = h->next)
        if (h->run && h->run->coordinator && !h->over) n += coordinator_busy_here(h->run->coordinator);
    return n;
}

static bool may_start_here(void *data)
{
    const struct hosted *h = data;
    return busy_here(h->service) < h->service->options.slots;
}

void hosted_free(struct hosted *h)
{
    if (!h) return;
    active_close(h->run);
    study_free(h->study);
    parcel_done(&h->parcel);
    free(h);
}

static size_t slots_of(const struct service *s, const struct study *study)
{
    size_t n = study->n_args ? (size_t)study->slots : 0;
    return n < s->options.slots ? n : s->options.slots;
}

static const char *definition(void *data)
{
    return ((const struct hosted *)data)->parcel.definition;
}

bool service_owns(const struct service *s, const char *path)
{
    return beneath_rest(s->files, path) != NULL;
}

/* A trial may have put a link in the place of a study that was created here. */
static enum status check_place(const struct service *s, const struct study *study, struct error *err)
{
    if (!service_owns(s, study->path) || beneath_rest(study->dir, study->path)) return STATUS_OK;
    return error_set(err, STATUS_INVALID, "%s: a part of it is a link; that is not followed", study->path);
}

static enum status find_gpus(struct hosted *h, size_t slots, struct error *err)
{
    struct arena a = {0};
    const char *said = NULL;
    enum status st = needs_gpus(h->study, slots, &h->gpus, &h->has_gpus, &said, &a, err);
    if (!st && said) snprintf(h->shown, sizeof h->shown, "%s", said);
    arena_done(&a);
    return st;
}

static enum status open_run(struct service *s, struct hosted *h, const struct opening *how, struct error *err)
{
    struct store *store = NULL;
    struct opening opening = *how;
    struct budget budget = how->budget ? active_budget(h->study, how->budget) : h->study->budget;
    opening.seed = h->study->seed;
    opening.budget = &budget;
    opening.slots = slots_of(s, h->study);
    enum status st = check_place(s, h->study, err);
    if (!st && opening.slots) st = needs_command(h->study, err);
    if (!st && opening.slots) st = find_gpus(h, opening.slots, err);
    if (!st) st = store_open(s->options.db, STORE_EXISTING, &store, err);
    if (st) {
        store_hold_release(how->hold);
        return st;
    }
    store_set_patience(store, SERVICE_BUSY_MS);
    st = active_open(store, h->study, &opening, s->clock, &h->run, err);
    if (st == STATUS_BUSY) store_close(store);
    return st;
}

/* A study whose files are not there yet can still be worked on here and by clients. */
static void pack(struct hosted *h)
{
    struct error err;
    if (parcel_make(&h->parcel, NULL, h->study, &err)) snprintf(h->unpacked, sizeof h->unpacked, "%s", err.text);
}

enum status hosted_open(struct service *s, struct study *study, const struct opening *how, struct hosted **ret,
                        struct error *err)
{
    struct hosted *h = must_alloc(1, sizeof *h);
    h->service = s;
    h->study = study;
    enum status st = open_run(s, h, how, err);
    if (st) {
        hosted_free(h);
        return st;
    }
    pack(h);
    *ret = h;
    return STATUS_OK;
}

static enum status start(struct service *s, struct hosted *h, struct error *err)
{
    struct coordinator_options options = {.slots = slots_of(s, h->study),
                                          .workers = s->workers,
                                          .gpus = h->has_gpus ? &h->gpus : NULL,
                                          .may_start_here = may_start_here,
                                          .fleet = s->fleet,
                                          .definition = definition,
                                          .guard = s->guard,
                                          .files = s->files,
                                          .listen = on_event,
                                          .ended = on_ended,
                                          .data = h};
    if (s->closing) return error_set(err, STATUS_IO, "the service is stopping");
    h->feed = service_feed(s, h->study->name, h->run->history->study_id);
    h->run->history->watch = (struct history_watch){on_record, on_report, h};
    return active_start(h->run, &options, s->loop, err);
}

enum status hosted_start(struct hosted *h, struct error *err)
{
    struct service *s = h->service;
    enum status st = start(s, h, err);
    if (st) {
        hosted_free(h);
        return st;
    }
    h->next = s->hosted;
    s->hosted = h;
    service_say(s, h->study->name, "at work%s%s", *h->shown ? ": " : "", h->shown);
    hosted_packed(h);
    return STATUS_OK;
}

void hosted_packed(const struct hosted *h)
{
    if (*h->unpacked) service_say(h->service, h->study->name, "agents cannot have it yet: %s", h->unpacked);
}

void hosted_sweep(struct service *s)
{
    for (struct hosted **at = &s->hosted; *at;) {
        struct hosted *h = *at;
        if (!h->over || h->lent) {
            at = &h->next;
            continue;
        }
        *at = h->next;
        hosted_free(h);
    }
}
