#include "tuner/live/plan.h"

#include "tuner/base/form.h"
#include "tuner/base/words.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

struct reader {
    struct form form;
    struct arena *arena;
    struct live_plan *plan;
};

static const double most = 1e15;

static bool is_name(const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("_-.", text[i])) return false;
    return n > 0 && n <= 48 && !isdigit((unsigned char)*text);
}

static enum status check_name(struct reader *r, const struct yaml_node *at, const char *what)
{
    if (at->kind == YAML_TEXT && is_name(at->text)) return STATUS_OK;
    return form_fail(&r->form, at, "%s must be a name of letters, digits, _, - and points, at most 48", what);
}

/* ---- metrics ---- */

static enum status read_goal(struct reader *r, const struct yaml_node *map, struct live_metric *m)
{
    static const char *const goals[] = {"maximize", "minimize"};
    size_t goal = m->minimize;
    enum status s = form_choice_at(&r->form, map, "goal", goals, 2, &goal);
    m->minimize = goal == 1;
    return s;
}

static enum status read_amount(struct reader *r, const struct yaml_node *map, struct live_metric *m)
{
    double mark[2] = {0, 0};
    enum status s = FORM_ONLY(&r->form, map, m->name, "prove", "saving", "margin", "cap", "marks", "guard", "missing");
    *m = (struct live_metric){.name = m->name,
                              .proof = PROOF_FEWER,
                              .minimize = true,
                              .high = INFINITY,
                              .margin = 0.01,
                              .effect = 0.1,
                              .missing = NAN,
                              .guard = 0.25};
    if (!s) s = form_number_at(&r->form, map, "saving", (struct form_range){0.001, 0.99}, &m->effect);
    if (!s) s = form_number_at(&r->form, map, "margin", (struct form_range){0, 1}, &m->margin);
    if (!s) s = form_number_at(&r->form, map, "cap", (struct form_range){1, most}, &m->marks.cap);
    if (!s) s = form_number_at(&r->form, map, "guard", (struct form_range){0, 10}, &m->guard);
    if (!s) s = form_number_at(&r->form, map, "missing", (struct form_range){0, most}, &m->missing);
    if (!s) s = form_pair_at(&r->form, map, "marks", (struct form_range){1, most}, mark);
    m->marks.low = mark[0], m->marks.high = mark[1];
    return s;
}

static enum status read_scale(struct reader *r, const struct yaml_node *map, struct live_metric *m)
{
    bool proves = m->proof == PROOF_NOT_WORSE;
    double ends[2] = {0, 1};
    enum status s =
        FORM_ONLY(&r->form, map, m->name, "prove", "goal", "range", "margin", "effect", "guard", "missing");
    if (!s) s = read_goal(r, map, m);
    if (!s) s = form_pair_at(&r->form, map, "range", (struct form_range){-most, most}, ends);
    double width = ends[1] - ends[0];
    m->low = ends[0], m->high = ends[1];
    m->margin = proves ? 0.01 * width : 0;
    m->effect = 0.05 * width;
    m->missing = m->minimize ? m->high : m->low;
    if (!s) s = form_number_at(&r->form, map, "margin", (struct form_range){0, 0.99 * width}, &m->margin);
    if (!s) s = form_number_at(&r->form, map, "effect", (struct form_range){1e-4 * width, width}, &m->effect);
    m->guard = proves ? m->margin : INFINITY;
    if (!s) s = form_number_at(&r->form, map, "guard", (struct form_range){0, 0.99 * width}, &m->guard);
    return s ? s : form_number_at(&r->form, map, "missing", (struct form_range){m->low, m->high}, &m->missing);
}

static enum status read_metric(struct reader *r, const struct yaml_node *key, const struct yaml_node *map,
                               struct live_metric *m)
{
    static const char *const proofs[] = {"nothing", "not_worse", "fewer"};
    size_t proof = PROOF_NONE;
    enum status s = check_name(r, key, "a metric");
    if (!s) s = form_need(&r->form, map, YAML_MAP, key->text);
    if (!s) s = form_choice_at(&r->form, map, "prove", proofs, 3, &proof);
    if (s) return s;
    *m = (struct live_metric){.name = arena_strdup(r->arena, key->text), .proof = (enum proof)proof};
    s = proof == PROOF_FEWER ? read_amount(r, map, m) : read_scale(r, map, m);
    if (!s && proof == PROOF_NONE && !isfinite(m->guard))
        s = form_fail(&r->form, key, "'%.48s' neither proves nor guards anything; give it 'prove' or 'guard'", m->name);
    return s;
}

static enum status read_metrics(struct reader *r, const struct yaml_node *map)
{
    struct live_plan *p = r->plan;
    bool proves = false;
    enum status s = form_need(&r->form, map, YAML_MAP, "metrics");
    if (!s && (map->n == 0 || map->n > LIVE_METRICS_MAX))
        s = form_fail(&r->form, map, "'metrics' holds 1 to %d, not %zu", LIVE_METRICS_MAX, map->n);
    for (size_t i = 0; !s && i < map->n; i++) {
        s = read_metric(r, map->key[i], map->value[i], &p->metric[i]);
        proves = proves || p->metric[i].proof != PROOF_NONE;
    }
    if (!s && !proves)
        s = form_fail(&r->form, map,
                      "no metric proves anything: give one of them 'prove: not_worse' or 'prove: fewer'");
    p->n_metrics = s ? 0 : map->n;
    return s;
}

/* ---- how far it may go ---- */

static enum status read_ramp(struct reader *r, const struct yaml_node *v)
{
    struct live_plan *p = r->plan;
    enum status s = form_need(&r->form, v, YAML_LIST, "ramp");
    if (!s && (v->n == 0 || v->n > LIVE_STEPS_MAX))
        s = form_fail(&r->form, v, "'ramp' has 1 to %d shares, such as [0.01, 0.05, 0.25, 0.5]", LIVE_STEPS_MAX);
    for (size_t i = 0; !s && i < v->n; i++) {
        s = form_number(&r->form, v->value[i], "ramp", (struct form_range){0.0001, 0.95}, &p->step[i]);
        if (!s && i && !(p->step[i] > p->step[i - 1]))
            s = form_fail(&r->form, v->value[i], "'ramp' must grow, and %.6g follows %.6g", p->step[i], p->step[i - 1]);
    }
    if (!s) p->n_steps = v->n;
    return s;
}

static bool is_salt(const char *text)
{
    return *text && strlen(text) <= ASSIGNMENT_SALT_MAX && !strchr(text, ':');
}

static enum status read_group(struct reader *r, const struct yaml_node *map)
{
    struct live_plan *p = r->plan;
    const struct yaml_node *name = yaml_get(map, "name"), *part = yaml_get(map, "part");
    double ends[2];
    enum status s = FORM_ONLY(&r->form, map, "group", "name", "part");
    if (!s && (!name || !part))
        s = form_fail(&r->form, map, "'group' is such as {name: checkout, part: [0, 0.5]}; others take other parts");
    if (!s) s = form_need(&r->form, name, YAML_TEXT, "name");
    if (!s && !is_salt(name->text)) s = form_fail(&r->form, name, "a group's name has 1 to 128 bytes and no colon");
    if (!s) s = form_pair_at(&r->form, map, "part", (struct form_range){0, 1}, ends);
    if (s) return s;
    p->group.salt = arena_strdup(r->arena, name->text);
    p->group.from = ends[0], p->group.to = ends[1];
    return s;
}

static enum status read_shadow(struct reader *r, const struct yaml_node *map)
{
    enum status s = FORM_ONLY(&r->form, map, "shadow", "units");
    return s ? s : form_number_at(&r->form, map, "units", (struct form_range){0, most}, &r->plan->shadow);
}

static enum status read_overrides(struct reader *r, const struct yaml_node *map)
{
    struct live_plan *p = r->plan;
    struct live_override *all;
    enum status s = form_need(&r->form, map, YAML_MAP, "overrides");
    if (!s && map->n > LIVE_OVERRIDES_MAX)
        s = form_fail(&r->form, map, "'overrides' holds %d at most", LIVE_OVERRIDES_MAX);
    if (s) return s;
    p->override = all = arena_array(r->arena, map->n + 1, sizeof *all);
    for (size_t i = 0; !s && i < map->n; i++) {
        s = form_need(&r->form, map->value[i], YAML_TEXT, "overrides");
        if (!s && (!*map->key[i]->text || strlen(map->key[i]->text) > ASSIGNMENT_UNIT_MAX))
            s = form_fail(&r->form, map->key[i], "a unit has 1 to %d bytes", ASSIGNMENT_UNIT_MAX);
        if (!s)
            all[i] = (struct live_override){arena_strdup(r->arena, map->key[i]->text),
                                            arena_strdup(r->arena, map->value[i]->text)};
    }
    p->n_overrides = s ? 0 : map->n;
    return s;
}

static enum status check_segment(struct reader *r, const struct yaml_node *v, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(r->plan->segment[k], v->text) == 0) return form_fail(&r->form, v, "segment '%s' is named twice", v->text);
    r->plan->segment[i] = arena_strdup(r->arena, v->text);
    return STATUS_OK;
}

static enum status read_segments(struct reader *r, const struct yaml_node *v)
{
    struct live_plan *p = r->plan;
    enum status s = form_need(&r->form, v, YAML_LIST, "segments");
    if (!s && v->n > LIVE_SEGMENTS_MAX - 1)
        s = form_fail(&r->form, v, "'segments' names %d at most; all others are one more", LIVE_SEGMENTS_MAX - 1);
    for (size_t i = 0; !s && i < v->n; i++) {
        s = check_name(r, v->value[i], "a segment");
        if (!s) s = check_segment(r, v->value[i], i);
    }
    p->n_segments = s ? 0 : v->n;
    return s;
}

static enum status read_choices(struct reader *r, const struct yaml_node *map)
{
    static const char *const prefers[] = {"proof", "finding"}, *const promotes[] = {"ask", "auto"};
    size_t preferred = PREFER_PROOF, promoted = 0;
    enum status s = form_choice_at(&r->form, map, "prefer", prefers, 2, &preferred);
    if (!s) s = form_choice_at(&r->form, map, "promote", promotes, 2, &promoted);
    r->plan->prefer = (enum live_prefer)preferred;
    r->plan->promote_alone = promoted == 1;
    return s;
}

static enum status read_numbers(struct reader *r, const struct yaml_node *map)
{
    struct live_plan *p = r->plan;
    double outcomes_max = (double)p->outcomes_max;
    const struct {
        const char *key;
        struct form_range range;
        double *into;
    } all[] = {{"step_units", {1, most}, &p->step_units},
               {"units", {0, most}, &p->units},
               {"learn", {0, LIVE_LEARN_MAX}, &p->learn},
               {"alpha", {1e-6, 0.5}, &p->alpha},
               {"guard_alpha", {1e-6, 0.5}, &p->guard_alpha},
               {"limit", {0, most}, &p->limit},
               {"holdout", {0, 0.9}, &p->holdout},
               {"outcomes_max", {1, 1e6}, &outcomes_max}};
    enum status s = STATUS_OK;
    for (size_t i = 0; !s && i < sizeof all / sizeof *all; i++)
        s = form_number_at(&r->form, map, all[i].key, all[i].range, all[i].into);
    p->outcomes_max = (long)outcomes_max;
    return s;
}

/* ---- telemetry ---- */

static enum status read_measured(struct reader *r, const struct yaml_node *key, const struct yaml_node *v)
{
    struct live_plan *p = r->plan;
    enum status s = form_need(&r->form, v, YAML_TEXT, "otlp");
    if (s) return s;
    int m = live_plan_metric(p, v->text);
    if (m < 0) return form_fail(&r->form, v, "'%.48s' is no metric of this plan", v->text);
    if (p->metric[m].measured)
        return form_fail(&r->form, v, "'%.48s' is '%.60s' already; leave one out", v->text, p->metric[m].measured);
    p->metric[m].measured = arena_strdup(r->arena, key->text);
    return s;
}

static const char *measured_as(const struct live_metric *m)
{
    return m->measured ? m->measured : m->name;
}

static enum status read_otlp(struct reader *r, const struct yaml_node *map)
{
    const struct live_plan *p = r->plan;
    enum status s = form_need(&r->form, map, YAML_MAP, "otlp");
    for (size_t i = 0; !s && i < map->n; i++) s = read_measured(r, map->key[i], map->value[i]);
    for (size_t i = 0; !s && i < p->n_metrics; i++)
        for (size_t k = 0; !s && k < i; k++)
            if (strcmp(measured_as(&p->metric[i]), measured_as(&p->metric[k])) == 0)
                s = form_fail(&r->form, map, "'%.60s' cannot be both '%.48s' and '%.48s'", measured_as(&p->metric[i]),
                              p->metric[k].name, p->metric[i].name);
    return s;
}

/* What is not given must be learnt. */
static enum status check_marks(struct reader *r, const struct yaml_node *map)
{
    const struct live_plan *p = r->plan;
    for (size_t i = 0; i < p->n_metrics; i++) {
        const struct live_metric *m = &p->metric[i];
        bool known = m->marks.low > 0 && m->marks.cap > 0;
        if (m->proof == PROOF_FEWER && !known && p->learn < LIVE_LEARN_MIN)
            return form_fail(&r->form, map,
                             "how large '%.48s' is must be known: give it 'marks' and 'cap', or let 'learn' be %d or "
                             "more, to learn it from the champion",
                             m->name, LIVE_LEARN_MIN);
    }
    return STATUS_OK;
}

static enum status read_root(struct reader *r, const struct yaml_node *map)
{
    struct live_plan *p = r->plan;
    const struct yaml_node *v;
    enum status s = FORM_ONLY(&r->form, map, "the plan", "metrics", "window", "late", "silence", "ramp", "step_units",
                              "units", "learn", "alpha", "guard_alpha", "limit", "holdout", "group", "overrides",
                              "segments", "prefer", "promote", "outcomes_max", "otlp", "shadow");
    if (!s) s = read_numbers(r, map);
    if (!s) s = form_duration_at(&r->form, map, "window", &p->window_ms);
    if (!s) s = form_duration_at(&r->form, map, "late", &p->late_ms);
    if (!s) s = form_duration_at(&r->form, map, "silence", &p->silence_ms);
    if (!s && (v = yaml_get(map, "metrics"))) s = read_metrics(r, v);
    if (!s && (v = yaml_get(map, "otlp"))) s = read_otlp(r, v);
    if (!s && (v = yaml_get(map, "ramp"))) s = read_ramp(r, v);
    if (!s && (v = yaml_get(map, "group"))) s = read_group(r, v);
    if (!s && (v = yaml_get(map, "shadow"))) s = read_shadow(r, v);
    if (!s && (v = yaml_get(map, "overrides"))) s = read_overrides(r, v);
    if (!s && (v = yaml_get(map, "segments"))) s = read_segments(r, v);
    if (!s) s = read_choices(r, map);
    return s ? s : check_marks(r, map);
}

static const struct live_plan usual = {
    .n_metrics = 2,
    .metric = {{"em", NULL, PROOF_NOT_WORSE, false, 0, 1, 0.01, 0.05, 0, 0.01, {0, 0, 0}},
               {"tokens", NULL, PROOF_FEWER, true, 0, INFINITY, 0.01, 0.1, NAN, 0.25, {0, 0, 0}}},
    .window_ms = 600000,
    .late_ms = 60000,
    .silence_ms = 3600000,
    .n_steps = 4,
    .step = {0.01, 0.05, 0.25, 0.5},
    .step_units = 200,
    .learn = 200,
    .alpha = 0.05,
    .guard_alpha = 0.01,
    .outcomes_max = 1000,
};

enum status live_plan_read(const char *file, const char *text, struct arena *arena, struct live_plan *ret,
                           struct error *err)
{
    struct yaml_node *root = NULL;
    struct live_plan plan = usual;
    struct reader r = {{file, err}, arena, &plan};
    if (strlen(text) > LIVE_PLAN_BYTES)
        return error_set(err, STATUS_INVALID, "%s: a plan has at most %d bytes", file, LIVE_PLAN_BYTES);
    bool empty = text[strspn(text, " \t\r\n")] == 0;
    enum status s = empty ? STATUS_OK : yaml_read(file, text, strlen(text), arena, &root, err);
    if (!s && root) s = read_root(&r, root);
    if (!s) *ret = plan;
    return s;
}
