/* The sections metrics, objective and constraints. */
#include "tuner/study/file.h"

#include "tuner/base/pattern.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MATCH_FILE_NAME_MAX = 1000 };

static enum status read_match(struct file *f, const struct yaml_node *v, struct metric *m)
{
    struct pattern *pattern = NULL;
    struct error inner;
    enum status s = form_need(&f->form, v, YAML_TEXT, "match");
    if (s) return s;
    if (pattern_compile(v->text, &pattern, &inner)) return form_fail_with(&f->form, v, &inner);
    m->match = v->text;
    m->reported = pattern_has_step(pattern);
    pattern_free(pattern);
    return STATUS_OK;
}

/* Below the trial's own folder, which a user may write as {dir}. */
static enum status read_match_file(struct file *f, const struct yaml_node *v, struct metric *m)
{
    static const char folder[] = "{dir}/";
    enum status s = form_need(&f->form, v, YAML_TEXT, "file");
    if (s) return s;
    if (!m->match) return form_fail(&f->form, v, "'file' needs 'match', the pattern that finds the number in it");
    m->file = strncmp(v->text, folder, sizeof folder - 1) == 0 ? v->text + sizeof folder - 1 : v->text;
    if (strpbrk(m->file, "{}"))
        return form_fail(&f->form, v, "'file' takes no placeholders; it is below {dir}, the trial's own folder");
    if (strlen(m->file) > MATCH_FILE_NAME_MAX)
        return form_fail(&f->form, v, "'file' is over %d bytes long", MATCH_FILE_NAME_MAX);
    if (!words_is_inside(m->file))
        return form_fail(&f->form, v, "'%.60s' leads out of the trial's folder; 'file' is a path below {dir}", v->text);
    return STATUS_OK;
}

static enum status read_metric(struct file *f, const struct yaml_node *key, const struct yaml_node *node,
                               struct metric *m)
{
    static const struct key keys[] = {{"goal", file_present}, {"kind", file_present},  {"of", file_present},
                                      {"unit", file_present}, {"match", file_present}, {"file", file_present}};
    static const char *const goals[] = {"minimize", "maximize"};
    size_t goal = 0, kind = METRIC_VALUE, n_kinds;
    const char *const *kinds = metric_kind_names(&n_kinds);
    enum status s = file_check_quantity(f, key, "a metric");
    if (!s) s = file_check_keys(f, node, key->text, keys, 6);
    if (s) return s;
    const struct yaml_node *g = yaml_get(node, "goal"), *k = yaml_get(node, "kind"), *of = yaml_get(node, "of"),
                           *unit = yaml_get(node, "unit"), *match = yaml_get(node, "match"),
                           *file = yaml_get(node, "file");
    if (!g) return form_fail(&f->form, node, "metric '%s' needs a goal: minimize or maximize", key->text);
    s = file_choice(f, g, "goal", goals, 2, &goal);
    if (!s && k) s = file_choice(f, k, "kind", kinds, n_kinds, &kind);
    if (!s && of) s = form_number(&f->form, of, "of", (struct form_range){1, 1e12}, &m->of);
    if (!s && of && kind != METRIC_PROPORTION) s = form_fail(&f->form, of, "'of' belongs to kind: proportion");
    if (!s && unit) s = form_number(&f->form, unit, "unit", (struct form_range){1e-300, 1e300}, &m->unit);
    if (!s && match) s = read_match(f, match, m);
    if (!s && file) s = read_match_file(f, file, m);
    m->name = key->text;
    m->goal = goal ? GOAL_MAXIMIZE : GOAL_MINIMIZE;
    m->kind = (enum metric_kind)kind;
    return s;
}

enum status file_metrics(struct file *f, const struct yaml_node *v)
{
    struct objective *o = &f->study->objective;
    enum status s = form_need(&f->form, v, YAML_MAP, "metrics");
    if (!s && v->n > METRICS_MAX) s = form_fail(&f->form, v, "more than %d metrics", METRICS_MAX);
    for (size_t i = 0; !s && i < v->n; i++) {
        s = read_metric(f, v->key[i], v->value[i], &o->metric[i]);
        o->n_metrics = i + 1;
    }
    return s;
}

/* The metric that a node names; the error lists the nearest. */
static enum status find_metric(struct file *f, const struct yaml_node *at, const char *name, size_t *ret)
{
    const struct objective *o = &f->study->objective;
    const char *names[METRICS_MAX];
    int m = objective_find_metric(o, name);
    if (m >= 0) return *ret = (size_t)m, STATUS_OK;
    for (size_t i = 0; i < o->n_metrics; i++) names[i] = o->metric[i].name;
    const char *near = words_nearest(name, names, o->n_metrics);
    return form_fail(&f->form, at, "'%.60s' is not a metric%s%s%s", name, near ? "; did you mean '" : "",
                     near ? near : "", near ? "'?" : "; list it under 'metrics'");
}

/* {em: 7, tokens: 3} are shares of 10. */
static void share_weights(struct file *f, const struct yaml_node *v, double sum)
{
    struct objective *o = &f->study->objective;
    struct arena *a = &f->study->arena;
    const char *shares = "";
    for (size_t i = 0; i < o->n_metrics; i++) {
        if (o->weight[i] == 0) continue;
        o->weight[i] /= sum;
        shares = arena_printf(a, "%s%s%s %.4g", shares, *shares ? ", " : "", o->metric[i].name, o->weight[i]);
    }
    file_note(f, v, "the weights sum to %.6g, not 1, and are taken as shares: %s", sum, shares);
}

static enum status read_weights(struct file *f, const struct yaml_node *v)
{
    struct objective *o = &f->study->objective;
    double sum = 0;
    enum status s = form_need(&f->form, v, YAML_MAP, "weights");
    for (size_t i = 0; !s && i < v->n; i++) {
        size_t m = 0;
        double w = 0;
        s = find_metric(f, v->key[i], v->key[i]->text, &m);
        if (!s) s = form_number(&f->form, v->value[i], v->key[i]->text, (struct form_range){-1e6, 1e6}, &w);
        if (!s && w < 0)
            s = form_fail(&f->form, v->value[i], "'%s' must be from 0 to 1, not %.15g", v->key[i]->text, w);
        if (!s) sum += o->weight[m] = w;
    }
    if (!s && sum == 0) s = form_fail(&f->form, v, "all weights are 0: nothing would count");
    if (!s && fabs(sum - 1) > 1e-6) share_weights(f, v, sum);
    o->form = OBJECTIVE_WEIGHTS;
    return s;
}

static enum status read_exchange(struct file *f, const struct yaml_node *v)
{
    struct error inner;
    double r = 0;
    enum status s = form_number(&f->form, v, "exchange", (struct form_range){1e-9, 1e9}, &r);
    if (!s && objective_set_exchange(&f->study->objective, r, &inner)) s = form_fail_with(&f->form, v, &inner);
    return s;
}

/* objective: {minimize: loss} declares the metric if 'metrics' does not. */
static enum status read_single(struct file *f, const struct yaml_node *v, enum goal goal)
{
    struct objective *o = &f->study->objective;
    enum status s = file_check_quantity(f, v, "a metric");
    if (s) return s;
    if (o->n_metrics == 0) o->metric[o->n_metrics++] = (struct metric){.name = v->text, .goal = goal};
    s = find_metric(f, v, v->text, &o->gain);
    if (!s && o->metric[o->gain].goal != goal)
        s = form_fail(&f->form, v, "the goal of '%s' under 'metrics' says the opposite", v->text);
    o->form = OBJECTIVE_SINGLE;
    return s;
}

static enum status read_minimize(struct file *f, const struct yaml_node *v)
{
    return read_single(f, v, GOAL_MINIMIZE);
}

static enum status read_maximize(struct file *f, const struct yaml_node *v)
{
    return read_single(f, v, GOAL_MAXIMIZE);
}

/* pareto: [em, tokens] */
static enum status read_pareto(struct file *f, const struct yaml_node *v)
{
    struct objective *o = &f->study->objective;
    enum status s = form_need(&f->form, v, YAML_LIST, "pareto");
    if (s) return s;
    if (v->n != 2) return form_fail(&f->form, v, "'pareto' takes two metrics, such as [em, tokens], not %zu", v->n);
    size_t *to[] = {&o->gain, &o->cost};
    for (size_t i = 0; !s && i < 2; i++) {
        s = form_need(&f->form, v->value[i], YAML_TEXT, "pareto");
        if (!s) s = find_metric(f, v->value[i], v->value[i]->text, to[i]);
    }
    if (!s && o->gain == o->cost) s = form_fail(&f->form, v, "'pareto' names '%s' twice", o->metric[o->gain].name);
    o->form = OBJECTIVE_PARETO;
    return s;
}

enum status file_objective(struct file *f, const struct yaml_node *v)
{
    static const struct key keys[] = {{"weights", read_weights},
                                      {"exchange", read_exchange},
                                      {"minimize", read_minimize},
                                      {"maximize", read_maximize},
                                      {"pareto", read_pareto}};
    enum status s = file_check_keys(f, v, "objective", keys, 5);
    if (!s && v->n != 1)
        s = form_fail(&f->form, v,
                      "'objective' takes exactly one of weights, exchange, minimize, maximize, "
                      "pareto");
    return s ? s : FILE_SECTION(f, v, "objective", keys);
}

/* Grammar: METRIC (>=|<=) BOUND, where BOUND is NUMBER, or baseline, or baseline (+|-) NUMBER,
 * or NUMBER * baseline. */
static bool parse_bound(const char *text, struct constraint *c)
{
    double x;
    int used = 0;
    char sign;
    size_t n = strlen(text);
    if (words_number(text, &c->offset)) return c->factor = 0, true;
    if (strcmp(text, "baseline") == 0) return c->factor = 1, true;
    if (sscanf(text, "baseline %c %lf%n", &sign, &x, &used) == 2 && (size_t)used == n && (sign == '+' || sign == '-'))
        return c->factor = 1, c->offset = sign == '+' ? x : -x, isfinite(x);
    used = 0;
    if (sscanf(text, "%lf * baseline%n", &x, &used) == 1 && (size_t)used == n)
        return c->factor = x, isfinite(x) && x != 0;
    return false;
}

/* A bound has a name in it that is not 'baseline'. */
static enum status fail_bound(struct file *f, const struct yaml_node *v, const char *bound)
{
    static const char *const names[] = {"baseline"};
    char name[64] = "";
    bool found = false;
    for (const char *c = bound; *c && !found; c += strcspn(c, " ") + strspn(c + strcspn(c, " "), " "))
        found = sscanf(c, "%63[A-Za-z_0-9]", name) == 1 && !(*name >= '0' && *name <= '9');
    bool near = found && strcmp(name, "baseline") != 0 && words_nearest(name, names, 1);
    if (!found || strcmp(name, "baseline") == 0)
        return form_fail(&f->form, v,
                         "a constraint looks like 'em >= baseline - 0.005', 'tokens <= 0.5 * baseline' or 'em >= 0.6'");
    return form_fail(
        &f->form, v,
        "'%.60s' in '%.100s' is no number%s; a bound is a number, or by the baseline: 'em >= baseline - 0.005'", name,
        v->text, near ? "; did you mean 'baseline'?" : "");
}

static enum status read_constraint(struct file *f, const struct yaml_node *v, struct constraint *c)
{
    char name[64], sense[3];
    int used = 0;
    enum status s = form_need(&f->form, v, YAML_TEXT, "constraints");
    if (s) return s;
    *c = (struct constraint){.text = v->text};
    if (sscanf(v->text, "%63[^<>= ] %2[<>=] %n", name, sense, &used) != 2 || used == 0 ||
        (strcmp(sense, ">=") != 0 && strcmp(sense, "<=") != 0))
        return fail_bound(f, v, "");
    if (!parse_bound(v->text + used, c)) return fail_bound(f, v, v->text + used);
    c->sense = *sense == '>' ? AT_LEAST : AT_MOST;
    return find_metric(f, v, name, &c->metric);
}

enum status file_constraints(struct file *f, const struct yaml_node *v)
{
    struct objective *o = &f->study->objective;
    enum status s = form_need(&f->form, v, YAML_LIST, "constraints");
    if (!s && v->n > CONSTRAINTS_MAX) s = form_fail(&f->form, v, "more than %d constraints", CONSTRAINTS_MAX);
    for (size_t i = 0; !s && i < v->n; i++) {
        s = read_constraint(f, v->value[i], &o->constraint[i]);
        o->n_constraints = i + 1;
    }
    return s;
}
