#include "tuner/coordinator/tell.h"

#include "tuner/base/json.h"
#include "tuner/base/metrics.h"
#include "tuner/base/words.h"

#include <math.h>

/* ---- reading ---- */

enum status tell_read_lease(const json_t *message, int64_t *ret, struct error *err)
{
    const json_t *lease = json_object_get(message, "lease");
    if (lease && (!json_is_integer(lease) || json_integer_value(lease) < 1))
        return error_set(err, STATUS_INVALID, "\"lease\" takes the number that \"ask\" gave");
    *ret = lease ? json_integer_value(lease) : 0;
    return STATUS_OK;
}

enum status tell_read_ttl(const struct study *study, const json_t *message, int64_t *ret, struct error *err)
{
    const json_t *ttl = json_object_get(message, "ttl");
    char most[40];
    int64_t ms = 0;
    if (ttl && !(json_is_string(ttl) && words_duration_ms(json_string_value(ttl), &ms) && ms > 0))
        return error_set(err, STATUS_INVALID, "\"ttl\" takes a duration such as \"10m\"");
    if (ms > study->limits.lease_ms)
        return error_set(err, STATUS_INVALID,
                         "\"ttl\" is at most %s in this study ('trial: {lease: …}' in its file); renew it in time",
                         words_show_duration(study->limits.lease_ms, most, sizeof most));
    *ret = ms;
    return STATUS_OK;
}

enum status tell_read_resumes(const json_t *message, bool *ret, struct error *err)
{
    const json_t *resumes = json_object_get(message, "resume");
    *ret = json_is_true(resumes);
    if (!resumes || json_is_boolean(resumes)) return STATUS_OK;
    return error_set(err, STATUS_INVALID, "\"resume\" is true if you can go on with trials that were stopped");
}

json_t *tell_standing(const struct trial *t)
{
    json_t *out = json_pack("{s:I}", "step", (json_int_t)t->resumed.from.step);
    if (t->resumed.from.cost > 0) json_object_set_new(out, "cost", json_number(t->resumed.from.cost));
    return out;
}

static enum status check_result(const struct objective *o, const json_t *metrics, struct error *err)
{
    enum status st = metrics_check(metrics, err);
    for (size_t i = 0; !st && i < o->n_metrics; i++) {
        const char *name = o->metric[i].name;
        const json_t *v = json_object_get(metrics, name);
        char hint[METRICS_HINT_MAX];
        if (!v && objective_uses(o, i))
            return error_set(err, STATUS_INVALID, "the metric '%s' is missing%s", name,
                             metrics_hint(metrics, name, hint, sizeof hint));
        if (v) st = objective_check(o, i, json_number_value(v), err);
    }
    return st;
}

enum status tell_read_tale(const struct study *study, const json_t *message, struct tale *ret, struct error *err)
{
    const json_t *metrics = json_object_get(message, "metrics"), *failed = json_object_get(message, "failed"),
                 *infeasible = json_object_get(message, "infeasible");
    if ((metrics != NULL) + (failed != NULL) + (infeasible != NULL) != 1)
        return error_set(err, STATUS_INVALID, "\"tell\" takes one of metrics, failed, infeasible");
    if (metrics) {
        *ret = (struct tale){TRIAL_COMPLETE, metrics, NULL};
        return check_result(&study->objective, metrics, err);
    }
    const json_t *why = failed ? failed : infeasible;
    const char *text = json_is_string(why) ? json_string_value(why) : "told so";
    *ret = (struct tale){failed ? TRIAL_FAILED : TRIAL_INFEASIBLE, NULL, text};
    if (!json_is_string(why) && !json_is_true(why))
        return error_set(err, STATUS_INVALID, "\"%s\" takes a reason or true", failed ? "failed" : "infeasible");
    return STATUS_OK;
}

enum status tell_read_report(const json_t *message, struct told_report *ret, struct error *err)
{
    const json_t *step = json_object_get(message, "step"), *metrics = json_object_get(message, "metrics");
    if (!json_is_integer(step) || json_integer_value(step) < 0 || !json_is_object(metrics))
        return error_set(err, STATUS_INVALID, "\"report\" takes a whole \"step\" from 0 and \"metrics\"");
    *ret = (struct told_report){(long)json_integer_value(step), metrics, json_object_get(message, "policy")};
    return metrics_check(metrics, err);
}

/* ---- recording ---- */

enum status tell_goes_on(struct history *s, const struct trial *t, struct error *err)
{
    return t->resumed.from.cost > 0 ? history_started(s, t, 0, t->resumed.from.cost, err) : STATUS_OK;
}

static enum status refuse(const struct trial *t, const struct lease_claim *claim, enum lease_verdict verdict,
                          struct error *err)
{
    switch (verdict) {
    case LEASE_UNKNOWN:
        if (!claim->lease) return error_set(err, STATUS_NOT_FOUND, "trial %ld was not asked for", t->number);
        return error_set(err, STATUS_NOT_FOUND, "trial %ld never had the lease %lld", t->number,
                         (long long)claim->lease);
    case LEASE_FOREIGN:
        return error_set(err, STATUS_DENIED,
                         "that lease of trial %ld is somebody else's: only its holder speaks for it", t->number);
    case LEASE_DECIDED:
        return error_set(err, STATUS_CONFLICT, "trial %ld is %s already", t->number, trial_state_name(t->state));
    case LEASE_STALE:
        return error_set(err, STATUS_CONFLICT,
                         "the lease of trial %ld is over; what it asked for goes to somebody else", t->number);
    case LEASE_ACCEPT:
    case LEASE_REPEATED:
    case LEASE_LATE: break;
    }
    return STATUS_OK;
}

enum status tell_renew(struct history *s, const struct trial *t, const struct lease_claim *claim, int64_t ttl_ms,
                       struct error *err)
{
    enum status st = refuse(t, claim, lease_judge(t, claim, LEASE_RENEWAL, false), err);
    return st ? st : history_renew(s, t, ttl_ms, err);
}

/* The same tale again changes nothing and is no error. */
static bool is_same(const struct memory *s, const struct trial *t, const struct tale *tale)
{
    double value[METRICS_MAX];
    if (t->state != tale->to) return false;
    if (!tale->metrics) return true;
    for (size_t i = 0; i < s->study->objective.n_metrics; i++) {
        const json_t *v = json_object_get(tale->metrics, s->study->objective.metric[i].name);
        value[i] = v ? json_number_value(v) : NAN;
        if (value[i] != t->value[i] && !(isnan(value[i]) && isnan(t->value[i]))) return false;
    }
    return true;
}

enum status tell_result(struct history *s, const struct trial *t, const struct lease_claim *claim,
                        const struct tale *tale, struct error *err)
{
    enum lease_verdict verdict = lease_judge(t, claim, tale->to == TRIAL_COMPLETE ? LEASE_RESULT : LEASE_FAILURE,
                                             is_same(history_memory(s), t, tale));
    enum status st = refuse(t, claim, verdict, err);
    if (st || verdict == LEASE_REPEATED) return st;
    return history_finish(s, t,
                          &(struct ending){.state = tale->to,
                                           .metrics = tale->metrics,
                                           .reason = tale->reason,
                                           .outcome = verdict == LEASE_LATE ? OUTCOME_LATE : OUTCOME_NONE},
                          err);
}

enum status tell_add(struct history *s, const json_t *params, const struct tale *tale, const struct trial **ret,
                     struct error *err)
{
    double config[SPACE_PARAMS_MAX];
    enum status st = space_from_json(&history_memory(s)->study->space, params, config, err);
    if (st) return st;
    const struct trial *t =
        history_add(s, &(struct addition){.role = ROLE_ENQUEUED, .config = config, .source = "added"});
    st = history_lease(s, t, NULL, 0, err);
    if (!st)
        st = history_finish(s, t, &(struct ending){.state = tale->to, .metrics = tale->metrics, .reason = tale->reason},
                            err);
    if (!st) *ret = t;
    return st;
}

enum status tell_report(struct history *s, const struct trial *t, const struct lease_claim *claim,
                        const struct told_report *report, struct error *err)
{
    enum status st = refuse(t, claim, lease_judge(t, claim, LEASE_REPORT, false), err);
    if (!st && report->policy && t->attempt.reports == 0) st = history_announce(s, t, report->policy, err);
    if (!st) history_report(s, t, report->step, report->metrics);
    return st;
}
