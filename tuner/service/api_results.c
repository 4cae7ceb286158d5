/* /api/v1/studies/{study}: what came out of it, and what happens in it */
#include "tuner/service/api.h"

#include "tuner/base/words.h"

#include "tuner/analysis/analysis.h"
#include "tuner/report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- results ---- */

static bool reweigh(struct call *c, const struct study *study, struct objective *o)
{
    const char *weights = call_query(c, "weights"), *exchange = call_query(c, "exchange");
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
    if (st) call_fail(c, &err);
    return st == STATUS_OK;
}

static void best(struct call *c)
{
    struct reading r;
    struct arena a = {0};
    if (!call_read(c, &r)) return;
    struct objective o = r.study->objective;
    if (reweigh(c, r.study, &o)) {
        struct ranking all = ranking_make(r.history, &o, &a);
        if (!all.winner)
            call_problem(c, 404, "study '%s' has no complete trial that satisfies its constraints yet", c->param[0]);
        else {
            json_t *out = comparison_row(r.history, &o, &all, all.winner);
            json_object_del(out, "front");
            if (call_query(c, "weights")) json_object_set_new(out, "weights", comparison_weights(&o));
            if (o.form == OBJECTIVE_PARETO) json_object_set_new(out, "front", report_front_json(r.history, &o, &all));
            call_answer(c, 200, out);
        }
    }
    arena_done(&a);
    call_read_done(c, &r);
}

void api_study_best(struct call *c)
{
    call_work(c, c->param[0], best, NULL);
}

static const char *const export_types[] = {"application/yaml", "application/json", "text/plain; charset=utf-8",
                                           "text/plain; charset=utf-8", "application/toml"};

struct exporting {
    bool csv, jsonl;
    enum export_format format;
};

/* Every trial, into a file: there may be many. */
static void dump(struct call *c, const struct history *s, enum dump_format format, const char *type)
{
    int fd = service_spool(c->service), out_fd = fd < 0 ? -1 : dup(fd);
    FILE *out = out_fd < 0 ? NULL : fdopen(out_fd, "w");
    struct stat st;
    if (out) report_dump(out, s, format);
    bool ok = out && !ferror(out);
    if (out && fclose(out) != 0) ok = false;
    if (ok && fstat(fd, &st) == 0) {
        call_file(c, type, fd, (uint64_t)st.st_size);
        return;
    }
    if (fd >= 0) close(fd);
    call_problem(c, 503, "no file can be written in the folder for the attempts' files");
}

static void export_winner(struct call *c, const struct reading *r, enum export_format format)
{
    struct error err;
    struct arena a = {0};
    char *bytes = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&bytes, &n);
    struct ranking all = ranking_make(r->history, &r->study->objective, &a);
    json_t *rows = comparison_rows(r->history, &r->study->objective, &all);
    enum status st = report_export(out, format, r->study, rows, &err);
    fclose(out);
    if (st)
        call_fail(c, &err);
    else
        call_text(c, 200, export_types[format], bytes, n);
    free(bytes);
    json_decref(rows);
    arena_done(&a);
}

static void export(struct call *c)
{
    const struct exporting *x = c->state;
    struct reading r;
    if (!call_read(c, &r)) return;
    if (x->csv)
        dump(c, r.history, DUMP_CSV, "text/csv; charset=utf-8");
    else if (x->jsonl)
        dump(c, r.history, DUMP_JSONL, "application/jsonl");
    else
        export_winner(c, &r, x->format);
    call_read_done(c, &r);
}

void api_study_export(struct call *c)
{
    const char *text = call_query(c, "format");
    struct exporting *x = c->state = arena_alloc(&c->arena, sizeof *x);
    x->csv = text && strcmp(text, "csv") == 0;
    x->jsonl = text && strcmp(text, "jsonl") == 0;
    if (text && !x->csv && !x->jsonl && !export_format_parse(text, &x->format))
        call_problem(c, 422, "'format' is yaml, json, env, args, toml, csv or jsonl, not '%.40s'", text);
    else
        call_work(c, c->param[0], export, NULL);
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
    bool found = call_knows(c, c->param[0], ret_id);
    if (!found) call_problem(c, 404, "there is no study '%s'", c->param[0]);
    return found;
}

void api_study_events(struct call *c)
{
    const char *last = request_header(c->http, "Last-Event-ID");
    int64_t id;
    long after, seq;
    if (!call_number(c, "after", -1, 0, 1000000000000, &after)) return;
    seq = after;
    if (last && !words_whole(last, 0, 1000000000000, &seq)) {
        call_problem(c, 422, "Last-Event-ID is the number of an event, not '%.40s'", last);
        return;
    }
    bool follow;
    if (!call_boolean(c, "follow", true, &follow)) return;
    if (!find_study(c, &id)) return;
    const char *who = arena_printf(&c->arena, "%s events", c->who.id);
    c->state = feed_open(service_feed(c->service, c->param[0], id), seq, !follow, who, wake_events, c);
    c->cancel = end_events;
    c->service->answers[200]++;
    request_stream(c->http, "text/event-stream", read_events, c);
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
    json_array_append_new(p->events, feed_event_json(e));
    p->bytes += strlen(e->body);
    p->last = e->seq;
    p->full = p->bytes > CALL_PAGE_BYTES;
}

static void show_log(struct call *c)
{
    struct log_page p = *(const struct log_page *)c->state;
    struct error err;
    p.events = json_array();
    if (store_events_after(c->store, p.study, p.after, p.limit, on_event, &p, &p.full, &err)) {
        json_decref(p.events);
        call_fail(c, &err);
        return;
    }
    bool more = p.full || json_array_size(p.events) == (size_t)p.limit;
    json_t *out = json_pack("{s:s, s:o}", "study", c->param[0], "events", p.events);
    if (more) json_object_set_new(out, "next", json_integer(p.last));
    call_answer(c, 200, out);
}

void api_study_log(struct call *c)
{
    struct log_page *p = c->state = arena_alloc(&c->arena, sizeof *p);
    if (!call_number(c, "after", 0, 0, 1000000000000, &p->after) || !call_number(c, "limit", 100, 1, 1000, &p->limit))
        return;
    if (find_study(c, &p->study)) call_work(c, NULL, show_log, NULL);
}
