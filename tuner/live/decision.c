#include "tuner/live/decision.h"

#include "tuner/base/words.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 2, 3))) static struct decision do_it(struct decision d, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(d.why, sizeof d.why, fmt, args);
    va_end(args);
    return d;
}

/* "em −5.1 points", in the words of a reason. */
static const char *reading_words(const struct findings *f, size_t t, const struct track_reading *r, char *buf,
                                 size_t size)
{
    const struct live_metric *m = &f->metric[f->track[t].metric];
    const char *sign = r->by < 0 ? "−" : "+";
    double by = fabs(r->by);
    if (f->track[t].kind != TRACK_SCALE)
        snprintf(buf, size, "%s %s%.1f %%", m->name, sign, 100 * by);
    else if (m->low == 0 && m->high == 1)
        snprintf(buf, size, "%s %s%.1f points", m->name, sign, 100 * by);
    else
        snprintf(buf, size, "%s %s%.4g", m->name, sign, by);
    return buf;
}

static struct decision take_back(const struct experiment *x, const struct findings *f, const struct judgement *j,
                                 size_t i, size_t t, const char *because)
{
    char what[80], name[32];
    struct decision d = {.act = experiment_left(x) > 1 ? ACT_DROP : ACT_ROLL_BACK, .challenger = i};
    bool seen = x->phase != LIVE_SHADOW;
    return do_it(d, "%s: %s (%s, %.0f %s)", experiment_variant(x, i + 1, name, sizeof name), because,
                 reading_words(f, t, &j->challenger[i].track[t], what, sizeof what),
                 seen ? f->challenger[i].units[ARM_CHALLENGER] : f->challenger[i].pairs,
                 seen ? "units" : "pairs in the shadow");
}

static struct decision look_at(const struct experiment *x, const struct findings *f, const struct judgement *j,
                               size_t i)
{
    const struct challenger_reading *r = &j->challenger[i];
    if (r->broken) return take_back(x, f, j, i, r->broken_track, "beyond its guard");
    for (size_t t = 0; t < f->n_tracks; t++)
        if (r->track[t].bad && f->metric[f->track[t].metric].proof != PROOF_NONE)
            return take_back(x, f, j, i, t, "surely worse than its margin");
    return (struct decision){0};
}

static struct decision look_at_shares(const struct experiment *x, const struct judgement *j)
{
    char name[32];
    for (size_t i = 0; i < j->n; i++)
        if (j->challenger[i].mismatched && !x->dropped[i])
            return do_it((struct decision){.act = ACT_PAUSE},
                         "units do not arrive in the promised shares (%s): something between assignment and outcome "
                         "loses some of one arm, and nothing that is said of the difference can be believed",
                         experiment_variant(x, i + 1, name, sizeof name));
    return (struct decision){0};
}

static struct decision look_at_clock(const struct experiment *x, int64_t now_ms)
{
    const struct live_plan *p = x->plan;
    char span[40];
    long day = (long)(now_ms / LIVE_DAY_MS);
    if (p->silence_ms && now_ms - x->heard_ms > p->silence_ms)
        return do_it((struct decision){.act = ACT_PAUSE}, "nothing was heard for %s",
                     words_show_duration(now_ms - x->heard_ms, span, sizeof span));
    if (p->limit > 0 && x->day == day && x->exposed >= p->limit)
        return do_it((struct decision){.act = ACT_PAUSE, .until_ms = (int64_t)(day + 1) * LIVE_DAY_MS},
                     "%.0f units were exposed today, the limit", x->exposed);
    return (struct decision){0};
}

static struct decision look_for_winner(const struct experiment *x, const struct findings *f, const struct judgement *j)
{
    int best = -1;
    for (size_t i = 0; i < j->n; i++) {
        bool may = j->challenger[i].word == VERDICT_ADOPT && !x->dropped[i];
        if (may && (best < 0 || j->challenger[i].evidence > j->challenger[best].evidence)) best = (int)i;
    }
    if (best < 0 || (x->winner == best && !f->plan->promote_alone)) return (struct decision){0};
    struct decision d = {.act = f->plan->promote_alone ? ACT_PROMOTE : ACT_ASK, .challenger = (size_t)best};
    return do_it(d, "all is proven, after %.0f units",
                 f->challenger[best].units[ARM_CHAMPION] + f->challenger[best].units[ARM_CHALLENGER]);
}

static struct decision look_at_ramp(const struct experiment *x, const struct findings *f)
{
    const struct live_plan *p = x->plan;
    double here = findings_exposed(f) - x->step_from;
    if (p->units > 0 && x->counts.scored >= p->units && x->winner < 0)
        return do_it((struct decision){.act = ACT_ROLL_BACK}, "the %.0f planned units are used, and it is not decided",
                     p->units);
    if (x->step + 1 < p->n_steps && here >= p->step_units * (double)experiment_left(x))
        return do_it((struct decision){.act = ACT_RAMP}, "%.0f units of challengers were scored at %g %%", here,
                     100 * p->step[x->step]);
    return (struct decision){0};
}

static struct decision look_at_preference(const struct experiment *x, const struct findings *f, int64_t now_ms)
{
    struct decision d = {.act = ACT_SHARE};
    if (!preference_is_due(x, now_ms) || !preference_weigh(x, f, &d.preferred)) return (struct decision){0};
    return do_it(d, "after %.0f units", x->counts.scored);
}

/* ---- the shadow ---- */

static double fewest_pairs(const struct experiment *x, const struct findings *f)
{
    double n = INFINITY;
    for (size_t i = 0; i < x->n_challengers; i++)
        if (!x->dropped[i]) n = fmin(n, f->challenger[i].pairs);
    return n;
}

enum live_phase decide_phase(const struct experiment *x, const struct findings *f)
{
    if (!f->begun) return LIVE_LEARNING;
    return fewest_pairs(x, f) < x->plan->shadow ? LIVE_SHADOW : LIVE_RUNNING;
}

static struct decision look_at_shadow(const struct experiment *x, const struct findings *f, const struct judgement *j)
{
    double pairs = fewest_pairs(x, f);
    for (size_t i = 0; i < j->n; i++)
        if (!x->dropped[i] && j->challenger[i].broken)
            return take_back(x, f, j, i, j->challenger[i].broken_track, "beyond its guard");
    if (pairs >= x->plan->shadow)
        return do_it((struct decision){.act = ACT_RUN}, "%.0f pairs in the shadow, and no guard is broken", pairs);
    if (!(pairs > 0) && x->counts.scored > 2 * (x->plan->learn + x->plan->shadow))
        return do_it((struct decision){.act = ACT_PAUSE},
                     "no outcome says what a challenger would have answered (\"shadow\"): do the clients run them?");
    return (struct decision){0};
}

struct decision decide(const struct experiment *x, const struct findings *f, const struct judgement *j, int64_t now_ms)
{
    struct decision d = {0};
    if (x->phase == LIVE_LEARNING && f->learnt >= x->plan->learn)
        return do_it((struct decision){.act = ACT_BEGIN}, "%.0f units of the champion were looked at", f->learnt);
    if (x->phase == LIVE_PAUSED && x->until_ms && now_ms >= x->until_ms)
        return do_it((struct decision){.act = ACT_RESUME}, "a new day");
    if (x->phase == LIVE_SHADOW) return look_at_shadow(x, f, j);
    if (x->phase != LIVE_RUNNING) return d;
    for (size_t i = 0; i < j->n && !d.act; i++)
        if (!x->dropped[i]) d = look_at(x, f, j, i);
    if (!d.act) d = look_at_shares(x, j);
    if (!d.act) d = look_for_winner(x, f, j);
    if (!d.act) d = look_at_clock(x, now_ms);
    if (!d.act) d = look_at_ramp(x, f);
    if (!d.act) d = look_at_preference(x, f, now_ms);
    return d;
}
