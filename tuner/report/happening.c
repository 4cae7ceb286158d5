#include "tuner/report/happening.h"

#include "tuner/report/text.h"

#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include <math.h>

/* ": why", or "" */
static const char *because(const char *reason, struct arena *a)
{
    return reason && *reason ? arena_printf(a, ": %s", plain_shown(a, reason)) : "";
}

/* ": em 0.5983, tokens 379k" of what the objective uses */
static const char *measured(const struct objective *o, const double *value, struct arena *a)
{
    const char *all = "";
    char buf[64];
    for (size_t i = 0; value && i < o->n_metrics; i++)
        if (isfinite(value[i]) && objective_uses(o, i))
            all = arena_printf(a, "%s%s%s %s", all, *all ? ", " : ": ", plain_shown(a, o->metric[i].name),
                               report_metric(&o->metric[i], value[i], buf, sizeof buf));
    return all;
}

static const char *says_end(enum trial_state state)
{
    switch (state) {
    case TRIAL_COMPLETE: return "is complete";
    case TRIAL_PRUNED: return "was stopped early";
    case TRIAL_FAILED: return "has failed";
    case TRIAL_INFEASIBLE: return "is infeasible";
    case TRIAL_CANCELLED: return "was cancelled";
    case TRIAL_QUEUED:
    case TRIAL_LEASED:
    case TRIAL_RUNNING: break;
    }
    return trial_state_name(state);
}

static const char *end_of(const struct memory *s, const struct event_finished *e, struct arena *a)
{
    const char *of =
        e->state == TRIAL_COMPLETE ? measured(&s->study->objective, e->value, a) : because(e->end.reason, a);
    const struct objective *o = &s->study->objective;
    const double *baseline = memory_baseline(s);
    bool judged = e->state == TRIAL_COMPLETE && e->value && (baseline || !objective_needs_baseline(o));
    bool breaks = judged && !objective_feasible(o, e->value, baseline);
    return arena_printf(a, "%s%s%s", says_end(e->state), of, breaks ? "; ✕ breaks a constraint" : "");
}

static const char *says_phase(const struct event_phase *e, struct arena *a)
{
    switch (e->phase) {
    case STUDY_OPEN: return "the study goes on";
    case STUDY_PAUSED: return "the study is paused";
    case STUDY_STOPPED: return "the study was stopped";
    case STUDY_COMPLETE: return "the study is complete";
    case STUDY_FAILED: return arena_printf(a, "the study cannot go on%s", because(e->why, a));
    }
    return "";
}

static const char *stage_text(const struct event_staged *e, struct arena *a)
{
    const char *stage = plain_shown(a, e->left.stage ? e->left.stage : "a stage");
    return arena_printf(a, e->taken ? "takes over %s from an earlier trial" : "has done %s", stage);
}

/* Of the trial, or of the study as a whole. */
static const char *says(const struct memory *s, const struct event *e, struct arena *a)
{
    switch (e->kind) {
    case EVENT_OPENED:
        return e->opened.budget ? arena_printf(a, "process %lld takes the study", (long long)e->opened.pid) : NULL;
    case EVENT_CONDEMNED:
        return e->condemned.audit ? NULL : arena_printf(a, "is told to stop%s", because(e->condemned.reason, a));
    case EVENT_HALTED: return arena_printf(a, "is told to end%s", because(e->halted.reason, a));
    case EVENT_RETURNED: return arena_printf(a, "runs again%s", because(e->returned.end.reason, a));
    case EVENT_FINISHED: return end_of(s, &e->finished, a);
    case EVENT_PHASE: return says_phase(&e->phase, a);
    case EVENT_NOTE: return arena_printf(a, "note%s", because(e->note.text, a));
    case EVENT_ADJUSTED: return arena_printf(a, "has other settings%s", because(e->adjusted.reason, a));
    case EVENT_RETRIED: return "is tried again";
    case EVENT_RESUMED: return arena_printf(a, "goes on%s", because(e->resumed.reason, a));
    case EVENT_STAGED: return stage_text(&e->staged, a);
    case EVENT_NOTED: return e->noted.text ? arena_printf(a, "somebody notes%s", because(e->noted.text, a)) : NULL;
    case EVENT_STARTED:
    case EVENT_ADDED:
    case EVENT_LEASED:
    case EVENT_RENEWED:
    case EVENT_CHECKPOINT:
    case EVENT_ANNOUNCED:
    case EVENT_EVICTED: break;
    }
    return NULL;
}

const char *happening_text(const struct memory *s, const struct store_event *stored, struct arena *a)
{
    struct arena body = {0};
    struct event e;
    struct error ignored;
    json_t *held = NULL;
    const char *text = NULL;
    if (event_read(stored, s->study, &body, &held, &e, &ignored) == STATUS_OK) text = says(s, &e, a);
    if (text && e.trial >= 0)
        text = arena_printf(a, "%s  trial %ld %s", report_moment((double)e.at_ms, "%H:%M:%S", a), e.trial, text);
    else if (text)
        text = arena_printf(a, "%s  %s", report_moment((double)e.at_ms, "%H:%M:%S", a), text);
    json_decref(held);
    arena_done(&body);
    return text;
}
