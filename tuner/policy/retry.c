#include "tuner/policy/retry.h"

#include "tuner/base/words.h"

#include <stdio.h>
#include <string.h>

/* ---- which ---- */

/* Without it nothing can be compared, so that also what a person took back, or what it said of itself, is no end. */
static bool is_lost_baseline(const struct trial *t)
{
    return t->role == ROLE_BASELINE && trial_state_may_retry(t->state);
}

static enum status check(const struct trial *t, struct error *err)
{
    if (t->state != TRIAL_FAILED && !is_lost_baseline(t))
        return error_set(err, STATUS_CONFLICT, "trial %ld is %s; only failed ones are tried again", t->number,
                         trial_state_name(t->state));
    if (t->outside)
        return error_set(err, STATUS_CONFLICT, "trial %ld is set aside and cannot be tried again: %s", t->number,
                         t->outside);
    return STATUS_OK;
}

/* ---- by number ---- */

enum status retry_trial(struct history *s, const struct trial *t, struct error *err)
{
    enum status st = check(t, err);
    if (!st) st = history_retry(s, t, err);
    if (!st && history_memory(s)->phase == STUDY_FAILED) history_set_phase(s, STUDY_STOPPED); /* it can go on */
    return st;
}

enum status retry_check(const struct memory *s, const long *number, size_t n, struct error *err)
{
    enum status st = STATUS_OK;
    for (size_t i = 0; !st && i < n; i++) {
        const struct trial *t = memory_trial(s, number[i]);
        st = t ? check(t, err)
               : error_set(err, STATUS_NOT_FOUND, "study '%s' has no trial %ld", s->study->name, number[i]);
    }
    return st;
}

enum status retry_trials(struct history *h, const long *number, size_t n, struct error *err)
{
    const struct memory *s = history_memory(h);
    enum status st = retry_check(s, number, n, err);
    for (size_t i = 0; !st && i < n; i++) {
        const struct trial *t = s->trial[number[i]];
        if (t->state != TRIAL_QUEUED) st = retry_trial(h, t, err); /* else it was named twice */
    }
    return st;
}

long *retry_list(const struct memory *s, struct arena *arena, size_t *ret_n)
{
    long *out = arena_array(arena, s->n + 1, sizeof *out);
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->trial[i]->state == TRIAL_FAILED && !s->trial[i]->effort.poisonous && !check(s->trial[i], NULL))
            out[n++] = s->trial[i]->number;
    *ret_n = n;
    return out;
}

/* ---- before a run ---- */

/* A pruned trial has reported: the program works. */
static bool nothing_works(const struct memory *s)
{
    return memory_count(s, TRIAL_COMPLETE) + memory_count(s, TRIAL_PRUNED) == 0;
}

/* What a client runs is the client's to mend. */
static bool keeps_from_beginning(const struct memory *s, const struct trial *t)
{
    if (is_lost_baseline(t)) return objective_needs_baseline(&s->study->objective) || nothing_works(s);
    return t->state == TRIAL_FAILED && !t->attempt.client && !t->effort.poisonous && nothing_works(s);
}

static const char *how(enum trial_state state)
{
    if (state == TRIAL_CANCELLED) return "was cancelled";
    return state == TRIAL_INFEASIBLE ? "was infeasible" : "failed";
}

static void say(enum trial_state baseline, size_t others, long number, char *text, size_t size)
{
    if (trial_state_may_retry(baseline) && others == 0)
        snprintf(text, size, "the baseline %s last time; it is tried again", how(baseline));
    else if (trial_state_may_retry(baseline))
        snprintf(text, size, "the baseline %s last time; it and %zu other failed trial%s are tried again",
                 how(baseline), others, words_s(others));
    else if (others == 1)
        snprintf(text, size, "trial %ld failed last time, and nothing has completed; it is tried again", number);
    else
        snprintf(text, size, "%zu trials failed last time, and nothing has completed; they are tried again", others);
}

size_t retry_beginning(struct history *h, char *text, size_t size)
{
    const struct memory *s = history_memory(h);
    enum trial_state baseline = TRIAL_QUEUED;
    size_t others = 0, n;
    long last = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        enum trial_state was = t->state;
        if (!keeps_from_beginning(s, t) || retry_trial(h, t, NULL)) continue;
        if (t->role == ROLE_BASELINE)
            baseline = was;
        else
            others++, last = t->number;
    }
    n = others + (baseline != TRIAL_QUEUED);
    if (n) say(baseline, others, last, text, size);
    return n;
}
