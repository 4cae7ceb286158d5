#include "tuner/coordinator/adviser.h"

#include "tuner/coordinator/lease.h"
#include "tuner/coordinator/observed.h"
#include "tuner/coordinator/overseer.h"
#include "tuner/coordinator/standing.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_MAX = 10000 };

struct adviser {
    struct session *session;
    struct search *search;
    struct forecaster *forecaster;
    size_t reissue;   /* trials below this number that are open were asked for by an earlier process */
    size_t next;      /* the first of them that may still be open */
    char enough[160]; /* what the last suggestion said of the end of the search; "": nothing */
};

struct adviser *adviser_create(struct session *session)
{
    struct adviser *a = must_alloc(1, sizeof *a);
    a->session = session;
    a->search = search_create(session->study, session->seed, session->prior, session->n_priors);
    a->forecaster = forecaster_create(session->study, session->seed);
    a->reissue = session->n;
    return a;
}

void adviser_free(struct adviser *a)
{
    if (!a) return;
    search_free(a->search);
    forecaster_free(a->forecaster);
    free(a);
}

static json_t *trial_object(const struct session *s, const struct trial *t)
{
    return json_pack("{s:I, s:o}", "trial", (json_int_t)t->number, "params",
                     space_to_json(&s->study->space, t->config));
}

/* With a note if the model failed and chance chose: that is never silent. */
static json_t *asked_object(const struct session *s, const struct trial *t)
{
    json_t *out = trial_object(s, t);
    json_object_set_new(out, "lease", json_integer(t->lease));
    if (strncmp(t->source, SEARCH_FALLBACK, strlen(SEARCH_FALLBACK)) == 0)
        json_object_set_new(out, "note", json_string(t->source));
    return out;
}

/* ---- ask ---- */

/* A trial that an earlier process handed out, and whose client has never told: the client is gone with it. */
static struct trial *find_open(struct adviser *a)
{
    for (; a->next < a->reissue; a->next++) {
        struct trial *t = a->session->trial[a->next];
        if (trial_state_final(t->state)) continue;
        a->next++;
        if (t->state != TRIAL_QUEUED)
            session_return(a->session, t, "lost", "the process that handed it out ended", 0, NULL);
        return t;
    }
    return session_next_queued(a->session);
}

static enum status suggest(struct adviser *a, struct trial **ret, struct error *err)
{
    struct session *s = a->session;
    struct search_history h = session_view(s);
    struct suggestion x;
    enum status st = search_suggest(a->search, &h, (long)s->n, &x, err);
    if (st) return st;
    *ret = session_add(s, &(struct addition){.role = ROLE_SEARCH, .config = x.config, .source = x.source});
    memcpy(a->enough, x.enough, sizeof a->enough);
    return STATUS_OK;
}

static enum status hand_out(struct adviser *a, int64_t ttl_ms, struct trial **ret, struct error *err)
{
    struct trial *t = find_open(a);
    enum status st = t ? STATUS_OK : suggest(a, &t, err);
    if (!st) st = session_lease(a->session, t, NULL, ttl_ms, err);
    if (!st) *ret = t;
    return st;
}

static enum status read_ttl(const json_t *request, int64_t *ret, struct error *err)
{
    const json_t *ttl = json_object_get(request, "ttl");
    *ret = 0;
    if (!ttl || (json_is_string(ttl) && words_duration_ms(json_string_value(ttl), ret))) return STATUS_OK;
    return error_set(err, STATUS_INVALID, "\"ttl\" takes a duration such as \"10m\"");
}

static enum status ask(struct adviser *a, const json_t *request, json_t **ret, struct error *err)
{
    const json_t *count = json_object_get(request, "ask");
    int64_t ttl_ms;
    if (!json_is_integer(count) || json_integer_value(count) < 1 || json_integer_value(count) > ASK_MAX)
        return error_set(err, STATUS_INVALID, "\"ask\" takes a whole number from 1 to %d", ASK_MAX);
    enum status s = read_ttl(request, &ttl_ms, err);
    json_t *trials = json_array();
    for (json_int_t i = 0; !s && i < json_integer_value(count); i++) {
        struct trial *t;
        s = hand_out(a, ttl_ms, &t, err);
        if (!s) json_array_append_new(trials, asked_object(a->session, t));
    }
    if (s && json_array_size(trials) > 0) s = STATUS_OK; /* fewer than asked for */
    if (s)
        json_decref(trials);
    else
        *ret = json_pack("{s:o, s:s*}", "trials", trials, "enough", *a->enough ? a->enough : NULL);
    return s;
}

/* ---- renew: the client lives ---- */

static enum status find_trial(struct adviser *a, const json_t *request, const char *key, struct trial **ret,
                              int64_t *ret_lease, struct error *err)
{
    const json_t *number = json_object_get(request, key), *lease = json_object_get(request, "lease");
    if (!json_is_integer(number)) return error_set(err, STATUS_INVALID, "\"%s\" takes a trial number", key);
    if (lease && (!json_is_integer(lease) || json_integer_value(lease) < 1))
        return error_set(err, STATUS_INVALID, "\"lease\" takes the number that \"ask\" gave");
    struct trial *t = session_trial(a->session, (long)json_integer_value(number));
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
        return error_set(err, STATUS_INVALID, "trial %ld is %s already", t->number, trial_state_name(t->state));
    case LEASE_STALE:
        return error_set(err, STATUS_INVALID, "the lease of trial %ld is over; what it asked for goes to somebody else",
                         t->number);
    case LEASE_ACCEPT:
    case LEASE_REPEATED:
    case LEASE_LATE: break;
    }
    return STATUS_OK;
}

static enum status renew(struct adviser *a, const json_t *request, json_t **ret, struct error *err)
{
    struct trial *t = NULL;
    int64_t token, ttl_ms;
    enum status s = find_trial(a, request, "renew", &t, &token, err);
    if (!s) s = read_ttl(request, &ttl_ms, err);
    if (!s) s = refuse(t, lease_judge(t, token, LEASE_RENEWAL, false), err);
    if (!s) s = session_renew(a->session, t, ttl_ms, err);
    if (!s) *ret = json_pack("{s:b}", "ok", 1);
    return s;
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

static enum status tell(struct adviser *a, const json_t *request, json_t **ret, struct error *err)
{
    struct trial *t = NULL;
    struct tale tale = {0};
    int64_t token;
    enum status s = find_trial(a, request, "tell", &t, &token, err);
    if (!s) s = read_tale(a->session, request, &tale, err);
    if (s) return s;
    enum lease_verdict verdict =
        lease_judge(t, token, tale.to == TRIAL_COMPLETE ? LEASE_RESULT : LEASE_FAILURE, is_same(a->session, t, &tale));
    s = refuse(t, verdict, err);
    if (!s && verdict != LEASE_REPEATED)
        s = session_finish(a->session, t, tale.to, tale.metrics, tale.reason, verdict == LEASE_LATE ? "late" : NULL,
                           err);
    if (!s) *ret = json_pack("{s:b}", "ok", 1);
    return s;
}

/* ---- add: a trial that somebody ran without having been asked to ---- */

static enum status add(struct adviser *a, const json_t *request, json_t **ret, struct error *err)
{
    struct session *s = a->session;
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

/* ---- report, best ---- */

/* Is the trial to go on, and with which stopping rule? A condemned one is over with this answer. */
static enum status oversee(struct adviser *a, struct trial *t, json_t **ret, struct error *err)
{
    struct question *q = overseer_ask(a->session, t);
    struct order order = {0};
    enum status s = STATUS_OK;
    if (q) {
        overseer_think(a->forecaster, q);
        overseer_decide(a->session, q, &order);
    }
    if (order.stop) s = overseer_prune(a->session, t, NULL, err);
    if (s) return s;
    *ret = order.stop ? json_pack("{s:s}", "stop", order.why) : json_pack("{s:b}", "stop", 0);
    if (order.adapt)
        json_object_set_new(*ret, "policy",
                            json_pack("{s:f, s:f}", "patience", order.patience, "threshold", order.threshold));
    return STATUS_OK;
}

static enum status report(struct adviser *a, const json_t *request, json_t **ret, struct error *err)
{
    const json_t *policy = json_object_get(request, "policy");
    const json_t *step = json_object_get(request, "step"), *metrics = json_object_get(request, "metrics");
    const char *name;
    json_t *v;
    struct trial *t = NULL;
    int64_t token;
    enum status s = find_trial(a, request, "report", &t, &token, err);
    if (s) return s;
    if (!json_is_integer(step) || json_integer_value(step) < 0 || !json_is_object(metrics))
        return error_set(err, STATUS_INVALID, "\"report\" takes a whole \"step\" from 0 and \"metrics\"");
    json_object_foreach((json_t *)metrics, name, v)
    {
        if (!json_is_number(v) || !isfinite(json_number_value(v)))
            return error_set(err, STATUS_INVALID, "metric '%.60s' is not a finite number", name);
    }
    s = refuse(t, lease_judge(t, token, LEASE_REPORT, false), err);
    if (!s && policy && t->reports == 0) s = observed_announce(a->session, t, policy, err);
    if (s) return s;
    session_report(a->session, t, (long)json_integer_value(step), metrics);
    return oversee(a, t, ret, err);
}

static json_t *front(const struct adviser *a, const struct standings *all)
{
    json_t *out = json_array();
    for (size_t i = 0; i < all->n; i++) {
        if (!all->all[i].on_front) continue;
        json_t *one = trial_object(a->session, all->all[i].trial);
        json_object_set_new(one, "metrics", session_metrics(a->session, all->all[i].trial));
        json_array_append_new(out, one);
    }
    return out;
}

static json_t *best_object(const struct session *s, const struct trial *t)
{
    json_t *out = trial_object(s, t);
    json_object_set_new(out, "metrics", session_metrics(s, t));
    return out;
}

/* Without confirmations and without a front the incumbent is the winner, and known at any time. */
static enum status best(struct adviser *a, json_t **ret, struct error *err)
{
    const struct session *s = a->session;
    bool pareto = s->study->objective.form == OBJECTIVE_PARETO;
    struct arena arena = {0};
    struct standings all = {0};
    double utility;
    const struct trial *t = standing_incumbent(s, &utility);
    if (pareto || s->tally.confirmed) {
        all = standings_make(s, &s->study->objective, false, &arena);
        t = all.winner ? all.winner->trial : NULL;
    }
    if (t) *ret = best_object(s, t);
    if (t && pareto) json_object_set_new(*ret, "front", front(a, &all));
    arena_done(&arena);
    return t ? STATUS_OK : error_set(err, STATUS_NOT_FOUND, "no complete trial that satisfies the constraints yet");
}

/* ---- predict ---- */

static json_t *bound_json(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static enum status predict(struct adviser *a, const json_t *request, json_t **ret, struct error *err)
{
    const struct study *study = a->session->study;
    struct prediction p[METRICS_MAX];
    double config[SPACE_PARAMS_MAX];
    const json_t *params = json_object_get(request, "predict");
    if (!json_is_object(params)) return error_set(err, STATUS_INVALID, "\"predict\" takes an object of parameters");
    enum status s = space_from_json(&study->space, params, config, err);
    struct search_history h = session_view(a->session);
    if (!s) s = search_predict(a->search, &h, config, 0.9, p, err);
    if (!s) {
        json_t *all = json_object();
        for (size_t i = 0; i < study->objective.n_metrics; i++)
            if (objective_uses(&study->objective, i))
                json_object_set_new(all, study->objective.metric[i].name,
                                    json_pack("{s:o, s:o, s:o}", "median", bound_json(p[i].median), "low",
                                              bound_json(p[i].low), "high", bound_json(p[i].high)));
        *ret = json_pack("{s:o}", "metrics", all);
    }
    return s;
}

static enum status dispatch(struct adviser *a, const json_t *request, json_t **ret, struct error *err)
{
    if (json_object_get(request, "ask")) return ask(a, request, ret, err);
    if (json_object_get(request, "tell")) return tell(a, request, ret, err);
    if (json_object_get(request, "renew")) return renew(a, request, ret, err);
    if (json_object_get(request, "add")) return add(a, request, ret, err);
    if (json_object_get(request, "predict")) return predict(a, request, ret, err);
    if (json_object_get(request, "report")) return report(a, request, ret, err);
    if (json_object_get(request, "best")) return best(a, ret, err);
    return error_set(err, STATUS_INVALID, "a request holds one of ask, tell, report, renew, add, predict, best");
}

json_t *adviser_answer(struct adviser *a, const char *line, size_t len)
{
    struct error err;
    json_t *request = NULL, *answer = NULL;
    enum status s = json_parse_object(line, len, &request, &err);
    lease_expire(a->session);
    if (!s) s = dispatch(a, request, &answer, &err);
    json_decref(request);
    return s ? json_pack("{s:s}", "error", err.text) : answer;
}
