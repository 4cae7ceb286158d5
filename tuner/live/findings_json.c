#include "tuner/live/findings.h"

#include "tuner/live/levels.h"

#include <math.h>
#include <string.h>

/* ---- writing ---- */

static json_t *stratum_json(const struct stratum *s)
{
    return json_pack("{s:I, s:I, s:f, s:f, s:f, s:o, s:o, s:o}", "period", (json_int_t)s->period, "segment",
                     (json_int_t)s->segment, "share", s->tally.share, "offset", s->tally.offset, "variance",
                     s->tally.variance, "champion", levels_json(s->tally.units[ARM_CHAMPION]), "challenger",
                     levels_json(s->tally.units[ARM_CHALLENGER]), "unheard", json_numbers(s->unheard, ARMS));
}

static json_t *guard_json(const struct guard *g)
{
    return json_numbers((const double[]){g->plan.bound, g->plan.fall, g->plan.exposed, g->plan.pair_variance,
                                         g->log_wealth, g->exposed, g->staked, g->pairs, g->squares},
                        9);
}

static json_t *followed_json(const struct followed *x)
{
    json_t *strata = json_array();
    for (size_t i = 0; i < x->n; i++) json_array_append_new(strata, stratum_json(&x->stratum[i]));
    const double *plan = (const double[]){x->sequence.plan.effect, x->sequence.plan.target[0],
                                          x->sequence.plan.target[1], x->sequence.plan.alpha,
                                          x->sequence.plan.information};
    return json_pack("{s:o, s:o, s:f, s:o, s:o, s:o, s:o, s:f}", "strata", strata, "plan", json_numbers(plan, 5),
                     "information", x->sequence.information, "above",
                     json_numbers(x->sequence.hedge[SIDE_ABOVE].log_wealth, HEDGE_POINTS), "below",
                     json_numbers(x->sequence.hedge[SIDE_BELOW].log_wealth, HEDGE_POINTS), "guard",
                     guard_json(&x->guard), "shadow", guard_json(&x->shadow), "apart", x->apart);
}

static json_t *challenger_json(const struct findings *f, const struct challenger *c)
{
    json_t *tracks = json_array();
    for (size_t t = 0; t < f->n_tracks; t++) json_array_append_new(tracks, followed_json(&c->track[t]));
    return json_pack("{s:o, s:o, s:f, s:o}", "units", json_numbers(c->units, ARMS), "missing",
                     json_numbers(c->missing, ARMS), "pairs", c->pairs, "tracks", tracks);
}

static json_t *marks_json(const struct findings *f)
{
    json_t *out = json_array();
    for (size_t m = 0; m < f->plan->n_metrics; m++) {
        const struct saving_marks *x = &f->metric[m].marks;
        json_array_append_new(out, json_numbers((const double[]){x->low, x->high, x->cap}, 3));
    }
    return out;
}

static json_t *samples_json(const struct findings *f)
{
    json_t *out = json_array();
    for (size_t m = 0; m < f->plan->n_metrics; m++)
        json_array_append_new(out, json_numbers(f->sample[m], f->begun ? 0 : (size_t)f->learnt));
    json_array_append_new(out, json_numbers(f->expected, f->begun ? 0 : (size_t)f->learnt));
    return out;
}

static json_t *adjustments_json(const struct findings *f)
{
    json_t *out = json_array();
    for (size_t t = 0; t < f->n_tracks; t++) {
        const struct adjustment *a = &f->adjustment[t];
        json_array_append_new(out, json_numbers((const double[]){a->mean, a->slope, a->centre, a->low, a->high,
                                                                 a->variance, a->explained}, 7));
    }
    return out;
}

json_t *findings_rules_json(const struct findings *f)
{
    return json_pack("{s:b, s:o, s:o}", "begun", f->begun, "marks", marks_json(f), "adjustments", adjustments_json(f));
}

json_t *findings_json(const struct findings *f)
{
    json_t *known = json_array(), *challengers = json_array();
    for (size_t t = 0; t < f->n_tracks; t++)
        json_array_append_new(known,
                              json_numbers((const double[]){f->known[t].n, f->known[t].sum, f->known[t].squares}, 3));
    for (size_t i = 0; i < f->n_challengers; i++)
        json_array_append_new(challengers, challenger_json(f, &f->challenger[i]));
    json_t *out = json_pack("{s:f, s:o, s:o, s:o}", "learnt", f->learnt, "samples", samples_json(f), "known", known,
                            "challengers", challengers);
    json_object_update_new(out, findings_rules_json(f));
    return out;
}

/* ---- reading ---- */

static bool read_stratum(const json_t *in, struct stratum *ret)
{
    const json_t *unheard = json_object_get(in, "unheard"); /* of what was kept by earlier versions: not counted */
    if (unheard && !json_numbers_read(unheard, ret->unheard, ARMS)) return false;
    ret->period = (long)json_integer_value(json_object_get(in, "period"));
    ret->segment = (long)json_integer_value(json_object_get(in, "segment"));
    return tally_begin(&ret->tally, json_number_at(in, "share"), json_number_at(in, "offset"),
                       json_number_at(in, "variance")) &&
           levels_read(json_object_get(in, "champion"), ret->tally.units[ARM_CHAMPION]) &&
           levels_read(json_object_get(in, "challenger"), ret->tally.units[ARM_CHALLENGER]);
}

static bool read_strata(const json_t *in, struct followed *x, struct arena *arena)
{
    x->n = json_array_size(in);
    x->stratum = NULL;
    for (size_t i = 0; i < x->n; i++) {
        x->stratum = arena_more(arena, x->stratum, i, sizeof *x->stratum);
        x->stratum[i] = (struct stratum){.period = 0};
        if (!read_stratum(json_array_get(in, i), &x->stratum[i])) return false;
    }
    return true;
}

static bool read_guard(const json_t *in, struct guard *ret)
{
    double g[9];
    if (!json_numbers_read(in, g, 9)) return false;
    *ret = (struct guard){{g[0], g[1], g[2], g[3]}, g[4], g[5], g[6], g[7], g[8]};
    return true;
}

static bool read_followed(const json_t *in, struct followed *x, struct arena *arena)
{
    double plan[5];
    if (!json_numbers_read(json_object_get(in, "plan"), plan, 5) ||
        !read_guard(json_object_get(in, "guard"), &x->guard) ||
        !read_guard(json_object_get(in, "shadow"), &x->shadow) ||
        !json_numbers_read(json_object_get(in, "above"), x->sequence.hedge[SIDE_ABOVE].log_wealth, HEDGE_POINTS) ||
        !json_numbers_read(json_object_get(in, "below"), x->sequence.hedge[SIDE_BELOW].log_wealth, HEDGE_POINTS))
        return false;
    x->sequence.plan = (struct sequence_plan){plan[0], {plan[1], plan[2]}, plan[3], plan[4]};
    x->sequence.information = json_number_at(in, "information");
    x->apart = json_number_at(in, "apart");
    return read_strata(json_object_get(in, "strata"), x, arena);
}

static bool read_challenger(const json_t *in, struct findings *f, struct challenger *c)
{
    const json_t *tracks = json_object_get(in, "tracks");
    c->pairs = json_number_at(in, "pairs");
    if (!json_numbers_read(json_object_get(in, "units"), c->units, ARMS) ||
        !json_numbers_read(json_object_get(in, "missing"), c->missing, ARMS) || json_array_size(tracks) != f->n_tracks)
        return false;
    for (size_t t = 0; t < f->n_tracks; t++)
        if (!read_followed(json_array_get(tracks, t), &c->track[t], f->arena)) return false;
    return true;
}

static bool read_marks(const json_t *in, struct findings *f)
{
    for (size_t m = 0; m < f->plan->n_metrics; m++) {
        double x[3];
        if (!json_numbers_read(json_array_get(in, m), x, 3)) return false;
        f->metric[m].marks = (struct saving_marks){x[0], x[1], x[2]};
    }
    return true;
}

static bool read_adjustments(const json_t *in, struct findings *f)
{
    for (size_t t = 0; t < f->n_tracks; t++) {
        double x[7];
        if (!json_numbers_read(json_array_get(in, t), x, 7) || !(x[3] < x[4])) return false;
        f->adjustment[t] = (struct adjustment){x[0], x[1], x[2], x[3], x[4], x[5], x[6]};
    }
    return true;
}

static bool read_sample(const json_t *in, struct findings *f, double **ret)
{
    size_t n = f->begun ? 0 : (size_t)f->learnt;
    for (size_t i = 0; i < n; i++) *ret = arena_more(f->arena, *ret, i, sizeof **ret);
    return json_numbers_read(in, *ret, n);
}

static bool read_samples(const json_t *in, struct findings *f)
{
    size_t n = f->plan->n_metrics;
    for (size_t m = 0; m < n; m++)
        if (!read_sample(json_array_get(in, m), f, &f->sample[m])) return false;
    return read_sample(json_array_get(in, n), f, &f->expected);
}

bool findings_rules_read(const json_t *in, struct findings *f)
{
    f->begun = json_is_true(json_object_get(in, "begun"));
    return read_marks(json_object_get(in, "marks"), f) && read_adjustments(json_object_get(in, "adjustments"), f);
}

static bool read_all(const json_t *in, struct findings *f)
{
    const json_t *known = json_object_get(in, "known"), *challengers = json_object_get(in, "challengers");
    f->learnt = json_number_at(in, "learnt");
    if (!findings_rules_read(in, f) || !(f->learnt >= 0 && f->learnt <= LIVE_LEARN_MAX) ||
        json_array_size(known) != f->n_tracks || json_array_size(challengers) != f->n_challengers)
        return false;
    for (size_t t = 0; t < f->n_tracks; t++) {
        double x[3];
        if (!json_numbers_read(json_array_get(known, t), x, 3)) return false;
        f->known[t] = (struct known){x[0], x[1], x[2]};
    }
    for (size_t i = 0; i < f->n_challengers; i++)
        if (!read_challenger(json_array_get(challengers, i), f, &f->challenger[i])) return false;
    return read_samples(json_object_get(in, "samples"), f);
}

enum status findings_read(const json_t *in, struct findings *f, struct error *err)
{
    if (read_all(in, f)) return STATUS_OK;
    return error_set(err, STATUS_INVALID, "what was kept of this experiment is not what its plan needs");
}
