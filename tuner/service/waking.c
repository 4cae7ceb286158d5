#include "tuner/service/waking.h"

#include <stdlib.h>
#include <string.h>

struct waking {
    struct waking *next;
    struct service *service;
    struct work work;
    char *name;
    struct budget budget;
    enum provisioner_kind kind; /* from where it has agents */
    bool again;
    struct active_study *active;
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

static enum provisioner_kind kind_of(const struct store_study *row)
{
    struct study *study = NULL;
    struct error ignored;
    enum provisioner_kind kind = PROVISIONER_NONE;
    if (strstr(row->file, "executor") &&
        study_parse(row->path, row->file, strlen(row->file), &study, &ignored) == STATUS_OK)
        kind = study->agents.kind;
    study_free(study);
    return kind;
}

static void look_at(struct looking *l, struct store *store, const char *name)
{
    struct waking *w = must_alloc(1, sizeof *w);
    struct arena a = {0};
    struct store_study row;
    *w = (struct waking){.next = l->first, .service = l->service, .name = must_strdup(name), .kind = PROVISIONER_NONE};
    l->first = w;
    enum status st = store_study_find(store, name, &a, &row, &w->err);
    if (!st) w->kind = kind_of(&row);
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

static bool is_waking(const struct service *s, const char *study)
{
    if (s->left.looking) return true;
    for (const struct waking *w = s->left.first; w; w = w->next)
        if (strcmp(w->name, study) == 0) return true;
    return false;
}

static void wake_next(struct service *s);

/* Those that have waited for this study (NULL: for the look) are handled now. */
void waking_go_on(struct service *s, const char *study)
{
    struct request *list = NULL;
    while (s->left.waiting) {
        struct request *r = s->left.waiting;
        request_wait(r, &list, r->cancel);
    }
    while (list) {
        struct request *r = list;
        bool mine = !study || s->closing || strcmp(r->wait.study, study) == 0;
        request_wait(r, &s->left.waiting, NULL);
        if (!mine) continue;
        request_wait_no_more(r);
        active_study_handle(r, r->route->handle);
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
    if (!st) st = active_study_open(w->service, study, &how, &w->active, &w->err);
    arena_done(&a);
    if (!st) *w->err.text = 0;
    return st == STATUS_BUSY && !store_hold_taken(store, w->name);
}

static void on_woken(struct work *work)
{
    struct waking *w = work->data;
    struct service *s = w->service;
    s->left.first = w->next;
    if (w->active && active_study_start(w->active, &w->err) == STATUS_OK) *w->err.text = 0;
    if (*w->err.text && !s->closing) service_say(s, w->name, "cannot go on: %s", w->err.text);
    waking_go_on(s, w->name);
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
    w->work = (struct work){.who = "", .kind = WORK_CHANGING, .data = w, .run = wake, .done = on_woken};
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

bool waking_waits(struct request *r, const char *study)
{
    struct service *s = r->service;
    if (s->closing || !is_waking(s, study)) return false;
    bring_forward(s, study);
    r->wait.study = study;
    request_wait(r, &s->left.waiting, NULL);
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
        provisioner_retire(s->provisioner, w->kind, w->name); /* unless it goes on */
        w->next = s->left.first;
        if (w->again)
            s->left.first = w;
        else
            waking_free(w);
    }
    if (l->err.status) service_say(s, NULL, "%s", l->err.text);
    free(l);
    wake_next(s);
    waking_go_on(s, NULL);
}

void waking_begin(struct service *s)
{
    struct looking *l = must_alloc(1, sizeof *l);
    l->service = s;
    l->work = (struct work){.who = "", .kind = WORK_CHANGING, .data = l, .run = look, .done = on_looked};
    s->left.looking = true;
    works_add(s->works, &l->work);
}

struct active_study *waking_find(struct request *r)
{
    struct active_study *as = active_study_find(r->service, r->param[0]);
    int64_t id;
    if (as || waking_waits(r, r->param[0])) return as;
    if (request_knows(r, r->param[0], &id))
        request_problem(r, 409, "study '%s' is not at work; POST /api/v1/studies/%s/resume puts it to work",
                        r->param[0], r->param[0]);
    else
        request_problem(r, 404, "there is no study '%s'", r->param[0]);
    return NULL;
}
