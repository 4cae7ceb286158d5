#include "tuner/service/fitted.h"

#include <stdint.h>

static struct fitted_to results_of(const struct memory *s)
{
    struct fitted_to all = {.baseline = s->baseline.since};
    for (size_t i = 0; i < s->n_seen; i++) {
        const struct trial *t = s->seen_trial[i];
        if (!t || s->seen[i].outcome == SEARCH_PENDING) continue;
        all.n++;
        if (t->at.seq > all.seq) all.seq = t->at.seq;
    }
    return all;
}

enum status fitted_surface(struct fitted *f, const struct memory *s, const struct surface **ret, struct error *err)
{
    enum status st = f->surface ? STATUS_OK : surface_make(s, &f->surface, err);
    if (st) return st;
    f->to = results_of(s);
    *ret = f->surface;
    return STATUS_OK;
}

enum status fitted_importance(struct fitted *f, const struct memory *s, json_t **ret, struct error *err)
{
    const struct surface *surface = NULL;
    struct arena a = {0};
    struct importance x;
    enum status st = STATUS_OK;
    if (!f->importance) {
        st = importance_ready(s, err);
        if (!st) st = fitted_surface(f, s, &surface, err);
        if (!st) st = importance_make(f->surface, SIZE_MAX, &a, &x, err);
        if (!st) f->importance = importance_json(&x);
    }
    arena_done(&a);
    *ret = f->importance;
    return st;
}

void fitted_keep(struct fitted *f, const struct memory *s)
{
    const struct fitted_to now = results_of(s);
    if (f->to.n != now.n || f->to.seq != now.seq || f->to.baseline != now.baseline) fitted_drop(f);
}

void fitted_drop(struct fitted *f)
{
    surface_free(f->surface);
    json_decref(f->importance);
    *f = (struct fitted){0};
}

/* A matrix for each metric. */
size_t fitted_bytes(const struct fitted *f)
{
    size_t all = 0;
    if (!f->surface) return 0;
    for (size_t i = 0; i < f->surface->memory->study->objective.n_metrics; i++) {
        size_t n = landscape_results(f->surface->landscape, i);
        all += n * n * sizeof(double);
    }
    return all;
}
