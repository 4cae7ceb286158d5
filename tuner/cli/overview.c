#include "tuner/cli/overview.h"

#include <string.h>

enum { PATIENCE_MS = 200 };

/* ---- a row ---- */

static const char *best_text(const struct document *d, struct arena *a)
{
    const struct comparison_row *w = d->comparison.winner;
    if (!w) return "";
    if (w->label) return arena_printf(a, "best: %s", w->label);
    return arena_printf(a, "best: trial %ld%s%s", w->trial, w->verdict ? ", " : "", verdict_name(w->verdict));
}

static struct watch_row make_row(struct store *store, const struct store_end *e, bool running, struct arena *a)
{
    struct watch_row r = {.id = (long)e->study, .name = arena_strdup(a, e->name), .running = running, .best = ""};
    struct snapshot x;
    struct error err;
    if (snapshot_load(store, e->name, clock_real(), &x, &err)) {
        r.problem = arena_strdup(a, err.text);
        return r;
    }
    r.phase = x.document.phase;
    memcpy(r.states, x.document.states, sizeof r.states);
    r.best = best_text(&x.document, a);
    snapshot_done(&x);
    return r;
}

static struct watch_row keep_row(const struct watch_row *old, struct arena *a)
{
    struct watch_row r = *old;
    r.name = arena_strdup(a, old->name);
    r.best = arena_strdup(a, old->best);
    r.problem = old->problem ? arena_strdup(a, old->problem) : NULL;
    return r;
}

/* NULL: it has none, or the study has moved on since. */
static const struct watch_row *row_of(const struct overview *o, const struct overview_seen *now)
{
    for (size_t i = 0; i < o->n; i++) {
        const struct overview_seen *then = &o->seen[i];
        if (then->id == now->id)
            return then->seq == now->seq && then->running == now->running && !o->row[i].problem ? &o->row[i] : NULL;
    }
    return NULL;
}

/* ---- all ---- */

static void make_rows(struct overview *o, const struct store_end *end, size_t n)
{
    struct overview fresh = *o;
    fresh.arena = (struct arena){0};
    fresh.n = n;
    fresh.row = arena_array(&fresh.arena, n + 1, sizeof *fresh.row);
    fresh.seen = arena_array(&fresh.arena, n + 1, sizeof *fresh.seen);
    for (size_t i = 0; i < n; i++) {
        bool running = store_hold_taken(o->store, end[i].name);
        fresh.seen[i] = (struct overview_seen){end[i].study, end[i].seq, running};
        const struct watch_row *old = row_of(o, &fresh.seen[i]);
        fresh.row[i] = old ? keep_row(old, &fresh.arena) : make_row(o->store, &end[i], running, &fresh.arena);
    }
    arena_done(&o->arena);
    *o = fresh;
}

/* The database that is there now, if it is not the one that is open. */
static enum status stand_firm(struct overview *o, struct error *err)
{
    struct store *fresh = NULL;
    if (store_check_ground(o->store, err) == STATUS_OK) return STATUS_OK;
    enum status st = store_open(o->db, STORE_EXISTING, &fresh, err);
    if (st) return st;
    store_close(o->store);
    o->store = fresh;
    o->n = 0; /* ids are others */
    store_set_patience(o->store, PATIENCE_MS);
    return STATUS_OK;
}

void overview_look(struct overview *o)
{
    struct arena a = {0};
    struct store_end *end;
    struct error err;
    size_t n;
    enum status st = stand_firm(o, &err);
    if (!st) st = store_study_ends(o->store, &a, &end, &n, &err);
    if (!st) {
        make_rows(o, end, n);
        o->link = (struct watch_link){WATCH_LIVE, clock_wall_ms(clock_real()), NULL};
    } else {
        snprintf(o->why, sizeof o->why, "%s", err.text);
        o->link.sign = st == STATUS_BUSY ? WATCH_BEHIND : WATCH_LOST;
        o->link.why = o->why;
    }
    arena_done(&a);
}

enum status overview_open(struct overview *o, const char *db, struct error *err)
{
    *o = (struct overview){.db = db};
    enum status st = store_open(db, STORE_EXISTING, &o->store, err);
    if (st) return st;
    store_set_patience(o->store, PATIENCE_MS);
    o->link.since_ms = clock_wall_ms(clock_real());
    overview_look(o);
    return STATUS_OK;
}

void overview_close(struct overview *o)
{
    arena_done(&o->arena);
    store_close(o->store);
}

struct watch_rows overview_rows(const struct overview *o)
{
    return (struct watch_rows){o->db, o->link, clock_wall_ms(clock_real()), o->n, o->row};
}
