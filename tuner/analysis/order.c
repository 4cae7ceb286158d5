#include "tuner/analysis/order.h"

#include "tuner/analysis/document.h"

#include <math.h>
#include <stdlib.h>

static enum order_group group_of(const struct memory *s, const struct trial *t, enum order_by by)
{
    if (by == ORDER_BY_FACT) return ORDER_RESULTS;
    if (t->state == TRIAL_COMPLETE && t->confirms >= 0) return ORDER_CONFIRMATIONS;
    if (t->state == TRIAL_COMPLETE && by == ORDER_BY_UTILITY && document_trial_of(s, t).breaks) return ORDER_BROKEN;
    if (t->state == TRIAL_COMPLETE) return ORDER_RESULTS;
    return t->state == TRIAL_PRUNED ? ORDER_STOPPED : ORDER_REST;
}

struct ordered order_place(const struct memory *s, const struct trial *t, enum order_by by, double key)
{
    return (struct ordered){t, group_of(s, t, by), key};
}

static int compare(const void *a, const void *b, void *data)
{
    const struct ordered *x = a, *y = b;
    bool descending = *(const bool *)data;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    if (isnan(x->key) != isnan(y->key)) return isnan(x->key) ? 1 : -1;
    if (x->key < y->key) return descending ? 1 : -1;
    if (x->key > y->key) return descending ? -1 : 1;
    return x->trial->number < y->trial->number ? -1 : x->trial->number > y->trial->number;
}

void order_sort(struct ordered *list, size_t n, bool descending)
{
    qsort_r(list, n, sizeof *list, compare, &descending);
}
