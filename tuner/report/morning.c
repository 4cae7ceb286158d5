#include "tuner/report/morning.h"

#include "tuner/report/morning_parts.h"

#include "tuner/report/figure_study.h"
#include "tuner/report/text.h"

#include "tuner/base/words.h"

#include <math.h>
#include <string.h>
#include <time.h>

/* ---- words ---- */

const char *morning_metric(const struct morning *m, size_t metric, double v)
{
    char buf[64];
    return arena_strdup(m->a, report_metric(&m->o->metric[metric], v, buf, sizeof buf));
}

const char *morning_count(const struct morning *m, double n)
{
    char buf[40];
    return arena_strdup(m->a, words_show_count(n, buf, sizeof buf));
}

const char *morning_who(const struct morning *m, const struct comparison_row *row)
{
    if (row->baseline) return "the baseline";
    if (row->label) return story_quote(m->a, row->label);
    return arena_printf(m->a, "trial %ld", row->trial);
}

const struct verdict *morning_deciding(const struct comparison_row *row)
{
    const struct verdict *out = NULL;
    for (size_t i = 0; row && i < row->n_against; i++)
        if (row->against[i].word == row->verdict) out = &row->against[i];
    return out;
}

const char *morning_word(enum verdict_word word)
{
    return word == VERDICT_PROMISING ? "promising, not proven" : verdict_name(word);
}

const struct comparison_row *morning_row(const struct morning *m, long trial)
{
    const struct comparison *c = &m->d.comparison;
    for (size_t i = 0; i < c->n; i++)
        if (c->row[i].trial == trial) return &c->row[i];
    return NULL;
}

/* "2.6", "0.0123": without its sign */
static const char *size_text(const struct morning *m, const struct metric *x, bool ratio, double v)
{
    if (ratio) return arena_printf(m->a, "%.*f", fabs(v) < 0.0995 ? 1 : 0, 100 * fabs(v));
    if (x->kind == METRIC_PROPORTION) return arena_printf(m->a, "%.*f", fabs(v) < 0.000995 ? 2 : 1, 100 * fabs(v));
    return arena_printf(m->a, "%.3g", fabs(v));
}

static const char *sign_of(double v)
{
    return v < 0 ? "−" : "+";
}

static bool is_bounded(const struct difference *d)
{
    return isfinite(d->low) && isfinite(d->high);
}

const char *morning_apart(const struct morning *m, size_t metric, const struct difference *d)
{
    const struct metric *x = &m->o->metric[metric];
    const char *unit = d->ratio ? " %" : x->kind == METRIC_PROPORTION ? " points" : "";
    if (!isfinite(d->by)) return "not measured";
    const char *by = arena_printf(m->a, "%s%s%s", sign_of(d->by), size_text(m, x, d->ratio, d->by), unit);
    if (!is_bounded(d)) return arena_printf(m->a, "%s (one seed)", by);
    if (d->low == d->high) return arena_printf(m->a, "%s (on each seed)", by);
    return arena_printf(m->a, "%s (%s%s to %s%s)", by, sign_of(d->low), size_text(m, x, d->ratio, d->low),
                        sign_of(d->high), size_text(m, x, d->ratio, d->high));
}

/* " (42 to 75)", sizes from the smaller to the larger */
static const char *between(const struct morning *m, const struct metric *x, const struct difference *d)
{
    double near = d->by < 0 ? d->high : d->low, far = d->by < 0 ? d->low : d->high;
    if (!is_bounded(d) || near == far) return "";
    return arena_printf(m->a, " (%s to %s%s)", size_text(m, x, d->ratio, near), size_text(m, x, d->ratio, far),
                        d->ratio ? " %" : "");
}

static bool is_sure(const struct difference *d)
{
    return d->by != 0 && (!is_bounded(d) || d->low > 0 || d->high < 0);
}

/* "takes 62 % fewer tokens (42 to 75 %)" */
static const char *surely(const struct morning *m, size_t metric, const struct difference *d)
{
    const struct metric *x = &m->o->metric[metric];
    const char *size = size_text(m, x, d->ratio, d->by), *range = between(m, x, d);
    if (d->ratio && d->by > 1)
        return arena_printf(m->a, "takes " STRONG("%.3g times the %s") "%s", 1 + d->by, x->name, range);
    if (d->ratio)
        return arena_printf(m->a, "takes " STRONG("%s %% %s %s") "%s", size, d->by < 0 ? "fewer" : "more", x->name,
                            range);
    const char *does = x->goal == GOAL_MINIMIZE ? d->by < 0 ? "lowers" : "raises" : d->by < 0 ? "gives up" : "gains";
    if (x->goal == GOAL_MINIMIZE)
        return arena_printf(m->a, "%s " STRONG("%s by %s%s") "%s", does, x->name, size,
                            x->kind == METRIC_PROPORTION ? " points" : "", range);
    return arena_printf(m->a, "%s " STRONG("%s %s%s") "%s", does, size,
                        x->kind == METRIC_PROPORTION ? "points of " : "of ", x->name, range);
}

/* Non-inferiority: the worse end of the interval is within the margin. */
static bool is_held(const struct morning *m, size_t metric, const struct verdict *v)
{
    const struct difference *d = &v->apart[metric];
    double worst = m->o->metric[metric].goal == GOAL_MAXIMIZE ? d->low : -d->high;
    return worst >= -v->margin[metric];
}

const char *morning_beside(const struct morning *m, const struct verdict *v)
{
    const char *sure = "", *open = "", *held = "";
    for (int ratio = 1; ratio >= 0; ratio--) /* what is spent first */
        for (size_t i = 0; i < m->o->n_metrics; i++) {
            const struct difference *d = &v->apart[i];
            if (!isfinite(d->by) || d->ratio != ratio || !objective_uses(m->o, i)) continue;
            const char *text = arena_printf(m->a, "%s %s", m->o->metric[i].name,
                                            d->by == 0 && d->low == d->high ? "is the same" : morning_apart(m, i, d));
            if (is_sure(d))
                sure = arena_printf(m->a, "%s%s%s", sure, *sure ? ", and " : "", surely(m, i, d));
            else if (is_held(m, i, v))
                held = arena_printf(m->a, "%s%s%s", held, *held ? "; " : "", text);
            else
                open = arena_printf(m->a, "%s%s%s", open, *open ? "; " : "", text);
        }
    if (!*sure && *open && !*held) return arena_printf(m->a, "is not proven to differ: %s", open);
    if (!*sure) sure = *held ? "differs little" : "measured nothing in common";
    if (*held) sure = arena_printf(m->a, "%s; %s, which holds within what the study lets go", sure, held);
    return *open ? arena_printf(m->a, "%s; %s, which is not proven to differ", sure, open) : sure;
}

/* ---- charts ---- */

/* One that there is too little for yet has a sentence instead. */
void morning_figure(struct morning *m, struct story_section *x, enum figure_kind kind)
{
    struct chart c;
    struct error err;
    if (figure_make(kind, &(struct figure_wish){.memory = m->s}, m->a, &c, &err) == STATUS_OK)
        story_chart(x, m->a, &c);
    else
        story_say(x, m->a, STORY_QUIET, arena_printf(m->a, "No chart of this yet: %s.", story_quote(m->a, err.text)));
}

/* ---- the head ---- */

static const char *verdict_line(const struct morning *m)
{
    const struct comparison *c = &m->d.comparison;
    if (m->facts->running) return c->winner ? "still running" : "still running, nothing to choose from yet";
    if (m->d.phase == STUDY_FAILED) return "it cannot go on";
    if (!c->winner) return "no result";
    if (c->winner == c->baseline) return "keep the baseline";
    if (c->winner->label) return arena_printf(m->a, "take %s", story_quote(m->a, c->winner->label));
    if (!c->winner->verdict) return "the best there is, compared with nothing";
    return morning_word(c->winner->verdict);
}

static const char *moment(const struct morning *m, int64_t ms, const char *format)
{
    time_t at = (time_t)(ms / 1000);
    struct tm t;
    char buf[64];
    strftime(buf, sizeof buf, format, localtime_r(&at, &t));
    return arena_strdup(m->a, buf);
}

static int64_t last_ms(const struct memory *s)
{
    int64_t last = 0;
    for (size_t i = 0; i < s->n; i++) last = s->trial[i]->finished_ms > last ? s->trial[i]->finished_ms : last;
    return last;
}

static const char *span(const struct morning *m)
{
    int64_t from = m->s->n ? m->s->trial[0]->created_ms : 0, to = last_ms(m->s);
    char buf[40];
    if (from <= 0) return "Nothing has run yet";
    if (to <= from) return arena_printf(m->a, "Begun %s", moment(m, from, "%Y-%m-%d %H:%M %Z"));
    bool same_day = strcmp(moment(m, from, "%F"), moment(m, to, "%F")) == 0;
    return arena_printf(m->a, "%s–%s (%s)", moment(m, from, "%Y-%m-%d %H:%M"),
                        moment(m, to, same_day ? "%H:%M %Z" : "%Y-%m-%d %H:%M %Z"),
                        words_show_duration(to - from, buf, sizeof buf));
}

static const char *about(const struct morning *m)
{
    const char *slots =
        m->s->run.slots ? arena_printf(m->a, ", %zu slot%s", m->s->run.slots, words_s(m->s->run.slots)) : "";
    return arena_printf(m->a, "%s%s; as of event %lld; Nocturne %s", span(m), slots, (long long)m->d.seq,
                        m->facts->version);
}

/* ---- all ---- */

enum status morning_make(const struct memory *s, const struct morning_facts *facts, struct arena *a, struct story *ret,
                         struct error *err)
{
    struct morning m = {.s = s, .o = &s->study->objective, .facts = facts, .story = ret, .a = a};
    enum status st = STATUS_OK;
    m.d = document_of(s, a);
    if (s->study->stopping.pruner != PRUNER_NONE) st = stop_audit_make(s, &m.stops, err);
    if (st) {
        stop_audit_done(&m.stops);
        return st;
    }
    *ret = (struct story){.name = s->study->name, .verdict = verdict_line(&m), .about = about(&m)};
    morning_verdict(&m);
    morning_confirmation(&m);
    morning_choice(&m);
    morning_matters(&m);
    morning_tried(&m);
    morning_cost(&m);
    morning_trust(&m);
    morning_next(&m);
    morning_reproduce(&m);
    stop_audit_done(&m.stops);
    return STATUS_OK;
}
