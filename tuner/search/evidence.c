#include "tuner/search/evidence.h"

#include <math.h>

double evidence_utility(const struct evidence *e, const struct study *study, const struct learning_curve *c,
                        long report)
{
    const struct objective *o = &study->objective;
    size_t i = (size_t)((report - 1) / (c->every ? c->every : 1));
    if (report > c->reports || i >= c->n) return NAN;
    return objective_known_utility(o, c->value + i * c->n_metrics, e->baseline);
}
