#include "workers/harvest.h"

#include "tuner/base/metrics.h"

#include <stdio.h>
#include <string.h>

enum status harvest_init(struct harvest *h, const struct job_spec *spec, const struct match_handler *handler,
                         void *data, struct arena *arena, struct error *err)
{
    *h = (struct harvest){.n_metrics = spec->n_metrics, .may_be_silent = spec->may_be_silent};
    h->metric = arena_array(arena, spec->n_metrics, sizeof *h->metric);
    for (size_t i = 0; i < spec->n_metrics; i++) h->metric[i] = arena_strdup(arena, spec->metric[i]);
    if (spec->n_matches == 0) return STATUS_OK;
    return matcher_create(spec->match, spec->n_matches, handler, data, &h->matcher, err);
}

void harvest_done(struct harvest *h)
{
    json_decref(h->result);
    json_decref(h->last_report);
    json_decref(h->gathered);
    matcher_free(h->matcher);
}

static bool is_needed(const struct harvest *h, const char *metric)
{
    for (size_t i = 0; i < h->n_metrics; i++)
        if (strcmp(h->metric[i], metric) == 0) return true;
    return false;
}

const json_t *harvest_report(struct harvest *h, long step, json_t *metrics, bool said)
{
    if (said && h->matcher) matcher_join(h->matcher, metrics);
    if (is_needed(h, "step")) json_object_set_new(metrics, "step", json_integer(step));
    json_decref(h->last_report);
    return h->last_report = metrics;
}

void harvest_result(struct harvest *h, json_t *metrics)
{
    if (h->result)
        json_decref(metrics);
    else
        h->result = metrics;
}

const json_t *harvest_metrics(struct harvest *h)
{
    json_t *said = h->result ? h->result : h->last_report;
    if (!h->matcher || h->gathered) return h->matcher ? h->gathered : said;
    json_t *all = said ? json_copy(said) : json_object();
    matcher_join(h->matcher, all);
    if (json_object_size(all) > 0) return h->gathered = all;
    json_decref(all);
    return NULL;
}

static const char *find_missing(const struct harvest *h, const json_t *metrics)
{
    for (size_t i = 0; i < h->n_metrics; i++)
        if (!json_object_get(metrics, h->metric[i])) return h->metric[i];
    return metrics || h->may_be_silent ? NULL : "";
}

/* Of a missing metric that has a pattern. */
static bool say_unmatched(const struct harvest *h, const json_t *metrics, char *why, size_t size)
{
    for (size_t i = 0; h->matcher && i < h->n_metrics; i++)
        if (!json_object_get(metrics, h->metric[i]) && matcher_why(h->matcher, h->metric[i], why, size)) return true;
    return false;
}

enum { FOUND_MAX = 5 };

/* Patterns have found others, and this one has none. */
static void say_unsaid(const json_t *metrics, const char *missing, char *why, size_t size)
{
    char found[FOUND_MAX * 64] = "";
    const char *name;
    size_t n = 0, used = 0;
    json_t *v;
    json_object_foreach((json_t *)metrics, name, v)
    {
        const char *before = used ? ", " : "; found: ";
        if (n++ < FOUND_MAX) used += (size_t)snprintf(found + used, sizeof found - used, "%s'%.40s'", before, name);
    }
    snprintf(why, size,
             "metric '%.60s' is missing: it has no 'match', and no message says it%s; give it a 'match', or have the "
             "program print 'nocturne: {\"result\": {\"%.60s\": …}}'",
             missing, found, missing);
}

bool harvest_is_whole(struct harvest *h, char *why, size_t size)
{
    const json_t *metrics = harvest_metrics(h);
    const char *missing = find_missing(h, metrics);
    char hint[METRICS_HINT_MAX];
    if (!missing) return true;
    if (say_unmatched(h, metrics, why, size)) return false;
    if (h->matcher && !h->result && *missing)
        say_unsaid(metrics, missing, why, size);
    else if (h->result)
        snprintf(why, size, "the result lacks the metric '%s'%s", missing,
                 metrics_hint(metrics, missing, hint, sizeof hint));
    else if (h->last_report)
        snprintf(why, size, "exit 0 without a result, and the last report lacks '%s'%s", missing,
                 metrics_hint(metrics, missing, hint, sizeof hint));
    else
        snprintf(why, size, "exit 0 without a result or report");
    return false;
}
