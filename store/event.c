#include "store/event.h"

enum status event_insert(struct store *store, int64_t study, const struct store_event *e, struct error *err)
{
    static const char sql[] =
        "INSERT INTO event (study, seq, trial, kind, at_ms, body) VALUES (?1, ?2, nullif(?3, -1), ?4, ?5, ?6)";
    return statement_run(store, sql, err, "iiiiit", study, e->seq, (int64_t)e->trial, (int64_t)e->kind, e->at_ms,
                         e->body);
}

static enum status each(struct statement *q, const bool *stop, store_event_fn *fn, void *data, struct error *err)
{
    while (statement_row(q)) {
        fn(data, &(struct store_event){.seq = column_int(q, 0),
                                       .trial = (long)column_int(q, 1),
                                       .kind = (int)column_int(q, 2),
                                       .at_ms = column_int(q, 3),
                                       .body = column_text(q, 4)});
        if (stop && *stop) break;
    }
    return statement_end(q, err);
}

#define COLUMNS "SELECT seq, ifnull(trial, -1), kind, at_ms, body FROM event "

enum status store_events(struct store *store, int64_t study, long trial, store_event_fn *fn, void *data,
                         struct error *err)
{
    static const char all[] = COLUMNS "WHERE study = ?1 ORDER BY seq",
                      one[] = COLUMNS "INDEXED BY event_trial WHERE study = ?1 AND trial = ?2 ORDER BY seq";
    struct statement *q = statement_get(store, trial < 0 ? all : one, err);
    if (!q) return err->status;
    statement_int(q, 1, study);
    if (trial >= 0) statement_int(q, 2, trial);
    return each(q, NULL, fn, data, err);
}

static enum status each_of(struct statement *q, const struct store_scan *scan, store_event_fn *fn, void *data,
                           struct error *err)
{
    statement_int(q, 1, scan->study);
    statement_int(q, 2, scan->from);
    statement_int(q, 3, scan->limit ? scan->limit : -1);
    return each(q, scan->stop, fn, data, err);
}

enum status store_events_scan(struct store *store, const struct store_scan *scan, store_event_fn *fn, void *data,
                              struct error *err)
{
    static const char sql[] = COLUMNS "WHERE study = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3";
    struct statement *q = statement_get(store, sql, err);
    return q ? each_of(q, scan, fn, data, err) : err->status;
}

enum status store_events_back(struct store *store, const struct store_scan *scan, int kind, store_event_fn *fn,
                              void *data, struct error *err)
{
    static const char sql[] = COLUMNS "INDEXED BY event_trial WHERE study = ?1 AND seq >= ?2 AND trial IS NULL AND "
                                      "kind = ?4 ORDER BY seq DESC LIMIT ?3";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 4, kind);
    return each_of(q, scan, fn, data, err);
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
