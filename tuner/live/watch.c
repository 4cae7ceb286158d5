#include "tuner/live/watch.h"

#include "tuner/base/words.h"

#include <math.h>
#include <string.h>

const char *watch_phase_name(enum watch_phase phase)
{
#define NAME(id, name) [WATCH_##id] = name,
    static const char *const names[] = {WATCH_PHASES(NAME)};
#undef NAME
    return names[phase];
}

/* ---- means that people read ---- */

static void mean_of(struct watch_mean *m, double value, double n, double horizon)
{
    m->n = fmin(m->n + n, horizon);
    m->mean += (value - m->mean) * fmin(n / m->n, 1);
}

/* What counts for a unit of which nothing was heard; NaN: nobody knows yet. */
static double value_of(const struct watch_metric *m, double value)
{
    if (!isnan(value)) return value;
    return m->amount && isnan(m->missing) ? (m->marks.cap > 0 ? m->marks.cap : NAN) : m->missing;
}

static void note_lately(struct watch *w, const double *value, const bool *has, double n)
{
    for (size_t i = 0; i < w->plan->n; i++) {
        double x = has[i] ? value_of(&w->metric[i], value[i]) : NAN;
        if (!isnan(x)) mean_of(&w->stream[i].lately, x, n, WATCH_LATELY);
    }
}

static void note_usual(struct watch *w, size_t i, double value, double n)
{
    double x = value_of(&w->metric[i], value);
    if (!isnan(x)) mean_of(&w->stream[i].usual, x, n, INFINITY);
}

/* ---- streams ---- */

static struct live_metric as_metric(const struct watch_metric *m)
{
    return (struct live_metric){.name = m->name,
                                .minimize = m->minimize,
                                .low = m->low,
                                .high = m->high,
                                .missing = m->missing,
                                .marks = m->marks};
}

/* In [0, 1], larger is better. */
static double outcome_of(const struct watch_metric *m, double value)
{
    struct live_metric x = as_metric(m);
    return track_outcome(&x, m->amount ? TRACK_TYPICAL : TRACK_SCALE, value);
}

static bool needs_marks(const struct watch_metric *m)
{
    return m->amount && !(m->marks.low > 0 && m->marks.cap > 0);
}

static bool needs_learning(const struct watch *w)
{
    for (size_t i = 0; i < w->plan->n; i++)
        if (isnan(w->plan->metric[i].baseline) || needs_marks(&w->plan->metric[i])) return true;
    return false;
}

static void know(struct watch_stream *s, double outcome)
{
    s->n++;
    s->sum += outcome;
    s->squares += outcome * outcome;
}

static void learn_marks(struct watch *w, size_t i)
{
    size_t n = 0, all = (size_t)w->learnt;
    double *heard = arena_array(w->arena, all + 1, sizeof *heard);
    for (size_t k = 0; k < all; k++)
        if (!isnan(w->sample[i][k])) heard[n++] = w->sample[i][k];
    if (!saving_learn(heard, n, w->metric[i].marks.cap, &w->metric[i].marks))
        w->metric[i].marks = (struct saving_marks){1, 2, fmax(w->metric[i].marks.cap, 2)};
    for (size_t k = 0; k < all; k++) know(&w->stream[i], outcome_of(&w->metric[i], w->sample[i][k]));
}

/* Both promises are for the mean of all detectors. */
static void lay_detectors(struct watch *w, size_t i)
{
    const struct watch_metric *m = &w->metric[i];
    struct watch_stream *s = &w->stream[i];
    bool known = !isnan(m->baseline);
    if (known) s->usual = (struct watch_mean){1, m->baseline};
    double mean = known ? outcome_of(m, m->baseline) : s->sum / s->n;
    double variance = s->n > 1 ? fmax(s->squares / s->n - s->sum / s->n * s->sum / s->n, 0) : mean * (1 - mean);
    double worse = mean, better = 1 - mean;
    if (!known && w->plan->careful) {
        worse = detector_careful(mean, variance, s->n);
        better = detector_careful(1 - mean, variance, s->n);
    }
    detector_begin(&s->worse, fmax(worse, 1e-6), variance);
    if (m->both) detector_begin(&s->better, fmax(better, 1e-6), variance);
}

static void begin_watching(struct watch *w, int64_t now_ms)
{
    for (size_t i = 0; i < w->plan->n; i++) {
        if (needs_marks(&w->plan->metric[i])) learn_marks(w, i);
        lay_detectors(w, i);
        w->sample[i] = NULL;
    }
    w->phase = WATCH_WATCHING;
    w->since_ms = now_ms;
}

static void learn(struct watch *w, const double *value, int64_t now_ms)
{
    size_t at = (size_t)w->learnt;
    for (size_t i = 0; i < w->plan->n; i++) {
        note_usual(w, i, value[i], 1);
        if (!needs_marks(&w->plan->metric[i])) {
            know(&w->stream[i], outcome_of(&w->metric[i], value[i]));
            continue;
        }
        w->sample[i] = arena_more(w->arena, w->sample[i], at, sizeof *w->sample[i]);
        w->sample[i][at] = value[i];
    }
    if (++w->learnt >= w->plan->learn) begin_watching(w, now_ms);
}

/* ---- alarms ---- */

/* log R of a metric, of one or two detectors. */
static double statistic_of(const struct watch *w, size_t i, bool *ret_better)
{
    double worse = detector_statistic(&w->stream[i].worse);
    double better = w->metric[i].both ? detector_statistic(&w->stream[i].better) : -INFINITY;
    *ret_better = better > worse;
    return fmax(worse, better);
}

double watch_statistic(const struct watch *w, size_t *ret_metric)
{
    double all[2 * LIVE_METRICS_MAX], most = -INFINITY;
    size_t n = 0;
    *ret_metric = 0;
    if (w->phase == WATCH_LEARNING) return -INFINITY;
    for (size_t i = 0; i < w->plan->n; i++) {
        bool better;
        double x = statistic_of(w, i, &better);
        all[n++] = detector_statistic(&w->stream[i].worse);
        if (w->metric[i].both) all[n++] = detector_statistic(&w->stream[i].better);
        if (x > most) most = x, *ret_metric = i;
    }
    return evidence_sum(all, n) - log((double)n);
}

static void raise_alarm(struct watch *w, size_t i, int64_t now_ms)
{
    bool better;
    char span[40];
    statistic_of(w, i, &better);
    w->why = arena_printf(
        w->arena, "%s %s, seen after %.0f units (%s); a false alarm comes once in %.0f units or more, %s", w->metric[i].name,
        w->metric[i].both ? (better != w->metric[i].minimize ? "has risen" : "has fallen") : "has become worse", w->seen,
        words_show_duration(now_ms - w->since_ms, span, sizeof span), w->plan->run_length,
        !isnan(w->plan->metric[i].baseline) ? "by the baseline of the plan"
        : w->plan->careful                  ? "for 19 of 20 baselines that could have been learnt"
                                            : "on average over what could have been learnt");
    w->phase = WATCH_DRIFTED;
    w->since_ms = now_ms;
    w->gather = 0;
}

/* True: it was raised. */
static bool look(struct watch *w, int64_t now_ms)
{
    size_t most;
    if (watch_statistic(w, &most) < log(w->plan->run_length)) return false;
    raise_alarm(w, most, now_ms);
    return true;
}

bool watch_see(struct watch *w, const double *value, const bool *has, int64_t now_ms)
{
    bool all = true;
    note_lately(w, value, has, 1);
    for (size_t i = 0; i < w->plan->n; i++) all = all && has[i];
    if (w->phase == WATCH_LEARNING && all) {
        learn(w, value, now_ms);
        return false; /* nobody is compared with himself */
    }
    if (w->phase == WATCH_DRIFTED) w->gather = fmax(w->gather - 1, 0);
    if (w->phase != WATCH_WATCHING) return false;
    for (size_t i = 0; i < w->plan->n; i++) {
        if (!has[i]) continue;
        double x = outcome_of(&w->metric[i], value[i]);
        detector_see(&w->stream[i].worse, x);
        if (w->metric[i].both) detector_see(&w->stream[i].better, 1 - x);
    }
    w->seen++;
    if (!look(w, now_ms)) return false;
    w->gather = w->plan->fresh;
    return true;
}

/* Means of n outcomes are known, not what each was: sums of squares are at most those of zeros and ones. */
static void learn_run(struct watch *w, const double *mean, double n, int64_t now_ms)
{
    for (size_t i = 0; i < w->plan->n; i++) {
        struct watch_stream *s = &w->stream[i];
        double x = outcome_of(&w->metric[i], mean[i]);
        s->n += n, s->sum += n * x, s->squares += n > 1 ? n * x : x * x;
        note_usual(w, i, mean[i], n);
    }
    w->learnt += n;
    if (w->learnt >= w->plan->learn) begin_watching(w, now_ms);
}

static void see_mean(struct detector *x, double mean, double n)
{
    if (n > 1)
        detector_see_counts(x, n * mean, n);
    else
        detector_see(x, mean);
}

bool watch_see_run(struct watch *w, const double *mean, const bool *has, double n, int64_t now_ms)
{
    bool all = true;
    w->evaluated_ms = now_ms;
    bool any = false;
    for (size_t i = 0; i < w->plan->n; i++) any = any || has[i];
    if (!any) return false;
    note_lately(w, mean, has, n);
    for (size_t i = 0; i < w->plan->n; i++) all = all && has[i] && !needs_marks(&w->plan->metric[i]);
    if (w->phase == WATCH_LEARNING && all) {
        learn_run(w, mean, n, now_ms);
        return false;
    }
    if (w->phase != WATCH_WATCHING) return false;
    for (size_t i = 0; i < w->plan->n; i++) {
        if (!has[i]) continue;
        double x = outcome_of(&w->metric[i], mean[i]);
        see_mean(&w->stream[i].worse, x, w->metric[i].amount ? 1 : n);
        if (w->metric[i].both) see_mean(&w->stream[i].better, 1 - x, w->metric[i].amount ? 1 : n);
    }
    w->seen += n;
    return look(w, now_ms);
}

/* ---- what follows ---- */

void watch_again(struct watch *w, int64_t now_ms)
{
    const struct watch was = *w;
    watch_begin(w, w->plan, now_ms, w->arena);
    w->study = was.study, w->challenger = was.challenger;
    w->tunings = was.tunings, w->evaluated_ms = was.evaluated_ms;
    for (size_t i = 0; i < w->plan->n; i++) w->stream[i].lately = was.stream[i].lately;
}

void watch_forget_lately(struct watch *w)
{
    for (size_t i = 0; i < w->plan->n; i++) w->stream[i].lately = (struct watch_mean){0, 0};
}

static void enter(struct watch *w, enum watch_phase phase, int64_t now_ms)
{
    if (phase > w->plan->far) {
        watch_again(w, now_ms);
        return;
    }
    w->phase = phase;
    w->since_ms = now_ms;
    w->work = w->plan->ask[phase] ? WATCH_ASKED : WATCH_DUE;
}

double watch_gathers(const struct watch *w)
{
    return w->phase == WATCH_DRIFTED && w->plan->far > WATCH_DRIFTED ? w->gather : 0;
}

void watch_go_on(struct watch *w, int64_t now_ms)
{
    if (w->work != WATCH_ASKED) enter(w, w->phase + 1, now_ms);
}

void watch_found(struct watch *w, int64_t now_ms)
{
    if (w->work != WATCH_ASKED) enter(w, WATCH_TRYING, now_ms);
}

static enum status check_waits(const struct watch *w, struct error *err)
{
    if (watch_gathers(w) > 0 || w->work == WATCH_ASKED) return STATUS_OK;
    return error_set(err, STATUS_CONFLICT, "nothing waits: the watch is %s", watch_phase_name(w->phase));
}

enum status watch_approve(struct watch *w, struct error *err)
{
    enum status s = check_waits(w, err);
    if (s) return s;
    if (watch_gathers(w) > 0)
        w->gather = 0;
    else
        w->work = WATCH_DUE;
    return STATUS_OK;
}

enum status watch_decline(struct watch *w, int64_t now_ms, struct error *err)
{
    enum status s = check_waits(w, err);
    if (!s) watch_again(w, now_ms);
    return s;
}

void watch_begin(struct watch *w, const struct watch_plan *plan, int64_t now_ms, struct arena *arena)
{
    *w = (struct watch){.plan = plan, .since_ms = now_ms, .why = "", .study = "", .challenger = "", .arena = arena};
    memcpy(w->metric, plan->metric, sizeof w->metric);
    if (!needs_learning(w)) begin_watching(w, now_ms);
}
