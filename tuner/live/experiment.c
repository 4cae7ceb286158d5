#include "tuner/live/experiment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- phases ---- */

const char *live_phase_name(enum live_phase phase)
{
#define NAME(id, name) [LIVE_##id] = name,
    static const char *const names[] = {LIVE_PHASES(NAME)};
#undef NAME
    return names[phase];
}

bool live_phase_is_end(enum live_phase phase)
{
    return phase >= LIVE_PROMOTED;
}

static bool may_follow(enum live_phase from, enum live_phase to)
{
    switch (from) {
    case LIVE_LEARNING: return to != LIVE_LEARNING && to != LIVE_PROMOTED;
    case LIVE_SHADOW: return to > LIVE_SHADOW && to != LIVE_PROMOTED;
    case LIVE_RUNNING: return to > LIVE_RUNNING;
    case LIVE_PAUSED: return to != LIVE_PAUSED;
    case LIVE_PROMOTED: return to == LIVE_ROLLED_BACK;
    case LIVE_ROLLED_BACK:
    case LIVE_STOPPED: return false;
    }
    return false;
}

static enum status refuse(enum live_phase from, enum live_phase to, struct error *err)
{
    const char *is = live_phase_name(from);
    if (live_phase_is_end(from)) return error_set(err, STATUS_CONFLICT, "the experiment is %s; start a new one", is);
    if (to == LIVE_PROMOTED)
        return error_set(err, STATUS_CONFLICT,
                         "the experiment is %s: nobody has had a challenger yet; promote it once some have, or end this "
                         "one, and start another with it as the champion",
                         is);
    return error_set(err, STATUS_CONFLICT, "the experiment is %s already", is);
}

enum status experiment_enter(struct experiment *x, enum live_phase phase, const char *why, int64_t now_ms,
                             struct error *err)
{
    if (!may_follow(x->phase, phase)) return refuse(x->phase, phase, err);
    x->phase = phase;
    x->why = arena_strdup(x->arena, why);
    x->since_ms = now_ms;
    x->until_ms = 0;
    experiment_share(x, now_ms);
    return STATUS_OK;
}

void live_counts_add(struct live_counts *into, const struct live_counts *more)
{
    into->taken += more->taken;
    into->repeated += more->repeated;
    into->late += more->late;
    into->left_out += more->left_out;
    into->refused += more->refused;
    into->moved += more->moved;
    into->scored += more->scored;
    into->spanned += more->spanned;
}

/* ---- periods ---- */

size_t experiment_left(const struct experiment *x)
{
    size_t n = 0;
    for (size_t i = 0; i < x->n_challengers; i++) n += !x->dropped[i];
    return n;
}

static void want_shares(const struct experiment *x, double *ret)
{
    double step = x->plan->step[x->step], most = experiment_left(x) > 1 ? fmin(step, x->part) : step;
    double all = x->phase == LIVE_RUNNING ? most : 0;
    for (size_t i = 0; i < x->n_challengers; i++) ret[i] = all * x->weight[i];
    if (x->phase == LIVE_PROMOTED) ret[x->winner] = 1;
}

static void add_period(struct experiment *x, const struct assignment_range *range, size_t n, int64_t now_ms)
{
    x->period = arena_more(x->arena, x->period, x->n_periods, sizeof *x->period);
    struct period *p = &x->period[x->n_periods++];
    *p = (struct period){.from_ms = now_ms, .n = n, .range = arena_array(x->arena, n + 1, sizeof *range)};
    p->share[0] = 1;
    for (size_t i = 0; i < n; i++) {
        p->range[i] = range[i];
        p->share[range[i].arm] += range[i].to - range[i].from;
        p->share[0] -= range[i].to - range[i].from;
    }
}

static bool are_same(const struct period *p, const struct assignment_range *range, size_t n)
{
    for (size_t i = 0; i < n && i < p->n; i++)
        if (p->range[i].from != range[i].from || p->range[i].to != range[i].to || p->range[i].arm != range[i].arm)
            return false;
    return p->n == n;
}

void experiment_share(struct experiment *x, int64_t now_ms)
{
    double want[LIVE_CHALLENGERS_MAX] = {0};
    struct assignment_range range[SHARES_RANGES_MAX] = {0};
    struct period *last = x->n_periods ? &x->period[x->n_periods - 1] : NULL;
    const struct period *before = last;
    size_t n = 0;
    want_shares(x, want);
    /* Those who had a challenger before a pause get it again after it. */
    while (before && before->n == 0 && before > x->period) before--;
    if (!shares_lay(before ? before->range : range, before ? before->n : 0, want, x->n_challengers, range, &n)) return;
    if (last && are_same(last, range, n)) return;
    if (last) last->to_ms = now_ms;
    add_period(x, range, n, now_ms);
}

void experiment_prefer(struct experiment *x, const double *weight, double part, int64_t now_ms)
{
    memcpy(x->weight, weight, x->n_challengers * sizeof *weight);
    x->part = part;
    x->shared_from = x->counts.scored;
    experiment_share(x, now_ms);
}

const struct period *experiment_now(const struct experiment *x)
{
    return &x->period[x->n_periods - 1];
}

struct period *experiment_period_at(const struct experiment *x, int64_t at_ms)
{
    for (size_t i = x->n_periods; i-- > 0;)
        if (x->period[i].from_ms <= at_ms) return &x->period[i];
    return NULL;
}

void experiment_arrived(struct experiment *x, struct period *p, size_t arm, double units, int64_t now_ms)
{
    long day = (long)(now_ms / LIVE_DAY_MS);
    p->arrived[arm] += units;
    if (x->day != day) x->day = day, x->exposed = 0;
    x->exposed += arm > 0 ? units : 0;
}

bool experiment_is_whole(const struct experiment *x, const struct period *p, int64_t at_ms)
{
    return p->from_ms <= at_ms && (p->to_ms == 0 || at_ms + x->plan->window_ms < p->to_ms);
}

void experiment_begin(struct experiment *x, const struct live_plan *plan, size_t n_challengers, int64_t now_ms,
                      struct arena *arena)
{
    *x = (struct experiment){.plan = plan,
                             .n_challengers = n_challengers,
                             .phase = plan->learn > 0    ? LIVE_LEARNING
                                      : plan->shadow > 0 ? LIVE_SHADOW
                                                         : LIVE_RUNNING,
                             .why = "",
                             .since_ms = now_ms,
                             .winner = -1,
                             .part = plan->prefer == PREFER_FINDING ? 1 - LIVE_CHAMPION_FLOOR / 100.0 : 1,
                             .heard_ms = now_ms,
                             .arena = arena};
    for (size_t i = 0; i < n_challengers; i++) x->weight[i] = 1 / (double)n_challengers;
    experiment_share(x, now_ms);
}

/* ---- variants ---- */

const char *experiment_variant(const struct experiment *x, size_t arm, char *buf, size_t size)
{
    if (arm == 0) return "champion";
    if (x->n_challengers == 1) return "challenger";
    snprintf(buf, size, "challenger-%zu", arm);
    return buf;
}

int experiment_arm(const struct experiment *x, const char *variant)
{
    char buf[32];
    for (size_t arm = 0; arm <= x->n_challengers; arm++)
        if (strcmp(variant, experiment_variant(x, arm, buf, sizeof buf)) == 0) return (int)arm;
    return -1;
}
