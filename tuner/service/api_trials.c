/* /api/v1/studies/{study}/trials, and ask and tell */
#include "tuner/service/api.h"

#include "tuner/base/beneath.h"
#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include "tuner/analysis/analysis.h"
#include "tuner/coordinator/coordinator.h"
#include "tuner/report/report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ASK_MAX = 1000, TTL_MS = 600000 };

/* ---- lists ---- */

struct page_order {
    const struct history *history;
    int metric;   /* −1: not by a metric */
    bool utility; /* by utility; else by number */
    bool descending;
};

struct page_ranked {
    const struct trial *trial;
    double key;
};

static double sort_key(const struct page_order *o, const struct trial *t)
{
    const double *baseline = memory_baseline(o->history);
    const struct objective *objective = &o->history->study->objective;
    if (o->metric >= 0) return t->value[o->metric];
    if (!o->utility) return (double)t->number;
    if (t->state != TRIAL_COMPLETE || (!baseline && objective_needs_baseline(objective))) return NAN;
    return objective_utility(objective, t->value, baseline);
}

/* What has no value comes last, either way. */
static int compare(const void *a, const void *b, void *data)
{
    const struct page_order *o = data;
    const struct trial *x = ((const struct page_ranked *)a)->trial, *y = ((const struct page_ranked *)b)->trial;
    double u = ((const struct page_ranked *)a)->key, v = ((const struct page_ranked *)b)->key;
    if (isnan(u) || isnan(v))
        return isnan(u) - isnan(v) ? isnan(u) - isnan(v) : (x->number > y->number) - (x->number < y->number);
    if (u != v) return (u < v) == o->descending ? 1 : -1;
    return (x->number > y->number) - (x->number < y->number);
}

static bool read_order(struct call *c, const struct history *s, struct page_order *ret)
{
    const char *sort = call_query(c, "sort"), *order = call_query(c, "order");
    *ret = (struct page_order){.history = s, .metric = -1};
    if (order && strcmp(order, "asc") != 0 && strcmp(order, "desc") != 0) {
        call_problem(c, 422, "'order' is asc or desc, not '%.40s'", order);
        return false;
    }
    ret->descending = order && strcmp(order, "desc") == 0;
    if (!sort || strcmp(sort, "trial") == 0) return true;
    ret->utility = strcmp(sort, "utility") == 0;
    if (!ret->utility) ret->metric = objective_find_metric(&s->study->objective, sort);
    if (ret->utility || ret->metric >= 0) return true;
    call_problem(c, 422, "'sort' is trial, utility or a metric of the study, not '%.60s'", sort);
    return false;
}

struct filter {
    bool by_state;
    enum trial_state state;
    const char *role; /* NULL: any */
};

static bool is_role(const char *text)
{
    for (int r = ROLE_BASELINE; r <= ROLE_MEMBER; r++)
        if (strcmp(text, trial_role_name((enum trial_role)r)) == 0) return true;
    return false;
}

static bool read_filter(struct call *c, struct filter *f)
{
    const char *state = call_query(c, "state");
    *f = (struct filter){.by_state = state, .role = call_query(c, "role")};
    if (state && !trial_state_parse(state, &f->state)) {
        call_problem(c, 422, "'state' is a state of trials such as complete, not '%.40s'", state);
        return false;
    }
    if (f->role && !is_role(f->role)) {
        call_problem(c, 422, "'role' is baseline, reference, search, enqueued, confirm or member, not '%.40s'",
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
static json_t *page_json(const struct history *s, const struct page_ranked *list, size_t n, const struct listing *l,
                         size_t *ret_next)
{
    json_t *page = json_array();
    size_t bytes = 0, i = (size_t)l->offset;
    for (; i < n && i < (size_t)(l->offset + l->limit) && bytes < CALL_PAGE_BYTES; i++) {
        json_t *one = report_trial_json(s, list[i].trial);
        bytes += json_dumpb(one, NULL, 0, JSON_COMPACT);
        json_array_append_new(page, one);
    }
    *ret_next = i;
    return page;
}

static void answer_page(struct call *c, const struct history *s, const struct listing *l, struct page_order *o)
{
    struct page_ranked *list = must_alloc(s->n + 1, sizeof *list);
    size_t n = 0, next;
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (is_wanted(&l->filter, t)) list[n++] = (struct page_ranked){t, sort_key(o, t)};
    }
    if (o->metric >= 0 || o->utility || o->descending) qsort_r(list, n, sizeof *list, compare, o);
    json_t *page = page_json(s, list, n, l, &next);
    json_t *out = json_pack("{s:s, s:o, s:I}", "study", s->study->name, "trials", page, "total", (json_int_t)n);
    if (next < n) json_object_set_new(out, "next_offset", json_integer((json_int_t)next));
    call_answer(c, 200, out);
    free(list);
}

static void list_trials(struct call *c)
{
    struct reading r;
    struct page_order o;
    if (!call_read(c, &r)) return;
    if (read_order(c, r.history, &o)) answer_page(c, r.history, c->state, &o);
    call_read_done(c, &r);
}

void api_trials_list(struct call *c)
{
    struct listing *l = c->state = arena_alloc(&c->arena, sizeof *l);
    if (!call_number(c, "offset", 0, 0, 1000000000, &l->offset) || !call_number(c, "limit", 100, 1, 1000, &l->limit) ||
        !read_filter(c, &l->filter))
        return;
    l->filter.role = l->filter.role ? arena_strdup(&c->arena, l->filter.role) : NULL;
    call_work(c, c->param[0], list_trials, NULL);
}

static void show_trial(struct call *c)
{
    struct reading r;
    if (!call_read(c, &r)) return;
    const struct trial *t = call_trial(c, r.history);
    if (t) {
        json_t *out = report_trial_json(r.history, t);
        if (t->holder.agent) json_object_set_new(out, "agent", json_string(t->holder.agent));
        if (t->holder.token) json_object_set_new(out, "token", json_string(t->holder.token));
        if (t->lease) json_object_set_new(out, "lease", json_integer(t->lease));
        call_answer(c, 200, out);
    }
    call_read_done(c, &r);
}

void api_trial_get(struct call *c)
{
    call_work(c, c->param[0], show_trial, NULL);
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
    p->full = json_array_size(p->all) >= (size_t)p->limit || p->bytes > CALL_PAGE_BYTES;
}

static void show_reports(struct call *c)
{
    struct reports_page *p = c->state;
    struct reading r;
    struct error err;
    if (!call_read(c, &r)) return;
    const struct trial *t = call_trial(c, r.history);
    p->all = json_array();
    if (t && store_reports_after(c->store, r.history->study_id, t->lease, p->after, on_report, p, &p->more, &err))
        call_fail(c, &err);
    else if (t) {
        json_t *out =
            json_pack("{s:s, s:I, s:O}", "study", r.study->name, "trial", (json_int_t)t->number, "reports", p->all);
        if (p->more) json_object_set_new(out, "next", json_integer(p->last));
        call_answer(c, 200, out);
    }
    json_decref(p->all);
    call_read_done(c, &r);
}

void api_trial_reports(struct call *c)
{
    struct reports_page *p = c->state = arena_alloc(&c->arena, sizeof *p);
    if (call_number(c, "after", -1, 0, 1000000000000, &p->after) &&
        call_number(c, "limit", REPORTS_MAX, 1, REPORTS_MAX, &p->limit))
        call_work(c, c->param[0], show_reports, NULL);
}

/* ---- enqueue, add, cancel ---- */

static void answer_trial(struct call *c, struct hosted *h, unsigned status, const struct trial *t)
{
    c->location = arena_printf(&c->arena, "/api/v1/studies/%s/trials/%ld", c->param[0], t->number);
    call_answer_durably(c, h, status, report_trial_json(h->run->history, t));
}

static void add_trial(struct call *c)
{
    struct hosted *h = c->hosted;
    struct trial *t = NULL;
    struct tale tale;
    const json_t *params = json_object_get(c->body, "params");
    bool told = json_object_size(c->body) > 1; /* how it ended, too */
    enum status st = told ? tell_read_tale(h->study, c->body, &tale, &c->err) : STATUS_OK;
    if (!st)
        st = told ? coordinator_add(h->run->coordinator, params, &tale, &t, &c->err)
                  : coordinator_enqueue(h->run->coordinator, params, &t, &c->err);
    if (call_checked(c, st)) answer_trial(c, h, 201, t);
}

/* {"params": {…}}: to be tried next; with "metrics", "failed" or "infeasible": tried elsewhere. */
void api_trials_create(struct call *c)
{
    struct hosted *h = call_hosted(c);
    if (!h || !call_fields(c, "params", "metrics", "failed", "infeasible", NULL)) return;
    if (!json_is_object(json_object_get(c->body, "params"))) {
        call_problem(c, 422, "\"params\" takes an object of parameters");
        return;
    }
    call_calmly(c, h, add_trial);
}

void api_trial_cancel(struct call *c)
{
    struct error err;
    const json_t *reason = json_object_get(c->body, "reason");
    struct hosted *h = call_hosted(c);
    struct trial *t = h ? call_trial(c, h->run->history) : NULL;
    if (!t || !call_fields(c, "reason", NULL)) return;
    if (reason && !json_is_string(reason))
        call_problem(c, 422, "\"reason\" is a text");
    else if (coordinator_cancel(h->run->coordinator, t, reason ? json_string_value(reason) : "cancelled over HTTP",
                                &err))
        call_fail(c, &err);
    else
        answer_trial(c, h, 200, t);
}

/* ---- trying again ---- */

/* Of a study that is not at work: it is queued for when somebody resumes it. */
static enum status retry_alone(struct call *c, struct history *s)
{
    struct trial *t = call_trial(c, s);
    if (!t) return STATUS_OK;
    s->on_behalf_of = c->who.id;
    enum status st = retry_trial(s, t, &c->err);
    if (!st) snapshot_keep(s);
    if (!st) st = history_flush(s, &c->err);
    if (!st) call_answer(c, 200, report_trial_json(s, t));
    return st;
}

static void retry_held(struct call *c)
{
    struct store_hold *hold = NULL;
    struct study *study = NULL;
    struct history *s = NULL;
    enum status st = store_hold_take(c->store, c->param[0], &hold, &c->err);
    if (!st) st = history_load(c->store, c->param[0], c->service->clock, &study, &s, &c->err);
    if (!st) st = retry_alone(c, s);
    history_free(s);
    study_free(study);
    store_hold_release(hold);
    if (st == STATUS_BUSY && store_hold_taken(c->store, c->param[0]))
        call_problem(c, 409, "%s", c->err.text); /* another process runs it */
    else if (st)
        call_fail(c, &c->err);
}

void api_trial_retry(struct call *c)
{
    struct hosted *h = service_hosted(c->service, c->param[0]);
    int64_t id;
    if (!call_fields(c, NULL) || (!h && service_waits(c, c->param[0]))) return;
    struct trial *t = h ? call_trial(c, h->run->history) : NULL;
    if (!h && !call_knows(c, c->param[0], &id))
        call_problem(c, 404, "there is no study '%s'", c->param[0]);
    else if (!h)
        call_work(c, c->param[0], retry_held, NULL);
    else if (t && call_checked(c, coordinator_retry(h->run->coordinator, t, &c->err)))
        answer_trial(c, h, 200, t);
}

/* ---- ask and tell ---- */

static void on_asked(void *data, size_t n, struct trial *const *trial, const char *why)
{
    struct call *c = data;
    json_t *all = json_array();
    c->state = NULL;
    c->cancel = NULL;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(all, json_pack("{s:I, s:I, s:o, s:I, s:s}", "trial", (json_int_t)trial[i]->number,
                                             "lease", (json_int_t)trial[i]->lease, "params",
                                             space_to_json(&c->hosted->study->space, trial[i]->config), "seed",
                                             (json_int_t)trial[i]->seed, "source", trial[i]->source));
    json_t *out = json_pack("{s:o}", "trials", all);
    if (why) json_object_set_new(out, "enough", json_string(why));
    call_answer_durably(c, c->hosted, 200, out);
}

static void unask(struct call *c)
{
    if (c->state) coordinator_unask(c->hosted->run->coordinator, c->state);
    c->state = NULL;
}

/* How long the client may be silent: what it says, or ten minutes if the study grants as much. */
static bool read_ttl(struct call *c, const struct study *study, int64_t *ret)
{
    if (!call_checked(c, tell_read_ttl(study, c->body, ret, &c->err))) return false;
    if (*ret == 0) *ret = study->lease_ms < TTL_MS ? study->lease_ms : TTL_MS;
    return true;
}

/* {"count": 1, "ttl": "10m"}, both as they are here if they are not given. */
void api_ask(struct call *c)
{
    const json_t *count = json_object_get(c->body, "count");
    int64_t ttl_ms;
    struct hosted *h = call_hosted(c);
    if (!h || !call_fields(c, "count", "ttl", NULL) || !read_ttl(c, h->study, &ttl_ms)) return;
    json_int_t n = count ? json_integer_value(count) : 1;
    if ((count && !json_is_integer(count)) || n < 1 || n > ASK_MAX) {
        call_problem(c, 422, "\"count\" is a whole number from 1 to %d", ASK_MAX);
        return;
    }
    c->hosted = h;
    call_wait(c, &h->call, unask);
    c->state = coordinator_ask(h->run->coordinator, (size_t)n, c->who.id, ttl_ms, on_asked, c);
}

/* A message about the trial of the path, from the lease that it must name. */
struct message {
    struct hosted *hosted;
    struct trial *trial;
    struct lease_claim claim;
};

/* False: a problem has been answered. */
static bool read_message(struct call *c, struct message *m)
{
    *m = (struct message){.hosted = call_hosted(c), .claim = {.from = {.token = c->who.id}}};
    m->trial = m->hosted ? call_trial(c, m->hosted->run->history) : NULL;
    if (!m->trial || !call_checked(c, tell_read_lease(c->body, &m->claim.lease, &c->err))) return false;
    if (m->claim.lease) return true;
    call_problem(c, 422, "\"lease\" takes the number that \"ask\" gave");
    return false;
}

static void answer_ok(struct call *c, struct hosted *h)
{
    call_answer_durably(c, h, 200, json_pack("{s:b}", "ok", 1));
}

void api_trial_tell(struct call *c)
{
    struct message m;
    struct tale tale;
    if (read_message(c, &m) && call_fields(c, "lease", "metrics", "failed", "infeasible", NULL) &&
        call_checked(c, tell_read_tale(m.hosted->study, c->body, &tale, &c->err)) &&
        call_checked(c, coordinator_tell(m.hosted->run->coordinator, m.trial, &m.claim, &tale, &c->err)))
        answer_ok(c, m.hosted);
}

void api_trial_renew(struct call *c)
{
    struct message m;
    int64_t ttl_ms;
    if (read_message(c, &m) && call_fields(c, "lease", "ttl", NULL) && read_ttl(c, m.hosted->study, &ttl_ms) &&
        call_checked(c, coordinator_renew(m.hosted->run->coordinator, m.trial, &m.claim, ttl_ms, &c->err)))
        answer_ok(c, m.hosted);
}

void api_trial_report(struct call *c)
{
    struct message m;
    struct told_report report;
    json_t *answer = NULL;
    if (read_message(c, &m) && call_fields(c, "lease", "step", "metrics", "policy", NULL) &&
        call_checked(c, tell_read_report(c->body, &report, &c->err)) &&
        call_checked(c, coordinator_report(m.hosted->run->coordinator, m.trial, &m.claim, &report, &answer, &c->err)))
        call_answer_durably(c, m.hosted, 200, answer);
}

/* ---- what an attempt leaves ---- */

/* FILES/STUDY/TRIAL.ATTEMPT of the last attempt, or of ?attempt=N. NULL: a problem has been answered. */
static char *attempt_folder(struct call *c, const struct reading *r)
{
    long attempt;
    const struct trial *t = call_trial(c, r->history);
    if (!t || !call_number(c, "attempt", t->attempts, 1, 1000000, &attempt)) return NULL;
    return arena_printf(&c->arena, "%s/%s/%04ld.%ld", c->service->files, r->study->name, t->number, attempt);
}

static void list_artefacts(struct call *c)
{
    struct reading r;
    if (!call_read(c, &r)) return;
    const char *path = attempt_folder(c, &r);
    if (path) {
        int fd = -1;
        DIR *dir = beneath_folder(AT_FDCWD, path, false, &fd, NULL) == STATUS_OK ? fdopendir(fd) : NULL;
        json_t *all = json_array();
        for (struct dirent *d; dir && (d = readdir(dir));) {
            struct stat st;
            if (d->d_name[0] == '.' || fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
            json_t *name = S_ISREG(st.st_mode) ? json_string(d->d_name) : NULL; /* NULL: not UTF-8, too */
            if (name)
                json_array_append_new(all, json_pack("{s:o, s:I}", "name", name, "bytes", (json_int_t)st.st_size));
        }
        if (dir) closedir(dir);
        call_answer(c, 200, json_pack("{s:s, s:o}", "study", r.study->name, "artefacts", all));
    }
    call_read_done(c, &r);
}

void api_artefacts_list(struct call *c)
{
    call_work(c, c->param[0], list_artefacts, NULL);
}

static bool is_plain_name(const char *name)
{
    return *name && *name != '.' && strlen(name) <= 150 && !strchr(name, '/') && !strchr(name, '\\');
}

static void get_artefact(struct call *c)
{
    struct reading r;
    struct stat st;
    if (!call_read(c, &r)) return;
    const char *path = attempt_folder(c, &r);
    if (path) {
        int fd = -1;
        beneath_open(AT_FDCWD, arena_printf(&c->arena, "%s/%s", path, c->param[2]), O_RDONLY, 0, &fd, NULL);
        if (fd >= 0 && fstat(fd, &st) == 0) {
            call_file(c, "application/octet-stream", fd, (uint64_t)st.st_size);
        } else {
            if (fd >= 0) close(fd);
            call_problem(c, 404, "trial %s has no artefact '%.60s'", c->param[1], c->param[2]);
        }
    }
    call_read_done(c, &r);
}

void api_artefact_get(struct call *c)
{
    if (is_plain_name(c->param[2]))
        call_work(c, c->param[0], get_artefact, NULL);
    else
        call_problem(c, 404, "'%.60s' is not the name of an artefact", c->param[2]);
}

struct artefact {
    const char *dir, *path; /* path: of the file, which two requests may name */
    long trial;
};

static void keep_artefact(struct call *c)
{
    const struct artefact *x = c->state;
    struct error err;
    if (workers_keep_spool(x->dir, c->param[2], c->spool, 0644, &err))
        call_fail(c, &err);
    else
        call_answer(c, 200,
                    json_pack("{s:I, s:s, s:I}", "trial", (json_int_t)x->trial, "name", c->param[2], "bytes",
                              (json_int_t)c->bytes));
}

/* An agent's token holds what its agents hold. */
static bool may_leave_artefacts(const struct call *c, const struct trial *t, long lease)
{
    const struct lease_claim claim = {lease, {t->holder.agent, c->who.id}};
    return lease > 0 && lease_is_held(t, &claim);
}

void api_artefact_put(struct call *c)
{
    long lease;
    struct hosted *h = call_hosted(c);
    struct trial *t = h ? call_trial(c, h->run->history) : NULL;
    if (!t || !call_number(c, "lease", 0, 1, 1000000000000, &lease)) return;
    if (!is_plain_name(c->param[2]))
        call_problem(c, 422, "'%.60s' cannot be the name of an artefact", c->param[2]);
    else if (!may_leave_artefacts(c, t, lease))
        call_problem(c, 409, "the lease of trial %ld is over, or somebody else's", t->number);
    else {
        struct artefact *x = c->state = arena_alloc(&c->arena, sizeof *x);
        x->dir = arena_printf(&c->arena, "%s/%s/%04ld.%ld", c->service->files, h->study->name, t->number, t->attempts);
        x->path = arena_printf(&c->arena, "%s/%s", x->dir, c->param[2]);
        x->trial = t->number;
        call_take_spool(c);
        call_work(c, x->path, keep_artefact, NULL);
    }
}
