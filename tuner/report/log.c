/* The event log, for people and as JSON lines. */
#include "tuner/report/report.h"

#include "tuner/base/json.h"
#include "tuner/base/plain.h"

#include <stdlib.h>
#include <string.h>

struct telling {
    int64_t at_ms;
    const char *line;
};

struct listing {
    FILE *out;
    bool json;
    struct arena arena;
    struct telling *telling; /* who was told, in order; those that are still to be printed begin at `at` */
    size_t n, at;
};

/* ---- who was told: beside the log, by the clock ---- */

static void on_telling(void *data, int64_t at_ms, const char *line)
{
    struct listing *l = data;
    if (l->n == STORE_TELLINGS) return;
    if (!l->telling) l->telling = arena_array(&l->arena, STORE_TELLINGS, sizeof *l->telling);
    l->telling[l->n++] = (struct telling){at_ms, arena_strdup(&l->arena, line)};
}

static void print_telling(const struct listing *l, const struct telling *t)
{
    char when[40];
    struct arena a = {0};
    if (l->json) {
        json_t *line = json_pack("{s:n, s:s, s:I, s:{s:s}}", "seq", "event", "told", "at_ms", (json_int_t)t->at_ms,
                                 "body", "text", t->line);
        char *text = json_text(line);
        fprintf(l->out, "%s\n", text);
        free(text);
        json_decref(line);
    } else
        fprintf(l->out, "        %s  study        %-9s  %s\n", report_time(t->at_ms, when, sizeof when), "told",
                plain_shown(&a, t->line));
    arena_done(&a);
}

static void print_tellings(struct listing *l, int64_t until_ms)
{
    while (l->at < l->n && l->telling[l->at].at_ms < until_ms) print_telling(l, &l->telling[l->at++]);
}

/* ---- what happened ---- */

static void print_json(FILE *out, const struct store_event *e, json_t *body)
{
    json_t *line =
        json_pack("{s:I, s:s, s:I, s:o}", "seq", (json_int_t)e->seq, "event", event_name((enum event_kind)e->kind),
                  "at_ms", (json_int_t)e->at_ms, "body", body ? json_incref(body) : json_object());
    if (e->trial >= 0) json_object_set_new(line, "trial", json_integer(e->trial));
    char *text = json_text(line);
    fprintf(out, "%s\n", text);
    free(text);
    json_decref(line);
}

static void on_event(void *data, const struct store_event *e)
{
    struct listing *l = data;
    char when[40];
    json_t *body = NULL;
    print_tellings(l, e->at_ms);
    if (*e->body) json_parse_object(e->body, strlen(e->body), &body, NULL);
    if (l->json)
        print_json(l->out, e, body);
    else {
        json_t *token = json_incref(json_object_get(body, "token"));
        json_object_del(body, "token");
        json_object_del(body, "file"); /* pages long */
        char *text = body ? json_text(body) : NULL;
        fprintf(l->out, "%6lld  %s  ", (long long)e->seq, report_time(e->at_ms, when, sizeof when));
        if (e->trial >= 0)
            fprintf(l->out, "trial %-5ld", e->trial);
        else
            fputs("study      ", l->out);
        struct arena a = {0};
        fprintf(l->out, "  %-9s  %s%s%s\n", event_name((enum event_kind)e->kind), text ? plain_shown(&a, text) : "",
                token ? "  by token " : "", token ? plain_shown(&a, json_string_value(token)) : "");
        arena_done(&a);
        json_decref(token);
        free(text);
    }
    json_decref(body);
}

enum status report_log(FILE *out, struct store *store, int64_t study, long trial, bool json, struct error *err)
{
    struct listing l = {.out = out, .json = json};
    enum status s = trial < 0 ? store_tellings(store, study, on_telling, &l, err) : STATUS_OK;
    if (!s) s = store_events(store, study, trial, on_event, &l, err);
    if (!s) print_tellings(&l, INT64_MAX);
    arena_done(&l.arena);
    return s;
}
