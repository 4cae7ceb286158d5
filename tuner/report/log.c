/* The event log, for people and as JSON lines. */
#include "tuner/report/report.h"

#include "tuner/base/json.h"
#include "tuner/base/plain.h"

#include <stdlib.h>
#include <string.h>

struct listing {
    FILE *out;
    bool json;
};

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
    const struct listing *l = data;
    char when[40];
    json_t *body = NULL;
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
    struct listing l = {out, json};
    return store_events(store, study, trial, on_event, &l, err);
}
