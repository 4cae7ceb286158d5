#include "tuner/live/experiment.h"

#include <string.h>

/* ---- writing ---- */

static json_t *period_json(const struct experiment *x, const struct period *p)
{
    json_t *ranges = json_array();
    for (size_t i = 0; i < p->n; i++)
        json_array_append_new(
            ranges, json_pack("[f, f, i]", p->range[i].from, p->range[i].to, (int)p->range[i].arm));
    return json_pack("{s:I, s:I, s:o, s:o, s:o}", "from_ms", (json_int_t)p->from_ms, "to_ms", (json_int_t)p->to_ms,
                     "ranges", ranges, "shares", json_numbers(p->share, x->n_challengers + 1), "arrived",
                     json_numbers(p->arrived, x->n_challengers + 1));
}

json_t *live_counts_json(const struct live_counts *c)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "taken", c->taken, "repeated", c->repeated, "late",
                     c->late, "left_out", c->left_out, "refused", c->refused, "moved", c->moved, "scored", c->scored,
                     "spanned", c->spanned);
}

json_t *experiment_json(const struct experiment *x)
{
    json_t *periods = json_array(), *dropped = json_array();
    for (size_t i = 0; i < x->n_periods; i++) json_array_append_new(periods, period_json(x, &x->period[i]));
    for (size_t i = 0; i < x->n_challengers; i++) json_array_append_new(dropped, json_boolean(x->dropped[i]));
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:f, s:o, s:i, s:o, s:f, s:f, s:o, s:I, s:I, s:f, s:o}", "phase",
                     live_phase_name(x->phase), "why", x->why, "since_ms", (json_int_t)x->since_ms, "until_ms",
                     (json_int_t)x->until_ms, "step", (json_int_t)x->step, "step_from", x->step_from, "dropped",
                     dropped, "winner", x->winner, "weights", json_numbers(x->weight, x->n_challengers), "part",
                     x->part, "shared_from", x->shared_from, "periods", periods, "heard_ms", (json_int_t)x->heard_ms,
                     "day", (json_int_t)x->day, "exposed", x->exposed, "counts", live_counts_json(&x->counts));
}

/* ---- reading ---- */

static bool read_phase(const char *name, enum live_phase *ret)
{
    for (int i = 0; name && i <= LIVE_STOPPED; i++)
        if (strcmp(name, live_phase_name((enum live_phase)i)) == 0) return *ret = (enum live_phase)i, true;
    return false;
}

static int64_t whole(const json_t *in, const char *key)
{
    return json_integer_value(json_object_get(in, key));
}

static bool read_ranges(const json_t *in, struct experiment *x, struct period *p)
{
    p->n = json_array_size(in);
    if (p->n > SHARES_RANGES_MAX) return false;
    p->range = arena_array(x->arena, p->n + 1, sizeof *p->range);
    for (size_t i = 0; i < p->n; i++) {
        const json_t *at = json_array_get(in, i);
        p->range[i] = (struct assignment_range){json_number_read(json_array_get(at, 0)),
                                                json_number_read(json_array_get(at, 1)),
                                                (size_t)json_integer_value(json_array_get(at, 2))};
        if (p->range[i].arm == 0 || p->range[i].arm > x->n_challengers) return false;
    }
    return true;
}

static bool read_periods(const json_t *in, struct experiment *x)
{
    x->n_periods = json_array_size(in);
    for (size_t i = 0; i < x->n_periods; i++) {
        const json_t *at = json_array_get(in, i);
        x->period = arena_more(x->arena, x->period, i, sizeof *x->period);
        struct period *p = &x->period[i];
        *p = (struct period){.from_ms = whole(at, "from_ms"), .to_ms = whole(at, "to_ms")};
        if (!read_ranges(json_object_get(at, "ranges"), x, p) ||
            !json_numbers_read(json_object_get(at, "shares"), p->share, x->n_challengers + 1) ||
            !json_numbers_read(json_object_get(at, "arrived"), p->arrived, x->n_challengers + 1))
            return false;
    }
    return x->n_periods > 0;
}

bool live_counts_read(const json_t *in, struct live_counts *ret)
{
    const struct {
        const char *key;
        double *into;
    } all[] = {{"taken", &ret->taken},       {"repeated", &ret->repeated}, {"late", &ret->late},
               {"left_out", &ret->left_out}, {"refused", &ret->refused},   {"moved", &ret->moved},
               {"scored", &ret->scored},     {"spanned", &ret->spanned}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const json_t *v = json_object_get(in, all[i].key);
        double n = v ? json_number_read(v) : 0;
        if (!(n >= 0)) return false;
        *all[i].into = n;
    }
    return true;
}

static bool read_all(const json_t *in, struct experiment *x)
{
    const char *why = json_string_value(json_object_get(in, "why"));
    x->why = arena_strdup(x->arena, why ? why : "");
    x->since_ms = whole(in, "since_ms"), x->until_ms = whole(in, "until_ms");
    x->step = (size_t)whole(in, "step");
    x->step_from = json_number_at(in, "step_from");
    x->winner = (int)whole(in, "winner");
    x->part = json_number_at(in, "part"), x->shared_from = json_number_at(in, "shared_from");
    x->heard_ms = whole(in, "heard_ms"), x->day = (long)whole(in, "day");
    x->exposed = json_number_at(in, "exposed");
    for (size_t i = 0; i < x->n_challengers; i++)
        x->dropped[i] = json_is_true(json_array_get(json_object_get(in, "dropped"), i));
    return x->step < x->plan->n_steps && x->part >= 0 && x->part <= 1 && x->shared_from >= 0 && x->winner >= -1 &&
           x->winner < (int)x->n_challengers && live_counts_read(json_object_get(in, "counts"), &x->counts) &&
           read_phase(json_string_value(json_object_get(in, "phase")), &x->phase) &&
           json_numbers_read(json_object_get(in, "weights"), x->weight, x->n_challengers) &&
           read_periods(json_object_get(in, "periods"), x);
}

enum status experiment_read(const json_t *in, const struct live_plan *plan, size_t n_challengers, struct arena *arena,
                            struct experiment *ret, struct error *err)
{
    struct experiment x = {.plan = plan, .n_challengers = n_challengers, .arena = arena};
    if (!read_all(in, &x))
        return error_set(err, STATUS_INVALID, "what was kept of this experiment cannot be read");
    *ret = x;
    return STATUS_OK;
}
