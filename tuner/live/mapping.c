#include "tuner/live/mapping.h"

#include <string.h>

/* NULL: none. */
static const char *metric_of(const struct mapping *m, const char *measured)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->row[i].measured, measured) == 0) return m->row[i].metric;
    return NULL;
}

size_t mapping_apply(const struct mapping *m, struct measurement *each, size_t n)
{
    size_t left = 0;
    for (size_t i = 0; i < n; i++) {
        const char *metric = metric_of(m, each[i].name);
        if (metric) each[left++] = (struct measurement){metric, each[i].value};
    }
    return left;
}

const struct mapping *mappings_find(const struct mappings *all, const char *rollout)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->each[i].rollout, rollout) == 0) return &all->each[i];
    return NULL;
}

bool mappings_want(const struct mappings *all, const char *measured)
{
    for (size_t i = 0; i < all->n; i++)
        if (metric_of(&all->each[i], measured)) return true;
    return false;
}

bool mappings_want_tokens(const struct mappings *all)
{
    return mappings_want(all, MEASURED_TOKENS) || mappings_want(all, MEASURED_INPUT) ||
           mappings_want(all, MEASURED_OUTPUT) || mappings_want(all, MEASURED_REASONING);
}
