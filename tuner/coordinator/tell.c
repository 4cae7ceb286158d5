#include "tuner/coordinator/tell.h"

#include "tuner/coordinator/lease.h"
#include "tuner/coordinator/observed.h"

#include "tuner/base/words.h"

#include <math.h>

enum status tell_ttl(const json_t *request, int64_t *ret, struct error *err)
{
    const json_t *ttl = json_object_get(request, "ttl");
    *ret = 0;
    if (!ttl || (json_is_string(ttl) && words_duration_ms(json_string_value(ttl), ret))) return STATUS_OK;
    return error_set(err, STATUS_INVALID, "\"ttl\" takes a duration such as \"10m\"");
}

/* ---- renew: the client lives ---- */

static enum status find_trial(const struct session *s, const json_t *request, const char *key, struct trial **ret,
                              int64_t *ret_lease, struct error *err)
{
    const json_t *number = json_object_get(request, key), *lease = json_object_get(request, "lease");
    if (!json_is_integer(number)) return error_set(err, STATUS_INVALID, "\"%s\" takes a trial number", key);
    if (lease && (!json_is_integer(lease) || json_integer_value(lease) < 1))
        return error_set(err, STATUS_INVALID, "\"lease\" takes the number that \"ask\" gave");
    struct trial *t = session_trial(s, (long)json_integer_value(number));
    if (!t)
        return error_set(err, STATUS_NOT_FOUND, "trial %lld was not asked for", (long long)json_integer_value(number));
    *ret = t;
    *ret_lease = lease ? json_integer_value(lease) : 0;
    return STATUS_OK;
}

static enum status refuse(const struct trial *t, enum lease_verdict verdict, struct error *err)
{
    switch (verdict) {
    case LEASE_UNKNOWN: return error_set(err, STATUS_NOT_FOUND, "trial %ld was not asked for", t->number);
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

enum status tell_renew(struct session *s, const json_t *request, json_t **ret, struct error *err)
{
    struct trial *t = NULL;
    int64_t token = 0, ttl_ms = 0;
    enum status st = find_trial(s, request, "renew", &t, &token, err);
    if (!st) st = tell_ttl(request, &ttl_ms, err);
    if (!st) st = refuse(t, lease_judge(t, token, LEASE_RENEWAL, false), err);
    if (!st) st = session_renew(s, t, ttl_ms, err);
    if (!st) *ret = json_pack("{s:b}", "ok", 1);
    return st;
}

/* ---- tell ---- */

static enum status check_metrics(const struct session *s, const json_t *metrics, struct error *err)
{
    const char *name;
    json_t *v;
    if (!json_is_object(metrics)) return error_set(err, STATUS_INVALID, "\"metrics\" takes an object");
    json_object_foreach((json_t *)metrics, name, v)
    {
        if (!json_is_number(v) || !isfinite(json_number_value(v)))
            return error_set(err, STATUS_INVALID, "metric '%.60s' is not a finite number", name);
    }
    for (size_t i = 0; i < s->study->objective.n_metrics; i++) {
        const struct metric *m = &s->study->objective.metric[i];
        v = json_object_get(metrics, m->name);
        if (!v && objective_uses(&s->study->objective, i))
            return error_set(err, STATUS_INVALID, "the metric '%s' is missing", m->name);
        if (v && m->kind == METRIC_PROPORTION && (json_number_value(v) < 0 || json_number_value(v) > 1))
            return error_set(err, STATUS_INVALID, "the proportion '%s' is %.6g, not from 0 to 1", m->name,
                             json_number_value(v));
    }
    return STATUS_OK;
}

struct tale {
    enum trial_state to;
    const json_t *metrics;
    const char *reason;
};

static enum status read_tale(const struct session *s, const json_t *request, struct tale *ret, struct error *err)
{
    const json_t *metrics = json_object_get(request, "metrics"), *failed = json_object_get(request, "failed"),
                 *infeasible = json_object_get(request, "infeasible");
    if ((metrics != NULL) + (failed != NULL) + (infeasible != NULL) != 1)
        return error_set(err, STATUS_INVALID, "\"tell\" takes one of metrics, failed, infeasible");
    if (metrics) {
        *ret = (struct tale){TRIAL_COMPLETE, metrics, NULL};
        return check_metrics(s, metrics, err);
    }
    const json_t *why = failed ? failed : infeasible;
    const char *text = json_is_string(why) ? json_string_value(why) : "told so";
    *ret = (struct tale){failed ? TRIAL_FAILED : TRIAL_INFEASIBLE, NULL, text};
    if (!json_is_string(why) && !json_is_true(why))
        return error_set(err, STATUS_INVALID, "\"%s\" takes a reason or true", failed ? "failed" : "infeasible");
    return STATUS_OK;
}

/* The same tale again changes nothing and is no error. */
static bool is_same(const struct session *s, const struct trial *t, const struct tale *tale)
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

enum status tell_result(struct session *s, const json_t *request, json_t **ret, struct error *err)
{
    struct trial *t = NULL;
    struct tale tale = {0};
    int64_t token = 0;
    enum status st = find_trial(s, request, "tell", &t, &token, err);
    if (!st) st = read_tale(s, request, &tale, err);
    if (st) return st;
    enum lease_verdict verdict =
        lease_judge(t, token, tale.to == TRIAL_COMPLETE ? LEASE_RESULT : LEASE_FAILURE, is_same(s, t, &tale));
    st = refuse(t, verdict, err);
    if (!st && verdict != LEASE_REPEATED)
        st = session_finish(s, t, tale.to, tale.metrics, tale.reason, verdict == LEASE_LATE ? "late" : NULL, err);
    if (!st) *ret = json_pack("{s:b}", "ok", 1);
    return st;
}

/* ---- add: a trial that somebody ran without having been asked to ---- */

enum status tell_add(struct session *s, const json_t *request, json_t **ret, struct error *err)
{
    double config[SPACE_PARAMS_MAX];
    struct tale tale = {0};
    const json_t *params = json_object_get(request, "add");
    if (!json_is_object(params)) return error_set(err, STATUS_INVALID, "\"add\" takes an object of parameters");
    enum status st = space_from_json(&s->study->space, params, config, err);
    if (!st) st = read_tale(s, request, &tale, err);
    if (st) return st;
    struct trial *t = session_add(s, &(struct addition){.role = ROLE_ENQUEUED, .config = config, .source = "added"});
    st = session_lease(s, t, NULL, 0, err);
    if (!st) st = session_finish(s, t, tale.to, tale.metrics, tale.reason, NULL, err);
    if (!st) *ret = json_pack("{s:I}", "trial", (json_int_t)t->number);
    return st;
}

/* ---- report ---- */

enum status tell_report(struct session *s, const json_t *request, struct trial **ret, struct error *err)
{
    const json_t *policy = json_object_get(request, "policy");
    const json_t *step = json_object_get(request, "step"), *metrics = json_object_get(request, "metrics");
    const char *name;
    json_t *v;
    struct trial *t = NULL;
    int64_t token = 0;
    enum status st = find_trial(s, request, "report", &t, &token, err);
    if (st) return st;
    if (!json_is_integer(step) || json_integer_value(step) < 0 || !json_is_object(metrics))
        return error_set(err, STATUS_INVALID, "\"report\" takes a whole \"step\" from 0 and \"metrics\"");
    json_object_foreach((json_t *)metrics, name, v)
    {
        if (!json_is_number(v) || !isfinite(json_number_value(v)))
            return error_set(err, STATUS_INVALID, "metric '%.60s' is not a finite number", name);
    }
    st = refuse(t, lease_judge(t, token, LEASE_REPORT, false), err);
    if (!st && policy && t->reports == 0) st = observed_announce(s, t, policy, err);
    if (st) return st;
    session_report(s, t, (long)json_integer_value(step), metrics);
    *ret = t;
    return STATUS_OK;
}
