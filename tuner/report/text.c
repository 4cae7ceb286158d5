#include "tuner/report/report.h"

#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include <math.h>
#include <time.h>

const char *report_metric(const struct metric *m, double v, char *buf, size_t size)
{
    if (!isfinite(v))
        snprintf(buf, size, "-");
    else if (m->kind == METRIC_PROPORTION && fabs(v) < 1e6)
        snprintf(buf, size, "%.4f", v);
    else if (m->kind == METRIC_COUNT)
        words_show_count(v, buf, size);
    else
        snprintf(buf, size, "%.5g", v);
    return buf;
}

const char *report_utility(double u, char *buf, size_t size)
{
    if (isfinite(u))
        snprintf(buf, size, fabs(u) < 1e5 ? "%+.4f" : "%+.4g", u + 0.0); /* −0 is +0 */
    else
        snprintf(buf, size, "-");
    return buf;
}

const char *report_config(const struct space *space, const double *config, struct arena *arena)
{
    const char *all = "";
    char buf[SPACE_TEXT_MAX];
    for (size_t i = 0; i < space->n; i++)
        if (!isnan(config[i]))
            all = arena_printf(arena, "%s%s%s=%s", all, *all ? " " : "", space->param[i].name,
                               plain_shown(arena, param_text(&space->param[i], config[i], buf)));
    return all;
}

const char *report_time(int64_t ms, char *buf, size_t size)
{
    time_t at = (time_t)(ms / 1000);
    struct tm t;
    strftime(buf, size, "%Y-%m-%d %H:%M:%S", localtime_r(&at, &t));
    return buf;
}
