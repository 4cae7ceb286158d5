#include "tuner/live/plan.h"

#include <string.h>

int live_plan_metric(const struct live_plan *p, const char *name)
{
    for (size_t i = 0; i < p->n_metrics; i++)
        if (strcmp(p->metric[i].name, name) == 0) return (int)i;
    return -1;
}

long live_plan_segment(const struct live_plan *p, const char *name)
{
    for (size_t i = 0; name && i < p->n_segments; i++)
        if (strcmp(p->segment[i], name) == 0) return (long)i;
    return (long)p->n_segments;
}

double live_plan_last_share(const struct live_plan *p, size_t n_challengers, double *ret_both)
{
    double all = p->step[p->n_steps - 1], each = all / (double)n_challengers;
    *ret_both = each + 1 - all;
    return each / *ret_both;
}
