#include "tuner/live/mapping.h"

#include "tuner/base/words.h"

#include <string.h>

static bool has_metric(const struct mapping *m, const char *name)
{
    for (size_t i = 0; i < m->n_metrics; i++)
        if (strcmp(m->metric[i], name) == 0) return true;
    return false;
}

static enum status check_row(const struct mapping *m, size_t i, struct error *err)
{
    const struct mapping_row *row = &m->row[i];
    if (!has_metric(m, row->metric)) {
        const char *near = words_nearest(row->metric, m->metric, m->n_metrics);
        return error_set(err, STATUS_INVALID, "otlp: '%.60s' is given to '%.60s', which is no metric here%s%.60s%s",
                         row->measured, row->metric, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    for (size_t k = 0; k < i; k++) {
        if (strcmp(m->row[k].measured, row->measured) == 0)
            return error_set(err, STATUS_INVALID, "otlp: '%.60s' is there twice", row->measured);
        if (strcmp(m->row[k].metric, row->metric) == 0)
            return error_set(err, STATUS_INVALID, "otlp: '%.60s' and '%.60s' are both given to '%.60s'; leave one out",
                             m->row[k].measured, row->measured, row->metric);
    }
    return STATUS_OK;
}

enum status mapping_check(const struct mapping *m, struct error *err)
{
    enum status s = STATUS_OK;
    for (size_t i = 0; !s && i < m->n; i++) s = check_row(m, i, err);
    return s;
}

const char *mapping_metric(const struct mapping *m, const char *measured)
{
    bool given = false;
    for (size_t i = 0; i < m->n; i++) {
        if (strcmp(m->row[i].measured, measured) == 0) return m->row[i].metric;
        given = given || strcmp(m->row[i].metric, measured) == 0;
    }
    return !given && has_metric(m, measured) ? measured : NULL;
}

size_t mapping_apply(const struct mapping *m, struct measurement *each, size_t n)
{
    size_t left = 0;
    for (size_t i = 0; i < n; i++) {
        const char *metric = mapping_metric(m, each[i].name);
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
        if (mapping_metric(&all->each[i], measured)) return true;
    return false;
}

bool mappings_want_tokens(const struct mappings *all)
{
    return mappings_want(all, MEASURED_TOKENS) || mappings_want(all, MEASURED_INPUT) ||
           mappings_want(all, MEASURED_OUTPUT) || mappings_want(all, MEASURED_REASONING);
}
