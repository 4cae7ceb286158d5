#include "tuner/report/figure.h"

#include "tuner/report/figure_study.h"

#include <string.h>

typedef enum status figure_fn(const struct figure_wish *wish, struct arena *a, struct chart *ret, struct error *err);

static const struct {
    const char *name;
    figure_fn *make;
    bool by_metric, by_parameters;
} figures[FIGURE_KINDS] = {
    [FIGURE_HISTORY] = {"history", figure_history, true, false},
    [FIGURE_FRONT] = {"front", figure_front, true, false},
    [FIGURE_CURVES] = {"curves", figure_curves, true, false},
    [FIGURE_CONFIRMATION] = {"confirmation", figure_confirmation, true, false},
    [FIGURE_TIMELINE] = {"timeline", figure_timeline, false, false},
    [FIGURE_IMPORTANCE] = {"importance", figure_importance, true, false},
    [FIGURE_SLICE] = {"slice", figure_slice, true, true},
    [FIGURE_CONTOUR] = {"contour", figure_contour, true, true},
};

const char *figure_name(enum figure_kind kind)
{
    return figures[kind].name;
}

bool figure_parse(const char *name, enum figure_kind *ret)
{
    for (int k = 0; k < FIGURE_KINDS; k++)
        if (strcmp(name, figures[k].name) == 0) return *ret = (enum figure_kind)k, true;
    return false;
}

enum status figure_make(enum figure_kind kind, const struct figure_wish *wish, struct arena *a, struct chart *ret,
                        struct error *err)
{
    struct chart c = {.name = figures[kind].name};
    int metric;
    if (wish->n_parameters > 0 && !figures[kind].by_parameters)
        return error_set(err, STATUS_INVALID, "'%s' is not drawn by parameters", c.name);
    if (wish->metric && !figures[kind].by_metric)
        return error_set(err, STATUS_INVALID, "'%s' is not drawn by a metric", c.name);
    enum status st = wish->metric ? figure_metric(wish->memory, wish->metric, &metric, err) : STATUS_OK;
    if (!st) st = figures[kind].make(wish, a, &c, err);
    if (!st) *ret = c;
    return st;
}
