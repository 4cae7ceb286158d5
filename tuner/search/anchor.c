#include "tuner/search/anchor.h"

#include <math.h>
#include <string.h>

static bool is_same(const struct anchor *a, const struct anchor *b, size_t n)
{
    if (memcmp(a->fixed, b->fixed, n * sizeof *a->fixed) != 0) return false;
    for (size_t i = 0; i < n; i++)
        if (a->fixed[i] && a->config[i] != b->config[i] && !(isnan(a->config[i]) && isnan(b->config[i]))) return false;
    return true;
}

static bool leaves_something(const struct anchor *x, const struct space *space)
{
    for (size_t i = 0; i < space->n; i++)
        if (!x->fixed[i]) return true;
    return false;
}

static size_t add(struct anchor *all, size_t n, const struct anchor *x, const struct space *space)
{
    if (!leaves_something(x, space)) return n;
    for (size_t i = 0; i < n; i++)
        if (is_same(&all[i], x, space->n)) return n;
    all[n] = *x;
    return n + 1;
}

/* The later a stage, the cheaper what comes after it: from the last one up. */
size_t anchors_find(const struct task *t, const size_t *best, size_t n_best, struct anchor ret[ANCHORS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < n_best; i++)
        for (size_t k = t->study->pipeline.n; k-- > 0 && n < ANCHORS_MAX;) {
            const struct search_trial *of = &t->history->trial[best[i]];
            struct anchor x = {.encoding = t->encoding, .config = of->config, .point = t->points + best[i] * t->d};
            if (!of->stage[k].kept) continue;
            stage_reach(t->study, k, x.fixed);
            n = add(ret, n, &x, &t->study->space);
        }
    return n;
}

void anchor_settle(void *data, double *point, bool *movable)
{
    const struct anchor *x = data;
    for (size_t i = 0; i < x->encoding->space->n; i++)
        if (x->fixed[i]) point[i] = x->point[i];
    encoding_settle((void *)x->encoding, point, movable);
    for (size_t i = 0; i < x->encoding->space->n; i++) movable[i] &= !x->fixed[i];
}

void anchor_hold(const struct anchor *x, double *config)
{
    for (size_t i = 0; i < x->encoding->space->n; i++)
        if (x->fixed[i]) config[i] = x->config[i];
}
