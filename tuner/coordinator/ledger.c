#include "tuner/coordinator/ledger.h"

#include "tuner/base/words.h"

#include <math.h>
#include <string.h>

int ledger_token_metric(const struct objective *o)
{
    int named = objective_find_metric(o, "tokens");
    if (named >= 0) return named;
    for (size_t i = 0; i < o->n_metrics; i++)
        if (o->metric[i].kind == METRIC_COUNT && o->metric[i].goal == GOAL_MINIMIZE) return (int)i;
    return -1;
}

struct ledger ledger_open(const struct budget *budget, size_t slots, const struct clock *clock)
{
    struct ledger l = {.budget = *budget, .slots = slots, .started_ms = clock_mono_ms(clock)};
    if (budget->wall_ms) l.deadline_ms = l.started_ms + budget->wall_ms;
    if (budget->until_minutes >= 0) {
        int64_t wall = clock_wall_ms(clock), left = words_next_time_ms(budget->until_minutes, wall) - wall;
        if (!l.deadline_ms || l.started_ms + left < l.deadline_ms) l.deadline_ms = l.started_ms + left;
    }
    return l;
}

struct spending ledger_spending(const struct session *s)
{
    struct spending out = {0};
    int tokens = ledger_token_metric(&s->study->objective);
    double n = 0, ms = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        out.searched += session_is_searched(t);
        out.finished += session_is_searched(t) && trial_state_final(t->state);
        out.confirmed += t->role == ROLE_CONFIRM && trial_state_final(t->state);
        double spent = tokens < 0 ? 0 : t->state == TRIAL_COMPLETE ? t->value[tokens] : t->last[tokens];
        if (isfinite(spent)) out.tokens += spent;
        if (t->state != TRIAL_COMPLETE) continue;
        n++;
        if (isfinite(spent)) out.most_tokens = fmax(out.most_tokens, spent);
        ms += (double)(t->finished_ms - (t->started_ms ? t->started_ms : t->created_ms));
    }
    if (n > 0) out.mean_ms = fmax(ms / n, 1);
    return out;
}

const char *ledger_refuses(const struct ledger *l, const struct session *s, size_t reserved)
{
    struct spending now = ledger_spending(s);
    size_t running = session_count(s, TRIAL_RUNNING) + session_count(s, TRIAL_LEASED);
    int64_t mono = clock_mono_ms(s->clock);
    if (l->budget.trials && now.searched >= (size_t)l->budget.trials) return "the trials of the budget are done";
    if (l->budget.tokens > 0 && now.tokens + now.most_tokens * (double)(running + 1 + reserved) > l->budget.tokens)
        return "the token budget is spent";
    if (l->deadline_ms) {
        double ahead = now.mean_ms * (1 + (double)reserved / (double)l->slots);
        if ((double)mono + ahead > (double)l->deadline_ms) return "the deadline is near";
    }
    return NULL;
}

int64_t ledger_eta_ms(const struct ledger *l, const struct session *s, size_t reserved)
{
    struct spending now = ledger_spending(s);
    int64_t eta = -1;
    if (l->budget.trials && now.mean_ms > 0) {
        double left = fmax(0, (double)l->budget.trials - (double)now.finished) +
                      fmax(0, (double)reserved - (double)now.confirmed);
        eta = (int64_t)(left * now.mean_ms / (double)l->slots);
    }
    if (l->deadline_ms) {
        int64_t left = l->deadline_ms - clock_mono_ms(s->clock);
        if (eta < 0 || left < eta) eta = left > 0 ? left : 0;
    }
    return eta;
}
