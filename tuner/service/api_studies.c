/* /api/v1/studies */
#include "tuner/service/api.h"

#include "tuner/coordinator/state.h"
#include "tuner/report/report.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- looking ---- */

static json_t *study_json(struct service *s, const char *name, json_t *state)
{
    const struct hosted *h = service_hosted(s, name);
    json_t *out = report_status_json(state, h != NULL || store_hold_taken(s->store, name), clock_wall_ms(s->clock));
    json_object_set_new(out, "hosted", json_boolean(h != NULL));
    if (h) {
        const struct coordinator *c = h->run->coordinator;
        json_object_set_new(out, "step", json_string(coordinator_phase(c)));
        json_object_set_new(out, "busy", json_integer((json_int_t)coordinator_busy(c)));
        if (*coordinator_pause_reason(c)) json_object_set_new(out, "paused", json_string(coordinator_pause_reason(c)));
    }
    return out;
}

static json_t *study_by_name(struct service *s, const char *name, struct error *err)
{
    const struct hosted *h = service_hosted(s, name);
    struct study *study = NULL;
    json_t *state = NULL;
    if (h) return study_json(s, name, state_json(h->run->session));
    if (state_load(s->store, name, s->clock, &study, &state, err)) return NULL;
    study_free(study);
    return study_json(s, name, state);
}

void api_studies_list(struct call *c)
{
    struct study_names l;
    struct error err;
    long offset, limit;
    if (!call_number(c, "offset", 0, 0, 1000000000, &offset) || !call_number(c, "limit", 100, 1, 1000, &limit)) return;
    enum status st = service_names(c->service, &l, &err);
    json_t *all = json_array();
    for (size_t i = (size_t)offset; !st && i < l.n && i < (size_t)(offset + limit); i++) {
        json_t *one = study_by_name(c->service, l.name[i], &err);
        if (one) json_array_append_new(all, one);
    }
    if (st) {
        json_decref(all);
        call_fail(c, &err);
    } else
        call_answer(c, 200, json_pack("{s:o, s:I}", "studies", all, "total", (json_int_t)l.n));
    study_names_done(&l);
}

void api_study_get(struct call *c)
{
    struct error err;
    json_t *one = study_by_name(c->service, c->param[0], &err);
    if (one)
        call_answer(c, 200, one);
    else if (err.status == STATUS_NOT_FOUND)
        call_problem(c, 404, "there is no study '%s'", c->param[0]);
    else
        call_fail(c, &err);
}

/* ---- creating ---- */

/* The study's own folder, FILES/STUDY/study: its file lies there, and what is uploaded for it. */
static char *own_folder(struct call *c, const char *study)
{
    return arena_printf(&c->arena, "%s/%s/study", c->service->files, study);
}

/* The text of a study file: YAML as it is; a JSON object is written as YAML, of which it is a part. */
static char *study_text(struct call *c)
{
    const char *type = request_header(c->http, "Content-Type");
    struct error err;
    json_t *object = NULL;
    if (type && (strncasecmp(type, "application/yaml", 16) == 0 || strncasecmp(type, "text/yaml", 9) == 0 ||
                 strncasecmp(type, "application/x-yaml", 18) == 0)) {
        if (strlen(c->http->body) == c->http->n) return must_strdup(c->http->body);
        call_problem(c, 400, "a study file has no NUL bytes");
        return NULL;
    }
    if (!type || strncasecmp(type, "application/json", 16) != 0) {
        call_problem(c, 415, "a study comes as application/yaml or application/json, not '%.80s'",
                     type ? type : "nothing");
        return NULL;
    }
    if (json_parse_object(c->http->body, c->http->n, &object, &err)) {
        call_problem(c, 400, "%s", err.text);
        return NULL;
    }
    char *text = json_dumps(object, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    json_decref(object);
    return text;
}

static void answer_created(struct call *c, const char *name)
{
    struct error err;
    json_t *answer = study_by_name(c->service, name, &err);
    if (!answer) {
        call_fail(c, &err);
        return;
    }
    c->location = arena_printf(&c->arena, "/api/v1/studies/%s", name);
    call_answer_kept(c, 201, answer, NULL);
}

/* Its file is written, and then it is put to work; or a repetition finds it there. */
static void create(struct call *c, const char *text, struct study *draft, bool paused)
{
    struct service *s = c->service;
    struct study *study = NULL;
    struct hosted *h = NULL;
    struct error err;
    struct store_study row;
    const char *name = arena_strdup(&c->arena, draft->name);
    if (call_row(c, name, &row)) {
        if (c->key && strcmp(row.file, text) == 0) /* a crash came between the study and its kept answer */
            answer_created(c, name);
        else
            call_problem(c, 409, "there is a study '%s' already", name);
        return;
    }
    char *dir = own_folder(c, name), *path = arena_printf(&c->arena, "%s/study.yaml", dir);
    enum status st = workers_keep_file(dir, "study.yaml", text, strlen(text), &err);
    if (!st) st = study_parse(path, text, strlen(text), &study, &err);
    if (!st) st = service_host(s, study, NULL, c->who.id, &h, &err);
    if (st) {
        call_fail(c, &err);
        return;
    }
    h->run->session->on_behalf_of = c->who.id; /* it was not there when the request came */
    if (paused) coordinator_pause(h->run->coordinator, true);
    h->run->session->on_behalf_of = NULL;
    answer_created(c, name);
}

void api_studies_create(struct call *c)
{
    struct study *draft = NULL;
    struct error err;
    bool paused;
    if (!call_boolean(c, "paused", false, &paused)) return;
    char *text = study_text(c);
    if (!text) return;
    if (study_parse("study.yaml", text, strlen(text), &draft, &err))
        call_fail(c, &err);
    else
        create(c, text, draft, paused);
    study_free(draft);
    free(text);
}

/* ---- pause, resume, stop, delete ---- */

static void answer_state(struct call *c, struct hosted *h)
{
    call_answer_durably(c, h, 200, study_json(c->service, c->param[0], state_json(h->run->session)));
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

/* The study file as it is on the disk now, or as it was last run. */
static enum status read_again(struct service *s, const char *name, struct study **ret, struct error *err)
{
    struct arena a = {0};
    struct store_study row;
    enum status st = store_study_find(s->store, name, &a, &row, err);
    if (!st)
        st = access(row.path, R_OK) == 0 ? study_load(row.path, ret, err)
                                         : study_parse(row.path, row.file, strlen(row.file), ret, err);
    if (!st && strcmp((*ret)->name, name) != 0) {
        st = error_set(err, STATUS_CONFLICT, "%s is now the file of study '%s'", row.path, (*ret)->name);
        study_free(*ret);
    }
    arena_done(&a);
    return st;
}

void api_study_resume(struct call *c)
{
    struct service *s = c->service;
    struct hosted *h = service_hosted(s, c->param[0]);
    struct budget budget;
    struct study *study = NULL;
    struct error err;
    if (!call_fields(c, "budget", NULL) || !read_budget(c, &budget)) return;
    if (h && json_object_get(c->body, "budget")) {
        call_problem(c, 409, "study '%s' is at work; a budget can be given once it is stopped", c->param[0]);
        return;
    }
    if (!h) {
        enum status st = read_again(s, c->param[0], &study, &err);
        if (!st) st = service_host(s, study, &budget, c->who.id, &h, &err);
        if (st == STATUS_NOT_FOUND)
            call_problem(c, 404, "there is no study '%s'", c->param[0]);
        else if (st)
            call_fail(c, &err);
        if (st) return;
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
    session_note(h->run->session, json_is_true(now) ? "to be stopped now" : "to be stopped");
    coordinator_stop(h->run->coordinator);
    if (json_is_true(now)) coordinator_stop(h->run->coordinator);
    call_answer(c, 202, study_json(c->service, c->param[0], state_json(h->run->session)));
}

void api_study_delete(struct call *c)
{
    struct service *s = c->service;
    struct arena a = {0};
    struct store_study row;
    struct error err;
    struct store_hold *hold = NULL;
    const char *confirm = request_query(c->http, "confirm");
    enum status st = store_study_find(s->store, c->param[0], &a, &row, &err);
    if (st)
        call_problem(c, 404, "there is no study '%s'", c->param[0]);
    else if (!confirm || strcmp(confirm, c->param[0]) != 0)
        call_problem(c, 422, "deleting is for good: say ?confirm=%s; its trials' folders stay in %s/%s", c->param[0],
                     s->files, c->param[0]);
    else if (service_hosted(s, c->param[0]))
        call_problem(c, 409, "study '%s' is at work; stop it first", c->param[0]);
    else if ((st = store_hold_take(s->store, c->param[0], &hold, &err)))
        call_problem(c, 409, "%s", err.text);
    else if ((st = store_study_delete(s->store, row.id, &err)))
        call_fail(c, &err);
    else {
        service_forget_feed(s, c->param[0]);
        service_say(s, c->param[0], "deleted by token %s", c->who.id);
        call_answer(c, 200, json_pack("{s:s, s:b}", "study", c->param[0], "deleted", 1));
    }
    store_hold_release(hold);
    arena_done(&a);
}

/* ---- results ---- */

static bool reweigh(struct call *c, const struct study *study, struct objective *o, bool *ret_other)
{
    const char *weights = request_query(c->http, "weights"), *exchange = request_query(c->http, "exchange");
    struct error err;
    double rate;
    enum status st = STATUS_OK;
    *ret_other = weights || exchange;
    if (weights && exchange)
        st = error_set(&err, STATUS_INVALID, "weights or exchange, not both");
    else if (weights)
        st = objective_parse_weights(o, weights, &err);
    else if (exchange && !(words_number(exchange, &rate) && rate > 0))
        st = error_set(&err, STATUS_INVALID, "'exchange' takes a positive number, not '%.60s'", exchange);
    else if (exchange)
        st = objective_set_exchange(o, rate, &err);
    if (!st && objective_needs_baseline(o) && !study->baseline)
        st = error_set(&err, STATUS_INVALID, "study '%s' has no baseline to weigh against", study->name);
    if (st) call_fail(c, &err);
    return st == STATUS_OK;
}

void api_study_best(struct call *c)
{
    struct reading r;
    bool other;
    struct arena a = {0};
    if (!call_read(c, &r)) return;
    struct objective o = r.study->objective;
    if (reweigh(c, r.study, &o, &other)) {
        struct standings all = standings_make(r.session, &o, other, &a);
        if (!all.winner)
            call_problem(c, 404, "study '%s' has no complete trial that satisfies its constraints yet", c->param[0]);
        else {
            json_t *out = standing_json(r.session, all.winner);
            json_object_del(out, "front");
            if (o.form == OBJECTIVE_PARETO) json_object_set_new(out, "front", report_front_json(r.session, &all));
            call_answer(c, 200, out);
        }
    }
    arena_done(&a);
    reading_done(&r);
}

static const char *const export_types[] = {"application/yaml", "application/json", "text/plain; charset=utf-8",
                                           "text/plain; charset=utf-8", "application/toml"};

void api_study_export(struct call *c)
{
    const char *text = request_query(c->http, "format");
    enum export_format format = EXPORT_YAML;
    bool csv = text && strcmp(text, "csv") == 0, jsonl = text && strcmp(text, "jsonl") == 0;
    struct reading r;
    struct error err;
    struct arena a = {0};
    char *bytes = NULL;
    size_t n = 0;
    if (text && !csv && !jsonl && !export_format_parse(text, &format)) {
        call_problem(c, 422, "'format' is yaml, json, env, args, toml, csv or jsonl, not '%.40s'", text);
        return;
    }
    if (!call_read(c, &r)) return;
    FILE *out = open_memstream(&bytes, &n);
    struct standings all = standings_make(r.session, &r.study->objective, false, &a);
    json_t *rows = standings_json(r.session, &all);
    enum status st = STATUS_OK;
    if (csv || jsonl)
        report_dump(out, r.session, csv ? DUMP_CSV : DUMP_JSONL);
    else
        st = report_export(out, format, r.study, rows, &err);
    fclose(out);
    if (st)
        call_fail(c, &err);
    else
        call_text(c, 200,
                  csv     ? "text/csv; charset=utf-8"
                  : jsonl ? "application/jsonl"
                          : export_types[format],
                  bytes, n);
    free(bytes);
    json_decref(rows);
    arena_done(&a);
    reading_done(&r);
}

void api_study_budgets(struct call *c)
{
    struct error err;
    json_t *study = study_by_name(c->service, c->param[0], &err);
    if (!study) {
        call_problem(c, err.status == STATUS_NOT_FOUND ? 404 : 503, "there is no study '%s'", c->param[0]);
        return;
    }
    call_answer(c, 200, json_pack("{s:s, s:O}", "study", c->param[0], "budgets", json_object_get(study, "budgets")));
    json_decref(study);
}

/* ---- what happens ---- */

static ssize_t read_events(void *data, char *buf, size_t max)
{
    return feed_read(((struct call *)data)->state, buf, max);
}

static void wake_events(void *data)
{
    request_wake(((struct call *)data)->http);
}

static void end_events(struct call *c)
{
    feed_close(c->state);
}

static bool find_study(struct call *c, int64_t *ret_id)
{
    struct store_study row;
    bool found = call_row(c, c->param[0], &row);
    if (!found) call_problem(c, 404, "there is no study '%s'", c->param[0]);
    *ret_id = found ? row.id : 0;
    return found;
}

void api_study_events(struct call *c)
{
    const char *last = request_header(c->http, "Last-Event-ID");
    int64_t id;
    long seq, after;
    double v = -1;
    if (!call_number(c, "after", -1, 0, 1000000000000, &after)) return;
    if (!last) v = (double)after;
    if (last && (!words_number(last, &v) || v < 0 || v != (double)(long)v || v > 1e12)) {
        call_problem(c, 422, "Last-Event-ID is the number of an event, not '%.40s'", last);
        return;
    }
    bool follow;
    if (!call_boolean(c, "follow", true, &follow)) return;
    if (!find_study(c, &id)) return;
    seq = (long)v;
    c->state = feed_open(service_feed(c->service, c->param[0], id), seq, !follow, wake_events, c);
    c->cancel = end_events;
    c->service->answers[200]++;
    request_stream(c->http, "text/event-stream", read_events, c);
}

static void on_event(void *data, const struct store_event *e)
{
    json_array_append_new(data, feed_event_json(e));
}

void api_study_log(struct call *c)
{
    long after, limit;
    int64_t id;
    struct error err;
    if (!call_number(c, "after", 0, 0, 1000000000000, &after) || !call_number(c, "limit", 100, 1, 1000, &limit)) return;
    if (!find_study(c, &id)) return;
    json_t *all = json_array();
    if (store_events_after(c->service->store, id, after, limit, on_event, all, &err)) {
        json_decref(all);
        call_fail(c, &err);
        return;
    }
    call_answer(c, 200, json_pack("{s:s, s:o}", "study", c->param[0], "events", all));
}

/* ---- what agents need ---- */

void api_study_definition(struct call *c)
{
    struct hosted *h = call_hosted(c);
    if (!h) return;
    if (*h->unpacked) {
        call_problem(c, 409, "%s", h->unpacked);
        return;
    }
    json_t *out = parcel_json(&h->parcel, h->study);
    json_object_set_new(out, "definition", json_string(h->parcel.definition));
    call_answer(c, 200, out);
}

void api_blob_get(struct call *c)
{
    unsigned char hash[DIGEST_BYTES];
    struct stat st;
    struct hosted *h = call_hosted(c);
    if (!h) return;
    const struct shipped *f = digest_parse(c->param[1], hash) ? parcel_find(&h->parcel, hash) : NULL;
    if (!f) {
        call_problem(c, 404, "no file of study '%s' has this SHA-256", c->param[0]);
        return;
    }
    char *path = arena_printf(&c->arena, "%s/%s", h->study->dir, f->path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size != f->bytes) {
        if (fd >= 0) close(fd);
        call_problem(c, 410, "the file has changed since the study began; ask for the definition again");
        return;
    }
    call_file(c, fd, (uint64_t)st.st_size);
}

/* A relative path without "..", hidden parts or odd characters. */
static bool is_plain_path(const char *path)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
    bool at_start = true;
    if (!*path || strlen(path) > 200 || strspn(path, allowed) != strlen(path)) return false;
    for (; *path; path++) {
        if (at_start && (*path == '.' || *path == '/')) return false;
        at_start = *path == '/';
    }
    return !at_start;
}

/* Also before the study is created, so that it finds its program. */
void api_study_file_put(struct call *c)
{
    char *path = own_folder(c, c->param[0]);
    struct error err;
    struct store_study row;
    bool executable;
    if (!call_boolean(c, "executable", false, &executable)) return;
    if (!is_plain_path(c->param[1])) {
        call_problem(c, 422, "'%.200s' is not a relative path of plain characters", c->param[1]);
        return;
    }
    if (!study_is_name(c->param[0])) {
        call_problem(c, 404, "'%.60s' cannot be the name of a study", c->param[0]);
        return;
    }
    if (access(path, F_OK) != 0 && call_row(c, c->param[0], &row)) {
        call_problem(c, 409, "study '%s' was not created here: its files are where its study file is", c->param[0]);
        return;
    }
    if (workers_keep_spool(path, c->param[1], c->http->spool, executable ? 0755 : 0644, &err)) {
        call_fail(c, &err);
        return;
    }
    struct hosted *h = service_hosted(c->service, c->param[0]);
    if (h) service_pack(h);
    call_answer(
        c, 200,
        json_pack("{s:s, s:s, s:I}", "study", c->param[0], "path", c->param[1], "bytes", (json_int_t)c->http->n));
}
