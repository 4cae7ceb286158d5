/* Studies of the last process: those that were at work are at work again, one after the other, beside the loop, so that
 * the port answers meanwhile. Whoever needs one of them now gets it next, and waits for it. */
#include "tuner/service/api.h"
#include "tuner/service/pilot.h"

#include <stdlib.h>
#include <string.h>

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
    if (!st) st = active_was_open(store, row.id, &w->again, &w->budget, &w->err);
    if (!st) w->again = w->again && !store_hold_taken(store, name);
    if (!st) *w->err.text = 0;
    arena_done(&a);
}

static bool look(struct work *work, struct store *store)
{
    struct looking *l = work->data;
    struct arena a = {0};
    const char **name;
    size_t n;
    enum status st = store_study_names(store, &a, &name, &n, &l->err);
    for (size_t i = 0; !st && i < n; i++) look_at(l, store, name[i]);
    arena_done(&a);
    return st == STATUS_BUSY;
}

bool service_is_waking(const struct service *s, const char *study)
{
    if (s->left.looking) return true;
    for (const struct waking *w = s->left.first; w; w = w->next)
        if (strcmp(w->name, study) == 0) return true;
    return false;
}

static void wake_next(struct service *s);

/* Those that have waited for this study (NULL: for the look) are handled now. */
void service_go_on(struct service *s, const char *study)
{
    struct call *list = NULL;
    while (s->left.call) {
        struct call *c = s->left.call;
        call_wait(c, &list, c->cancel);
    }
    while (list) {
        struct call *c = list;
        bool mine = !study || s->closing || strcmp(c->awaits, study) == 0;
        call_wait(c, &s->left.call, NULL);
        if (!mine) continue;
        call_wait_no_more(c);
        call_handle(c, c->route->handle);
    }
}

static bool wake(struct work *work, struct store *store)
{
    struct waking *w = work->data;
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
    struct waking *w = work->data;
    struct service *s = w->service;
    s->left.first = w->next;
    if (w->hosted && hosted_start(w->hosted, &w->err) == STATUS_OK) *w->err.text = 0;
    if (*w->err.text && !s->closing) service_say(s, w->name, "cannot go on: %s", w->err.text);
    service_go_on(s, w->name);
    waking_free(w);
    wake_next(s);
}

static void wake_next(struct service *s)
{
    struct waking *w = s->left.first;
    while (s->closing && s->left.first) {
        w = s->left.first;
        s->left.first = w->next;
        waking_free(w);
    }
    if (!s->left.first) return;
    w->work = (struct work){.who = "", .about = w->name, .data = w, .run = wake, .done = on_woken};
    works_add(s->works, &w->work);
}

/* The first is on its way. */
static void bring_forward(struct service *s, const char *study)
{
    for (struct waking **at = s->left.first ? &s->left.first->next : NULL; at && *at; at = &(*at)->next) {
        struct waking *w = *at;
        if (strcmp(w->name, study) != 0) continue;
        *at = w->next;
        w->next = s->left.first->next;
        s->left.first->next = w;
        return;
    }
}

bool service_waits(struct call *c, const char *study)
{
    struct service *s = c->service;
    if (s->closing || !service_is_waking(s, study)) return false;
    bring_forward(s, study);
    c->awaits = study;
    call_wait(c, &s->left.call, NULL);
    return true;
}

static void on_looked(struct work *work)
{
    struct looking *l = work->data;
    struct service *s = l->service;
    s->left.looking = false;
    while (l->first) {
        struct waking *w = l->first;
        l->first = w->next;
        if (*w->err.text) service_say(s, w->name, "%s", w->err.text);
        if (w->slurm) pilot_retire(s->pilot, w->name); /* unless it goes on */
        w->next = s->left.first;
        if (w->again)
            s->left.first = w;
        else
            waking_free(w);
    }
    if (l->err.status) service_say(s, NULL, "%s", l->err.text);
    free(l);
    wake_next(s);
    service_go_on(s, NULL);
}

void service_wake_left(struct service *s)
{
    struct looking *l = must_alloc(1, sizeof *l);
    l->service = s;
    l->work = (struct work){.who = "", .data = l, .run = look, .done = on_looked};
    s->left.looking = true;
    works_add(s->works, &l->work);
}
