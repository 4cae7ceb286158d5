#include "tuner/coordinator/session.h"

#include "tuner/base/json.h"
#include "tuner/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const roles[] = {"baseline", "reference", "search", "enqueued", "confirm"};

const char *trial_role_name(enum trial_role role)
{
    return roles[role];
}

static enum trial_role role_parse(const char *name)
{
    size_t i = 0;
    while (i < ROLE_CONFIRM && strcmp(roles[i], name) != 0) i++;
    return (enum trial_role)i;
}

/* ---- trials in memory ---- */

static struct trial *append(struct session *s)
{
    if (s->n == s->room) {
        s->room = s->room ? 2 * s->room : 64;
        s->trial = must_grow(s->trial, s->room, sizeof(struct trial *));
    }
    return s->trial[s->n++] = must_alloc(1, sizeof(struct trial));
}

static void trial_free(struct trial *t)
{
    free(t->source);
    free(t->reason);
    free(t->outside);
    json_decref(t->params);
    json_decref(t->metrics);
    free(t);
}

static void read_values(const struct session *s, const json_t *metrics, double *ret)
{
    for (size_t i = 0; i < s->study->objective.n_metrics; i++) {
        const json_t *v = metrics ? json_object_get(metrics, s->study->objective.metric[i].name) : NULL;
        ret[i] = json_is_number(v) ? json_number_value(v) : NAN;
    }
}

struct trial *session_trial(const struct session *s, long number)
{
    return number >= 0 && (size_t)number < s->n ? s->trial[number] : NULL;
}

bool session_is_searched(const struct trial *t)
{
    return t->role != ROLE_CONFIRM && t->state != TRIAL_CANCELLED;
}

size_t session_count(const struct session *s, enum trial_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) n += s->trial[i]->state == state;
    return n;
}

const double *session_baseline(const struct session *s)
{
    return s->baseline_runs ? s->baseline : NULL;
}

/* A Pareto study without a baseline compares with the first trial that was told. */
static void choose_stand_in(struct session *s, const struct trial *t)
{
    if (s->study->baseline || s->study->objective.form != OBJECTIVE_PARETO || t->state != TRIAL_COMPLETE) return;
    if (!s->stand_in || t->told < s->stand_in->told) s->stand_in = t;
}

static bool runs_baseline(const struct session *s, const struct trial *t)
{
    if (t == s->stand_in) return true;
    return t->role == ROLE_BASELINE || (t->role == ROLE_CONFIRM && s->trial[t->confirms]->role == ROLE_BASELINE);
}

/* In order of the trials' numbers, so that the sum has the same last bit after a restart. */
static void update_baseline(struct session *s)
{
    size_t n = 0;
    for (size_t k = 0; k < METRICS_MAX; k++) s->baseline[k] = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (t->state != TRIAL_COMPLETE || !runs_baseline(s, t)) continue;
        n++;
        for (size_t k = 0; k < s->study->objective.n_metrics; k++)
            s->baseline[k] += (t->value[k] - s->baseline[k]) / (double)n;
    }
    s->baseline_runs = n;
}

uint64_t session_trial_seed(const struct session *s, long number)
{
    struct rng rng = rng_derive(s->seed, "trial", (uint64_t)number);
    return rng_bits(&rng) >> 33;
}

struct search_history session_history(const struct session *s, struct arena *arena)
{
    size_t d = s->study->space.n, m = s->study->objective.n_metrics;
    struct search_trial *list = arena_array(arena, s->n, sizeof *list);
    struct search_history h = {.trial = list};
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (t->state == TRIAL_CANCELLED || t->outside) continue;
        struct search_trial *out = &list[h.n++];
        double *config = arena_array(arena, d, sizeof *config), *value = arena_array(arena, m, sizeof *value);
        memcpy(config, t->config, d * sizeof *config);
        memcpy(value, t->value, m * sizeof *value);
        out->config = config;
        out->metrics = value;
        out->told = t->told;
        out->outcome = t->state == TRIAL_COMPLETE                                 ? SEARCH_COMPLETE
                       : t->state == TRIAL_FAILED || t->state == TRIAL_INFEASIBLE ? SEARCH_FAILED
                                                                                  : SEARCH_PENDING;
    }
    const double *baseline = session_baseline(s);
    if (baseline) {
        double *copy = arena_array(arena, m, sizeof *copy);
        h.baseline = memcpy(copy, baseline, m * sizeof *copy);
    }
    return h;
}

/* ---- opening ---- */

struct loading {
    struct session *s;
    struct error *err;
    enum status status;
};

static void place(struct session *s, struct trial *t, const json_t *params)
{
    struct error why;
    if (space_from_json(&s->study->space, params, t->config, &why) == STATUS_OK) return;
    t->outside = must_strdup(why.text);
    t->params = json_deep_copy(params);
    for (size_t i = 0; i < s->study->space.n; i++) t->config[i] = NAN;
    s->outside++;
}

static void on_trial(void *data, const struct store_trial *row)
{
    struct loading *l = data;
    struct session *s = l->s;
    json_t *params = NULL;
    if (l->status) return;
    struct trial *t = append(s);
    t->id = row->id;
    t->number = row->number;
    t->role = role_parse(row->role);
    t->seed = row->seed;
    t->confirms = row->confirms;
    t->source = must_strdup(row->source);
    t->reason = row->reason ? must_strdup(row->reason) : NULL;
    t->created_ms = row->created_ms;
    t->finished_ms = row->finished_ms;
    t->told = row->told;
    if (t->told >= s->told) s->told = t->told + 1;
    if (!trial_state_parse(row->state, &t->state) || t->number != (long)s->n - 1)
        l->status = error_set(l->err, STATUS_IO, "trial %ld is stored in an unknown way", row->number);
    if (!l->status) l->status = json_parse_object(row->params, strlen(row->params), &params, l->err);
    if (!l->status && (t->confirms < -1 || t->confirms >= t->number))
        l->status = error_set(l->err, STATUS_IO, "it confirms a trial that does not exist");
    if (!l->status) place(s, t, params);
    if (!l->status && row->metrics)
        l->status = json_parse_object(row->metrics, strlen(row->metrics), &t->metrics, l->err);
    read_values(s, t->metrics, t->value);
    read_values(s, NULL, t->last);
    json_decref(params);
    if (l->status) error_context(l->err, "trial %ld", row->number);
}

static void on_attempt(void *data, const struct store_attempt *row)
{
    struct trial *t = data;
    t->attempts = row->number;
    t->attempt_id = row->id;
    t->started_ms = row->started_ms;
    if (row->outcome && strcmp(row->outcome, "crashed") == 0) t->crashes++;
}

static enum status load_trials(struct session *s, struct error *err)
{
    struct loading l = {s, err, STATUS_OK};
    enum status st = store_trials(s->store, s->study_id, on_trial, &l, err);
    if (!st) st = l.status;
    for (size_t i = 0; !st && i < s->n; i++)
        st = store_attempts(s->store, s->trial[i]->id, on_attempt, s->trial[i], err);
    for (size_t i = 0; !st && i < s->n; i++) choose_stand_in(s, s->trial[i]);
    if (!st) update_baseline(s);
    return st;
}

struct found {
    int64_t id;
    uint64_t seed;
    char phase[16];
    char *identity, *file, *path;
};

static void on_study(void *data, const struct store_study *row)
{
    struct found *f = data;
    f->id = row->id;
    f->seed = row->seed;
    snprintf(f->phase, sizeof f->phase, "%s", row->phase);
    f->identity = must_strdup(row->identity);
    f->file = must_strdup(row->file);
    f->path = must_strdup(row->path);
}

static void found_done(struct found *f)
{
    free(f->identity);
    free(f->file);
    free(f->path);
}

static struct session *session_alloc(struct store *store, const struct study *study, const struct clock *clock)
{
    struct session *s = must_alloc(1, sizeof *s);
    s->store = store;
    s->study = study;
    s->clock = clock;
    return s;
}

static void adopt(struct session *s, const struct found *f)
{
    s->study_id = f->id;
    s->seed = f->seed;
    memcpy(s->phase, f->phase, sizeof s->phase);
}

void session_free(struct session *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->n; i++) trial_free(s->trial[i]);
    free(s->trial);
    free(s->changes);
    arena_done(&s->arena);
    free(s);
}

/* The first trial of the role with this configuration, any configuration if NULL; NULL if there is none. */
static struct trial *find_given(const struct session *s, enum trial_role role, const double *config)
{
    for (size_t i = 0; i < s->n; i++) {
        struct trial *t = s->trial[i];
        size_t size = s->study->space.n * sizeof *config;
        if (t->role == role && (!config || memcmp(t->config, config, size) == 0)) return t;
    }
    return NULL;
}

/* The baseline and those references of the study file that are not there yet. */
static enum status add_given_trials(struct session *s, struct error *err)
{
    const struct study *study = s->study;
    struct trial *t = find_given(s, ROLE_BASELINE, NULL);
    enum status st = STATUS_OK;
    if (study->baseline && t && t != find_given(s, ROLE_BASELINE, study->baseline))
        return error_set(err, STATUS_INVALID,
                         "%s: the baseline differs from trial %ld, with which study '%s' in %s began; give the study "
                         "another name, or choose another file with --db",
                         study->path, t->number, study->name, store_path(s->store));
    if (study->baseline && !t)
        st = session_add(s, ROLE_BASELINE, TRIAL_QUEUED, study->baseline, "baseline", -1, 0, &t, err);
    for (size_t i = 0; !st && i < study->n_references; i++)
        if (!find_given(s, ROLE_REFERENCE, study->reference[i].config))
            st = session_add(s, ROLE_REFERENCE, TRIAL_QUEUED, study->reference[i].config, study->reference[i].name, -1,
                             0, &t, err);
    return st;
}

/* Absolute, so that 'resume' finds the file from anywhere. In the arena. */
static char *full_path(const struct study *study, struct arena *arena)
{
    const char *slash = strrchr(study->path, '/');
    return arena_printf(arena, "%s/%s", study->dir, slash ? slash + 1 : study->path);
}

static enum status create(struct session *s, const char *identity, struct error *err)
{
    const struct study *study = s->study;
    struct arena arena = {0};
    struct store_study row = {.name = study->name,
                              .path = full_path(study, &arena),
                              .file = study->text,
                              .identity = identity,
                              .phase = "open",
                              .seed = s->seed,
                              .created_ms = clock_wall_ms(s->clock)};
    snprintf(s->phase, sizeof s->phase, "open");
    enum status st = store_begin(s->store, err);
    if (!st) st = store_study_insert(s->store, &row, &s->study_id, err);
    if (!st) st = add_given_trials(s, err);
    if (!st) st = store_commit(s->store, err);
    if (st) store_rollback(s->store);
    arena_done(&arena);
    return st;
}

/* What has not run yet and lies outside now will not be run. */
static enum status drop_outside(struct session *s, struct error *err)
{
    enum status st = STATUS_OK;
    for (size_t i = 0; !st && i < s->n; i++) {
        struct trial *t = s->trial[i];
        if (t->outside && !trial_state_final(t->state))
            st = session_finish(s, t, TRIAL_CANCELLED, NULL, t->outside, err);
    }
    return st;
}

static enum status resume(struct session *s, const struct found *f, const char *identity, struct error *err)
{
    const struct study *study = s->study;
    struct arena arena = {0};
    struct error inner;
    const char *changes = "";
    adopt(s, f);
    if (study_identity_compare(f->identity, identity, &arena, &changes, &inner)) {
        arena_done(&arena);
        return error_set(err, STATUS_INVALID,
                         "%s: %.200s: that is not what study '%s' in %s began with; give the study another name, or "
                         "choose another file with --db",
                         study->path, inner.text, study->name, store_path(s->store));
    }
    if (*changes) s->changes = must_strdup(changes);
    enum status st = load_trials(s, err);
    if (!st) st = drop_outside(s, err);
    if (!st) st = add_given_trials(s, err);
    if (!st) st = store_study_update(s->store, s->study_id, full_path(study, &arena), study->text, identity, err);
    arena_done(&arena);
    return st;
}

enum status session_open(struct store *store, const struct study *study, uint64_t seed, const struct clock *clock,
                         struct session **ret, struct error *err)
{
    struct session *s = session_alloc(store, study, clock);
    struct found f = {0};
    char *identity = study_identity(study);
    s->seed = seed;
    enum status st = store_study_find(store, study->name, on_study, &f, err);
    if (st == STATUS_NOT_FOUND)
        st = create(s, identity, err);
    else if (!st)
        st = resume(s, &f, identity, err);
    free(identity);
    found_done(&f);
    if (st)
        session_free(s);
    else
        *ret = s;
    return st;
}

enum status session_load(struct store *store, const char *name, const struct clock *clock, struct study **ret_study,
                         struct session **ret, struct error *err)
{
    struct found f = {0};
    struct study *study = NULL;
    struct session *s = NULL;
    enum status st = store_study_find(store, name, on_study, &f, err);
    if (!st) st = study_parse(f.path, f.file, strlen(f.file), &study, err);
    if (!st) {
        s = session_alloc(store, study, clock);
        adopt(s, &f);
        st = load_trials(s, err);
    }
    found_done(&f);
    if (st) {
        session_free(s);
        study_free(study);
        return st;
    }
    *ret_study = study;
    *ret = s;
    return STATUS_OK;
}

enum status session_recover(struct session *s, struct error *err)
{
    enum status st = store_begin(s->store, err);
    for (size_t i = 0; !st && i < s->n; i++) {
        struct trial *t = s->trial[i];
        if (t->state != TRIAL_LEASED && t->state != TRIAL_RUNNING) continue;
        if (t->attempts > 0)
            st = store_attempt_finish(s->store, t->attempt_id, "lost", "the coordinator ended before it did",
                                      clock_wall_ms(s->clock), err);
        if (!st) st = session_move(s, t, TRIAL_QUEUED, err);
    }
    if (!st) st = store_commit(s->store, err);
    if (st) store_rollback(s->store);
    return st;
}

/* ---- changing ---- */

enum status session_add(struct session *s, enum trial_role role, enum trial_state state, const double *config,
                        const char *source, long confirms, uint64_t seed, struct trial **ret, struct error *err)
{
    json_t *params = space_to_json(&s->study->space, config);
    char *text = json_exact(params);
    struct store_trial row = {.study = s->study_id,
                              .number = (long)s->n,
                              .role = roles[role],
                              .state = trial_state_name(state),
                              .params = text,
                              .source = source,
                              .seed = seed ? seed : session_trial_seed(s, (long)s->n),
                              .confirms = confirms,
                              .created_ms = clock_wall_ms(s->clock)};
    enum status st = store_trial_insert(s->store, &row, &row.id, err);
    if (!st) {
        struct trial *t = append(s);
        t->id = row.id;
        t->number = row.number;
        t->role = role;
        t->state = state;
        t->seed = row.seed;
        t->confirms = confirms;
        t->told = -1;
        t->source = must_strdup(source);
        t->created_ms = row.created_ms;
        memcpy(t->config, config, s->study->space.n * sizeof *config);
        read_values(s, NULL, t->value);
        read_values(s, NULL, t->last);
        *ret = t;
    }
    free(text);
    json_decref(params);
    return st;
}

static enum status check_move(const struct trial *t, enum trial_state to, struct error *err)
{
    if (trial_state_may(t->state, to)) return STATUS_OK;
    return error_set(err, STATUS_INVALID, "trial %ld is %s and cannot become %s", t->number, trial_state_name(t->state),
                     trial_state_name(to));
}

enum status session_move(struct session *s, struct trial *t, enum trial_state to, struct error *err)
{
    enum status st = check_move(t, to, err);
    if (!st) st = store_trial_set_state(s->store, t->id, trial_state_name(t->state), trial_state_name(to), err);
    if (!st) t->state = to;
    return st;
}

static enum status check_complete(const struct session *s, const double *value, struct error *err)
{
    const struct objective *o = &s->study->objective;
    for (size_t i = 0; i < o->n_metrics; i++)
        if (objective_uses(o, i) && !isfinite(value[i]))
            return error_set(err, STATUS_INVALID, "the metric '%s' is missing or not a finite number",
                             o->metric[i].name);
    return STATUS_OK;
}

enum status session_finish(struct session *s, struct trial *t, enum trial_state to, const json_t *metrics,
                           const char *reason, struct error *err)
{
    double value[METRICS_MAX];
    char *text = metrics ? json_exact(metrics) : NULL;
    int64_t now = clock_wall_ms(s->clock);
    read_values(s, metrics, value);
    enum status st = check_move(t, to, err);
    if (!st && to == TRIAL_COMPLETE) st = check_complete(s, value, err);
    if (!st)
        st = store_trial_finish(s->store, t->id, trial_state_name(t->state), trial_state_name(to), text, reason,
                                s->told, now, err);
    if (!st) {
        t->state = to;
        t->finished_ms = now;
        t->told = s->told++;
        t->metrics = metrics ? json_deep_copy(metrics) : NULL;
        t->reason = reason ? must_strdup(reason) : NULL;
        memcpy(t->value, value, sizeof value);
        choose_stand_in(s, t);
        if (runs_baseline(s, t)) update_baseline(s);
    }
    free(text);
    return st;
}

enum status session_set_phase(struct session *s, const char *phase, struct error *err)
{
    enum status st = store_study_set_phase(s->store, s->study_id, phase, err);
    if (!st) snprintf(s->phase, sizeof s->phase, "%s", phase);
    return st;
}

enum status session_attempt_begin(struct session *s, struct trial *t, const char *dir, struct error *err)
{
    int64_t now = clock_wall_ms(s->clock);
    enum status st = store_begin(s->store, err);
    if (!st) st = session_move(s, t, TRIAL_LEASED, err);
    if (!st) st = store_attempt_insert(s->store, t->id, t->attempts + 1, dir, now, &t->attempt_id, err);
    if (!st) st = store_commit(s->store, err);
    if (st) {
        store_rollback(s->store);
        return st;
    }
    t->attempts++;
    t->started_ms = now;
    t->reports = 0;
    read_values(s, NULL, t->last);
    return STATUS_OK;
}

enum status session_attempt_end(struct session *s, struct trial *t, const char *outcome, const char *reason,
                                struct error *err)
{
    if (strcmp(outcome, "crashed") == 0) t->crashes++;
    return store_attempt_finish(s->store, t->attempt_id, outcome, reason, clock_wall_ms(s->clock), err);
}

enum status session_report(struct session *s, struct trial *t, long step, const json_t *metrics, struct error *err)
{
    char *text = json_exact(metrics);
    enum status st = STATUS_OK;
    if (t->attempts == 0) { /* a trial of advise: its client runs it */
        t->attempts = 1;
        st = store_attempt_insert(s->store, t->id, 1, "", clock_wall_ms(s->clock), &t->attempt_id, err);
    }
    if (!st) st = store_report_insert(s->store, t->attempt_id, &(struct store_report){t->reports, step, text}, err);
    free(text);
    if (st) return st;
    t->reports++;
    t->step = step;
    read_values(s, metrics, t->last);
    return STATUS_OK;
}
