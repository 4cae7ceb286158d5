#include "tuner/coordinator/ending.h"

#include "tuner/coordinator/machine.h"
#include "tuner/coordinator/placement.h"

#include "tuner/base/words.h"

#include "tuner/analysis/analysis.h"

#include <stdio.h>

static void stop_all(struct coordinator *c, enum stop_mode mode, const char *why)
{
    for (size_t i = c->attempts.n; i-- > 0;)
        if (c->attempts.attempt[i]->state == ATTEMPT_RUNS) attempt_stop(c->attempts.attempt[i], mode, why);
}

/* Remembers the first error and kills what runs; the loop ends when the last job has. */
void ending_give_up(struct coordinator *c, enum status status, const struct error *err)
{
    if (!c->result.status) {
        c->result.status = status;
        c->result.err = *err;
    }
    if (c->phase == PHASE_ENDED) return;
    c->phase = PHASE_KILL;
    stop_all(c, STOP_NOW, "the coordinator stops");
}

void coordinator_drain(struct coordinator *c)
{
    char text[200];
    if (c->phase != PHASE_SEARCH && c->phase != PHASE_CONFIRM) return;
    c->phase = PHASE_DRAIN;
    snprintf(text, sizeof text, "stopping: %zu running trial%s may finish; interrupt again to stop %s now",
             coordinator_busy(c), words_s(coordinator_busy(c)), coordinator_busy(c) == 1 ? "it" : "them");
    machine_say_now(c, NEWS_STOPPING, NULL, text);
}

/* Nothing new starts; what runs is ended, and run again another time. */
static void stop(struct coordinator *c, enum stop_mode mode)
{
    if (c->phase == PHASE_LEAVE || c->phase == PHASE_ENDED) return;
    if (c->phase != PHASE_KILL)
        machine_say_now(c, NEWS_STOPPING, NULL, "stopping now: running trials are ended and will be run again");
    c->phase = PHASE_KILL;
    stop_all(c, mode, "interrupted");
}

void coordinator_insist(struct coordinator *c)
{
    switch (c->phase) {
    case PHASE_SEARCH:
    case PHASE_CONFIRM: coordinator_drain(c); return;
    case PHASE_DRAIN: stop(c, STOP_GENTLY); return;
    case PHASE_KILL: stop(c, STOP_NOW); return;
    case PHASE_LEAVE:
    case PHASE_ENDED: return;
    }
}

/* Leases of agents and clients live on in the log. */
void ending_let_go_elsewhere(struct coordinator *c)
{
    for (size_t i = c->attempts.n; i-- > 0;) {
        struct active_attempt *a = c->attempts.attempt[i];
        if (a->state == ATTEMPT_RUNS && !a->at->at->is_here) attempt_clear(a);
    }
}

/* What runs here is ended at once. */
void coordinator_leave(struct coordinator *c)
{
    if (c->phase == PHASE_ENDED) return;
    c->phase = PHASE_LEAVE;
    for (size_t i = c->attempts.n; i-- > 0;) {
        struct active_attempt *a = c->attempts.attempt[i];
        if (a->state == ATTEMPT_RUNS && a->at->at->is_here) attempt_stop(a, STOP_NOW, "the coordinator ends");
    }
    ending_let_go_elsewhere(c);
}

/* It cannot go on before somebody has mended something: no process that starts tries it again by itself. */
void ending_fail_study(struct coordinator *c, const struct error *err)
{
    if (!c->result.status) snprintf(c->result.failure, sizeof c->result.failure, "%s", err->text);
    ending_give_up(c, err->status, err);
}

/* Once for each metric. */
static void say_lacking(struct coordinator *c, const struct trial *t)
{
    struct arena a = {0};
    const char *text = remark_lacking(c->memory, t, &c->lacking, &a);
    if (text) machine_say(c, NEWS_NOTE, NULL, text);
    arena_done(&a);
}

void ending_of_attempt(void *data, const struct trial *t, const char *crash)
{
    struct coordinator *c = data;
    struct error err;
    if (trial_state_final(t->state)) {
        machine_say(c, NEWS_FINISHED, t, NULL);
        say_lacking(c, t);
        if (failure_look(c->memory, t, &c->failures, &err)) ending_fail_study(c, &err);
    } else if (crash)
        machine_say(c, NEWS_RETRY, t, crash);
}
