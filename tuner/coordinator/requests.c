#include "tuner/coordinator/requests.h"

#include "tuner/coordinator/beginning.h"

#include "tuner/coordinator/ending.h"
#include "tuner/coordinator/machine.h"

#include "tuner/base/json.h"

#include "tuner/history/history.h"
#include "tuner/policy/policy.h"

#include <string.h>

/* ---- what people want ---- */

enum status coordinator_enqueue(struct coordinator *c, const json_t *params, const struct trial **ret,
                                struct error *err)
{
    double config[SPACE_PARAMS_MAX];
    enum status s = space_from_json(&c->memory->study->space, params, config, err);
    if (!s) *ret = history_enqueue(c->history, config);
    return s;
}

enum status coordinator_cancel(struct coordinator *c, const struct trial *t, const char *why, struct error *err)
{
    struct active_attempt *a = attempts_of(&c->attempts, t);
    if (trial_state_final(t->state))
        return error_set(err, STATUS_CONFLICT, "trial %ld is %s already", t->number, trial_state_name(t->state));
    if (a && a->state == ATTEMPT_RUNS) {
        attempt_cancel(a, why);
        return STATUS_OK;
    }
    enum status s = history_finish(c->history, t, &(struct ending){.state = TRIAL_CANCELLED, .reason = why}, err);
    if (!s && a && !a->ask) attempt_clear(a);
    return s;
}

enum status coordinator_retry(struct coordinator *c, const struct trial *t, struct error *err)
{
    const struct active_attempt *a = attempts_of(&c->attempts, t);
    enum status s = retry_check(c->memory, &t->number, 1, err);
    if (!s && a && a->state == ATTEMPT_RUNS && a->at->at->has_an_end)
        s = error_set(err, STATUS_CONFLICT, "the program of trial %ld has not ended yet; try again in a moment",
                      t->number);
    if (!s) s = retry_trial(c->history, t, err);
    if (!s) machine_say(c, NEWS_RETRY, t, "asked for");
    return s;
}

static void enqueue(struct coordinator *c, const char *payload)
{
    const struct trial *t;
    json_t *params = NULL;
    struct error bad;
    enum status s = json_parse_object(payload, strlen(payload), &params, &bad);
    if (!s) s = coordinator_enqueue(c, params, &t, &bad);
    if (s) machine_say(c, NEWS_NOTE, NULL, bad.text);
    json_decref(params);
}

/* {"trials": [3, 4]}: each by itself, for what they are may have changed since they were named. */
static void retry(struct coordinator *c, const char *payload)
{
    json_t *body = NULL;
    struct error bad;
    enum status s = json_parse_object(payload, strlen(payload), &body, &bad);
    const json_t *list = json_object_get(body, "trials");
    for (size_t i = 0; !s && i < json_array_size(list); i++) {
        const long number = (long)json_integer_value(json_array_get(list, i));
        const struct trial *t = memory_trial(c->memory, number);
        if (t && coordinator_retry(c, t, &bad)) machine_say(c, NEWS_NOTE, NULL, bad.text);
    }
    json_decref(body);
}

/* {"trial": 3, "text": "…"}, or without a trial of the study. */
static void annotate(struct coordinator *c, const char *payload)
{
    json_t *body = NULL;
    struct error bad;
    enum status s = json_parse_object(payload, strlen(payload), &body, &bad);
    const json_t *number = json_object_get(body, "trial"), *text = json_object_get(body, "text");
    const struct trial *t = number ? memory_trial(c->memory, (long)json_integer_value(number)) : NULL;
    if (!s && (!number || t) && json_is_string(text))
        s = history_annotate(c->history, t, json_string_value(text), &bad);
    if (s) machine_say(c, NEWS_NOTE, NULL, bad.text);
    json_decref(body);
}

void requests_obeys(void *data, int64_t id, const char *verb, const char *payload)
{
    struct coordinator *c = data;
    if (strcmp(verb, "enqueue") == 0) enqueue(c, payload);
    if (strcmp(verb, "retry") == 0) retry(c, payload);
    if (strcmp(verb, "note") == 0) annotate(c, payload);
    if (strcmp(verb, "stop") == 0) coordinator_insist(c);
    journal_request_done(c->journal, id); /* in one transaction with what it led to */
}

void requests_obeys_late(void *data, int64_t id, const char *verb, const char *payload)
{
    if (strcmp(verb, "stop") != 0)
        requests_obeys(data, id, verb, payload);
    else
        journal_request_done(((struct coordinator *)data)->journal, id);
}

/* ---- what clients want ---- */

void coordinator_promise(struct coordinator *c, void (*call)(void *data), void *data)
{
    journal_when_durable(c->journal, call, data, NULL);
    uv_async_send(&c->handles.wake);
}

void coordinator_calmly(struct coordinator *c, void (*call)(void *data), void *data)
{
    calls_add(&c->later, 0, call, data, NULL);
    uv_async_send(&c->handles.wake);
}

void coordinator_forget(struct coordinator *c, const void *data)
{
    journal_forget(c->journal, data);
    calls_forget(&c->later, data);
}

struct ask *coordinator_ask(struct coordinator *c, const struct asking *asking,
                            void (*done)(void *data, size_t n, const struct trial *const *trial, const char *why),
                            void *data)
{
    struct ask *a = ask_queue_add(&c->asks, asking, clock_mono_ms(c->memory->clock) + ASK_WAIT_MS);
    a->done = done;
    a->data = data;
    uv_async_send(&c->handles.wake);
    return a;
}

void coordinator_unask(struct coordinator *c, struct ask *ask)
{
    for (size_t k = 0; k < ask->n; k++) {
        struct active_attempt *a = attempts_of(&c->attempts, ask->trial[k]);
        if (a && a->state == ATTEMPT_RUNS) a->ask = ask;
    }
    for (size_t i = 0; i < c->attempts.n; i++) {
        struct active_attempt *a = c->attempts.attempt[i];
        if (a->ask != ask) continue;
        a->ask = NULL;
        attempt_take_back(a);
    }
    ask_drop(&c->asks, ask);
}

void requests_answers(struct coordinator *c, bool no_more)
{
    int64_t now = clock_mono_ms(c->memory->clock);
    for (struct ask *a = c->asks.first, *next; a; a = next) {
        next = a->next;
        if (a->n != a->promised || (now < a->until_ms && !no_more)) continue;
        ask_answer(&c->asks, a, no_more ? *c->progress.enough ? c->progress.enough : "the study has ended" : NULL);
    }
}

/* Does it still have what the log says it has? */
static bool holds_lease(const struct active_attempt *a)
{
    return a->trial->state == TRIAL_RUNNING && a->trial->attempt.lease == a->lease;
}

void requests_clears(struct coordinator *c)
{
    lease_expire(c->history);
    for (size_t i = 0; i < c->attempts.n; i++) {
        struct active_attempt *a = c->attempts.attempt[i];
        if (a->at && a->state != ATTEMPT_OVER && !a->at->at->has_an_end && !holds_lease(a) && !a->ask) attempt_clear(a);
        attempt_check_obedience(a);
    }
    attempts_sweep(&c->attempts);
}

void requests_sends_away(struct coordinator *c, const char *why)
{
    while (c->asks.first) ask_answer(&c->asks, c->asks.first, why);
}

/* A condemned trial of a client is over with the answer that says so. */
static enum status answer_report(struct coordinator *c, const struct trial *t, json_t **ret, struct error *err)
{
    const struct active_attempt *a = attempts_of(&c->attempts, t);
    struct execution *x = a ? a->at : NULL;
    json_t *mail = x && x->at->mail ? x->at->mail(x) : json_object();
    enum status s = STATUS_OK;
    if (json_object_get(mail, "stop") && t->attempt.stop.state == STOP_PRUNE)
        s = monitor_prune(c->history, t, NULL, err);
    if (s) {
        x->at->send(x, mail); /* it hears of it the next time */
        json_decref(mail);
        return s;
    }
    if (!json_object_get(mail, "stop")) json_object_set_new(mail, "stop", json_false());
    *ret = mail;
    if (trial_state_final(t->state)) ending_of_attempt(c, t, NULL);
    return STATUS_OK;
}

enum status coordinator_report(struct coordinator *c, const struct trial *t, const struct lease_claim *claim,
                               const struct told_report *report, json_t **ret, struct error *err)
{
    enum status s = tell_report(c->history, t, claim, report, err);
    return s ? s : answer_report(c, t, ret, err);
}

/* A late result may come while somebody else is at the trial, who need not be. */
static void spare_attempt(struct coordinator *c, const struct trial *t)
{
    struct active_attempt *a = attempts_of(&c->attempts, t);
    if (a && a->state == ATTEMPT_RUNS) attempt_stop_late(a, "another attempt has finished it");
}

enum status coordinator_tell(struct coordinator *c, const struct trial *t, const struct lease_claim *claim,
                             const struct tale *tale, struct error *err)
{
    bool was_final = trial_state_final(t->state), last = claim->lease == t->attempt.lease;
    enum status s = tell_result(c->history, t, claim, tale, err);
    if (s || was_final) return s;
    ending_of_attempt(c, t, NULL);
    if (!last) spare_attempt(c, t);
    return STATUS_OK;
}

/* ---- what agents say ---- */

static void keep_log(const struct active_attempt *a, const struct agent_message *r)
{
    struct arena arena = {0};
    workers_keep_log(attempt_folder(a, &arena), strcmp(r->stream, "stdout") == 0 ? "stdout.log" : "stderr.log", r->text,
                     r->text_n);
    arena_done(&arena);
}

static void take_from_agent(struct active_attempt *a, const struct agent_message *r)
{
    switch (r->kind) {
    case AGENT_MESSAGE_STARTED:
        if (a->trial->state == TRIAL_LEASED) attempt_hears_start(a, r->pid, r->resumed_cost);
        break;
    case AGENT_MESSAGE_REPORT:
        if (r->n >= a->trial->attempt.reports) attempt_hears_report(a, r->step, r->metrics); /* else: heard before */
        break;
    case AGENT_MESSAGE_ITEM: attempt_hears_item(a, r->text, r->metrics); break;
    case AGENT_MESSAGE_POLICY: attempt_hears_policy(a, r->metrics); break;
    case AGENT_MESSAGE_CHECKPOINT: attempt_hears_checkpoint(a, r->step, r->text); break;
    case AGENT_MESSAGE_LOG: keep_log(a, r); break;
    case AGENT_MESSAGE_END: attempt_hears_end(a, &r->outcome); break;
    }
}

/* Its lease is over, but its result is the only one there is. */
static void take_late(struct coordinator *c, const struct trial *t, const struct agent_message *r)
{
    struct error err;
    if (history_finish(
            c->history, t,
            &(struct ending){.state = TRIAL_COMPLETE, .metrics = r->outcome.metrics, .outcome = OUTCOME_LATE}, &err))
        return;
    machine_say(c, NEWS_FINISHED, t, NULL);
    spare_attempt(c, t);
}

static bool hear(struct coordinator *c, const struct trial *t, const struct holder *from, const struct agent_message *r)
{
    bool end = r->kind == AGENT_MESSAGE_END, result = end && r->outcome.end == JOB_COMPLETE;
    const struct lease_claim claim = {r->lease, *from};
    enum lease_verdict verdict = lease_judge(t, &claim,
                                             result ? LEASE_RESULT
                                             : end  ? LEASE_FAILURE
                                                    : LEASE_REPORT,
                                             end);
    struct active_attempt *a = attempts_of(&c->attempts, t);
    bool here = a && a->state == ATTEMPT_RUNS && a->lease == r->lease;
    if (verdict == LEASE_FOREIGN || verdict == LEASE_UNKNOWN) return false;
    if (here && (verdict == LEASE_ACCEPT || end)) {
        bool begun = r->kind != AGENT_MESSAGE_STARTED && !(end && r->outcome.end == JOB_NOT_STARTED);
        if (t->state == TRIAL_LEASED && begun) history_started(c->history, t, 0, 0, NULL);
        take_from_agent(a, r);
        return true;
    }
    if (verdict == LEASE_LATE) take_late(c, t, r);
    return end;
}

bool requests_hears(void *data, const struct holder *from, const json_t *message)
{
    struct coordinator *c = data;
    struct agent_message r;
    if (agent_message_read(message, &r, NULL)) return true; /* there is nothing to be had from saying it again */
    const struct trial *t = memory_trial(c->memory, r.trial);
    if (!t) return false;
    history_on_behalf_of(c->history, from->token);
    bool taken = hear(c, t, from, &r);
    history_on_behalf_of(c->history, NULL);
    return taken;
}

void requests_loses(void *data, void *owner, enum seat_loss loss, const char *why)
{
    (void)data;
    attempt_lost(owner, loss, why);
}

/* Leases that agents and clients hold since before this process. */
void requests_adopt(struct coordinator *c)
{
    struct history *s = c->history;
    for (size_t i = 0; i < history_memory(s)->n_open; i++) {
        const struct trial *t = history_memory(s)->open[i];
        if ((t->state != TRIAL_LEASED && t->state != TRIAL_RUNNING) || !(t->attempt.holder.agent || t->attempt.client))
            continue; /* lease_recover has returned the others */
        struct active_attempt *a = attempts_add(&c->attempts, &c->home);
        a->at = t->attempt.holder.agent ? at_agent_expect(c->tenant, a, &t->attempt.holder, t->attempt.lease)
                                        : at_client_execution(t->attempt.holder.token);
        attempt_adopt(a, t);
        attempts_bind(&c->attempts, a);
    }
}
