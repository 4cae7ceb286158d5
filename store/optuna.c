#include "store/optuna.h"

#include <jansson.h>
#include <math.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

enum { OBJECTIVES_MAX = 16 };

struct reader {
    const char *path;
    sqlite3 *db;
    struct arena *arena;
    struct error *err;
};

static enum status failed(struct reader *r)
{
    return error_set(r->err, STATUS_INVALID, "%s: cannot be read as an Optuna database: %s", r->path,
                     sqlite3_errmsg(r->db));
}

/* A query about one id (0: none). NULL: failed. */
static sqlite3_stmt *ask(struct reader *r, const char *sql, int64_t id)
{
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(r->db, sql, -1, &q, NULL) != SQLITE_OK) {
        failed(r);
        return NULL;
    }
    if (sqlite3_bind_parameter_count(q) > 0) sqlite3_bind_int64(q, 1, id);
    return q;
}

static size_t count(struct reader *r, const char *sql, int64_t id)
{
    sqlite3_stmt *q = ask(r, sql, id);
    size_t n = q && sqlite3_step(q) == SQLITE_ROW ? (size_t)sqlite3_column_int64(q, 0) : 0;
    sqlite3_finalize(q);
    return n;
}

static const char *text(struct reader *r, sqlite3_stmt *q, int at)
{
    const char *t = (const char *)sqlite3_column_text(q, at);
    return arena_strdup(r->arena, t ? t : "");
}

static enum optuna_state state_of(const char *name)
{
    if (!name) return OPTUNA_FAIL;
    static const char *const names[] = {"RUNNING", "WAITING", "COMPLETE", "PRUNED", "FAIL"};
    for (int i = 0; i < 5; i++)
        if (strcmp(names[i], name) == 0) return (enum optuna_state)i;
    return OPTUNA_FAIL;
}

static enum status read_objectives(struct reader *r, int64_t id, struct optuna_study *s)
{
    sqlite3_stmt *q = ask(r, "SELECT direction FROM study_directions WHERE study_id = ?1 ORDER BY objective", id);
    if (!q) return STATUS_INVALID;
    while (sqlite3_step(q) == SQLITE_ROW && s->n_objectives < OBJECTIVES_MAX)
        s->maximize[s->n_objectives++] = strcmp(text(r, q, 0), "MAXIMIZE") == 0;
    sqlite3_finalize(q);
    return STATUS_OK;
}

/* The trials in order of their ids, which is how the other tables are walked, too. */
static enum status read_trials(struct reader *r, int64_t id, struct optuna_study *s, int64_t *ret_ids)
{
    sqlite3_stmt *q = ask(r,
                          "SELECT trial_id, number, state, "
                          "CAST((julianday(datetime_complete) - julianday(datetime_start)) * 86400000 AS INTEGER) "
                          "FROM trials WHERE study_id = ?1 ORDER BY trial_id",
                          id);
    if (!q) return STATUS_INVALID;
    for (size_t i = 0; i < s->n && sqlite3_step(q) == SQLITE_ROW; i++) {
        struct optuna_trial *t = &s->trial[i];
        ret_ids[i] = sqlite3_column_int64(q, 0);
        t->number = (long)sqlite3_column_int64(q, 1);
        t->state = state_of((const char *)sqlite3_column_text(q, 2));
        t->took_ms = sqlite3_column_int64(q, 3);
        t->n_values = s->n_objectives;
        t->value = arena_array(r->arena, s->n_objectives + 1, sizeof *t->value);
        for (size_t k = 0; k < s->n_objectives; k++) t->value[k] = NAN;
    }
    sqlite3_finalize(q);
    return STATUS_OK;
}

/* Walks a table ordered by trial id beside the trials. */
static enum status each_row(struct reader *r, const char *sql, int64_t study, const struct optuna_study *s,
                            const int64_t *ids, void (*row)(struct reader *, sqlite3_stmt *, struct optuna_trial *))
{
    sqlite3_stmt *q = ask(r, sql, study);
    size_t i = 0;
    if (!q) return STATUS_INVALID;
    while (sqlite3_step(q) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(q, 0);
        while (i < s->n && ids[i] < id) i++;
        if (i < s->n && ids[i] == id) row(r, q, &s->trial[i]);
    }
    sqlite3_finalize(q);
    return STATUS_OK;
}

/* Arrays grow when their length is a power of two, to twice of it. */
static void add_param(struct reader *r, sqlite3_stmt *q, struct optuna_trial *t)
{
    if ((t->n_params & (t->n_params - 1)) == 0) {
        struct optuna_param *bigger = arena_array(r->arena, 2 * t->n_params + 1, sizeof *bigger);
        if (t->n_params) memcpy(bigger, t->param, t->n_params * sizeof *bigger);
        t->param = bigger;
    }
    t->param[t->n_params++] = (struct optuna_param){text(r, q, 1), sqlite3_column_double(q, 2), text(r, q, 3)};
}

static void add_value(struct reader *r, sqlite3_stmt *q, struct optuna_trial *t)
{
    size_t objective = (size_t)sqlite3_column_int64(q, 1);
    (void)r;
    if (objective < t->n_values && sqlite3_column_type(q, 2) != SQLITE_NULL)
        t->value[objective] = sqlite3_column_double(q, 2);
}

static void add_step(struct reader *r, sqlite3_stmt *q, struct optuna_trial *t)
{
    if (sqlite3_column_type(q, 2) == SQLITE_NULL) return; /* NaN, infinite */
    if ((t->n_steps & (t->n_steps - 1)) == 0) {
        long *step = arena_array(r->arena, 2 * t->n_steps + 1, sizeof *step);
        double *value = arena_array(r->arena, 2 * t->n_steps + 1, sizeof *value);
        if (t->n_steps) memcpy(step, t->step, t->n_steps * sizeof *step);
        if (t->n_steps) memcpy(value, t->intermediate, t->n_steps * sizeof *value);
        t->step = step;
        t->intermediate = value;
    }
    t->step[t->n_steps] = (long)sqlite3_column_int64(q, 1);
    t->intermediate[t->n_steps++] = sqlite3_column_double(q, 2);
}

static void add_constraint(struct reader *r, struct optuna_trial *t, const char *name, const json_t *value)
{
    if (!json_is_number(value)) return;
    if ((t->n_constraints & (t->n_constraints - 1)) == 0) {
        struct optuna_constraint *bigger = arena_array(r->arena, 2 * t->n_constraints + 1, sizeof *bigger);
        if (t->n_constraints) memcpy(bigger, t->constraint, t->n_constraints * sizeof *bigger);
        t->constraint = bigger;
    }
    t->constraint[t->n_constraints++] = (struct optuna_constraint){name, json_number_value(value)};
}

/* "constraints:NAME" of Optuna 5, the list "constraints" of those before, "fixed_params" of enqueue_trial. */
static void add_attribute(struct reader *r, sqlite3_stmt *q, struct optuna_trial *t)
{
    static const char prefix[] = "constraints:";
    const char *key = text(r, q, 1), *value = text(r, q, 2);
    json_t *v = json_loads(value, JSON_DECODE_ANY, NULL);
    if (strcmp(key, "fixed_params") == 0) t->fixed = value;
    if (strncmp(key, prefix, sizeof prefix - 1) == 0) add_constraint(r, t, key + sizeof prefix - 1, v);
    for (size_t i = 0; strcmp(key, "constraints") == 0 && i < json_array_size(v); i++)
        add_constraint(r, t, arena_printf(r->arena, "%zu", i), json_array_get(v, i));
    json_decref(v);
}

static enum status read_metric_names(struct reader *r, int64_t id, struct optuna_study *s)
{
    sqlite3_stmt *q =
        ask(r, "SELECT value_json FROM study_system_attributes WHERE study_id = ?1 AND key = 'study:metric_names'", id);
    if (!q) return STATUS_INVALID;
    json_t *names = sqlite3_step(q) == SQLITE_ROW ? json_loads(text(r, q, 0), JSON_DECODE_ANY, NULL) : NULL;
    for (size_t i = 0; i < json_array_size(names) && i < s->n_objectives; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        s->metric_name[i] = name ? arena_strdup(r->arena, name) : NULL;
    }
    json_decref(names);
    sqlite3_finalize(q);
    return STATUS_OK;
}

static enum status read_study(struct reader *r, int64_t id, struct optuna_study *s)
{
    s->n = count(r, "SELECT count(*) FROM trials WHERE study_id = ?1", id);
    s->trial = arena_array(r->arena, s->n + 1, sizeof *s->trial);
    int64_t *ids = arena_array(r->arena, s->n + 1, sizeof *ids);
    enum status st = read_objectives(r, id, s);
    if (!st) st = read_metric_names(r, id, s);
    if (!st) st = read_trials(r, id, s, ids);
    if (!st)
        st = each_row(r,
                      "SELECT a.trial_id, key, value_json FROM trial_system_attributes AS a "
                      "JOIN trials AS t ON t.trial_id = a.trial_id WHERE t.study_id = ?1 AND "
                      "(key = 'fixed_params' OR key LIKE 'constraints%') ORDER BY a.trial_id, key",
                      id, s, ids, add_attribute);
    if (!st)
        st = each_row(r,
                      "SELECT p.trial_id, param_name, param_value, distribution_json FROM trial_params AS p "
                      "JOIN trials AS t ON t.trial_id = p.trial_id WHERE t.study_id = ?1 ORDER BY p.trial_id, param_id",
                      id, s, ids, add_param);
    if (!st)
        st = each_row(r,
                      "SELECT v.trial_id, objective, value FROM trial_values AS v "
                      "JOIN trials AS t ON t.trial_id = v.trial_id WHERE t.study_id = ?1 ORDER BY v.trial_id",
                      id, s, ids, add_value);
    if (!st)
        st = each_row(r,
                      "SELECT v.trial_id, step, intermediate_value FROM trial_intermediate_values AS v "
                      "JOIN trials AS t ON t.trial_id = v.trial_id WHERE t.study_id = ?1 ORDER BY v.trial_id, step",
                      id, s, ids, add_step);
    return st;
}

static enum status read_studies(struct reader *r, size_t *ret_n, struct optuna_study **ret)
{
    size_t capacity = count(r, "SELECT count(*) FROM studies", 0), n = 0;
    struct optuna_study *list = arena_array(r->arena, capacity + 1, sizeof *list);
    sqlite3_stmt *q = ask(r, "SELECT study_id, study_name FROM studies ORDER BY study_id", 0);
    enum status s = q ? STATUS_OK : STATUS_INVALID;
    while (!s && n < capacity && sqlite3_step(q) == SQLITE_ROW) {
        list[n].name = text(r, q, 1);
        s = read_study(r, sqlite3_column_int64(q, 0), &list[n++]);
    }
    sqlite3_finalize(q);
    if (s) return s;
    *ret_n = n;
    *ret = list;
    return STATUS_OK;
}

enum status optuna_read(const char *path, struct arena *arena, size_t *ret_n, struct optuna_study **ret,
                        struct error *err)
{
    struct reader r = {.path = path, .arena = arena, .err = err};
    if (access(path, F_OK) != 0) return error_set(err, STATUS_NOT_FOUND, "%s: no such file", path);
    enum status s = STATUS_OK;
    if (sqlite3_open_v2(path, &r.db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) s = failed(&r);
    if (!s) {
        sqlite3_busy_timeout(r.db, 10000);
        sqlite3_exec(r.db, "BEGIN", NULL, NULL, NULL); /* one snapshot, while Optuna may go on */
        s = read_studies(&r, ret_n, ret);
    }
    sqlite3_close(r.db);
    return s;
}
