#include "tuner/live/judgement.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double few = 30; /* units of an arm of which nothing is said */

/* ---- one track ---- */

struct tallies {
    struct tally *at;
    size_t n;
};

static struct tallies tallies_of(const struct followed *x)
{
    return (struct tallies){findings_tallies(x), x->n};
}

static double mean_of(const struct tallies *t, enum arm arm)
{
    double units = 0, sum = 0;
    for (size_t i = 0; i < t->n; i++) {
        double n = tally_units(&t->at[i], arm);
        if (n > 0) units += n, sum += n * tally_mean(&t->at[i], arm);
    }
    return sum / units;
}

static void read_bill(const struct findings *f, const struct live_metric *m, const struct tallies *t, bool intervals,
                      struct track_reading *ret)
{
    double limit = 1 + m->margin;
    ret->by = mean_of(t, ARM_CHALLENGER) / mean_of(t, ARM_CHAMPION) - 1;
    ret->evidence[SIDE_ABOVE] = saving_evidence(t->at, t->n, SIDE_BELOW, limit, m->effect);
    ret->evidence[SIDE_BELOW] = saving_evidence(t->at, t->n, SIDE_ABOVE, limit, m->effect);
    if (!intervals) return;
    struct sequence_interval i = saving_interval(t->at, t->n, m->effect, f->plan->alpha);
    ret->low = i.low - 1, ret->high = i.high - 1;
}

/* Of a difference of tallies that of the metric. */
static double in_metric(const struct findings *f, size_t t, double by)
{
    const struct track *track = &f->track[t];
    return track_difference(&f->metric[track->metric], track->kind, adjustment_difference_back(&f->adjustment[t], by));
}

static void read_difference(const struct findings *f, size_t track, const struct followed *x, const struct tallies *t,
                            bool intervals, struct track_reading *ret)
{
    const struct sequence *s = &x->sequence;
    ret->by = in_metric(f, track, sequence_difference(t->at, t->n));
    for (int side = 0; side < SIDES; side++)
        ret->evidence[side] = sequence_evidence(s, t->at, t->n, (enum side)side, s->plan.target[side]);
    if (!intervals) return;
    struct sequence_interval i = sequence_interval(s, t->at, t->n);
    double one = in_metric(f, track, i.low), other = in_metric(f, track, i.high);
    ret->low = fmin(one, other), ret->high = fmax(one, other);
}

static double guard_of(const struct followed *x)
{
    double ramp = x->guard.plan.fall > 0 ? guard_evidence(&x->guard) : -INFINITY;
    double shadow = x->shadow.plan.fall > 0 ? guard_evidence(&x->shadow) : -INFINITY;
    return fmax(ramp, shadow);
}

/* Before the first unit of its own: how it did in the shadow. */
static double shadow_of(const struct findings *f, size_t t, const struct challenger *c)
{
    const struct track *track = &f->track[t];
    double apart = c->track[t].apart / c->pairs;
    return track->kind == TRACK_BILL ? NAN : track_difference(&f->metric[track->metric], track->kind, apart);
}

/* What counts for a unit of which nothing was heard is bad: it makes worse who has more of them. */
static void read_unheard(const struct findings *f, const struct followed *x, struct track_reading *ret)
{
    struct arrivals *all = must_alloc(x->n + 1, sizeof *all);
    for (size_t i = 0; i < x->n; i++) {
        const double *unheard = x->stratum[i].unheard;
        all[i] = (struct arrivals){x->stratum[i].tally.share, unheard[ARM_CHAMPION], unheard[ARM_CHALLENGER]};
        for (int arm = 0; arm < ARMS; arm++) ret->unheard[arm] += unheard[arm];
    }
    ret->unfair = x->n > 0 && mismatch_of_champion(all, x->n) >= log(1 / f->plan->guard_alpha);
    free(all);
}

static void read_track(const struct findings *f, size_t t, const struct challenger *c, bool intervals,
                       struct track_reading *ret)
{
    const struct live_metric *m = &f->metric[f->track[t].metric];
    struct tallies all = tallies_of(&c->track[t]);
    double limit = log(2 / f->plan->alpha);
    *ret = (struct track_reading){.by = shadow_of(f, t, c),
                                  .low = NAN,
                                  .high = NAN,
                                  .evidence = {-INFINITY, -INFINITY},
                                  .guard = guard_of(&c->track[t])};
    if (f->begun && all.n > 0) {
        if (f->track[t].kind == TRACK_BILL)
            read_bill(f, m, &all, intervals, ret);
        else
            read_difference(f, t, &c->track[t], &all, intervals, ret);
    }
    read_unheard(f, &c->track[t], ret);
    ret->good = ret->evidence[SIDE_ABOVE] >= limit && !ret->unfair;
    ret->bad = ret->evidence[SIDE_BELOW] >= limit;
    ret->broken = ret->guard >= findings_guard_limit(f);
    free(all.at);
}

/* ---- one challenger ---- */

static bool proves(const struct findings *f, size_t t)
{
    return f->metric[f->track[t].metric].proof != PROOF_NONE;
}

/* By its estimate, is it what it should be? */
static bool seems_good(const struct findings *f, size_t t, const struct track_reading *r)
{
    const struct live_metric *m = &f->metric[f->track[t].metric];
    switch (f->track[t].kind) {
    case TRACK_SCALE: return (m->minimize ? -r->by : r->by) > -m->margin;
    case TRACK_TYPICAL: return r->by < 0;
    case TRACK_BILL: return r->by < m->margin;
    }
    return false;
}

static enum verdict_word word_of(const struct findings *f, const struct challenger *c,
                                 const struct challenger_reading *r)
{
    bool better = false, worse = r->broken, seems = true;
    for (size_t t = 0; t < f->n_tracks; t++) {
        if (!proves(f, t)) continue;
        better = better || r->track[t].good;
        worse = worse || r->track[t].bad;
        seems = seems && seems_good(f, t, &r->track[t]);
    }
    if (r->mismatched) return VERDICT_NOT_CONFIRMED;
    if (worse) return better && !r->broken ? VERDICT_TRADE : VERDICT_DO_NOT_ADOPT;
    if (r->unfair) return VERDICT_NOT_CONFIRMED;
    if (r->proven) return VERDICT_ADOPT;
    if (c->units[ARM_CHAMPION] < few || c->units[ARM_CHALLENGER] < few) return VERDICT_NOT_CONFIRMED;
    return seems ? VERDICT_PROMISING : VERDICT_NO_BETTER;
}

static double mismatch_of(const struct experiment *x, size_t i)
{
    struct arrivals *all = must_alloc(x->n_periods + 1, sizeof *all);
    size_t n = 0;
    for (size_t k = 0; k < x->n_periods; k++) {
        const struct period *p = &x->period[k];
        double both = p->share[0] + p->share[i + 1];
        if (p->share[0] > 1e-9 && p->share[i + 1] > 1e-9)
            all[n++] = (struct arrivals){p->share[i + 1] / both, p->arrived[0], p->arrived[i + 1]};
    }
    double log_e = n ? mismatch_evidence(all, n) : 0;
    free(all);
    return log_e;
}

/* `same`: what must not be worse is as good. */
static double needed_of(const struct experiment *x, const struct findings *f, size_t i, bool same)
{
    const struct period *p = experiment_now(x);
    double share = p->share[i + 1] / (p->share[i + 1] + p->share[0]), most = 0;
    if (!f->begun || !(share > 0 && share < 1)) return 0;
    for (size_t t = 0; t < f->n_tracks; t++) {
        const struct sequence_plan *plan = &f->challenger[i].track[t].sequence.plan;
        bool margin = same && f->track[t].kind == TRACK_SCALE;
        if (!proves(f, t) || f->track[t].kind == TRACK_BILL) continue;
        most = fmax(most, exposure_needed(findings_variance(f, t), share,
                                          margin ? -plan->target[SIDE_ABOVE] : plan->effect));
    }
    return most;
}

static void read_challenger(const struct experiment *x, const struct findings *f, size_t i, bool intervals,
                            struct challenger_reading *ret)
{
    *ret = (struct challenger_reading){.evidence = INFINITY};
    for (size_t t = 0; t < f->n_tracks; t++) {
        read_track(f, t, &f->challenger[i], intervals, &ret->track[t]);
        if (proves(f, t)) ret->evidence = fmin(ret->evidence, ret->track[t].evidence[SIDE_ABOVE]);
        if (proves(f, t)) ret->unfair = ret->unfair || ret->track[t].unfair;
        if (ret->track[t].broken && !ret->broken) ret->broken = true, ret->broken_track = t;
    }
    ret->mismatch = mismatch_of(x, i);
    ret->mismatched = ret->mismatch >= log(1 / f->plan->guard_alpha);
    ret->needed = needed_of(x, f, i, false);
    ret->needed_same = needed_of(x, f, i, true);
}

void judge(const struct experiment *x, const struct findings *f, bool intervals, struct judgement *ret)
{
    double log_e[LIVE_CHALLENGERS_MAX];
    bool proven[LIVE_CHALLENGERS_MAX];
    ret->n = f->n_challengers;
    for (size_t i = 0; i < ret->n; i++) {
        read_challenger(x, f, i, intervals, &ret->challenger[i]);
        log_e[i] = ret->challenger[i].evidence;
    }
    evidence_closed(log_e, ret->n, f->plan->alpha / 2, proven);
    for (size_t i = 0; i < ret->n; i++) {
        ret->challenger[i].proven = f->begun && proven[i] && !ret->challenger[i].unfair;
        ret->challenger[i].word = word_of(f, &f->challenger[i], &ret->challenger[i]);
    }
}

/* ---- in JSON ---- */

static json_t *track_json(const struct findings *f, size_t t, const struct challenger *c,
                          const struct track_reading *r)
{
    const struct live_metric *m = &f->metric[f->track[t].metric];
    bool ratio = f->track[t].kind != TRACK_SCALE;
    json_t *out =
        json_pack("{s:s, s:s, s:o, s:o, s:o, s:b, s:b}", "metric", m->name, "what", track_kind_name(f->track[t].kind),
                  ratio ? "ratio" : "difference", json_number(r->by), "low", json_number(r->low), "high",
                  json_number(r->high), "proven", r->good, "worse", r->bad);
    json_object_set_new(out, "unheard", json_numbers(r->unheard, 2));
    json_object_set_new(out, "unfair", json_boolean(r->unfair));
    if (ratio) json_object_set_new(out, "cap", json_number(m->marks.cap));
    if (f->adjustment[t].explained > 0) json_object_set_new(out, "explained", json_number(f->adjustment[t].explained));
    if (isfinite(r->guard)) {
        json_object_set_new(out, "guard", json_number(m->guard));
        json_object_set_new(out, "broken", json_boolean(r->broken));
    }
    struct tallies all = tallies_of(&c->track[t]);
    for (int arm = 0; arm < ARMS; arm++) {
        double mean = adjustment_mean_back(&f->adjustment[t], mean_of(&all, (enum arm)arm));
        const char *key = arm == ARM_CHAMPION ? "champion" : "challenger";
        if (f->track[t].kind == TRACK_SCALE)
            json_object_set_new(out, key, json_number(m->minimize ? m->high - mean * (m->high - m->low)
                                                                  : m->low + mean * (m->high - m->low)));
        else if (f->track[t].kind == TRACK_BILL)
            json_object_set_new(out, key, json_number(mean * m->marks.cap));
    }
    free(all.at);
    return out;
}

json_t *judgement_json(const struct experiment *x, const struct findings *f, const struct judgement *j)
{
    json_t *out = json_array();
    char name[32];
    for (size_t i = 0; i < j->n; i++) {
        const struct challenger_reading *r = &j->challenger[i];
        const struct challenger *c = &f->challenger[i];
        json_t *tracks = json_array();
        for (size_t t = 0; t < f->n_tracks; t++) json_array_append_new(tracks, track_json(f, t, c, &r->track[t]));
        json_array_append_new(out, json_pack("{s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:o}", "variant",
                                             experiment_variant(x, i + 1, name, sizeof name), "verdict",
                                             verdict_name(r->word), "dropped", x->dropped[i], "mismatch", r->mismatched,
                                             "units", json_numbers(c->units, ARMS), "missing",
                                             json_numbers(c->missing, ARMS), "pairs", json_number(c->pairs), "needed",
                                             json_number(ceil(r->needed)), "metrics", tracks));
    }
    return out;
}
