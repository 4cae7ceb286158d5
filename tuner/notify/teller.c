#include "tuner/notify/teller.h"

#include "tuner/notify/carrier.h"
#include "tuner/notify/heartbeat.h"
#include "tuner/notify/trying.h"
#include "tuner/notify/vigil.h"

#include "tuner/base/clock.h"
#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { TURN_MS = 1000, ALIVE_LEAST_MS = 5000, NICENESS = 5, SAID_MAX = 120 };

struct line { /* to a channel */
    struct teller *teller;
    size_t place;
    struct carrier *carrier; /* NULL: it cannot be opened */
    struct arena arena;      /* of the notice on its way */
    struct notice notice;
    bool going, troubled;
};

struct member { /* a study that is watched */
    struct member *next;
    struct vigil *vigil;
};

struct life { /* of the caller's loop */
    uint64_t count;
    int64_t seen_ms;
};

struct teller {
    struct teller_options options;
    uv_thread_t thread;
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t turn, deadline;
    struct clock *clock;
    struct postbox *postbox;
    struct watching watching;
    struct member *member;
    struct line line[CHANNELS_MAX];
    struct heartbeat *heartbeat;
    struct life life;
    size_t trying, closing_parts; /* tests on their way; channels that are being closed */
    enum { TELLER_WORKS, TELLER_FINISHES, TELLER_CLOSES } stage;
};

/* ---- what it says of itself ---- */

static void say(struct teller *t, const char *study, const char *text)
{
    desk_say(t->options.desk, study, text);
    t->options.left(t->options.data);
}

/* For 'nocturne log' as well. */
static void say_of(struct teller *t, const struct notice *n, const char *text)
{
    const int64_t *study;
    size_t k = postbox_settled(t->postbox, &study);
    int64_t now = clock_wall_ms(t->clock);
    for (size_t i = 0; i < k; i++) store_telling_add(t->options.store, study[i], now, text, &(struct error){0});
    say(t, n->study, text);
}

static void on_dropped(void *data, const char *study, size_t n)
{
    struct arena a = {0};
    say(data, study,
        arena_printf(&a, "%zu notice%s went untold: more than %d wait for the same channel", n, words_s(n),
                     POSTBOX_MAX));
    arena_done(&a);
}

/* ---- sending ---- */

static void finish_if_done(struct teller *t);
static void send_next(struct line *l);

static void say_sent(struct line *l, enum sent sent, const char *why)
{
    struct teller *t = l->teller;
    const char *name = t->options.file->channel[l->place].name;
    struct arena a = {0};
    switch (sent) {
    case SENT_DONE:
        say_of(t, &l->notice,
               arena_printf(&a, "told %s (%s): %s", name, notice_kind_name(l->notice.kind),
                            plain_bounded(&a, l->notice.is.sentence, SAID_MAX)));
        break;
    case SENT_AGAIN:
        if (!l->troubled)
            say_of(t, &l->notice,
                   arena_printf(&a, "could not tell %s (%s): %s; it is tried again, for two days at most", name,
                                notice_kind_name(l->notice.kind), why));
        break;
    case SENT_GIVEN_UP:
        say_of(t, &l->notice,
               arena_printf(&a, "gave up telling %s (%s): %s", name, notice_kind_name(l->notice.kind), why));
        break;
    }
    l->troubled = sent != SENT_DONE;
    arena_done(&a);
}

static void on_sent(void *data, const struct reply *reply)
{
    struct line *l = data;
    struct teller *t = l->teller;
    l->going = false;
    say_sent(l, postbox_settle(t->postbox, l->place, reply, clock_wall_ms(t->clock)), reply->why);
    arena_done(&l->arena);
    l->arena = (struct arena){0};
    if (t->stage != TELLER_CLOSES) send_next(l);
    finish_if_done(t);
}

static void send_next(struct line *l)
{
    struct teller *t = l->teller;
    int64_t now = clock_wall_ms(t->clock);
    if (l->going || !l->carrier || !postbox_take(t->postbox, l->place, now, &l->arena, &l->notice)) return;
    l->going = true;
    carrier_send(l->carrier, &l->notice, now, on_sent, l);
}

/* ---- studies ---- */

static struct vigil *find(const struct teller *t, const char *name)
{
    struct vigil *last = NULL; /* of two the newer */
    for (const struct member *m = t->member; m; m = m->next)
        if (strcmp(vigil_name(m->vigil), name) == 0) last = m->vigil;
    return last;
}

static void join(struct teller *t, const char *name)
{
    struct member *m = must_alloc(1, sizeof *m), **at = &t->member;
    m->vigil = vigil_create(&t->watching, name);
    while (*at) at = &(*at)->next;
    *at = m;
}

static void turn_all(struct teller *t)
{
    for (struct member **at = &t->member; *at;) {
        struct member *m = *at;
        if (!vigil_turn(m->vigil)) {
            at = &m->next;
            continue;
        }
        *at = m->next;
        vigil_free(m->vigil);
        free(m);
    }
}

static void on_tried(void *data, json_t *results);

struct ticket {
    struct teller *teller;
    uint64_t number;
};

static void on_tried(void *data, json_t *results)
{
    struct ticket *x = data;
    struct teller *t = x->teller;
    desk_tried(t->options.desk, x->number, results);
    t->options.left(t->options.data);
    free(x);
    t->trying--;
    finish_if_done(t);
}

static void try_one(struct teller *t, const struct desk_trial *wish)
{
    struct ticket *x = must_alloc(1, sizeof *x);
    struct error err;
    *x = (struct ticket){t, wish->ticket};
    t->trying++;
    if (trying_start(t->options.file, wish->channel, &t->loop, on_tried, x, &err))
        on_tried(x, json_pack("{s:b, s:s}", "ok", 0, "why", err.text));
}

/* What the database refuses now is asked for again at the next turn. */
static void collect(struct teller *t, const char *study)
{
    int64_t id;
    struct error err;
    enum status s = store_study_id(t->options.store, study, &id, &err);
    if (!s) s = postbox_load(t->postbox, id, &err);
    if (s && s != STATUS_NOT_FOUND) desk_collect(t->options.desk, study);
}

static void note_life(struct teller *t, uint64_t count)
{
    if (count == t->life.count) return;
    t->life.count = count;
    t->life.seen_ms = clock_mono_ms(t->clock);
}

static void turn(struct teller *t)
{
    struct arena a = {0};
    const struct desk_orders orders = desk_take(t->options.desk, &a);
    note_life(t, orders.alive);
    for (size_t i = 0; i < orders.n_studies; i++) {
        if (orders.study[i].begun) join(t, orders.study[i].name);
        struct vigil *w = find(t, orders.study[i].name);
        if (w) vigil_set(w, &orders.study[i]);
    }
    for (size_t i = 0; i < orders.n_trials; i++) try_one(t, &orders.trial[i]);
    for (size_t i = 0; i < orders.n_posts; i++) collect(t, orders.post[i]);
    turn_all(t);
    arena_done(&a);
    for (size_t i = 0; i < t->options.file->n; i++) send_next(&t->line[i]);
    if (orders.closing && t->stage == TELLER_WORKS) {
        t->stage = TELLER_FINISHES;
        uv_timer_stop(&t->turn);
        uv_timer_start(&t->turn, t->turn.timer_cb, 50, 50); /* a locked database is asked more often now */
    }
    finish_if_done(t);
}

/* ---- the heart ---- */

static bool is_alive(void *data)
{
    struct teller *t = data;
    int64_t every = t->options.file->heartbeat.every_ms, most = every > ALIVE_LEAST_MS ? every : ALIVE_LEAST_MS;
    if (t->life.count == 0 || clock_mono_ms(t->clock) - t->life.seen_ms > most) return false;
    for (const struct member *m = t->member; m; m = m->next)
        if (vigil_is_at_stand(m->vigil)) return false;
    return true;
}

static void on_heart_trouble(void *data, const char *why)
{
    struct arena a = {0};
    say(data, "",
        why ? arena_printf(&a, "the heartbeat does not get through: %s", why) : "the heartbeat gets through again");
    arena_done(&a);
}

/* ---- the end ---- */

static void on_part_closed(void *data)
{
    struct teller *t = data;
    t->closing_parts--;
}

static void say_left_over(struct teller *t)
{
    struct arena a = {0};
    for (size_t i = 0; i < t->options.file->n; i++) {
        const char *why;
        int64_t next;
        size_t n = postbox_waiting(t->postbox, i, &why, &next);
        if (n)
            say(t, "",
                arena_printf(&a,
                             "%zu notice%s for %s wait%s: 'nocturne notify send' tells %s, or the next 'run', 'resume' "
                             "or 'serve' with this database%s%s",
                             n, words_s(n), t->options.file->channel[i].name, n == 1 ? "s" : "", n == 1 ? "it" : "them",
                             *why ? "; the last try: " : "", why));
    }
    arena_done(&a);
}

static void close_all(struct teller *t)
{
    t->stage = TELLER_CLOSES;
    say_left_over(t);
    for (size_t i = 0; i < t->options.file->n; i++)
        if (t->line[i].carrier) {
            t->closing_parts++;
            carrier_close(t->line[i].carrier, on_part_closed, t);
        }
    if (t->heartbeat) {
        t->closing_parts++;
        heartbeat_close(t->heartbeat, on_part_closed, t);
    }
    uv_close((uv_handle_t *)&t->wake, NULL);
    uv_close((uv_handle_t *)&t->turn, NULL);
    uv_close((uv_handle_t *)&t->deadline, NULL);
}

static void finish_if_done(struct teller *t)
{
    bool busy = t->member || t->trying || postbox_is_busy(t->postbox, clock_wall_ms(t->clock));
    if (t->stage == TELLER_FINISHES && !busy) close_all(t);
}

static void on_deadline(uv_timer_t *timer)
{
    struct teller *t = timer->data;
    if (t->stage != TELLER_CLOSES) close_all(t);
}

static void on_turn(uv_timer_t *timer)
{
    struct teller *t = timer->data;
    if (t->stage != TELLER_CLOSES) turn(t);
}

static void on_wake(uv_async_t *wake)
{
    struct teller *t = wake->data;
    if (t->stage != TELLER_CLOSES) turn(t);
    bool closes = t->stage == TELLER_FINISHES && !uv_is_active((uv_handle_t *)&t->deadline);
    if (closes) uv_timer_start(&t->deadline, on_deadline, TELLER_CLOSE_MS, 0);
}

/* ---- life ---- */

/* What was left of studies that nobody runs now. */
static void adopt(struct teller *t)
{
    struct arena a = {0};
    const char **name;
    size_t n;
    struct error err;
    if (store_study_names(t->options.store, &a, &name, &n, &err) == STATUS_OK)
        for (size_t i = 0; i < n; i++)
            if (!store_hold_taken(t->options.store, name[i])) vigil_missed(&t->watching, name[i]);
    arena_done(&a);
}

static void open_lines(struct teller *t)
{
    struct arena a = {0};
    for (size_t i = 0; i < t->options.file->n; i++) {
        struct error err;
        t->line[i] = (struct line){.teller = t, .place = i};
        if (carrier_open(&t->options.file->channel[i], &t->loop, &t->line[i].carrier, &err))
            say(t, "", arena_printf(&a, "%s cannot be told anything: %s", t->options.file->channel[i].name, err.text));
    }
    const struct heartbeat_hooks hooks = {is_alive, on_heart_trouble, t};
    struct error err;
    if (t->options.file->heartbeat.url.host && !t->options.silent &&
        heartbeat_start(&t->options.file->heartbeat, &t->loop, &hooks, &t->heartbeat, &err))
        on_heart_trouble(t, err.text);
    arena_done(&a);
}

static void tell(void *data)
{
    struct teller *t = data;
    setpriority(PRIO_PROCESS, 0, NICENESS); /* of this thread: trials and suggestions come first */
    open_lines(t);
    if (t->options.adopts) adopt(t);
    if (t->options.silent) postbox_hurry(t->postbox, clock_wall_ms(t->clock));
    uv_timer_start(&t->turn, on_turn, 0, TURN_MS);
    uv_run(&t->loop, UV_RUN_DEFAULT);
    while (t->member) {
        struct member *m = t->member;
        t->member = m->next;
        vigil_free(m->vigil);
        free(m);
    }
    t->options.ended(t->options.data);
}

enum status teller_start(const struct teller_options *options, struct teller **ret, struct error *err)
{
    struct teller *t = must_alloc(1, sizeof *t);
    t->options = *options;
    t->clock = clock_steady_create(clock_real());
    t->postbox = postbox_create(options->file, options->store);
    t->watching = (struct watching){options->store, t->postbox, t->clock, on_dropped, t};
    uv_loop_init(&t->loop);
    uv_async_init(&t->loop, &t->wake, on_wake);
    uv_timer_init(&t->loop, &t->turn);
    uv_timer_init(&t->loop, &t->deadline);
    t->wake.data = t->turn.data = t->deadline.data = t;
    *ret = t;
    if (uv_thread_create(&t->thread, tell, t) == 0) return STATUS_OK;
    *ret = NULL;
    uv_close((uv_handle_t *)&t->wake, NULL);
    uv_close((uv_handle_t *)&t->turn, NULL);
    uv_close((uv_handle_t *)&t->deadline, NULL);
    uv_run(&t->loop, UV_RUN_DEFAULT);
    t->thread = 0;
    teller_join(t);
    return error_set(err, STATUS_FAILED, "the machine has no thread left to tell anybody anything");
}

void teller_wake(struct teller *t)
{
    uv_async_send(&t->wake);
}

void teller_join(struct teller *t)
{
    if (t->thread) uv_thread_join(&t->thread);
    for (size_t i = 0; i < CHANNELS_MAX; i++) arena_done(&t->line[i].arena);
    postbox_free(t->postbox);
    store_close(t->options.store);
    uv_loop_close(&t->loop);
    clock_steady_free(t->clock);
    free(t);
}
