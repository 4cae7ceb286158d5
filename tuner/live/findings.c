#include "tuner/live/findings.h"

#include <math.h>
#include <string.h>

static const double few = 10; /* units, of which no variance is believed */
static const double enough = 0.1; /* of the variance: three standard errors of what fifty pairs explain by chance */

void findings_init(struct findings *f, const struct live_plan *plan, size_t n_challengers, struct arena *arena)
{
    *f = (struct findings){.plan = plan, .n_challengers = n_challengers, .arena = arena};
    f->n_tracks = track_list(plan, f->track);
    memcpy(f->metric, plan->metric, sizeof f->metric);
    for (size_t t = 0; t < f->n_tracks; t++) f->adjustment[t] = adjustment_none();
}

/* ---- what is known of the champion ---- */

static double known_mean(const struct known *k)
{
    return k->n >= few ? k->sum / k->n : 0.5;
}

static double known_variance(const struct known *k)
{
    if (k->n < few) return 0.25;
    double mean = k->sum / k->n;
    return fmax(k->squares / k->n - mean * mean, 0);
}

double findings_variance(const struct findings *f, size_t track)
{
    return known_variance(&f->known[track]);
}

static void know(struct known *k, double outcome, double units)
{
    k->n += units;
    k->sum += units * outcome;
    k->squares += units * outcome * outcome;
}

static const struct live_metric *metric_of(const struct findings *f, size_t track)
{
    return &f->metric[f->track[track].metric];
}

static double outcome_of(const struct findings *f, size_t track, const double *value)
{
    return track_outcome(metric_of(f, track), f->track[track].kind, value[f->track[track].metric]);
}

/* As tallies have it. */
static double adjusted_of(const struct findings *f, size_t track, const struct scored_unit *unit)
{
    const struct adjustment *a = &f->adjustment[track];
    return adjustment_outcome(a, isnan(unit->expected) ? a->centre : unit->expected, outcome_of(f, track, unit->value));
}

static void know_all(struct findings *f, const struct scored_unit *unit)
{
    for (size_t t = 0; t < f->n_tracks; t++) know(&f->known[t], adjusted_of(f, t, unit), 1);
}

/* ---- learning ---- */

void findings_learn(struct findings *f, const struct scored_unit *unit)
{
    size_t at = (size_t)f->learnt;
    if (f->begun || at >= LIVE_LEARN_MAX) return;
    for (size_t m = 0; m < f->plan->n_metrics; m++) {
        f->sample[m] = arena_more(f->arena, f->sample[m], at, sizeof *f->sample[m]);
        f->sample[m][at] = unit->value[m];
    }
    f->expected = arena_more(f->arena, f->expected, at, sizeof *f->expected);
    f->expected[at] = unit->expected;
    f->learnt++;
}

static enum status learn_marks(struct findings *f, size_t m, struct error *err)
{
    struct live_metric *x = &f->metric[m];
    struct saving_marks learnt, given = x->marks;
    size_t n = 0, all = (size_t)f->learnt;
    double *heard = arena_array(f->arena, all + 1, sizeof *heard);
    if (given.low > 0 && given.cap > 0) return STATUS_OK;
    for (size_t i = 0; i < all; i++)
        if (!isnan(f->sample[m][i])) heard[n++] = f->sample[m][i];
    if (!saving_learn(heard, n, given.cap, &learnt))
        return error_set(err, STATUS_INVALID,
                         "the champion's %.48s cannot be learnt: of %zu units %zu had one, and they must differ; give "
                         "'marks' and 'cap' in the plan",
                         x->name, all, n);
    x->marks = learnt;
    if (given.low > 0) x->marks.low = given.low, x->marks.high = given.high;
    return STATUS_OK;
}

/* One of those that were learnt; value: room for its metrics. */
static struct scored_unit sampled(const struct findings *f, size_t i, double *value)
{
    for (size_t m = 0; m < f->plan->n_metrics; m++) value[m] = f->sample[m][i];
    return (struct scored_unit){.expected = f->expected[i], .value = value};
}

static struct adjustment_history history_of(const struct findings *f, size_t track)
{
    struct adjustment_history h = {0};
    double value[LIVE_METRICS_MAX];
    for (size_t i = 0; i < (size_t)f->learnt; i++) {
        struct scored_unit unit = sampled(f, i, value);
        double x = unit.expected, y = outcome_of(f, track, value);
        if (isnan(x)) continue;
        h.n++, h.x += x, h.y += y, h.xx += x * x, h.xy += x * y, h.yy += y * y;
    }
    return h;
}

static void learn_adjustment(struct findings *f, size_t track)
{
    struct adjustment a;
    struct adjustment_history h = history_of(f, track);
    bool may = f->track[track].kind != TRACK_BILL && h.n >= FINDINGS_PAIRS;
    if (!may || !adjustment_fit(&a, &h) || a.explained < enough) return;
    adjustment_bound(&a, 0, 1);
    f->adjustment[track] = a;
}

static void know_sample(struct findings *f)
{
    double value[LIVE_METRICS_MAX];
    for (size_t t = 0; t < f->n_tracks; t++) learn_adjustment(f, t);
    for (size_t i = 0; i < (size_t)f->learnt; i++) {
        struct scored_unit unit = sampled(f, i, value);
        know_all(f, &unit);
    }
    memset(f->sample, 0, sizeof f->sample);
    f->expected = NULL;
}

/* ---- bets ---- */

/* Information that so many units of both arms carry, at this share of the challenger. */
static double information_of(const struct findings *f, size_t track, double units, double share)
{
    struct tally t;
    const struct known *k = &f->known[track];
    return tally_begin(&t, share, known_mean(k), known_variance(k)) ? sequence_information(&t, units) : 0;
}

/* An effect or margin of the metric as a difference of adjusted outcomes. */
static double effect_of(const struct findings *f, size_t t, double effect)
{
    return adjustment_difference(&f->adjustment[t], track_effect(metric_of(f, t), f->track[t].kind, effect));
}

static void bet(const struct findings *f, size_t t, struct followed *x)
{
    const struct live_metric *m = metric_of(f, t);
    enum track_kind kind = f->track[t].kind;
    double both, share = live_plan_last_share(f->plan, f->n_challengers, &both), units = f->plan->units * both;
    double effect = kind == TRACK_SCALE ? m->effect : 1 / (1 - m->effect) - 1; /* a tenth fewer is a ratio of 0.9 */
    struct sequence_plan plan = {.effect = fmin(effect_of(f, t, effect), 1), .alpha = f->plan->alpha};
    plan.target[SIDE_ABOVE] = plan.target[SIDE_BELOW] = kind == TRACK_SCALE ? -effect_of(f, t, m->margin) : 0;
    plan.information = units > 0 ? information_of(f, t, units, share) : 0;
    sequence_begin(&x->sequence, &plan);
}

static void set_guards(const struct findings *f, size_t t, struct followed *x)
{
    const struct live_metric *m = metric_of(f, t);
    enum track_kind kind = f->track[t].kind;
    if (!isfinite(m->guard)) return;
    double bound = m->guard, fall = kind == TRACK_SCALE ? m->effect : 0.25;
    struct guard_plan plan = {.bound = -fmin(effect_of(f, t, bound), 0.99),
                              .fall = fmin(effect_of(f, t, fall), 1),
                              .exposed = 10 * f->plan->step_units};
    struct guard_plan shadow = {.bound = -fmin(track_effect(m, kind, bound), 0.99),
                                .fall = fmin(track_effect(m, kind, fall), 1),
                                .exposed = f->plan->shadow};
    guard_begin(&x->guard, &plan);
    if (f->plan->shadow > 0) guard_begin(&x->shadow, &shadow); /* what is expected of a unit is so of both */
}

double findings_guard_limit(const struct findings *f)
{
    return log((f->plan->shadow > 0 ? 2 : 1) / f->plan->guard_alpha);
}

enum status findings_begin(struct findings *f, struct error *err)
{
    for (size_t m = 0; m < f->plan->n_metrics; m++) {
        enum status s = f->metric[m].proof == PROOF_FEWER ? learn_marks(f, m, err) : STATUS_OK;
        if (s) return s;
    }
    know_sample(f);
    f->begun = true;
    for (size_t i = 0; i < f->n_challengers; i++)
        for (size_t t = 0; t < f->n_tracks; t++) {
            if (f->track[t].kind == TRACK_BILL) continue;
            bet(f, t, &f->challenger[i].track[t]);
            set_guards(f, t, &f->challenger[i].track[t]);
        }
    return STATUS_OK;
}

/* ---- units ---- */

static struct stratum *stratum_of(const struct findings *f, size_t track, struct followed *x,
                                  const struct sums_cell *cell, double share)
{
    for (size_t i = x->n; i-- > 0;)
        if (x->stratum[i].period == cell->period && x->stratum[i].segment == cell->segment) return &x->stratum[i];
    struct stratum s = {.period = cell->period, .segment = cell->segment};
    const struct known *k = &f->known[track];
    if (!tally_begin(&s.tally, share, known_mean(k), known_variance(k))) return NULL;
    x->stratum = arena_more(f->arena, x->stratum, x->n, sizeof *x->stratum);
    x->stratum[x->n] = s;
    return &x->stratum[x->n++];
}

/* Units of one stratum, of both arms, at once: by the same bet, or what of one arm was told first would make the bet on
 * the other. NULL: none of that arm. */
struct both {
    const struct sums_cell *arm[ARMS];
};

/* share: the challenger's, among it and the champion. */
static void fold(struct findings *f, struct challenger *c, const struct both *cells, double share)
{
    const struct sums_cell *any = cells->arm[0] ? cells->arm[0] : cells->arm[1];
    for (size_t t = 0; t < f->n_tracks; t++) {
        struct followed *x = &c->track[t];
        struct stratum *s = stratum_of(f, t, x, any, share);
        if (!s) continue;
        struct tally block = s->tally;
        memset(block.units, 0, sizeof block.units);
        for (size_t a = 0; a < ARMS; a++)
            if (cells->arm[a]) memcpy(block.units[a], cells->arm[a]->level[t], sizeof block.units[a]);
        if (f->track[t].kind != TRACK_BILL) sequence_fold(&x->sequence, &block);
        if (x->guard.plan.fall > 0) guard_see(&x->guard, &block);
        tally_add(&s->tally, &block);
        for (size_t a = 0; a < ARMS; a++)
            if (cells->arm[a]) s->unheard[a] += cells->arm[a]->unheard[f->track[t].metric];
    }
    for (size_t a = 0; a < ARMS; a++) {
        if (!cells->arm[a]) continue;
        c->units[a] += cells->arm[a]->units;
        c->missing[a] += cells->arm[a]->missing;
    }
}

static void fold_if_shared(struct findings *f, size_t challenger, const struct both *cells, const double *shares)
{
    double its = shares[challenger + 1];
    bool has = cells->arm[0] || cells->arm[1];
    if (has && its > 0 && shares[0] > 0) fold(f, &f->challenger[challenger], cells, its / (its + shares[0]));
}

static void count_in(const struct findings *f, const struct scored_unit *unit, struct sums_cell *into)
{
    bool heard = false;
    for (size_t t = 0; t < f->n_tracks; t++) into->level[t][tally_level(adjusted_of(f, t, unit), unit->chance)]++;
    for (size_t m = 0; m < f->plan->n_metrics; m++) {
        heard = heard || !isnan(unit->value[m]);
        into->unheard[m] += isnan(unit->value[m]);
    }
    into->units++;
    into->missing += !heard;
}

void findings_see(struct findings *f, const struct scored_unit *unit, const double *shares)
{
    struct sums_cell cell = {.period = unit->period, .segment = unit->segment, .arm = unit->arm};
    count_in(f, unit, &cell);
    for (size_t i = 0; i < f->n_challengers; i++) {
        const struct both cells = {{unit->arm == 0 ? &cell : NULL, unit->arm == i + 1 ? &cell : NULL}};
        fold_if_shared(f, i, &cells, shares);
    }
    if (unit->arm == 0) know_all(f, unit);
}

void findings_fold(struct findings *f, const struct sums *sums, const struct experiment *x)
{
    for (size_t i = 0; i < sums->n; i++) {
        const struct sums_cell *at = &sums->cell[i], *first = sums_first(sums, at->period, at->segment);
        for (size_t k = 0; k < f->n_challengers && first == at; k++) {
            const struct both cells = {{sums_find(sums, at->period, at->segment, 0),
                                        sums_find(sums, at->period, at->segment, k + 1)}};
            fold_if_shared(f, k, &cells, x->period[at->period].share);
        }
    }
    for (size_t i = 0; i < sums->n; i++)
        for (size_t t = 0; t < f->n_tracks && sums->cell[i].arm == 0; t++)
            for (size_t k = 0; k < TALLY_LEVELS; k++)
                know(&f->known[t], tally_outcome(k), sums->cell[i].level[t][k]);
}

void findings_sum(const struct findings *f, const struct scored_unit *unit, struct sums *into)
{
    count_in(f, unit, sums_cell(into, unit->period, unit->segment, unit->arm));
}

double findings_exposed(const struct findings *f)
{
    double n = 0;
    for (size_t i = 0; i < f->n_challengers; i++) n += f->challenger[i].units[ARM_CHALLENGER];
    return n;
}

struct tally *findings_tallies(const struct followed *x)
{
    struct tally *all = must_alloc(x->n + 1, sizeof *all);
    for (size_t i = 0; i < x->n; i++) all[i] = x->stratum[i].tally;
    return all;
}

void findings_see_pair(struct findings *f, size_t challenger, const struct pair *pair)
{
    struct challenger *c = &f->challenger[challenger];
    for (size_t t = 0; t < f->n_tracks; t++) {
        struct followed *x = &c->track[t];
        double champion = outcome_of(f, t, pair->champion), its = outcome_of(f, t, pair->challenger);
        if (x->shadow.plan.fall > 0) guard_see_pair(&x->shadow, champion, its);
        x->apart += its - champion;
    }
    c->pairs++;
}
