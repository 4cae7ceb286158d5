#include "tuner/report/report.h"

#include "tuner/base/json.h"
#include "tuner/base/plain.h"
#include "tuner/base/words.h"

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

/* The winner, and what it is compared with. */
struct exported {
    const struct study *study;
    const json_t *winner, *baseline; /* rows; baseline may be NULL */
    double config[SPACE_PARAMS_MAX];
    long trial, seeds;
};

static double metric_of(const json_t *row, const struct metric *m)
{
    return json_number_at(json_object_get(row, "metrics"), m->name);
}

static const char *verdict_of(const json_t *row)
{
    const char *text = json_string_value(json_object_get(row, "verdict"));
    return text ? text : "none: there is nothing to compare with";
}

/* "# verdict: a trade (baseline: promising; strong-default: a trade)" */
static void write_verdicts(FILE *out, const json_t *winner)
{
    const json_t *v;
    size_t i;
    struct arena a = {0};
    fprintf(out, "# verdict: %s", verdict_of(winner));
    json_array_foreach(json_object_get(winner, "against"), i, v)
    {
        fprintf(out, "%s%s: %s", i ? "; " : " (", plain_shown(&a, json_string_value(json_object_get(v, "reference"))),
                verdict_of(v));
    }
    fputs(i ? ")\n" : "\n", out);
    arena_done(&a);
}

static void write_provenance(FILE *out, const struct exported *c)
{
    char buf[64];
    fprintf(out, "# study %s, trial %ld, ", c->study->name, c->trial);
    if (c->seeds == 1 && !json_is_true(json_object_get(c->winner, "repeats")))
        fputs("one fresh seed, not confirmed\n", out);
    else if (c->seeds)
        fprintf(out, "confirmed on %ld fresh seed%s\n", c->seeds, words_s((size_t)c->seeds));
    else
        fputs("not confirmed\n", out);
    if (c->winner == c->baseline) fputs("# this is the baseline: nothing that was tried beats it\n", out);
    write_verdicts(out, c->winner);
    for (size_t i = 0; i < c->study->objective.n_metrics; i++) {
        const struct metric *m = &c->study->objective.metric[i];
        fprintf(out, "# %s: %s", m->name, report_metric(m, metric_of(c->winner, m), buf, sizeof buf));
        if (c->baseline && c->winner != c->baseline)
            fprintf(out, " (baseline %s)", report_metric(m, metric_of(c->baseline, m), buf, sizeof buf));
        fputc('\n', out);
    }
}

static void write_yaml_params(FILE *out, const struct exported *c)
{
    json_t *v;
    const char *name;
    json_object_foreach(json_object_get(c->winner, "params"), name, v)
    {
        fputs("  ", out);
        write_yaml_name(out, name);
        fputs(": ", out);
        write_value(out, v);
        fputc('\n', out);
    }
}

static void write_toml_params(FILE *out, const struct exported *c)
{
    json_t *v;
    const char *name;
    json_object_foreach(json_object_get(c->winner, "params"), name, v)
    {
        if (json_is_null(v)) fputs("# null, which TOML does not have: ", out);
        write_toml_name(out, name);
        fputs(" = ", out);
        write_toml_value(out, v);
        fputc('\n', out);
    }
}

/* Of a winner whose settings changed while it trained: JSON values are YAML, too. */
static void write_schedule(FILE *out, const struct exported *c)
{
    const json_t *schedule = json_object_get(c->winner, "schedule"), *step;
    size_t i;
    if (!schedule) return;
    fputs("# The parameters above are the last ones; this is how they changed, by tokens or reports. 'nocturne run "
          "--schedule' takes it from --format json.\nschedule:\n  until: ",
          out);
    write_value(out, json_object_get(schedule, "until"));
    fputs("\n  steps:\n", out);
    json_array_foreach(json_object_get(schedule, "steps"), i, step)
    {
        fputs("    - ", out);
        write_value(out, step);
        fputc('\n', out);
    }
}

/* The variables that a trial finds: a parameter may be called path. */
static void write_env(FILE *out, const struct exported *c)
{
    char buf[SPACE_TEXT_MAX];
    struct arena arena = {0};
    for (size_t i = 0; i < c->study->space.n; i++) {
        if (isnan(c->config[i])) continue; /* does not exist */
        fprintf(out, "%s=", space_variable(&c->study->space, i, &arena));
        write_quoted(out, param_text(&c->study->space.param[i], c->config[i], buf));
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

/* The whole command line that runs it again. A command without parameters (its program finds them in the environment)
 * gets them as --name value, which is what the SDKs read outside of a trial. */
static enum status write_args(FILE *out, const struct exported *c, struct error *err)
{
    const struct study_run run = {.config = c->config, .trial = c->trial, .attempt = 1, .seed = 1, .dir = "."};
    struct arena arena = {0};
    char **word, **pair;
    size_t n = 0, n_pairs;
    enum status st = command_fill(c->study, &run, &arena, &word, &n, err);
    command_pairs(c->study, c->config, &arena, &pair, &n_pairs);
    if (!st) write_words(out, word, n, true);
    if (!st && !command_has_parameters(c->study)) write_words(out, pair, n_pairs, n == 0);
    if (!st) fputc('\n', out);
    arena_done(&arena);
    return st;
}

static void write_json(FILE *out, const struct exported *c)
{
    json_t *object = json_copy((json_t *)c->winner);
    json_object_del(object, "winner");
    json_object_set_new(object, "study", json_string(c->study->name));
    json_object_set_new(object, "is_baseline", json_boolean(c->winner == c->baseline));
    if (c->baseline) json_object_set(object, "baseline", (json_t *)c->baseline);
    char *text = json_indented(object);
    fprintf(out, "%s\n", text);
    free(text);
    json_decref(object);
}

const json_t *report_row(const json_t *rows, const char *key)
{
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (json_is_true(json_object_get(json_array_get(rows, i), key))) return json_array_get(rows, i);
    return NULL;
}

enum status report_export(FILE *out, enum export_format format, const struct study *study, const json_t *rows,
                          struct error *err)
{
    struct exported c = {
        .study = study, .winner = report_row(rows, "winner"), .baseline = report_row(rows, "baseline")};
    if (!c.winner)
        return error_set(err, STATUS_NOT_FOUND,
                         "study '%s' has nothing to export yet: no complete trial satisfies its constraints",
                         study->name);
    enum status s = space_from_json(&study->space, json_object_get(c.winner, "params"), c.config, err);
    if (s) return s;
    c.trial = (long)json_integer_value(json_object_get(c.winner, "trial"));
    c.seeds = (long)json_integer_value(json_object_get(c.winner, "confirmed_seeds"));
    switch (format) {
    case EXPORT_JSON: write_json(out, &c); return STATUS_OK;
    case EXPORT_YAML:
        write_provenance(out, &c);
        fputs("study: ", out);
        write_yaml_name(out, study->name);
        fprintf(out, "\ntrial: %ld\nconfirmed_seeds: %ld\nverdict: %s\nparameters:\n", c.trial, c.seeds,
                json_object_get(c.winner, "verdict") ? verdict_of(c.winner) : "null");
        write_yaml_params(out, &c);
        write_schedule(out, &c);
        return STATUS_OK;
    case EXPORT_TOML:
        write_provenance(out, &c);
        fprintf(out, "study = \"%s\"\ntrial = %ld\nconfirmed_seeds = %ld\n", study->name, c.trial, c.seeds);
        if (json_object_get(c.winner, "verdict")) fprintf(out, "verdict = \"%s\"\n", verdict_of(c.winner));
        fputs("\n[parameters]\n", out);
        write_toml_params(out, &c);
        return STATUS_OK;
    case EXPORT_ENV:
        write_provenance(out, &c);
        write_env(out, &c);
        return STATUS_OK;
    case EXPORT_ARGS: return write_args(out, &c, err);
    }
    return STATUS_OK;
}
