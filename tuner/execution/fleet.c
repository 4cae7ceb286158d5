#include "tuner/execution/fleet.h"

#include "tuner/base/arena.h"
#include "tuner/base/digest.h"
#include "tuner/base/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAIL_MAX = 10000, HEARTBEAT_MS = 30000, HUNGRY_MS = 500, TICKET_BYTES = 12 };

struct seat {
    struct seat *next; /* of the agent */
    struct agent *agent;
    struct tenant *tenant;
    void *owner;
    int64_t lease; /* 0: not assigned yet */
};

struct agent {
    struct agent *next;
    bool known; /* registered with this process */
    char name[AGENT_NAME_MAX + 1], ticket[2 * TICKET_BYTES + 1];
    char *instance, *host, *boot, *version, *study, *job;
    char *token, *scope; /* token: also of an expected one, if the log says it; else NULL */
    int job_misses;
    size_t slots, gpus, busy;
    size_t capacity; /* as it said last */
    struct seat *seat;
    json_t *mail; /* array */
    int64_t mail_n;
    bool waits;
    int64_t heard_ms, since_ms;
    size_t finished; /* attempts that it has ended */
};

struct tenant {
    struct tenant *next;
    struct fleet *fleet;
    struct tenant_hooks hooks;
    char *study;
    size_t held;
    int64_t hungry_ms; /* when it was refused a seat last */
};

struct fleet {
    const struct clock *clock;
    int64_t silence_ms;
    struct agent *agent;
    struct tenant *tenant;
    void (*wake)(void *data, struct agent *a);
    void *wake_data;
};

bool agent_is_name(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    return *text && strlen(text) <= AGENT_NAME_MAX && strspn(text, allowed) == strlen(text);
}

struct fleet *fleet_create(const struct clock *clock, int64_t silence_ms)
{
    struct fleet *f = must_alloc(1, sizeof *f);
    f->clock = clock;
    f->silence_ms = silence_ms;
    return f;
}

json_t *fleet_lease_name(const char *study, int64_t lease)
{
    return json_pack("{s:s, s:I}", "study", study, "lease", (json_int_t)lease);
}

/* ---- seats ---- */

static struct seat *seat_create(struct agent *a, struct tenant *m, void *owner)
{
    struct seat *s = must_alloc(1, sizeof *s);
    *s = (struct seat){.next = a->seat, .agent = a, .tenant = m, .owner = owner};
    a->seat = s;
    a->busy++;
    m->held++;
    return s;
}

void seat_leave(struct seat *s)
{
    struct seat **at = &s->agent->seat;
    while (*at != s) at = &(*at)->next;
    *at = s->next;
    s->agent->busy--;
    s->tenant->held--;
    free(s);
}

static void lose(struct seat *s, enum seat_loss loss, const char *why)
{
    s->tenant->hooks.lost(s->tenant->hooks.data, s->owner, loss, why);
    seat_leave(s);
}

struct holder seat_holder(const struct seat *s)
{
    return (struct holder){s->agent->name, s->agent->token};
}

static bool is_silent(const struct fleet *f, const struct agent *a)
{
    return !a->waits && clock_mono_ms(f->clock) - a->heard_ms > HEARTBEAT_MS;
}

bool seat_is_silent(const struct seat *s)
{
    const struct fleet *f = s->tenant->fleet;
    return is_silent(f, s->agent);
}

static void post(struct seat *s, json_t *item)
{
    struct agent *a = s->agent;
    struct fleet *f = s->tenant->fleet;
    json_object_set_new(item, "n", json_integer(++a->mail_n));
    json_array_append_new(a->mail, item);
    if (a->waits && f->wake) f->wake(f->wake_data, a);
}

void seat_assign(struct seat *s, int64_t lease, json_t *assignment)
{
    s->lease = lease;
    post(s, json_pack("{s:o}", "assign", assignment));
}

void seat_send(struct seat *s, json_t *order)
{
    json_t *item = fleet_lease_name(s->tenant->study, s->lease);
    json_object_set_new(item, "order", order);
    post(s, item);
}

/* ---- members ---- */

struct tenant *fleet_join(struct fleet *f, const char *study, const struct tenant_hooks *hooks)
{
    struct tenant *m = must_alloc(1, sizeof *m);
    *m = (struct tenant){.next = f->tenant, .fleet = f, .hooks = *hooks, .study = must_strdup(study)};
    f->tenant = m;
    return m;
}

void fleet_leave(struct tenant *m)
{
    struct fleet *f = m->fleet;
    struct tenant **at = &f->tenant;
    for (struct agent *a = f->agent; a; a = a->next)
        for (struct seat *s = a->seat, *next; s; s = next) {
            next = s->next;
            if (s->tenant == m) seat_leave(s);
        }
    while (*at != m) at = &(*at)->next;
    *at = m->next;
    free(m->study);
    free(m);
}

/* Does it work for this study, and may it? */
static bool works_for(const struct agent *a, const char *study)
{
    return (!a->study || strcmp(a->study, study) == 0) && words_lists(a->scope, study);
}

/* An agent that is there now and has room for this study; the emptiest first. */
static struct agent *roomy(const struct tenant *m)
{
    struct agent *best = NULL;
    for (struct agent *a = m->fleet->agent; a; a = a->next) {
        if (!a->known || !a->waits || a->busy >= a->capacity || !works_for(a, m->study)) continue;
        if (!best || a->busy * best->slots < best->busy * a->slots) best = a;
    }
    return best;
}

/* May it have one more, while others want seats, too? */
static bool is_fair(const struct tenant *m)
{
    size_t seats = fleet_seats(m->fleet, NULL), hungry = 0, n = 0;
    int64_t since = clock_mono_ms(m->fleet->clock) - HUNGRY_MS;
    for (const struct tenant *x = m->fleet->tenant; x; x = x->next) {
        bool wants = x->hungry_ms > since;
        hungry += x != m && wants;
        n += x == m || wants || x->held > 0;
    }
    return hungry == 0 || m->held * n < seats;
}

bool fleet_has_room(struct tenant *m)
{
    bool capacity = roomy(m) && is_fair(m);
    if (!capacity) m->hungry_ms = clock_mono_ms(m->fleet->clock);
    return capacity;
}

struct seat *fleet_take(struct tenant *m, void *owner)
{
    if (!fleet_has_room(m)) return NULL;
    m->hungry_ms = 0;
    return seat_create(roomy(m), m, owner);
}

/* ---- agents ---- */

static struct agent *find(const struct fleet *f, const char *name)
{
    struct agent *a = f->agent;
    while (a && strcmp(a->name, name) != 0) a = a->next;
    return a;
}

static char *copy(const char *text)
{
    return text ? must_strdup(text) : NULL;
}

static struct agent *agent_create(struct fleet *f, const char *name)
{
    struct agent *a = must_alloc(1, sizeof *a);
    a->next = f->agent;
    f->agent = a;
    snprintf(a->name, sizeof a->name, "%s", name);
    a->mail = json_array();
    a->heard_ms = a->since_ms = clock_mono_ms(f->clock);
    return a;
}

static void remove_agent(struct fleet *f, struct agent *a, enum seat_loss loss, const char *why);

/* Who came under this name with another token while nobody knew whose it was leaves again: the lease's holder could not
 * come back. */
struct seat *fleet_expect(struct tenant *m, const struct holder *holder, int64_t lease, void *owner)
{
    struct agent *a = find(m->fleet, holder->agent);
    if (a && a->token && holder->token && strcmp(a->token, holder->token) != 0) {
        remove_agent(m->fleet, a, SEAT_DROPPED, "its agent's name is that of another token's agent");
        a = NULL;
    }
    if (!a) a = agent_create(m->fleet, holder->agent);
    if (!a->token) a->token = copy(holder->token);
    struct seat *s = seat_create(a, m, owner);
    s->lease = lease;
    return s;
}

static void forget(struct agent *a)
{
    free(a->instance);
    free(a->host);
    free(a->boot);
    free(a->version);
    free(a->study);
    free(a->job);
    free(a->token);
    free(a->scope);
    json_decref(a->mail);
}

static void remove_agent(struct fleet *f, struct agent *a, enum seat_loss loss, const char *why)
{
    struct agent **at = &f->agent;
    while (a->seat) lose(a->seat, loss, why);
    if (a->waits && f->wake) f->wake(f->wake_data, a);
    while (*at != a) at = &(*at)->next;
    *at = a->next;
    forget(a);
    free(a);
}

void fleet_free(struct fleet *f)
{
    if (!f) return;
    f->wake = NULL;
    while (f->agent) remove_agent(f, f->agent, SEAT_DROPPED, "");
    free(f);
}

void fleet_dismiss(struct fleet *f, struct agent *a)
{
    remove_agent(f, a, SEAT_DROPPED, "its agent was stopped");
}

/* A set of leases: {"LEASE STUDY": true}. */
static void put_lease(json_t *set, const char *study, int64_t lease)
{
    struct arena a = {0};
    if (study) json_object_set_new(set, arena_printf(&a, "%lld %s", (long long)lease, study), json_true());
    arena_done(&a);
}

static bool has_lease(const json_t *set, const char *study, int64_t lease)
{
    struct arena a = {0};
    bool there = study && json_object_get(set, arena_printf(&a, "%lld %s", (long long)lease, study));
    arena_done(&a);
    return there;
}

static const char *study_of(const json_t *message)
{
    return json_string_value(json_object_get(message, "study"));
}

static int64_t lease_of(const json_t *message)
{
    return json_integer_value(json_object_get(message, "lease"));
}

/* What both sides think the agent holds, brought together. */
static void reconcile(struct agent *a, const struct agent_card *card, const json_t *held, json_t *gone)
{
    bool machine = a->boot && *a->boot && strcmp(a->boot, card->boot) != 0;
    json_t *theirs = json_object(), *ours = json_object();
    const json_t *x;
    size_t i;
    json_array_foreach((json_t *)held, i, x) put_lease(theirs, study_of(x), lease_of(x));
    for (struct seat *s = a->seat, *next; s; s = next) {
        next = s->next;
        if (has_lease(theirs, s->tenant->study, s->lease))
            put_lease(ours, s->tenant->study, s->lease);
        else
            lose(s, machine ? SEAT_CRASHED : SEAT_DROPPED,
                 machine ? "the agent's machine was restarted while it ran" : "the agent ended before it did");
    }
    json_array_foreach((json_t *)held, i, x)
    {
        if (!has_lease(ours, study_of(x), lease_of(x))) json_array_append(gone, (json_t *)x);
    }
    json_decref(theirs);
    json_decref(ours);
}

/* A name belongs to the token that came with it until its agent is gone: the leases are held under both. */
static enum status check_token(const struct fleet *f, const struct agent *a, const char *token, struct error *err)
{
    if (!a || !a->token || strcmp(a->token, token) == 0) return STATUS_OK;
    return error_set(err, STATUS_CONFLICT,
                     "the name '%s' belongs to an agent with another token, until it is silent for %lld s; start this "
                     "one with another --name",
                     a->name, (long long)(f->silence_ms / 1000));
}

static enum status check_number(const struct fleet *f, const struct agent *a, const struct agent_card *card,
                                struct error *err)
{
    size_t n = 0;
    if ((a && a->known) || !card->others_max) return STATUS_OK;
    for (const struct agent *x = f->agent; x; x = x->next) n += x->known && strcmp(x->token, card->token) == 0;
    if (n <= card->others_max) return STATUS_OK;
    return error_set(err, STATUS_EXHAUSTED,
                     "this token has %zu agents already; stop some, or give others a token of their own", n);
}

enum status fleet_register(struct fleet *f, const struct agent_card *card, const json_t *held, json_t *gone,
                           struct agent **ret, struct error *err)
{
    struct agent *a = find(f, card->name);
    int64_t now = clock_mono_ms(f->clock);
    enum status s = check_token(f, a, card->token, err);
    if (!s) s = check_number(f, a, card, err);
    if (s) return s;
    bool other = a && a->known && strcmp(a->instance, card->instance) != 0;
    if (other && (a->waits || now - a->heard_ms < HEARTBEAT_MS))
        return error_set(err, STATUS_CONFLICT,
                         "an agent '%s' is at work on %s already; start this one with another --name", card->name,
                         a->host);
    if (!a) a = agent_create(f, card->name);
    if (a->waits && f->wake) f->wake(f->wake_data, a); /* a poll of before */
    reconcile(a, card, held, gone);
    forget(a);
    a->mail = json_array();
    a->known = true;
    a->waits = false;
    a->instance = copy(card->instance);
    a->host = copy(card->host);
    a->boot = copy(card->boot);
    a->version = copy(card->version);
    a->study = copy(card->study);
    a->token = copy(card->token);
    a->scope = copy(card->scope);
    a->job = copy(card->job);
    a->job_misses = 0;
    a->slots = card->slots;
    a->gpus = card->gpus;
    a->heard_ms = now;
    digest_random_hex(a->ticket, TICKET_BYTES);
    *ret = a;
    return STATUS_OK;
}

struct agent *fleet_agent(struct fleet *f, const char *name)
{
    struct agent *a = find(f, name);
    return a && a->known ? a : NULL;
}

const char *agent_name(const struct agent *a)
{
    return a->name;
}

bool agent_is_shown(const struct agent *a, const char *ticket, const char *token)
{
    return strcmp(a->ticket, ticket) == 0 && strcmp(a->token, token) == 0;
}

const char *agent_ticket(const struct agent *a)
{
    return a->ticket;
}

/* ---- mail and messages ---- */

void fleet_on_mail(struct fleet *f, void (*wake)(void *data, struct agent *a), void *data)
{
    f->wake = wake;
    f->wake_data = data;
}

void agent_waits_no_more(struct agent *a)
{
    a->waits = false;
}

void agent_waits(struct agent *a, int64_t got, size_t capacity)
{
    json_t *rest = json_array(), *item;
    size_t i;
    json_array_foreach(a->mail, i, item)
    {
        if (json_integer_value(json_object_get(item, "n")) > got) json_array_append(rest, item);
    }
    json_decref(a->mail);
    a->mail = rest;
    a->capacity = capacity < a->slots ? capacity : a->slots;
    a->waits = true;
}

json_t *agent_mail(const struct agent *a)
{
    return json_array_size(a->mail) ? json_incref(a->mail) : NULL;
}

static struct tenant *member_of(const struct fleet *f, const char *study)
{
    struct tenant *m = f->tenant;
    while (m && strcmp(m->study, study) != 0) m = m->next;
    return m;
}

void agent_says(struct fleet *f, struct agent *a, const json_t *messages, json_t *gone)
{
    const json_t *x;
    size_t i;
    const struct holder from = {a->name, a->token};
    a->heard_ms = clock_mono_ms(f->clock);
    json_array_foreach((json_t *)messages, i, x)
    {
        const char *study = json_string_value(json_object_get(x, "study"));
        const char *how = json_string_value(json_object_get(json_object_get(x, "end"), "end"));
        struct tenant *m = study ? member_of(f, study) : NULL;
        bool taken = m && m->hooks.hear(m->hooks.data, &from, x);
        a->finished += how != NULL;
        if (how && strcmp(how, "not started") == 0) a->capacity = 0; /* it says when it can again */
        if (!taken && !how)
            json_array_append_new(
                gone, fleet_lease_name(study ? study : "", json_integer_value(json_object_get(x, "lease"))));
    }
}

void fleet_check_jobs(struct fleet *f, const char *product, bool (*is_lost)(void *data, const char *job), void *data,
                      int misses)
{
    for (struct agent *a = f->agent, *next; a; a = next) {
        char why[160];
        next = a->next;
        bool lost = a->job && !a->waits && is_lost(data, a->job);
        a->job_misses = lost ? a->job_misses + 1 : 0;
        if (a->job_misses < misses) continue;
        snprintf(why, sizeof why, "%s's job %.20s, which ran its agent, has ended", product, a->job);
        remove_agent(f, a, SEAT_DROPPED, why);
    }
}

void fleet_tick(struct fleet *f)
{
    int64_t now = clock_mono_ms(f->clock);
    for (struct agent *a = f->agent, *next; a; a = next) {
        char why[160];
        next = a->next;
        if (a->waits) a->heard_ms = now; /* the service sees to it that waits end */
        if (json_array_size(a->mail) > MAIL_MAX) {
            remove_agent(f, a, SEAT_SILENT, "its agent does not say that it gets its mail");
            continue;
        }
        if (now - a->heard_ms <= f->silence_ms) continue;
        snprintf(why, sizeof why, "its agent '%s' was not heard of for %lld s", a->name,
                 (long long)(f->silence_ms / 1000));
        remove_agent(f, a, SEAT_SILENT, why);
    }
}

/* ---- looking ---- */

size_t fleet_seats(const struct fleet *f, size_t *ret_busy)
{
    size_t n = 0, busy = 0;
    for (const struct agent *a = f->agent; a; a = a->next) {
        n += a->slots;
        busy += a->busy;
    }
    if (ret_busy) *ret_busy = busy;
    return n;
}

static bool serves(const struct agent *a, const char *study)
{
    return a->study ? strcmp(a->study, study) == 0 : words_lists(a->scope, study);
}

struct muster fleet_muster(const struct fleet *f, const char *study, const char *version)
{
    struct muster out = {0};
    for (const struct agent *a = f->agent; a; a = a->next) {
        if (!serves(a, study)) continue;
        out.agents++;
        if (is_silent(f, a)) {
            out.silent++;
            out.silent_name = a->name;
        }
        if (a->version && strcmp(a->version, version) != 0) {
            out.other++;
            out.other_name = a->name;
            out.other_version = a->version;
        }
    }
    return out;
}

json_t *agent_json(const struct fleet *f, const struct agent *a)
{
    json_t *leases = json_array(), *out;
    for (const struct seat *s = a->seat; s; s = s->next)
        if (s->lease) json_array_append_new(leases, fleet_lease_name(s->tenant->study, s->lease));
    out = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:I}", "agent", a->name, "state",
                    !a->known  ? "expected"
                    : a->waits ? "connected"
                               : "silent",
                    "slots", (json_int_t)a->slots, "busy", (json_int_t)a->busy, "gpus", (json_int_t)a->gpus,
                    "heard_ms_ago", (json_int_t)(a->waits ? 0 : clock_mono_ms(f->clock) - a->heard_ms), "leases",
                    leases, "finished", (json_int_t)a->finished);
    if (a->host) json_object_set_new(out, "host", json_string(a->host));
    if (a->version) json_object_set_new(out, "version", json_string(a->version));
    if (a->study) json_object_set_new(out, "study", json_string(a->study));
    if (a->job) json_object_set_new(out, "job", json_string(a->job));
    return out;
}

json_t *fleet_json(const struct fleet *f)
{
    json_t *out = json_array();
    for (const struct agent *a = f->agent; a; a = a->next) json_array_append_new(out, agent_json(f, a));
    return out;
}
