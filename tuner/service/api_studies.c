/* /api/v1/studies */
#include "tuner/service/folded.h"
#include "tuner/service/mailbox.h"
#include "tuner/service/streams.h"
#include "tuner/service/sweeping.h"
#include "tuner/service/waking.h"

#include "tuner/base/beneath.h"
#include "tuner/base/json.h"
#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include "tuner/analysis/analysis.h"
#include "tuner/report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { STUDY_FILE_MAX = 1 << 20 };

/* ---- looking ---- */

/* What only the loop knows of a study at work; taken before a work reads the rest. */
struct fact {
    const char *study, *mark; /* mark: of what it is now, besides the log */
    struct document_host host;
};

struct facts {
    struct fact *fact;
    size_t n;
    unsigned status; /* of the answer to come */
    bool now;        /* to be stopped */
    long offset, limit;
};

static struct fact fact_of(struct request *r, const struct active_study *as)
{
    const struct coordinator *at = as->active->coordinator;
    const struct document_host host = {.hosted = true,
                                       .step = coordinator_phase(at),
                                       .paused = arena_strdup(&r->arena, coordinator_pause_reason(at)),
                                       .busy = coordinator_busy(at)};
    uint64_t mark = digest_quick(digest_quick(DIGEST_QUICK_SEED, host.step), host.paused);
    return (struct fact){.study = arena_strdup(&r->arena, as->study->name),
                         .mark = arena_printf(&r->arena, "%llx.%zu.%.17g", (unsigned long long)mark, host.busy,
                                              ledger_tokens(as->active->memory)),
                         .host = host};
}

/* Of all studies at work, or of one. */
static void take_facts(struct request *r, const char *study, struct facts *ret)
{
    size_t n = 0;
    for (const struct active_study *as = r->service->active; as; as = as->next) n++;
    ret->fact = arena_array(&r->arena, study ? 1 : n + 1, sizeof *ret->fact);
    for (const struct active_study *as = r->service->active; as; as = as->next) {
        if (as->over || (study && strcmp(as->study->name, study) != 0)) continue;
        ret->fact[ret->n++] = fact_of(r, as);
    }
}

static const struct document_host *find_host(const struct facts *all, const char *study)
{
    static const struct document_host elsewhere = {.hosted = false};
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->fact[i].study, study) == 0) return &all->fact[i].host;
    return &elsewhere;
}

/* By a work. */
static enum status find_state(struct request *r, const char *name, json_t **ret, struct error *err)
{
    const struct facts *f = r->state;
    return folded_state(r->service->folded[r->beside.work.kind], r->store, name, find_host(f, name), ret, err);
}

/* One that was deleted meanwhile is left out; of one that cannot be read it is said. */
static enum status add_study(struct request *r, const char *name, json_t *all, struct error *err)
{
    json_t *one = NULL;
    enum status st = find_state(r, name, &one, err);
    if (st == STATUS_BUSY) return st;
    if (st && st != STATUS_NOT_FOUND) {
        plain_repair(err->text, strlen(err->text));
        one = json_pack("{s:s, s:s}", "study", name, "problem", err->text);
    }
    if (one) json_array_append_new(all, one);
    return STATUS_OK;
}

static size_t keep_visible(const struct request *r, const char **name, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (request_may_see(r, name[i])) name[kept++] = name[i];
    return kept;
}

static void list_studies(struct request *r)
{
    const struct facts *f = r->state;
    struct error err;
    const char **name;
    size_t n;
    enum status st = store_study_names(r->store, &r->arena, &name, &n, &err);
    json_t *all = json_array();
    if (!st) n = keep_visible(r, name, n);
    for (size_t i = (size_t)f->offset; !st && i < n && i < (size_t)(f->offset + f->limit); i++)
        st = add_study(r, name[i], all, &err);
    if (st) {
        json_decref(all);
        request_fail(r, &err);
    } else
        request_answer(r, 200, json_pack("{s:o, s:I}", "studies", all, "total", (json_int_t)n));
}

static void on_list_studies(struct request *r)
{
    struct facts *f = r->state = arena_alloc(&r->arena, sizeof *f);
    if (!request_number(r, "offset", 0, 0, 1000000000, &f->offset) ||
        !request_number(r, "limit", 100, 1, 1000, &f->limit))
        return;
    take_facts(r, NULL, f);
    request_work(r, list_studies, NULL);
}

/* The same, of a study that has just begun, on the loop. */
static json_t *fresh_json(const struct active_study *as, const struct facts *facts)
{
    struct arena a = {0};
    const struct document d = document_of(as->active->memory, &a);
    json_t *out = document_kept_json(&d);
    document_show(out, true, find_host(facts, as->study->name));
    arena_done(&a);
    return out;
}

static void fail_study(struct request *r, const struct error *err)
{
    if (err->status == STATUS_NOT_FOUND)
        request_problem(r, 404, "there is no study '%s'", r->param[0]);
    else
        request_fail(r, err);
}

/* Of a study that another process runs only that one knows whether there is something new. */
static bool is_news(struct request *r)
{
    const struct facts *f = r->state;
    if (f->n == 0 && store_hold_taken(r->store, r->param[0])) return true;
    return request_is_news(r, f->n ? f->fact[0].mark : NULL);
}

static void show_study(struct request *r)
{
    const struct facts *f = r->state;
    struct error err;
    json_t *one;
    if (find_state(r, r->param[0], &one, &err))
        fail_study(r, &err);
    else
        request_answer(r, f->status, one);
}

static void show_news(struct request *r)
{
    if (is_news(r)) show_study(r);
}

static void answer_study(struct request *r, unsigned status, void (*run)(struct request *r))
{
    struct facts *f = r->state = arena_alloc(&r->arena, sizeof *f);
    f->status = status;
    take_facts(r, r->param[0], f);
    request_work(r, run, NULL);
}

static void on_get_study(struct request *r)
{
    if (!waking_waits(r, r->param[0])) answer_study(r, 200, show_news);
}

static void show_budgets(struct request *r)
{
    struct error err;
    json_t *one;
    if (find_state(r, r->param[0], &one, &err)) {
        fail_study(r, &err);
        return;
    }
    request_answer(r, 200, json_pack("{s:s, s:O*}", "study", r->param[0], "budgets", json_object_get(one, "budgets")));
    json_decref(one);
}

static void on_get_budgets(struct request *r)
{
    answer_study(r, 200, show_budgets);
}

/* ---- creating ---- */

/* Of the database a busy one is waited for, of a study that another process runs nobody. */
static void fail_opening(struct request *r, const char *study, const struct error *err)
{
    if (err->status == STATUS_BUSY && store_hold_taken(r->store, study))
        request_problem(r, 503, "%s", err->text);
    else
        fail_study(r, err);
}

static bool is_type(const char *type, const char *name)
{
    return strncasecmp(type, name, strlen(name)) == 0;
}

/* A study on its way into being. */
struct creation {
    const char *text, *name;
    bool json, paused;
    struct active_study *active;
};

static struct creation *read_creation(struct request *r)
{
    const char *type = http_request_header(r->http, "Content-Type");
    struct creation *x = arena_alloc(&r->arena, sizeof *x);
    x->json = type && is_type(type, "application/json");
    bool yaml = type && (is_type(type, "application/yaml") || is_type(type, "text/yaml") ||
                         is_type(type, "application/x-yaml"));
    if (!x->json && !yaml)
        request_problem(r, 415, "a study comes as application/yaml or application/json, not '%.80s'",
                        type ? type : "nothing");
    else if (strlen(r->http->body) != r->http->n)
        request_problem(r, 400, "a study file has no NUL bytes");
    else {
        x->text = arena_strdup(&r->arena, r->http->body);
        return x;
    }
    return NULL;
}

/* A JSON object is written as YAML, of which it is a part. */
static enum status to_yaml(struct request *r, struct creation *x, struct error *err)
{
    json_t *object = NULL;
    enum status st = x->json ? json_parse_object(x->text, strlen(x->text), &object, err) : STATUS_OK;
    if (st || !x->json) return st;
    char *text = json_dumps(object, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    x->text = arena_strdup(&r->arena, text);
    x->json = false;
    free(text);
    json_decref(object);
    return STATUS_OK;
}

/* What it is called: all that follows is about this study. */
static void read_draft(struct request *r)
{
    struct creation *x = r->state;
    struct study *draft = NULL;
    struct error err;
    if (to_yaml(r, x, &err)) {
        request_problem(r, 400, "%s", err.text);
        return;
    }
    if (study_parse("study.yaml", x->text, strlen(x->text), &draft, &err))
        request_fail(r, &err);
    else
        x->name = arena_strdup(&r->arena, draft->name);
    study_free(draft);
}

/* One that is there is a conflict, or a repetition: a crash came between the study and its kept answer. True: it is
 * there. A row without events is none yet. */
static bool is_there(struct request *r, const struct creation *x)
{
    struct arena a = {0};
    struct store_study row;
    struct error ignored;
    int64_t last = 0;
    bool found = store_study_find(r->store, x->name, &a, &row, &ignored) == STATUS_OK &&
                 store_last_event(r->store, row.id, &last, &ignored) == STATUS_OK && last > 0;
    if (found && !(r->repeat.key && strcmp(row.file, x->text) == 0))
        request_problem(r, 409, "there is a study '%s' already", x->name);
    arena_done(&a);
    return found;
}

/* The right to make it, which one process on this database has; what it finds then is how it is. NULL: there is no
 * need. */
static struct store_hold *claim(struct request *r, const struct creation *x)
{
    struct error err;
    struct store_hold *hold = NULL;
    if (is_there(r, x)) return NULL;
    enum status st = store_hold_take(r->store, x->name, &hold, &err);
    if (st == STATUS_BUSY) request_problem(r, 409, "%s", err.text);
    if (st && st != STATUS_BUSY) request_fail(r, &err);
    if (st) return NULL;
    if (!is_there(r, x)) return hold;
    store_hold_release(hold); /* it was made just before */
    return NULL;
}

/* Its file is written, and then it is opened. */
static void create(struct request *r)
{
    struct creation *x = r->state;
    struct study *study = NULL;
    struct error err;
    struct store_hold *hold = claim(r, x);
    if (!hold) return;
    const struct opening how = {.token = r->who.id, .hold = hold};
    char *dir = request_study_folder(r, x->name), *path = arena_printf(&r->arena, "%s/study.yaml", dir);
    enum status st = workers_keep_file(dir, "study.yaml", x->text, strlen(x->text), &err);
    if (!st) st = study_parse(path, x->text, strlen(x->text), &study, &err);
    if (st)
        store_hold_release(hold);
    else
        st = active_study_open(r->service, study, &how, &x->active, &err);
    if (st) fail_opening(r, x->name, &err);
}

/* A study that was not there when the request came. */
static void pause_for(const struct request *r, struct active_study *as, bool yes)
{
    history_on_behalf_of(as->active->history, r->who.id);
    coordinator_pause(as->active->coordinator, yes);
    history_on_behalf_of(as->active->history, NULL);
}

/* Of `files:`, what is not in the study's folder yet, patterns aside: it may still be sent, or be on every agent. NULL:
 * all is there. */
static json_t *missing_of(struct request *r, const struct study *study)
{
    const char *dir = request_study_folder(r, study->name);
    json_t *out = json_array();
    for (size_t i = 0; i < study->files.n; i++) {
        const char *name = study->files.text[i];
        if (strpbrk(name, "*?[") || *name == '/' || strstr(name, "..")) continue;
        if (faccessat(AT_FDCWD, arena_printf(&r->arena, "%s/%s", dir, name), F_OK, AT_SYMLINK_NOFOLLOW) != 0)
            json_array_append_new(out, json_string(name));
    }
    if (json_array_size(out)) return out;
    json_decref(out);
    return NULL;
}

/* A repetition, after a crash; or the first time. */
static void created(struct request *r)
{
    struct creation *x = r->state;
    struct active_study *as = x->active;
    struct error err;
    r->location = arena_printf(&r->arena, "/api/v1/studies/%s", x->name);
    r->param[0] = x->name;
    if (!as) {
        answer_study(r, 201, show_study);
        return;
    }
    if (active_study_start(as, &err)) {
        request_fail(r, &err);
        return;
    }
    if (x->paused) pause_for(r, as, true);
    struct facts f = {.n = 0};
    take_facts(r, x->name, &f);
    json_t *out = fresh_json(as, &f), *missing = missing_of(r, as->study);
    if (missing) json_object_set_new(out, "missing", missing);
    active_study_answer(as, r, 201, out);
}

static void create_drafted(struct request *r)
{
    request_work_changing(r, create, created);
}

static void on_create_study(struct request *r)
{
    bool paused;
    if (!request_boolean(r, "paused", false, &paused)) return;
    struct creation *x = read_creation(r);
    if (!x) return;
    x->paused = paused;
    r->state = x;
    request_work(r, read_draft, create_drafted);
}

/* ---- pause, resume, stop, delete ---- */

static void on_durable(void *data)
{
    struct request *r = data;
    request_wait_no_more(r);
    r->awaited = NULL;
    answer_study(r, 200, show_study);
}

/* Once all that was said is durable. */
static void answer_state(struct request *r, struct active_study *as)
{
    r->awaited = as;
    request_wait(r, &as->waiting, NULL);
    coordinator_promise(as->active->coordinator, on_durable, r);
}

static void on_pause_study(struct request *r)
{
    if (!request_fields(r, NULL)) return;
    struct active_study *as = waking_find(r);
    if (!as) return;
    coordinator_pause(as->active->coordinator, true);
    answer_state(r, as);
}

static bool read_whole(const json_t *o, const char *key, double max, double *ret)
{
    const json_t *v = json_object_get(o, key);
    if (!v) return true;
    *ret = json_number_value(v);
    return json_is_number(v) && *ret > 0 && *ret <= max;
}

/* {"trials", "tokens", "cost", "wall": "9h", "until": "07:00"}, as on the command line. */
static bool read_budget(struct request *r, struct budget *b)
{
    const json_t *o = json_object_get(r->body, "budget");
    const json_t *wall = json_object_get(o, "wall"), *until = json_object_get(o, "until");
    double trials = 0;
    const char *key;
    json_t *v;
    *b = (struct budget){.until_minutes = -1};
    if (!o) return true;
    bool ok = json_is_object(o) && read_whole(o, "trials", 1e9, &trials) &&
              read_whole(o, "tokens", 1e300, &b->tokens) && read_whole(o, "cost", 1e300, &b->cost) &&
              trials == (double)(long)trials;
    if (wall) ok &= json_is_string(wall) && words_duration_ms(json_string_value(wall), &b->wall_ms);
    if (until) ok &= json_is_string(until) && words_time_of_day(json_string_value(until), &b->until_minutes);
    json_object_foreach((json_t *)o, key, v) ok &=
        strcmp(key, "trials") == 0 || strcmp(key, "tokens") == 0 || strcmp(key, "cost") == 0 || v == wall || v == until;
    b->trials = (long)trials;
    if (!ok)
        request_problem(
            r, 422,
            "'budget' takes trials, tokens and cost as positive numbers, wall as a duration such as \"9h\" and "
            "until as a time of day such as \"07:00\"");
    return ok;
}

/* A user's file may be anything; in the folder that trials write to, no link is followed. */
static enum status read_file(const struct service *s, const struct store_study *row, struct study **ret,
                             struct error *err)
{
    char *text = NULL;
    size_t n = 0;
    enum status st = STATUS_NOT_FOUND;
    if (service_owns(s, row->path))
        st = beneath_read(AT_FDCWD, row->path, STUDY_FILE_MAX, &text, &n, err);
    else if (access(row->path, R_OK) == 0)
        return study_load(row->path, ret, err);
    if (!st)
        st = study_parse(row->path, text, n, ret, err);
    else if (st == STATUS_NOT_FOUND)
        st = study_parse(row->path, row->file, strlen(row->file), ret, err);
    free(text);
    return st;
}

/* The study file as it is on the disk now, or as it was last run. */
static enum status read_again(const struct service *s, struct store *store, const char *name, struct study **ret,
                              struct error *err)
{
    struct arena a = {0};
    struct store_study row;
    enum status st = store_study_find(store, name, &a, &row, err);
    if (!st) st = read_file(s, &row, ret, err);
    if (!st && strcmp((*ret)->name, name) != 0) {
        st = error_set(err, STATUS_CONFLICT, "%s is now the file of study '%s'", row.path, (*ret)->name);
        study_free(*ret);
    }
    arena_done(&a);
    return st;
}

struct resumption {
    struct budget budget;
    struct active_study *active;
};

static void reopen(struct request *r)
{
    struct resumption *x = r->state;
    struct study *study = NULL;
    struct error err;
    enum status st = read_again(r->service, r->store, r->param[0], &study, &err);
    const struct opening how = {.token = r->who.id, .budget = &x->budget};
    if (!st) st = active_study_open(r->service, study, &how, &x->active, &err);
    if (st) fail_opening(r, r->param[0], &err);
}

static void reopened(struct request *r)
{
    struct active_study *as = ((struct resumption *)r->state)->active;
    struct error err;
    if (active_study_start(as, &err)) {
        request_fail(r, &err);
        return;
    }
    pause_for(r, as, false);
    answer_state(r, as);
}

static void on_resume_study(struct request *r)
{
    struct active_study *as = active_study_find(r->service, r->param[0]);
    struct resumption *x = arena_alloc(&r->arena, sizeof *x);
    if (!request_fields(r, "budget", NULL) || !read_budget(r, &x->budget)) return;
    if (!as && waking_waits(r, r->param[0])) return;
    if (as && json_object_get(r->body, "budget")) {
        request_problem(r, 409, "study '%s' is at work; a budget can be given once it is stopped", r->param[0]);
        return;
    }
    r->state = x;
    if (!as) {
        request_work_changing(r, reopen, reopened);
        return;
    }
    coordinator_pause(as->active->coordinator, false);
    answer_state(r, as);
}

/* Another process that runs it is asked, twice for now. */
static void stop_elsewhere(struct request *r)
{
    const struct facts *f = r->state;
    int64_t id;
    json_t *nothing = json_object();
    if (!request_knows(r, r->param[0], &id))
        request_problem(r, 404, "there is no study '%s'", r->param[0]);
    else if (!mailbox_is_read(r))
        request_problem(r, 409, "study '%s' is not at work", r->param[0]);
    else if (mailbox_leave(r, "stop", nothing) && (!f->now || mailbox_leave(r, "stop", nothing)))
        show_study(r);
    json_decref(nothing);
}

static void ask_elsewhere_to_stop(struct request *r, bool now)
{
    struct facts *f = r->state = arena_alloc(&r->arena, sizeof *f);
    f->status = 202;
    f->now = now;
    take_facts(r, r->param[0], f);
    request_work_changing(r, stop_elsewhere, NULL);
}

static void on_stop_study(struct request *r)
{
    struct active_study *as = active_study_find(r->service, r->param[0]);
    const json_t *now = json_object_get(r->body, "now");
    if (!request_fields(r, "now", NULL) || (!as && waking_waits(r, r->param[0]))) return;
    if (now && !json_is_boolean(now)) {
        request_problem(r, 422, "'now' is true or false");
        return;
    }
    if (!as) {
        ask_elsewhere_to_stop(r, json_is_true(now));
        return;
    }
    history_note(as->active->history, json_is_true(now) ? "to be stopped now" : "to be stopped");
    if (json_is_true(now)) coordinator_drain(as->active->coordinator); /* and more than that */
    coordinator_insist(as->active->coordinator);
    answer_study(r, 202, show_study);
}

/* It is gone at once; what it leaves is swept up later (service.c). */
static void delete_study(struct request *r)
{
    struct error err;
    struct store_hold *hold = NULL;
    int64_t id;
    if (!request_knows(r, r->param[0], &id))
        request_problem(r, 404, "there is no study '%s'", r->param[0]);
    else if (store_hold_take(r->store, r->param[0], &hold, &err))
        request_problem(r, 409, "%s", err.text);
    else if (store_study_delete(r->store, id, &err))
        request_fail(r, &err);
    else {
        store_hold_retire(hold);
        hold = NULL;
    }
    store_hold_release(hold);
}

static void deleted(struct request *r)
{
    struct service *s = r->service;
    streams_forget(s, r->param[0]);
    service_say(s, r->param[0], "deleted by token %s", r->who.id);
    sweeping_begin(s);
    request_answer(r, 200, json_pack("{s:s, s:b}", "study", r->param[0], "deleted", 1));
}

static void on_delete_study(struct request *r)
{
    struct service *s = r->service;
    int64_t id;
    const char *confirm = request_query(r, "confirm");
    if (waking_waits(r, r->param[0])) return;
    if (!request_knows(r, r->param[0], &id))
        request_problem(r, 404, "there is no study '%s'", r->param[0]);
    else if (!confirm || strcmp(confirm, r->param[0]) != 0)
        request_problem(r, 422, "deleting is for good: say ?confirm=%s; its trials' folders stay in %s/%s", r->param[0],
                        s->files, r->param[0]);
    else if (active_study_find(s, r->param[0]))
        request_problem(r, 409, "study '%s' is at work; stop it first", r->param[0]);
    else
        request_work_changing(r, delete_study, deleted);
}

const struct route api_studies_routes[] = {
    {"GET", "/api/v1/studies", GRANT_VIEW, on_list_studies, 0, BODY_NONE, false},
    {"POST", "/api/v1/studies", GRANT_OPERATE, on_create_study, ROUTE_JSON_MAX, BODY_ANY, true},
    {"GET", ROUTE_STUDY, GRANT_VIEW, on_get_study, 0, BODY_NONE, false},
    {"DELETE", ROUTE_STUDY, GRANT_OPERATE, on_delete_study, 0, BODY_NONE, false},
    {"POST", ROUTE_STUDY "/pause", GRANT_OPERATE, on_pause_study, ROUTE_JSON_MAX, BODY_OPTIONAL_JSON, false},
    {"POST", ROUTE_STUDY "/resume", GRANT_OPERATE, on_resume_study, ROUTE_JSON_MAX, BODY_OPTIONAL_JSON, false},
    {"POST", ROUTE_STUDY "/stop", GRANT_OPERATE, on_stop_study, ROUTE_JSON_MAX, BODY_OPTIONAL_JSON, false},
    {"GET", ROUTE_STUDY "/budgets", GRANT_VIEW, on_get_budgets, 0, BODY_NONE, false},
    {0},
};
