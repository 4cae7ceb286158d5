#include "tuner/report/text.h"

#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *report_metric(const struct metric *m, double v, char *buf, size_t size)
{
    return metric_show(m, v, buf, size);
}

const char *report_utility(double u, char *buf, size_t size)
{
    if (isfinite(u))
        snprintf(buf, size, fabs(u) < 1e5 ? "%+.4f" : "%+.4g", u + 0.0); /* −0 is +0 */
    else
        snprintf(buf, size, "-");
    return buf;
}

/* ---- differences ---- */

const char *report_number(double v, struct arena *a)
{
    char text[40];
    return fabs(v) < 9999.5 ? arena_printf(a, "%.4g", v) : arena_strdup(a, words_show_count(v, text, sizeof text));
}

const char *report_size(const struct metric *m, bool ratio, double v, struct arena *a)
{
    if (ratio) return arena_printf(a, "%.*f", fabs(v) < 0.9995 ? 1 : 0, fabs(100 * v));
    return m->kind == METRIC_PROPORTION ? arena_printf(a, "%.2f", fabs(100 * v)) : report_number(fabs(v), a);
}

const char *report_unit(const struct metric *m, bool ratio)
{
    return ratio ? " %" : m->kind == METRIC_PROPORTION ? " points" : "";
}

const char *report_change(const struct metric *m, bool ratio, double v, struct arena *a)
{
    const char *size = report_size(m, ratio, v, a);
    return arena_printf(a, "%s%s", strspn(size, "0.") == strlen(size) ? "" : v < 0 ? "−" : "+", size);
}

const char *report_difference(const struct metric *m, const struct difference *d, struct arena *a)
{
    const char *by = arena_printf(a, "%s%s", report_change(m, d->ratio, d->by, a), report_unit(m, d->ratio));
    if (!isfinite(d->by)) return "not measured";
    if (!isfinite(d->low) || !isfinite(d->high)) return arena_printf(a, "%s (one seed)", by);
    if (d->low == d->high) return arena_printf(a, "%s (on each seed)", by);
    return arena_printf(a, "%s (%s to %s)", by, report_change(m, d->ratio, d->low, a),
                        report_change(m, d->ratio, d->high, a));
}

const char *report_verdict(enum verdict_word word)
{
    return word == VERDICT_PROMISING ? "promising, not proven" : verdict_name(word);
}

const char *report_share(const struct share *s, struct arena *a)
{
    if (isnan(s->middle)) return "-";
    return arena_printf(a, "%.0f %% (%.0f–%.0f)", 100 * s->middle, 100 * s->low, 100 * s->high);
}

/* ---- parameters ---- */

static const char *value_text(const struct param *p, double v, bool shortly, struct arena *a)
{
    char buf[SPACE_TEXT_MAX];
    if (shortly && p->type == PARAM_FLOAT) return arena_printf(a, "%.4g", v);
    return arena_strdup(a, param_text(p, v, buf));
}

const char *report_value(const struct param *p, double v, struct arena *a)
{
    return value_text(p, v, true, a);
}

const char *report_flat(const struct param *p, const struct flat *flat, struct arena *a)
{
    const char *all = p->name;
    if (flat->n == 1 || (flat->n == 0 && !(flat->high > flat->low))) return NULL;
    for (size_t i = 0; i < flat->n; i++)
        all = arena_printf(a, "%s%s %s", all, i ? "," : "", report_value(p, flat->value[i], a));
    if (flat->n) return arena_printf(a, "%s%s", all, flat->whole ? ": any" : "");
    return arena_printf(a, "%s %s to %s%s", all, report_value(p, flat->low, a), report_value(p, flat->high, a),
                        flat->whole ? ": anywhere" : "");
}

static const char *config_text(const struct space *space, const double *config, const double *near, bool shortly,
                               struct arena *arena)
{
    const char *all = "";
    for (int same = 0; same < (near ? 2 : 1); same++)
        for (size_t i = 0; i < space->n; i++)
            if (!isnan(config[i]) && (!near || (config[i] == near[i]) == same))
                all = arena_printf(arena, "%s%s%s=%s", all, *all ? " " : "", space->param[i].name,
                                   plain_shown(arena, value_text(&space->param[i], config[i], shortly, arena)));
    return all;
}

const char *report_config_apart(const struct space *space, const double *config, const double *from,
                                struct arena *arena)
{
    double apart[SPACE_PARAMS_MAX];
    for (size_t i = 0; i < space->n; i++) apart[i] = from && config[i] == from[i] ? NAN : config[i];
    return config_text(space, apart, NULL, true, arena);
}

const char *report_config(const struct space *space, const double *config, struct arena *arena)
{
    return config_text(space, config, NULL, false, arena);
}

const char *report_config_near(const struct space *space, const double *config, const double *near, struct arena *arena)
{
    return config_text(space, config, near, false, arena);
}

const char *report_config_short(const struct space *space, const double *config, const double *near,
                                struct arena *arena)
{
    return config_text(space, config, near, true, arena);
}

/* ---- times ---- */

static const char *write_time(double ms, const char *format, char *buf, size_t size)
{
    time_t at = fabs(ms) < 9e14 ? (time_t)(ms / 1000) : 0;
    struct tm t;
    if (!(fabs(ms) < 9e14) || !localtime_r(&at, &t) || strftime(buf, size, format, &t) == 0)
        snprintf(buf, size, "in many years");
    return buf;
}

const char *report_time(int64_t ms, char *buf, size_t size)
{
    return write_time((double)ms, "%Y-%m-%d %H:%M:%S", buf, size);
}

const char *report_moment(double ms, const char *format, struct arena *a)
{
    char buf[64];
    return arena_strdup(a, write_time(ms, format, buf, sizeof buf));
}
