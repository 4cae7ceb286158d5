/* A trial that was run again, beside what had been measured of it. */
#include "tuner/report/report.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdio.h>

static const char *verdict_word(const struct reproduced *x)
{
    if (isnan(x->low)) return "nothing to judge it by: one measurement";
    return x->inside ? "reproduced" : "not reproduced";
}

static void show_metric(FILE *out, const struct metric *m, const struct reproduced *x)
{
    char before[64], now[64], low[64], high[64], sd[64] = "";
    if (x->now == 0) return;
    if (isfinite(x->sd)) report_metric(m, x->sd, sd, sizeof sd);
    fprintf(out, "  %-20s %s%s%s, again %s: %s\n", m->name, report_metric(m, x->mean_before, before, sizeof before),
            *sd ? " ± " : "", sd, report_metric(m, x->mean_now, now, sizeof now), verdict_word(x));
    if (isfinite(x->low))
        fprintf(out, "  %-20s 95 of 100 lie between %s and %s%s\n", "", report_metric(m, x->low, low, sizeof low),
                report_metric(m, x->high, high, sizeof high), x->by_model ? ", by the surrogate" : "");
}

bool report_reproduction(FILE *out, struct history *h, const struct trial *t, long since)
{
    const struct memory *s = history_memory(h);
    struct reproduced x[METRICS_MAX];
    bool all = reproduction_of(h, t, since, x);
    size_t before = 0, now = 0;
    for (size_t m = 0; m < s->study->objective.n_metrics; m++) {
        if (x[m].before > before) before = x[m].before;
        if (x[m].now > now) now = x[m].now;
    }
    if (!all) {
        fprintf(out, "trial %ld of %s could not be run again: see 'nocturne trials %s'\n", t->number, s->study->name,
                s->study->name);
        return false;
    }
    fprintf(out, "trial %ld of %s, measured %zu time%s before, and from nothing on %zu fresh seed%s:\n", t->number,
            s->study->name, before, words_s(before), now, words_s(now));
    for (size_t m = 0; m < s->study->objective.n_metrics; m++) {
        show_metric(out, &s->study->objective.metric[m], &x[m]);
        all &= x[m].now == 0 || isnan(x[m].low) || x[m].inside;
    }
    return all;
}

json_t *reproduction_json(struct history *h, const struct trial *t, long since)
{
    const struct memory *s = history_memory(h);
    struct reproduced x[METRICS_MAX];
    json_t *metrics = json_object();
    bool any = reproduction_of(h, t, since, x);
    for (size_t m = 0; any && m < s->study->objective.n_metrics; m++) {
        json_t *one = json_pack("{s:I, s:o, s:o, s:I, s:o, s:o, s:o, s:b}", "before", (json_int_t)x[m].before, "mean",
                                json_number(x[m].mean_before), "sd", json_number(x[m].sd), "now", (json_int_t)x[m].now,
                                "again", json_number(x[m].mean_now), "low", json_number(x[m].low), "high",
                                json_number(x[m].high), "by_model", x[m].by_model);
        if (isfinite(x[m].low)) json_object_set_new(one, "reproduced", json_boolean(x[m].inside));
        json_object_set_new(metrics, s->study->objective.metric[m].name, one);
    }
    return json_pack("{s:s, s:I, s:b, s:o}", "study", s->study->name, "trial", (json_int_t)t->number, "ran", any,
                     "metrics", metrics);
}
