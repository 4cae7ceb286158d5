#include "tuner/execution/launch.h"

#include "tuner/base/json.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Python keeps what it prints to a pipe until there is enough of it: reports would come at the end. */
static bool listens(const struct objective *o)
{
    for (size_t i = 0; i < o->n_metrics; i++)
        if (o->metric[i].reported && !o->metric[i].file) return true;
    return false;
}

/* NOCTURNE_INPUT_<STAGE> */
static char *input_variable(const struct stage_input *input, struct arena *a)
{
    char *text = arena_printf(a, "NOCTURNE_INPUT_%s=%s", input->stage, input->path), *c = text + 15;
    for (; *c != '='; c++) *c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
    return text;
}

/* The first of a stage's inputs that exists is NOCTURNE_INPUT, too. Returns how many were set. */
static size_t stage_variables(const struct stage_run *x, char **env, struct arena *a)
{
    size_t n = 0;
    env[n++] = arena_printf(a, "NOCTURNE_STAGE=%s", x->name);
    env[n++] = arena_printf(a, "NOCTURNE_OUTPUT=%s", x->output);
    for (size_t i = 0; i < x->n_inputs; i++) {
        if (!x->input[i].path) continue;
        if (n == 2) env[n++] = arena_printf(a, "NOCTURNE_INPUT=%s", x->input[i].path);
        env[n++] = input_variable(&x->input[i], a);
    }
    return n;
}

static char **environment(const struct attempt_spec *x, size_t slot, const struct gpus *gpus, struct arena *a)
{
    const struct study *study = x->study;
    char **env = arena_array(a, study->space.n + STAGES_MAX + 16, sizeof *env), buf[SPACE_TEXT_MAX];
    size_t n = x->stage ? stage_variables(x->stage, env, a) : 0;
    for (size_t i = 0; i < study->space.n; i++) {
        if (isnan(x->config[i])) continue; /* does not exist */
        env[n++] = arena_printf(a, "%s=%s", space_variable(&study->space, i, a),
                                param_text(&study->space.param[i], x->config[i], buf));
    }
    env[n++] = arena_printf(a, "NOCTURNE_PARAMS=%s/params.json", x->dir);
    env[n++] = arena_printf(a, "NOCTURNE_STUDY=%s", study->name);
    env[n++] = arena_printf(a, "NOCTURNE_TRIAL=%ld", x->trial);
    env[n++] = arena_printf(a, "NOCTURNE_ATTEMPT=%ld", x->attempt);
    env[n++] = arena_printf(a, "NOCTURNE_SEED=%llu", (unsigned long long)x->seed);
    env[n++] = arena_printf(a, "NOCTURNE_DIR=%s", x->dir);
    env[n++] = arena_strdup(a, "NOCTURNE_FD=3");
    env[n++] = arena_printf(a, "NOCTURNE_SLOT=%zu", slot);
    if (gpus) env[n++] = gpus_of_slot(gpus, slot, a);
    if (listens(&study->objective)) env[n++] = arena_strdup(a, "PYTHONUNBUFFERED=1");
    if (x->resume.path) env[n++] = arena_printf(a, "NOCTURNE_RESUME=%s", x->resume.path);
    return env;
}

/* A stage may have nothing to say: the trial needs all metrics in the end. */
static const char **needed_metrics(const struct study *study, struct arena *a, size_t *ret_n)
{
    const char **name = arena_array(a, METRICS_MAX, sizeof *name);
    size_t n = 0;
    for (size_t i = 0; i < study->objective.n_metrics; i++)
        if (objective_uses(&study->objective, i)) name[n++] = study->objective.metric[i].name;
    *ret_n = n;
    return name;
}

static const struct job_match *matches(const struct study *study, struct arena *a, size_t *ret_n)
{
    struct job_match *match = arena_array(a, METRICS_MAX, sizeof *match);
    size_t n = 0;
    for (size_t i = 0; i < study->objective.n_metrics; i++) {
        const struct metric *m = &study->objective.metric[i];
        if (m->match) match[n++] = (struct job_match){.metric = m->name, .pattern = m->match, .file = m->file};
    }
    *ret_n = n;
    return match;
}

char *launch_folder(const char *files, const struct study *study, long trial, long attempt, struct arena *arena)
{
    return arena_printf(arena, "%s/%s/%04ld.%ld", files, study->name, trial, attempt);
}

char *launch_depot(const char *files, const struct study *study, struct arena *arena)
{
    return arena_printf(arena, "%s/%s/" LAUNCH_DEPOT, files, study->name);
}

char *launch_output(const char *dir, struct arena *arena)
{
    return arena_printf(arena, "%s/output", dir);
}

static json_t *resume_json(const struct resume *r)
{
    return json_pack("{s:I, s:I, s:s, s:o}", "trial", (json_int_t)r->trial, "attempt", (json_int_t)r->attempt, "name",
                     r->name, "cost", json_number(r->cost));
}

/* Checkpoints are known by their digests, which are their names in the depot. */
static json_t *stage_json(const struct stage_run *x)
{
    json_t *inputs = json_array();
    for (size_t i = 0; i < x->n_inputs; i++) {
        const char *slash = x->input[i].path ? strrchr(x->input[i].path, '/') : NULL;
        json_array_append_new(inputs,
                              json_pack("{s:s, s:s*}", "stage", x->input[i].stage, "sha256", slash ? slash + 1 : NULL));
    }
    return json_pack("{s:s, s:o}", "name", x->name, "inputs", inputs);
}

json_t *launch_assignment(const struct attempt_spec *x)
{
    json_t *out = json_pack("{s:s, s:I, s:I, s:I, s:I, s:o}", "study", x->study->name, "trial", (json_int_t)x->trial,
                            "attempt", (json_int_t)x->attempt, "lease", (json_int_t)x->lease, "seed",
                            (json_int_t)x->seed, "params", space_to_json(&x->study->space, x->config));
    if (x->resume.path) json_object_set_new(out, "resume", resume_json(&x->resume));
    if (x->stage) json_object_set_new(out, "stage", stage_json(x->stage));
    if (x->definition) json_object_set_new(out, "definition", json_string(x->definition));
    return out;
}

/* A stage is run as if it were all of the study, and sees its own parameters. `config`: space.n */
static struct attempt_spec narrowed(const struct attempt_spec *x, double *config)
{
    struct attempt_spec out = *x;
    int k = x->stage ? stage_find(x->study, x->stage->name) : -1;
    if (k < 0) return out;
    stage_config(x->study, (size_t)k, x->config, config);
    out.study = x->study->pipeline.stage[k].alone;
    out.config = config;
    return out;
}

struct job *launch(struct workers *workers, const struct gpus *gpus, const struct attempt_spec *whole,
                   const struct job_handler *handler, void *data, struct error *err)
{
    double config[SPACE_PARAMS_MAX];
    const struct attempt_spec own = narrowed(whole, config), *x = &own;
    const struct study *study = x->study;
    struct arena a = {0};
    struct job *job = NULL;
    json_t *params = space_to_json(&study->space, x->config);
    const size_t slot = workers_next_slot(workers);
    const struct study_run run = {.config = x->config,
                                  .trial = x->trial,
                                  .attempt = x->attempt,
                                  .slot = (long)slot,
                                  .seed = x->seed,
                                  .dir = x->dir,
                                  .stage = x->stage};
    char *text = json_text(params), **argv;
    size_t n_args;
    struct job_spec spec = {.env = environment(x, slot, gpus, &a),
                            .cwd = study->dir,
                            .dir = x->dir,
                            .params = text,
                            .timeout_ms = study->limits.timeout_ms,
                            .grace_ms = study->limits.grace_ms,
                            .output_max = study->limits.output_max};
    spec.may_be_silent = x->stage != NULL;
    if (!x->stage) spec.metric = needed_metrics(study, &a, &spec.n_metrics);
    spec.match = matches(study, &a, &spec.n_matches);
    enum status s = command_fill(study, &run, &a, &argv, &n_args, err);
    spec.argv = argv;
    if (!s) s = workers_start(workers, &spec, handler, data, &job, err);
    free(text);
    json_decref(params);
    arena_done(&a);
    return s ? NULL : job;
}
