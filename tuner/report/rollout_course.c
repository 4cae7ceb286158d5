#include "tuner/report/rollout_course.h"

#include "tuner/base/words.h"

#include <math.h>
#include <string.h>

enum { POINTS_LEAST = 3, STEPS_NAMED = 12 };

static const double wide = 1; /* of the last interval's width: how far an earlier one is shown beyond its ends */

struct track_course {
    size_t n;
    double *at, *by, *low, *high;
    double line; /* what it must pass */
};

/* In what people read: points of a proportion, percent of a ratio. */
static double scale_of(const json_t *track)
{
    bool percent = json_is_true(json_object_get(track, "ratio")) || json_is_true(json_object_get(track, "points"));
    return percent ? 100 : 1;
}

static double *column(const struct rollout_view *v, const json_t *list, size_t n, double scale)
{
    double *out = arena_array(v->a, n, sizeof *out);
    for (size_t i = 0; i < n; i++) out[i] = scale * json_number_read(json_array_get(list, i));
    return out;
}

/* Only points that have an interval. False: there are too few. */
static bool read_track(const struct rollout_view *v, const json_t *course, const json_t *track,
                       struct track_course *ret)
{
    const json_t *at = json_object_get(course, "at_ms");
    size_t n = json_array_size(at);
    double scale = scale_of(track);
    struct track_course c = {.at = column(v, at, n, 1),
                             .by = column(v, json_object_get(track, "by"), n, scale),
                             .low = column(v, json_object_get(track, "low"), n, scale),
                             .high = column(v, json_object_get(track, "high"), n, scale),
                             .line = scale * json_number_at(track, "line")};
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(c.at[i]) || !isfinite(c.by[i]) || !isfinite(c.low[i]) || !isfinite(c.high[i])) continue;
        c.at[c.n] = c.at[i], c.by[c.n] = c.by[i], c.low[c.n] = c.low[i], c.high[c.n] = c.high[i];
        c.n++;
    }
    *ret = c;
    return c.n >= POINTS_LEAST;
}

/* So that the last interval is seen well: those of the first units, which are very wide, go beyond. */
static void fit(struct chart_panel *p, const struct track_course *c)
{
    double low = c->low[c->n - 1], high = c->high[c->n - 1], width = fmax(high - low, 1e-9);
    p->y.low = low, p->y.high = low + width;
    axis_include(&p->y, 0);
    if (isfinite(c->line)) axis_include(&p->y, c->line);
    for (size_t i = 0; i < c->n; i++) {
        axis_include(&p->y, fmax(c->low[i], low - wide * width));
        axis_include(&p->y, fmin(c->high[i], high + wide * width));
    }
    axis_pad(&p->y, 0.06);
}

/* "5 %" where the challengers' share became that. Where shares follow what is known these are many, and bare. */
static void draw_ramp(const struct rollout_view *v, struct chart_panel *p, const json_t *course)
{
    const json_t *ramp = json_object_get(course, "ramp"), *step;
    bool few = json_array_size(ramp) <= STEPS_NAMED;
    size_t i;
    json_array_foreach(ramp, i, step)
    {
        double ms = json_number_at(step, "at_ms"), share = json_number_at(step, "share");
        if (!(ms >= p->x.low && ms <= p->x.high) || !isfinite(share)) continue;
        chart_line_at(p, v->a, CHART_AT_X, ms, few ? rollout_percent(v, share) : NULL);
    }
}

static void draw_lines(const struct rollout_view *v, struct chart_panel *p, const struct track_course *c)
{
    chart_line_at(p, v->a, CHART_AT_Y, 0, NULL);
    if (!isfinite(c->line) || c->line == 0) return;
    chart_line_at(p, v->a, CHART_AT_Y, c->line, NULL);
    p->layer[p->n - 1].dashed = true;
}

static bool is_bill(const json_t *track)
{
    const char *what = json_string_value(json_object_get(track, "what"));
    return what && strcmp(what, "bill") == 0;
}

static void draw_track(const struct rollout_view *v, struct chart *ret, const json_t *course, const json_t *track,
                       enum rollout_course_look look)
{
    struct track_course c;
    if (!read_track(v, course, track, &c)) return;
    bool ratio = json_is_true(json_object_get(track, "ratio"));
    const char *metric = rollout_text(v, track, "metric");
    struct chart_panel *p = chart_panel(ret, v->a);
    p->title = is_bill(track) ? arena_printf(v->a, "%s, the bill", metric) : metric;
    p->x =
        (struct axis){.name = "local time", .unit = "", .scale = AXIS_CLOCK, .low = c.at[0], .high = c.at[c.n - 1] + 1};
    const char *unit = scale_of(track) == 1 ? "" : ratio ? "%" : "points";
    if (*unit && look == ROLLOUT_COURSE_BRIEF) p->title = arena_printf(v->a, "%s, %s", p->title, unit);
    p->y = (struct axis){.name = "difference", .unit = unit, .sign = true};
    const json_t *first = json_array_get(json_object_get(course, "ramp"), 0);
    if (isfinite(json_number_at(first, "at_ms"))) axis_include(&p->x, json_number_at(first, "at_ms"));
    draw_ramp(v, p, course);
    struct chart_layer *band = chart_layer(p, v->a, CHART_BAND);
    band->n = c.n, band->x = c.at, band->low = c.low, band->high = c.high;
    band->look = CHART_COMPLETE;
    draw_lines(v, p, &c);
    struct chart_layer *line = chart_layer(p, v->a, CHART_LINE);
    line->n = c.n, line->x = c.at, line->y = c.by;
    line->look = CHART_INK;
    fit(p, &c);
}

static const json_t *tracks_of(const json_t *course, const char *variant)
{
    const json_t *c;
    size_t i;
    json_array_foreach(json_object_get(course, "challengers"), i, c)
    {
        const char *name = json_string_value(json_object_get(c, "variant"));
        if (name && strcmp(name, variant) == 0) return json_object_get(c, "tracks");
    }
    return NULL;
}

static const char *caption_of(const struct rollout_view *v, const json_t *course, enum rollout_course_look look)
{
    const json_t *units = json_object_get(course, "units");
    double scored = json_number_read(json_array_get(units, json_array_size(units) - 1));
    if (look == ROLLOUT_COURSE_BRIEF)
        return "The difference and its interval; dashed: what it must pass; upright: steps of the ramp.";
    return arena_printf(v->a,
                        "The difference so far and its interval, right however often somebody looks, over %.0f scored "
                        "units. Dashed: what it must pass to be good enough, else that is 0. Upright: from then on "
                        "challengers had that share of all units.",
                        scored);
}

bool rollout_course(const struct rollout_view *v, const json_t *challenger, const json_t *course,
                    enum rollout_course_look look, struct chart *ret)
{
    const json_t *track;
    const char *variant = rollout_text(v, challenger, "variant");
    size_t i;
    *ret = (struct chart){.name = "course"};
    json_array_foreach(tracks_of(course, variant), i, track)
    {
        if (look == ROLLOUT_COURSE_WHOLE || !is_bill(track)) draw_track(v, ret, course, track, look);
    }
    if (ret->n_panels == 0) return false;
    ret->title = look == ROLLOUT_COURSE_BRIEF ? arena_printf(v->a, "%s beside the champion, how it went", variant)
                                              : arena_printf(v->a, "%s beside the champion: %s", variant,
                                                             rollout_differences(v, challenger, true));
    ret->caption = caption_of(v, course, look);
    return true;
}
