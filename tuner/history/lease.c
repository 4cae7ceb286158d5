#include "tuner/history/lease.h"

#include "tuner/history/append.h"
#include "tuner/history/internal.h"

#include "tuner/base/host.h"

#include <stdio.h>
#include <string.h>

enum { BACKOFF_MAX_MS = 300000 };

/* Who was given this lease; NULL: the trial never had it. */
static const struct holder *holder_of(const struct trial *t, int64_t lease)
{
    if (t->attempt.lease == 0) return NULL;
    if (lease == 0 || lease == t->attempt.lease) return &t->attempt.holder;
    for (const struct past_lease *p = t->attempt.past; p; p = p->next)
        if (p->lease == lease) return &p->holder;
    return NULL;
}

static bool is_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* An agent's lease from before there were holders is known by the agent's name alone. */
static bool is_holder(const struct holder *h, const struct holder *from)
{
    return is_text(h->agent, from->agent) && (is_text(h->token, from->token) || (h->agent && !h->token));
}

bool lease_is_held(const struct trial *t, const struct lease_claim *claim)
{
    return lease_judge(t, claim, LEASE_RENEWAL, false) == LEASE_ACCEPT;
}

enum lease_verdict lease_judge(const struct trial *t, const struct lease_claim *claim, enum lease_message message,
                               bool same)
{
    bool held = t->state == TRIAL_LEASED || t->state == TRIAL_RUNNING,
         last = !claim->lease || claim->lease == t->attempt.lease;
    const struct holder *holder = holder_of(t, claim->lease);
    if (!holder) return LEASE_UNKNOWN;
    if (!is_holder(holder, &claim->from)) return LEASE_FOREIGN;
    if (trial_state_final(t->state)) {
        if (message == LEASE_RESULT || message == LEASE_FAILURE) return same ? LEASE_REPEATED : LEASE_DECIDED;
        return last ? LEASE_DECIDED : LEASE_STALE;
    }
    if (held && last) return LEASE_ACCEPT;
    if ((claim->lease ? claim->lease : t->attempt.lease) < t->resumed.since)
        return LEASE_STALE; /* of where it stopped */
    return message == LEASE_RESULT ? LEASE_LATE : LEASE_STALE;
}

static int64_t backoff_ms(const struct memory *s, const struct trial *t)
{
    int64_t ms = s->study->limits.backoff_ms;
    for (long k = 0; k < t->effort.crashes && ms < BACKOFF_MAX_MS; k++) ms *= 2;
    return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

enum status lease_crashed(struct history *s, const struct trial *t, enum outcome outcome, const char *reason,
                          struct error *err)
{
    char text[700];
    if (outcome == OUTCOME_CRASHED_THE_MACHINE && t->effort.machine_crashes > 0) {
        snprintf(text, sizeof text, "poisonous: it crashed the machine twice; %.600s", reason);
        return history_poison(s, t, text, err);
    }
    if (t->effort.crashes >= s->m.study->limits.retries)
        return history_finish(s, t, &(struct ending){.state = TRIAL_FAILED, .reason = reason, .outcome = outcome}, err);
    return history_return(s, t, outcome, reason, backoff_ms(&s->m, t), err);
}

size_t lease_expire(struct history *s)
{
    int64_t now = clock_mono_ms(s->m.clock), next = 0;
    size_t n = 0;
    if (s->expiry_ms == 0 || now < s->expiry_ms) return 0;
    for (size_t i = s->open.n; i-- > 0;) {
        struct trial *t = s->open.at[i];
        if (t->attempt.deadline_ms == 0) continue;
        if (t->attempt.deadline_ms <= now)
            n += lease_crashed(s, t, OUTCOME_EXPIRED, "its lease expired: the worker was not heard of any more",
                               NULL) == STATUS_OK;
        else if (next == 0 || t->attempt.deadline_ms < next)
            next = t->attempt.deadline_ms;
    }
    s->expiry_ms = next;
    return n;
}

enum status lease_recover(struct history *s, bool keep_remote, struct error *err)
{
    char boot[HOST_TEXT_MAX];
    bool rebooted = *s->boot_before && strcmp(s->boot_before, host_boot(boot)) != 0;
    enum status st = STATUS_OK;
    for (size_t i = s->open.n; !st && i-- > 0;) {
        struct trial *t = s->open.at[i];
        if (t->state != TRIAL_LEASED && t->state != TRIAL_RUNNING) continue;
        if (keep_remote && (t->attempt.holder.agent || (t->attempt.client && t->attempt.deadline_ms))) continue;
        st = rebooted && !t->attempt.holder.agent
                 ? lease_crashed(s, t, OUTCOME_CRASHED_THE_MACHINE, "the machine was restarted while it ran", err)
                 : history_return(s, t, OUTCOME_LOST, "the coordinator ended before it did", 0, err);
    }
    return st;
}
