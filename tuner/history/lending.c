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

const struct learning_curve *lending_curve(const struct trial *t, struct arena *arena)
{
    struct curve *c = (struct curve *)t->attempt.curve; /* const for everybody else */
    if (!trial_state_final(t->state)) return learning_curve_copy(&c->curve, arena);
    struct learning_curve *out = arena_alloc(arena, sizeof *out);
    *out = c->curve;
    c->lent = true;
    return out;
}

static void keep(struct history *s, const struct learning_curve *c)
{
    struct gone_curve *g = must_alloc(1, sizeof *g);
    *g = (struct gone_curve){s->lending.gone, *c};
    s->lending.gone = g;
}

void lending_part(struct history *s, struct curve *c)
{
    struct learning_curve old = c->curve;
    bool held = c->lent && s->lending.holders;
    c->lent = false;
    if (!held) return;
    keep(s, &old);
    c->curve.at = must_alloc(LEARNING_CURVE_POINTS, sizeof *old.at);
    c->curve.value = must_alloc(LEARNING_CURVE_POINTS * old.n_metrics, sizeof *old.value);
    memcpy(c->curve.at, old.at, old.n * sizeof *old.at);
    memcpy(c->curve.value, old.value, old.n * old.n_metrics * sizeof *old.value);
}

void lending_drop(struct history *s, struct curve *c)
{
    if (c->lent && s->lending.holders)
        keep(s, &c->curve);
    else
        learning_curve_done(&c->curve);
}
