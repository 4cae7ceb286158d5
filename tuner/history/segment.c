#include "tuner/history/segment.h"

bool segment_of_stage(const struct memory *s, const struct trial *t)
{
    if (t->attempt.stage < 0) return true;
    const struct schedule *x = &s->study->schedule;
    bool any = false;
    for (size_t i = 0; !any && i < x->n; i++) any = s->study->pipeline.stage[t->attempt.stage].names[x->param[i]];
    return any;
}

const struct checkpoint *segment_from(const struct memory *s, const struct trial *t)
{
    bool own = t->checkpoint.name && t->checkpoint.stage == t->attempt.stage;
    const struct trial *from = own ? t : segment_of_stage(s, t) ? memory_trial(s, t->segment.parent) : NULL;
    return from ? &from->checkpoint : NULL;
}

bool segment_is_over(const struct segment *x, double cost)
{
    return x->until > 0 && cost >= x->until;
}

bool segment_leads_on(const struct memory *s, const struct trial *t)
{
    return t->checkpoint.name && memory_cost(s, t->value, t->attempt.step) >= t->segment.until;
}

bool segment_is_part(const struct trial *t)
{
    return t->segment.parent >= 0 || t->segment.until > 0 || t->trajectory.n > 0;
}
