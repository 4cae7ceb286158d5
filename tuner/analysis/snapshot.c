#include "tuner/analysis/snapshot.h"

#include "tuner/analysis/comparison.h"
#include "tuner/analysis/remark.h"

#include "tuner/base/json.h"

#include "tuner/history/history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *states_json(const struct memory *s)
{
    json_t *out = json_object();
    for (int i = 0; i < TRIAL_STATES; i++)
        json_object_set_new(out, trial_state_name((enum trial_state)i),
                            json_integer((json_int_t)memory_count(s, (enum trial_state)i)));
    return out;
}

/* Time is beside it (run_json): it goes on without events. */
static json_t *budget_json(const struct memory *s)
{
    struct ledger_entry e[LEDGER_ENTRIES_MAX];
    size_t n = ledger_entries(s, e);
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++) {
        if (e[i].unit == UNIT_MS)
            json_array_append_new(out, json_pack("{s:s, s:o, s:I}", "budget", e[i].name, "limit_ms",
                                                 json_number(e[i].limit), "began_ms", (json_int_t)s->run.wall_ms));
        else
            json_array_append_new(out, json_pack("{s:s, s:o, s:o, s:o}", "budget", e[i].name, "limit",
                                                 json_number(e[i].limit), "spent", json_number(e[i].spent), "reserved",
                                                 json_number(e[i].reserved)));
    }
    return out;
}

static json_t *run_json(const struct memory *s)
{
    return json_pack("{s:I, s:I, s:I}", "began_ms", (json_int_t)s->run.wall_ms, "spent_ms",
                     (json_int_t)ledger_spent_ms(s), "gone_ms", (json_int_t)ledger_gone_ms(s));
}

json_t *snapshot_json(const struct memory *s)
{
    struct arena arena = {0};
    struct ranking all = ranking_make(s, &s->study->objective, &arena);
    json_t *out = json_pack("{s:I, s:s, s:s, s:I, s:o, s:o, s:I, s:o, s:o, s:o}", "seq", (json_int_t)s->seq, "study",
                            s->study->name, "phase", study_phase_name(s->phase), "trials", (json_int_t)s->n, "states",
                            states_json(s), "tokens", json_number(ledger_tokens(s)), "fallbacks",
                            (json_int_t)s->tally.fallbacks, "budgets", budget_json(s), "best",
                            all.winner ? comparison_row(s, &s->study->objective, &all, all.winner) : json_null(),
                            "comparison", comparison_rows(s, &s->study->objective, &all));
    if (s->failure) json_object_set_new(out, "failure", json_string(s->failure));
    if (s->run.wall_ms) json_object_set_new(out, "run", run_json(s));
    const char *exhausted = remark_exhausted(s, &arena);
    if (exhausted) json_object_set_new(out, "exhausted", json_string(exhausted));
    arena_done(&arena);
    return out;
}

void snapshot_keep(struct history *s)
{
    json_t *state = snapshot_json(history_memory(s));
    char *text = json_tight(state);
    journal_state(history_journal(s), text);
    free(text);
    json_decref(state);
}

static json_int_t seq_of(const json_t *state)
{
    return json_integer_value(json_object_get(state, "seq"));
}

/* For the next who asks, if nobody runs the study, who would do it himself. Whether it succeeds is not important. */
static void keep_if_free(struct history *h)
{
    const struct memory *s = history_memory(h);
    struct store_hold *hold = NULL;
    struct error ignored;
    int64_t last = 0;
    if (store_hold_take(s->store, s->study->name, &hold, &ignored)) return;
    if (store_last_event(s->store, s->study_id, &last, &ignored) == STATUS_OK && last == s->seq) {
        snapshot_keep(h);
        history_flush(h, &ignored);
    }
    store_hold_release(hold);
}

static enum status load_by_log(struct store *store, const char *name, const struct clock *clock,
                               struct study **ret_study, json_t **ret_state, struct error *err)
{
    struct history *s = NULL;
    enum status st = history_load(store, name, clock, ret_study, &s, err);
    if (!st) *ret_state = snapshot_json(history_memory(s));
    if (!st) keep_if_free(s);
    history_free(s);
    return st;
}

enum status snapshot_load(struct store *store, const char *name, const struct clock *clock, struct study **ret_study,
                          json_t **ret_state, struct error *err)
{
    struct arena arena = {0};
    struct store_study x;
    json_t *state = NULL;
    int64_t last = 0;
    enum status st = store_study_find(store, name, &arena, &x, err);
    if (!st) st = store_last_event(store, x.id, &last, err);
    bool fresh = !st && x.state && json_parse_object(x.state, strlen(x.state), &state, NULL) == STATUS_OK &&
                 (seq_of(state) == last || store_hold_taken(store, name));
    if (!st && fresh) st = study_parse(x.path, x.file, strlen(x.file), ret_study, err);
    if (!st && fresh)
        *ret_state = json_incref(state);
    else if (!st)
        st = load_by_log(store, name, clock, ret_study, ret_state, err);
    json_decref(state);
    arena_done(&arena);
    return st;
}

/* Text of the first key that differs, or NULL. Numbers are compared as numbers. */
static char *difference(const json_t *kept, const json_t *right, bool in_flight)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)right, key, v)
    {
        if (strcmp(key, "run") == 0) continue;
        if (in_flight && (strcmp(key, "tokens") == 0 || strcmp(key, "budgets") == 0)) continue; /* go on by reports */
        json_t *other = json_object_get(kept, key);
        char *a = json_text(v), *b = other ? json_text(other) : must_strdup("nothing");
        bool same = strcmp(a, b) == 0;
        struct arena arena = {0};
        char *text = same ? NULL : must_strdup(arena_printf(&arena, "%s: kept %.200s, the log says %.200s", key, b, a));
        arena_done(&arena);
        free(a);
        free(b);
        if (text) return text;
    }
    return NULL;
}

enum status snapshot_rebuild(struct store *store, const char *name, const struct clock *clock, char **ret_difference,
                             struct error *err)
{
    struct arena arena = {0};
    struct store_study x;
    struct history *s = NULL;
    struct study *study = NULL;
    json_t *kept = NULL, *right = NULL;
    char *found = NULL;
    enum status st = store_study_find(store, name, &arena, &x, err);
    if (!st) st = history_load(store, name, clock, &study, &s, err);
    if (!st) {
        right = snapshot_json(history_memory(s));
        bool readable = x.state && json_parse_object(x.state, strlen(x.state), &kept, NULL) == STATUS_OK;
        bool behind =
            !x.state || (readable && seq_of(kept) < history_memory(s)->seq); /* a crash came before the refresh */
        if (!readable && x.state) found = must_strdup("the kept state is not JSON");
        if (readable && !behind) found = difference(kept, right, memory_in_flight(history_memory(s)) > 0);
        if (found || (behind && !store_hold_taken(store, name))) { /* who runs it refreshes it, by what is newer */
            snapshot_keep(s);
            st = history_flush(s, err);
        }
    }
    if (!st)
        *ret_difference = found;
    else
        free(found);
    json_decref(kept);
    json_decref(right);
    history_free(s);
    study_free(study);
    arena_done(&arena);
    return st;
}
