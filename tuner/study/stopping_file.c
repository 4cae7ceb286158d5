/* The section `stopping` of the study file. */
#include "tuner/study/file.h"

#include <math.h>

static const double CHANCE = 0.2, AUDIT = 0.05;
enum { PATIENCE_MOST = 30 };

static enum status read_pruner(struct file *f, const struct yaml_node *v)
{
    size_t i = 0, n;
    const char *const *names = pruner_names(&n);
    enum status s = file_choice(f, v, "pruner", names, n, &i);
    if (!s) f->study->stopping.pruner = (enum pruner)i;
    return s;
}

static enum status read_chance(struct file *f, const struct yaml_node *v)
{
    return form_number(&f->form, v, "chance", (struct form_range){1e-4, 0.5}, &f->study->stopping.chance);
}

static enum status read_audit(struct file *f, const struct yaml_node *v)
{
    return form_number(&f->form, v, "audit", (struct form_range){0, 1}, &f->study->stopping.audit);
}

static enum status read_grace(struct file *f, const struct yaml_node *v)
{
    return form_whole(&f->form, v, "grace", (struct form_range){1, 1e6}, &f->study->stopping.grace);
}

static enum status read_adaptive(struct file *f, const struct yaml_node *v)
{
    if (file_boolean(v, &f->study->stopping.adaptive)) return STATUS_OK;
    return form_fail(&f->form, v, "'adaptive' must be true or false");
}

static enum status read_bounds(struct file *f, const struct yaml_node *v, const char *name, double min, double max,
                               double *ret)
{
    double lo = 0, hi = 0;
    if (v->kind != YAML_LIST || v->n != 2)
        return form_fail(&f->form, v, "'%s' must be a list of two numbers, [low, high]", name);
    enum status s = form_number(&f->form, v->value[0], name, (struct form_range){min, max}, &lo);
    if (!s) s = form_number(&f->form, v->value[1], name, (struct form_range){min, max}, &hi);
    if (!s && lo > hi) s = form_fail(&f->form, v, "the bounds of '%s' are empty: %.15g is above %.15g", name, lo, hi);
    if (s) return s;
    ret[0] = lo;
    ret[1] = hi;
    return STATUS_OK;
}

static enum status read_patience(struct file *f, const struct yaml_node *v)
{
    double *bounds = f->study->stopping.patience;
    enum status s = read_bounds(f, v, "patience", 1, 1e6, bounds);
    if (!s && (bounds[0] != floor(bounds[0]) || bounds[1] != floor(bounds[1])))
        return form_fail(&f->form, v, "the bounds of 'patience' must be whole numbers of evaluations");
    return s;
}

static enum status read_threshold(struct file *f, const struct yaml_node *v)
{
    return read_bounds(f, v, "threshold", 0, 1e300, f->study->stopping.threshold);
}

enum status file_stopping(struct file *f, const struct yaml_node *v)
{
    static const struct key keys[] = {
        {"pruner", read_pruner},     {"chance", read_chance},     {"audit", read_audit},        {"grace", read_grace},
        {"adaptive", read_adaptive}, {"patience", read_patience}, {"threshold", read_threshold}};
    f->study->stopping = (struct stopping){.pruner = PRUNER_AUTO,
                                           .chance = CHANCE,
                                           .audit = AUDIT,
                                           .grace = 1,
                                           .patience = {1, PATIENCE_MOST},
                                           .threshold = {0, HUGE_VAL}};
    return FILE_SECTION(f, v, "stopping", keys);
}
