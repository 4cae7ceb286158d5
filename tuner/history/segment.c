#include "tuner/history/segment.h"

const struct checkpoint *segment_from(const struct memory *s, const struct trial *t)
{
    const struct trial *from = t->checkpoint.name ? t : memory_trial(s, t->segment.parent);
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
