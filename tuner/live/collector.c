/* Kept as the rollout's state: {"collector": "c…", "number": 17, "until_ms", "beside": {…}?, "sums": {…}, "outgoing": {…}?}. */
#include "tuner/live/collector.h"

#include "tuner/live/configuration.h"
#include "tuner/live/intake.h"
#include "tuner/live/record.h"
#include "tuner/live/scoring.h"

#include "tuner/base/digest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* One transaction. */
struct collecting {
    const struct collector *of;
    const json_t *in;
    bool known;
    int64_t now_ms;
    json_t *state, *out;
    bool more;
    struct collector_taken taken;
    struct sums sums;
    struct record r;
};

/* ---- what is kept ---- */

static enum status open_state(struct collecting *c, struct store *store, struct error *err)
{
    enum status s = record_open(&c->r, store, c->of->rollout, RECORD_WHOLE, err);
    if (!s) s = json_parse_object(c->r.rollout.state, strlen(c->r.rollout.state), &c->state, err);
    sums_begin(&c->sums, c->r.findings.n_tracks, &c->r.arena);
    if (s || !c->r.row.id) return s;
    return sums_read(json_object_get(c->state, "sums"), &c->r.experiment, &c->sums, err);
}

/* In the arena. */
static const char *text_of(struct collecting *c, const json_t *value)
{
    char *text = json_tight(value);
    const char *out = arena_strdup(&c->r.arena, text);
    free(text);
    return out;
}

static enum status keep_rollout(struct collecting *c, struct error *err)
{
    c->r.rollout.state = text_of(c, c->state);
    return store_rollout_update(c->r.store, &c->r.rollout, err);
}

static enum status keep_sums(struct collecting *c, struct error *err)
{
    json_object_set_new(c->state, "sums", sums_json(&c->sums, &c->r.experiment));
    return keep_rollout(c, err);
}

typedef enum status step_fn(struct store *store, void *data, struct error *err);

static enum status run(struct collecting *c, step_fn *step, struct error *err)
{
    enum status s = store_live(c->of->store, step, c, err);
    json_decref(c->state);
    record_done(&c->r);
    return s;
}

/* ---- as the service has it ---- */

/* Nobody else has this name; what it serves is nothing. */
static enum status found(struct collecting *c, const char *study, struct error *err)
{
    unsigned char random[8];
    char name[2 * sizeof random + 2] = "c";
    struct configuration none;
    struct store_rollout *ro = &c->r.rollout;
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return error_set(err, STATUS_IO, "the machine has no random numbers");
    for (size_t i = 0; i < sizeof random; i++) sprintf(name + 1 + 2 * i, "%02x", random[i]);
    json_t *body = json_pack("{s:s}", "collector", name);
    configuration_of_json(body, &none);
    c->state = json_pack("{s:s, s:i}", "collector", name, "number", 0);
    *ro = (struct store_rollout){.name = c->of->rollout, .study = study, .state = text_of(c, c->state)};
    memcpy(ro->champion, none.hash, STORE_HASH_BYTES);
    enum status s = store_configuration_put(c->r.store, none.hash, none.body, err);
    if (!s) s = store_rollout_insert(c->r.store, ro, &ro->id, err);
    free(none.body);
    json_decref(body);
    return s;
}

/* Findings that nothing was seen of, with these rules, as they are kept. */
static enum status bare_findings(struct collecting *c, const json_t *in, const char **ret, struct error *err)
{
    struct live_plan plan;
    struct findings f;
    const char *text = json_string_value(json_object_get(in, "plan"));
    enum status s = live_plan_read("plan", text ? text : "", &c->r.arena, &plan, err);
    if (s) return s;
    findings_init(&f, &plan, json_array_size(json_object_get(in, "hashes")) - 1, &c->r.arena);
    if (!findings_rules_read(json_object_get(in, "rules"), &f))
        return error_set(err, STATUS_INVALID, "the rules are not what the plan needs");
    json_t *kept = findings_json(&f);
    *ret = text_of(c, kept);
    json_decref(kept);
    return s;
}

static enum status put_experiment(struct collecting *c, const json_t *in, struct error *err)
{
    struct record *r = &c->r;
    struct store_experiment row = {.rollout = r->rollout.id,
                                   .number = (long)json_integer_value(json_object_get(in, "number")),
                                   .salt = json_string_value(json_object_get(in, "salt")),
                                   .plan = json_string_value(json_object_get(in, "plan")),
                                   .variants = text_of(c, json_object_get(in, "hashes")),
                                   .state = text_of(c, json_object_get(in, "state")),
                                   .created_ms = json_integer_value(json_object_get(in, "created_ms"))};
    enum status s = bare_findings(c, in, &row.evidence, err);
    if (s) return s;
    if (row.number == r->row.number) return store_experiment_update(r->store, r->row.id, row.state, row.evidence, err);
    json_object_del(c->state, "sums"); /* of one that is over: the service would leave them out */
    return store_experiment_insert(r->store, &row, &row.id, err);
}

/* The service has none that is open. */
static enum status end_experiment(struct collecting *c, struct error *err)
{
    struct record *r = &c->r;
    if (!record_is_open(r)) return STATUS_OK;
    json_object_del(c->state, "sums");
    r->experiment.phase = LIVE_STOPPED;
    json_t *state = experiment_json(&r->experiment);
    enum status s = store_experiment_update(r->store, r->row.id, text_of(c, state), NULL, err);
    json_decref(state);
    return s;
}

static bool is_scoring(const json_t *in)
{
    const json_t *e = json_object_get(in, "experiment");
    size_t hashes = json_array_size(json_object_get(e, "hashes"));
    return json_is_string(json_object_get(in, "study")) &&
           json_is_integer(json_object_get(in, "now_ms")) &&
           (!e || (json_is_string(json_object_get(e, "salt")) && json_is_string(json_object_get(e, "plan")) &&
                   json_is_object(json_object_get(e, "state")) && hashes >= 2 && hashes <= LIVE_ARMS_MAX));
}

static enum status mirror(struct store *store, void *data, struct error *err)
{
    struct collecting *c = data;
    const json_t *e = json_object_get(c->in, "experiment");
    enum status s = open_state(c, store, err);
    if (s == STATUS_NOT_FOUND) s = found(c, json_string_value(json_object_get(c->in, "study")), err);
    if (!s) s = e ? put_experiment(c, e, err) : end_experiment(c, err);
    if (s) return s;
    json_object_set(c->state, "until_ms", json_object_get(c->in, "now_ms"));
    json_object_del(c->state, "beside");
    if (json_object_get(e, "beside")) json_object_set(c->state, "beside", json_object_get(e, "beside"));
    return keep_rollout(c, err);
}

enum status collector_mirror(const struct collector *of, const json_t *scoring, struct error *err)
{
    struct collecting c = {.of = of, .in = scoring};
    if (!is_scoring(scoring)) return error_set(err, STATUS_INVALID, "this is not what a service says of a rollout's scoring");
    return run(&c, mirror, err);
}

/* ---- outcomes ---- */

/* Periods before it had no challenger yet. */
static json_int_t first_shared(const struct experiment *x)
{
    size_t i = 0;
    while (i < x->n_periods && x->period[i].n == 0) i++;
    return (json_int_t)i;
}

static bool is_ours(const struct record *r, const json_t *item)
{
    const json_t *experiment = json_object_get(item, "experiment"), *period = json_object_get(item, "period");
    return record_is_open(r) && r->findings.begun && json_is_integer(experiment) && json_is_integer(period) &&
           json_integer_value(experiment) == r->row.number && json_integer_value(period) >= first_shared(&r->experiment);
}

static bool is_newer(const struct record *r, const json_t *item)
{
    json_int_t experiment = json_integer_value(json_object_get(item, "experiment")),
               period = json_integer_value(json_object_get(item, "period"));
    if (experiment != r->row.number) return experiment > r->row.number;
    return period >= (json_int_t)r->experiment.n_periods;
}

static void note_arrivals(struct collecting *c)
{
    const struct experiment *x = &c->r.experiment;
    for (size_t i = 0; i < x->n_periods; i++)
        for (size_t arm = 0; arm <= x->n_challengers; arm++)
            if (x->period[i].arrived[arm] > 0) sums_arrived(&c->sums, (long)i, arm, x->period[i].arrived[arm]);
    live_counts_add(&c->sums.counts, &x->counts);
}

/* What the service's watch follows, and nobody here. */
static const struct live_plan *read_beside(struct collecting *c)
{
    struct live_plan *p = arena_alloc(&c->r.arena, sizeof *p);
    json_t *range;
    const char *name;
    *p = (struct live_plan){.n_metrics = 0};
    json_object_foreach(json_object_get(c->state, "beside"), name, range)
    {
        double high = json_number_read(json_array_get(range, 1));
        if (p->n_metrics == LIVE_METRICS_MAX) break;
        p->metric[p->n_metrics++] = (struct live_metric){.name = name,
                                                         .low = json_number_read(json_array_get(range, 0)),
                                                         .high = isnan(high) ? INFINITY : high};
    }
    return p;
}

static enum status take_ours(struct collecting *c, const json_t *ours, struct error *err)
{
    struct lane lane;
    struct intake_answer answer = {.refused = NULL};
    if (json_array_size(ours) == 0 || !record_lane(&c->r, &lane)) return STATUS_OK;
    lane.beside = read_beside(c);
    enum status s = intake_take(&lane, ours, c->now_ms, &answer, err);
    c->taken.refused = answer.refused;
    if (s) return s;
    note_arrivals(c);
    return keep_sums(c, err);
}

static enum status take(struct store *store, void *data, struct error *err)
{
    struct collecting *c = data;
    size_t i;
    json_t *item, *ours = json_array();
    enum status s = open_state(c, store, err);
    c->taken.plain = json_array();
    json_array_foreach(c->in, i, item) {
        bool newer = !s && is_newer(&c->r, item);
        c->taken.newer = c->taken.newer || (newer && !c->known);
        json_array_append(!newer && !s && is_ours(&c->r, item) ? ours : c->taken.plain, item);
    }
    if (!s && !c->taken.newer) s = take_ours(c, ours, err);
    json_decref(ours);
    return s;
}

enum status collector_take(const struct collector *of, const json_t *outcomes, bool known, int64_t now_ms,
                           struct collector_taken *ret, struct error *err)
{
    struct collecting c = {.of = of, .in = outcomes, .known = known, .now_ms = now_ms};
    enum status s = run(&c, take, err);
    if (!s && !c.taken.newer) {
        *ret = c.taken;
        return s;
    }
    json_decref(c.taken.plain);
    json_decref(c.taken.refused);
    if (!s) *ret = (struct collector_taken){.newer = true};
    return s;
}

/* ---- scoring ---- */

static void sum_unit(void *data, const struct scored_unit *unit)
{
    struct collecting *c = data;
    findings_sum(&c->r.findings, unit, &c->sums);
}

/* What was kept of units of experiments that are over. */
static enum status sweep(struct collecting *c, struct error *err)
{
    struct store_experiment before;
    struct record *r = &c->r;
    bool is_open = record_is_open(r);
    int64_t id = r->row.id;
    enum status s = STATUS_OK;
    if (is_open) {
        if (r->row.number < 2) return s;
        s = store_experiment_find(r->store, r->rollout.id, r->row.number - 1, &r->arena, &before, err);
        if (s == STATUS_NOT_FOUND) return STATUS_OK;
        id = before.id;
    }
    bool more = false;
    if (!s && id) s = store_live_sweep(r->store, id, &more, err);
    c->more = c->more || more;
    return s;
}

static enum status score(struct store *store, void *data, struct error *err)
{
    struct collecting *c = data;
    struct lane lane;
    size_t n = 0;
    enum status s = open_state(c, store, err);
    if (!s && record_lane(&c->r, &lane))
        s = scoring_close(&lane, json_integer_value(json_object_get(c->state, "until_ms")), sum_unit, c, &n, err);
    if (s) return s;
    c->more = n == SCORING_UNITS;
    live_counts_add(&c->sums.counts, &c->r.experiment.counts);
    if (n > 0) s = keep_sums(c, err);
    return s ? s : sweep(c, err);
}

enum status collector_score(const struct collector *of, bool *ret_more, struct error *err)
{
    struct collecting c = {.of = of};
    enum status s = run(&c, score, err);
    if (!s) *ret_more = c.more;
    return s;
}

/* ---- sending ---- */

/* Cells of a period stay together, of all arms (sums.h). */
static struct sums take_period(struct collecting *c, long period)
{
    struct sums all = c->sums, out = all;
    sums_begin(&c->sums, all.n_tracks, all.arena);
    out.n = 0;
    out.cell = NULL;
    for (size_t i = 0; i < all.n; i++) {
        struct sums *to = all.cell[i].period == period ? &out : &c->sums;
        *sums_cell(to, all.cell[i].period, all.cell[i].segment, all.cell[i].arm) = all.cell[i];
    }
    return out;
}

/* One period's cells, and all arrivals; what is left stays. */
static void split(struct collecting *c)
{
    struct sums first = take_period(c, c->sums.n ? c->sums.cell[0].period : 0);
    json_t *out = sums_json(&first, &c->r.experiment);
    json_int_t number = json_integer_value(json_object_get(c->state, "number")) + 1;
    json_object_set(out, "collector", json_object_get(c->state, "collector"));
    json_object_set_new(out, "number", json_integer(number));
    json_object_set_new(out, "experiment", json_integer(c->r.row.number));
    json_object_set_new(c->state, "number", json_integer(number));
    json_object_set_new(c->state, "outgoing", out);
}

static enum status pack(struct store *store, void *data, struct error *err)
{
    struct collecting *c = data;
    enum status s = open_state(c, store, err);
    bool is_new = !s && !json_object_get(c->state, "outgoing") && record_is_open(&c->r) && !sums_are_none(&c->sums);
    if (is_new) split(c);
    if (is_new) s = keep_sums(c, err);
    if (!s) c->out = json_incref(json_object_get(c->state, "outgoing"));
    return s;
}

enum status collector_pack(const struct collector *of, json_t **ret, struct error *err)
{
    struct collecting c = {.of = of};
    enum status s = run(&c, pack, err);
    if (!s)
        *ret = c.out;
    else
        json_decref(c.out);
    return s;
}

static enum status forget_sent(struct store *store, void *data, struct error *err)
{
    struct collecting *c = data;
    enum status s = open_state(c, store, err);
    if (s) return s;
    json_object_del(c->state, "outgoing");
    return keep_rollout(c, err);
}

enum status collector_sent(const struct collector *of, struct error *err)
{
    struct collecting c = {.of = of};
    return run(&c, forget_sent, err);
}
