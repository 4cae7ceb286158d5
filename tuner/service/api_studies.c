/* /api/v1/studies */
#include "tuner/service/api.h"

#include "tuner/base/beneath.h"
#include "tuner/base/json.h"
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
    const char *study, *step, *paused; /* paused: why; "": it is not */
    size_t busy;
};

struct facts {
    struct fact *fact;
    size_t n;
    unsigned status; /* of the answer to come */
    long offset, limit;
};

/* Of all studies at work, or of one. */
static void take_facts(struct call *c, const char *study, struct facts *ret)
{
    size_t n = 0;
    for (const struct hosted *h = c->service->hosted; h; h = h->next) n++;
    ret->fact = arena_array(&c->arena, study ? 1 : n + 1, sizeof *ret->fact);
    for (const struct hosted *h = c->service->hosted; h; h = h->next) {
        const struct coordinator *at = h->run->coordinator;
        if (h->over || (study && strcmp(h->study->name, study) != 0)) continue;
        ret->fact[ret->n++] = (struct fact){.study = arena_strdup(&c->arena, h->study->name),
                                            .step = coordinator_phase(at),
                                            .paused = arena_strdup(&c->arena, coordinator_pause_reason(at)),
                                            .busy = coordinator_busy(at)};
    }
}

static const struct fact *find_fact(const struct facts *all, const char *study)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->fact[i].study, study) == 0) return &all->fact[i];
    return NULL;
}

static json_t *with_fact(json_t *out, const struct fact *f)
{
    json_object_set_new(out, "hosted", json_boolean(f != NULL));
    if (!f) return out;
    json_object_set_new(out, "step", json_string(f->step));
    json_object_set_new(out, "busy", json_integer((json_int_t)f->busy));
    if (*f->paused) json_object_set_new(out, "paused", json_string(f->paused));
    return out;
}

/* By a work; NULL: the error says why. */
static json_t *study_by_name(struct call *c, const struct facts *facts, const char *name, struct error *err)
{
    const struct service *s = c->service;
    const struct fact *f = find_fact(facts, name);
    bool held = !f && store_hold_taken(c->store, name); /* by another process, which keeps the state */
    json_t *state = NULL;
    if (folded_state(s->folded, c->store, name, held, &state, err)) return NULL;
    return with_fact(report_status_json(state, f || held, clock_wall_ms(s->clock)), f);
}

static void list_studies(struct call *c)
{
    const struct facts *f = c->state;
    struct error err;
    const char **name;
    size_t n;
    enum status st = store_study_names(c->store, &c->arena, &name, &n, &err);
    json_t *all = json_array();
    for (size_t i = (size_t)f->offset; !st && i < n && i < (size_t)(f->offset + f->limit); i++) {
        json_t *one = study_by_name(c, f, name[i], &err);
        if (one) json_array_append_new(all, one);
    }
    if (st) {
        json_decref(all);
        call_fail(c, &err);
    } else
        call_answer(c, 200, json_pack("{s:o, s:I}", "studies", all, "total", (json_int_t)n));
}

void api_studies_list(struct call *c)
{
    struct facts *f = c->state = arena_alloc(&c->arena, sizeof *f);
    if (!call_number(c, "offset", 0, 0, 1000000000, &f->offset) || !call_number(c, "limit", 100, 1, 1000, &f->limit))
        return;
    take_facts(c, NULL, f);
    call_work(c, NULL, list_studies, NULL);
}

/* The same, of a study that has just begun, on the loop. */
static json_t *fresh_json(struct call *c, const struct hosted *h, const struct facts *facts)
{
    json_t *out = report_status_json(snapshot_json(h->run->history), true, clock_wall_ms(c->service->clock));
    return with_fact(out, find_fact(facts, h->study->name));
}

static void fail_study(struct call *c, const struct error *err)
{
    if (err->status == STATUS_NOT_FOUND)
        call_problem(c, 404, "there is no study '%s'", c->param[0]);
    else
        call_fail(c, err);
}

static void show_study(struct call *c)
{
    const struct facts *f = c->state;
    struct error err;
    json_t *one = study_by_name(c, f, c->param[0], &err);
    if (one)
        call_answer(c, f->status, one);
    else
        fail_study(c, &err);
}

static void answer_study(struct call *c, unsigned status, void (*run)(struct call *c))
{
    struct facts *f = c->state = arena_alloc(&c->arena, sizeof *f);
    f->status = status;
    take_facts(c, c->param[0], f);
    call_work(c, c->param[0], run, NULL);
}

void api_study_get(struct call *c)
{
    if (!service_waits(c, c->param[0])) answer_study(c, 200, show_study);
}

static void show_budgets(struct call *c)
{
    struct error err;
    json_t *study = study_by_name(c, c->state, c->param[0], &err);
    if (study)
        call_answer(c, 200,
                    json_pack("{s:s, s:O}", "study", c->param[0], "budgets", json_object_get(study, "budgets")));
    else
        fail_study(c, &err);
    json_decref(study);
}

void api_study_budgets(struct call *c)
{
    answer_study(c, 200, show_budgets);
}

/* ---- creating ---- */

/* Of the database a busy one is waited for, of a study that another process runs nobody. */
static void fail_opening(struct call *c, const char *study, const struct error *err)
{
    if (err->status == STATUS_BUSY && store_hold_taken(c->store, study))
        call_problem(c, 503, "%s", err->text);
    else
        fail_study(c, err);
}

static bool is_type(const char *type, const char *name)
{
    return strncasecmp(type, name, strlen(name)) == 0;
}

/* A study on its way into being. */
struct creation {
    const char *text, *name;
    bool json, paused;
    struct hosted *hosted;
};

static struct creation *read_creation(struct call *c)
{
    const char *type = request_header(c->http, "Content-Type");
    struct creation *x = arena_alloc(&c->arena, sizeof *x);
    x->json = type && is_type(type, "application/json");
    bool yaml = type && (is_type(type, "application/yaml") || is_type(type, "text/yaml") ||
                         is_type(type, "application/x-yaml"));
    if (!x->json && !yaml)
        call_problem(c, 415, "a study comes as application/yaml or application/json, not '%.80s'",
                     type ? type : "nothing");
    else if (strlen(c->http->body) != c->http->n)
        call_problem(c, 400, "a study file has no NUL bytes");
    else {
        x->text = arena_strdup(&c->arena, c->http->body);
        return x;
    }
    return NULL;
}

/* A JSON object is written as YAML, of which it is a part. */
static enum status to_yaml(struct call *c, struct creation *x, struct error *err)
{
    json_t *object = NULL;
    enum status st = x->json ? json_parse_object(x->text, strlen(x->text), &object, err) : STATUS_OK;
    if (st || !x->json) return st;
    char *text = json_dumps(object, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    x->text = arena_strdup(&c->arena, text);
    x->json = false;
    free(text);
    json_decref(object);
    return STATUS_OK;
}

/* What it is called: all that follows is about this study. */
static void read_draft(struct call *c)
{
    struct creation *x = c->state;
    struct study *draft = NULL;
    struct error err;
    if (to_yaml(c, x, &err)) {
        call_problem(c, 400, "%s", err.text);
        return;
    }
    if (study_parse("study.yaml", x->text, strlen(x->text), &draft, &err))
        call_fail(c, &err);
    else
        x->name = arena_strdup(&c->arena, draft->name);
    study_free(draft);
}

/* One that is there is a conflict, or a repetition: a crash came between the study and its kept answer. True: it is
 * there. A row without events is none yet. */
static bool is_there(struct call *c, const struct creation *x)
{
    struct arena a = {0};
    struct store_study row;
    struct error ignored;
    int64_t last = 0;
    bool found = store_study_find(c->store, x->name, &a, &row, &ignored) == STATUS_OK &&
                 store_last_event(c->store, row.id, &last, &ignored) == STATUS_OK && last > 0;
    if (found && !(c->key && strcmp(row.file, x->text) == 0))
        call_problem(c, 409, "there is a study '%s' already", x->name);
    arena_done(&a);
    return found;
}

/* The right to make it, which one process on this database has; what it finds then is how it is. NULL: there is no
 * need. */
static struct store_hold *claim(struct call *c, const struct creation *x)
{
    struct error err;
    struct store_hold *hold = NULL;
    if (is_there(c, x)) return NULL;
    enum status st = store_hold_take(c->store, x->name, &hold, &err);
    if (st == STATUS_BUSY) call_problem(c, 409, "%s", err.text);
    if (st && st != STATUS_BUSY) call_fail(c, &err);
    if (st) return NULL;
    if (!is_there(c, x)) return hold;
    store_hold_release(hold); /* it was made just before */
    return NULL;
}

/* Its file is written, and then it is opened. */
static void create(struct call *c)
{
    struct creation *x = c->state;
    struct study *study = NULL;
    struct error err;
    struct store_hold *hold = claim(c, x);
    if (!hold) return;
    const struct opening how = {.token = c->who.id, .hold = hold};
    char *dir = call_study_folder(c, x->name), *path = arena_printf(&c->arena, "%s/study.yaml", dir);
    enum status st = workers_keep_file(dir, "study.yaml", x->text, strlen(x->text), &err);
    if (!st) st = study_parse(path, x->text, strlen(x->text), &study, &err);
    if (st)
        store_hold_release(hold);
    else
        st = hosted_open(c->service, study, &how, &x->hosted, &err);
    if (st) fail_opening(c, x->name, &err);
}

/* A study that was not there when the request came. */
static void pause_for(const struct call *c, struct hosted *h, bool yes)
{
    h->run->history->on_behalf_of = c->who.id;
    coordinator_pause(h->run->coordinator, yes);
    h->run->history->on_behalf_of = NULL;
}

/* A repetition, after a crash; or the first time. */
static void created(struct call *c)
{
    struct creation *x = c->state;
    struct hosted *h = x->hosted;
    struct error err;
    c->location = arena_printf(&c->arena, "/api/v1/studies/%s", x->name);
    c->param[0] = x->name;
    if (!h) {
        answer_study(c, 201, show_study);
        return;
    }
    if (hosted_start(h, &err)) {
        call_fail(c, &err);
        return;
    }
    if (x->paused) pause_for(c, h, true);
    struct facts f = {.n = 0};
    take_facts(c, x->name, &f);
    call_answer_durably(c, h, 201, fresh_json(c, h, &f));
}

static void create_drafted(struct call *c)
{
    call_work(c, ((const struct creation *)c->state)->name, create, created);
}

void api_studies_create(struct call *c)
{
    bool paused;
    if (!call_boolean(c, "paused", false, &paused)) return;
    struct creation *x = read_creation(c);
    if (!x) return;
    x->paused = paused;
    c->state = x;
    call_work(c, NULL, read_draft, create_drafted);
}

/* ---- pause, resume, stop, delete ---- */

static void on_durable(void *data)
{
    struct call *c = data;
    call_wait_no_more(c);
    c->hosted = NULL;
    answer_study(c, 200, show_study);
}

/* Once all that was said is durable. */
static void answer_state(struct call *c, struct hosted *h)
{
    c->hosted = h;
    call_wait(c, &h->call, NULL);
    coordinator_promise(h->run->coordinator, on_durable, c);
}

void api_study_pause(struct call *c)
{
    if (!call_fields(c, NULL)) return;
    struct hosted *h = call_hosted(c);
    if (!h) return;
    coordinator_pause(h->run->coordinator, true);
    answer_state(c, h);
}

static bool read_whole(const json_t *o, const char *key, double max, double *ret)
{
    const json_t *v = json_object_get(o, key);
    if (!v) return true;
    *ret = json_number_value(v);
    return json_is_number(v) && *ret > 0 && *ret <= max;
}

/* {"trials", "tokens", "cost", "wall": "9h", "until": "07:00"}, as on the command line. */
static bool read_budget(struct call *c, struct budget *b)
{
    const json_t *o = json_object_get(c->body, "budget");
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
        call_problem(
            c, 422,
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
    struct hosted *hosted;
};

static void reopen(struct call *c)
{
    struct resumption *x = c->state;
    struct study *study = NULL;
    struct error err;
    enum status st = read_again(c->service, c->store, c->param[0], &study, &err);
    const struct opening how = {.token = c->who.id, .budget = &x->budget};
    if (!st) st = hosted_open(c->service, study, &how, &x->hosted, &err);
    if (st) fail_opening(c, c->param[0], &err);
}

static void reopened(struct call *c)
{
    struct hosted *h = ((struct resumption *)c->state)->hosted;
    struct error err;
    if (hosted_start(h, &err)) {
        call_fail(c, &err);
        return;
    }
    pause_for(c, h, false);
    answer_state(c, h);
}

void api_study_resume(struct call *c)
{
    struct hosted *h = service_hosted(c->service, c->param[0]);
    struct resumption *x = arena_alloc(&c->arena, sizeof *x);
    if (!call_fields(c, "budget", NULL) || !read_budget(c, &x->budget)) return;
    if (!h && service_waits(c, c->param[0])) return;
    if (h && json_object_get(c->body, "budget")) {
        call_problem(c, 409, "study '%s' is at work; a budget can be given once it is stopped", c->param[0]);
        return;
    }
    c->state = x;
    if (!h) {
        call_work(c, c->param[0], reopen, reopened);
        return;
    }
    coordinator_pause(h->run->coordinator, false);
    answer_state(c, h);
}

void api_study_stop(struct call *c)
{
    struct hosted *h = call_hosted(c);
    const json_t *now = json_object_get(c->body, "now");
    if (!h || !call_fields(c, "now", NULL)) return;
    if (now && !json_is_boolean(now)) {
        call_problem(c, 422, "'now' is true or false");
        return;
    }
    history_note(h->run->history, json_is_true(now) ? "to be stopped now" : "to be stopped");
    coordinator_stop(h->run->coordinator);
    if (json_is_true(now)) coordinator_stop(h->run->coordinator);
    answer_study(c, 202, show_study);
}

/* It is gone at once; what it leaves is swept up later (service.c). */
static void delete_study(struct call *c)
{
    struct error err;
    struct store_hold *hold = NULL;
    int64_t id;
    if (!call_knows(c, c->param[0], &id))
        call_problem(c, 404, "there is no study '%s'", c->param[0]);
    else if (store_hold_take(c->store, c->param[0], &hold, &err))
        call_problem(c, 409, "%s", err.text);
    else if (store_study_delete(c->store, id, &err))
        call_fail(c, &err);
    else {
        store_hold_retire(hold);
        hold = NULL;
    }
    store_hold_release(hold);
}

static void deleted(struct call *c)
{
    struct service *s = c->service;
    service_forget_feed(s, c->param[0]);
    service_say(s, c->param[0], "deleted by token %s", c->who.id);
    service_sweep(s);
    call_answer(c, 200, json_pack("{s:s, s:b}", "study", c->param[0], "deleted", 1));
}

void api_study_delete(struct call *c)
{
    struct service *s = c->service;
    int64_t id;
    const char *confirm = call_query(c, "confirm");
    if (service_waits(c, c->param[0])) return;
    if (!call_knows(c, c->param[0], &id))
        call_problem(c, 404, "there is no study '%s'", c->param[0]);
    else if (!confirm || strcmp(confirm, c->param[0]) != 0)
        call_problem(c, 422, "deleting is for good: say ?confirm=%s; its trials' folders stay in %s/%s", c->param[0],
                     s->files, c->param[0]);
    else if (service_hosted(s, c->param[0]))
        call_problem(c, 409, "study '%s' is at work; stop it first", c->param[0]);
    else
        call_work(c, c->param[0], delete_study, deleted);
}
