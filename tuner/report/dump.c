/* All trials of a study as a table: CSV [RFC 4180] or JSON lines. */
#include "tuner/report/report.h"

#include "tuner/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Text that a spreadsheet would take for a formula gets an apostrophe. */
static void csv_text(FILE *out, const char *text)
{
    bool formula = *text && strchr("=+-@\t\r", *text), plain = !formula && !text[strcspn(text, ",\"\r\n")];
    if (plain) {
        fputs(text, out);
        return;
    }
    fputs(formula ? "\"'" : "\"", out);
    for (; *text; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void csv_header(FILE *out, const struct study *study)
{
    fputs("trial,state,role", out);
    for (size_t i = 0; i < study->space.n; i++) fprintf(out, ",%s", study->space.param[i].name);
    for (size_t i = 0; i < study->objective.n_metrics; i++) fprintf(out, ",%s", study->objective.metric[i].name);
    fputs(",utility,attempts,busy_ms,source,reason\r\n", out);
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
        if (p->n_values)
            csv_text(out, param_text(p, t->config[i], buf));
        else
            fputs(param_text(p, t->config[i], buf), out);
    }
}

static void csv_row(FILE *out, const struct session *s, const struct trial *t)
{
    const struct objective *o = &s->study->objective;
    const double *baseline = session_baseline(s);
    bool judged = t->state == TRIAL_COMPLETE && !t->outside && (baseline || !objective_needs_baseline(o));
    fprintf(out, "%ld,%s,%s", t->number, trial_state_name(t->state), trial_role_name(t->role));
    csv_params(out, &s->study->space, t);
    for (size_t i = 0; i < o->n_metrics; i++) csv_number(out, t->value[i]);
    csv_number(out, judged ? objective_utility(o, t->value, baseline) : NAN);
    fprintf(out, ",%ld,%.0f,", t->attempts, t->busy_ms);
    csv_text(out, t->source);
    fputc(',', out);
    csv_text(out, t->reason ? t->reason : t->outside ? t->outside : "");
    fputs("\r\n", out);
}

void report_dump(FILE *out, const struct session *s, enum dump_format format)
{
    if (format == DUMP_CSV) csv_header(out, s->study);
    for (size_t i = 0; i < s->n; i++) {
        if (format == DUMP_CSV) {
            csv_row(out, s, s->trial[i]);
            continue;
        }
        json_t *line = report_trial_json(s, s->trial[i]);
        char *text = json_tight(line);
        fprintf(out, "%s\n", text);
        free(text);
        json_decref(line);
    }
}
