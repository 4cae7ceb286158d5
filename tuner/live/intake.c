#include "tuner/live/intake.h"

#include "tuner/live/pairs.h"
#include "tuner/live/track.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { REFUSALS_MAX = 100, SETTLING_MS = 10000 };

/* One item, understood. */
struct item {
    const char *unit, *id;
    size_t arm;
    int64_t at_ms;
    struct period *period;
    long period_number, segment;
    double expected;
    bool has_metrics, was_served; /* was_served: it is refused for what it says, of a unit that was served all the same */
    size_t n_values;
    double value[PAIRS_VALUES_MAX]; /* as pairs.h has them */
};

/* What became of it. */
struct fate {
    enum intake_word word;
    struct error wrong; /* refused: why */
};

/* ---- who is not counted ---- */

const char *intake_holdout_salt(const char *rollout, char *buf, size_t size)
{
    snprintf(buf, size, "%.100s-holdout", rollout);
    return buf;
}

enum intake_aside intake_aside(const struct live_plan *p, const char *rollout, const char *unit,
                               const char **ret_variant)
{
    char salt[ASSIGNMENT_SALT_MAX + 1];
    size_t n = strlen(unit);
    for (size_t i = 0; i < p->n_overrides; i++)
        if (strcmp(p->override[i].unit, unit) == 0) return *ret_variant = p->override[i].variant, ASIDE_OVERRIDE;
    *ret_variant = "champion";
    if (p->holdout > 0 && assignment_place(intake_holdout_salt(rollout, salt, sizeof salt), unit, n) < p->holdout)
        return ASIDE_HOLDOUT;
    if (!p->group.salt) return ASIDE_NOT;
    double place = assignment_place(p->group.salt, unit, n);
    return place >= p->group.from && place < p->group.to ? ASIDE_NOT : ASIDE_GROUP;
}

/* ---- an item ---- */

static enum status read_whole(const json_t *in, const char *key, int64_t *ret, struct error *err)
{
    const json_t *v = json_object_get(in, key);
    if (!v || json_is_null(v)) return STATUS_OK;
    if (!json_is_integer(v)) return error_set(err, STATUS_INVALID, "%s must be a whole number", key);
    *ret = json_integer_value(v);
    return STATUS_OK;
}

static enum status read_text(const json_t *in, const char *key, size_t most, const char **ret, struct error *err)
{
    const json_t *v = json_object_get(in, key);
    if (!v || json_is_null(v)) return STATUS_OK;
    size_t n = json_string_length(v);
    if (!json_is_string(v) || n == 0 || n > most || strlen(json_string_value(v)) != n)
        return error_set(err, STATUS_INVALID, "%s must be a text of 1 to %zu bytes", key, most);
    *ret = json_string_value(v);
    return STATUS_OK;
}

static enum status check_value(const struct live_metric *m, const json_t *v, struct error *err)
{
    if (json_is_number(v)) return track_check(m, json_number_value(v), err);
    return error_set(err, STATUS_INVALID, "%.48s must be a number", m->name);
}

/* Of a metric that another follows it is looked at whether it can be, and no more. STATUS_NOT_FOUND: nobody knows it. */
static enum status read_metric(const struct lane *l, const char *name, const json_t *v, double *value, size_t *ret_n,
                               struct error *err)
{
    int m = live_plan_metric(l->plan, name), other = l->beside ? live_plan_metric(l->beside, name) : -1;
    if (m < 0 && other < 0)
        return error_set(err, STATUS_NOT_FOUND, "%s '%.48s'",
                         l->beside ? "neither the experiment nor the watch has a metric" : "the plan has no metric", name);
    enum status s = check_value(m < 0 ? &l->beside->metric[other] : &l->plan->metric[m], v, err);
    if (s || m < 0) return s;
    value[m] = json_number_value(v);
    ++*ret_n;
    return s;
}

/* Into `value`, which is as it was where nothing is said; *ret_n: how many there are. */
static enum status read_metrics(const struct lane *l, const json_t *in, double *value, size_t *ret_n, struct error *err)
{
    const char *name;
    json_t *v;
    *ret_n = 0;
    if (!in || json_is_null(in)) return STATUS_OK;
    if (!json_is_object(in)) return error_set(err, STATUS_INVALID, "metrics must be an object such as {\"em\": 1}");
    json_object_foreach((json_t *)in, name, v)
    {
        enum status s = read_metric(l, name, v, value, ret_n, err);
        if (s) return s;
    }
    return STATUS_OK;
}

static enum status read_own(const struct lane *l, const json_t *in, struct item *x, struct error *err)
{
    size_t n = 0;
    x->n_values = l->plan->n_metrics;
    for (size_t i = 0; i < PAIRS_VALUES_MAX; i++) x->value[i] = NAN;
    enum status s = read_metrics(l, json_object_get(in, "metrics"), x->value, &n, err);
    x->has_metrics = n > 0;
    return s;
}

/* {"challenger": {"em": 0}, …}: what they would have answered. */
static enum status read_shadow(const struct lane *l, const json_t *in, struct item *x, struct error *err)
{
    const char *name;
    json_t *v;
    const json_t *all = json_object_get(in, "shadow");
    size_t m = l->plan->n_metrics, n;
    if (!all || json_is_null(all)) return STATUS_OK;
    if (!json_is_object(all) || !x->has_metrics || x->arm != 0)
        return error_set(err, STATUS_INVALID,
                         "shadow stands beside metrics of the champion, such as {\"challenger\": {\"em\": 0}}");
    json_object_foreach((json_t *)all, name, v)
    {
        int arm = experiment_arm(l->experiment, name);
        if (arm < 1) return error_set(err, STATUS_INVALID, "shadow: there is no challenger '%.48s'", name);
        double *value = x->value + (size_t)arm * m;
        for (size_t i = 0; i < m; i++) value[i] = PAIRS_UNHEARD;
        enum status s = read_metrics(l, v, value, &n, err);
        if (s) return s;
    }
    if (l->experiment->phase == LIVE_SHADOW) x->n_values = m * (l->experiment->n_challengers + 1);
    return STATUS_OK;
}

static enum status read_arm(const struct experiment *e, const json_t *in, struct item *x, struct error *err)
{
    const char *variant = NULL;
    enum status s = read_text(in, "variant", 48, &variant, err);
    if (!s && !variant) s = error_set(err, STATUS_INVALID, "variant is missing: which did this unit get?");
    if (s) return s;
    int arm = experiment_arm(e, variant);
    if (arm < 0)
        return error_set(err, STATUS_INVALID, "there is no variant '%.48s', but champion and %s", variant,
                         e->n_challengers == 1 ? "challenger" : "challenger-1 …");
    x->arm = (size_t)arm;
    return STATUS_OK;
}

static enum status read_expected(const json_t *in, double *ret, struct error *err)
{
    const json_t *v = json_object_get(in, "expected");
    if (!v || json_is_null(v)) return STATUS_OK;
    double x = json_number_read(v);
    if (!(x >= 0 && x <= 1)) return error_set(err, STATUS_INVALID, "expected must be a number from 0 to 1");
    *ret = x;
    return STATUS_OK;
}

static enum status check_keys(const json_t *in, struct error *err)
{
    if (json_is_object(in))
        return json_only(in, err, "unit", "id", "at_ms", "experiment", "period", "variant", "segment", "expected",
                         "metrics", "shadow", NULL);
    return error_set(err, STATUS_INVALID,
                     "an outcome must be an object, in JSON: without NaN, \\u0000 and halves of surrogates");
}

/* Before there are arms to compare, a metric that nobody knows says nothing of anybody: as long as all misspell it, its
 * absence is not to be learnt. */
static bool has_arms(const struct experiment *e)
{
    return e->n_challengers > 0 && e->phase != LIVE_LEARNING;
}

/* What a unit did. */
static enum status read_deed(const struct lane *l, const json_t *in, struct item *x, struct error *err)
{
    enum status s = read_text(in, "id", INTAKE_ID_MAX, &x->id, err);
    if (!s) s = read_own(l, in, x, err);
    if (!s && x->has_metrics && !x->id)
        s = error_set(err, STATUS_INVALID, "id is missing: without one a repetition would count twice");
    x->was_served = s && (s != STATUS_NOT_FOUND || has_arms(l->experiment));
    return s ? s : read_shadow(l, in, x, err);
}

static enum status read_item(const struct lane *l, const json_t *in, int64_t now_ms, struct item *x,
                             struct error *err)
{
    const char *segment = NULL;
    *x = (struct item){.at_ms = now_ms, .period_number = -1, .expected = NAN};
    enum status s = check_keys(in, err);
    if (!s) s = read_text(in, "unit", ASSIGNMENT_UNIT_MAX, &x->unit, err);
    if (!s && !x->unit) s = error_set(err, STATUS_INVALID, "unit is missing: who was served?");
    if (!s) s = read_text(in, "segment", 48, &segment, err);
    if (!s) s = read_whole(in, "at_ms", &x->at_ms, err);
    if (!s && x->at_ms > now_ms + INTAKE_FUTURE_MS)
        s = error_set(err, STATUS_INVALID, "at_ms is %lld s in the future; look at the clock of who sent it",
                      (long long)(x->at_ms - now_ms) / 1000);
    if (!s) s = read_arm(l->experiment, in, x, err);
    if (!s) s = read_expected(in, &x->expected, err);
    if (!s) s = read_deed(l, in, x, err);
    x->segment = live_plan_segment(l->plan, segment);
    return s;
}

/* ---- when and whose ---- */

/* False: it is another experiment's, or nobody's. */
static bool is_of_lane(const struct lane *l, const json_t *in, struct fate *ret)
{
    int64_t number = l->number;
    ret->word = INTAKE_REFUSED;
    if (read_whole(in, "experiment", &number, &ret->wrong)) return false;
    ret->word = INTAKE_LEFT_OUT;
    return number == l->number;
}

/* False: it is of no period that is known for sure. */
static bool find_period(const struct lane *l, const json_t *in, struct item *x, struct fate *ret)
{
    struct experiment *e = l->experiment;
    int64_t period = -1;
    ret->word = INTAKE_REFUSED;
    if (read_whole(in, "period", &period, &ret->wrong)) return false;
    ret->word = INTAKE_LEFT_OUT;
    x->period = experiment_period_at(e, x->at_ms);
    if (period < 0) { /* by its time: beside a change nobody knows which rules its client had */
        bool settled = x->period && (x->period == e->period || x->at_ms >= x->period->from_ms + SETTLING_MS);
        if (settled) x->period_number = x->period - e->period;
        return settled;
    }
    if ((size_t)period >= e->n_periods) {
        ret->word = INTAKE_REFUSED;
        error_set(&ret->wrong, STATUS_INVALID, "period %lld has not been yet; the last is %zu", (long long)period,
                  e->n_periods - 1);
        return false;
    }
    x->period = &e->period[period];
    x->period_number = (long)period;
    return x->at_ms >= x->period->from_ms;
}

/* ---- into the store ---- */

static enum status put_outcome(const struct lane *l, const struct item *x, struct store_unit *u, struct fate *ret,
                               struct error *err)
{
    bool is_new = false;
    int64_t id = 0;
    assignment_key("outcome", x->id, strlen(x->id), &id);
    struct store_outcome o = {l->id, u->unit, id, x->at_ms, x->value, x->n_values};
    if (u->outcomes >= l->plan->outcomes_max) {
        ret->word = INTAKE_REFUSED;
        error_set(&ret->wrong, STATUS_INVALID, "this unit has %ld outcomes already, the most that a unit may have",
                  u->outcomes);
        return STATUS_OK;
    }
    enum status s = store_outcome_add(l->store, &o, &is_new, err);
    ret->word = is_new ? INTAKE_TAKEN : INTAKE_REPEATED;
    if (s || !is_new) return s;
    u->outcomes++;
    if (x->at_ms < u->at_ms && x->at_ms >= x->period->from_ms && x->period_number == u->period) u->at_ms = x->at_ms;
    return store_unit_put(l->store, u, err);
}

static enum status put_first(const struct lane *l, const struct item *x, int64_t key, int64_t now_ms, struct fate *ret,
                             struct error *err)
{
    struct store_unit u = {.experiment = l->id,
                           .unit = key,
                           .arm = (long)x->arm,
                           .period = x->period_number,
                           .segment = x->segment,
                           .expected = x->expected,
                           .at_ms = x->at_ms};
    if (x->at_ms + l->plan->window_ms + l->plan->late_ms < now_ms) return ret->word = INTAKE_LATE, STATUS_OK;
    experiment_arrived(l->experiment, x->period, x->arm, 1, now_ms);
    ret->word = INTAKE_TAKEN;
    return x->has_metrics ? put_outcome(l, x, &u, ret, err) : store_unit_put(l->store, &u, err);
}

static enum status put_item(const struct lane *l, const struct item *x, int64_t key, int64_t now_ms, struct fate *ret,
                            struct error *err)
{
    struct store_unit u;
    bool found = false;
    enum status s = store_unit_find(l->store, l->id, key, &found, &u, err);
    if (s || !found) return s ? s : put_first(l, x, key, now_ms, ret, err);
    ret->word = u.done && x->has_metrics ? INTAKE_LATE : INTAKE_REPEATED;
    if (u.done) return s;
    if (u.arm == (long)x->arm) return x->has_metrics ? put_outcome(l, x, &u, ret, err) : s;
    l->experiment->counts.moved++;
    ret->word = INTAKE_LEFT_OUT;
    return s;
}

/* False: its fate is known. */
static bool is_counted(const struct lane *l, const json_t *in, int64_t now_ms, struct item *x, struct fate *ret)
{
    const char *variant;
    if (!is_of_lane(l, in, ret)) return false;
    ret->word = INTAKE_REFUSED;
    if (read_item(l, in, now_ms, x, &ret->wrong)) return false;
    if (!find_period(l, in, x, ret)) return false;
    ret->word = INTAKE_LEFT_OUT;
    return intake_aside(l->plan, l->rollout, x->unit, &variant) == ASIDE_NOT;
}

static enum status take_one(const struct lane *l, const json_t *in, int64_t now_ms, struct fate *ret, struct error *err);

/* Without what it says. Else whoever fails with nonsense would not be seen, and an arm that does look better than it is. */
static enum status take_served(const struct lane *l, const json_t *in, int64_t now_ms, struct error *err)
{
    struct fate ignored;
    json_t *bare = json_copy((json_t *)in);
    json_object_del(bare, "id");
    json_object_del(bare, "metrics");
    json_object_del(bare, "shadow");
    enum status s = take_one(l, bare, now_ms, &ignored, err);
    json_decref(bare);
    return s;
}

static enum status take_one(const struct lane *l, const json_t *in, int64_t now_ms, struct fate *ret, struct error *err)
{
    struct item x = {.was_served = false};
    int64_t key = 0;
    char name[32];
    if (!is_counted(l, in, now_ms, &x, ret)) return x.was_served ? take_served(l, in, now_ms, err) : STATUS_OK;
    assignment_key(l->salt, x.unit, strlen(x.unit), &key);
    size_t arm = assignment_arm(assignment_place_of(key), x.period->range, x.period->n);
    if (arm == x.arm) return put_item(l, &x, key, now_ms, ret, err);
    ret->word = INTAKE_REFUSED;
    error_set(&ret->wrong, STATUS_INVALID, "this unit is the %s's in period %ld; was it assigned by other rules?",
              experiment_variant(l->experiment, arm, name, sizeof name), x.period_number);
    return STATUS_OK;
}

static void refuse(struct intake_answer *ret, size_t index, const struct error *wrong)
{
    if (json_array_size(ret->refused) < REFUSALS_MAX)
        json_array_append_new(ret->refused, json_pack("{s:I, s:s}", "index", (json_int_t)index, "why", wrong->text));
}

static void count(struct live_counts *c, const long *n)
{
    c->taken += (double)n[INTAKE_TAKEN];
    c->repeated += (double)n[INTAKE_REPEATED];
    c->late += (double)n[INTAKE_LATE];
    c->left_out += (double)n[INTAKE_LEFT_OUT];
    c->refused += (double)n[INTAKE_REFUSED];
}

enum status intake_take(const struct lane *lane, const json_t *outcomes, int64_t now_ms, struct intake_answer *ret,
                        struct error *err)
{
    size_t i;
    json_t *in;
    enum status s = STATUS_OK;
    *ret = (struct intake_answer){.refused = json_array()};
    json_array_foreach(outcomes, i, in) {
        struct fate fate = {INTAKE_LEFT_OUT, {STATUS_OK, ""}};
        if (lane) s = take_one(lane, in, now_ms, &fate, err);
        if (s) return s;
        ret->n[fate.word]++;
        if (fate.word == INTAKE_REFUSED) refuse(ret, i, &fate.wrong);
    }
    if (!lane) return s;
    count(&lane->experiment->counts, ret->n);
    if (ret->n[INTAKE_TAKEN]) lane->experiment->heard_ms = now_ms;
    return s;
}
