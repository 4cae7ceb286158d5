#include "tuner/agent/runner.h"

#include "tuner/base/beneath.h"
#include "tuner/base/clock.h"

#include <fcntl.h>
#include <string.h>

enum { RETRY_MS = 500, RETRY_MAX_MS = 30000, BACKLOG_MAX = 64 << 10, OUTBOX_MAX = 8 << 20 };

static int64_t now_ms(void)
{
    return clock_mono_ms(clock_real());
}

/* ---- hooks of its assignments ---- */

static void on_note(void *data, const char *text)
{
    const struct runner *r = data;
    r->options.say(r->options.data, text);
}

static void on_said(void *data)
{
    const struct runner *r = data;
    r->options.changed(r->options.data);
}

static void on_thinned(void *data)
{
    const struct runner *r = data;
    for (struct assignment *as = r->assignment; as; as = as->next) assignment_recount(as);
}

static struct assignment *next_ready(const struct runner *r)
{
    struct assignment *as = r->stopping || workers_free_slots(r->home.workers) == 0 ? NULL : r->assignment;
    while (as && as->state != ASSIGNMENT_READY) as = as->next;
    return as;
}

static void start_ready(void *data)
{
    struct runner *r = data;
    for (struct assignment *as; (as = next_ready(r));)
        if (assignment_start(as)) r->retry_ms = 0;
}

static void could_not_start(struct runner *r)
{
    r->retry_ms = r->retry_ms ? 2 * r->retry_ms : RETRY_MS;
    if (r->retry_ms > RETRY_MAX_MS) r->retry_ms = RETRY_MAX_MS;
    r->again_ms = now_ms() + r->retry_ms;
}

static void take_out(struct runner *r, struct assignment *as)
{
    struct assignment **at = &r->assignment;
    while (*at != as) at = &(*at)->next;
    *at = as->next;
    assignment_free(as);
}

static void on_ended(void *data, struct assignment *as, enum job_end how)
{
    struct runner *r = data;
    if (how == JOB_NOT_STARTED) could_not_start(r);
    if (as->fenced)
        workers_remove_folder(as->dir);
    else /* held until it is said */
        json_array_append_new(r->ended, json_pack("{s:s, s:I, s:s}", "study", as->study, "lease",
                                                  (json_int_t)as->spec.lease, "dir", as->dir));
    take_out(r, as);
    start_ready(r);
    r->options.changed(r->options.data);
}

/* ---- orders ---- */

static struct assignment *find(const struct runner *r, const json_t *about)
{
    const char *study = json_string_value(json_object_get(about, "study"));
    json_int_t lease = json_integer_value(json_object_get(about, "lease"));
    struct assignment *as = r->assignment;
    while (as && !assignment_is(as, study, lease)) as = as->next;
    return as;
}

void runner_take(struct runner *r, const json_t *assignment)
{
    struct assignment *as = assignment_create(&r->home, assignment);
    if (!as) {
        r->options.say(r->options.data, "an assignment of the service makes no sense: is it another version?");
        return;
    }
    as->next = r->assignment;
    r->assignment = as;
    if (r->stopping)
        assignment_stop(as, STOP_GENTLY, "the agent was stopped");
    else
        assignment_prepare(as);
}

void runner_order(struct runner *r, const json_t *about, const json_t *order)
{
    struct assignment *as = find(r, about);
    const char *why = json_string_value(json_object_get(order, "stop"));
    if (!as) return;
    if (why)
        assignment_stop(as, json_is_true(json_object_get(order, "now")) ? STOP_NOW : STOP_GENTLY, why);
    else
        assignment_send(as, order);
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
        assignment_stop(as, STOP_GENTLY, "its lease is over");
    }
}

void runner_stop(struct runner *r, enum stop_mode mode, const char *why)
{
    r->stopping = true;
    for (struct assignment *as = r->assignment, *next; as; as = next) {
        next = as->next;
        assignment_stop(as, mode, why);
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
    for (struct assignment *as = r->assignment; as && online && has_room; as = as->next) assignment_flush(as);
    for (struct assignment *as = r->assignment; as; as = as->next)
        if (as->again_ms && now >= as->again_ms) {
            assignment_prepare(as);
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
            json_array_append_new(out,
                                  json_pack("{s:s, s:I}", "study", as->study, "lease", (json_int_t)as->spec.lease));
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
    inputs_make_room(options->dir);
    r->home = (struct assignment_home){.dir = r->options.dir,
                                       .loop = options->loop,
                                       .client = options->client,
                                       .cache = cache_create(options->client, options->dir),
                                       .outbox = r->outbox,
                                       .workers = workers_create(options->loop, options->guard, options->slots),
                                       .gpus = options->gpus,
                                       .note = on_note,
                                       .said = on_said,
                                       .thinned = on_thinned,
                                       .ready = start_ready,
                                       .ended = on_ended,
                                       .data = r};
    workers_lock_slots(r->home.workers, options->dir);
    outbox_each(r->outbox, find_ended, r);
    arena_done(&a);
    return STATUS_OK;
}

void runner_done(struct runner *r)
{
    while (r->assignment) take_out(r, r->assignment);
    cache_free(r->home.cache);
    workers_free(r->home.workers);
    outbox_close(r->outbox);
    json_decref(r->ended);
}
