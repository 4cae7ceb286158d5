#include "tuner/analysis/keep.h"

#include "tuner/analysis/ranking.h"

#include <string.h>

enum { ENDING_MS = 60000 }; /* and the grace: a cancelled trial's program may take so long to be gone */

const char *keep_name(enum keep k)
{
    static const char *const name[] = {"none", "running", "best", "confirmed", "baseline", "checkpoint"};
    return name[k];
}

static bool may_be_ending(const struct memory *s, const struct trial *t)
{
    return t->state == TRIAL_CANCELLED &&
           clock_wall_ms(s->clock) - t->finished_ms < s->study->limits.grace_ms + ENDING_MS;
}

/* The first reason counts. */
static void mark(enum keep *keep, long number, size_t n, enum keep why)
{
    if (number >= 0 && (size_t)number < n && keep[number] == KEEP_NOT) keep[number] = why;
}

static void mark_open(const struct memory *s, bool at_work, enum keep *keep)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (!trial_state_final(t->state) || (at_work && may_be_ending(s, t))) mark(keep, t->number, s->n, KEEP_OPEN);
    }
}

static void mark_best(const struct memory *s, enum keep *keep)
{
    struct arena a = {0};
    struct ranking all = ranking_make(s, &s->study->objective, &a);
    if (s->best.trial) mark(keep, s->best.trial->number, s->n, KEEP_BEST);
    if (all.winner) mark(keep, all.winner->trial->number, s->n, KEEP_BEST);
    for (size_t i = 0; i < all.n; i++)
        if (all.all[i].on_front) mark(keep, all.all[i].trial->number, s->n, KEEP_BEST);
    arena_done(&a);
}

/* A confirmation stays with what it confirms, and the other way round. */
static void mark_confirmed(const struct memory *s, enum keep *keep)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (t->confirms < 0 || (size_t)t->confirms >= s->n) continue;
        mark(keep, t->confirms, s->n, KEEP_CONFIRMED);
        mark(keep, t->number, s->n, keep[t->confirms] == KEEP_OPEN ? KEEP_CONFIRMED : keep[t->confirms]);
    }
}

static void mark_baseline(const struct memory *s, enum keep *keep)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->trial[i]->role == ROLE_BASELINE || s->trial[i]->role == ROLE_REFERENCE)
            mark(keep, s->trial[i]->number, s->n, KEEP_BASELINE);
}

/* A population that is not at its end clones any of its members. */
static void mark_checkpoints(const struct memory *s, enum keep *keep)
{
    bool clones = s->study->schedule.n > 0 && s->phase != STUDY_COMPLETE;
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (!trial_state_final(t->state)) mark(keep, t->segment.parent, s->n, KEEP_CHECKPOINT);
        if (clones && t->checkpoint.name) mark(keep, t->number, s->n, KEEP_CHECKPOINT);
    }
}

enum keep *keep_look(const struct memory *s, bool at_work, struct arena *arena)
{
    enum keep *keep = arena_array(arena, s->n + 1, sizeof *keep); /* KEEP_NOT */
    mark_open(s, at_work, keep);
    mark_best(s, keep);
    mark_baseline(s, keep);
    mark_confirmed(s, keep);
    mark_checkpoints(s, keep);
    return keep;
}
