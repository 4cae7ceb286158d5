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

static void write_provenance(FILE *out, const struct session *s, const struct standings *all)
{
    const struct standing *w = all->winner;
    char buf[64];
    fprintf(out, "# study %s, trial %ld, ", s->study->name, w->trial->number);
    if (w->confirmed)
        fprintf(out, "confirmed on %zu fresh seeds\n", w->confirmed);
    else
        fputs("not confirmed\n", out);
    for (size_t i = 0; i < s->study->objective.n_metrics; i++) {
        const struct metric *m = &s->study->objective.metric[i];
        fprintf(out, "# %s: %s", m->name, report_metric(m, w->mean[i], buf, sizeof buf));
        if (all->baseline) fprintf(out, " (baseline %s)", report_metric(m, all->baseline->mean[i], buf, sizeof buf));
        fputc('\n', out);
    }
}

static void write_pairs(FILE *out, const struct session *s, const struct standing *w, const char *indent,
                        const char *sep)
{
    json_t *params = space_to_json(&s->study->space, w->trial->config), *v;
    const char *name;
    json_object_foreach(params, name, v)
    {
        fprintf(out, "%s%s%s", indent, name, sep);
        write_value(out, v);
        fputc('\n', out);
    }
    json_decref(params);
}

static void write_env(FILE *out, const struct session *s, const struct standing *w)
{
    char buf[SPACE_TEXT_MAX];
    for (size_t i = 0; i < s->study->space.n; i++) {
        const struct param *p = &s->study->space.param[i];
        if (isnan(w->trial->config[i])) continue; /* does not exist */
        for (const char *c = p->name; *c; c++) fputc(toupper((unsigned char)*c), out);
        fputc('=', out);
        write_quoted(out, param_text(p, w->trial->config[i], buf));
        fputc('\n', out);
    }
}

/* The study's own command, without the program; "--name value" pairs if it has none. */
static enum status write_args(FILE *out, const struct session *s, const struct standing *w, struct error *err)
{
    const struct study_run run = {.attempt = 1, .seed = 1, .dir = "."};
    struct arena arena = {0};
    char buf[SPACE_TEXT_MAX], *text;
    enum status st = STATUS_OK;
    for (size_t i = 1; !st && i < s->study->n_args; i++) {
        st = study_fill(s->study, s->study->arg[i], w->trial->config, &run, &arena, &text, err);
        if (st) break;
        if (i > 1) fputc(' ', out);
        write_quoted(out, text);
    }
    for (size_t i = 0; s->study->n_args == 0 && i < s->study->space.n; i++) {
        const struct param *p = &s->study->space.param[i];
        if (isnan(w->trial->config[i])) continue;
        fprintf(out, "%s--%s ", i ? " " : "", p->name);
        write_quoted(out, param_text(p, w->trial->config[i], buf));
    }
    fputc('\n', out);
    arena_done(&arena);
    return st;
}

static void write_json(FILE *out, const struct session *s, const struct standings *all)
{
    json_t *object = standing_json(s, all->winner);
    json_object_set_new(object, "study", json_string(s->study->name));
    if (all->baseline) json_object_set_new(object, "baseline", standing_json(s, all->baseline));
    char *text = json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    fprintf(out, "%s\n", text);
    free(text);
    json_decref(object);
}

enum status report_export(FILE *out, enum export_format format, const struct session *s, const struct standings *all,
                          struct error *err)
{
    switch (format) {
    case EXPORT_JSON: write_json(out, s, all); return STATUS_OK;
    case EXPORT_YAML:
        write_provenance(out, s, all);
        fprintf(out, "study: %s\ntrial: %ld\nconfirmed_seeds: %zu\nparameters:\n", s->study->name,
                all->winner->trial->number, all->winner->confirmed);
        write_pairs(out, s, all->winner, "  ", ": ");
        return STATUS_OK;
    case EXPORT_TOML:
        write_provenance(out, s, all);
        fprintf(out, "study = \"%s\"\ntrial = %ld\nconfirmed_seeds = %zu\n\n[parameters]\n", s->study->name,
                all->winner->trial->number, all->winner->confirmed);
        write_pairs(out, s, all->winner, "", " = ");
        return STATUS_OK;
    case EXPORT_ENV:
        write_provenance(out, s, all);
        write_env(out, s, all->winner);
        return STATUS_OK;
    case EXPORT_ARGS: return write_args(out, s, all->winner, err);
    }
    return STATUS_OK;
}
