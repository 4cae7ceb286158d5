#include "tuner/study/study.h"

#include <stdio.h>
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

/* Text that stands for {name}, or NULL. */
static const char *lookup(const struct study *study, const char *name, const double *config,
                          const struct study_run *run, struct arena *arena)
{
    int p = space_find(&study->space, name);
    if (p >= 0) return param_text(&study->space.param[p], config[p], arena_alloc(arena, SPACE_TEXT_MAX));
    if (strcmp(name, "study") == 0) return study->name;
    if (strcmp(name, "trial") == 0) return arena_printf(arena, "%ld", run->trial);
    if (strcmp(name, "attempt") == 0) return arena_printf(arena, "%ld", run->attempt);
    if (strcmp(name, "seed") == 0) return arena_printf(arena, "%llu", (unsigned long long)run->seed);
    if (strcmp(name, "dir") == 0) return run->dir;
    return NULL;
}

enum status study_fill(const struct study *study, const char *template, const double *config,
                       const struct study_run *run, struct arena *arena, char **ret, struct error *err)
{
    char *out = arena_strdup(arena, "");
    for (const char *c = template; *c;) {
        if ((c[0] == '{' && c[1] == '{') || (c[0] == '}' && c[1] == '}')) {
            out = arena_printf(arena, "%s%c", out, *c);
            c += 2;
        } else if (*c == '{') {
            char name[64];
            int used = 0;
            if (sscanf(c, "{%63[^{}]}%n", name, &used) != 1 || used == 0)
                return error_set(err, STATUS_INVALID, "'%.80s': a brace is not closed; write {{ for a brace itself", c);
            const char *text = lookup(study, name, config, run, arena);
            if (!text) return error_set(err, STATUS_INVALID, "{%s} is not a parameter", name);
            out = arena_printf(arena, "%s%s", out, text);
            c += used;
        } else if (*c == '}') {
            return error_set(err, STATUS_INVALID, "'%.80s': a brace closes nothing; write }} for a brace itself", c);
        } else {
            size_t n = strcspn(c, "{}");
            out = arena_printf(arena, "%s%.*s", out, (int)n, c);
            c += n;
        }
    }
    *ret = out;
    return STATUS_OK;
}
