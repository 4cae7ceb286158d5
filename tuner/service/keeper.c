#include "tuner/service/keeper.h"

#include "tuner/service/all_events.h"
#include "tuner/service/rules.h"
#include "tuner/service/tracing.h"

#include <stdlib.h>
#include <string.h>

/* One rollout. */
struct ward {
    struct ward *next;
    struct keeper *keeper;
    char *name;
    enum { WARD_IDLE, WARD_AT_WORK } state;
    struct work work;
    int64_t version;       /* that the rules have; 0: none */
    struct live_ticked ticked;
    struct ruleset *fresh; /* what came of it: another version's; NULL: there is none */
    struct error err;      /* … or why nothing came */
    bool troubled;         /* that has been said */
    bool there;            /* in the last look */
};

struct keeper {
    struct service *service;
    struct ward *first;
    struct work work; /* the look */
    bool looking, knows, troubled; /* troubled: that it cannot look has been said */
    struct arena arena;
    struct store_rollout_head *head;
    size_t n;
    struct error err;
};

struct keeper *keeper_create(struct service *s)
{
    struct keeper *k = must_alloc(1, sizeof *k);
    k->service = s;
    return k;
}

static void ward_free(struct ward *w)
{
    ruleset_free(w->fresh);
    free(w->name);
    free(w);
}

void keeper_free(struct keeper *k)
{
    if (!k) return;
    for (struct ward *w = k->first, *next; w; w = next) {
        next = w->next;
        ward_free(w);
    }
    arena_done(&k->arena);
    free(k);
}

bool keeper_knows(const struct keeper *k)
{
    const struct ward *w = k->first;
    while (w && rules_find(k->service->live.rules, w->name)) w = w->next;
    return !w && k->knows;
}

/* ---- one rollout, beside the loop ---- */

/* What the rules do not have yet. */
static enum status read_news(struct ward *w, struct store *store)
{
    struct arena a = {0};
    struct store_rollout row;
    enum status s = store_rollout_find(store, w->name, &a, &row, &w->err);
    if (!s && row.version != w->version) s = live_ruleset(store, w->name, &w->fresh, &w->err);
    arena_done(&a);
    return s;
}

/* Of one that nobody could be told of yet, first what the database has of it: what has gathered while no service was there
 * may take seconds to score, and meanwhile whoever asks would be sent away. */
static bool tend(struct work *work, struct store *store)
{
    struct ward *w = work->data;
    int64_t now = clock_wall_ms(w->keeper->service->clock);
    bool unknown = w->version == 0;
    enum status s = STATUS_OK;
    w->ticked = (struct live_ticked){.changed = false, .more = unknown};
    if (!unknown) s = live_tick(store, w->name, now, &w->ticked, &w->err);
    if (!s) s = read_news(w, store);
    w->err.status = s; /* what went well may have written there, too */
    return s == STATUS_BUSY;
}

/* ---- … and on it ---- */

static void say_trouble(struct ward *w)
{
    struct service *s = w->keeper->service;
    if (w->err.status && !w->troubled)
        service_say(s, w->name, "the experiment stands still: %s; it goes on by itself", w->err.text);
    else if (!w->err.status && w->troubled)
        service_say(s, w->name, "the experiment goes on");
    w->troubled = w->err.status != STATUS_OK;
}

static void begin(struct ward *w);

static void tended(struct work *work)
{
    struct ward *w = work->data;
    struct service *s = w->keeper->service;
    struct ruleset *fresh = w->fresh;
    w->state = WARD_IDLE;
    w->fresh = NULL;
    if (work->unable) error_set(&w->err, STATUS_IO, "the database cannot be opened now");
    if (s->closing) {
        ruleset_free(fresh);
        return;
    }
    say_trouble(w);
    if (fresh)
        rules_put(s->live.rules, w->name, fresh);
    else if (!w->err.status)
        rules_seen(s->live.rules, w->name);
    const struct served *served = rules_find(s->live.rules, w->name);
    if (fresh || w->ticked.changed) all_events_rollout(s->streams.together, w->name, served ? served->version : 0);
    if (!w->err.status && w->ticked.more) begin(w);
}

static void begin(struct ward *w)
{
    struct service *s = w->keeper->service;
    const struct served *served = rules_find(s->live.rules, w->name);
    w->version = served ? served->version : 0;
    w->state = WARD_AT_WORK;
    w->work = (struct work){.who = "rollouts", .kind = WORK_LIVE, .data = w, .run = tend, .done = tended};
    works_add(s->works, &w->work);
}

/* ---- the look ---- */

static struct ward *ensure(struct keeper *k, const char *name)
{
    struct ward *w = k->first;
    while (w && strcmp(w->name, name) != 0) w = w->next;
    if (w) return w;
    w = must_alloc(1, sizeof *w);
    *w = (struct ward){.next = k->first, .keeper = k, .name = must_strdup(name)};
    return k->first = w;
}

/* Those that are no more: another database is in the place of theirs. */
static void drop_missing(struct keeper *k)
{
    for (struct ward **at = &k->first; *at;) {
        struct ward *w = *at;
        if (w->there || w->state == WARD_AT_WORK) {
            at = &w->next;
            continue;
        }
        rules_drop(k->service->live.rules, w->name);
        *at = w->next;
        ward_free(w);
    }
}

static void follow(struct keeper *k, const struct store_rollout_head *head)
{
    struct rules *rules = k->service->live.rules;
    const struct served *served = rules_find(rules, head->name);
    struct ward *w = ensure(k, head->name);
    w->there = true;
    if (w->state == WARD_AT_WORK) return;
    if (head->open || !served || served->version != head->version)
        begin(w);
    else
        rules_seen(rules, head->name);
}

static bool look(struct work *work, struct store *store)
{
    struct keeper *k = work->data;
    k->err.status = store_rollout_heads(store, &k->arena, &k->head, &k->n, &k->err);
    if (k->err.status) return k->err.status == STATUS_BUSY;
    return k->knows && tracing_tick(k->service->live.tracing, store) == STATUS_BUSY;
}

static void looked(struct work *work)
{
    struct keeper *k = work->data;
    bool good = !work->unable && !k->err.status && !k->service->closing;
    k->looking = false;
    if (k->err.status && !k->troubled) service_say(k->service, NULL, "rollouts cannot be read: %s", k->err.text);
    k->troubled = k->err.status != STATUS_OK;
    const char *trouble = tracing_trouble(k->service->live.tracing);
    if (*trouble) service_say(k->service, NULL, "telemetry that came stands still: %s; it goes on by itself", trouble);
    for (struct ward *w = k->first; good && w; w = w->next) w->there = false;
    for (size_t i = 0; good && i < k->n; i++) follow(k, &k->head[i]);
    if (good) drop_missing(k);
    k->knows |= good;
    arena_done(&k->arena);
    k->arena = (struct arena){0};
}

void keeper_look(struct keeper *k)
{
    struct service *s = k->service;
    if (rules_look_at_switch(s->live.rules))
        service_say(s, NULL, "%s has changed: the rollouts that it names serve their champions", rules_switch(s->live.rules));
    if (k->looking) return;
    k->looking = true;
    k->err.status = STATUS_OK;
    k->work = (struct work){.who = "rollouts", .kind = WORK_LIVE, .data = k, .run = look, .done = looked};
    works_add(s->works, &k->work);
}
