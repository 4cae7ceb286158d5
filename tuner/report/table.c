#include "tuner/report/report.h"

#include "tuner/base/words.h"

#include <math.h>
#include <string.h>
#include <time.h>

/* ---- comparison ---- */

static const char *mean_and_sd(const struct metric *m, const struct standing *x, size_t i, char *buf, size_t size)
{
    char mean[40], sd[40];
    report_metric(m, x->mean[i], mean, sizeof mean);
    if (x->confirmed < 2 || !isfinite(x->mean[i]))
        snprintf(buf, size, "%s", mean);
    else
        snprintf(buf, size, "%s ± %s", mean, report_metric(m, x->sd[i], sd, sizeof sd));
    return buf;
}

/* printf's width counts bytes; "±" has two. */
static int pad(const char *text, int width)
{
    int n = 0;
    for (; *text; text++) n += (*text & 0xc0) != 0x80;
    return n < width ? width - n : 0;
}

static void cell(FILE *out, const char *text, int width)
{
    fprintf(out, "%*s%s", pad(text, width), "", text);
}

enum { NAME_WIDTH = 24, CELL_WIDTH = 20 };

static void comparison_row(FILE *out, const struct session *s, const struct standings *all, const struct standing *x,
                           const char *name)
{
    const struct objective *o = &s->study->objective;
    char buf[120];
    fprintf(out, "  %s%*s", name, pad(name, NAME_WIDTH), "");
    for (size_t i = 0; i < o->n_metrics; i++) cell(out, mean_and_sd(&o->metric[i], x, i, buf, sizeof buf), CELL_WIDTH);
    snprintf(buf, sizeof buf, "%+.4f", x->utility);
    cell(out, buf, 11);
    fprintf(out, "%s\n",
            x == all->winner                     ? "  ◀ best"
            : !x->feasible && x != all->baseline ? "  breaks a constraint"
                                                 : "");
}

static void comparison_change(FILE *out, const struct session *s, const struct standing *base, const struct standing *x)
{
    const struct objective *o = &s->study->objective;
    char buf[64];
    fprintf(out, "  %-*s", NAME_WIDTH, "  against the baseline");
    for (size_t i = 0; i < o->n_metrics; i++) {
        double change = x->mean[i] - base->mean[i];
        if (o->metric[i].kind == METRIC_PROPORTION)
            snprintf(buf, sizeof buf, "%+.2f points", 100 * change);
        else
            snprintf(buf, sizeof buf, "%+.1f %%", 100 * change / fabs(base->mean[i]));
        cell(out, buf, CELL_WIDTH);
    }
    fputc('\n', out);
}

void report_comparison(FILE *out, const struct session *s, const struct standings *all)
{
    const struct objective *o = &s->study->objective;
    char name[80];
    size_t seeds = all->winner ? all->winner->confirmed : 0;
    if (seeds)
        fprintf(out, "\nStudy %s, confirmed on %zu fresh seeds (mean ± sd):\n", s->study->name, seeds);
    else
        fprintf(out, "\nStudy %s, single measurements, not confirmed:\n", s->study->name);
    fprintf(out, "  %-*s", NAME_WIDTH, "");
    for (size_t i = 0; i < o->n_metrics; i++) cell(out, o->metric[i].name, CELL_WIDTH);
    cell(out, "utility", 11);
    fputc('\n', out);
    for (size_t i = 0; i < all->n; i++)
        if (all->all[i].label && &all->all[i] != all->winner)
            comparison_row(out, s, all, &all->all[i], all->all[i].label);
    for (size_t i = 0; i < all->n; i++) {
        if (!all->all[i].on_front || all->all[i].label || &all->all[i] == all->winner) continue;
        snprintf(name, sizeof name, "front (trial %ld)", all->all[i].trial->number);
        comparison_row(out, s, all, &all->all[i], name);
    }
    if (!all->winner) {
        fputs("  no complete configuration satisfies the constraints yet\n", out);
        return;
    }
    if (all->winner->label)
        snprintf(name, sizeof name, "%s", all->winner->label);
    else
        snprintf(name, sizeof name, "winner (trial %ld)", all->winner->trial->number);
    comparison_row(out, s, all, all->winner, name);
    if (all->baseline && all->winner != all->baseline) comparison_change(out, s, all->baseline, all->winner);
    if (all->winner == all->baseline) fputs("  nothing that was tried beats the baseline\n", out);
}

/* ---- trials, status ---- */

void report_trials(FILE *out, const struct session *s)
{
    const struct objective *o = &s->study->objective;
    const double *baseline = session_baseline(s);
    bool judged = baseline || !objective_needs_baseline(o);
    char buf[64];
    fprintf(out, "%5s  %-10s  %-9s", "trial", "state", "role");
    for (size_t i = 0; i < o->n_metrics; i++) fprintf(out, "  %10s", o->metric[i].name);
    fprintf(out, "  %8s  configuration\n", "utility");
    for (size_t k = 0; k < s->n; k++) {
        const struct trial *t = s->trial[k];
        const char *why = t->reason ? t->reason : t->outside;
        struct arena arena = {0};
        fprintf(out, "%5ld  %-10s  %-9s", t->number, trial_state_name(t->state), trial_role_name(t->role));
        for (size_t i = 0; i < o->n_metrics; i++)
            fprintf(out, "  %10s", report_metric(&o->metric[i], t->value[i], buf, sizeof buf));
        if (t->state == TRIAL_COMPLETE && judged)
            fprintf(out, "  %+8.4f", objective_utility(o, t->value, baseline));
        else
            fprintf(out, "  %8s", "-");
        fprintf(out, "  %s%s%s\n", report_config(&s->study->space, t->config, &arena), why ? "  — " : "",
                why ? why : "");
        arena_done(&arena);
    }
}

void report_status(FILE *out, const struct session *s, bool running)
{
    char buf[64];
    struct spending spent = ledger_spending(s);
    struct arena arena = {0};
    struct standings all = standings_make(s, &s->study->objective, false, &arena);
    fprintf(out, "study %s: %s", s->study->name, running ? "running" : s->phase);
    for (int i = 0; i < TRIAL_STATES; i++) {
        size_t n = session_count(s, (enum trial_state)i);
        if (n) fprintf(out, ", %zu %s", n, trial_state_name((enum trial_state)i));
    }
    size_t fallbacks = report_fallbacks(s);
    if (fallbacks) fprintf(out, ", %zu suggested at random for numerical reasons", fallbacks);
    if (ledger_token_metric(&s->study->objective) >= 0)
        fprintf(out, "; %s tokens spent", words_show_count(spent.tokens, buf, sizeof buf));
    fputc('\n', out);
    if (all.winner) report_comparison(out, s, &all);
    arena_done(&arena);
}

/* ---- one trial ---- */

struct showing {
    FILE *out;
    const struct session *s;
    struct error *err;
    enum status status;
};

static void show_report(void *data, const struct store_report *r)
{
    struct showing *w = data;
    fprintf(w->out, "      step %-6ld %s\n", r->step, r->metrics);
}

static const char *show_time(int64_t ms, char *buf, size_t size)
{
    time_t at = (time_t)(ms / 1000);
    struct tm t;
    strftime(buf, size, "%Y-%m-%d %H:%M:%S", localtime_r(&at, &t));
    return buf;
}

static void show_attempt(void *data, const struct store_attempt *a)
{
    struct showing *w = data;
    char when[40], took[40];
    fprintf(w->out, "  attempt %ld: %s%s%s\n    started %s", a->number, a->outcome ? a->outcome : "running",
            a->reason && *a->reason ? ": " : "", a->reason ? a->reason : "",
            show_time(a->started_ms, when, sizeof when));
    if (a->ended_ms) fprintf(w->out, ", took %s", words_show_duration(a->ended_ms - a->started_ms, took, sizeof took));
    fprintf(w->out, "\n    logs in %s\n", a->dir);
    if (!w->status) w->status = store_reports(w->s->store, a->id, show_report, w, w->err);
}

enum status report_trial(FILE *out, const struct session *s, const struct trial *t, struct error *err)
{
    struct showing w = {out, s, err, STATUS_OK};
    char buf[SPACE_TEXT_MAX];
    fprintf(out, "trial %ld of %s: %s (%s", t->number, s->study->name, trial_state_name(t->state),
            trial_role_name(t->role));
    if (t->confirms >= 0) fprintf(out, " of trial %ld", t->confirms);
    fprintf(out, "; %s)\n", t->source);
    if (t->reason) fprintf(out, "  reason: %s\n", t->reason);
    fprintf(out, "  seed %llu\n", (unsigned long long)t->seed);
    if (t->outside) fprintf(out, "  set aside: %s\n", t->outside);
    for (size_t i = 0; i < s->study->space.n; i++)
        if (!isnan(t->config[i]))
            fprintf(out, "  %-20s %s\n", s->study->space.param[i].name,
                    param_text(&s->study->space.param[i], t->config[i], buf));
    const char *name;
    json_t *v;
    json_object_foreach(t->metrics, name, v) fprintf(out, "  %-20s = %.10g\n", name, json_number_value(v));
    enum status st = store_attempts(s->store, t->id, show_attempt, &w, err);
    return st ? st : w.status;
}
