#include "tuner/live/sums.h"

#include "tuner/live/levels.h"

void sums_begin(struct sums *s, size_t n_tracks, struct arena *arena)
{
    *s = (struct sums){.n_tracks = n_tracks, .arena = arena};
}

const struct sums_cell *sums_find(const struct sums *s, long period, long segment, size_t arm)
{
    for (size_t i = s->n; i-- > 0;)
        if (s->cell[i].period == period && s->cell[i].segment == segment && s->cell[i].arm == arm) return &s->cell[i];
    return NULL;
}

const struct sums_cell *sums_first(const struct sums *s, long period, long segment)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->cell[i].period == period && s->cell[i].segment == segment) return &s->cell[i];
    return NULL;
}

struct sums_cell *sums_cell(struct sums *s, long period, long segment, size_t arm)
{
    const struct sums_cell *there = sums_find(s, period, segment, arm);
    if (there) return &s->cell[there - s->cell];
    s->cell = arena_more(s->arena, s->cell, s->n, sizeof *s->cell);
    s->cell[s->n] = (struct sums_cell){.period = period, .segment = segment, .arm = arm};
    return &s->cell[s->n++];
}

void sums_arrived(struct sums *s, long period, size_t arm, double units)
{
    for (size_t i = 0; i < s->n_arrived; i++)
        if (s->arrived[i].period == period && s->arrived[i].arm == arm) {
            s->arrived[i].units += units;
            return;
        }
    s->arrived = arena_more(s->arena, s->arrived, s->n_arrived, sizeof *s->arrived);
    s->arrived[s->n_arrived++] = (struct arrived){period, arm, units};
}

bool sums_are_none(const struct sums *s)
{
    const struct live_counts *c = &s->counts;
    double counted = c->taken + c->repeated + c->late + c->left_out + c->refused + c->moved + c->scored + c->spanned;
    return s->n == 0 && s->n_arrived == 0 && !(counted > 0);
}

/* ---- writing ---- */

static json_t *cell_json(const struct sums_cell *c, const struct experiment *x, size_t n_tracks)
{
    char name[32];
    json_t *tracks = json_array(), *unheard = json_array();
    for (size_t t = 0; t < n_tracks; t++) json_array_append_new(tracks, levels_json(c->level[t]));
    for (size_t m = 0; m < x->plan->n_metrics; m++) json_array_append_new(unheard, json_amount(c->unheard[m]));
    json_t *out = json_pack("{s:I, s:s, s:o, s:o, s:o, s:o}", "period", (json_int_t)c->period, "variant",
                            experiment_variant(x, c->arm, name, sizeof name), "units", json_amount(c->units), "missing",
                            json_amount(c->missing), "unheard", unheard, "tracks", tracks);
    if (c->segment < (long)x->plan->n_segments)
        json_object_set_new(out, "segment", json_string(x->plan->segment[c->segment]));
    return out;
}

json_t *sums_json(const struct sums *s, const struct experiment *x)
{
    char name[32];
    json_t *cells = json_array(), *arrived = json_array();
    for (size_t i = 0; i < s->n; i++) json_array_append_new(cells, cell_json(&s->cell[i], x, s->n_tracks));
    for (size_t i = 0; i < s->n_arrived; i++)
        json_array_append_new(arrived,
                              json_pack("{s:I, s:s, s:o}", "period", (json_int_t)s->arrived[i].period, "variant",
                                        experiment_variant(x, s->arrived[i].arm, name, sizeof name), "units",
                                        json_amount(s->arrived[i].units)));
    return json_pack("{s:o, s:o, s:o}", "cells", cells, "arrived", arrived, "counts", live_counts_json(&s->counts));
}

/* ---- reading ---- */

static enum status read_place(const json_t *in, const struct experiment *x, long *ret_period, size_t *ret_arm,
                              struct error *err)
{
    const json_t *period = json_object_get(in, "period");
    const char *variant = json_string_value(json_object_get(in, "variant"));
    int arm = variant ? experiment_arm(x, variant) : -1;
    if (arm < 0) return error_set(err, STATUS_INVALID, "there is no variant '%.48s'", variant ? variant : "");
    if (!json_is_integer(period) || json_integer_value(period) < 0 ||
        json_integer_value(period) >= (json_int_t)x->n_periods)
        return error_set(err, STATUS_INVALID, "period must be from 0 to %zu, the last one so far", x->n_periods - 1);
    *ret_period = (long)json_integer_value(period);
    *ret_arm = (size_t)arm;
    return STATUS_OK;
}

static bool read_units(const json_t *in, double *ret)
{
    return levels_count(in, ret) && *ret <= SUMS_UNITS_MAX;
}

static enum status read_tracks(const json_t *in, const struct sums *s, struct sums_cell *c, struct error *err)
{
    if (json_array_size(in) != s->n_tracks)
        return error_set(err, STATUS_INVALID, "tracks has %zu lists; this plan follows %zu", json_array_size(in),
                         s->n_tracks);
    for (size_t t = 0; t < s->n_tracks; t++) {
        double sum = 0;
        if (!levels_read(json_array_get(in, t), c->level[t]))
            return error_set(err, STATUS_INVALID, "track %zu must be a list of [level, units], levels from 0 to %d", t,
                             TALLY_LEVELS - 1);
        for (size_t i = 0; i < TALLY_LEVELS; i++) sum += c->level[t][i];
        if (sum != c->units)
            return error_set(err, STATUS_INVALID, "track %zu adds up to %.0f units, not to %.0f", t, sum, c->units);
    }
    return STATUS_OK;
}

/* Without a list it is what is missing altogether, of each. */
static enum status read_unheard(const json_t *in, const struct experiment *x, struct sums_cell *c, struct error *err)
{
    size_t n = x->plan->n_metrics;
    if (in && json_array_size(in) != n)
        return error_set(err, STATUS_INVALID, "unheard must be a list of %zu numbers, of each metric one", n);
    for (size_t m = 0; m < n; m++) {
        c->unheard[m] = c->missing;
        if (in && (!read_units(json_array_get(in, m), &c->unheard[m]) || c->unheard[m] < c->missing ||
                   c->unheard[m] > c->units))
            return error_set(err, STATUS_INVALID,
                             "unheard must be whole numbers, at least what is missing and at most the units");
    }
    return STATUS_OK;
}

static void add_cell(struct sums *s, const struct sums_cell *c)
{
    struct sums_cell *into = sums_cell(s, c->period, c->segment, c->arm);
    into->units += c->units;
    into->missing += c->missing;
    for (size_t m = 0; m < LIVE_METRICS_MAX; m++) into->unheard[m] += c->unheard[m];
    for (size_t t = 0; t < s->n_tracks; t++)
        for (size_t i = 0; i < TALLY_LEVELS; i++) into->level[t][i] += c->level[t][i];
}

static enum status read_cell(const json_t *in, const struct experiment *x, struct sums *s, struct error *err)
{
    struct sums_cell c = {0};
    enum status st = json_only(in, err, "period", "segment", "variant", "units", "missing", "unheard", "tracks",
                               NULL);
    if (!st) st = read_place(in, x, &c.period, &c.arm, err);
    if (!st && (!read_units(json_object_get(in, "units"), &c.units) ||
                !read_units(json_object_get(in, "missing"), &c.missing) || c.missing > c.units))
        st = error_set(err, STATUS_INVALID,
                       "units and missing must be whole numbers, at most %.0f, and no more missing than units",
                       SUMS_UNITS_MAX);
    const json_t *segment = json_object_get(in, "segment");
    if (!st && segment && !json_is_string(segment)) st = error_set(err, STATUS_INVALID, "segment must be a text");
    c.segment = live_plan_segment(x->plan, json_string_value(segment));
    if (!st) st = read_unheard(json_object_get(in, "unheard"), x, &c, err);
    if (!st) st = read_tracks(json_object_get(in, "tracks"), s, &c, err);
    if (!st) add_cell(s, &c);
    return st;
}

static enum status read_arrived(const json_t *in, const struct experiment *x, struct sums *s, struct error *err)
{
    struct arrived a = {0};
    enum status st = json_only(in, err, "period", "variant", "units", NULL);
    if (!st) st = read_place(in, x, &a.period, &a.arm, err);
    if (!st && !read_units(json_object_get(in, "units"), &a.units))
        st = error_set(err, STATUS_INVALID, "units must be a whole number, at most %.0f", SUMS_UNITS_MAX);
    if (!st) sums_arrived(s, a.period, a.arm, a.units);
    return st;
}

typedef enum status read_fn(const json_t *in, const struct experiment *x, struct sums *s, struct error *err);

static enum status read_list(const json_t *in, const char *key, read_fn *read, const struct experiment *x,
                             struct sums *s, struct error *err)
{
    size_t i;
    json_t *one;
    struct error why;
    const json_t *list = json_object_get(in, key);
    if (list && !json_is_array(list)) return error_set(err, STATUS_INVALID, "\"%s\" must be a list", key);
    if (json_array_size(list) > SUMS_CELLS_MAX)
        return error_set(err, STATUS_INVALID, "\"%s\" has %zu; at most %d", key, json_array_size(list), SUMS_CELLS_MAX);
    json_array_foreach(list, i, one)
        if (read(one, x, s, &why)) return error_set(err, why.status, "%s %zu: %s", key, i, why.text);
    return STATUS_OK;
}

static enum status read_counts(const json_t *in, struct sums *s, struct error *err)
{
    const char *name;
    json_t *value;
    if (in && !json_is_object(in)) return error_set(err, STATUS_INVALID, "counts must be an object");
    json_object_foreach((json_t *)in, name, value)
    {
        double n = json_number_read(value);
        if (!(n >= 0 && n <= SUMS_UNITS_MAX))
            return error_set(err, STATUS_INVALID, "counts: '%.48s' must be a number from 0 to %.0f", name, SUMS_UNITS_MAX);
    }
    live_counts_read(in, &s->counts);
    return STATUS_OK;
}

enum status sums_read(const json_t *in, const struct experiment *x, struct sums *s, struct error *err)
{
    enum status st = read_list(in, "cells", read_cell, x, s, err);
    if (!st) st = read_list(in, "arrived", read_arrived, x, s, err);
    return st ? st : read_counts(json_object_get(in, "counts"), s, err);
}
