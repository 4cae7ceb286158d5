/* The section `schedule` of the study file. */
#include "tuner/study/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POPULATION = 8, POPULATION_LEAST = 4, POPULATION_MOST = 256, ROUNDS_MOST = 10000 };

/* "500k tokens", "2M tokens", "10 reports" */
static bool parse_interval(const char *text, double *ret, const char **ret_unit)
{
    char *end;
    double v = strtod(text, &end);
    double scale = *end == 'k' ? 1e3 : *end == 'M' ? 1e6 : *end == 'G' ? 1e9 : 1;
    end += scale > 1;
    end += strspn(end, " ");
    *ret = v * scale;
    *ret_unit = end;
    return isfinite(*ret) && *ret >= 1 && (strcmp(end, "tokens") == 0 || strcmp(end, "reports") == 0);
}

static enum status read_interval(struct file *f, const struct yaml_node *v)
{
    bool tokens = objective_token_metric(&f->study->objective) >= 0;
    const char *right = tokens ? "tokens" : "reports", *unit;
    if (v->kind != YAML_TEXT || !parse_interval(v->text, &f->study->schedule.interval, &unit))
        return form_fail(&f->form, v, "'interval' must be an amount such as 500k tokens or 10 reports");
    if (strcmp(unit, right) != 0)
        return form_fail(&f->form, v, "'interval' must be in %s: this study %s", right,
                         tokens ? "counts tokens" : "has no metric that counts tokens");
    return STATUS_OK;
}

static enum status read_population(struct file *f, const struct yaml_node *v)
{
    return form_whole(&f->form, v, "population", (struct form_range){POPULATION_LEAST, POPULATION_MOST},
                      &f->study->schedule.population);
}

static enum status read_rounds(struct file *f, const struct yaml_node *v)
{
    return form_whole(&f->form, v, "rounds", (struct form_range){1, ROUNDS_MOST}, &f->study->schedule.rounds);
}

static enum status read_clone(struct file *f, const struct yaml_node *v)
{
    if (file_boolean(v, &f->study->schedule.clone)) return STATUS_OK;
    return form_fail(&f->form, v, "'clone' must be true or false");
}

static enum status read_param(struct file *f, const struct yaml_node *key, const char *name, const struct yaml_node *v)
{
    struct schedule *s = &f->study->schedule;
    static const char *const ways[] = {"pb2"};
    size_t way;
    int p = space_find(&f->study->space, name);
    if (p < 0)
        return form_fail(&f->form, key,
                         "'%.60s' in schedule is neither a parameter nor one of interval, population, rounds, clone",
                         name);
    if (f->study->space.param[p].type != PARAM_INT && f->study->space.param[p].type != PARAM_FLOAT)
        return form_fail(&f->form, v, "'%.60s' cannot change while a trial runs: only int and float parameters can",
                         name);
    s->param[s->n++] = (size_t)p;
    return file_choice(f, v, name, ways, 1, &way);
}

enum status file_schedule(struct file *f, const struct yaml_node *v)
{
    static const struct {
        const char *name;
        enum status (*read)(struct file *, const struct yaml_node *);
    } keys[] = {
        {"interval", read_interval}, {"population", read_population}, {"rounds", read_rounds}, {"clone", read_clone}};
    enum { KEYS = sizeof keys / sizeof *keys };
    enum status st = form_need(&f->form, v, YAML_MAP, "schedule");
    f->study->schedule = (struct schedule){.population = POPULATION, .clone = true};
    for (size_t i = 0; !st && i < v->n; i++) {
        size_t k = 0;
        while (k < KEYS && strcmp(v->key[i]->text, keys[k].name) != 0) k++;
        st = k < KEYS ? keys[k].read(f, v->value[i]) : read_param(f, v->key[i], v->key[i]->text, v->value[i]);
    }
    if (!st && f->study->schedule.n == 0)
        st = form_fail(&f->form, v,
                       "'schedule' names no parameter; for example {learning_rate: pb2, interval: 500k tokens}");
    if (!st && f->study->schedule.interval <= 0)
        st = form_fail(&f->form, v, "'schedule' needs an 'interval', for example 500k tokens");
    return st;
}
