#include "tuner/history/lineage.h"

struct trajectory lineage_of(const struct memory *s, const struct trial *t, struct arena *arena,
                             const double **ret_config)
{
    const struct trial **line = arena_array(arena, (size_t)t->segment.round + 1, sizeof(struct trial *)), *last = t;
    struct trajectory trajectory = {.until = memory_cost(s, t->value, t->attempt.step)};
    size_t n = 0;
    for (; t; t = memory_trial(s, t->segment.parent)) line[n++] = t;
    *ret_config = line[n - 1]->config;
    for (size_t i = n - 1; i-- > 0;)
        trajectory_add(&trajectory, &s->study->space, arena, line[i + 1]->checkpoint.cost, line[i]->config,
                       line[i]->number);
    for (size_t i = 0; i < last->trajectory.n; i++)
        trajectory_add(&trajectory, &s->study->space, arena, last->trajectory.step[i].from,
                       last->trajectory.step[i].config, last->number);
    return trajectory;
}

const struct trajectory *lineage_whole(const struct memory *s, const struct trial *t, struct arena *arena)
{
    const struct trial *first = t;
    const double *config;
    struct trajectory later = lineage_of(s, t, arena, &config), *all = arena_alloc(arena, sizeof *all);
    all->until = later.until;
    while (memory_trial(s, first->segment.parent)) first = memory_trial(s, first->segment.parent);
    trajectory_add(all, &s->study->space, arena, 0, config, first->number);
    for (size_t i = 0; i < later.n; i++)
        trajectory_add(all, &s->study->space, arena, later.step[i].from, later.step[i].config, later.step[i].trial);
    return all;
}

enum status lineage_parse(const struct memory *s, const json_t *object, struct arena *arena, const double **ret_config,
                          struct trajectory *ret, struct error *err)
{
    const json_t *inner = json_object_get(object, "schedule");
    struct trajectory all;
    enum status st = trajectory_parse(inner ? inner : object, &s->study->space, arena, &all, err);
    if (!st && all.n == 0)
        st = error_set(err, STATUS_INVALID,
                       "there is no schedule in it: 'nocturne export STUDY --format json' writes one that can be run");
    if (st) return st;
    *ret_config = all.step[0].config;
    *ret = (struct trajectory){.until = all.until, .n = all.n - 1, .step = all.step + 1};
    return STATUS_OK;
}
