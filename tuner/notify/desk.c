#include "tuner/notify/desk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct entry { /* a study, from begin to over */
    struct entry *next;
    struct desk_study is; /* texts are its own */
};

struct wish {
    struct wish *next;
    char *name; /* of a channel, or of a study; NULL: all */
    uint64_t ticket;
};

struct desk {
    pthread_mutex_t lock;
    struct entry *entry;
    struct wish *wish, *post;
    struct desk_saying *saying;
    uint64_t alive;
    bool closing;
};

struct desk *desk_create(void)
{
    struct desk *d = must_alloc(1, sizeof *d);
    pthread_mutex_init(&d->lock, NULL);
    return d;
}

static void own_text(const char **at, const char *text)
{
    free((void *)(uintptr_t)*at);
    *at = text ? must_strdup(text) : NULL;
}

static void forget_look(struct look *l)
{
    own_text(&l->paused, NULL);
    own_text(&l->agent_lost, NULL);
    own_text(&l->agent_other, NULL);
    own_text(&l->agent_version, NULL);
}

static void entry_free(struct entry *e)
{
    own_text(&e->is.name, NULL);
    own_text(&e->is.failure, NULL);
    forget_look(&e->is.look);
    free(e);
}

static void wish_free(struct wish *w)
{
    free(w->name);
    free(w);
}

static void wishes_free(struct wish *w)
{
    for (struct wish *next; w; w = next) {
        next = w->next;
        wish_free(w);
    }
}

void desk_saying_free(struct desk_saying *x)
{
    json_decref(x->results);
    free(x->study);
    free(x->text);
    free(x);
}

void desk_free(struct desk *d)
{
    while (d->entry) {
        struct entry *e = d->entry;
        d->entry = e->next;
        entry_free(e);
    }
    wishes_free(d->wish);
    wishes_free(d->post);
    while (d->saying) {
        struct desk_saying *x = d->saying;
        d->saying = x->next;
        desk_saying_free(x);
    }
    pthread_mutex_destroy(&d->lock);
    free(d);
}

/* ---- the caller leaves ---- */

void desk_begin(struct desk *d, const char *study)
{
    struct entry *e = must_alloc(1, sizeof *e), **at = &d->entry;
    e->is = (struct desk_study){.name = must_strdup(study), .begun = true, .look = {.news = true}};
    pthread_mutex_lock(&d->lock);
    while (*at) at = &(*at)->next;
    *at = e;
    pthread_mutex_unlock(&d->lock);
}

/* The one that is at work; the lock is held. */
static struct entry *find(struct desk *d, const char *study)
{
    struct entry *e = d->entry;
    while (e && (e->is.over || strcmp(e->is.name, study) != 0)) e = e->next;
    return e;
}

void desk_look(struct desk *d, const char *study, const struct look *look)
{
    pthread_mutex_lock(&d->lock);
    struct entry *e = find(d, study);
    d->alive++;
    if (e) {
        struct look *l = &e->is.look;
        own_text(&l->paused, look->paused && *look->paused ? look->paused : NULL);
        own_text(&l->agent_lost, look->agent_lost);
        own_text(&l->agent_other, look->agent_other);
        own_text(&l->agent_version, look->agent_version);
        l->agents = look->agents;
        l->agents_lost = look->agents_lost;
        l->agents_other = look->agents_other;
        l->news |= look->news;
    }
    pthread_mutex_unlock(&d->lock);
}

void desk_over(struct desk *d, const char *study, const char *failure, bool left)
{
    pthread_mutex_lock(&d->lock);
    struct entry *e = find(d, study);
    if (e) {
        own_text(&e->is.failure, failure);
        e->is.over = true;
        e->is.left = left;
    }
    pthread_mutex_unlock(&d->lock);
}

void desk_alive(struct desk *d)
{
    pthread_mutex_lock(&d->lock);
    d->alive++;
    pthread_mutex_unlock(&d->lock);
}

static void wish(struct desk *d, struct wish **at, const char *name, uint64_t ticket)
{
    struct wish *w = must_alloc(1, sizeof *w);
    w->name = name ? must_strdup(name) : NULL;
    w->ticket = ticket;
    pthread_mutex_lock(&d->lock);
    while (*at) at = &(*at)->next;
    *at = w;
    pthread_mutex_unlock(&d->lock);
}

void desk_try(struct desk *d, const char *channel, uint64_t ticket)
{
    wish(d, &d->wish, channel, ticket);
}

void desk_collect(struct desk *d, const char *study)
{
    wish(d, &d->post, study, 0);
}

void desk_close(struct desk *d)
{
    pthread_mutex_lock(&d->lock);
    d->closing = true;
    pthread_mutex_unlock(&d->lock);
}

/* ---- the teller takes ---- */

static const char *copy(struct arena *a, const char *text)
{
    return text ? arena_strdup(a, text) : NULL;
}

static struct desk_study view_of(const struct entry *e, struct arena *a)
{
    struct desk_study x = e->is;
    x.name = copy(a, x.name);
    x.failure = copy(a, x.failure);
    x.look.paused = copy(a, x.look.paused);
    x.look.agent_lost = copy(a, x.look.agent_lost);
    x.look.agent_other = copy(a, x.look.agent_other);
    x.look.agent_version = copy(a, x.look.agent_version);
    return x;
}

static void take_studies(struct desk *d, struct arena *a, struct desk_orders *ret)
{
    size_t n = 0;
    for (struct entry *e = d->entry; e; e = e->next) n++;
    struct desk_study *all = arena_array(a, n + 1, sizeof *all);
    for (struct entry **at = &d->entry; *at;) {
        struct entry *e = *at;
        all[ret->n_studies++] = view_of(e, a);
        e->is.begun = e->is.look.news = false;
        if (!e->is.over) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        entry_free(e);
    }
    ret->study = all;
}

static void take_trials(struct desk *d, struct arena *a, struct desk_orders *ret)
{
    size_t n = 0;
    for (struct wish *w = d->wish; w; w = w->next) n++;
    struct desk_trial *all = arena_array(a, n + 1, sizeof *all);
    while (d->wish) {
        struct wish *w = d->wish;
        d->wish = w->next;
        all[ret->n_trials++] = (struct desk_trial){copy(a, w->name), w->ticket};
        wish_free(w);
    }
    ret->trial = all;
}

static void take_posts(struct desk *d, struct arena *a, struct desk_orders *ret)
{
    const char **all = NULL;
    for (const struct wish *w = d->post; w; w = w->next) {
        all = arena_more(a, all, ret->n_posts, sizeof *all);
        all[ret->n_posts++] = arena_strdup(a, w->name);
    }
    wishes_free(d->post);
    d->post = NULL;
    ret->post = all;
}

struct desk_orders desk_take(struct desk *d, struct arena *a)
{
    struct desk_orders out = {0};
    pthread_mutex_lock(&d->lock);
    take_studies(d, a, &out);
    take_trials(d, a, &out);
    take_posts(d, a, &out);
    out.alive = d->alive;
    out.closing = d->closing;
    pthread_mutex_unlock(&d->lock);
    return out;
}

/* ---- the teller leaves, the caller takes ---- */

static void leave(struct desk *d, struct desk_saying *x)
{
    struct desk_saying **at = &d->saying;
    pthread_mutex_lock(&d->lock);
    while (*at) at = &(*at)->next;
    *at = x;
    pthread_mutex_unlock(&d->lock);
}

void desk_say(struct desk *d, const char *study, const char *text)
{
    struct desk_saying *x = must_alloc(1, sizeof *x);
    x->study = must_strdup(study);
    x->text = must_strdup(text);
    leave(d, x);
}

void desk_tried(struct desk *d, uint64_t ticket, json_t *results)
{
    struct desk_saying *x = must_alloc(1, sizeof *x);
    x->ticket = ticket;
    x->results = results;
    leave(d, x);
}

struct desk_saying *desk_sayings(struct desk *d)
{
    pthread_mutex_lock(&d->lock);
    struct desk_saying *all = d->saying;
    d->saying = NULL;
    pthread_mutex_unlock(&d->lock);
    return all;
}
