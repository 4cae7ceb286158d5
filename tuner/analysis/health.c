#include "tuner/analysis/health.h"

#include "tuner/analysis/checkup.h"
#include "tuner/analysis/result_checks.h"
#include "tuner/analysis/run_checks.h"
#include "tuner/analysis/space_checks.h"

typedef struct finding check_fn(const struct checkup *x);

static check_fn *const check[] = {
    [HEALTH_WORK] = run_check_work,
    [HEALTH_SERVICE] = run_check_service,
    [HEALTH_FLEET] = run_check_fleet,
    [HEALTH_REPORTS] = run_check_reports,
    [HEALTH_FAILURES] = run_check_failures,
    [HEALTH_BUDGET] = run_check_budget,
    [HEALTH_DISK] = run_check_disk,
    [HEALTH_DEADLINE] = run_check_deadline,
    [HEALTH_BASELINE] = result_check_baseline,
    [HEALTH_METRICS] = result_check_metrics,
    [HEALTH_PARAMETERS] = space_check_parameters,
    [HEALTH_EFFECT] = space_check_effect,
    [HEALTH_BOUNDS] = space_check_bounds,
    [HEALTH_MODEL] = result_check_model,
    [HEALTH_CONSTRAINTS] = result_check_constraints,
    [HEALTH_BEST] = result_check_best,
    [HEALTH_STOPS] = result_check_stops,
    [HEALTH_GAIN] = result_check_gain,
    [HEALTH_NUMERICS] = result_check_numerics,
};

struct health health_of(const struct memory *s, const struct health_facts *facts, struct arena *arena)
{
    struct health out = {.level = HEALTH_FINE, .run_ms = s->run.wall_ms ? ledger_gone_ms(s) : 0};
    plan_make(s, 0, &out.plan);
    out.forecast = end_forecast_of(s, &out.plan);
    const struct checkup x = checkup_make(s, facts, &out.plan, arena);
    for (size_t i = 0; i < HEALTH_CHECKS_ALL; i++) {
        struct finding f = check[i](&x);
        if (!f.sentence) continue;
        out.finding[out.n++] = f;
        if (f.level > out.level) out.level = f.level;
    }
    return out;
}

json_t *health_json(const struct health *h)
{
    json_t *checks = json_array(), *later = json_array();
    for (size_t i = 0; i < h->n; i++) {
        const struct finding *f = &h->finding[i];
        const char *name = health_check_name(f->check);
        if (f->level == HEALTH_LATER)
            json_array_append_new(later, json_pack("{s:s, s:s}", "check", name, "sentence", f->sentence));
        else
            json_array_append_new(checks,
                                  json_pack("{s:s, s:s, s:s, s:s?}", "check", name, "level",
                                            health_level_name(f->level), "sentence", f->sentence, "action", f->action));
    }
    return json_pack("{s:s, s:o, s:o}", "level", health_level_name(h->level), "checks", checks, "later", later);
}
