/* Timeline: what ran when, in as many rows as ran at the same time, of each agent. */
#include "tuner/report/figure.h"

#include "tuner/report/figure_study.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 64, PUTTING_AWAY = 2000 /* ms */ };

struct span {
    double from, to;   /* INFINITY: it runs on */
    const char *agent; /* "": this machine */
    size_t row;
    long trial;
    enum chart_look look;
};

struct row {
    const char *agent;
    size_t number; /* of the agent's rows, from 1 */
    struct span *last;
};

struct timeline_of {
    const struct memory *s;
    struct arena *arena;
    size_t n, room, n_rows;
    struct span *span;
    size_t *open; /* of each trial, its running span + 1; 0: none */
    double last;  /* of the log */
    bool crowded; /* there were more at the same time than rows */
    struct row row[ROWS_MAX];
};

/* ---- reading ---- */

static void begin(struct timeline_of *t, const struct store_event *e)
{
    json_t *body = NULL;
    if (strstr(e->body, "\"agent\"")) json_parse_object(e->body, strlen(e->body), &body, NULL);
    const char *agent = json_string_value(json_object_get(body, "agent"));
    t->span = must_reserve(t->span, t->n + 1, &t->room, sizeof *t->span);
    t->span[t->n] = (struct span){.from = (double)e->at_ms,
                                  .to = INFINITY,
                                  .agent = agent ? arena_strdup(t->arena, agent) : "",
                                  .trial = e->trial,
                                  .look = CHART_RUNNING};
    t->open[e->trial] = ++t->n;
    json_decref(body);
}

static void end(struct timeline_of *t, const struct store_event *e, enum chart_look look)
{
    if (t->open[e->trial] == 0) return;
    struct span *x = &t->span[t->open[e->trial] - 1];
    x->to = (double)e->at_ms;
    x->look = look;
    t->open[e->trial] = 0;
}

static enum chart_look final_look(const struct store_event *e)
{
    json_t *body = NULL;
    enum trial_state state = TRIAL_COMPLETE;
    if (strstr(e->body, "\"state\"")) json_parse_object(e->body, strlen(e->body), &body, NULL);
    const char *name = json_string_value(json_object_get(body, "state"));
    if (name) trial_state_parse(name, &state);
    json_decref(body);
    return figure_look(state);
}

/* What crashed has failed; what was cut off with whatever ran it has not, and runs again. */
static enum chart_look returned_look(const struct store_event *e)
{
    json_t *body = NULL;
    if (strstr(e->body, "\"outcome\"")) json_parse_object(e->body, strlen(e->body), &body, NULL);
    const char *name = json_string_value(json_object_get(body, "outcome"));
    enum outcome outcome = name ? outcome_parse(name) : OUTCOME_LOST;
    json_decref(body);
    bool failed = outcome == OUTCOME_CRASHED || outcome == OUTCOME_FAILED || outcome == OUTCOME_TIMED_OUT ||
                  outcome == OUTCOME_NOT_STARTED;
    return failed ? CHART_FAILED : CHART_LOST;
}

static void see(void *data, const struct store_event *e)
{
    struct timeline_of *t = data;
    t->last = fmax(t->last, (double)e->at_ms);
    if (e->trial < 0 || (size_t)e->trial >= t->s->n) return;
    if (e->kind == EVENT_LEASED) {
        end(t, e, CHART_LOST);
        begin(t, e);
    } else if (e->kind == EVENT_RETURNED)
        end(t, e, returned_look(e));
    else if (e->kind == EVENT_STAGED)
        end(t, e, CHART_COMPLETE);
    else if (e->kind == EVENT_FINISHED)
        end(t, e, final_look(e));
}

/* ---- rows ---- */

static int by_time(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->from != y->from) return x->from > y->from ? 1 : -1;
    return (x->trial > y->trial) - (x->trial < y->trial);
}

/* What a trial left is still being put away when its slot has the next: that much of a span is not told. */
static bool is_free_at(const struct span *last, double from)
{
    double over = last->to - from;
    return over <= 0 || (over < PUTTING_AWAY && over < (last->to - last->from) / 2);
}

/* Of the agent's rows the first that is free; where it can have no more, the one that will be first. */
static size_t row_for(struct timeline_of *t, const struct span *x)
{
    size_t number = 1, soon = ROWS_MAX, slots = *x->agent ? 0 : t->s->run.slots;
    for (size_t i = 0; i < t->n_rows; i++) {
        if (strcmp(t->row[i].agent, x->agent) != 0) continue;
        number++;
        if (is_free_at(t->row[i].last, x->from)) return i;
        if (soon == ROWS_MAX || t->row[i].last->to < t->row[soon].last->to) soon = i;
    }
    if (soon < ROWS_MAX && number > slots && slots > 0 && t->row[soon].last->to - x->from < PUTTING_AWAY) return soon;
    t->crowded |= t->n_rows == ROWS_MAX;
    if (t->n_rows == ROWS_MAX) return ROWS_MAX - 1;
    t->row[t->n_rows] = (struct row){.agent = x->agent, .number = number};
    return t->n_rows++;
}

/* Imported results took no time here. */
static void drop_imported(struct timeline_of *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        if (fmin(t->span[i].to, t->last) > t->span[i].from) t->span[n++] = t->span[i];
    t->n = n;
}

static void lay_out(struct timeline_of *t)
{
    qsort(t->span, t->n, sizeof *t->span, by_time);
    for (size_t i = 0; i < t->n; i++) {
        struct span *x = &t->span[i];
        x->row = row_for(t, x);
        struct span *before = t->row[x->row].last;
        if (before) before->to = fmin(before->to, x->from);
        t->row[x->row].last = x;
    }
    for (size_t i = 0; i < t->n; i++) t->span[i].to = fmin(t->span[i].to, t->last);
}

/* ---- drawing ---- */

static const char **row_names(const struct timeline_of *t)
{
    const char **name = arena_array(t->arena, t->n_rows, sizeof *name);
    for (size_t i = 0; i < t->n_rows; i++)
        name[i] = *t->row[i].agent ? arena_printf(t->arena, "%.40s %zu", t->row[i].agent, t->row[i].number)
                                   : arena_printf(t->arena, "slot %zu", t->row[i].number);
    return name;
}

static void draw(struct chart_panel *p, struct timeline_of *t)
{
    struct figure_marks m = figure_marks_of(t->n, t->arena);
    double *to = arena_array(t->arena, t->n, sizeof *to), ends[2] = {INFINITY, t->last};
    for (size_t i = 0; i < t->n; i++) {
        const struct span *x = &t->span[i];
        to[i] = x->to;
        ends[0] = fmin(ends[0], x->from);
        figure_mark(&m, x->from, (double)x->row, x->look, x->trial);
    }
    axis_fit(&p->x, ends, 2);
    struct chart_layer *l = chart_layer(p, t->arena, CHART_SPANS);
    figure_show(l, &m);
    l->low = m.x;
    l->high = to;
    l->x = NULL;
    l->name = NULL;
}

/* ---- words ---- */

static const char *title_of(const struct timeline_of *t, const struct chart_panel *p)
{
    double busy = 0, span = p->x.high - p->x.low;
    char buf[40];
    for (size_t i = 0; i < t->n; i++) busy += t->span[i].to - t->span[i].from;
    double part = 100 * busy / (span * (double)t->n_rows);
    return arena_printf(t->arena, "%zu slot%s %s busy %.0f %% of %s", t->n_rows, words_s(t->n_rows),
                        t->n_rows == 1 ? "was" : "were", fmin(part, 100),
                        words_show_duration((int64_t)span, buf, sizeof buf));
}

enum status figure_timeline(const struct figure_wish *wish, struct arena *a, struct chart *ret, struct error *err)
{
    struct timeline_of *t = arena_alloc(a, sizeof *t);
    *t = (struct timeline_of){.s = wish->memory, .arena = a};
    t->open = arena_array(a, t->s->n + 1, sizeof *t->open);
    enum status st = store_events(t->s->store, t->s->study_id, -1, see, t, err);
    drop_imported(t);
    if (!st && t->n == 0)
        st = error_set(err, STATUS_NOT_FOUND, "a timeline needs a trial that was run; none of %zu was", t->s->n);
    if (!st) {
        lay_out(t);
        struct chart_panel *p = chart_panel(ret, a);
        p->x = (struct axis){.name = "local time", .unit = "", .scale = AXIS_CLOCK};
        p->y = (struct axis){.name = "", .unit = "", .scale = AXIS_ROWS, .n_rows = t->n_rows, .row = row_names(t)};
        draw(p, t);
        ret->title = title_of(t, p);
        ret->caption = arena_printf(
            a, "Each bar is an attempt: %zu, of %zu trials, in the first row that was free when it began.%s", t->n,
            t->s->n, t->crowded ? " More ran at once than there are rows; the last row has the rest." : "");
    }
    free(t->span);
    return st;
}
