#include "tuner/report/report.h"

#include "tuner/base/json.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool export_format_parse(const char *text, enum export_format *ret)
{
    static const char *const names[] = {"yaml", "json", "env", "args", "toml"};
    for (int i = 0; i < 5; i++)
        if (strcmp(text, names[i]) == 0) {
            *ret = (enum export_format)i;
            return true;
        }
    return false;
}

/* JSON scalars and lists are YAML, too. */
static void write_value(FILE *out, const json_t *v)
{
    char *text = json_text(v);
    fputs(text, out);
    free(text);
}

/* A key of a YAML map, or a plain name: in quotes where YAML 1.1 would take it for a boolean or null. */
static void write_yaml_name(FILE *out, const char *name)
{
    static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
    bool special = false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) special |= strcasecmp(name, words[i]) == 0;
    fprintf(out, special ? "\"%s\"" : "%s", name);
}

static void write_toml_name(FILE *out, const char *name)
{
    fprintf(out, strchr(name, '.') ? "\"%s\"" : "%s", name);
}

/* JSON's scalars and lists are TOML's, but for null and maps. */
static void write_toml_value(FILE *out, const json_t *v)
{
    const char *key, *comma = "";
    json_t *item;
    size_t i;
    if (json_is_object(v)) {
        fputc('{', out);
        json_object_foreach((json_t *)v, key, item)
        {
            json_t *name = json_string(key);
            fputs(comma, out);
            write_value(out, name);
            fputs(" = ", out);
            write_toml_value(out, item);
            json_decref(name);
            comma = ", ";
        }
        fputc('}', out);
    } else if (json_is_array(v)) {
        fputc('[', out);
        json_array_foreach((json_t *)v, i, item)
        {
            fputs(comma, out);
            write_toml_value(out, item);
            comma = ", ";
        }
        fputc(']', out);
    } else if (json_is_null(v)) {
        fputs("\"null\"", out); /* in a list: TOML has none */
    } else
        write_value(out, v);
}

/* 'text' for a POSIX shell; bare if nothing in it is special. */
static void write_quoted(FILE *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
    if (*text && strspn(text, plain) == strlen(text)) {
        fputs(text, out);
        return;
    }
    fputc('\'', out);
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", out);
        else
            fputc(*text, out);
    fputc('\'', out);
}

static void write_yaml_params(FILE *out, const json_t *params)
{
    json_t *v;
    const char *name;
    json_object_foreach((json_t *)params, name, v)
    {
        fputs("  ", out);
        write_yaml_name(out, name);
        fputs(": ", out);
        write_value(out, v);
        fputc('\n', out);
    }
}

static void write_toml_params(FILE *out, const json_t *params)
{
    json_t *v;
    const char *name;
    json_object_foreach((json_t *)params, name, v)
    {
        if (json_is_null(v)) fputs("# null, which TOML does not have: ", out);
        write_toml_name(out, name);
        fputs(" = ", out);
        write_toml_value(out, v);
        fputc('\n', out);
    }
}

/* Of a winner whose settings changed while it trained: JSON values are YAML, too. */
static void write_schedule(FILE *out, const struct space *space, const struct trajectory *schedule)
{
    json_t *until = schedule ? json_amount(schedule->until) : NULL;
    if (!schedule) return;
    fputs("# The parameters above are the last ones; this is how they changed, by tokens or reports. 'nocturne run "
          "--schedule' takes it from --format json.\nschedule:\n  until: ",
          out);
    write_value(out, until);
    fputs("\n  steps:\n", out);
    for (size_t i = 0; i < schedule->n; i++) {
        json_t *step = trajectory_step_json(&schedule->step[i], space);
        fputs("    - ", out);
        write_value(out, step);
        fputc('\n', out);
        json_decref(step);
    }
    json_decref(until);
}

/* Of a winner that stages led to: what each saw, and what it left. JSON values are YAML, too. */
static void write_stages(FILE *out, const char *stages)
{
    json_t *list = stages ? json_loads(stages, 0, NULL) : NULL, *one;
    size_t i;
    if (!list) return;
    fputs("stages:\n", out);
    json_array_foreach(list, i, one)
    {
        json_t *rest = json_copy(one);
        json_object_del(rest, "stage");
        fputs("  ", out);
        write_yaml_name(out, json_string_value(json_object_get(one, "stage")));
        fputs(": ", out);
        write_value(out, rest);
        fputc('\n', out);
        json_decref(rest);
    }
    json_decref(list);
}

/* The same for TOML: a table for each. */
static void write_toml_stages(FILE *out, const char *stages)
{
    json_t *list = stages ? json_loads(stages, 0, NULL) : NULL, *one, *v;
    const char *key;
    size_t i;
    json_array_foreach(list, i, one)
    {
        fprintf(out, "\n[stages.%s]\n", json_string_value(json_object_get(one, "stage")));
        json_object_foreach(one, key, v)
        {
            if (strcmp(key, "stage") == 0) continue;
            fprintf(out, "%s = ", key);
            write_toml_value(out, v);
            fputc('\n', out);
        }
    }
    json_decref(list);
}

/* The variables that a trial finds: a parameter may be called path. */
static void write_env(FILE *out, const struct space *space, const double *config)
{
    char buf[SPACE_TEXT_MAX];
    struct arena arena = {0};
    for (size_t i = 0; i < space->n; i++) {
        if (isnan(config[i])) continue; /* does not exist */
        fprintf(out, "%s=", space_variable(space, i, &arena));
        write_quoted(out, param_text(&space->param[i], config[i], buf));
        fputc('\n', out);
    }
    arena_done(&arena);
}

static void write_words(FILE *out, char *const *word, size_t n, bool first)
{
    for (size_t i = 0; i < n; i++, first = false) {
        if (!first) fputc(' ', out);
        write_quoted(out, word[i]);
    }
}

/* One line for each stage, which leave what they make beside each other. */
static enum status write_stage_args(FILE *out, const struct study *study, const struct comparison_row *winner,
                                    struct error *err)
{
    struct arena arena = {0};
    enum status st = STATUS_OK;
    for (size_t k = stage_next(study, 0, winner->config); !st && k < study->pipeline.n;
         k = stage_next(study, k + 1, winner->config)) {
        const struct stage *x = &study->pipeline.stage[k];
        double config[SPACE_PARAMS_MAX];
        struct stage_run stage = {.name = x->name, .n_inputs = x->n_inputs};
        char **word;
        size_t n = 0;
        stage.output = arena_printf(&arena, "%s.checkpoint", x->name);
        for (size_t i = 0; i < x->n_inputs; i++) {
            int from = stage_source(study, x->input[i], winner->config);
            stage.input[i].stage = study->pipeline.stage[x->input[i]].name;
            if (from >= 0)
                stage.input[i].path = arena_printf(&arena, "%s.checkpoint", study->pipeline.stage[from].name);
        }
        stage_config(study, k, winner->config, config);
        const struct study_run run = {
            .config = config, .trial = winner->trial, .attempt = 1, .seed = 1, .dir = ".", .stage = &stage};
        st = command_fill(x->alone, &run, &arena, &word, &n, err);
        if (!st) write_words(out, word, n, true);
        if (!st) fputc('\n', out);
    }
    arena_done(&arena);
    return st;
}

/* The whole command line that runs it again. A command without parameters (its program finds them in the environment)
 * gets them as --name value, which is what the SDKs read outside of a trial. */
static enum status write_args(FILE *out, const struct study *study, const struct comparison_row *winner,
                              struct error *err)
{
    const struct study_run run = {
        .config = winner->config, .trial = winner->trial, .attempt = 1, .seed = 1, .dir = "."};
    struct arena arena = {0};
    char **word, **pair;
    size_t n = 0, n_pairs;
    enum status st = command_fill(study, &run, &arena, &word, &n, err);
    command_pairs(study, winner->config, &arena, &pair, &n_pairs);
    if (!st) write_words(out, word, n, true);
    if (!st && !command_has_parameters(study)) write_words(out, pair, n_pairs, n == 0);
    if (!st) fputc('\n', out);
    arena_done(&arena);
    return st;
}

static void write_json(FILE *out, const struct comparison *c)
{
    json_t *object = document_export_json(c);
    char *text = json_indented(object);
    fprintf(out, "%s\n", text);
    free(text);
    json_decref(object);
}

static void write_yaml(FILE *out, const struct study *study, const struct comparison_row *winner)
{
    json_t *params = space_to_json(&study->space, winner->config);
    fputs("study: ", out);
    write_yaml_name(out, study->name);
    fprintf(out, "\ntrial: %ld\nconfirmed_seeds: %zu\nverdict: %s\nparameters:\n", winner->trial, winner->seeds,
            winner->verdict ? verdict_name(winner->verdict) : "null");
    write_yaml_params(out, params);
    write_stages(out, winner->stages);
    write_schedule(out, &study->space, winner->schedule);
    json_decref(params);
}

static void write_toml(FILE *out, const struct study *study, const struct comparison_row *winner)
{
    json_t *params = space_to_json(&study->space, winner->config);
    fprintf(out, "study = \"%s\"\ntrial = %ld\nconfirmed_seeds = %zu\n", study->name, winner->trial, winner->seeds);
    if (winner->verdict) fprintf(out, "verdict = \"%s\"\n", verdict_name(winner->verdict));
    fputs("\n[parameters]\n", out);
    write_toml_params(out, params);
    write_toml_stages(out, winner->stages);
    json_decref(params);
}

enum status report_export(FILE *out, enum export_format format, const struct comparison *c, struct error *err)
{
    const struct study *study = c->study;
    if (!c->winner)
        return error_set(err, STATUS_NOT_FOUND,
                         "study '%s' has nothing to export yet: no complete trial satisfies its constraints",
                         study->name);
    if (format == EXPORT_YAML || format == EXPORT_TOML || format == EXPORT_ENV) report_provenance(out, c);
    switch (format) {
    case EXPORT_JSON: write_json(out, c); break;
    case EXPORT_YAML: write_yaml(out, study, c->winner); break;
    case EXPORT_TOML: write_toml(out, study, c->winner); break;
    case EXPORT_ENV: write_env(out, &study->space, c->winner->config); break;
    case EXPORT_ARGS:
        return study->pipeline.n ? write_stage_args(out, study, c->winner, err)
                                 : write_args(out, study, c->winner, err);
    }
    return STATUS_OK;
}
