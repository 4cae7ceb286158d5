#include "tuner/report/report.h"

#include "tuner/report/screen.h"

#include "tuner/base/json.h"
#include "tuner/base/plain.h"
#include "tuner/base/width.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- status ---- */

static const char *amount(const char *name, double v, char *buf, size_t size)
{
    if (strcmp(name, "cost") == 0)
        snprintf(buf, size, fabs(v) < 1e7 ? "%.2f" : "%.4g", v);
    else if (strcmp(name, "trials") == 0)
        snprintf(buf, size, "%.0f", v);
    else
        words_show_count(v, buf, size);
    return buf;
}

/* As the process that runs it has measured; a state from before it did so knows the beginning only. */
static double time_spent(const json_t *state, const json_t *entry, int64_t now_ms)
{
    const json_t *run = json_object_get(state, "run");
    bool until = strcmp(json_string_value(json_object_get(entry, "budget")), "until") == 0;
    return run ? json_number_at(run, until ? "gone_ms" : "spent_ms")
               : fmax((double)now_ms - json_number_at(entry, "began_ms"), 0);
}

static void show_time_left(FILE *out, const char *name, double limit_ms, int64_t spent)
{
    int64_t left = (int64_t)limit_ms - spent;
    char a[40], b[40];
    if (left < 0) left = 0;
    fprintf(out, "  %-8s %10s spent  %10s left\n", name, words_show_duration(spent, a, sizeof a),
            words_show_duration(left, b, sizeof b));
}

static void show_budgets(FILE *out, const json_t *state, bool running, int64_t now_ms)
{
    const json_t *budgets = json_object_get(state, "budgets");
    char a[40], b[40], c[40], d[40];
    for (size_t i = 0; i < json_array_size(budgets); i++) {
        const json_t *e = json_array_get(budgets, i);
        const char *name = json_string_value(json_object_get(e, "budget"));
        if (json_object_get(e, "limit_ms")) {
            if (running)
                show_time_left(out, name, json_number_at(e, "limit_ms"), (int64_t)time_spent(state, e, now_ms));
            continue;
        }
        double limit = json_number_at(e, "limit"), spent = json_number_at(e, "spent"),
               reserved = json_number_at(e, "reserved");
        fprintf(out, "  %-8s %10s spent  %10s reserved  %10s left of %s\n", name, amount(name, spent, a, sizeof a),
                amount(name, reserved, b, sizeof b), amount(name, fmax(limit - spent - reserved, 0), c, sizeof c),
                amount(name, limit, d, sizeof d));
    }
}

static void show_failure(FILE *out, const char *why)
{
    struct arena a = {0};
    if (why) fprintf(out, "  why: %s\n", plain_shown(&a, why));
    arena_done(&a);
}

/* What makes it another configuration than the baseline, as much as fits. */
static void show_best(FILE *out, const struct study *study, const json_t *best)
{
    double config[SPACE_PARAMS_MAX];
    struct screen screen = screen_of(out);
    struct error outside;
    struct arena a = {0};
    if (space_from_json(&study->space, json_object_get(best, "params"), config, &outside)) return;
    const char *text = report_config_apart(&study->space, config, study->baseline, &a);
    if (!*text) text = "the baseline's configuration";
    text =
        arena_printf(&a, "  best: trial %lld  %s", (long long)json_integer_value(json_object_get(best, "trial")), text);
    fprintf(out, "%s\n", width_cut(&a, text, screen_columns(&screen)));
    arena_done(&a);
}

void report_status(FILE *out, const struct study *study, const json_t *state, bool running, int64_t now_ms)
{
    const char *name, *phase = json_string_value(json_object_get(state, "phase"));
    json_t *v;
    char buf[64];
    fprintf(out, "study %s: %s", study->name, running ? "running" : strcmp(phase, "open") == 0 ? "interrupted" : phase);
    json_object_foreach(json_object_get(state, "states"), name, v)
    {
        if (json_integer_value(v)) fprintf(out, ", %lld %s", (long long)json_integer_value(v), name);
    }
    long long fallbacks = json_integer_value(json_object_get(state, "fallbacks"));
    if (fallbacks) fprintf(out, ", %lld suggested at random for numerical reasons", fallbacks);
    if (objective_token_metric(&study->objective) >= 0)
        fprintf(out, "; %s %s spent", words_show_count(json_number_at(state, "tokens"), buf, sizeof buf),
                objective_cost_name(&study->objective));
    fputc('\n', out);
    if (!running) show_failure(out, json_string_value(json_object_get(state, "failure")));
    show_budgets(out, state, running, now_ms);
    const char *exhausted = json_string_value(json_object_get(state, "exhausted"));
    if (exhausted) fprintf(out, "  %s\n", exhausted);
    if (!json_is_object(json_object_get(state, "best"))) return;
    show_best(out, study, json_object_get(state, "best"));
    report_comparison(out, study, json_object_get(state, "comparison"));
}

json_t *report_status_json(json_t *state, bool running, int64_t now_ms)
{
    json_t *budgets = json_object_get(state, "budgets");
    json_object_set_new(state, "running", json_boolean(running));
    for (size_t i = 0; i < json_array_size(budgets); i++) {
        json_t *e = json_array_get(budgets, i);
        bool time = json_object_get(e, "limit_ms") != NULL;
        double spent = time ? time_spent(state, e, now_ms) : json_number_at(e, "spent") + json_number_at(e, "reserved");
        double left = fmax(json_number_at(e, time ? "limit_ms" : "limit") - spent, 0);
        json_object_set_new(e, time ? "left_ms" : "left", json_number(left));
    }
    return state;
}

/* ---- one trial ---- */

struct showing {
    FILE *out;
    struct attempts {
        int64_t lease[256];
        size_t n;
    } attempts;
    char dir[4096]; /* of the last attempt; "": none */
};

static void show_report(void *data, const struct store_report *r)
{
    struct showing *w = data;
    struct arena a = {0};
    fprintf(w->out, "      step %-6ld", r->step);
    for (size_t i = 0; i < r->n; i++) fprintf(w->out, "  %s %.10g", plain_shown(&a, r->name[i]), r->value[i]);
    fputc('\n', w->out);
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
    const char *state, *role, *source, *reason;
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
    case EVENT_RETURNED: f->state = "queued"; break;
    case EVENT_RETRIED:
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
    case EVENT_NOTE: break;
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
    struct showing w = {.out = out};
    struct facts f = {.confirms = -1, .took_ms = NAN};
    enum status st = store_events(store, study_id, number, learn, &f, err);
    if (!st && !f.params) st = error_set(err, STATUS_NOT_FOUND, "study '%s' has no trial %ld", study->name, number);
    if (!st) show_facts(out, study, number, &f);
    if (!st) st = store_events(store, study_id, number, show_event, &w, err);
    for (size_t i = 0; !st && i < w.attempts.n; i++)
        st = store_reports(store, study_id, w.attempts.lease[i], show_report, &w, err);
    if (!st && *w.dir) report_last_lines(out, w.dir);
    json_decref(f.params);
    json_decref(f.metrics);
    json_decref(f.policy);
    arena_done(&f.arena);
    return st;
}
