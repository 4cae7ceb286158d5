/* One trial: what it is, and what happened to it. */
#include "tuner/report/report.h"

#include "tuner/base/json.h"
#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct showing {
    FILE *out;
    const char *unit; /* of what a trial costs */
    struct attempts {
        int64_t lease[256];
        size_t n;
    } attempts;
    char dir[4096]; /* of the last attempt; "": none */
    size_t attempt; /* whose reports come: its number, until one has come; 0: it is said, or there is only one */
};

static void show_report(void *data, const struct store_report *r)
{
    struct showing *w = data;
    struct arena a = {0};
    if (w->attempt) fprintf(w->out, "    attempt %zu reported\n", w->attempt);
    w->attempt = 0;
    fprintf(w->out, "      step %-6ld", r->step);
    for (size_t i = 0; i < r->n; i++) fprintf(w->out, "  %s %.10g", plain_shown(&a, r->name[i]), r->value[i]);
    fputc('\n', w->out);
    arena_done(&a);
}

/* Which stage an attempt runs, or has run, and whose it is if it was taken over. */
static void show_stage(const struct showing *w, int kind, const json_t *body)
{
    const char *stage = json_string_value(json_object_get(body, "stage"));
    const json_t *taken = json_object_get(body, "taken"), *cost = json_object_get(body, "cost");
    char buf[40];
    struct arena a = {0};
    if (stage) fprintf(w->out, "  %s", plain_shown(&a, stage));
    if (kind == EVENT_STAGED && taken) fprintf(w->out, "  as trial %lld left it", (long long)json_integer_value(taken));
    if (kind == EVENT_STAGED && cost)
        fprintf(w->out, "  %s %s", words_show_count(json_number_value(cost), buf, sizeof buf), w->unit);
    arena_done(&a);
}

/* One line of a trial's history. */
static void show_event(void *data, const struct store_event *e)
{
    struct showing *w = data;
    json_t *body = NULL;
    struct arena a = {0};
    char when[40], took[40];
    if (*e->body) json_parse_object(e->body, strlen(e->body), &body, NULL);
    const char *dir = json_string_value(json_object_get(body, "dir")),
               *outcome = json_string_value(json_object_get(body, "outcome")),
               *state = json_string_value(json_object_get(body, "state")),
               *reason = json_string_value(json_object_get(body, "reason"));
    const json_t *ms = json_object_get(body, "ms");
    if (e->kind == EVENT_LEASED && w->attempts.n < 256) w->attempts.lease[w->attempts.n++] = e->seq;
    fprintf(w->out, "  %s  %-9s", report_time(e->at_ms, when, sizeof when), event_name((enum event_kind)e->kind));
    if (e->kind == EVENT_LEASED) fprintf(w->out, "  attempt %zu, lease %lld", w->attempts.n, (long long)e->seq);
    show_stage(w, e->kind, body);
    if (e->kind == EVENT_FINISHED) fprintf(w->out, "  %s", state ? state : "complete");
    if (outcome) fprintf(w->out, "  %s", plain_shown(&a, outcome));
    if (reason) fprintf(w->out, "  %s", plain_shown(&a, reason));
    if (ms) fprintf(w->out, "  took %s", words_show_duration((int64_t)json_number_value(ms), took, sizeof took));
    fputc('\n', w->out);
    if (dir) fprintf(w->out, "    logs in %s\n", plain_shown(&a, dir));
    if (dir) snprintf(w->dir, sizeof w->dir, "%s", dir);
    arena_done(&a);
    json_decref(body);
}

/* What the trial's own events say of it; nobody needs to read the rest of the log for that. */
struct facts {
    struct arena arena;
    const char *state, *role, *source, *reason, *note;
    long confirms;
    size_t attempts;
    double took_ms; /* the last that has ended; NaN: none has */
    json_t *params, *metrics, *policy;
};

static const char *keep(struct facts *f, const json_t *body, const char *key, const char *usual)
{
    const char *text = json_string_value(json_object_get(body, key));
    return text ? arena_strdup(&f->arena, text) : usual;
}

static void learn(void *data, const struct store_event *e)
{
    struct facts *f = data;
    json_t *body = NULL;
    if (*e->body) json_parse_object(e->body, strlen(e->body), &body, NULL);
    if (json_object_get(body, "ms")) f->took_ms = json_number_at(body, "ms");
    switch ((enum event_kind)e->kind) {
    case EVENT_ADDED:
        f->state = "queued";
        f->role = keep(f, body, "role", "search");
        f->source = keep(f, body, "source", "");
        f->params = json_incref(json_object_get(body, "params"));
        f->confirms =
            json_object_get(body, "confirms") ? (long)json_integer_value(json_object_get(body, "confirms")) : -1;
        break;
    case EVENT_LEASED:
        f->attempts++;
        f->state = json_object_get(body, "dir") ? "leased" : "running";
        break;
    case EVENT_STARTED: f->state = "running"; break;
    case EVENT_STAGED:
    case EVENT_RETURNED: f->state = "queued"; break;
    case EVENT_RETRIED:
    case EVENT_RESUMED:
        f->state = "queued";
        f->reason = NULL;
        json_decref(f->metrics);
        json_decref(f->policy);
        f->metrics = f->policy = NULL;
        break;
    case EVENT_FINISHED:
        f->state = keep(f, body, "state", "complete");
        f->reason = keep(f, body, "reason", NULL);
        f->metrics = json_incref(json_object_get(body, "metrics"));
        f->policy = json_incref(json_object_get(body, "policy"));
        break;
    case EVENT_OPENED:
    case EVENT_RENEWED:
    case EVENT_CONDEMNED:
    case EVENT_HALTED:
    case EVENT_ADJUSTED:
    case EVENT_CHECKPOINT:
    case EVENT_ANNOUNCED:
    case EVENT_PHASE:
    case EVENT_EVICTED:
    case EVENT_NOTE: break;
    case EVENT_NOTED: f->note = keep(f, body, "text", NULL); break;
    }
    json_decref(body);
}

static void show_params(FILE *out, const json_t *params)
{
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)params, name, v)
    {
        char *text = json_text(v);
        struct arena a = {0};
        fprintf(out, "  %-20s %s\n", plain_shown(&a, name),
                plain_shown(&a, json_is_string(v) ? json_string_value(v) : text));
        arena_done(&a);
        free(text);
    }
}

static void show_facts(FILE *out, const struct study *study, long number, const struct facts *f)
{
    double config[SPACE_PARAMS_MAX];
    struct error outside;
    struct arena a = {0};
    const char *name;
    char took[40];
    json_t *v;
    fprintf(out, "trial %ld of %s: %s (%s", number, study->name, f->state, f->role);
    if (f->confirms >= 0) fprintf(out, " of trial %ld", f->confirms);
    fprintf(out, "; %s", plain_shown(&a, f->source));
    if (f->attempts > 1) fprintf(out, "; %zu attempts", f->attempts);
    if (f->attempts > 1 && isfinite(f->took_ms))
        fprintf(out, ", the last took %s", words_show_duration((int64_t)f->took_ms, took, sizeof took));
    fputs(")\n", out);
    if (f->reason) fprintf(out, "  reason: %s\n", plain_shown(&a, f->reason));
    report_note(out, f->note);
    if (space_from_json(&study->space, f->params, config, &outside))
        fprintf(out, "  set aside: %s\n", plain_shown(&a, outside.text));
    show_params(out, f->params);
    if (f->policy) {
        fputs("  its stopping rule was adapted while it ran; from the start, this one would have done the same:\n",
              out);
        show_params(out, f->policy);
    }
    json_object_foreach(f->metrics, name, v)
        fprintf(out, "  %-20s = %.10g\n", plain_shown(&a, name), json_number_value(v));
    arena_done(&a);
}

enum status report_trial(FILE *out, struct store *store, int64_t study_id, const struct study *study, long number,
                         struct error *err)
{
    struct showing w = {.out = out, .unit = study ? objective_cost_name(&study->objective) : "tokens"};
    struct facts f = {.confirms = -1, .took_ms = NAN};
    enum status st = store_events(store, study_id, number, learn, &f, err);
    if (!st && !f.params) st = error_set(err, STATUS_NOT_FOUND, "study '%s' has no trial %ld", study->name, number);
    if (!st) show_facts(out, study, number, &f);
    if (!st) st = store_events(store, study_id, number, show_event, &w, err);
    for (size_t i = 0; !st && i < w.attempts.n; i++) {
        w.attempt = w.attempts.n > 1 ? i + 1 : 0;
        st = store_reports(store, study_id, w.attempts.lease[i], show_report, &w, err);
    }
    if (!st && *w.dir && !store_elsewhere(store)) report_last_lines(out, w.dir); /* a folder of this machine */
    json_decref(f.params);
    json_decref(f.metrics);
    json_decref(f.policy);
    arena_done(&f.arena);
    return st;
}
