#include "tuner/history/memory.h"

#include "tuner/base/json.h"
#include "tuner/base/rng.h"

#include <math.h>

const char *trial_role_name(enum trial_role role)
{
    static const char *const names[] = {"baseline", "reference", "search", "enqueued", "confirm", "member"};
    return names[role];
}

/* ---- reading ---- */

const struct trial *memory_trial(const struct memory *s, long number)
{
    return number >= 0 && (size_t)number < s->n ? s->trial[number] : NULL;
}

bool memory_is_searched(const struct trial *t)
{
    return t->role != ROLE_CONFIRM && t->state != TRIAL_CANCELLED;
}

size_t memory_count(const struct memory *s, enum trial_state state)
{
    return s->tally.count[state];
}

size_t memory_in_flight(const struct memory *s)
{
    return s->tally.count[TRIAL_LEASED] + s->tally.count[TRIAL_RUNNING];
}

const struct trial *memory_next_queued(const struct memory *s, long after)
{
    const struct trial *best = NULL;
    if (s->tally.count[TRIAL_QUEUED] == 0) return NULL;
    int64_t now = clock_mono_ms(s->clock);
    for (size_t i = 0; i < s->n_open; i++) {
        const struct trial *t = s->open[i];
        bool ready = t->state == TRIAL_QUEUED && t->need.ready_ms <= now && t->number > after;
        if (ready && (!best || t->number < best->number)) best = t;
    }
    return best;
}

const double *memory_baseline(const struct memory *s)
{
    return s->baseline.runs ? s->baseline.mean : NULL;
}

bool memory_has_confirmed(const struct memory *s)
{
    return s->tally.confirmed > s->baseline.again;
}

uint64_t memory_trial_seed(const struct memory *s, long number)
{
    struct rng rng = rng_derive(s->seed, "trial", (uint64_t)number);
    return rng_bits(&rng) >> 33;
}

uint64_t memory_search_seed(const struct memory *s, long number)
{
    return memory_trial_seed(s, s->study->pipeline.n ? 0 : number);
}

double memory_cost(const struct memory *s, const double *metrics, long step)
{
    int tokens = objective_token_metric(&s->study->objective);
    return tokens < 0 ? (double)step + 1 : metrics[tokens];
}

json_t *memory_metrics(const struct memory *s, const struct trial *t)
{
    const struct objective *o = &s->study->objective;
    json_t *out = json_object();
    for (size_t i = 0; i < o->n_metrics; i++) {
        double v = t->value[i];
        if (!isfinite(v)) continue;
        json_object_set_new(out, o->metric[i].name, json_amount(v));
    }
    json_object_update(out, t->extra);
    return out;
}

int64_t memory_took_ms(const struct memory *s, const struct trial *t)
{
    bool runs = t->state == TRIAL_LEASED || t->state == TRIAL_RUNNING;
    return runs ? clock_mono_ms(s->clock) - t->attempt.leased_ms : t->effort.took_ms;
}

int64_t memory_silent_ms(const struct memory *s, const struct trial *t)
{
    const struct attempt *a = &t->attempt;
    int64_t by_mono = clock_mono_ms(s->clock) - a->leased_ms, by_wall = clock_wall_ms(s->clock) - a->began_ms;
    int64_t silent = (s->run.mono_ms ? by_mono : by_wall) - a->heard.last_ms;
    return silent > 0 ? silent : 0;
}
