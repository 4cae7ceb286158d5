#include "tuner/study/study.h"

#include <stdlib.h>
#include <string.h>

void study_free(struct study *study)
{
    if (!study) return;
    struct arena arena = study->arena; /* the study lives in its own arena */
    arena_done(&arena);
}

#define NAME(id, name) #name,
static const char *const samplers[] = {SAMPLERS(NAME)}, *const pruners[] = {"none", PRUNERS(NAME)};
#undef NAME
enum { N_SAMPLERS = sizeof samplers / sizeof *samplers, N_PRUNERS = sizeof pruners / sizeof *pruners };

const char *const *sampler_names(size_t *ret_n)
{
    *ret_n = N_SAMPLERS;
    return samplers;
}

const char *const *pruner_names(size_t *ret_n)
{
    *ret_n = N_PRUNERS;
    return pruners;
}

const char *sampler_name(enum sampler sampler)
{
    return samplers[sampler];
}

const char *pruner_name(enum pruner pruner)
{
    return pruners[pruner];
}

size_t study_confirm_count(const struct study *study)
{
    size_t fixed = (study->baseline != NULL) + study->n_references;
    if (study->confirm.top == 0 || study->confirm.seeds == 0) return 0;
    return ((size_t)study->confirm.top + fixed) * (size_t)study->confirm.seeds;
}

bool study_has_program(const struct study *study)
{
    return study->n_args > 0 || study->pipeline.n > 0;
}
