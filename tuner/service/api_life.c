/* /api/v1/studies/{study}: pause, resume, stop, delete */
#include "tuner/service/mailbox.h"
#include "tuner/service/standing.h"
#include "tuner/service/streams.h"
#include "tuner/service/sweeping.h"
#include "tuner/service/waking.h"

#include "tuner/base/beneath.h"
#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STUDY_FILE_MAX = 1 << 20 };

/* ---- pause ---- */

static void on_durable(void *data)
{
    struct request *r = data;
    request_wait_no_more(r);
    r->awaited = NULL;
    standing_answer(r, 200, standing_show);
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

/* ---- resume ---- */

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
    if (st) standing_fail_opening(r, r->param[0], &err);
}

static void reopened(struct request *r)
{
    struct active_study *as = ((struct resumption *)r->state)->active;
    struct error err;
    if (active_study_start(as, &err)) {
        request_fail(r, &err);
        return;
    }
    active_study_pause(as, r, false);
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

/* ---- stop ---- */

/* Another process that runs it is asked, twice for now. */
static void ask_to_stop(struct request *r)
{
    const bool *now = r->state;
    int64_t id;
    json_t *nothing = json_object();
    if (!request_knows(r, r->param[0], &id))
        request_problem(r, 404, "there is no study '%s'", r->param[0]);
    else if (!mailbox_is_read(r))
        request_problem(r, 409, "study '%s' is not at work", r->param[0]);
    else if (mailbox_leave(r, "stop", nothing) && *now)
        mailbox_leave(r, "stop", nothing);
    json_decref(nothing);
}

static void asked_to_stop(struct request *r)
{
    standing_answer(r, 202, standing_show);
}

static void stop_elsewhere(struct request *r, bool now)
{
    bool *x = r->state = arena_alloc(&r->arena, sizeof *x);
    *x = now;
    request_work_changing(r, ask_to_stop, asked_to_stop);
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
        stop_elsewhere(r, json_is_true(now));
        return;
    }
    history_note(as->active->history, json_is_true(now) ? "to be stopped now" : "to be stopped");
    if (json_is_true(now)) coordinator_drain(as->active->coordinator); /* and more than that */
    coordinator_insist(as->active->coordinator);
    standing_answer(r, 202, standing_show);
}

/* ---- delete ---- */

/* It is gone at once; what it leaves is swept up later (sweeping.c). */
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

const struct route api_life_routes[] = {
    {"DELETE", ROUTE_STUDY, GRANT_OPERATE, on_delete_study, 0, BODY_NONE, false},
    {"POST", ROUTE_STUDY "/pause", GRANT_OPERATE, on_pause_study, ROUTE_JSON_MAX, BODY_OPTIONAL_JSON, false},
    {"POST", ROUTE_STUDY "/resume", GRANT_OPERATE, on_resume_study, ROUTE_JSON_MAX, BODY_OPTIONAL_JSON, false},
    {"POST", ROUTE_STUDY "/stop", GRANT_OPERATE, on_stop_study, ROUTE_JSON_MAX, BODY_OPTIONAL_JSON, false},
    {0},
};
