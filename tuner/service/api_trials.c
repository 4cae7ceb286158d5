/* /api/v1/studies/{study}/trials, and ask and tell */
#include "tuner/service/mailbox.h"
#include "tuner/service/waking.h"

#include "tuner/base/json.h"

#include "tuner/analysis/analysis.h"
#include "tuner/coordinator/coordinator.h"
#include "tuner/policy/policy.h"
#include "tuner/report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_MAX = 1000, TTL_MS = 600000 };

static json_t *trial_json(const struct memory *s, const struct trial *t)
{
    const struct document_trial x = document_trial_of(s, t);
    return document_trial_json(&x);
}

/* ---- lists ---- */

struct page_order {
    const struct memory *history;
    int metric; /* −1: not by a metric */
    enum order_by by;
    bool descending;
};

static double sort_key(const struct page_order *o, const struct trial *t)
{
    switch (o->by) {
    case ORDER_BY_FACT: return (double)t->number;
    case ORDER_BY_METRIC: return t->value[o->metric];
    case ORDER_BY_UTILITY: break;
    }
    return document_trial_of(o->history, t).utility;
}

static bool read_order(struct request *r, const struct memory *s, struct page_order *ret)
{
    const char *sort = request_query(r, "sort"), *order = request_query(r, "order");
    *ret = (struct page_order){.history = s, .metric = -1};
    if (order && strcmp(order, "asc") != 0 && strcmp(order, "desc") != 0) {
        request_problem(r, 422, "'order' is asc or desc, not '%.40s'", order);
        return false;
    }
    ret->descending = order && strcmp(order, "desc") == 0;
    if (!sort || strcmp(sort, "trial") == 0) return true;
    bool utility = strcmp(sort, "utility") == 0;
    if (!utility) ret->metric = objective_find_metric(&s->study->objective, sort);
    ret->by = utility ? ORDER_BY_UTILITY : ret->metric >= 0 ? ORDER_BY_METRIC : ORDER_BY_FACT;
    if (ret->by != ORDER_BY_FACT) return true;
    request_problem(r, 422, "'sort' is trial, utility or a metric of the study, not '%.60s'", sort);
    return false;
}

struct filter {
    bool by_state;
    enum trial_state state;
    const char *role; /* NULL: any */
};

static bool is_role(const char *text)
{
    for (int role = ROLE_BASELINE; role <= ROLE_MEMBER; role++)
        if (strcmp(text, trial_role_name((enum trial_role)role)) == 0) return true;
    return false;
}

static bool read_filter(struct request *r, struct filter *f)
{
    const char *state = request_query(r, "state");
    *f = (struct filter){.by_state = state, .role = request_query(r, "role")};
    if (state && !trial_state_parse(state, &f->state)) {
        request_problem(r, 422, "'state' is a state of trials such as complete, not '%.40s'", state);
        return false;
    }
    if (f->role && !is_role(f->role)) {
        request_problem(r, 422, "'role' is baseline, reference, search, enqueued, confirm or member, not '%.40s'",
                        f->role);
        return false;
    }
    return true;
}

struct listing {
    struct filter filter;
    long offset, limit;
};

static bool is_wanted(const struct filter *f, const struct trial *t)
{
    return !(f->by_state && t->state != f->state) && !(f->role && strcmp(trial_role_name(t->role), f->role) != 0);
}

/* The page of the list from `offset` on, as far as its bytes go. *ret_next: where the next one begins. */
static json_t *page_json(const struct memory *s, const struct ordered *list, size_t n, const struct listing *l,
                         size_t *ret_next)
{
    json_t *page = json_array();
    size_t bytes = 0, i = (size_t)l->offset;
    for (; i < n && i < (size_t)(l->offset + l->limit) && bytes < REQUEST_PAGE_BYTES; i++) {
        json_t *one = trial_json(s, list[i].trial);
        bytes += json_dumpb(one, NULL, 0, JSON_COMPACT);
        json_array_append_new(page, one);
    }
    *ret_next = i;
    return page;
}

static void answer_page(struct request *r, const struct memory *s, const struct listing *l,
                        const struct page_order *o)
{
    struct ordered *list = must_alloc(s->n + 1, sizeof *list);
    size_t n = 0, next;
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (is_wanted(&l->filter, t)) list[n++] = order_place(s, t, o->by, sort_key(o, t));
    }
    if (o->by != ORDER_BY_FACT || o->descending) order_sort(list, n, o->descending);
    json_t *page = page_json(s, list, n, l, &next);
    json_t *out = json_pack("{s:s, s:o, s:I}", "study", s->study->name, "trials", page, "total", (json_int_t)n);
    if (next < n) json_object_set_new(out, "next_offset", json_integer((json_int_t)next));
    request_answer(r, 200, out);
    free(list);
}

static void list_trials(struct request *r)
{
    struct reading from;
    struct page_order o;
    if (!request_is_news(r, NULL) || !request_read(r, &from)) return;
    if (read_order(r, from.history, &o)) answer_page(r, from.history, r->state, &o);
    request_read_done(r, &from);
}

static void on_list_trials(struct request *r)
{
    struct listing *l = r->state = arena_alloc(&r->arena, sizeof *l);
    if (!request_number(r, "offset", 0, 0, 1000000000, &l->offset) ||
        !request_number(r, "limit", 100, 1, 1000, &l->limit) || !read_filter(r, &l->filter))
        return;
    l->filter.role = l->filter.role ? arena_strdup(&r->arena, l->filter.role) : NULL;
    request_work(r, list_trials, NULL);
}

static void show_trial(struct request *r)
{
    struct reading from;
    if (!request_is_news(r, NULL) || !request_read(r, &from)) return;
    const struct trial *t = request_trial(r, from.history);
    if (t) {
        json_t *out = trial_json(from.history, t);
        if (t->attempt.holder.agent) json_object_set_new(out, "agent", json_string(t->attempt.holder.agent));
        if (t->attempt.holder.token) json_object_set_new(out, "token", json_string(t->attempt.holder.token));
        if (t->attempt.lease) json_object_set_new(out, "lease", json_integer(t->attempt.lease));
        request_answer(r, 200, out);
    }
    request_read_done(r, &from);
}

static void on_get_trial(struct request *r)
{
    request_work(r, show_trial, NULL);
}

enum { REPORTS_MAX = 10000 };

struct reports_page {
    long after, limit; /* −1: from the first */
    json_t *all;
    size_t bytes;
    bool full, more;
    long last;
};

static void on_report(void *data, const struct store_report *x)
{
    struct reports_page *p = data;
    json_t *metrics = json_object();
    if (p->full) { /* of the same row */
        p->more = true;
        json_decref(metrics);
        return;
    }
    for (size_t i = 0; i < x->n; i++) {
        p->bytes += strlen(x->name[i]) + 16;
        if (isfinite(x->value[i])) json_object_set_new(metrics, x->name[i], json_real(x->value[i]));
    }
    json_array_append_new(p->all,
                          json_pack("{s:I, s:I, s:I, s:o}", "n", (json_int_t)x->number, "step", (json_int_t)x->step,
                                    "after_ms", (json_int_t)x->after_ms, "metrics", metrics));
    p->last = x->number;
    p->full = json_array_size(p->all) >= (size_t)p->limit || p->bytes > REQUEST_PAGE_BYTES;
}

static void show_reports(struct request *r)
{
    struct reports_page *p = r->state;
    struct reading from;
    struct error err;
    if (!request_read(r, &from)) return;
    const struct trial *t = request_trial(r, from.history);
    p->all = json_array();
    struct store_scan scan = {.study = from.history->study_id, .from = p->after + 1, .stop = &p->more};
    if (t && store_reports_scan(r->store, &scan, t->attempt.lease, on_report, p, &err))
        request_fail(r, &err);
    else if (t) {
        json_t *out =
            json_pack("{s:s, s:I, s:O}", "study", from.study->name, "trial", (json_int_t)t->number, "reports", p->all);
        if (p->more) json_object_set_new(out, "next", json_integer(p->last));
        request_answer(r, 200, out);
    }
    json_decref(p->all);
    request_read_done(r, &from);
}

static void on_list_reports(struct request *r)
{
    struct reports_page *p = r->state = arena_alloc(&r->arena, sizeof *p);
    if (request_number(r, "after", -1, 0, 1000000000000, &p->after) &&
        request_number(r, "limit", REPORTS_MAX, 1, REPORTS_MAX, &p->limit))
        request_work(r, show_reports, NULL);
}

/* ---- enqueue, add, cancel ---- */

static void answer_trial(struct request *r, struct active_study *as, unsigned status, const struct trial *t)
{
    r->location = arena_printf(&r->arena, "/api/v1/studies/%s/trials/%ld", r->param[0], t->number);
    active_study_answer(as, r, status, trial_json(as->active->memory, t));
}

static void add_trial(struct request *r)
{
    struct active_study *as = r->awaited;
    const struct trial *t = NULL;
    struct tale tale;
    const json_t *params = json_object_get(r->body, "params");
    bool told = json_object_size(r->body) > 1; /* how it ended, too */
    enum status st = told ? tell_read_tale(as->study, r->body, &tale, &r->err) : STATUS_OK;
    if (!st)
        st = told ? tell_add(as->active->history, params, &tale, &t, &r->err)
                  : coordinator_enqueue(as->active->coordinator, params, &t, &r->err);
    if (request_checked(r, st)) answer_trial(r, as, 201, t);
}

/* ---- … to a study that is not at work ---- */

/* In one transaction with the trial. */
static void keep_answer(struct request *r, struct history *h, unsigned status, const json_t *body)
{
    if (!r->repeat.key) return;
    char *text = json_text(body);
    const struct store_answer kept = request_kept_answer(r, status, text);
    journal_keep_answer(history_journal(h), &kept);
    free(text);
}

static enum status enqueue_alone(struct request *r, struct history *h)
{
    double config[SPACE_PARAMS_MAX];
    const struct memory *s = history_memory(h);
    enum status st = space_from_json(&s->study->space, json_object_get(r->body, "params"), config, &r->err);
    if (st) return st;
    history_on_behalf_of(h, r->who.id);
    const struct trial *t = history_enqueue(h, config);
    json_t *out = trial_json(s, t);
    snapshot_keep(h);
    keep_answer(r, h, 201, out);
    st = history_flush(h, &r->err);
    r->location = arena_printf(&r->arena, "/api/v1/studies/%s/trials/%ld", r->param[0], t->number);
    if (st)
        json_decref(out);
    else
        request_answer(r, 201, out);
    return st;
}

static void enqueue_elsewhere(struct request *r)
{
    double config[SPACE_PARAMS_MAX];
    struct reading from;
    const json_t *params = json_object_get(r->body, "params");
    if (!request_read(r, &from)) return;
    if (request_checked(r, space_from_json(&from.study->space, params, config, &r->err)))
        mailbox_post(r, "enqueue", params);
    request_read_done(r, &from);
}

static void enqueue_held(struct request *r)
{
    if (mailbox_is_read(r))
        enqueue_elsewhere(r);
    else
        request_hold(r, enqueue_alone);
}

/* {"params": {…}}: to be tried next; with "metrics", "failed" or "infeasible": tried elsewhere. */
static void on_create_trial(struct request *r)
{
    struct active_study *as = active_study_find(r->service, r->param[0]);
    bool told = json_object_size(r->body) > 1;
    int64_t id;
    if (!request_fields(r, "params", "metrics", "failed", "infeasible", NULL)) return;
    if (!as && waking_waits(r, r->param[0])) return;
    if (!json_is_object(json_object_get(r->body, "params"))) {
        request_problem(r, 422, "\"params\" takes an object of parameters");
        return;
    }
    if (!as && !told && request_knows(r, r->param[0], &id))
        request_work_changing(r, enqueue_held, NULL);
    else if (as || (as = waking_find(r)))
        active_study_calm(as, r, add_trial);
}

static void on_cancel_trial(struct request *r)
{
    struct error err;
    const json_t *reason = json_object_get(r->body, "reason");
    struct active_study *as = waking_find(r);
    const struct trial *t = as ? request_trial(r, as->active->memory) : NULL;
    if (!t || !request_fields(r, "reason", NULL)) return;
    if (reason && !json_is_string(reason))
        request_problem(r, 422, "\"reason\" is a text");
    else if (coordinator_cancel(as->active->coordinator, t, reason ? json_string_value(reason) : "cancelled over HTTP",
                                &err))
        request_fail(r, &err);
    else
        answer_trial(r, as, 200, t);
}

/* ---- trying again ---- */

/* Of a study that is not at work: it is queued for when somebody resumes it. */
static enum status retry_alone(struct request *r, struct history *h)
{
    const struct memory *s = history_memory(h);
    const struct trial *t = request_trial(r, s);
    if (!t) return STATUS_OK;
    history_on_behalf_of(h, r->who.id);
    enum status st = retry_trial(h, t, &r->err);
    if (!st) snapshot_keep(h);
    if (!st) st = history_flush(h, &r->err);
    if (!st) request_answer(r, 200, trial_json(s, t));
    return st;
}

static void retry_elsewhere(struct request *r)
{
    struct reading from;
    if (!request_read(r, &from)) return;
    const struct trial *t = request_trial(r, from.history);
    if (t && request_checked(r, retry_check(from.history, &t->number, 1, &r->err))) {
        json_t *letter = json_pack("{s:[I]}", "trials", (json_int_t)t->number);
        mailbox_post(r, "retry", letter);
        json_decref(letter);
    }
    request_read_done(r, &from);
}

static void retry_held(struct request *r)
{
    if (mailbox_is_read(r))
        retry_elsewhere(r);
    else
        request_hold(r, retry_alone);
}

static void on_retry_trial(struct request *r)
{
    struct active_study *as = active_study_find(r->service, r->param[0]);
    int64_t id;
    if (!request_fields(r, NULL) || (!as && waking_waits(r, r->param[0]))) return;
    const struct trial *t = as ? request_trial(r, as->active->memory) : NULL;
    if (!as && !request_knows(r, r->param[0], &id))
        request_problem(r, 404, "there is no study '%s'", r->param[0]);
    else if (!as)
        request_work_changing(r, retry_held, NULL);
    else if (t && request_checked(r, coordinator_retry(as->active->coordinator, t, &r->err)))
        answer_trial(r, as, 200, t);
}

/* ---- ask and tell ---- */

static json_t *asked_object(const struct space *space, const struct trial *t, bool resumes)
{
    json_t *out =
        json_pack("{s:I, s:I, s:o, s:I, s:s}", "trial", (json_int_t)t->number, "lease", (json_int_t)t->attempt.lease,
                  "params", space_to_json(space, t->config), "seed", (json_int_t)t->seed, "source", t->source);
    if (resumes && t->resumed.times) json_object_set_new(out, "resume", tell_standing(t));
    return out;
}

static void on_asked(void *data, size_t n, const struct trial *const *trial, const char *why)
{
    struct request *r = data;
    json_t *all = json_array();
    bool resumes;
    tell_read_resumes(r->body, &resumes, NULL);
    r->state = NULL;
    r->cancel = NULL;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(all, asked_object(&r->awaited->study->space, trial[i], resumes));
    json_t *out = json_pack("{s:o}", "trials", all);
    if (why) json_object_set_new(out, "enough", json_string(why));
    active_study_answer(r->awaited, r, 200, out);
}

static void unask(struct request *r)
{
    if (r->state) coordinator_unask(r->awaited->active->coordinator, r->state);
    r->state = NULL;
}

/* How long the client may be silent: what it says, or ten minutes if the study grants as much. */
static bool read_ttl(struct request *r, const struct study *study, int64_t *ret)
{
    if (!request_checked(r, tell_read_ttl(study, r->body, ret, &r->err))) return false;
    if (*ret == 0) *ret = study->limits.lease_ms < TTL_MS ? study->limits.lease_ms : TTL_MS;
    return true;
}

/* {"count": 1, "ttl": "10m", "resume": false}, all as they are here if they are not given. */
static void on_ask(struct request *r)
{
    const json_t *count = json_object_get(r->body, "count");
    struct asking asking = {.token = r->who.id};
    struct active_study *as = waking_find(r);
    if (!as || !request_fields(r, "count", "ttl", "resume", NULL) || !read_ttl(r, as->study, &asking.ttl_ms)) return;
    if (!request_checked(r, tell_read_resumes(r->body, &asking.resumes, &r->err))) return;
    json_int_t n = count ? json_integer_value(count) : 1;
    if ((count && !json_is_integer(count)) || n < 1 || n > ASK_MAX) {
        request_problem(r, 422, "\"count\" is a whole number from 1 to %d", ASK_MAX);
        return;
    }
    asking.n = (size_t)n;
    r->awaited = as;
    request_wait(r, &as->waiting, unask);
    r->state = coordinator_ask(as->active->coordinator, &asking, on_asked, r);
}

/* A message about the trial of the path, from the lease that it must name. */
struct message {
    struct active_study *as;
    const struct trial *trial;
    struct lease_claim claim;
};

/* False: a problem has been answered. */
static bool read_message(struct request *r, struct message *m)
{
    *m = (struct message){.as = waking_find(r), .claim = {.from = {.token = r->who.id}}};
    m->trial = m->as ? request_trial(r, m->as->active->memory) : NULL;
    if (!m->trial || !request_checked(r, tell_read_lease(r->body, &m->claim.lease, &r->err))) return false;
    if (m->claim.lease) return true;
    request_problem(r, 422, "\"lease\" takes the number that \"ask\" gave");
    return false;
}

static void answer_ok(struct request *r, struct active_study *as)
{
    active_study_answer(as, r, 200, json_pack("{s:b}", "ok", 1));
}

static void on_tell_trial(struct request *r)
{
    struct message m;
    struct tale tale;
    if (read_message(r, &m) && request_fields(r, "lease", "metrics", "failed", "infeasible", NULL) &&
        request_checked(r, tell_read_tale(m.as->study, r->body, &tale, &r->err)) &&
        request_checked(r, coordinator_tell(m.as->active->coordinator, m.trial, &m.claim, &tale, &r->err)))
        answer_ok(r, m.as);
}

static void on_renew_trial(struct request *r)
{
    struct message m;
    int64_t ttl_ms;
    if (read_message(r, &m) && request_fields(r, "lease", "ttl", NULL) && read_ttl(r, m.as->study, &ttl_ms) &&
        request_checked(r, tell_renew(m.as->active->history, m.trial, &m.claim, ttl_ms, &r->err)))
        answer_ok(r, m.as);
}

static void on_report_trial(struct request *r)
{
    struct message m;
    struct told_report report;
    json_t *answer = NULL;
    if (read_message(r, &m) && request_fields(r, "lease", "step", "metrics", "policy", NULL) &&
        request_checked(r, tell_read_report(r->body, &report, &r->err)) &&
        request_checked(r, coordinator_report(m.as->active->coordinator, m.trial, &m.claim, &report, &answer, &r->err)))
        active_study_answer(m.as, r, 200, answer);
}

const struct route api_trials_routes[] = {
    {"POST", ROUTE_STUDY "/ask", GRANT_WORK, on_ask, ROUTE_JSON_MAX, BODY_OPTIONAL_JSON, true},
    {"GET", ROUTE_STUDY "/trials", GRANT_VIEW, on_list_trials, 0, BODY_NONE, false},
    {"POST", ROUTE_STUDY "/trials", GRANT_OPERATE, on_create_trial, ROUTE_JSON_MAX, BODY_JSON, true},
    {"GET", ROUTE_TRIAL, GRANT_VIEW, on_get_trial, 0, BODY_NONE, false},
    {"POST", ROUTE_TRIAL "/cancel", GRANT_OPERATE, on_cancel_trial, ROUTE_JSON_MAX, BODY_OPTIONAL_JSON, false},
    {"POST", ROUTE_TRIAL "/retry", GRANT_OPERATE, on_retry_trial, ROUTE_JSON_MAX, BODY_OPTIONAL_JSON, false},
    {"GET", ROUTE_TRIAL "/reports", GRANT_VIEW, on_list_reports, 0, BODY_NONE, false},
    {"POST", ROUTE_TRIAL "/reports", GRANT_WORK, on_report_trial, ROUTE_JSON_MAX, BODY_JSON, false},
    {"POST", ROUTE_TRIAL "/tell", GRANT_WORK, on_tell_trial, ROUTE_JSON_MAX, BODY_JSON, false},
    {"POST", ROUTE_TRIAL "/renew", GRANT_WORK, on_renew_trial, ROUTE_JSON_MAX, BODY_JSON, false},
    {0},
};
