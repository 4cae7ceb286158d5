#include "tuner/history/open.h"

#include "tuner/history/append.h"
#include "tuner/history/internal.h"
#include "tuner/history/apply.h"
#include "tuner/history/curve.h"
#include "tuner/history/event_fast.h"
#include "tuner/history/seen.h"

#include "tuner/base/host.h"
#include "tuner/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct journal *history_journal(const struct history *s)
{
    return s->journal;
}

enum status history_flush(struct history *s, struct error *err)
{
    return journal_flush(s->journal, err);
}

/* ---- loading ---- */

struct loading {
    struct history *s;
    struct error *err;
    enum status status;
    int64_t until;
    bool stop;
};

static void on_event(void *data, const struct store_event *stored)
{
    struct loading *l = data;
    struct arena a = {0};
    struct event_fast fast;
    struct event e;
    json_t *body = NULL;
    bool simple = event_fast_read(stored, l->s->m.study, &fast, &e);
    l->status = simple ? STATUS_OK : event_read(stored, l->s->m.study, &a, &body, &e, l->err);
    if (!l->status) l->status = apply_event(l->s, &e, l->err);
    l->stop = l->status != STATUS_OK || stored->seq == l->until;
    json_decref(body);
    arena_done(&a);
}

struct last_report {
    struct history *s;
    struct trial *t;
};

static void on_last_report(void *data, const struct store_report *r)
{
    struct last_report *x = data;
    internal_hear(&x->t->attempt, r->number, r->after_ms);
    x->t->attempt.reports = r->number + 1;
    x->t->attempt.step = r->step;
    x->t->attempt.leased_ms = clock_mono_ms(x->s->m.clock) - r->after_ms; /* as long as it is known to have run */
    for (size_t i = 0; i < x->s->m.study->objective.n_metrics; i++) internal_numbers(x->t->attempt.last)[i] = NAN;
    for (size_t k = 0; k < r->n; k++) {
        int i = objective_find_metric(&x->s->m.study->objective, r->name[k]);
        if (i >= 0) internal_numbers(x->t->attempt.last)[i] = r->value[k];
    }
}

/* Of attempts that were running when the log ended. */
static enum status load_reports(struct history *s, struct error *err)
{
    enum status st = STATUS_OK;
    for (size_t i = 0; !st && i < s->open.n; i++) {
        struct last_report x = {s, s->open.at[i]};
        if (x.t->state == TRIAL_RUNNING || x.t->state == TRIAL_LEASED)
            st = store_reports(s->m.store, s->m.study_id, x.t->attempt.lease, on_last_report, &x, err);
    }
    return st;
}

/* A log that cannot be applied is damaged, whatever `apply` calls it. */
static enum status damaged(const struct memory *s, struct error *err)
{
    struct error inner = *err;
    return error_set(err, STATUS_IO, "%s: study '%s': %.800s", store_path(s->store), s->study->name, inner.text);
}

enum status history_load_until(struct history *s, int64_t until, struct error *err)
{
    struct loading l = {.s = s, .err = err, .until = until};
    enum status st =
        store_events_scan(s->m.store, &(struct store_scan){.study = s->m.study_id, .stop = &l.stop}, on_event, &l, err);
    if (!st) st = l.status;
    if (!st) st = load_reports(s, err);
    seen_close_holes(s);
    s->m.run.mono_ms = 0;
    return st ? damaged(&s->m, err) : STATUS_OK;
}

enum status history_catch_up(struct history *s, struct store *store, struct error *err)
{
    struct loading l = {.s = s, .err = err, .until = INT64_MAX};
    s->m.store = store;
    struct store_scan news = {.study = s->m.study_id, .from = s->m.seq + 1, .stop = &l.stop};
    enum status st = store_events_scan(store, &news, on_event, &l, err);
    s->m.run.mono_ms = 0;
    if (st) return st;
    return l.status ? damaged(&s->m, err) : STATUS_OK;
}

size_t history_bytes(const struct history *s)
{
    return arena_bytes(&s->arena) + (s->all.capacity + s->open.capacity + s->seen.capacity) * sizeof(struct trial *) +
           s->seen_capacity * sizeof *s->seen_row + (s->file ? strlen(s->file) : 0);
}

/* The state is kept while the study runs, and so knows better than the log how long that was. */
static void take_time(struct history *s, const char *state)
{
    json_t *kept = NULL;
    if (!state || json_parse_object(state, strlen(state), &kept, NULL)) return;
    const json_t *run = json_object_get(kept, "run");
    int64_t began = json_integer_value(json_object_get(run, "began_ms")),
            spent = json_integer_value(json_object_get(run, "spent_ms")),
            gone = json_integer_value(json_object_get(run, "gone_ms"));
    if (run && began == s->m.run.wall_ms && spent > s->m.run.spent_ms) s->m.run.spent_ms = spent;
    if (run && began == s->m.run.wall_ms && gone > s->m.run.gone_ms) s->m.run.gone_ms = gone;
    json_decref(kept);
}

enum status history_load_reports(struct history *s, struct store *store, struct error *err)
{
    struct arena a = {0};
    struct store_study row;
    s->m.store = store;
    enum status st = load_reports(s, err);
    if (!st) st = store_study_find(store, s->m.study->name, &a, &row, err);
    if (!st) take_time(s, row.state);
    arena_done(&a);
    return st;
}

/* ---- opening ---- */

static struct history *history_alloc(struct store *store, const struct study *study, const struct clock *clock)
{
    struct history *s = must_alloc(1, sizeof *s);
    s->m.store = store;
    s->m.study = study;
    s->m.clock = clock;
    s->m.run.budget.until_minutes = s->m.run.given.until_minutes = -1;
    s->m.phase = STUDY_OPEN;
    return s;
}

static void adopt(struct history *s, int64_t id, uint64_t seed)
{
    s->m.study_id = id;
    s->m.seed = seed;
    s->journal = journal_create(s->m.store, id);
}

struct history *history_bare(struct store *store, const struct study *study, int64_t id, uint64_t seed,
                             const struct clock *clock)
{
    struct history *s = history_alloc(store, study, clock);
    adopt(s, id, seed);
    return s;
}

void history_free(struct history *s)
{
    if (!s) return;
    journal_free(s->journal);
    for (size_t i = 0; i < s->all.n; i++) {
        json_decref(s->all.at[i]->params);
        json_decref(s->all.at[i]->extra);
    }
    free(s->all.at);
    free(s->open.at);
    free(s->seen.at);
    free(s->seen_row);
    curve_free(s);
    for (size_t i = 0; i < s->products.n; i++) free(s->products.all[i]);
    free(s->products.all);
    free(s->products.slot);
    free(s->stage_row);
    free(s->file);
    free(s->name);
    arena_done(&s->arena);
    free(s);
}

void history_suppose(struct history *s, const struct budget *budget, size_t slots)
{
    s->m.run = (struct run){.budget = *budget,
                            .given = s->m.run.given,
                            .slots = slots,
                            .mono_ms = clock_mono_ms(s->m.clock),
                            .wall_ms = clock_wall_ms(s->m.clock)};
}

/* The first trial of the role with this configuration, any configuration if NULL; NULL if there is none. */
static const struct trial *find_given(const struct memory *s, enum trial_role role, const double *config)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        size_t size = s->study->space.n * sizeof *config;
        if (t->role == role && (!config || memcmp(t->config, config, size) == 0)) return t;
    }
    return NULL;
}

static enum status check_baseline(const struct memory *s, struct error *err)
{
    const struct study *study = s->study;
    const struct trial *t = study->baseline ? find_given(s, ROLE_BASELINE, NULL) : NULL;
    if (!t || t == find_given(s, ROLE_BASELINE, study->baseline)) return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "%s: the baseline differs from trial %ld, with which study '%s' in %s began; give the study "
                     "another name ('warm_start: [%s]' keeps what was learnt), or choose another file with --db",
                     study->path, t->number, study->name, store_path(s->store), study->name);
}

/* The baseline and those references of the study file that are not there yet. */
static enum status add_given_trials(struct history *s, struct error *err)
{
    const struct study *study = s->m.study;
    enum status st = check_baseline(&s->m, err);
    if (st) return st;
    if (study->baseline && !find_given(&s->m, ROLE_BASELINE, NULL))
        history_add(s, &(struct addition){.role = ROLE_BASELINE, .config = study->baseline, .source = "baseline"});
    for (size_t i = 0; i < study->n_references; i++)
        if (!find_given(&s->m, ROLE_REFERENCE, study->reference[i].config))
            history_add(s, &(struct addition){.role = ROLE_REFERENCE,
                                              .config = study->reference[i].config,
                                              .source = study->reference[i].name});
    return STATUS_OK;
}

/* Absolute, so that 'resume' finds the file from anywhere. In the arena. */
static char *full_path(const struct study *study, struct arena *arena)
{
    const char *slash = strrchr(study->path, '/');
    return arena_printf(arena, "%s/%s", study->dir, slash ? slash + 1 : study->path);
}

static enum status create(struct history *s, uint64_t seed, const char *identity, struct error *err)
{
    const struct study *study = s->m.study;
    struct arena arena = {0};
    int64_t id;
    struct store_study row = {.name = study->name,
                              .path = full_path(study, &arena),
                              .file = study->text,
                              .identity = identity,
                              .seed = seed,
                              .created_ms = clock_wall_ms(s->m.clock)};
    enum status st = store_study_before(s->m.store, study->name, &s->m.seq, err);
    if (!st) st = store_study_insert(s->m.store, &row, &id, err);
    if (!st) adopt(s, id, seed);
    s->m.opened.fresh = !st;
    arena_done(&arena);
    return st;
}

static void compare_objective(struct history *s, const struct study *before)
{
    const char *text = study_objective_compare(before, s->m.study, &s->arena);
    if (*text)
        s->m.opened.rejudged =
            arena_printf(&s->arena, "%s: all trials are ranked anew by what the study file says now", text);
}

static struct budget budget_beside(const struct budget *last, const struct budget *filed)
{
    return (struct budget){.trials = last->trials != filed->trials ? last->trials : 0,
                           .tokens = last->tokens != filed->tokens ? last->tokens : 0,
                           .cost = last->cost != filed->cost ? last->cost : 0,
                           .wall_ms = last->wall_ms != filed->wall_ms ? last->wall_ms : 0,
                           .until_minutes = last->until_minutes != filed->until_minutes ? last->until_minutes : -1};
}

/* A file of then that cannot be read any more tells nothing. */
static void compare_file(struct history *s, const struct store_study *f)
{
    struct study *before = NULL;
    struct error ignored;
    if (study_parse(f->path, f->file, strlen(f->file), &before, &ignored)) return;
    compare_objective(s, before);
    if (s->m.run.wall_ms && !s->m.run.probe) s->m.run.given = budget_beside(&s->m.run.budget, &before->budget);
    study_free(before);
}

static enum status resume(struct history *s, const struct store_study *f, const char *identity, struct error *err)
{
    const struct study *study = s->m.study;
    struct error inner;
    const char *changes = "";
    adopt(s, f->id, f->seed);
    if (study_identity_compare(f->identity, identity, &s->arena, &changes, &inner))
        return error_set(err, STATUS_INVALID,
                         "%s: %.200s: that is not what study '%s' in %s began with; give the study another name, or "
                         "choose another file with --db",
                         study->path, inner.text, study->name, store_path(s->m.store));
    if (*changes) s->m.opened.changes = changes;
    enum status st = history_load_until(s, INT64_MAX, err);
    if (st) return st;
    take_time(s, f->state);
    compare_file(s, f);
    return STATUS_OK;
}

/* The row of a study and its first events are two transactions: a crash between them leaves a row that is no study yet.
 */
static enum status find(struct history *s, struct store_study *ret, struct error *err)
{
    int64_t last = 0;
    enum status st = store_study_find(s->m.store, s->m.study->name, &s->arena, ret, err);
    if (!st) st = store_last_event(s->m.store, ret->id, &last, err);
    if (st || last > 0) return st;
    st = store_study_delete(s->m.store, ret->id, err);
    return st ? st
              : error_set(err, STATUS_NOT_FOUND, "%s: study '%s' was never begun", store_path(s->m.store),
                          s->m.study->name);
}

/* What has not run yet and lies outside now will not be run. */
static enum status drop_outside(struct history *s, struct error *err)
{
    enum status st = STATUS_OK;
    for (size_t i = s->open.n; !st && i-- > 0;) {
        struct trial *t = s->open.at[i];
        if (t->outside)
            st = history_finish(s, t, &(struct ending){.state = TRIAL_CANCELLED, .reason = t->outside}, err);
    }
    return st;
}

/* How far the earlier studies have come: what they know now is what this run knows of them. A study that is not there
 * is reported by warm_start_load. */
static void note_warm(struct history *s, struct event_opened *e)
{
    struct error ignored;
    for (size_t i = 0; i < s->m.study->warm.n; i++, e->n_warm++) {
        struct store_study other;
        if (store_study_find(s->m.store, s->m.study->warm.text[i], &s->arena, &other, &ignored) == STATUS_OK)
            store_last_event(s->m.store, other.id, &e->warm_seq[i], &ignored);
    }
}

/* A run that its process did not end goes on: its time is not given again. What a person starts anew has its moment
 * (`until`) anew; what goes on by itself keeps it. */
static void note_time(const struct memory *s, const struct opening *opening, int64_t now_ms, struct event_opened *e)
{
    bool cut = s->run.wall_ms && (s->phase == STUDY_OPEN || s->phase == STUDY_PAUSED);
    if (!cut || !opening->budget) return;
    e->spent_ms = s->run.spent_ms;
    if (!opening->goes_on) return;
    int64_t gone_ms = now_ms - s->run.wall_ms;
    e->began_ms = s->run.wall_ms;
    e->gone_ms = gone_ms > s->run.gone_ms ? gone_ms : s->run.gone_ms;
}

/* The event that says who has the study now, and the row that says what it is. */
static enum status log_opening(struct history *s, const struct opening *opening, const char *identity,
                               struct error *err)
{
    char host[HOST_TEXT_MAX], boot[HOST_TEXT_MAX];
    struct event e = history_next(s, EVENT_OPENED, NULL);
    bool same = s->file && strcmp(s->file, s->m.study->text) == 0;
    e.opened = (struct event_opened){.host = host_name(host),
                                     .boot = host_boot(boot),
                                     .pid = getpid(),
                                     .path = full_path(s->m.study, &s->arena),
                                     .file = same ? NULL : s->m.study->text,
                                     .budget = opening->budget,
                                     .probe = opening->probe,
                                     .slots = opening->slots};
    for (size_t i = 0; opening->print && i < s->m.study->pipeline.n; i++) e.opened.print[i] = opening->print[i];
    note_time(&s->m, opening, e.at_ms, &e.opened);
    note_warm(s, &e.opened);
    journal_study(s->journal, e.opened.path, s->m.study->text, identity);
    return history_append(s, &e, err);
}

enum status history_open(struct store *store, const struct study *study, const struct opening *opening,
                         const struct clock *clock, struct history **ret, struct error *err)
{
    struct history *s = history_alloc(store, study, clock);
    struct store_study f;
    char *identity = study_identity(study);
    enum status st = find(s, &f, err);
    if (st == STATUS_NOT_FOUND)
        st = create(s, opening->seed, identity, err);
    else if (!st)
        st = resume(s, &f, identity, err);
    s->on_behalf_of = opening->token;
    if (!st) st = drop_outside(s, err);
    if (!st) st = log_opening(s, opening, identity, err);
    if (!st) st = add_given_trials(s, err);
    s->on_behalf_of = NULL;
    if (!st) st = history_flush(s, err);
    if (!st) st = curve_load(s, err);
    free(identity);
    if (st)
        history_free(s);
    else
        *ret = s;
    return st;
}

enum status history_peek(struct store *store, const struct study *study, const struct clock *clock,
                         struct history **ret, struct error *err)
{
    struct history *s = history_alloc(store, study, clock);
    struct store_study f;
    char *identity = study_identity(study);
    enum status st = store_study_find(store, study->name, &s->arena, &f, err);
    if (st == STATUS_NOT_FOUND)
        adopt(s, 0, study->seed), st = STATUS_OK;
    else if (!st)
        st = resume(s, &f, identity, err);
    if (!st) st = check_baseline(&s->m, err);
    free(identity);
    if (st)
        history_free(s);
    else
        *ret = s;
    return st;
}

enum status history_load(struct store *store, const char *name, const struct clock *clock, struct study **ret_study,
                         struct history **ret, struct error *err)
{
    struct arena arena = {0};
    struct store_study f;
    struct study *study = NULL;
    struct history *s = NULL;
    enum status st = store_study_find(store, name, &arena, &f, err);
    if (!st) st = study_parse(f.path, f.file, strlen(f.file), &study, err);
    if (!st) {
        s = history_bare(store, study, f.id, f.seed, clock);
        st = history_load_until(s, INT64_MAX, err);
    }
    if (!st) take_time(s, f.state);
    arena_done(&arena);
    if (st) {
        history_free(s);
        study_free(study);
        return st;
    }
    *ret_study = study;
    *ret = s;
    return STATUS_OK;
}
