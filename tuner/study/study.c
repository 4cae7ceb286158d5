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

/* Text that stands for {name}, or NULL. buf: SPACE_TEXT_MAX bytes. */
static const char *lookup(const struct study *study, const char *name, const double *config,
                          const struct study_run *run, char *buf)
{
    int p = space_find(&study->space, name);
    if (p >= 0) return param_text(&study->space.param[p], config[p], buf);
    if (strcmp(name, "study") == 0) return study->name;
    if (strcmp(name, "dir") == 0) return run->dir;
    if (strcmp(name, "trial") == 0)
        snprintf(buf, SPACE_TEXT_MAX, "%ld", run->trial);
    else if (strcmp(name, "attempt") == 0)
        snprintf(buf, SPACE_TEXT_MAX, "%ld", run->attempt);
    else if (strcmp(name, "seed") == 0)
        snprintf(buf, SPACE_TEXT_MAX, "%llu", (unsigned long long)run->seed);
    else
        return NULL;
    return buf;
}

struct filled {
    char *text; /* NULL: only measured */
    size_t n;
};

static void put(struct filled *f, const char *bytes, size_t n)
{
    if (f->text) memcpy(f->text + f->n, bytes, n);
    f->n += n;
}

/* {name} at `c`; *ret_used: its bytes. */
static enum status put_value(struct filled *f, const char *c, const struct study *study, const double *config,
                             const struct study_run *run, size_t *ret_used, struct error *err)
{
    char name[64], buf[SPACE_TEXT_MAX];
    size_t n = strcspn(c + 1, "{}");
    if (n == 0 || n >= sizeof name || c[1 + n] != '}')
        return error_set(err, STATUS_INVALID, "'%.80s': a brace is not closed; write {{ for a brace itself", c);
    snprintf(name, sizeof name, "%.*s", (int)n, c + 1);
    const char *text = lookup(study, name, config, run, buf);
    if (!text) return error_set(err, STATUS_INVALID, "{%s} is not a parameter", name);
    put(f, text, strlen(text));
    *ret_used = n + 2;
    return STATUS_OK;
}

static enum status fill(struct filled *f, const struct study *study, const char *template, const double *config,
                        const struct study_run *run, struct error *err)
{
    enum status s = STATUS_OK;
    for (const char *c = template; *c && !s;) {
        size_t n = strcspn(c, "{}");
        if (n) {
            put(f, c, n);
        } else if (c[1] == c[0]) {
            put(f, c, 1);
            n = 2;
        } else if (*c == '{') {
            s = put_value(f, c, study, config, run, &n, err);
        } else {
            s = error_set(err, STATUS_INVALID, "'%.80s': a brace closes nothing; write }} for a brace itself", c);
        }
        c += n;
    }
    return s;
}

enum status study_fill(const struct study *study, const char *template, const double *config,
                       const struct study_run *run, struct arena *arena, char **ret, struct error *err)
{
    struct filled f = {0};
    enum status s = fill(&f, study, template, config, run, err); /* measured first */
    if (s) return s;
    f = (struct filled){.text = arena_alloc(arena, f.n + 1)};
    s = fill(&f, study, template, config, run, err);
    if (!s) *ret = f.text;
    return s;
}
