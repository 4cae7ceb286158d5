#include "tuner/analysis/spending.h"

#include "tuner/base/bounded.h"
#include "tuner/base/json.h"

enum { POINTS = 200 };

struct span {
    int64_t from, to;
};

static struct span span_of(const struct memory *s)
{
    struct span out = {INT64_MAX, 0};
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (t->created_ms < out.from) out.from = t->created_ms;
        if (t->created_ms > out.to) out.to = t->created_ms;
        if (t->finished_ms > out.to) out.to = t->finished_ms;
    }
    return out;
}

static int64_t fitting(int64_t length, int64_t step, int64_t points)
{
    int64_t least = length / points + 1;
    return step < least ? least : step;
}

/* The first point that is not before it. */
static size_t place(const struct spending *x, const struct trial *t)
{
    if (!t->finished_ms) return x->n - 1;
    int64_t behind = t->finished_ms - x->begin_ms;
    size_t at = behind > 0 ? (size_t)((behind + x->step_ms - 1) / x->step_ms) : 0;
    return at < x->n ? at : x->n - 1;
}

static void add(struct spending_point *to, double tokens, double busy_ms, size_t trials)
{
    to->tokens = bounded_sum(to->tokens, tokens);
    to->busy_ms = bounded_sum(to->busy_ms, busy_ms);
    to->trials += trials;
}

struct spending spending_make(const struct memory *s, int64_t step_ms, struct arena *arena)
{
    struct span span = span_of(s);
    struct spending x = {.step_ms = step_ms};
    if (s->n == 0) return x;
    int64_t length = span.to - span.from;
    x.begin_ms = span.from;
    x.step_ms = step_ms ? fitting(length, step_ms, SPENDING_POINTS_MAX - 2) : fitting(length, 1, POINTS);
    x.n = (size_t)((length + x.step_ms - 1) / x.step_ms) + 1;
    struct spending_point *point = arena_array(arena, x.n, sizeof *point);
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        bool counts = trial_state_final(t->state) && t->state != TRIAL_CANCELLED && memory_is_searched(t);
        add(&point[place(&x, t)], t->effort.tokens, t->effort.busy_ms, counts);
    }
    for (size_t i = 1; i < x.n; i++) add(&point[i], point[i - 1].tokens, point[i - 1].busy_ms, point[i - 1].trials);
    x.point = point;
    return x;
}

json_t *spending_json(const struct memory *s, const struct spending *x)
{
    json_t *at = json_array(), *tokens = json_array(), *trials = json_array(), *cost = json_array(),
           *busy = json_array();
    for (size_t i = 0; i < x->n; i++) {
        const struct spending_point *p = &x->point[i];
        json_array_append_new(at, json_integer(x->begin_ms + (int64_t)i * x->step_ms));
        json_array_append_new(tokens, json_amount(p->tokens));
        json_array_append_new(trials, json_integer((json_int_t)p->trials));
        json_array_append_new(cost, json_number(ledger_money(s, p->tokens, p->busy_ms)));
        json_array_append_new(busy, json_amount(p->busy_ms));
    }
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o}", "step_ms", (json_int_t)x->step_ms, "at_ms", at, "tokens", tokens,
                     "trials", trials, "cost", cost, "busy_ms", busy);
}
