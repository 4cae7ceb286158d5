#include "tuner/cli/watched.h"

#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 200, FAR_PATIENCE_S = 5, TAIL_LINES = 200, FIRST_EVENTS = 300, BEHIND_MS = 3000 };
enum { LEAST_DOCUMENT_MS = 1000, LEAST_HEALTH_MS = 5000, LEAST_CHART_MS = 3000, HEALTH_ANYWAY_MS = 30000, REST = 20 };

static int64_t now_mono(void)
{
    return clock_mono_ms(clock_real());
}

static int64_t now_wall(void)
{
    return clock_wall_ms(clock_real());
}

/* ---- pace ---- */

static bool is_due(const struct watched *w, const struct pace *p)
{
    if (p->seq < 0) return true;
    return now_mono() >= p->next_ms && (p->seq != w->study.memory->seq || p->reports != w->reports);
}

/* It was made, from `began` until now. */
static void take_time(const struct watched *w, struct pace *p, int64_t began, int64_t least)
{
    int64_t now = now_mono(), rest = REST * (now - began);
    *p = (struct pace){now + (rest > least ? rest : least), w->study.memory->seq, w->reports};
}

/* ---- what is made ---- */

static void forget(struct watched *w)
{
    w->document_pace.seq = w->health_pace.seq = -1;
    arena_done(&w->document_arena);
    arena_done(&w->health_arena);
    for (size_t i = 0; i < FIGURE_KINDS; i++) {
        arena_done(&w->chart[i].arena);
        w->chart[i].pace.seq = -1;
    }
    for (size_t i = 0; i < w->n_happened; i++) free(w->happened[i]);
    w->n_happened = 0;
    w->happened_seq = 0;
    w->loaded = w->study.loaded;
}

/* A first result, and the end, are told at once: an older document says what is not so. */
static int stage_of(const struct memory *s)
{
    return 2 * (int)s->phase + (memory_count(s, TRIAL_COMPLETE) > 0);
}

static void make_document(struct watched *w)
{
    int64_t began = now_mono();
    w->document_stage = stage_of(w->study.memory);
    arena_done(&w->document_arena);
    w->document = document_of(w->study.memory, &w->document_arena);
    take_time(w, &w->document_pace, began, LEAST_DOCUMENT_MS);
}

static void make_health(struct watched *w)
{
    int64_t began = now_mono();
    arena_done(&w->health_arena);
    cli_health(w->study.memory, w->running, &w->health_arena, &w->health);
    take_time(w, &w->health_pace, began, LEAST_HEALTH_MS);
}

/* What cannot be read now stays as it was drawn. */
static void make_chart(struct watched *w, enum figure_kind kind)
{
    struct watched_chart *x = &w->chart[kind];
    struct arena a = {0};
    struct chart c;
    struct error err;
    int64_t began = now_mono();
    bool first = x->pace.seq < 0;
    enum status st = figure_make(kind, &(struct figure_wish){.memory = w->study.memory}, &a, &c, &err);
    if (st != STATUS_OK && st != STATUS_NOT_FOUND && st != STATUS_INVALID && !first) {
        arena_done(&a);
    } else {
        arena_done(&x->arena);
        x->arena = a;
        x->chart = c;
        x->status = st;
        if (st) snprintf(x->why, sizeof x->why, "%s", err.text);
    }
    take_time(w, &x->pace, began, LEAST_CHART_MS);
}

/* ---- what happened ---- */

static void on_event(void *data, const struct store_event *e)
{
    struct watched *w = data;
    struct arena a = {0};
    const char *text = happening_text(w->study.memory, e, &a);
    w->happened_seq = e->seq;
    if (text && w->n_happened == WATCHED_HAPPENED) {
        free(w->happened[0]);
        memmove(w->happened, w->happened + 1, --w->n_happened * sizeof *w->happened);
    }
    if (text) w->happened[w->n_happened++] = must_strdup(text);
    arena_done(&a);
}

static void read_events(struct watched *w)
{
    const struct memory *s = w->study.memory;
    int64_t first = s->seq - FIRST_EVENTS > 0 ? s->seq - FIRST_EVENTS : 0;
    struct store_scan scan = {.study = s->study_id, .from = (w->happened_seq > first ? w->happened_seq : first) + 1};
    struct error ignored;
    if (w->happened_seq < s->seq) store_events_scan(w->study.store, &scan, on_event, w, &ignored);
}

/* ---- looking ---- */

static void note_reports(struct watched *w)
{
    const struct memory *s = w->study.memory;
    w->reports = 0;
    for (size_t i = 0; i < s->n_open; i++) w->reports += s->open[i]->attempt.reports;
}

/* A moment's lock is not worth a word. */
static void lose(struct watched *w, const struct error *err)
{
    bool brief = err->status == STATUS_BUSY && now_wall() - w->link.since_ms < BEHIND_MS;
    snprintf(w->why, sizeof w->why, "%s", err->text);
    w->link.why = w->why;
    if (!brief) w->link.sign = err->status == STATUS_BUSY ? WATCH_BEHIND : WATCH_LOST;
}

void watched_look(struct watched *w)
{
    struct error err;
    w->asks = true;
    enum status st = cli_refresh(&w->study, &err);
    w->asks = false;
    if (st) {
        lose(w, &err);
        return;
    }
    if (w->study.loaded != w->loaded) {
        forget(w);
        store_set_patience(w->study.store, PATIENCE_MS);
    }
    bool before = w->running;
    w->link = (struct watch_link){WATCH_LIVE, now_wall(), NULL};
    w->running = cli_is_running(&w->study);
    if (w->running != before) w->health_pace.seq = -1;
    note_reports(w);
    read_events(w);
    if (is_due(w, &w->document_pace) || w->document_stage != stage_of(w->study.memory)) make_document(w);
    if (is_due(w, &w->health_pace) || now_mono() >= w->health_pace.next_ms + HEALTH_ANYWAY_MS) make_health(w);
}

enum status watched_open(struct watched *w, const struct cli_common *c, const char *name, struct error *err)
{
    struct cli_common all = *c;
    *w = (struct watched){.where = "", .tail_of = -1};
    all.service.wish.depth = MIRROR_ALL; /* curves */
    enum status st = cli_open(&all, name, &w->study, err);
    if (st) return st;
    if (w->study.remote.caller) caller_set_patience(w->study.remote.caller, FAR_PATIENCE_S);
    store_set_patience(w->study.store, PATIENCE_MS);
    w->link.since_ms = now_wall();
    forget(w);
    watched_look(w);
    return STATUS_OK;
}

void watched_close(struct watched *w)
{
    forget(w);
    free(w->tail);
    cli_close(&w->study);
}

/* ---- what a trial prints ---- */

static void on_trial_event(void *data, const struct store_event *e)
{
    char **dir = data;
    json_t *body = e->kind == EVENT_LEASED ? json_loads(e->body, 0, NULL) : NULL;
    const char *text = json_string_value(json_object_get(body, "dir"));
    if (text) {
        free(*dir);
        *dir = must_strdup(text);
    }
    json_decref(body);
}

/* Of its last attempt. False: it has no folder here. */
static bool write_tail(const struct watched *w, long trial, FILE *out)
{
    const struct cli_study *s = &w->study;
    char *dir = NULL;
    struct error ignored;
    if (s->remote.caller) {
        cli_show_logs(out, s->remote.caller, s->study->name, trial, TAIL_LINES);
        return true;
    }
    store_events(s->store, s->memory->study_id, trial, on_trial_event, &dir, &ignored);
    bool here = dir != NULL;
    if (here) report_logs(out, dir, TAIL_LINES);
    free(dir);
    return here;
}

static void read_tail(struct watched *w, long trial)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    if (!out) return;
    w->asks = true;
    bool here = write_tail(w, trial, out);
    w->asks = false;
    fclose(out);
    free(w->tail);
    w->tail = here ? text : NULL;
    w->tail_of = trial;
    if (!here) free(text);
}

bool watched_lacks(const struct watched *w, const struct scene *scene)
{
    return scene->view == SCENE_LOG && w->tail_of != scene->chosen;
}

void watched_read(struct watched *w, const struct scene *scene)
{
    if (scene->view == SCENE_LOG)
        read_tail(w, scene->chosen);
    else
        w->tail_of = -1;
}

void watched_interrupt(struct watched *w)
{
    if (w->study.remote.caller) caller_interrupt(w->study.remote.caller);
}

/* ---- showing ---- */

static struct watch_chart shown(struct watched *w, enum figure_kind kind)
{
    struct watched_chart *x = &w->chart[kind];
    if (is_due(w, &x->pace)) make_chart(w, kind);
    return (struct watch_chart){kind, x->status ? NULL : &x->chart, x->status ? x->why : NULL};
}

/* An answer that is waited for is late: what is shown is as old as the last. */
static struct watch_link link_now(const struct watched *w)
{
    struct watch_link out = w->link;
    if (w->asks && out.sign == WATCH_LIVE && now_wall() - out.since_ms >= BEHIND_MS) out.sign = WATCH_BEHIND;
    return out;
}

struct watch_facts watched_facts(struct watched *w, const struct scene *scene)
{
    struct watch_facts x = {.memory = w->study.memory,
                            .link = link_now(w),
                            .running = w->running,
                            .where = w->where,
                            .document = w->document_pace.seq < 0 ? NULL : &w->document,
                            .health = w->health_pace.seq < 0 ? NULL : &w->health,
                            .n_happened = w->n_happened,
                            .happened = (const char *const *)w->happened};
    x.chart[0] = shown(w, scene->chart);
    for (size_t i = 1; i < WATCH_CHARTS; i++) x.chart[i] = shown(w, scene_other_chart(scene->chart, i - 1));
    x.tail = watched_lacks(w, scene) ? "…" : w->tail;
    return x;
}

const char *watched_where(const struct cli_common *c, struct arena *a)
{
    const struct cli_service *far = &c->service;
    if (far->url && far->token_file) return arena_printf(a, " --url %s --token-file %s", far->url, far->token_file);
    if (far->url) return arena_printf(a, " --url %s", far->url);
    return strcmp(c->db, "nocturne.db") == 0 || getenv("NOCTURNE_DB") ? "" : arena_printf(a, " --db %s", c->db);
}
