#include "tuner/report/text.h"

#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdio.h>
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

/* Four digits are enough to see what a configuration is like. */
static const char *value_text(const struct param *p, double v, bool shortly, char *buf)
{
    if (!shortly || p->type != PARAM_FLOAT) return param_text(p, v, buf);
    snprintf(buf, SPACE_TEXT_MAX, "%.4g", v);
    return buf;
}

static const char *config_text(const struct space *space, const double *config, const double *near, bool shortly,
                               struct arena *arena)
{
    const char *all = "";
    char buf[SPACE_TEXT_MAX];
    for (int same = 0; same < (near ? 2 : 1); same++)
        for (size_t i = 0; i < space->n; i++)
            if (!isnan(config[i]) && (!near || (config[i] == near[i]) == same))
                all = arena_printf(arena, "%s%s%s=%s", all, *all ? " " : "", space->param[i].name,
                                   plain_shown(arena, value_text(&space->param[i], config[i], shortly, buf)));
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

const char *report_time(int64_t ms, char *buf, size_t size)
{
    time_t at = (time_t)(ms / 1000);
    struct tm t;
    strftime(buf, size, "%Y-%m-%d %H:%M:%S", localtime_r(&at, &t));
    return buf;
}
