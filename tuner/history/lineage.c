#include "tuner/history/lineage.h"

struct course population_lineage(const struct session *s, const struct trial *t, struct arena *arena,
                                 const double **ret_config)
{
    const struct trial **line = arena_array(arena, (size_t)t->round + 1, sizeof(struct trial *)), *last = t;
    struct course course = {.until = session_cost(s, t->value, t->step)};
    size_t n = 0;
    for (; t; t = session_trial(s, t->parent)) line[n++] = t;
    *ret_config = line[n - 1]->config;
    for (size_t i = n - 1; i-- > 0;)
        course_add(&course, &s->study->space, arena, line[i + 1]->checkpoint.cost, line[i]->config, line[i]->number);
    for (size_t i = 0; i < last->course.n; i++)
        course_add(&course, &s->study->space, arena, last->course.step[i].from, last->course.step[i].config,
                   last->number);
    return course;
}

json_t *population_schedule_json(const struct session *s, const struct trial *t)
{
    struct arena arena = {0};
    const struct trial *first = t;
    const double *config;
    struct course later = population_lineage(s, t, &arena, &config), all = {.until = later.until};
    while (session_trial(s, first->parent)) first = session_trial(s, first->parent);
    course_add(&all, &s->study->space, &arena, 0, config, first->number);
    for (size_t i = 0; i < later.n; i++)
        course_add(&all, &s->study->space, &arena, later.step[i].from, later.step[i].config, later.step[i].trial);
    json_t *out = course_json(&all, &s->study->space);
    arena_done(&arena);
    return out;
}

enum status population_parse(const struct session *s, const json_t *object, struct arena *arena,
                             const double **ret_config, struct course *ret, struct error *err)
{
    const json_t *inner = json_object_get(object, "schedule");
    struct course all;
    enum status st = course_parse(inner ? inner : object, &s->study->space, arena, &all, err);
    if (!st && all.n == 0)
        st = error_set(err, STATUS_INVALID,
                       "there is no schedule in it: 'nocturne export STUDY --format json' writes one that can be run");
    if (st) return st;
    *ret_config = all.step[0].config;
    *ret = (struct course){.until = all.until, .n = all.n - 1, .step = all.step + 1};
    return STATUS_OK;
}
