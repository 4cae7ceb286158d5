#include "tuner/live/watch.h"

#include "tuner/base/form.h"
#include "tuner/base/yaml_flow.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

struct reader {
    struct form form;
    struct watch_plan *plan;
    struct arena *arena;
};

static const double most = 1e15;

static const char *const steps[] = {"drifted", "evaluating", "tuning", "trying"}; /* from WATCH_DRIFTED on */

/* ---- metrics ---- */

static enum status read_amount(struct reader *r, const struct yaml_node *map, struct watch_metric *m)
{
    double marks[2] = {0, 0};
    enum status s = FORM_ONLY(&r->form, map, m->name, "amount", "cap", "marks", "baseline", "both", "missing");
    m->minimize = true, m->low = 0, m->high = INFINITY;
    if (!s) s = form_number_at(&r->form, map, "cap", (struct form_range){1, most}, &m->marks.cap);
    if (!s) s = form_pair_at(&r->form, map, "marks", (struct form_range){1, most}, marks);
    m->marks.low = marks[0], m->marks.high = marks[1];
    return s;
}

static enum status read_scale(struct reader *r, const struct yaml_node *map, struct watch_metric *m)
{
    static const char *const goals[] = {"maximize", "minimize"};
    double range[2] = {0, 1};
    size_t word = 0;
    enum status s = FORM_ONLY(&r->form, map, m->name, "goal", "range", "baseline", "both", "missing", "amount");
    if (!s) s = form_choice_at(&r->form, map, "goal", goals, 2, &word);
    if (!s) s = form_pair_at(&r->form, map, "range", (struct form_range){-most, most}, range);
    m->minimize = word == 1, m->low = range[0], m->high = range[1];
    m->missing = m->minimize ? m->high : m->low;
    return s;
}

static enum status read_metric(struct reader *r, const struct yaml_node *key, const struct yaml_node *map,
                               struct watch_metric *m)
{
    *m = (struct watch_metric){.name = key->text, .missing = NAN, .baseline = NAN};
    enum status s = form_need(&r->form, map, YAML_MAP, key->text);
    if (!s && strlen(key->text) > 48) s = form_fail(&r->form, key, "a metric's name has at most 48 bytes");
    if (!s) s = form_flag_at(&r->form, map, "amount", &m->amount);
    if (!s) s = m->amount ? read_amount(r, map, m) : read_scale(r, map, m);
    if (!s) s = form_flag_at(&r->form, map, "both", &m->both);
    struct form_range range = {m->low, m->amount ? most : m->high};
    if (!s) s = form_number_at(&r->form, map, "missing", range, &m->missing);
    return s ? s : form_number_at(&r->form, map, "baseline", range, &m->baseline);
}

static enum status read_metrics(struct reader *r, const struct yaml_node *map)
{
    enum status s = form_need(&r->form, map, YAML_MAP, "metrics");
    if (!s && (map->n == 0 || map->n > LIVE_METRICS_MAX))
        s = form_fail(&r->form, map, "'metrics' holds 1 to %d, not %zu", LIVE_METRICS_MAX, map->n);
    for (size_t i = 0; !s && i < map->n; i++) s = read_metric(r, map->key[i], map->value[i], &r->plan->metric[i]);
    if (!s) r->plan->n = map->n;
    return s;
}

/* ---- what follows ---- */

static enum status read_steps(struct reader *r, const struct yaml_node *map)
{
    struct watch_plan *p = r->plan;
    const struct yaml_node *ask = yaml_get(map, "ask");
    size_t word = p->far - WATCH_DRIFTED;
    enum status s = form_choice_at(&r->form, map, "then", steps, 4, &word);
    p->far = (enum watch_phase)(WATCH_DRIFTED + word);
    if (s || !ask) return s;
    s = form_need(&r->form, ask, YAML_LIST, "ask");
    memset(p->ask, 0, sizeof p->ask);
    for (size_t i = 0; !s && i < ask->n; i++) {
        s = form_choice(&r->form, ask->value[i], "ask", steps + 1, 3, &word);
        if (!s) p->ask[WATCH_EVALUATING + word] = true;
    }
    return s;
}

static enum status read_command(struct reader *r, const struct yaml_node *list)
{
    enum status s = form_need(&r->form, list, YAML_LIST, "command");
    if (!s && (list->n == 0 || list->n > WATCH_COMMAND_MAX))
        s = form_fail(&r->form, list, "'command' is a program and its arguments, %d at most, such as [./evaluate, \"{args}\"]",
                      WATCH_COMMAND_MAX);
    r->plan->command = arena_array(r->arena, list->n + 1, sizeof *r->plan->command);
    for (size_t i = 0; !s && i < list->n; i++) {
        s = form_need(&r->form, list->value[i], YAML_TEXT, "command");
        r->plan->command[i] = list->value[i]->text;
    }
    if (!s) r->plan->n_command = list->n;
    return s;
}

/* What is wrong with it is said here, not when it is needed in the middle of the night. */
static enum status read_experiment(struct reader *r, const struct yaml_node *map)
{
    struct live_plan plan;
    struct error err;
    enum status s = form_need(&r->form, map, YAML_MAP, "experiment");
    if (s) return s;
    r->plan->experiment = yaml_flow(map, r->arena);
    if (live_plan_read("experiment", r->plan->experiment, r->arena, &plan, &err)) {
        const char *what = strstr(err.text, ": "); /* behind a place in what yaml_flow made, which nobody has written */
        return form_fail(&r->form, map, "experiment%s", what ? what : "");
    }
    return s;
}

static enum status check_learning(struct reader *r, const struct yaml_node *map)
{
    const struct watch_plan *p = r->plan;
    for (size_t i = 0; i < p->n; i++)
        if (isnan(p->metric[i].baseline) && p->learn < LIVE_LEARN_MIN)
            return form_fail(&r->form, map, "what is usual of '%s' must be known: give it a 'baseline', or let 'learn' be "
                                            "%d or more",
                             p->metric[i].name, LIVE_LEARN_MIN);
    return STATUS_OK;
}

static enum status read_root(struct reader *r, const struct yaml_node *map)
{
    struct watch_plan *p = r->plan;
    const struct yaml_node *part;
    enum status s = FORM_ONLY(&r->form, map, "the watch", "metrics", "window", "late", "learn", "careful", "run_length", "every",
                         "then", "ask", "fresh", "top", "seeds", "trials", "command", "experiment");
    if (!s) s = form_duration_at(&r->form, map, "window", &p->window_ms);
    if (!s) s = form_duration_at(&r->form, map, "late", &p->late_ms);
    if (!s) s = form_duration_at(&r->form, map, "every", &p->every_ms);
    if (!s) s = form_number_at(&r->form, map, "learn", (struct form_range){0, LIVE_LEARN_MAX}, &p->learn);
    if (!s) s = form_number_at(&r->form, map, "run_length", (struct form_range){10, most}, &p->run_length);
    if (!s) s = form_flag_at(&r->form, map, "careful", &p->careful);
    if (!s) s = form_number_at(&r->form, map, "fresh", (struct form_range){0, 1e9}, &p->fresh);
    if (!s) s = form_whole_at(&r->form, map, "top", (struct form_range){1, 20}, &p->top);
    if (!s) s = form_whole_at(&r->form, map, "seeds", (struct form_range){0, 1000}, &p->seeds);
    if (!s) s = form_whole_at(&r->form, map, "trials", (struct form_range){1, 1e6}, &p->trials);
    if (!s && (part = yaml_get(map, "metrics"))) s = read_metrics(r, part);
    if (!s && (part = yaml_get(map, "command"))) s = read_command(r, part);
    if (!s && (part = yaml_get(map, "experiment"))) s = read_experiment(r, part);
    if (!s) s = read_steps(r, map);
    return s ? s : check_learning(r, map);
}

static const struct watch_plan usual = {
    .n = 2,
    .metric = {{"em", false, false, false, 0, 1, 0, NAN, {0, 0, 0}},
               {"tokens", true, true, false, 0, INFINITY, NAN, NAN, {0, 0, 0}}},
    .window_ms = 600000,
    .late_ms = 60000,
    .learn = 2000,
    .run_length = 10000,
    .far = WATCH_TRYING,
    .ask = {[WATCH_TUNING] = true, [WATCH_TRYING] = true},
    .fresh = 500,
    .top = 3,
    .trials = 25,
    .experiment = "",
};

enum status watch_plan_read(const char *file, const char *text, struct arena *arena, struct watch_plan *ret,
                            struct error *err)
{
    struct yaml_node *root = NULL;
    struct watch_plan plan = usual;
    struct reader r = {{file, err}, &plan, arena};
    if (strlen(text) > LIVE_PLAN_BYTES)
        return error_set(err, STATUS_INVALID, "%s: a watch has at most %d bytes", file, LIVE_PLAN_BYTES);
    bool empty = text[strspn(text, " \t\r\n")] == 0;
    enum status s = empty ? STATUS_OK : yaml_read(file, text, strlen(text), arena, &root, err);
    if (!s && root) s = read_root(&r, root);
    if (!s) *ret = plan;
    return s;
}
