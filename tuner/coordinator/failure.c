#include "tuner/coordinator/failure.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- alike ---- */

/* One more; true: it is the third in a row for the same reason, but for its numbers and its last lines. */
static bool alike_add(struct alike *a, const char *reason)
{
    static const char lines[] = "its last line"; /* with their times, say */
    char bare[sizeof a->reason];
    size_t n = 0;
    for (; *reason && strncmp(reason, lines, strlen(lines)) != 0 && n + 1 < sizeof bare; reason++)
        if (!isdigit((unsigned char)*reason)) bare[n++] = *reason;
    bare[n] = 0;
    a->n = strcmp(bare, a->reason) == 0 ? a->n + 1 : 1;
    memcpy(a->reason, bare, n + 1);
    return a->n >= ALIKE_MAX;
}

static const char *what_a_program_says(const struct objective *o, char *buf, size_t size)
{
    bool by_match = false;
    for (size_t i = 0; i < o->n_metrics; i++) by_match |= o->metric[i].match != NULL;
    if (by_match) return "'nocturne plan' shows what is looked for in its output";
    snprintf(buf, size, "A program prints its result as: nocturne: {\"result\": {\"%s\": 0.5}}", o->metric[0].name);
    return buf;
}

static enum status of_all(const struct memory *s, const struct trial *t, struct alike *alike, struct error *err)
{
    char hint[300];
    const char *reason = t->reason ? t->reason : "";
    if (t->state == TRIAL_PRUNED) *alike = (struct alike){0}; /* it has reported: they fail no longer in a row */
    if (t->state != TRIAL_FAILED || t->attempt.client || memory_count(s, TRIAL_COMPLETE) > 0) return STATUS_OK;
    if (!alike_add(alike, reason)) return STATUS_OK;
    return error_set(
        err, STATUS_FAILED,
        "nothing has completed, and %d trials in a row failed alike: %.300s; see 'nocturne show %s %ld' and its logs. %s",
        ALIKE_MAX, reason, s->study->name, t->number, what_a_program_says(&s->study->objective, hint, sizeof hint));
}

/* ---- the baseline ---- */

/* Without its metrics nothing can be compared. */
enum status failure_of_baseline(const struct memory *s, const struct trial *t, struct error *err)
{
    if (t->role != ROLE_BASELINE || !trial_state_final(t->state) || t->state == TRIAL_COMPLETE) return STATUS_OK;
    if (!objective_needs_baseline(&s->study->objective)) return STATUS_OK;
    return error_set(err, STATUS_FAILED,
                     "the baseline (trial %ld) %s: %s; see 'nocturne show %s %ld', correct it, and run the study again",
                     t->number, trial_state_name(t->state), t->reason ? t->reason : "", s->study->name, t->number);
}

enum status failure_look(const struct memory *s, const struct trial *t, struct alike *alike, struct error *err)
{
    enum status st = failure_of_baseline(s, t, err);
    return st ? st : of_all(s, t, alike, err);
}
