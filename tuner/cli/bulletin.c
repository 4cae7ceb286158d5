#include "tuner/cli/bulletin.h"

#include "tuner/cli/cli.h"

#include <stdlib.h>

struct bulletin {
    struct bulletin_wish wish;
    struct notifier *notifier;
    bool closed;
};

static void on_say(void *data, const char *study, const char *text)
{
    (void)data;
    cli_say(study, text);
}

enum status bulletin_begin(const struct bulletin_wish *wish, struct bulletin **ret, struct error *err)
{
    struct bulletin *t = must_alloc(1, sizeof *t);
    const struct notifier_options options = {
        .file = wish->file, .db = wish->db, .loop = wish->loop, .adopts = true, .say = on_say, .data = t};
    t->wish = *wish;
    enum status s = notifier_create(&options, &t->notifier, err);
    if (s)
        free(t);
    else
        *ret = t;
    return s;
}

/* A postbox of its own for each: what others have told meanwhile is in the database. */
static void post(struct bulletin *t, struct store *store, const struct notice *n)
{
    int64_t id;
    struct error err;
    struct postbox *box = postbox_create(t->wish.file, store);
    enum status s = store_study_id(store, t->wish.of.study, &id, &err);
    if (!s) s = postbox_load(box, id, &err);
    if (!s) postbox_post(box, id, n, clock_wall_ms(clock_real()));
    postbox_free(box);
    if (!s) notifier_collect(t->notifier, t->wish.of.study);
}

void bulletin_event(struct bulletin *t, struct store *store, const json_t *event)
{
    struct arena a = {0};
    struct notice n;
    if (t && live_notice(&t->wish.of, event, &a, &n)) post(t, store, &n);
    arena_done(&a);
}

void bulletin_asks(struct bulletin *t, struct store *store, const char *step, int64_t since_ms)
{
    struct arena a = {0};
    struct notice n;
    if (!t) return;
    live_notice_asks(&t->wish.of, step, since_ms, &a, &n);
    post(t, store, &n);
    arena_done(&a);
}

void bulletin_alive(void *bulletin)
{
    notifier_alive(((struct bulletin *)bulletin)->notifier);
}

static void on_closed(void *data)
{
    ((struct bulletin *)data)->closed = true;
}

void bulletin_end(struct bulletin *t)
{
    if (!t) return;
    notifier_close(t->notifier, on_closed, t);
    while (!t->closed) uv_run(t->wish.loop, UV_RUN_ONCE);
    free(t);
}
