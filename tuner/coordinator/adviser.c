#include "tuner/coordinator/adviser.h"

#include "tuner/coordinator/ask_queue.h"
#include "tuner/coordinator/tell.h"

#include "tuner/base/json.h"

#include "tuner/analysis/analysis.h"
#include "tuner/policy/policy.h"

#include <stdlib.h>
#include <string.h>

enum { ASK_MAX = 10000 };

struct adviser {
    struct history *history;
    const struct memory *memory; /* of it */
    struct search *search;
    struct forecaster *forecaster;
    size_t reissue;   /* trials below this number that are open were asked for by an earlier process */
    size_t next;      /* the first of them that may still be open */
    char enough[160]; /* what the last suggestion said of the end of the search; "": nothing */
};

struct adviser *adviser_create(struct history *history)
{
    const struct memory *s = history_memory(history);
    struct adviser *a = must_alloc(1, sizeof *a);
    a->history = history;
    a->memory = s;
    a->search = search_create(s->study, s->seed, s->priors.prior, s->priors.n);
    a->forecaster = forecaster_create(s->study, s->seed);
    a->reissue = s->n;
    return a;
}

void adviser_free(struct adviser *a)
{
    if (!a) return;
    search_free(a->search);
    forecaster_free(a->forecaster);
    free(a);
}

static json_t *trial_object(const struct memory *s, const struct trial *t)
{
    return json_pack("{s:I, s:o}", "trial", (json_int_t)t->number, "params",
                     space_to_json(&s->study->space, t->config));
}

/* With a note if the model failed and chance chose: that is never silent; and where it stood, if it goes on. */
static json_t *asked_object(const struct memory *s, const struct trial *t, bool resumes)
{
    json_t *out = trial_object(s, t);
    json_object_set_new(out, "lease", json_integer(t->attempt.lease));
    if (suggestion_kind_of(t->source) == SUGGESTION_FALLBACK) json_object_set_new(out, "note", json_string(t->source));
    if (resumes && t->resumed.times) json_object_set_new(out, "resume", tell_standing(t));
    if (t->role == ROLE_CONFIRM) json_object_set_new(out, "confirms", json_integer(t->confirms));
    if (t->role == ROLE_CONFIRM) json_object_set_new(out, "seed", json_integer((json_int_t)t->seed));
    return out;
}

/* ---- ask ---- */

/* A trial that an earlier process handed out, and whose client has never told: the client is gone with it. */
static const struct trial *find_open(struct adviser *a)
{
    for (; a->next < a->reissue; a->next++) {
        const struct trial *t = a->memory->trial[a->next];
        if (trial_state_final(t->state)) continue;
        a->next++;
        if (t->state != TRIAL_QUEUED)
            history_return(a->history, t, OUTCOME_LOST, "the process that handed it out ended", 0, NULL);
        return t;
    }
    return memory_next_queued(a->memory, -1);
}

static enum status suggest(struct adviser *a, const struct trial **ret, struct error *err)
{
    struct history *s = a->history;
    struct search_history h = history_view(s);
    struct suggestion x;
    enum status st = search_suggest(a->search, &h, (long)a->memory->n, &x, err);
    if (st) return st;
    *ret = history_add(
        s, &(struct addition){.role = ROLE_SEARCH, .config = x.config, .source = x.source, .expect_gain = x.gain});
    memcpy(a->enough, x.enough, sizeof a->enough);
    return STATUS_OK;
}

/* One that was stopped, and is worth going on with. */
static enum status look_again(struct adviser *a, const struct trial **ret, struct error *err)
{
    struct second_look *q = second_look_ask(a->history, true);
    if (!q) return STATUS_OK;
    second_look_think(a->forecaster, q);
    *ret = second_look_choice(q);
    enum status st = second_look_decide(a->history, q, err);
    second_look_forget(q);
    return st;
}

/* The last trials of a client measure the best again (policy/confirm.h): whom a single measurement flatters, no model
 * knows. `left`: how many it can still run, this one included; 0: it does not say. NULL: there is something new to try
 * instead, or a seed makes no difference. */
static const struct trial *measure_again(struct adviser *a, json_int_t left)
{
    if (left == 0 || left > (json_int_t)confirm_due(a->memory) || confirm_repeats(a->memory)) return NULL;
    bool waits = memory_in_flight(a->memory) == 0 && confirm_baseline(a->history, true);
    if (!waits) confirm_step(a->history, NULL);
    return memory_next_queued(a->memory, -1);
}

static enum status hand_out(struct adviser *a, const struct asking *how, json_int_t left, const struct trial **ret,
                            struct error *err)
{
    const struct trial *t = find_open(a);
    if (!t) t = measure_again(a, left);
    enum status st = t || !how->resumes ? STATUS_OK : look_again(a, &t, err);
    if (!st && !t) st = suggest(a, &t, err);
    if (!st) st = history_lease(a->history, t, NULL, how->ttl_ms, err);
    if (!st && how->resumes) st = tell_goes_on(a->history, t, err);
    if (!st) *ret = t;
    return st;
}

static enum status read_left(const json_t *request, json_int_t *ret, struct error *err)
{
    const json_t *left = json_object_get(request, "left");
    *ret = json_integer_value(left);
    if (!left || (json_is_integer(left) && *ret >= 1)) return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "\"left\" is how many trials you can still run, with those you ask for: 1 or more");
}

static enum status ask(struct adviser *a, const json_t *request, json_t **ret, struct error *err)
{
    const json_t *count = json_object_get(request, "ask");
    struct asking how = {0};
    json_int_t left = 0;
    if (!json_is_integer(count) || json_integer_value(count) < 1 || json_integer_value(count) > ASK_MAX)
        return error_set(err, STATUS_INVALID, "\"ask\" takes a whole number from 1 to %d", ASK_MAX);
    enum status s = json_only(request, err, "ask", "ttl", "resume", "left", NULL);
    if (!s) s = tell_read_ttl(a->memory->study, request, &how.ttl_ms, err);
    if (!s) s = tell_read_resumes(request, &how.resumes, err);
    if (!s) s = read_left(request, &left, err);
    json_t *trials = json_array();
    for (json_int_t i = 0; !s && i < json_integer_value(count); i++) {
        const struct trial *t;
        s = hand_out(a, &how, left, &t, err);
        if (!s) json_array_append_new(trials, asked_object(a->memory, t, how.resumes));
        if (left > 1) left--;
    }
    if (s && json_array_size(trials) > 0) s = STATUS_OK; /* fewer than asked for */
    if (s)
        json_decref(trials);
    else
        *ret = json_pack("{s:o, s:s*}", "trials", trials, "enough", *a->enough ? a->enough : NULL);
    return s;
}

/* ---- tell, renew, add ---- */

/* The pipe is its own holder: what it says of a trial is about the lease that it names, or the last one. */
static enum status find_trial(const struct adviser *a, const json_t *request, const char *key, const struct trial **ret,
                              struct lease_claim *ret_claim, struct error *err)
{
    const json_t *number = json_object_get(request, key);
    if (!json_is_integer(number)) return error_set(err, STATUS_INVALID, "\"%s\" takes a trial number", key);
    enum status s = tell_read_lease(request, &ret_claim->lease, err);
    if (s) return s;
    *ret = memory_trial(a->memory, (long)json_integer_value(number));
    if (*ret) return STATUS_OK;
    return error_set(err, STATUS_NOT_FOUND, "trial %lld was not asked for", (long long)json_integer_value(number));
}

enum { WHY_MAX = 160 };

/* A metric that is NaN or infinite is a failure of the trial, not of the message: Python's json writes it. */
static enum status read_tale(const struct adviser *a, const json_t *request, struct tale *ret, char why[WHY_MAX],
                             struct error *err)
{
    const char *name;
    json_t *v;
    json_object_foreach(json_object_get(request, "metrics"), name, v)
    {
        if (!json_is_null(v) || objective_find_metric(&a->memory->study->objective, name) < 0) continue;
        snprintf(why, WHY_MAX, "the metric '%.60s' is NaN or infinite", name);
        *ret = (struct tale){TRIAL_FAILED, NULL, why};
        return STATUS_OK;
    }
    return tell_read_tale(a->memory->study, request, ret, err);
}

static enum status tell(struct adviser *a, const json_t *request, json_t **ret, struct error *err)
{
    const struct trial *t = NULL;
    struct lease_claim claim = {0};
    struct tale tale;
    char why[WHY_MAX];
    enum status s = json_only(request, err, "tell", "lease", "metrics", "failed", "infeasible", NULL);
    if (!s) s = find_trial(a, request, "tell", &t, &claim, err);
    if (!s) s = read_tale(a, request, &tale, why, err);
    if (!s) s = tell_result(a->history, t, &claim, &tale, err);
    if (!s) *ret = json_pack("{s:b}", "ok", 1);
    return s;
}

static enum status renew(struct adviser *a, const json_t *request, json_t **ret, struct error *err)
{
    const struct trial *t = NULL;
    struct lease_claim claim = {0};
    int64_t ttl_ms;
    enum status s = json_only(request, err, "renew", "lease", "ttl", NULL);
    if (!s) s = find_trial(a, request, "renew", &t, &claim, err);
    if (!s) s = tell_read_ttl(a->memory->study, request, &ttl_ms, err);
    if (!s) s = tell_renew(a->history, t, &claim, ttl_ms, err);
    if (!s) *ret = json_pack("{s:b}", "ok", 1);
    return s;
}

static enum status add(struct adviser *a, const json_t *request, json_t **ret, struct error *err)
{
    const json_t *params = json_object_get(request, "add");
    const struct trial *t = NULL;
    struct tale tale;
    if (!json_is_object(params)) return error_set(err, STATUS_INVALID, "\"add\" takes an object of parameters");
    enum status s = json_only(request, err, "add", "metrics", "failed", "infeasible", NULL);
    if (!s) s = tell_read_tale(a->memory->study, request, &tale, err);
    if (!s) s = tell_add(a->history, params, &tale, &t, err);
    if (!s) *ret = json_pack("{s:I}", "trial", (json_int_t)t->number);
    return s;
}

/* ---- report, best ---- */

/* Is the trial to go on, and with which stopping rule? A condemned one is over with this answer. */
static enum status oversee(struct adviser *a, const struct trial *t, json_t **ret, struct error *err)
{
    struct question *q = monitor_ask(a->history, t);
    struct monitor_order order = {0};
    enum status s = STATUS_OK;
    if (q) {
        monitor_think(a->forecaster, q);
        s = monitor_decide(a->history, q, &order, err);
    }
    if (!s && order.stop) s = monitor_prune(a->history, t, NULL, err);
    if (s) return s;
    *ret = order.stop ? json_pack("{s:s}", "stop", order.why) : json_pack("{s:b}", "stop", 0);
    if (order.adapt)
        json_object_set_new(*ret, "policy",
                            json_pack("{s:o, s:o}", "patience", json_number(order.patience), "threshold",
                                      json_number(order.threshold)));
    return STATUS_OK;
}

static enum status report(struct adviser *a, const json_t *request, json_t **ret, struct error *err)
{
    const struct trial *t = NULL;
    struct lease_claim claim = {0};
    struct told_report r;
    enum status s = json_only(request, err, "report", "lease", "step", "metrics", "policy", NULL);
    if (!s) s = find_trial(a, request, "report", &t, &claim, err);
    if (!s) s = tell_read_report(request, &r, err);
    if (!s) s = tell_report(a->history, t, &claim, &r, err);
    return s ? s : oversee(a, t, ret, err);
}

static json_t *measured_object(const struct memory *s, const struct trial *t)
{
    json_t *out = trial_object(s, t);
    json_object_set_new(out, "metrics", memory_metrics(s, t));
    return out;
}

static json_t *front(const struct adviser *a, const struct ranking *all)
{
    json_t *out = json_array();
    for (size_t i = 0; i < all->n; i++)
        if (all->all[i].on_front) json_array_append_new(out, measured_object(a->memory, all->all[i].trial));
    return out;
}

/* The best of all trials where nothing is confirmed: by the model if measurements are noisy, else as measured. */
static const struct trial *best_unconfirmed(struct adviser *a)
{
    struct search_history h = history_view(a->history);
    size_t at = search_winner(a->search, &h);
    double utility;
    return at < SIZE_MAX ? a->memory->seen_trial[at] : ranking_incumbent(a->memory, &utility);
}

static enum status best(struct adviser *a, const json_t *request, json_t **ret, struct error *err)
{
    const struct memory *s = a->memory;
    if (json_only(request, err, "best", NULL)) return STATUS_INVALID;
    bool pareto = s->study->objective.form == OBJECTIVE_PARETO;
    struct arena arena = {0};
    struct ranking all = {0};
    const struct trial *t;
    if (pareto || s->tally.confirmed) {
        all = ranking_make(s, &s->study->objective, &arena);
        t = all.winner ? all.winner->trial : NULL;
    } else
        t = best_unconfirmed(a);
    if (t) *ret = measured_object(s, t);
    if (t && pareto) json_object_set_new(*ret, "front", front(a, &all));
    arena_done(&arena);
    return t ? STATUS_OK : error_set(err, STATUS_NOT_FOUND, "no complete trial that satisfies the constraints yet");
}

/* ---- predict ---- */

static enum status predict(struct adviser *a, const json_t *request, json_t **ret, struct error *err)
{
    const struct study *study = a->memory->study;
    struct prediction p[METRICS_MAX];
    double config[SPACE_PARAMS_MAX];
    const json_t *params = json_object_get(request, "predict");
    if (!json_is_object(params)) return error_set(err, STATUS_INVALID, "\"predict\" takes an object of parameters");
    enum status s = json_only(request, err, "predict", NULL);
    if (!s) s = space_from_json(&study->space, params, config, err);
    struct search_history h = history_view(a->history);
    if (!s) s = search_predict(a->search, &h, config, 0.9, p, err);
    if (!s) {
        json_t *all = json_object();
        for (size_t i = 0; i < study->objective.n_metrics; i++)
            if (objective_uses(&study->objective, i))
                json_object_set_new(all, study->objective.metric[i].name,
                                    json_pack("{s:o, s:o, s:o}", "median", json_number(p[i].median), "low",
                                              json_number(p[i].low), "high", json_number(p[i].high)));
        *ret = json_pack("{s:o}", "metrics", all);
    }
    return s;
}

/* The first of these verbs that the request holds; a second one is then a field that nobody knows. */
static enum status dispatch(struct adviser *a, const json_t *request, json_t **ret, struct error *err)
{
    static const struct {
        const char *verb;
        enum status (*answer)(struct adviser *a, const json_t *request, json_t **ret, struct error *err);
    } verbs[] = {{"ask", ask}, {"tell", tell},       {"report", report}, {"renew", renew},
                 {"add", add}, {"predict", predict}, {"best", best}};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (json_object_get(request, verbs[i].verb)) return verbs[i].answer(a, request, ret, err);
    return error_set(err, STATUS_INVALID, "a request holds one of ask, tell, report, renew, add, predict, best");
}

json_t *adviser_answer(struct adviser *a, const char *line, size_t len)
{
    struct error err;
    json_t *request = NULL, *answer = NULL;
    enum status s = json_parse_python(line, len, &request, &err);
    lease_expire(a->history);
    if (!s) s = dispatch(a, request, &answer, &err);
    json_decref(request);
    return s ? json_pack("{s:s}", "error", err.text) : answer;
}
