/* /api/v1/studies/{study}: what came out of it, and what happens in it */
#include "tuner/service/folded.h"
#include "tuner/service/request.h"
#include "tuner/service/streams.h"

#include "tuner/base/words.h"

#include "tuner/analysis/analysis.h"
#include "tuner/report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- results ---- */

static bool reweigh(struct request *r, const struct study *study, struct objective *o)
{
    const char *weights = request_query(r, "weights"), *exchange = request_query(r, "exchange");
    struct error err;
    double rate;
    enum status st = STATUS_OK;
    if (weights && exchange)
        st = error_set(&err, STATUS_INVALID, "weights or exchange, not both");
    else if (weights)
        st = objective_parse_weights(o, weights, &err);
    else if (exchange && !(words_decimal(exchange, &rate) && rate > 0))
        st = error_set(&err, STATUS_INVALID, "'exchange' takes a positive number, not '%.60s'", exchange);
    else if (exchange)
        st = objective_set_exchange(o, rate, &err);
    if (!st && objective_needs_baseline(o) && !study->baseline)
        st = error_set(&err, STATUS_INVALID, "study '%s' has no baseline to weigh against", study->name);
    if (st) request_fail(r, &err);
    return st == STATUS_OK;
}

/* Of a model that is kept: whoever asks again has it at once. */
static json_t *rerun(struct reading *from, const struct comparison *c)
{
    const struct surface *f = NULL;
    struct error none;
    if (!rerun_ready(from->history) || fitted_surface(from->folded->fitted, from->history, &f, &none))
        return json_null();
    return rerun_json(f, memory_trial(from->history, c->winner->trial));
}

static void find_best(struct request *r, bool again)
{
    struct reading from;
    struct arena a = {0};
    if (!request_read(r, &from)) return;
    struct objective o = from.study->objective;
    if (reweigh(r, from.study, &o)) {
        const struct ranking all = ranking_make(from.history, &o, &a);
        const struct comparison c = comparison_make(from.history, &o, &all, &a);
        if (!c.winner)
            request_problem(r, 404, "study '%s' has no complete trial that satisfies its constraints yet", r->param[0]);
        else {
            json_t *out = document_choice_json(&c, &o, request_query(r, "weights"));
            if (again && !c.winner->seeds) json_object_set_new(out, "rerun", rerun(&from, &c));
            request_answer(r, 200, out);
        }
    }
    arena_done(&a);
    request_read_done(r, &from);
}

static void best(struct request *r)
{
    find_best(r, false);
}

static void best_and_rerun(struct request *r)
{
    find_best(r, true);
}

static void on_get_best(struct request *r)
{
    bool again;
    if (!request_boolean(r, "rerun", false, &again)) return;
    if (again)
        request_work_slowly(r, best_and_rerun);
    else
        request_work(r, best, NULL);
}

static const char *const export_types[] = {"application/yaml", "application/json", "text/plain; charset=utf-8",
                                           "text/plain; charset=utf-8", "application/toml"};

struct exporting {
    bool csv, jsonl;
    enum export_format format;
};

/* Every trial, into a file: there may be many. */
static void dump(struct request *r, const struct memory *s, enum dump_format format, const char *type)
{
    int fd = service_spool(r->service), out_fd = fd < 0 ? -1 : dup(fd);
    FILE *out = out_fd < 0 ? NULL : fdopen(out_fd, "w");
    struct stat st;
    if (out) report_dump(out, s, format);
    bool ok = out && !ferror(out);
    if (out && fclose(out) != 0) ok = false;
    if (ok && fstat(fd, &st) == 0) {
        request_file(r, type, fd, (uint64_t)st.st_size);
        return;
    }
    if (fd >= 0) close(fd);
    request_problem(r, 503, "no file can be written in the folder for the attempts' files");
}

static void export_winner(struct request *r, const struct reading *from, enum export_format format)
{
    struct error err;
    struct arena a = {0};
    char *bytes = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&bytes, &n);
    const struct ranking all = ranking_make(from->history, &from->study->objective, &a);
    const struct comparison c = comparison_make(from->history, &from->study->objective, &all, &a);
    enum status st = report_export(out, format, &c, &err);
    fclose(out);
    if (st)
        request_fail(r, &err);
    else
        request_text(r, 200, export_types[format], bytes, n);
    free(bytes);
    arena_done(&a);
}

static void export(struct request *r)
{
    const struct exporting *x = r->state;
    struct reading from;
    if (!request_read(r, &from)) return;
    if (x->csv)
        dump(r, from.history, DUMP_CSV, "text/csv; charset=utf-8");
    else if (x->jsonl)
        dump(r, from.history, DUMP_JSONL, "application/jsonl");
    else
        export_winner(r, &from, x->format);
    request_read_done(r, &from);
}

static void on_get_export(struct request *r)
{
    const char *text = request_query(r, "format");
    struct exporting *x = r->state = arena_alloc(&r->arena, sizeof *x);
    x->csv = text && strcmp(text, "csv") == 0;
    x->jsonl = text && strcmp(text, "jsonl") == 0;
    if (text && !x->csv && !x->jsonl && !export_format_parse(text, &x->format))
        request_problem(r, 422, "'format' is yaml, json, env, args, toml, csv or jsonl, not '%.40s'", text);
    else if (x->csv || x->jsonl)
        request_work_slowly(r, export);
    else
        request_work(r, export, NULL);
}

/* ---- what happens ---- */

static ssize_t read_events(void *data, char *buf, size_t max)
{
    return event_stream_read(((struct request *)data)->state, buf, max);
}

static void wake_events(void *data)
{
    http_request_wake(((struct request *)data)->http);
}

static void end_events(struct request *r)
{
    event_stream_close(r->state);
}

static bool find_study(struct request *r, int64_t *ret_id)
{
    bool found = request_knows(r, r->param[0], ret_id);
    if (!found) request_problem(r, 404, "there is no study '%s'", r->param[0]);
    return found;
}

static void on_get_events(struct request *r)
{
    const char *last = http_request_header(r->http, "Last-Event-ID");
    int64_t id;
    long after, seq;
    if (!request_number(r, "after", -1, 0, 1000000000000, &after)) return;
    seq = after;
    if (last && !words_whole(last, 0, 1000000000000, &seq)) {
        request_problem(r, 422, "Last-Event-ID is the number of an event, not '%.40s'", last);
        return;
    }
    bool follow;
    if (!request_boolean(r, "follow", true, &follow)) return;
    if (!find_study(r, &id)) return;
    const char *who = arena_printf(&r->arena, "%s events", r->who.id);
    r->state = event_stream_open(streams_of(r->service, r->param[0], id), seq, !follow, who, wake_events, r);
    r->cancel = end_events;
    r->service->counts.answers[200]++;
    http_request_stream(r->http, "text/event-stream", read_events, r);
}

struct log_page {
    int64_t study;
    long after, limit;
    json_t *events;
    size_t bytes;
    int64_t last;
    bool full;
};

static void on_event(void *data, const struct store_event *e)
{
    struct log_page *p = data;
    json_array_append_new(p->events, event_stream_json(e));
    p->bytes += strlen(e->body);
    p->last = e->seq;
    p->full = p->bytes > REQUEST_PAGE_BYTES;
}

static void show_log(struct request *r)
{
    struct log_page p = *(const struct log_page *)r->state;
    struct error err;
    p.events = json_array();
    struct store_scan page = {.study = p.study, .from = p.after + 1, .limit = p.limit, .stop = &p.full};
    if (store_events_scan(r->store, &page, on_event, &p, &err)) {
        json_decref(p.events);
        request_fail(r, &err);
        return;
    }
    bool more = p.full || json_array_size(p.events) == (size_t)p.limit;
    json_t *out = json_pack("{s:s, s:o}", "study", r->param[0], "events", p.events);
    if (more) json_object_set_new(out, "next", json_integer(p.last));
    request_answer(r, 200, out);
}

static void on_get_log(struct request *r)
{
    struct log_page *p = r->state = arena_alloc(&r->arena, sizeof *p);
    if (!request_number(r, "after", 0, 0, 1000000000000, &p->after) ||
        !request_number(r, "limit", 100, 1, 1000, &p->limit))
        return;
    if (find_study(r, &p->study)) request_work(r, show_log, NULL);
}

const struct route api_results_routes[] = {
    {"GET", ROUTE_STUDY "/best", GRANT_VIEW, on_get_best, 0, BODY_NONE, false},
    {"GET", ROUTE_STUDY "/export", GRANT_VIEW, on_get_export, 0, BODY_NONE, false},
    {"GET", ROUTE_STUDY "/events", GRANT_VIEW, on_get_events, 0, BODY_NONE, false},
    {"GET", ROUTE_STUDY "/log", GRANT_VIEW, on_get_log, 0, BODY_NONE, false},
    {0},
};
