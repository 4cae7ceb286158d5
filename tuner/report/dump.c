/* All trials of a study, and the items of one, as a table: CSV [RFC 4180] or JSON lines. */
#include "tuner/report/report.h"

#include "tuner/base/csv.h"
#include "tuner/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* In quotes where it must be, or where nothing would be read as missing. */
static void csv_quoted(FILE *out, const char *before, const char *text)
{
    fprintf(out, "\"%s", before);
    for (; *text; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void csv_value(FILE *out, const char *text)
{
    if (*text && !text[strcspn(text, ",\"\r\n")])
        fputs(text, out);
    else
        csv_quoted(out, "", text);
}

/* What programs and clients say: text that a spreadsheet would take for a formula gets an apostrophe. The values of
 * parameters are the study's own and stay as they are (-O2). */
static void csv_text(FILE *out, const char *text)
{
    if (!*text) return;
    if (strchr("=+-@\t\r", *text))
        csv_quoted(out, "'", text);
    else
        csv_value(out, text);
}

static const char *const columns_before[] = {"trial", "state", "role"}, *const columns_behind[] = {
                                                                            "utility", "attempts", "busy_ms", "source",
                                                                            "reason"};

static bool is_column(const char *name)
{
    for (size_t i = 0; i < 3; i++)
        if (strcmp(name, columns_before[i]) == 0) return true;
    for (size_t i = 0; i < 5; i++)
        if (strcmp(name, columns_behind[i]) == 0) return true;
    return false;
}

/* No two columns have one name: "parameter state", "metric depth". `import` reads them back. */
static void csv_header(FILE *out, const struct study *study)
{
    fputs("trial,state,role", out);
    for (size_t i = 0; i < study->space.n; i++)
        fprintf(out, ",%s%s", is_column(study->space.param[i].name) ? CSV_PARAMETER : "", study->space.param[i].name);
    for (size_t i = 0; i < study->objective.n_metrics; i++) {
        const char *name = study->objective.metric[i].name;
        bool taken = is_column(name) || space_find(&study->space, name) >= 0;
        fprintf(out, ",%s%s", taken ? CSV_METRIC : "", name);
    }
    for (size_t i = 0; i < 5; i++) fprintf(out, ",%s", columns_behind[i]);
    fputs("\r\n", out);
}

static void csv_number(FILE *out, double v)
{
    char buf[40];
    fputc(',', out);
    if (isfinite(v)) fputs(json_shortest(v, buf), out);
}

static void csv_params(FILE *out, const struct space *space, const struct trial *t)
{
    char buf[SPACE_TEXT_MAX];
    for (size_t i = 0; i < space->n; i++) {
        const struct param *p = &space->param[i];
        fputc(',', out);
        if (!isnan(t->config[i])) csv_value(out, param_text(p, t->config[i], buf));
    }
}

static void csv_row(FILE *out, const struct memory *s, const struct trial *t)
{
    const struct objective *o = &s->study->objective;
    fprintf(out, "%ld,%s,%s", t->number, trial_state_name(t->state), trial_role_name(t->role));
    csv_params(out, &s->study->space, t);
    for (size_t i = 0; i < o->n_metrics; i++) csv_number(out, t->value[i]);
    csv_number(out, t->outside ? NAN : document_trial_of(s, t).utility);
    fprintf(out, ",%ld,%.0f,", t->effort.attempts, t->effort.busy_ms);
    csv_text(out, t->source);
    fputc(',', out);
    csv_text(out, t->reason ? t->reason : t->outside ? t->outside : "");
    fputs("\r\n", out);
}

void report_dump(FILE *out, const struct memory *s, enum dump_format format)
{
    if (format == DUMP_CSV) csv_header(out, s->study);
    for (size_t i = 0; i < s->n; i++) {
        if (format == DUMP_CSV) {
            csv_row(out, s, s->trial[i]);
            continue;
        }
        const struct document_trial x = document_trial_of(s, s->trial[i]);
        json_t *line = document_trial_json(&x);
        char *text = json_tight(line);
        fprintf(out, "%s\n", text);
        free(text);
        json_decref(line);
    }
}

/* ---- the items of a trial ---- */

enum { ITEM_COLUMNS_MAX = 1000 }; /* of metrics that programs name; a study has far fewer */

struct item_table {
    FILE *out;
    enum dump_format format;
    size_t n;      /* items */
    json_t *names; /* {"em": true}: of all metrics, in the order in which they came first, and one more than are written */
    json_t *known; /* ids; what is said again does not count */
};

static void note_names(void *data, const struct store_item *item)
{
    struct item_table *x = data;
    x->n++;
    if (json_object_size(x->names) > ITEM_COLUMNS_MAX) return;
    for (size_t i = 0; i < item->n; i++) json_object_set_new(x->names, item->name[i], json_true());
}

static bool is_new(const struct item_table *x, const char *id)
{
    return !json_object_get(x->known, id) && json_object_set_new(x->known, id, json_true()) == 0;
}

static void item_json(const struct item_table *x, const struct store_item *item)
{
    json_t *metrics = json_object();
    for (size_t i = 0; i < item->n; i++) json_object_set_new(metrics, item->name[i], json_number(item->value[i]));
    json_t *line = json_pack("{s:s, s:o}", "id", item->id, "metrics", metrics);
    char *text = json_tight(line);
    fprintf(x->out, "%s\n", text);
    free(text);
    json_decref(line);
}

static void item_csv(const struct item_table *x, const struct store_item *item)
{
    const char *name;
    json_t *unused;
    csv_text(x->out, item->id);
    json_object_foreach(x->names, name, unused)
    {
        double v = NAN;
        for (size_t i = 0; i < item->n; i++)
            if (strcmp(item->name[i], name) == 0) v = item->value[i];
        csv_number(x->out, v);
    }
    fputs("\r\n", x->out);
}

static void on_item(void *data, const struct store_item *item)
{
    const struct item_table *x = data;
    if (!is_new(x, item->id)) return;
    if (x->format == DUMP_CSV)
        item_csv(x, item);
    else
        item_json(x, item);
}

static void item_header(const struct item_table *x)
{
    const char *name;
    json_t *unused;
    fputs("id", x->out);
    json_object_foreach(x->names, name, unused)
    {
        fputs(strcmp(name, "id") == 0 ? "," CSV_METRIC : ",", x->out);
        csv_text(x->out, name);
    }
    fputs("\r\n", x->out);
}

static enum status begin_items(struct item_table *x, const struct memory *s, const struct trial *t, struct error *err)
{
    if (x->format == DUMP_JSONL) return STATUS_OK;
    enum status st = history_items(s, t, note_names, x, err);
    if (st) return st;
    if (json_object_size(x->names) > ITEM_COLUMNS_MAX)
        return error_set(err, STATUS_INVALID, "the items of trial %ld have over %d metrics by name, too many columns: --json has a line each",
                         t->number, ITEM_COLUMNS_MAX);
    if (x->n) item_header(x);
    return STATUS_OK;
}

enum status report_items(FILE *out, const struct memory *s, const struct trial *t, enum dump_format format,
                         size_t *ret_n, struct error *err)
{
    struct item_table x = {out, format, 0, json_object(), json_object()};
    enum status st = begin_items(&x, s, t, err);
    if (!st) st = history_items(s, t, on_item, &x, err);
    *ret_n = json_object_size(x.known);
    json_decref(x.names);
    json_decref(x.known);
    return st;
}
