#include "tuner/notify/trying.h"

#include "tuner/notify/carrier.h"
#include "tuner/notify/web.h"

#include "tuner/base/clock.h"
#include "tuner/base/words.h"

#include <stdlib.h>
#include <string.h>

struct attempt_at {
    struct trying *trying;
    struct carrier *carrier; /* NULL: the heartbeat, or it could not be opened */
    json_t *result;          /* borrowed */
};

struct trying {
    struct attempt_at each[CHANNELS_MAX + 1];
    struct web *heart;
    size_t open; /* that have not been closed */
    bool ok;
    json_t *results;
    trying_done_fn *done;
    void *data;
};

static void finish_one(void *data)
{
    struct trying *t = data;
    if (--t->open > 0) return;
    json_t *all = json_pack("{s:b, s:o}", "ok", t->ok, "channels", t->results);
    trying_done_fn *done = t->done;
    void *done_data = t->data;
    free(t);
    done(done_data, all);
}

static void note(struct attempt_at *x, bool ok, const char *why)
{
    json_object_set_new(x->result, "ok", json_boolean(ok));
    json_object_set_new(x->result, "why", ok ? json_null() : json_string(why));
    x->trying->ok &= ok;
}

static void on_reply(void *data, const struct reply *reply)
{
    struct attempt_at *x = data;
    note(x, reply->ok, reply->why);
    if (x->carrier)
        carrier_close(x->carrier, finish_one, x->trying);
    else
        web_close(x->trying->heart, finish_one, x->trying);
}

static struct attempt_at *begin(struct trying *t, const char *name, const char *kind)
{
    struct attempt_at *x = &t->each[t->open++];
    x->trying = t;
    x->result = json_pack("{s:s, s:s}", "channel", name, "kind", kind);
    json_array_append_new(t->results, x->result);
    return x;
}

static struct notice test_notice(int64_t now_ms)
{
    return (struct notice){
        .kind = NOTICE_TEST,
        .study = "",
        .key = "test",
        .at_ms = now_ms,
        .is = {"this is a test: who reads it will be told what Nocturne has to say", "nothing is to be done"}};
}

static void try_channel(struct trying *t, const struct channel_plan *plan, uv_loop_t *loop, struct attempt_at **ret)
{
    struct error err;
    struct attempt_at *x = begin(t, plan->name, channel_kind_name(plan->kind));
    if (carrier_open(plan, loop, &x->carrier, &err)) note(x, false, err.text);
    *ret = x;
}

/* Those that are open are sent to once all are: none may end before the last has begun. */
static void send_all(struct trying *t, size_t n)
{
    int64_t now = clock_wall_ms(clock_real());
    const struct notice notice = test_notice(now);
    for (size_t i = 0; i < n; i++) {
        struct attempt_at *x = &t->each[i];
        if (x->carrier)
            carrier_send(x->carrier, &notice, now, on_reply, x);
        else if (!json_object_get(x->result, "ok"))
            web_call(t->heart, NULL, NULL, on_reply, x);
    }
}

enum status trying_start(const struct notify_file *f, const char *channel, uv_loop_t *loop, trying_done_fn *done,
                         void *data, struct error *err)
{
    int only = channel ? notify_file_channel(f, channel) : -1;
    if (channel && only < 0)
        return error_set(err, STATUS_NOT_FOUND, "%s: there is no channel '%.60s'; 'nocturne notify show' lists them",
                         f->path, channel);
    struct trying *t = must_alloc(1, sizeof *t);
    *t = (struct trying){.ok = true, .results = json_array(), .done = done, .data = data};
    struct attempt_at *x;
    size_t unopened = 0;
    for (size_t i = 0; i < f->n; i++)
        if (only < 0 || i == (size_t)only) {
            try_channel(t, &f->channel[i], loop, &x);
            unopened += x->carrier == NULL;
        }
    if (only < 0 && f->heartbeat.url.host) {
        x = begin(t, "heartbeat", "heartbeat");
        struct error why;
        if (web_open(&f->heartbeat.url, NULL, loop, &t->heart, &why)) {
            note(x, false, why.text);
            unopened++;
        }
    }
    size_t n = t->open;
    t->open++; /* until all have begun */
    t->open -= unopened;
    send_all(t, n);
    finish_one(t);
    return STATUS_OK;
}
