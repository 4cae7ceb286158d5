#include "tuner/service/api.h"
#include "tuner/service/dispatch.h"
#include "tuner/service/pilot.h"

#include "tuner/base/beneath.h"
#include "tuner/base/host.h"
#include "tuner/base/redact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    TICK_MS = 1000,
    PULSE_MS = 15000,
    FORGET_MS = 3600000,
    DAY_MS = 86400000,
    IDLE_S = 120,
    OPEN_BUSY_MS = 50,
    SWEEP_MS = 50 /* others get their turn */
};

void service_say(struct service *s, const char *study, const char *fmt, ...)
{
    char *text;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0) abort(); /* out of memory */
    redact(text, (size_t)n);
    s->options.say(s->options.data, study, text);
    free(text);
}

/* It goes with its last descriptor, whatever happens. */
int service_spool(const struct service *s)
{
    int dir = -1;
    if (beneath_folder(AT_FDCWD, s->files, true, &dir, NULL)) return -1;
    int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), code = errno;
    close(dir);
    errno = code;
    return fd;
}

/* ---- feeds ---- */

struct feed *service_feed(struct service *s, const char *study, int64_t id)
{
    for (struct feed_entry *e = s->feed; e; e = e->next)
        if (strcmp(e->study, study) == 0) return e->feed;
    struct feed_entry *e = must_alloc(1, sizeof *e);
    *e = (struct feed_entry){.next = s->feed, .study = must_strdup(study), .feed = feed_create(s->shelf, s->store, id)};
    s->feed = e;
    return e->feed;
}

static void drop_feed(struct feed_entry **at)
{
    struct feed_entry *e = *at;
    *at = e->next;
    feed_free(e->feed);
    free(e->study);
    free(e);
}

/* The study was deleted. Its readers are told so; the feed goes with the last of them. */
void service_forget_feed(struct service *s, const char *study)
{
    for (struct feed_entry *e = s->feed; e; e = e->next)
        if (strcmp(e->study, study) == 0) {
            feed_end(e->feed);
            free(e->study);
            e->study = must_strdup(""); /* a new study of this name has another feed */
            return;
        }
}

static void pulse_feeds(struct service *s)
{
    for (struct feed_entry **at = &s->feed; *at;) {
        feed_pulse((*at)->feed);
        if (!feed_is_read((*at)->feed) && !service_hosted(s, (*at)->study))
            drop_feed(at);
        else
            at = &(*at)->next;
    }
}

/* ---- studies at work ---- */

struct hosted *service_hosted(struct service *s, const char *study)
{
    struct hosted *h = s->hosted;
    while (h && (h->over || strcmp(h->study->name, study) != 0)) h = h->next;
    return h;
}

static void on_record(void *data, const struct store_event *e)
{
    struct hosted *h = data;
    feed_event(h->feed, e, journal_batch(h->run->session->journal));
}

static void on_report(void *data, const struct trial *t, long step, const json_t *metrics)
{
    struct hosted *h = data;
    feed_report(h->feed, t->number, step, metrics, journal_batch(h->run->session->journal));
}

static void on_event(void *data, enum coordinator_event event, const struct trial *t, const char *text)
{
    struct hosted *h = data;
    struct service *s = h->service;
    switch (event) {
    case EVENT_STARTED:
    case EVENT_TICK: return;
    case EVENT_FINISHED:
        s->trials_finished++;
        if (h->run->session->best == t && t->told > 0)
            service_say(s, h->study->name, "trial %ld is the best so far: utility %+.4g", t->number,
                        h->run->session->best_utility);
        return;
    case EVENT_RETRY: service_say(s, h->study->name, "trial %ld is tried again: %s", t->number, text); return;
    case EVENT_CONFIRM:
        service_say(s, h->study->name, "the search is done; confirming the best on fresh seeds");
        return;
    case EVENT_STOPPING:
    case EVENT_NOTE:
    case EVENT_PAUSED:
    case EVENT_RESUMED: service_say(s, h->study->name, "%s", text); return;
    }
}

static void refuse_waiting(struct call **list, unsigned status, const char *why)
{
    while (*list) {
        struct call *c = *list;
        if (c->cancel) c->cancel(c);
        call_wait_no_more(c);
        c->hosted = NULL;
        call_problem(c, status, "%s", why);
    }
}

static void answer_waiting(struct hosted *h)
{
    refuse_waiting(&h->call, h->service->closing ? 503 : 409,
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
    run_close(h->run);
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

static enum status open_run(struct service *s, struct hosted *h, const struct opening *how, struct error *err)
{
    struct store *store = NULL;
    struct opening opening = *how;
    struct budget budget = how->budget ? run_budget(h->study, how->budget) : h->study->budget;
    opening.seed = h->study->seed;
    opening.budget = &budget;
    opening.slots = slots_of(s, h->study);
    enum status st = check_place(s, h->study, err);
    if (!st && opening.slots) st = run_check_command(h->study, err);
    if (!st) st = store_open(s->options.db, STORE_EXISTING, &store, err);
    if (st) {
        store_hold_release(how->hold);
        return st;
    }
    store_set_patience(store, OPEN_BUSY_MS);
    st = run_open(store, h->study, &opening, s->clock, &h->run, err);
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
                                          .may_start_here = may_start_here,
                                          .fleet = s->fleet,
                                          .definition = definition,
                                          .guard = s->guard,
                                          .files = s->files,
                                          .listen = on_event,
                                          .ended = on_ended,
                                          .data = h};
    if (s->closing) return error_set(err, STATUS_IO, "the service is stopping");
    h->feed = service_feed(s, h->study->name, h->run->session->study_id);
    h->run->session->watch = (struct session_watch){on_record, on_report, h};
    return run_start(h->run, &options, s->loop, err);
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
    service_say(s, h->study->name, "at work");
    hosted_packed(h);
    return STATUS_OK;
}

void hosted_packed(const struct hosted *h)
{
    if (*h->unpacked) service_say(h->service, h->study->name, "agents cannot have it yet: %s", h->unpacked);
}

static void sweep_hosted(struct service *s)
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

/* ---- studies of the last process ---- */

static void on_study(void *data, const struct store_study *row)
{
    struct study_names *l = data;
    if (l->n == l->room) {
        l->room = 2 * l->room + 16;
        l->name = must_grow(l->name, l->room, sizeof *l->name);
    }
    l->name[l->n++] = arena_strdup(&l->arena, row->name);
}

enum status study_names_read(struct store *store, struct study_names *ret, struct error *err)
{
    *ret = (struct study_names){.n = 0};
    return store_studies(store, on_study, ret, err);
}

void study_names_done(struct study_names *l)
{
    free(l->name);
    arena_done(&l->arena);
}

/* One after the other, beside the loop: the port answers meanwhile. Whoever needs one of them now gets it next, and
 * waits for it. */
struct waking {
    struct waking *next;
    struct service *service;
    struct work work;
    char *name;
    struct budget budget;
    bool slurm, again;
    struct hosted *hosted;
    struct error err; /* why it is not; "": it is */
};

struct looking {
    struct service *service;
    struct work work;
    struct waking *first;
    struct error err;
};

static void waking_free(struct waking *w)
{
    free(w->name);
    free(w);
}

static bool uses_slurm(const struct store_study *row)
{
    struct study *study = NULL;
    struct error ignored;
    bool yes = strstr(row->file, "slurm") &&
               study_parse(row->path, row->file, strlen(row->file), &study, &ignored) == STATUS_OK && study->slurm.on;
    study_free(study);
    return yes;
}

static void look_at(struct looking *l, struct store *store, const char *name)
{
    struct waking *w = must_alloc(1, sizeof *w);
    struct arena a = {0};
    struct store_study row;
    *w = (struct waking){.next = l->first, .service = l->service, .name = must_strdup(name)};
    l->first = w;
    enum status st = store_study_find(store, name, &a, &row, &w->err);
    if (!st) w->slurm = uses_slurm(&row);
    if (!st) st = run_was_open(store, row.id, &w->again, &w->budget, &w->err);
    if (!st) w->again = w->again && !store_hold_taken(store, name);
    if (!st) *w->err.text = 0;
    arena_done(&a);
}

static bool look(struct work *work, struct store *store)
{
    struct looking *l = (struct looking *)((char *)work - offsetof(struct looking, work));
    struct study_names all;
    enum status st = study_names_read(store, &all, &l->err);
    for (size_t i = 0; !st && i < all.n; i++) look_at(l, store, all.name[i]);
    study_names_done(&all);
    return st == STATUS_BUSY;
}

bool service_is_waking(const struct service *s, const char *study)
{
    if (s->looking) return true;
    for (const struct waking *w = s->waking; w; w = w->next)
        if (strcmp(w->name, study) == 0) return true;
    return false;
}

static void wake_next(struct service *s);

/* Those that have waited for this study (NULL: for the look) are handled now. */
static void go_on(struct service *s, const char *study)
{
    struct call *list = NULL;
    while (s->awaiting) {
        struct call *c = s->awaiting;
        call_wait(c, &list, c->cancel);
    }
    while (list) {
        struct call *c = list;
        bool mine = !study || s->closing || strcmp(c->awaits, study) == 0;
        call_wait(c, &s->awaiting, NULL);
        if (!mine) continue;
        call_wait_no_more(c);
        call_handle(c, c->route->handle);
    }
}

static bool wake(struct work *work, struct store *store)
{
    struct waking *w = (struct waking *)((char *)work - offsetof(struct waking, work));
    struct study *study = NULL;
    struct arena a = {0};
    struct store_study row;
    enum status st = store_study_find(store, w->name, &a, &row, &w->err);
    if (!st) st = study_parse(row.path, row.file, strlen(row.file), &study, &w->err);
    const struct opening how = {.budget = &w->budget, .goes_on = true};
    if (!st) st = hosted_open(w->service, study, &how, &w->hosted, &w->err);
    arena_done(&a);
    if (!st) *w->err.text = 0;
    return st == STATUS_BUSY && !store_hold_taken(store, w->name);
}

static void on_woken(struct work *work)
{
    struct waking *w = (struct waking *)((char *)work - offsetof(struct waking, work));
    struct service *s = w->service;
    s->waking = w->next;
    if (w->hosted && hosted_start(w->hosted, &w->err) == STATUS_OK) *w->err.text = 0;
    if (*w->err.text && !s->closing) service_say(s, w->name, "cannot go on: %s", w->err.text);
    go_on(s, w->name);
    waking_free(w);
    wake_next(s);
}

static void wake_next(struct service *s)
{
    struct waking *w = s->waking;
    while (s->closing && s->waking) {
        w = s->waking;
        s->waking = w->next;
        waking_free(w);
    }
    if (!s->waking) return;
    w->work = (struct work){.who = "", .about = w->name, .run = wake, .done = on_woken};
    works_add(s->works, &w->work);
}

/* The first is on its way. */
static void bring_forward(struct service *s, const char *study)
{
    for (struct waking **at = s->waking ? &s->waking->next : NULL; at && *at; at = &(*at)->next) {
        struct waking *w = *at;
        if (strcmp(w->name, study) != 0) continue;
        *at = w->next;
        w->next = s->waking->next;
        s->waking->next = w;
        return;
    }
}

bool service_waits(struct call *c, const char *study)
{
    struct service *s = c->service;
    if (s->closing || !service_is_waking(s, study)) return false;
    bring_forward(s, study);
    c->awaits = study;
    call_wait(c, &s->awaiting, NULL);
    return true;
}

static void on_looked(struct work *work)
{
    struct looking *l = (struct looking *)((char *)work - offsetof(struct looking, work));
    struct service *s = l->service;
    s->looking = false;
    while (l->first) {
        struct waking *w = l->first;
        l->first = w->next;
        if (*w->err.text) service_say(s, w->name, "%s", w->err.text);
        if (w->slurm) pilot_retire(s->pilot, w->name); /* unless it goes on */
        w->next = s->waking;
        if (w->again)
            s->waking = w;
        else
            waking_free(w);
    }
    if (l->err.status) service_say(s, NULL, "%s", l->err.text);
    free(l);
    wake_next(s);
    go_on(s, NULL);
}

static void wake_unfinished(struct service *s)
{
    struct looking *l = must_alloc(1, sizeof *l);
    l->service = s;
    l->work = (struct work){.who = "", .run = look, .done = on_looked};
    s->looking = true;
    works_add(s->works, &l->work);
}

/* ---- what is deleted ---- */

static bool sweep(struct work *work, struct store *store)
{
    struct service *s = (struct service *)((char *)work - offsetof(struct service, sweeping));
    struct error err;
    s->dirty = false;
    return store_sweep(store, clock_wall_ms(s->clock) - DAY_MS, &s->dirty, &err) == STATUS_BUSY;
}

static void on_swept(struct work *work)
{
    struct service *s = (struct service *)((char *)work - offsetof(struct service, sweeping));
    s->sweeps = false;
    if (s->dirty || s->swept_late) service_sweep(s);
}

void service_sweep(struct service *s)
{
    if (s->closing) return;
    s->swept_late = s->sweeps;
    if (s->sweeps) return;
    s->sweeps = true;
    s->sweeping = (struct work){.who = "", .run = sweep, .done = on_swept};
    works_add_later(s->works, &s->sweeping, SWEEP_MS);
}

/* ---- the loop ---- */

static void finish_if_left(struct service *s);

/* Whoever waits until something is durable would wait for a database that may never come back. */
static void check_ground(struct service *s)
{
    struct error err;
    if (store_check_ground(s->store, &err) == STATUS_OK) return;
    for (struct hosted *h = s->hosted; h; h = h->next) refuse_waiting(&h->call, 503, err.text);
    refuse_waiting(&s->saying, 503, err.text);
}

static void on_tick(uv_timer_t *timer)
{
    struct service *s = timer->data;
    int64_t now = clock_mono_ms(s->clock);
    check_ground(s);
    fleet_tick(s->fleet);
    api_agents_tick(s);
    pilot_tick(s->pilot);
    if (now - s->pulsed_ms >= PULSE_MS) {
        s->pulsed_ms = now;
        pulse_feeds(s);
    }
    if (now - s->forgot_ms >= FORGET_MS) {
        s->forgot_ms = now;
        service_sweep(s);
    }
}

static void on_turn(uv_prepare_t *turn)
{
    struct service *s = turn->data;
    for (struct hosted *h = s->hosted; h; h = h->next)
        if (!h->over) feed_durable(h->feed, journal_durable(h->run->session->journal));
    sweep_hosted(s);
    finish_if_left(s);
}

/* ---- life ---- */

static void service_free(struct service *s)
{
    sweep_hosted(s);
    while (s->feed) drop_feed(&s->feed);
    auth_close(s->auth);
    fleet_free(s->fleet);
    folded_free(s->folded);
    shelf_free(s->shelf);
    if (s->store) store_close(s->store);
    clock_steady_free(s->clock);
    free(s);
}

static void on_closed(uv_handle_t *handle)
{
    struct service *s = handle->data;
    void (*ended)(void *) = s->options.ended;
    void *data = s->options.data;
    service_free(s);
    ended(data);
}

static void on_works_closed(void *data)
{
    struct service *s = data;
    s->works = NULL;
    pilot_free(s->pilot);
    s->pilot = NULL;
    uv_close((uv_handle_t *)&s->tick, NULL);
    uv_close((uv_handle_t *)&s->turn, on_closed);
}

static void on_http_closed(void *data)
{
    struct service *s = data;
    works_close(s->works, on_works_closed, s);
}

static void finish_if_left(struct service *s)
{
    if (!s->closing || s->hosted || !s->http) return;
    struct http *h = s->http;
    s->http = NULL;
    uv_prepare_stop(&s->turn);
    http_close(h, on_http_closed, s);
}

void service_close(struct service *s)
{
    if (s->closing) return;
    s->closing = true;
    go_on(s, NULL);
    for (struct hosted *h = s->hosted; h; h = h->next)
        if (!h->over) coordinator_leave(h->run->coordinator);
}

static enum status open_parts(struct service *s, struct error *err)
{
    struct http_options http = {.address = s->options.address,
                                .port = s->options.port,
                                .cert = s->options.cert,
                                .key = s->options.key,
                                .connections = s->options.connections,
                                .idle_s = IDLE_S};
    struct http_hooks hooks = {dispatch_begin,    dispatch_handle,    dispatch_gone,
                               dispatch_is_valid, dispatch_unwelcome, s};
    enum status st = store_open(s->options.db, STORE_CREATE, &s->store, err);
    if (!st) store_set_patience(s->store, OPEN_BUSY_MS); /* what has to wait is a work's */
    if (!st) st = run_find_guard(s->guard, err);
    if (!st) st = run_files_folder(s->options.db, s->files, err);
    if (!st) st = http_create(&http, &hooks, s->loop, &s->http, err);
    if (!st) st = works_create(s->loop, s->options.db, &s->works, err);
    if (!st) s->shelf = shelf_create(s->works);
    return st;
}

/* A wildcard is no place to go to. */
static void start_pilot(struct service *s)
{
    struct arena a = {0};
    char host[HOST_TEXT_MAX];
    const char *address = s->options.address;
    bool any = strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0, v6 = strchr(address, ':') && !any;
    if (any) address = host_name(host);
    s->pilot =
        pilot_create(s, s->options.url ? s->options.url
                                       : arena_printf(&a, "http%s://%s%s%s:%u", s->options.cert ? "s" : "",
                                                      v6 ? "[" : "", address, v6 ? "]" : "", http_port(s->http)));
    arena_done(&a);
}

enum status service_create(const struct service_options *options, uv_loop_t *loop, struct service **ret,
                           struct error *err)
{
    struct service *s = must_alloc(1, sizeof *s);
    s->options = *options;
    s->loop = loop;
    s->clock = clock_steady_create(clock_real());
    s->started_ms = clock_mono_ms(s->clock);
    s->folded = folded_create(s->clock);
    s->fleet = fleet_create(s->clock, options->silence_ms);
    enum status st = open_parts(s, err);
    if (st) {
        service_free(s);
        return st;
    }
    s->auth = auth_open(s->store, s->clock, options->tries);
    uv_timer_init(loop, &s->tick);
    uv_prepare_init(loop, &s->turn);
    s->tick.data = s->turn.data = s;
    uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
    uv_prepare_start(&s->turn, on_turn);
    api_agents_open(s);
    start_pilot(s);
    wake_unfinished(s);
    service_sweep(s); /* what the last process did not live to */
    *ret = s;
    return STATUS_OK;
}

uint16_t service_port(const struct service *s)
{
    return http_port(s->http);
}
