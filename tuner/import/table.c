#include "tuner/import/import.h"

#include "tuner/base/csv.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COLUMN_IGNORED = -1, COLUMN_STATE = -2, COLUMN_REASON = -3, COLUMN_METRIC = 1000 };

struct table {
    const struct study *study;
    const char *file;
    struct csv csv;
    int *meaning; /* of each column: a parameter's index, COLUMN_METRIC + a metric's index, or one of the above */
};

static bool has_column(const struct csv_row *head, const char *prefix, const char *name)
{
    size_t n = strlen(prefix);
    for (size_t i = 0; i < head->n; i++)
        if (strncmp(head->field[i], prefix, n) == 0 && strcmp(head->field[i] + n, name) == 0) return true;
    return false;
}

/* What a column is: a name with a prefix (base/csv.h) is what that says; one without is a parameter, a metric, the
 * state or the reason, the first that no other column is. */
static int meaning_of(const struct study *study, const struct csv_row *head, const char *name)
{
    static const char parameter[] = CSV_PARAMETER, metric[] = CSV_METRIC;
    int p = -1, m = -1;
    if (strncmp(name, parameter, sizeof parameter - 1) == 0)
        p = space_find(&study->space, name + sizeof parameter - 1);
    else if (strncmp(name, metric, sizeof metric - 1) == 0)
        m = objective_find_metric(&study->objective, name + sizeof metric - 1);
    else {
        if (!has_column(head, parameter, name)) p = space_find(&study->space, name);
        if (p < 0 && !has_column(head, metric, name)) m = objective_find_metric(&study->objective, name);
    }
    return p >= 0                        ? p
           : m >= 0                      ? COLUMN_METRIC + m
           : strcmp(name, "state") == 0  ? COLUMN_STATE
           : strcmp(name, "reason") == 0 ? COLUMN_REASON
                                         : COLUMN_IGNORED;
}

static enum status check_complete_header(const struct table *t, const bool *given, const bool *measured,
                                         struct error *err)
{
    const struct study *study = t->study;
    int line = t->csv.row[0].line;
    for (size_t i = 0; i < study->space.n; i++)
        if (!given[i] && !study->space.param[i].when)
            return error_set(err, STATUS_INVALID, "%s:%d: no column for the parameter '%s'", t->file, line,
                             study->space.param[i].name);
    for (size_t i = 0; i < study->objective.n_metrics; i++)
        if (!measured[i] && objective_uses(&study->objective, i))
            return error_set(err, STATUS_INVALID, "%s:%d: no column for the metric '%s'", t->file, line,
                             study->objective.metric[i].name);
    return STATUS_OK;
}

static enum status read_header(struct table *t, struct arena *arena, struct imported *out, struct error *err)
{
    bool given[SPACE_PARAMS_MAX] = {0}, measured[METRICS_MAX] = {0};
    if (t->csv.n == 0) return error_set(err, STATUS_INVALID, "%s:1: empty; the first line names the columns", t->file);
    const struct csv_row *head = &t->csv.row[0];
    t->meaning = arena_array(arena, head->n, sizeof *t->meaning);
    for (size_t i = 0; i < head->n; i++) {
        int meaning = t->meaning[i] = meaning_of(t->study, head, head->field[i]);
        if (meaning >= COLUMN_METRIC)
            measured[meaning - COLUMN_METRIC] = true;
        else if (meaning >= 0)
            given[meaning] = true;
        size_t used = strlen(out->note);
        if (meaning == COLUMN_IGNORED && used < sizeof out->note - 120)
            snprintf(out->note + used, sizeof out->note - used, "%s'%.60s'",
                     used ? ", " : "ignored columns: ", head->field[i]);
    }
    return check_complete_header(t, given, measured, err);
}

struct entry { /* a row, understood */
    double config[SPACE_PARAMS_MAX];
    json_t *metrics;
    enum trial_state state;
    const char *reason;
};

/* Rows of our own export that have no result say so by their state, and are left out. */
static enum status read_state(const char *text, enum trial_state *ret, struct error *err)
{
    if (trial_state_parse(text, ret)) return STATUS_OK;
    return error_set(err, STATUS_INVALID, "the state '%.40s' is none of complete, failed, infeasible", text);
}

static bool is_kept(enum trial_state state)
{
    return state == TRIAL_COMPLETE || state == TRIAL_FAILED || state == TRIAL_INFEASIBLE;
}

/* An export puts an apostrophe before what a spreadsheet would take for a formula. */
static const char *without_apostrophe(const char *text)
{
    return text[0] == '\'' && text[1] && strchr("=+-@\t\r", text[1]) ? text + 1 : text;
}

static enum status read_param(const struct param *p, const char *text, double *ret, struct error *err)
{
    if (!*text && (!p->n_values || choice_of_text(p->value, p->n_values, "") == SIZE_MAX)) return STATUS_OK;
    if (p->n_values && *text == '\'' && choice_of_text(p->value, p->n_values, text) == SIZE_MAX)
        text = without_apostrophe(text);
    return param_parse(p, text, ret, err);
}

static enum status read_field(const struct table *t, int meaning, const char *text, struct entry *e, struct error *err)
{
    double v;
    if (meaning == COLUMN_STATE) return *text ? read_state(text, &e->state, err) : STATUS_OK;
    if (meaning == COLUMN_REASON) e->reason = without_apostrophe(text);
    if (meaning >= 0 && meaning < COLUMN_METRIC)
        return read_param(&t->study->space.param[meaning], text, &e->config[meaning], err);
    if (meaning < 0 || !*text) return STATUS_OK;
    const struct metric *m = &t->study->objective.metric[meaning - COLUMN_METRIC];
    if (!words_number(text, &v))
        return error_set(err, STATUS_INVALID, "the metric '%s' is '%.40s', which is not a finite number", m->name,
                         text);
    json_object_set_new(e->metrics, m->name, json_real(v));
    return STATUS_OK;
}

static enum status settle(const struct space *space, struct entry *e, struct error *err)
{
    for (size_t i = 0; i < space->n; i++) {
        const struct param *p = &space->param[i];
        bool exists = condition_holds(p->when, e->config);
        if (exists && isnan(e->config[i]))
            return error_set(err, STATUS_INVALID, "the parameter '%s' is missing", p->name);
        if (!exists) e->config[i] = NAN;
    }
    return STATUS_OK;
}

static enum status read_row(const struct table *t, const struct csv_row *row, struct entry *e, struct error *err)
{
    enum status st = STATUS_OK;
    for (size_t i = 0; i < t->study->space.n; i++) e->config[i] = NAN;
    if (row->n != t->csv.row[0].n)
        st = error_set(err, STATUS_INVALID, "%zu fields, but the header has %zu", row->n, t->csv.row[0].n);
    for (size_t i = 0; !st && i < row->n; i++) st = read_field(t, t->meaning[i], row->field[i], e, err);
    if (!st && is_kept(e->state)) st = settle(&t->study->space, e, err);
    return st;
}

/* One trial that has ended somewhere: added, leased, finished. */
static enum status add_ended(struct history *s, const struct entry *e, const char *source, struct error *err)
{
    bool complete = e->state == TRIAL_COMPLETE;
    const char *reason = complete ? NULL : *e->reason ? e->reason : "imported as failed";
    const struct trial *t =
        history_add(s, &(struct addition){.role = ROLE_ENQUEUED, .config = e->config, .source = source});
    enum status st = history_lease(s, t, NULL, 0, err);
    return st ? st
              : history_finish(
                    s, t,
                    &(struct ending){.state = e->state, .metrics = complete ? e->metrics : NULL, .reason = reason},
                    err);
}

static enum status take_row(struct history *s, const struct table *t, const struct csv_row *row, struct imported *out,
                            struct error *err)
{
    struct entry e = {.metrics = json_object(), .state = TRIAL_COMPLETE, .reason = ""};
    char source[200];
    enum status st = read_row(t, row, &e, err);
    snprintf(source, sizeof source, "imported: %.150s:%d", t->file, row->line);
    bool kept = is_kept(e.state);
    if (!st && kept) st = add_ended(s, &e, source, err);
    out->trials += kept;
    out->skipped += !kept;
    json_decref(e.metrics);
    return st ? error_context(err, "%s:%d", t->file, row->line) : STATUS_OK;
}

/* The same file again would count every result twice. */
static enum status check_new(const struct memory *s, const char *file, struct error *err)
{
    char prefix[200];
    snprintf(prefix, sizeof prefix, "imported: %.150s:", file);
    for (size_t i = 0; i < s->n; i++)
        if (strncmp(s->trial[i]->source, prefix, strlen(prefix)) == 0)
            return error_set(err, STATUS_INVALID,
                             "%s has been imported into study '%s' already (trial %ld); if it holds other trials now, "
                             "give it another name",
                             file, s->study->name, s->trial[i]->number);
    return STATUS_OK;
}

enum status import_csv(struct history *h, const char *file, const char *text, size_t len, struct imported *ret,
                       struct error *err)
{
    const struct memory *s = history_memory(h);
    struct table t = {.study = s->study, .file = file};
    struct arena arena = {0};
    struct imported out = {0};
    enum status st = check_new(s, file, err);
    if (!st) st = csv_read(file, text, len, &arena, &t.csv, err);
    if (!st) st = read_header(&t, &arena, &out, err);
    for (size_t i = 1; !st && i < t.csv.n; i++) st = take_row(h, &t, &t.csv.row[i], &out, err);
    if (!st) *ret = out;
    arena_done(&arena);
    return st;
}
