#include "tuner/report/morning.h"

#include "tuner/report/morning_parts.h"

#include "tuner/report/figure_study.h"
#include "tuner/report/text.h"

#include "tuner/base/words.h"

#include <math.h>
#include <string.h>

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

const struct comparison_row *morning_row(const struct morning *m, long trial)
{
    const struct comparison *c = &m->d.comparison;
    for (size_t i = 0; i < c->n; i++)
        if (c->row[i].trial == trial) return &c->row[i];
    return NULL;
}

static bool is_bounded(const struct difference *d)
{
    return isfinite(d->low) && isfinite(d->high);
}

/* Something that changes more than twofold is said in times. */
static bool is_manifold(const struct difference *d)
{
    return d->ratio && d->by > 1;
}

/* " (42 to 75)", sizes from the smaller to the larger; " (3.1 to 4.2 times)" */
static const char *between(const struct morning *m, const struct metric *x, const struct difference *d)
{
    double near = d->by < 0 ? d->high : d->low, far = d->by < 0 ? d->low : d->high;
    if (!is_bounded(d) || near == far) return "";
    if (is_manifold(d)) return arena_printf(m->a, " (%.3g to %.3g times)", 1 + near, 1 + far);
    return arena_printf(m->a, " (%s to %s%s)", report_size(x, d->ratio, near, m->a),
                        report_size(x, d->ratio, far, m->a), d->ratio ? " %" : "");
}

static bool is_sure(const struct difference *d)
{
    return d->by != 0 && is_bounded(d) && (d->low > 0 || d->high < 0);
}

/* What was measured once has no interval: it is told as it is, and beside what has one, that it is so. */
static bool is_told(const struct difference *d)
{
    return is_sure(d) || (d->by != 0 && !is_bounded(d));
}

static const char *once(const struct verdict *v, size_t n, size_t metric)
{
    if (is_bounded(&v->apart[metric])) return "";
    for (size_t i = 0; i < n; i++)
        if (is_bounded(&v->apart[i])) return " (one seed)";
    return "";
}

/* "takes 62 % fewer tokens (42 to 75 %)" */
static const char *surely(const struct morning *m, size_t metric, const struct difference *d)
{
    const struct metric *x = &m->o->metric[metric];
    const char *size = report_size(x, d->ratio, d->by, m->a), *range = between(m, x, d);
    if (is_manifold(d)) return arena_printf(m->a, "takes " STRONG("%.3g times the %s") "%s", 1 + d->by, x->name, range);
    if (d->ratio)
        return arena_printf(m->a, "takes " STRONG("%s %% %s %s") "%s", size, d->by < 0 ? "fewer" : "more", x->name,
                            range);
    const char *does = x->goal == GOAL_MINIMIZE ? d->by < 0 ? "lowers" : "raises" : d->by < 0 ? "gives up" : "gains";
    if (x->goal == GOAL_MINIMIZE)
        return arena_printf(m->a, "%s " STRONG("%s by %s%s") "%s", does, x->name, size, report_unit(x, false), range);
    return arena_printf(m->a, "%s " STRONG("%s%s of %s") "%s", does, size, report_unit(x, false), x->name, range);
}

bool morning_holds(const struct morning *m, size_t metric, const struct verdict *v)
{
    const struct difference *d = &v->apart[metric];
    double worst = m->o->metric[metric].goal == GOAL_MAXIMIZE ? d->low : -d->high;
    return worst >= -v->margin[metric];
}

const char *morning_open(const struct morning *m, const struct verdict *v)
{
    const char *all = "";
    for (size_t i = 0; i < m->o->n_metrics; i++)
        if (isfinite(v->apart[i].by) && objective_uses(m->o, i) && !is_sure(&v->apart[i]) && !morning_holds(m, i, v))
            all = arena_printf(m->a, "%s%s%s", all, *all ? " and " : "", m->o->metric[i].name);
    return all;
}

const char *morning_beside(const struct morning *m, const struct verdict *v)
{
    const char *sure = "", *open = "", *held = "";
    for (int ratio = 1; ratio >= 0; ratio--) /* what is spent first */
        for (size_t i = 0; i < m->o->n_metrics; i++) {
            const struct difference *d = &v->apart[i];
            if (!isfinite(d->by) || d->ratio != ratio || !objective_uses(m->o, i)) continue;
            const char *text = arena_printf(
                m->a, "%s %s", m->o->metric[i].name,
                d->by == 0 && d->low == d->high ? "is the same" : report_difference(&m->o->metric[i], d, m->a));
            if (is_told(d))
                sure = arena_printf(m->a, "%s%s%s%s", sure, *sure ? ", and " : "", surely(m, i, d),
                                    once(v, m->o->n_metrics, i));
            else if (morning_holds(m, i, v))
                held = arena_printf(m->a, "%s%s%s", held, *held ? "; " : "", text);
            else
                open = arena_printf(m->a, "%s%s%s", open, *open ? "; " : "", text);
        }
    if (!*sure && *open)
        return arena_printf(m->a, "is not proven to differ: %s%s%s%s", open, *held ? "; " : "", held,
                            *held ? ", which holds within what the study lets go" : "");
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
    return report_verdict(c->winner->verdict);
}

static double last_ms(const struct memory *s)
{
    double last = 0;
    for (size_t i = 0; i < s->n; i++) last = fmax(last, (double)s->trial[i]->finished_ms);
    return last;
}

static const char *span(const struct morning *m)
{
    double from = m->s->n ? (double)m->s->trial[0]->created_ms : 0, to = last_ms(m->s);
    char buf[40];
    if (from <= 0) return "Nothing has run yet";
    if (to <= from) return arena_printf(m->a, "Begun %s", report_moment(from, "%Y-%m-%d %H:%M %Z", m->a));
    bool same_day = strcmp(report_moment(from, "%F", m->a), report_moment(to, "%F", m->a)) == 0;
    return arena_printf(m->a, "%s–%s (%s)", report_moment(from, "%Y-%m-%d %H:%M", m->a),
                        report_moment(to, same_day ? "%H:%M %Z" : "%Y-%m-%d %H:%M %Z", m->a),
                        words_show_duration((int64_t)(to - from), buf, sizeof buf));
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
    m.all = ranking_make(s, m.o, a);
    if (s->study->stopping.pruner != PRUNER_NONE) st = stop_audit_make(s, &m.stops, err);
    if (st) {
        stop_audit_done(&m.stops);
        return st;
    }
    *ret = (struct story){.name = s->study->name, .verdict = verdict_line(&m), .about = about(&m)};
    morning_verdict(&m);
    morning_confirmation(&m);
    morning_live(&m);
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
