#include "tuner/live/watch.h"

#include <math.h>
#include <string.h>

/* ---- writing ---- */

/* −INFINITY, of a detector that has seen nothing, is null. */
static json_t *detector_json(const struct detector *d)
{
    return json_pack("{s:f, s:f, s:o}", "baseline", d->baseline, "variance", d->variance, "log_wealth",
                     json_numbers(d->log_wealth, DETECTOR_FALLS));
}

static json_t *mean_json(const struct watch_mean *m)
{
    return json_pack("{s:f, s:o}", "n", m->n, "mean", json_number(m->n > 0 ? m->mean : NAN));
}

static json_t *stream_json(const struct watch *w, size_t i)
{
    const struct watch_stream *s = &w->stream[i];
    const struct saving_marks *m = &w->metric[i].marks;
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "metric", w->metric[i].name, "sums",
                     json_numbers((const double[]){s->n, s->sum, s->squares}, 3), "marks",
                     json_numbers((const double[]){m->low, m->high, m->cap}, 3), "worse", detector_json(&s->worse),
                     "better", detector_json(&s->better), "sample",
                     json_numbers(w->sample[i], w->sample[i] ? (size_t)w->learnt : 0), "usual", mean_json(&s->usual),
                     "lately", mean_json(&s->lately));
}

json_t *watch_json(const struct watch *w)
{
    json_t *streams = json_array();
    size_t most;
    for (size_t i = 0; i < w->plan->n; i++) json_array_append_new(streams, stream_json(w, i));
    double log_r = watch_statistic(w, &most);
    return json_pack("{s:s, s:I, s:b, s:b, s:f, s:f, s:f, s:o, s:s, s:s, s:s, s:s, s:I, s:I, s:o}", "phase",
                     watch_phase_name(w->phase), "since_ms", (json_int_t)w->since_ms, "asked", w->work == WATCH_ASKED,
                     "begun", w->work == WATCH_BEGUN, "learnt", w->learnt, "seen", w->seen, "gather",
                     watch_gathers(w), "log_r", json_number(log_r), "most", w->metric[most].name, "why", w->why, "study", w->study, "challenger",
                     w->challenger, "tunings", (json_int_t)w->tunings, "evaluated_ms", (json_int_t)w->evaluated_ms,
                     "streams", streams);
}

/* ---- reading ---- */

static bool read_detector(const json_t *in, struct detector *ret)
{
    ret->baseline = json_number_at(in, "baseline");
    ret->variance = json_number_at(in, "variance");
    if (!json_numbers_read(json_object_get(in, "log_wealth"), ret->log_wealth, DETECTOR_FALLS)) return false;
    for (size_t k = 0; k < DETECTOR_FALLS; k++)
        if (isnan(ret->log_wealth[k])) ret->log_wealth[k] = -INFINITY;
    return !isnan(ret->baseline) && !isnan(ret->variance);
}

static void read_mean(const json_t *in, struct watch_mean *ret)
{
    struct watch_mean m = {json_number_at(in, "n"), json_number_at(in, "mean")};
    if (m.n > 0 && !isnan(m.mean)) *ret = m;
}

static bool read_stream(const json_t *in, struct watch *w, size_t i)
{
    double sums[3], marks[3];
    const json_t *sample = json_object_get(in, "sample");
    size_t n = json_array_size(sample);
    if (!json_numbers_read(json_object_get(in, "sums"), sums, 3) ||
        !json_numbers_read(json_object_get(in, "marks"), marks, 3) ||
        !read_detector(json_object_get(in, "worse"), &w->stream[i].worse) ||
        !read_detector(json_object_get(in, "better"), &w->stream[i].better) || (n && n != (size_t)w->learnt))
        return false;
    read_mean(json_object_get(in, "usual"), &w->stream[i].usual);
    read_mean(json_object_get(in, "lately"), &w->stream[i].lately);
    w->stream[i].n = sums[0], w->stream[i].sum = sums[1], w->stream[i].squares = sums[2];
    w->metric[i].marks = (struct saving_marks){marks[0], marks[1], marks[2]};
    for (size_t k = 0; k < n; k++) {
        w->sample[i] = arena_more(w->arena, w->sample[i], k, sizeof(double));
        w->sample[i][k] = json_number_read(json_array_get(sample, k));
    }
    return true;
}

static bool read_phase(const char *name, enum watch_phase *ret)
{
    for (int i = 0; name && i <= WATCH_TRYING; i++)
        if (strcmp(name, watch_phase_name((enum watch_phase)i)) == 0) return *ret = (enum watch_phase)i, true;
    return false;
}

static const char *text_of(const json_t *in, const char *key, struct arena *arena)
{
    const char *text = json_string_value(json_object_get(in, key));
    return arena_strdup(arena, text ? text : "");
}

static bool read_all(const json_t *in, struct watch *w)
{
    const json_t *streams = json_object_get(in, "streams");
    w->since_ms = json_integer_value(json_object_get(in, "since_ms"));
    w->work = json_is_true(json_object_get(in, "asked"))   ? WATCH_ASKED
              : json_is_true(json_object_get(in, "begun")) ? WATCH_BEGUN
                                                           : WATCH_DUE;
    w->learnt = json_number_at(in, "learnt"), w->seen = json_number_at(in, "seen");
    double gather = json_number_at(in, "gather"); /* of an earlier version: none */
    w->gather = gather > 0 ? gather : 0;
    w->why = text_of(in, "why", w->arena), w->study = text_of(in, "study", w->arena);
    w->challenger = text_of(in, "challenger", w->arena);
    w->tunings = (long)json_integer_value(json_object_get(in, "tunings"));
    w->evaluated_ms = json_integer_value(json_object_get(in, "evaluated_ms"));
    if (!(w->learnt >= 0) || !(w->seen >= 0) || json_array_size(streams) != w->plan->n) return false;
    for (size_t i = 0; i < w->plan->n; i++)
        if (!read_stream(json_array_get(streams, i), w, i)) return false;
    return read_phase(json_string_value(json_object_get(in, "phase")), &w->phase);
}

enum status watch_read(const json_t *in, const struct watch_plan *plan, struct arena *arena, struct watch *ret,
                       struct error *err)
{
    struct watch w = {.plan = plan, .arena = arena};
    memcpy(w.metric, plan->metric, sizeof w.metric);
    if (!read_all(in, &w)) return error_set(err, STATUS_INVALID, "what was kept of this watch cannot be read");
    *ret = w;
    return STATUS_OK;
}
