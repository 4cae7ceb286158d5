#include "tuner/search/task.h"

#include <stdlib.h>
#include <string.h>

void task_encode(struct task *t)
{
    const struct search_history *h = t->history;
    t->points = arena_array(&t->arena, h->n * t->d, sizeof *t->points);
    for (size_t i = 0; i < h->n; i++) encode(t->encoding, h->trial[i].config, t->points + i * t->d);
}

struct model_input task_input(const struct task *t)
{
    return (struct model_input){t->study, t->history, t->points, t->encoding, t->search_seed};
}

size_t task_initial_points(const struct task *t)
{
    size_t d = t->study->space.n;
    return d + 1 < 4 ? 4 : d + 1 > 10 ? 10 : d + 1;
}

double *task_complete_points(struct task *t)
{
    const struct model *m = t->model;
    double *points = arena_array(&t->arena, m->n_complete * t->d, sizeof *points);
    for (size_t i = 0; i < m->n_complete; i++)
        memcpy(points + i * t->d, t->points + m->order[i] * t->d, t->d * sizeof *points);
    return points;
}

struct search_rank *task_rank(struct task *t)
{
    const struct model *m = t->model;
    size_t n = m->n_complete;
    struct search_rank *r = arena_array(&t->arena, n, sizeof *r);
    struct estimate *x = arena_array(&t->arena, n, sizeof *x);
    model_estimate(m, task_complete_points(t), n, false, x);
    for (size_t i = 0; i < n; i++) r[i] = (struct search_rank){x[i].utility, x[i].feasible, m->order[i]};
    qsort(r, n, sizeof *r, search_rank_compare);
    return r;
}
