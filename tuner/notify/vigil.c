#include "tuner/notify/vigil.h"

#include "tuner/notify/lookout.h"

#include "tuner/base/host.h"

#include <stdlib.h>
#include <string.h>

static const char WATCH[] = "watch";

struct vigil {
    const struct watching *by;
    char *name;
    int64_t id;
    struct study *study;
    struct history *history; /* NULL: not read yet */
    struct lookout lookout;
    struct arena arena; /* of `is` */
    struct desk_study is;
    bool news;       /* in the log, perhaps */
    bool was_paused; /* when health was looked at */
    bool at_stand, over, left;
    int64_t next_health_ms;
};

struct vigil *vigil_create(const struct watching *by, const char *name)
{
    struct vigil *w = must_alloc(1, sizeof *w);
    w->by = by;
    w->name = must_strdup(name);
    w->news = true;
    w->next_health_ms = clock_wall_ms(by->clock) + HEALTH_EVERY_MS;
    return w;
}

void vigil_free(struct vigil *w)
{
    history_free(w->history);
    study_free(w->study);
    arena_done(&w->arena);
    free(w->name);
    free(w);
}

const char *vigil_name(const struct vigil *w)
{
    return w->name;
}

bool vigil_is_at_stand(const struct vigil *w)
{
    return w->at_stand;
}

static const char *copy(struct arena *a, const char *text)
{
    return text ? arena_strdup(a, text) : NULL;
}

void vigil_set(struct vigil *w, const struct desk_study *is)
{
    arena_done(&w->arena);
    w->arena = (struct arena){0};
    w->is = *is;
    w->is.failure = copy(&w->arena, is->failure);
    w->is.look.paused = copy(&w->arena, is->look.paused);
    w->is.look.agent_lost = copy(&w->arena, is->look.agent_lost);
    w->is.look.agent_other = copy(&w->arena, is->look.agent_other);
    w->is.look.agent_version = copy(&w->arena, is->look.agent_version);
    w->news |= is->look.news;
    w->over |= is->over;
    w->left |= is->left;
}

/* ---- reading ---- */

/* The first time; what somebody has promised before is kept. */
static enum status open_log(struct vigil *w, struct error *err)
{
    const struct watching *by = w->by;
    enum status s = store_study_id(by->store, w->name, &w->id, err);
    if (!s) s = postbox_load(by->postbox, w->id, err);
    if (!s) s = history_load(by->store, w->name, by->clock, &w->study, &w->history, err);
    if (s) return s;
    w->lookout.begun = postbox_told_ms(by->postbox, w->id, WATCH) != 0;
    postbox_told(by->postbox, w->id, WATCH, clock_wall_ms(by->clock));
    return STATUS_OK;
}

static enum status read_log(struct vigil *w)
{
    struct error err;
    enum status s = w->history ? history_catch_up(w->history, w->by->store, &err) : open_log(w, &err);
    return s ? s : history_load_reports(w->history, w->by->store, &err);
}

/* ---- telling ---- */

/* Of what was told to be wrong it is no news that it is something to look at. */
static bool was_worse(struct vigil *w, const struct notice *n, struct arena *a)
{
    const char *slash = strrchr(n->key, '/');
    if (strncmp(n->key, "health/", 7) != 0 || strcmp(slash, "/look") != 0) return false;
    return postbox_told_ms(w->by->postbox, w->id, arena_printf(a, "%.*s/wrong", (int)(slash - n->key), n->key)) != 0;
}

static void post_all(struct vigil *w, struct news_list *list, int64_t now)
{
    size_t dropped = 0;
    for (size_t i = 0; i < list->n; i++)
        if (!was_worse(w, &list->notice[i], &list->arena))
            dropped += postbox_post(w->by->postbox, w->id, &list->notice[i], now);
    if (dropped) w->by->dropped(w->by->data, w->name, dropped);
    arena_done(&list->arena);
}

static struct health_facts facts_of(const struct vigil *w)
{
    const struct look *l = &w->is.look;
    return (struct health_facts){.known = true,
                                 .running = !w->over,
                                 .paused = w->over ? NULL : l->paused,
                                 .disk_free = host_disk_free(store_path(w->by->store)),
                                 .agents = l->agents,
                                 .agents_lost = l->agents_lost,
                                 .agent_lost = l->agent_lost,
                                 .agents_other = l->agents_other,
                                 .agent_other = l->agent_other,
                                 .agent_version = l->agent_version,
                                 .version = NOCTURNE_VERSION};
}

/* What was bad and is well again may be told anew, but not all the time. */
static void take_back(struct vigil *w, unsigned fine, int64_t now)
{
    struct arena a = {0};
    for (int check = 0; check < HEALTH_CHECKS_ALL; check++)
        for (enum health_level level = HEALTH_LOOK; level <= HEALTH_WRONG && fine & 1u << check; level++) {
            const char *key = lookout_health_key((enum health_check)check, level, &a);
            int64_t told = postbox_told_ms(w->by->postbox, w->id, key);
            if (told && now - told >= AGAIN_AFTER_MS) postbox_untold(w->by->postbox, w->id, key);
        }
    arena_done(&a);
}

static void look_at_health(struct vigil *w, int64_t now)
{
    const struct health_facts facts = facts_of(w);
    struct news_list list = {0};
    const struct lookout_checks checks = lookout_health(history_memory(w->history), &facts, now, &list);
    take_back(w, checks.fine, now);
    post_all(w, &list, now);
    w->at_stand = checks.is_at_stand;
    w->was_paused = facts.paused != NULL;
    w->next_health_ms = now + HEALTH_EVERY_MS;
}

static void tell_end(struct vigil *w, int64_t now)
{
    const struct health_facts facts = facts_of(w);
    struct news_list list = {0};
    lookout_end(history_memory(w->history), &facts, w->is.failure, now, &list);
    post_all(w, &list, now);
    postbox_untold(w->by->postbox, w->id, WATCH);
}

/* ---- turns ---- */

bool vigil_turn(struct vigil *w)
{
    int64_t now = clock_wall_ms(w->by->clock);
    bool pauses = w->is.look.paused && !w->was_paused;
    bool health = now >= w->next_health_ms || pauses || (w->was_paused && !w->is.look.paused);
    struct news_list list = {0};
    if (w->left) return true;
    if (!w->news && !health && !w->over) return false;
    if (read_log(w)) { /* again at the next turn; unless it is that which has ended it */
        if (!(w->over && w->is.failure)) return false;
        if (!w->history) return true;
    }
    w->news = false;
    lookout_news(&w->lookout, history_memory(w->history), now, &list);
    post_all(w, &list, now);
    if (w->over)
        tell_end(w, now);
    else if (health)
        look_at_health(w, now);
    return w->over;
}

void vigil_missed(const struct watching *by, const char *name)
{
    struct vigil *w = vigil_create(by, name);
    struct error err;
    if (store_study_id(by->store, name, &w->id, &err) == STATUS_OK &&
        postbox_load(by->postbox, w->id, &err) == STATUS_OK && postbox_told_ms(by->postbox, w->id, WATCH) &&
        read_log(w) == STATUS_OK)
        switch (history_memory(w->history)->phase) {
        case STUDY_COMPLETE:
        case STUDY_FAILED:
        case STUDY_STOPPED:
            w->over = true;
            tell_end(w, clock_wall_ms(by->clock));
            break;
        case STUDY_OPEN:
        case STUDY_PAUSED: break; /* whoever goes on with it tells it */
        }
    vigil_free(w);
}
