#include "tuner/analysis/columns.h"

#include "tuner/analysis/document.h"

#include "tuner/base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct table {
    FILE *out;
    const struct memory *history;
    size_t n;
    const struct trial **trial;
};

typedef void put_fn(const struct table *t, const struct trial *x);

static void put_number(FILE *out, double v)
{
    char buf[40];
    if (!isfinite(v))
        fputs("null", out);
    else if (fabs(v) < 1e15 && v == (double)(int64_t)v)
        fprintf(out, "%" PRId64, (int64_t)v);
    else
        fputs(json_shortest(v, buf), out);
}

static void put_text(FILE *out, const char *text)
{
    json_t *v = text ? json_string(text) : NULL;
    char *shown = json_text(v ? v : json_null());
    fputs(shown, out);
    free(shown);
    json_decref(v);
}

static void put_time(const struct table *t, int64_t ms)
{
    if (ms)
        fprintf(t->out, "%" PRId64, ms);
    else
        fputs("null", t->out);
}

/* ---- of each trial ---- */

static void number(const struct table *t, const struct trial *x)
{
    fprintf(t->out, "%ld", x->number);
}

static void state(const struct table *t, const struct trial *x)
{
    fprintf(t->out, "%d", x->state);
}

static void kind(const struct table *t, const struct trial *x)
{
    fprintf(t->out, "%d", x->role);
}

static void utility(const struct table *t, const struct trial *x)
{
    put_number(t->out, x->outside ? NAN : document_trial_of(t->history, x).utility);
}

static void feasible(const struct table *t, const struct trial *x)
{
    const struct document_trial of = document_trial_of(t->history, x);
    fputs(!of.judged ? "null" : of.breaks ? "false" : "true", t->out);
}

static void charged(const struct table *t, const struct trial *x)
{
    put_number(t->out, x->effort.tokens);
}

static void attempts(const struct table *t, const struct trial *x)
{
    fprintf(t->out, "%ld", x->effort.attempts);
}

static void created(const struct table *t, const struct trial *x)
{
    put_time(t, x->created_ms);
}

static void began(const struct table *t, const struct trial *x)
{
    put_time(t, x->attempt.began_ms);
}

static void finished(const struct table *t, const struct trial *x)
{
    put_time(t, x->finished_ms);
}

static void confirms(const struct table *t, const struct trial *x)
{
    put_number(t->out, x->confirms < 0 ? NAN : (double)x->confirms);
}

static void reason(const struct table *t, const struct trial *x)
{
    put_text(t->out, x->reason ? x->reason : x->outside);
}

static void source(const struct table *t, const struct trial *x)
{
    put_text(t->out, x->source);
}

/* ---- columns ---- */

static void put_column(const struct table *t, const char *name, put_fn *put)
{
    fprintf(t->out, "\"%s\":[", name);
    for (size_t i = 0; i < t->n; i++) {
        if (i) fputc(',', t->out);
        put(t, t->trial[i]);
    }
    fputc(']', t->out);
}

/* Texts of the few values that it can have. */
static char **texts_of(const struct param *p)
{
    char **out = must_alloc(p->n_values + 1, sizeof *out);
    for (size_t i = 0; i < p->n_values; i++) {
        json_t *v = param_to_json(p, (double)i);
        out[i] = json_text(v);
        json_decref(v);
    }
    return out;
}

static void put_param(const struct table *t, size_t param)
{
    const struct param *p = &t->history->study->space.param[param];
    char **text = texts_of(p);
    for (size_t i = 0; i < t->n; i++) {
        double v = t->trial[i]->config[param];
        if (i) fputc(',', t->out);
        if (p->n_values && !isnan(v))
            fputs(text[(size_t)v], t->out);
        else
            put_number(t->out, v);
    }
    for (size_t i = 0; i < p->n_values; i++) free(text[i]);
    free(text);
}

static void put_metric(const struct table *t, size_t metric)
{
    for (size_t i = 0; i < t->n; i++) {
        if (i) fputc(',', t->out);
        put_number(t->out, t->trial[i]->value[metric]);
    }
}

static const char *param_name(const struct table *t, size_t i)
{
    return t->history->study->space.param[i].name;
}

static const char *metric_name(const struct table *t, size_t i)
{
    return t->history->study->objective.metric[i].name;
}

/* {"name": […], …}, or without `put` the names alone. */
static void put_named(const struct table *t, size_t n, const char *(*name)(const struct table *t, size_t i),
                      void (*put)(const struct table *t, size_t i))
{
    fputc(put ? '{' : '[', t->out);
    for (size_t i = 0; i < n; i++) {
        if (i) fputc(',', t->out);
        put_text(t->out, name(t, i));
        if (!put) continue;
        fputs(":[", t->out);
        put(t, i);
        fputc(']', t->out);
    }
    fputc(put ? '}' : ']', t->out);
}

static void put_columns(const struct table *t)
{
    static const struct {
        const char *name;
        put_fn *put;
    } column[] = {{"number", number},     {"state", state},          {"kind", kind},         {"utility", utility},
                  {"feasible", feasible}, {"charged", charged},      {"attempts", attempts}, {"created_ms", created},
                  {"began_ms", began},    {"finished_ms", finished}, {"confirms", confirms}, {"reason", reason},
                  {"source", source}};
    const struct study *study = t->history->study;
    fputs("\"columns\":{", t->out);
    for (size_t i = 0; i < sizeof column / sizeof *column; i++) {
        put_column(t, column[i].name, column[i].put);
        fputc(',', t->out);
    }
    fputs("\"params\":", t->out);
    put_named(t, study->space.n, param_name, put_param);
    fputs(",\"metrics\":", t->out);
    put_named(t, study->objective.n_metrics, metric_name, put_metric);
    fputc('}', t->out);
}

static void put_head(const struct table *t, int64_t since)
{
    const struct study *study = t->history->study;
    fprintf(t->out, "{\"seq\":%" PRId64 ",\"since\":%" PRId64 ",\"trials\":%zu,\"states\":[", t->history->seq, since,
            t->n);
    for (int i = 0; i < TRIAL_STATES; i++)
        fprintf(t->out, "%s\"%s\"", i ? "," : "", trial_state_name((enum trial_state)i));
    fputs("],\"kinds\":[", t->out);
    for (int i = ROLE_BASELINE; i <= ROLE_MEMBER; i++)
        fprintf(t->out, "%s\"%s\"", i ? "," : "", trial_role_name((enum trial_role)i));
    fputs("],\"parameters\":", t->out);
    put_named(t, study->space.n, param_name, NULL);
    fputs(",\"metrics\":", t->out);
    put_named(t, study->objective.n_metrics, metric_name, NULL);
    fputc(',', t->out);
}

void columns_write(FILE *out, const struct memory *s, int64_t since)
{
    struct table t = {.out = out, .history = s, .trial = must_alloc(s->n + 1, sizeof *t.trial)};
    if (since > s->seq || s->baseline.since > since) since = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->trial[i]->at.seq > since) t.trial[t.n++] = s->trial[i];
    put_head(&t, since);
    put_columns(&t);
    fputc('}', out);
    free(t.trial);
}
