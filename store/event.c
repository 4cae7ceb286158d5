#include "store/event.h"

enum status event_insert(struct store *store, int64_t study, const struct store_event *e, struct error *err)
{
    static const char sql[] =
        "INSERT INTO event (study, seq, trial, kind, at_ms, body) VALUES (?1, ?2, nullif(?3, -1), ?4, ?5, ?6)";
    return statement_run(store, sql, err, "iiiiit", study, e->seq, (int64_t)e->trial, (int64_t)e->kind, e->at_ms,
                         e->body);
}

static enum status each(struct statement *q, store_event_fn *fn, void *data, const bool *stop, struct error *err)
{
    while (!(stop && *stop) && statement_row(q))
        fn(data, &(struct store_event){.seq = column_int(q, 0),
                                       .trial = (long)column_int(q, 1),
                                       .kind = (int)column_int(q, 2),
                                       .at_ms = column_int(q, 3),
                                       .body = column_text(q, 4)});
    return statement_end(q, err);
}

#define COLUMNS "SELECT seq, ifnull(trial, -1), kind, at_ms, body FROM event "

enum status store_events(struct store *store, int64_t study, long trial, store_event_fn *fn, void *data,
                         const bool *stop, struct error *err)
{
    static const char all[] = COLUMNS "WHERE study = ?1 ORDER BY seq",
                      one[] = COLUMNS "INDEXED BY event_trial WHERE study = ?1 AND trial = ?2 ORDER BY seq";
    struct statement *q = statement_get(store, trial < 0 ? all : one, err);
    if (!q) return err->status;
    statement_int(q, 1, study);
    if (trial >= 0) statement_int(q, 2, trial);
    return each(q, fn, data, stop, err);
}

enum status store_events_after(struct store *store, int64_t study, int64_t seq, long limit, store_event_fn *fn,
                               void *data, const bool *stop, struct error *err)
{
    static const char sql[] = COLUMNS "WHERE study = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, study);
    statement_int(q, 2, seq);
    statement_int(q, 3, limit);
    return each(q, fn, data, stop, err);
}

enum status store_events_back(struct store *store, int64_t study, int kind, store_event_fn *fn, void *data,
                              const bool *stop, struct error *err)
{
    static const char sql[] =
        COLUMNS "INDEXED BY event_trial WHERE study = ?1 AND trial IS NULL AND kind = ?2 ORDER BY seq DESC";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, study);
    statement_int(q, 2, (int64_t)kind);
    return each(q, fn, data, stop, err);
}

enum status store_last_event(struct store *store, int64_t study, int64_t *ret_seq, struct error *err)
{
    static const char sql[] = "SELECT ifnull(max(seq), 0) FROM event WHERE study = ?1";
    struct statement *q = statement_get(store, sql, err);
    int64_t seq = 0;
    if (!q) return err->status;
    statement_int(q, 1, study);
    if (statement_row(q)) seq = column_int(q, 0);
    enum status s = statement_end(q, err);
    if (!s) *ret_seq = seq;
    return s;
}
