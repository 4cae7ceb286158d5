#include "tuner/service/fitted.h"

#include <stdint.h>

enum { LEARNT_MAX = 1024 }; /* results that a model learns from (search/landscape.h) */

enum status fitted_surface(struct fitted *f, const struct memory *s, const struct surface **ret, struct error *err)
{
    enum status st = f->surface ? STATUS_OK : surface_make(s, &f->surface, err);
    if (st) return st;
    f->seq = s->seq;
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
        if (!st) st = importance_make(surface, SIZE_MAX, &a, &x, err);
        if (!st) f->importance = importance_json(&x);
    }
    arena_done(&a);
    *ret = f->importance;
    return st;
}

void fitted_keep(struct fitted *f, const struct memory *s)
{
    if (f->seq != s->seq) fitted_drop(f);
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
    if (!f->surface) return 0;
    const struct memory *s = f->surface->memory;
    size_t n = surface_complete(s);
    if (n > LEARNT_MAX) n = LEARNT_MAX;
    return n * n * sizeof(double) * s->study->objective.n_metrics;
}
