#include "tuner/coordinator/porter.h"

#include "tuner/coordinator/background.h"

#include <stdlib.h>

/* ---- looking ---- */

static void check(void *data)
{
    struct porter_check *x = data;
    for (size_t i = 0; !x->bad && i < x->n; i++)
        if (depot_verify(x->depot, x->digest[i], &x->err)) x->bad = x->digest[i];
}

static void on_checked(void *data)
{
    struct porter_check *x = data;
    x->done(x->data);
}

void porter_check(uv_loop_t *loop, struct porter_check *x)
{
    background_think(loop, check, on_checked, x);
}

/* ---- keeping ---- */

static void keep(void *data)
{
    struct porter_keep *x = data;
    x->status = depot_keep(x->depot, x->path, &x->left, &x->err);
}

static void on_kept(void *data)
{
    struct porter_keep *x = data;
    x->done(x->data);
}

void porter_keep(uv_loop_t *loop, struct porter_keep *x)
{
    background_think(loop, keep, on_kept, x);
}

/* ---- removing ---- */

struct removal {
    struct arena arena;
    const char *depot, *digest;
};

static void take_away(void *data)
{
    const struct removal *x = data;
    depot_remove(x->depot, x->digest);
}

static void on_removed(void *data)
{
    struct removal *x = data;
    arena_done(&x->arena);
    free(x);
}

void porter_remove(uv_loop_t *loop, const char *depot, const char *digest)
{
    struct removal *x = must_alloc(1, sizeof *x);
    x->depot = arena_strdup(&x->arena, depot);
    x->digest = arena_strdup(&x->arena, digest);
    background_think(loop, take_away, on_removed, x);
}
