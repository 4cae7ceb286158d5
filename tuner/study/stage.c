#include "tuner/study/study.h"

#include "tuner/study/condition.h"

#include <math.h>
#include <string.h>

int stage_find(const struct study *study, const char *name)
{
    for (size_t i = 0; i < study->pipeline.n; i++)
        if (strcmp(study->pipeline.stage[i].name, name) == 0) return (int)i;
    return -1;
}

bool stage_exists(const struct study *study, size_t stage, const double *config)
{
    return condition_holds(study->pipeline.stage[stage].when, config);
}

size_t stage_next(const struct study *study, size_t stage, const double *config)
{
    while (stage < study->pipeline.n && !stage_exists(study, stage, config)) stage++;
    return stage;
}

void stage_config(const struct study *study, size_t stage, const double *config, double *ret)
{
    for (size_t i = 0; i < study->space.n; i++) ret[i] = study->pipeline.stage[stage].names[i] ? config[i] : NAN;
}

int stage_source(const struct study *study, size_t input, const double *config)
{
    while (!stage_exists(study, input, config)) {
        const struct stage *x = &study->pipeline.stage[input];
        if (x->n_inputs == 0) return -1;
        input = x->input[0];
    }
    return (int)input;
}

static void add_condition(const struct study *study, const struct condition *when, bool *ret)
{
    bool used[SPACE_PARAMS_MAX] = {false};
    condition_params(when, used);
    for (size_t i = 0; i < study->space.n; i++) {
        if (!used[i] || ret[i]) continue;
        ret[i] = true;
        add_condition(study, study->space.param[i].when, ret); /* and whether that exists */
    }
}

static void add_reach(const struct study *study, size_t stage, bool *ret)
{
    const struct stage *x = &study->pipeline.stage[stage];
    add_condition(study, x->when, ret);
    for (size_t i = 0; i < study->space.n; i++) {
        ret[i] |= x->names[i];
        if (x->names[i]) add_condition(study, study->space.param[i].when, ret);
    }
    for (size_t k = 0; k < x->n_inputs; k++) add_reach(study, x->input[k], ret);
}

void stage_reach(const struct study *study, size_t stage, bool *ret)
{
    memset(ret, 0, study->space.n * sizeof *ret);
    add_reach(study, stage, ret);
}
