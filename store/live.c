#include "store/statement.h"

#include <string.h>

enum status store_live(struct store *store, enum status (*change)(struct store *store, void *data, struct error *err),
                       void *data, struct error *err)
{
    enum status s = store_begin(store, err);
    if (!s) s = change(store, data, err);
    if (!s) s = store_commit(store, err);
    if (!s) s = store_check_ground(store, err);
    if (s) store_rollback(store);
    return s;
}

/* ---- configurations ---- */

enum status store_configuration_put(struct store *store, const unsigned char hash[STORE_HASH_BYTES], const char *body,
                                    struct error *err)
{
    static const char sql[] = "INSERT OR IGNORE INTO configuration (hash, body) VALUES (?1, ?2)";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_blob(q, 1, hash, STORE_HASH_BYTES);
    statement_text(q, 2, body);
    statement_row(q);
    return statement_end(q, err);
}

enum status store_configuration(struct store *store, const unsigned char hash[STORE_HASH_BYTES], struct arena *arena,
                                const char **ret, struct error *err)
{
    static const char sql[] = "SELECT body FROM configuration WHERE hash = ?1";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_blob(q, 1, hash, STORE_HASH_BYTES);
    bool found = statement_row(q);
    if (found) *ret = arena_strdup(arena, column_text(q, 0));
    enum status s = statement_end(q, err);
    return s || found ? s : error_set(err, STATUS_NOT_FOUND, "there is no configuration with this hash");
}

/* ---- rollouts ---- */

static void read_rollout(struct statement *q, struct arena *arena, struct store_rollout *ret)
{
    size_t n;
    *ret = (struct store_rollout){.id = column_int(q, 0),
                                  .name = arena_strdup(arena, column_text(q, 1)),
                                  .study = arena_strdup(arena, column_text(q, 2)),
                                  .since_ms = column_int(q, 4),
                                  .experiment = column_int(q, 5),
                                  .version = column_int(q, 6),
                                  .state = arena_strdup(arena, column_text(q, 7))};
    const unsigned char *hash = column_blob(q, 3, &n);
    memcpy(ret->champion, hash, STORE_HASH_BYTES);
}

enum status store_rollout_find(struct store *store, const char *name, struct arena *arena, struct store_rollout *ret,
                               struct error *err)
{
    static const char sql[] = "SELECT id, name, study, champion, since_ms, ifnull(experiment, 0), version, state "
                              "FROM rollout WHERE name = ?1";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_text(q, 1, name);
    bool found = statement_row(q);
    if (found) read_rollout(q, arena, ret);
    enum status s = statement_end(q, err);
    return s || found ? s : error_set(err, STATUS_NOT_FOUND, "there is no rollout '%.100s'", name);
}

enum status store_rollout_names(struct store *store, struct arena *arena, const char ***ret, size_t *ret_n,
                                struct error *err)
{
    static const char sql[] = "SELECT name FROM rollout ORDER BY id";
    const char **all = NULL;
    size_t n = 0;
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    for (; statement_row(q); n++) {
        all = arena_more(arena, all, n, sizeof *all);
        all[n] = arena_strdup(arena, column_text(q, 0));
    }
    enum status s = statement_end(q, err);
    if (!s) *ret = all, *ret_n = n;
    return s;
}

enum status store_rollout_heads(struct store *store, struct arena *arena, struct store_rollout_head **ret, size_t *ret_n,
                                struct error *err)
{
    static const char sql[] = "SELECT name, version, experiment IS NOT NULL OR state ->> '$.watch' IS NOT NULL "
                              "FROM rollout ORDER BY id";
    struct store_rollout_head *all = NULL;
    size_t n = 0;
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    for (; statement_row(q); n++) {
        all = arena_more(arena, all, n, sizeof *all);
        all[n].name = arena_strdup(arena, column_text(q, 0));
        all[n].version = column_int(q, 1);
        all[n].open = column_int(q, 2) != 0;
    }
    enum status s = statement_end(q, err);
    if (!s) *ret = all, *ret_n = n;
    return s;
}

static void bind_rollout(struct statement *q, const struct store_rollout *x)
{
    statement_blob(q, 2, x->champion, STORE_HASH_BYTES);
    statement_int(q, 3, x->since_ms);
    if (x->experiment) statement_int(q, 4, x->experiment);
    statement_int(q, 5, x->version);
    statement_text(q, 6, x->state);
}

enum status store_rollout_insert(struct store *store, const struct store_rollout *x, int64_t *ret_id, struct error *err)
{
    static const char sql[] =
        "INSERT INTO rollout (name, champion, since_ms, experiment, version, state, study) VALUES "
        "(?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_text(q, 1, x->name);
    bind_rollout(q, x);
    statement_text(q, 7, x->study);
    statement_row(q);
    return statement_inserted(store, statement_end(q, err), ret_id);
}

enum status store_rollout_update(struct store *store, const struct store_rollout *x, struct error *err)
{
    static const char sql[] = "UPDATE rollout SET champion = ?2, since_ms = ?3, experiment = ?4, version = ?5, "
                              "state = ?6 WHERE id = ?1";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, x->id);
    bind_rollout(q, x);
    statement_row(q);
    return statement_end(q, err);
}

/* ---- experiments ---- */

static enum status read_experiment(struct statement *q, struct arena *arena, struct store_experiment *ret,
                                   struct error *err)
{
    bool found = statement_row(q);
    if (found)
        *ret = (struct store_experiment){.id = column_int(q, 0),
                                         .rollout = column_int(q, 1),
                                         .number = (long)column_int(q, 2),
                                         .salt = arena_strdup(arena, column_text(q, 3)),
                                         .plan = arena_strdup(arena, column_text(q, 4)),
                                         .variants = arena_strdup(arena, column_text(q, 5)),
                                         .state = arena_strdup(arena, column_text(q, 6)),
                                         .evidence = arena_strdup(arena, column_text(q, 7)),
                                         .created_ms = column_int(q, 8)};
    enum status s = statement_end(q, err);
    return s || found ? s : error_set(err, STATUS_NOT_FOUND, "there is no such experiment");
}

#define EXPERIMENT "SELECT id, rollout, number, salt, plan, variants, state, evidence, created_ms FROM experiment "

enum status store_experiment_find(struct store *store, int64_t rollout, long number, struct arena *arena,
                                  struct store_experiment *ret, struct error *err)
{
    static const char sql[] =
        EXPERIMENT "WHERE rollout = ?1 AND (?2 = 0 OR number = ?2) ORDER BY number DESC LIMIT 1";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, rollout);
    statement_int(q, 2, number);
    return read_experiment(q, arena, ret, err);
}

enum status store_experiment_salted(struct store *store, const char *salt, struct arena *arena,
                                    struct store_experiment *ret, struct error *err)
{
    static const char sql[] = EXPERIMENT "WHERE salt = ?1 ORDER BY id DESC LIMIT 1";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_text(q, 1, salt);
    return read_experiment(q, arena, ret, err);
}

enum status store_experiment_insert(struct store *store, const struct store_experiment *x, int64_t *ret_id,
                                    struct error *err)
{
    static const char sql[] =
        "INSERT INTO experiment (rollout, number, salt, plan, variants, state, evidence, created_ms) VALUES "
        "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    return statement_insert(store, sql, ret_id, err, "iittttti", x->rollout, (int64_t)x->number, x->salt, x->plan,
                            x->variants, x->state, x->evidence, x->created_ms);
}

enum status store_experiment_update(struct store *store, int64_t id, const char *state, const char *evidence,
                                    struct error *err)
{
    static const char sql[] = "UPDATE experiment SET state = ifnull(?2, state), evidence = ifnull(?3, evidence) "
                              "WHERE id = ?1";
    return statement_run(store, sql, err, "itt", id, state, evidence);
}

/* ---- their log ---- */

enum status store_live_event_add(struct store *store, int64_t rollout, const struct store_live_event *event,
                                 struct error *err)
{
    static const char sql[] = "INSERT INTO live_event (rollout, seq, at_ms, kind, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    return statement_run(store, sql, err, "iiitt", rollout, event->seq, event->at_ms, event->kind, event->body);
}

enum status store_live_events(struct store *store, const struct store_live_part *part, store_live_event_fn *fn,
                              void *data, struct error *err)
{
    static const char sql[] = "SELECT seq, at_ms, kind, body FROM live_event WHERE rollout = ?1 AND seq >= ?2 "
                              "ORDER BY seq LIMIT CASE ?3 WHEN 0 THEN -1 ELSE ?3 END";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, part->of);
    statement_int(q, 2, part->from);
    statement_int(q, 3, part->limit);
    while (statement_row(q))
        fn(data, &(struct store_live_event){column_int(q, 0), column_int(q, 1), column_text(q, 2), column_text(q, 3)});
    return statement_end(q, err);
}

/* ---- how the differences went ---- */

enum status store_course_add(struct store *store, const struct store_course *row, struct error *err)
{
    static const char sql[] =
        "INSERT OR REPLACE INTO course (experiment, units, period, at_ms, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    return statement_run(store, sql, err, "iiiit", row->experiment, row->units, (int64_t)row->period, row->at_ms,
                         row->body);
}

enum status store_course_last(struct store *store, int64_t experiment, struct store_course *ret, struct error *err)
{
    static const char sql[] =
        "SELECT units, period, at_ms FROM course WHERE experiment = ?1 ORDER BY units DESC LIMIT 1";
    struct store_course last = {.experiment = experiment, .period = -1};
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, experiment);
    if (statement_row(q))
        last = (struct store_course){experiment, column_int(q, 0), column_int(q, 2), (long)column_int(q, 1), NULL};
    enum status s = statement_end(q, err);
    if (!s) *ret = last;
    return s;
}

enum status store_course_all(struct store *store, int64_t experiment, store_course_fn *fn, void *data,
                             struct error *err)
{
    static const char sql[] =
        "SELECT units, period, at_ms, body FROM course WHERE experiment = ?1 ORDER BY units";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, experiment);
    while (statement_row(q))
        fn(data, &(struct store_course){experiment, column_int(q, 0), column_int(q, 2), (long)column_int(q, 1),
                                        column_text(q, 3)});
    return statement_end(q, err);
}
