#include "tuner/report/report.h"

#include "tuner/base/json.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

static void write_value(FILE *out, const json_t *v)
{
    char *text = json_pretty_numbers(v); /* JSON scalars are YAML and TOML scalars, too */
    fputs(text, out);
    free(text);
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
struct choice {
    const struct study *study;
    const json_t *winner, *baseline; /* rows; baseline may be NULL */
    double config[SPACE_PARAMS_MAX];
    long trial, seeds;
};

static double metric_of(const json_t *row, const struct metric *m)
{
    const json_t *v = json_object_get(json_object_get(row, "metrics"), m->name);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static void write_provenance(FILE *out, const struct choice *c)
{
    char buf[64];
    fprintf(out, "# study %s, trial %ld, ", c->study->name, c->trial);
    if (c->seeds)
        fprintf(out, "confirmed on %ld fresh seeds\n", c->seeds);
    else
        fputs("not confirmed\n", out);
    for (size_t i = 0; i < c->study->objective.n_metrics; i++) {
        const struct metric *m = &c->study->objective.metric[i];
        fprintf(out, "# %s: %s", m->name, report_metric(m, metric_of(c->winner, m), buf, sizeof buf));
        if (c->baseline) fprintf(out, " (baseline %s)", report_metric(m, metric_of(c->baseline, m), buf, sizeof buf));
        fputc('\n', out);
    }
}

static void write_pairs(FILE *out, const struct choice *c, const char *indent, const char *sep)
{
    json_t *v;
    const char *name;
    json_object_foreach(json_object_get(c->winner, "params"), name, v)
    {
        fprintf(out, "%s%s%s", indent, name, sep);
        write_value(out, v);
        fputc('\n', out);
    }
}

/* Of a winner whose settings changed while it trained: JSON values are YAML, too. */
static void write_schedule(FILE *out, const struct choice *c)
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

static void write_env(FILE *out, const struct choice *c)
{
    char buf[SPACE_TEXT_MAX];
    for (size_t i = 0; i < c->study->space.n; i++) {
        const struct param *p = &c->study->space.param[i];
        if (isnan(c->config[i])) continue; /* does not exist */
        for (const char *ch = p->name; *ch; ch++) fputc(toupper((unsigned char)*ch), out);
        fputc('=', out);
        write_quoted(out, param_text(p, c->config[i], buf));
        fputc('\n', out);
    }
}

/* The study's own command, without the program; "--name value" pairs if it has none. */
static enum status write_args(FILE *out, const struct choice *c, struct error *err)
{
    const struct study_run run = {.attempt = 1, .seed = 1, .dir = "."};
    struct arena arena = {0};
    char buf[SPACE_TEXT_MAX], *text;
    enum status st = STATUS_OK;
    for (size_t i = 1; !st && i < c->study->n_args; i++) {
        st = study_fill(c->study, c->study->arg[i], c->config, &run, &arena, &text, err);
        if (st) break;
        if (i > 1) fputc(' ', out);
        write_quoted(out, text);
    }
    for (size_t i = 0; c->study->n_args == 0 && i < c->study->space.n; i++) {
        const struct param *p = &c->study->space.param[i];
        if (isnan(c->config[i])) continue;
        fprintf(out, "%s--%s ", i ? " " : "", p->name);
        write_quoted(out, param_text(p, c->config[i], buf));
    }
    fputc('\n', out);
    arena_done(&arena);
    return st;
}

static void write_json(FILE *out, const struct choice *c)
{
    json_t *object = json_copy((json_t *)c->winner);
    json_object_del(object, "winner");
    json_object_set_new(object, "study", json_string(c->study->name));
    if (c->baseline) json_object_set(object, "baseline", (json_t *)c->baseline);
    char *text = json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
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
    struct choice c = {.study = study, .winner = report_row(rows, "winner"), .baseline = report_row(rows, "baseline")};
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
        fprintf(out, "study: %s\ntrial: %ld\nconfirmed_seeds: %ld\nparameters:\n", study->name, c.trial, c.seeds);
        write_pairs(out, &c, "  ", ": ");
        write_schedule(out, &c);
        return STATUS_OK;
    case EXPORT_TOML:
        write_provenance(out, &c);
        fprintf(out, "study = \"%s\"\ntrial = %ld\nconfirmed_seeds = %ld\n\n[parameters]\n", study->name, c.trial,
                c.seeds);
        write_pairs(out, &c, "", " = ");
        return STATUS_OK;
    case EXPORT_ENV:
        write_provenance(out, &c);
        write_env(out, &c);
        return STATUS_OK;
    case EXPORT_ARGS: return write_args(out, &c, err);
    }
    return STATUS_OK;
}
