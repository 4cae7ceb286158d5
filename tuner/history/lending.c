#include "tuner/history/lending.h"

#include "tuner/history/internal.h"

#include <stdlib.h>
#include <string.h>

struct gone_curve {
    struct gone_curve *next;
    struct learning_curve curve;
};

void lending_begin(struct history *s)
{
    s->lending.holders++;
}

static void free_gone(struct history *s)
{
    while (s->lending.gone) {
        struct gone_curve *g = s->lending.gone;
        s->lending.gone = g->next;
        learning_curve_done(&g->curve);
        free(g);
    }
}

void lending_end(struct history *s)
{
    if (--s->lending.holders == 0) free_gone(s);
}

void lending_done(struct history *s)
{
    free_gone(s);
}

static void keep(struct history *s, const struct learning_curve *c)
{
    struct gone_curve *g = must_alloc(1, sizeof *g);
    *g = (struct gone_curve){s->lending.gone, *c};
    s->lending.gone = g;
}

void lending_part(struct history *s, struct learning_curve *c)
{
    struct learning_curve old = *c;
    if (s->lending.holders == 0) return;
    keep(s, &old);
    c->at = must_alloc(LEARNING_CURVE_POINTS, sizeof *c->at);
    c->value = must_alloc(LEARNING_CURVE_POINTS * c->n_metrics, sizeof *c->value);
    memcpy(c->at, old.at, old.n * sizeof *old.at);
    memcpy(c->value, old.value, old.n * old.n_metrics * sizeof *old.value);
}

void lending_drop(struct history *s, struct learning_curve *c)
{
    if (s->lending.holders)
        keep(s, c);
    else
        learning_curve_done(c);
}
