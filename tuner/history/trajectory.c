#include "tuner/history/trajectory.h"

#include "tuner/base/json.h"

#include <string.h>

void trajectory_add(struct trajectory *c, const struct space *space, struct arena *arena, double from,
                    const double *config, long trial)
{
    struct trajectory_step *step = arena_array(arena, c->n + 1, sizeof *step);
    double *own = arena_array(arena, space->n, sizeof *own);
    if (c->n) memcpy(step, c->step, c->n * sizeof *step);
    step[c->n++] = (struct trajectory_step){from, memcpy(own, config, space->n * sizeof *own), trial};
    c->step = step;
}

const double *trajectory_settings(const struct trajectory *c, const double *own, double cost)
{
    for (size_t i = 0; i < c->n && c->step[i].from <= cost; i++) own = c->step[i].config;
    return own;
}

json_t *trajectory_step_json(const struct trajectory_step *x, const struct space *space)
{
    json_t *out = json_pack("{s:o}", "from", json_amount(x->from));
    if (x->trial >= 0) json_object_set_new(out, "trial", json_integer(x->trial));
    json_object_set_new(out, "params", space_to_json(space, x->config));
    return out;
}

json_t *trajectory_json(const struct trajectory *c, const struct space *space)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < c->n; i++) json_array_append_new(steps, trajectory_step_json(&c->step[i], space));
    return json_pack("{s:o, s:o}", "until", json_amount(c->until), "steps", steps);
}

enum status trajectory_parse(const json_t *object, const struct space *space, struct arena *arena,
                             struct trajectory *ret, struct error *err)
{
    const json_t *step;
    size_t i;
    *ret = (struct trajectory){.until = json_number_value(json_object_get(object, "until"))};
    json_array_foreach(json_object_get(object, "steps"), i, step)
    {
        const json_t *from = json_object_get(step, "from"), *trial = json_object_get(step, "trial");
        double config[SPACE_PARAMS_MAX];
        if (!json_is_number(from) || json_number_value(from) < 0 || !json_is_object(json_object_get(step, "params")))
            return error_set(err, STATUS_INVALID, "step %zu needs \"from\", a cost, and \"params\"", i);
        if (i > 0 && json_number_value(from) < ret->step[i - 1].from)
            return error_set(err, STATUS_INVALID, "step %zu begins before the one in front of it", i);
        if (space_from_json(space, json_object_get(step, "params"), config, err))
            return error_context(err, "step %zu", i);
        trajectory_add(ret, space, arena, json_number_value(from), config,
                       json_is_integer(trial) ? (long)json_integer_value(trial) : -1);
    }
    return STATUS_OK;
}
