#include "tuner/analysis/end_forecast.h"

#include "tuner/base/bounded.h"
#include "tuner/base/json.h"

#include <math.h>

static struct plan_interval plus(double from, const struct plan_interval *x)
{
    return (struct plan_interval){bounded_sum(from, x->low), bounded_sum(from, x->median), bounded_sum(from, x->high)};
}

struct end_forecast end_forecast_of(const struct memory *s, const struct plan *plan)
{
    bool going_on = s->phase == STUDY_OPEN || s->phase == STUDY_PAUSED;
    double now = (double)clock_wall_ms(s->clock);
    struct end_forecast out = {.known = going_on && isfinite(plan->ms.median),
                               .end_ms = plus(now, &plan->ms),
                               .tokens = plus(ledger_tokens(s), &plan->tokens),
                               .trials = plan->trials,
                               .on_time = plan->on_time,
                               .searches = plan->searches,
                               .confirms = plan->confirms,
                               .running = plan->running + plan->running_confirms};
    if (objective_token_metric(&s->study->objective) < 0) out.tokens = (struct plan_interval){NAN, NAN, NAN};
    if (plan->left_ms < INT64_MAX) out.deadline_ms = (int64_t)now + plan->left_ms;
    return out;
}

static json_t *interval_json(const struct plan_interval *x)
{
    if (!isfinite(x->median)) return json_null();
    return json_pack("{s:o, s:o, s:o}", "low", json_amount(round(x->low)), "median", json_amount(round(x->median)),
                     "high", json_amount(round(x->high)));
}

json_t *end_forecast_json(const struct end_forecast *f)
{
    if (!f->known) return json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I}", "end_ms", interval_json(&f->end_ms), "tokens",
                     interval_json(&f->tokens), "trials", interval_json(&f->trials), "on_time", json_number(f->on_time),
                     "deadline_ms", f->deadline_ms ? json_integer(f->deadline_ms) : json_null(), "trials_left",
                     (json_int_t)f->searches, "confirmations_left", (json_int_t)f->confirms, "running",
                     (json_int_t)f->running);
}
