#include "tuner/study/study.h"

#include <stdlib.h>
#include <string.h>

void study_free(struct study *study)
{
    if (!study) return;
    struct arena arena = study->arena; /* the study lives in its own arena */
    arena_done(&arena);
}

static const char *const sampler_names[] = {"gp", "sobol", "random"};

const char *sampler_name(enum sampler sampler)
{
    return sampler_names[sampler];
}

bool sampler_parse(const char *text, enum sampler *ret)
{
    for (int i = 0; i < 3; i++)
        if (strcmp(text, sampler_names[i]) == 0) {
            *ret = (enum sampler)i;
            return true;
        }
    return false;
}

const char *pruner_name(enum pruner pruner)
{
    static const char *const names[] = {"none", "auto", "asha", "median"};
    return names[pruner];
}

size_t study_confirm_count(const struct study *study)
{
    size_t fixed = (study->baseline != NULL) + study->n_references;
    if (study->confirm_top == 0 || study->confirm_seeds == 0) return 0;
    return ((size_t)study->confirm_top + fixed) * (size_t)study->confirm_seeds;
}
