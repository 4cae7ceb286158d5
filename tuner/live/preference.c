#include "tuner/live/preference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double floor_of_arms = 0.25; /* of all of them, shared alike */
static const double grown = 0.2;

bool preference_is_due(const struct experiment *x, int64_t now_ms)
{
    double since = x->counts.scored - x->shared_from;
    return x->phase == LIVE_RUNNING && x->plan->prefer == PREFER_FINDING &&
           since >= fmax(ALLOCATION_UNITS, grown * x->counts.scored) &&
           now_ms - experiment_now(x)->from_ms >= PREFERENCE_WINDOWS * x->plan->window_ms;
}

static bool counts(const struct findings *f, size_t t)
{
    return f->metric[f->track[t].metric].proof != PROOF_NONE && f->track[t].kind != TRACK_BILL;
}

static double difference_of(const struct followed *x)
{
    struct tally *all = findings_tallies(x);
    double by = sequence_difference(all, x->n);
    free(all);
    return by;
}

/* How much better than the champion, and the standard deviation of a unit of it if all tracks went together: in
 * effects. */
struct standing {
    double by, sd;
};

static struct standing stand(const struct findings *f, const struct challenger *c)
{
    struct standing s = {0, 0};
    for (size_t t = 0; t < f->n_tracks; t++) {
        if (!counts(f, t)) continue;
        double effect = c->track[t].sequence.plan.effect, by = difference_of(&c->track[t]);
        s.by += (isnan(by) ? 0 : by) / effect;
        s.sd += sqrt(findings_variance(f, t)) / effect;
    }
    return s;
}

/* Like an even bet, a standard deviation of a half: half of it is the champion's mean. */
static struct allocation_arm arm_of(double units, const struct standing *s)
{
    double mean = s->sd > 0 ? 0.5 + s->by / (2 * s->sd) : 0.5;
    return (struct allocation_arm){units, units * fmin(fmax(mean, 0), 1)};
}

bool preference_weigh(const struct experiment *x, const struct findings *f, struct preferred *ret)
{
    struct allocation_arm arm[LIVE_ARMS_MAX];
    size_t which[LIVE_ARMS_MAX], n = 1;
    double share[LIVE_ARMS_MAX], champion = 0;
    for (size_t i = 0; i < x->n_challengers; i++) {
        const struct challenger *c = &f->challenger[i];
        struct standing s = stand(f, c);
        champion = fmax(champion, c->units[ARM_CHAMPION]);
        if (x->dropped[i]) continue;
        which[n] = i;
        arm[n++] = arm_of(c->units[ARM_CHALLENGER], &s);
    }
    arm[0] = arm_of(champion, &(struct standing){0, 0});
    struct allocation_floors floors = {LIVE_CHAMPION_FLOOR / 100.0, floor_of_arms / (double)n};
    struct rng r = rng_derive((uint64_t)x->period->from_ms, "allocation", x->n_periods);
    if (n < 3 || !allocation_share(arm, n, &floors, &r, share)) return false;
    *ret = (struct preferred){.part = 1 - share[0]};
    for (size_t i = 1; i < n; i++) ret->weight[which[i]] = share[i] / ret->part;
    return true;
}
