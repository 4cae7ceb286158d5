#include "tuner/notify/lookout.h"

#include "tuner/base/words.h"

#include "tuner/report/report.h"

#include <math.h>
#include <string.h>

static const double NEARLY = 0.8;

static struct notice *add(struct news_list *list, const struct memory *s, enum notice_kind kind, int64_t now_ms)
{
    static const struct notice none = {0};
    if (list->n == NEWS_MAX) list->n--; /* there are not so many checks */
    struct notice *n = &list->notice[list->n++];
    *n = none;
    n->kind = kind;
    n->study = arena_strdup(&list->arena, s->study->name);
    n->at_ms = now_ms;
    return n;
}

static struct notice_part part(struct news_list *list, const char *sentence, const char *action)
{
    return (struct notice_part){notice_clean(sentence, &list->arena), notice_clean(action, &list->arena)};
}

/* ---- a new best ---- */

static bool is_found(const struct trial *t)
{
    switch (t->role) {
    case ROLE_SEARCH:
    case ROLE_ENQUEUED:
    case ROLE_MEMBER: return true;
    case ROLE_BASELINE:
    case ROLE_REFERENCE:
    case ROLE_CONFIRM: return false;
    }
    return false;
}

static void look_for_best(struct lookout *x, const struct memory *s, int64_t now_ms, struct news_list *list)
{
    const struct trial *t = s->best.trial;
    struct arena *a = &list->arena;
    if (!t || t->number + 1 == x->best) return;
    x->best = t->number + 1;
    if (!x->begun || !is_found(t)) return; /* what it found when it came is no news */
    struct notice *n = add(list, s, NOTICE_BEST, now_ms);
    n->key = arena_printf(a, "best/%ld", t->number);
    n->is = part(list, headline_best(s, t, s->best.utility, a),
                 arena_printf(a, "'nocturne show %s %ld' has all of it", s->study->name, t->number));
}

/* ---- budgets ---- */

static bool is_of_time(enum ledger_unit unit)
{
    switch (unit) {
    case UNIT_MS: return true;
    case UNIT_TOKENS:
    case UNIT_COST:
    case UNIT_TRIALS: return false;
    }
    return false;
}

static const char *amount(enum ledger_unit unit, double v, char *buf, size_t size)
{
    return is_of_time(unit) ? words_show_duration((int64_t)v, buf, size) : words_show_count(v, buf, size);
}

/* That the trials come to their end is what they are for. */
static void look_at_budgets(const struct memory *s, int64_t now_ms, struct news_list *list)
{
    struct ledger_entry e[LEDGER_ENTRIES_MAX];
    struct arena *a = &list->arena;
    size_t n = ledger_entries(s, e);
    for (size_t i = 0; i < n; i++) {
        char spent[40], limit[40];
        double used = e[i].spent + e[i].reserved;
        if (e[i].unit == UNIT_TRIALS || !(e[i].limit > 0) || used < NEARLY * e[i].limit) continue;
        struct notice *x = add(list, s, NOTICE_BUDGET, now_ms);
        x->level = NOTICE_LOOK;
        x->key = arena_printf(a, "budget/%s/%.17g/%lld", e[i].name, e[i].limit,
                              is_of_time(e[i].unit) ? (long long)s->run.wall_ms : 0LL);
        x->is =
            part(list,
                 arena_printf(a, "%.0f %% of the budget of %s are gone (%s of %s), with %zu trial%s done",
                              floor(100 * used / e[i].limit), e[i].name, amount(e[i].unit, used, spent, sizeof spent),
                              amount(e[i].unit, e[i].limit, limit, sizeof limit), s->tally.finished,
                              words_s(s->tally.finished)),
                 arena_printf(a, "'nocturne status %s' says when it ends; 'budget: {%s: …}' in %s gives it more",
                              s->study->name, e[i].name, s->study->path));
    }
}

/* ---- constraints ---- */

static void look_at_row(const struct memory *s, const struct comparison_row *row, int64_t now_ms,
                        struct news_list *list)
{
    const struct objective *o = &s->study->objective;
    struct arena *a = &list->arena;
    const struct breach *b = row->breach;
    if (row->baseline || !row->seeds || !row->n_breaches) return;
    const struct metric *m = &o->metric[b->metric];
    const char *apart = arena_printf(a, "%s%s", report_size(m, false, b->by, a), report_unit(m, false));
    struct notice *n = add(list, s, NOTICE_CONSTRAINT, now_ms);
    n->level = NOTICE_LOOK;
    n->key = arena_printf(a, "constraint/%ld", row->trial);
    n->is = part(list,
                 arena_printf(a, "on fresh seeds %s %ld breaks '%s' by %s", row->label ? row->label : "trial",
                              row->trial, b->constraint, apart),
                 arena_printf(a, "it cannot win; '%s' would let it through", b->would_hold));
}

static void look_at_constraints(struct lookout *x, const struct memory *s, int64_t now_ms, struct news_list *list)
{
    const struct objective *o = &s->study->objective;
    if (o->n_constraints == 0 || s->tally.confirmed == x->confirmed) return;
    x->confirmed = s->tally.confirmed;
    struct arena a = {0};
    const struct ranking all = ranking_make(s, o, &a);
    const struct comparison c = comparison_make(s, o, &all, &a);
    for (size_t i = 0; i < c.n; i++) look_at_row(s, &c.row[i], now_ms, list);
    arena_done(&a);
}

void lookout_news(struct lookout *x, const struct memory *s, int64_t now_ms, struct news_list *ret)
{
    look_for_best(x, s, now_ms, ret);
    look_at_budgets(s, now_ms, ret);
    look_at_constraints(x, s, now_ms, ret);
    x->begun = true;
}

/* ---- health ---- */

static enum notice_kind kind_of(enum health_check check)
{
    switch (check) {
    case HEALTH_REPORTS: return NOTICE_STALLED;
    case HEALTH_FAILURES: return NOTICE_FAILURES;
    case HEALTH_CONSTRAINTS: return NOTICE_CONSTRAINT;
    case HEALTH_BUDGET: return NOTICE_BUDGET;
    case HEALTH_WORK:
    case HEALTH_SERVICE:
    case HEALTH_FLEET:
    case HEALTH_DISK:
    case HEALTH_DEADLINE:
    case HEALTH_BASELINE:
    case HEALTH_METRICS:
    case HEALTH_PARAMETERS:
    case HEALTH_EFFECT:
    case HEALTH_BOUNDS:
    case HEALTH_MODEL:
    case HEALTH_BEST:
    case HEALTH_STOPS:
    case HEALTH_GAIN:
    case HEALTH_NUMERICS: return NOTICE_HEALTH;
    }
    return NOTICE_HEALTH;
}

static bool is_bad(const struct finding *f)
{
    return f->level == HEALTH_LOOK || f->level == HEALTH_WRONG;
}

static enum notice_level level_of(enum health_level level)
{
    switch (level) {
    case HEALTH_LATER:
    case HEALTH_FINE: return NOTICE_FINE;
    case HEALTH_LOOK: return NOTICE_LOOK;
    case HEALTH_WRONG: return NOTICE_WRONG;
    }
    return NOTICE_FINE;
}

const char *lookout_health_key(enum health_check check, enum health_level level, struct arena *a)
{
    return arena_printf(a, "health/%s/%s", health_check_name(check), health_level_name(level));
}

static void tell_finding(const struct memory *s, const struct finding *f, int64_t now_ms, struct news_list *list)
{
    struct notice *n = add(list, s, kind_of(f->check), now_ms);
    n->level = level_of(f->level);
    n->key = lookout_health_key(f->check, f->level, &list->arena);
    n->is = part(list, f->sentence, f->action);
}

struct lookout_checks lookout_health(const struct memory *s, const struct health_facts *facts, int64_t now_ms,
                                     struct news_list *ret)
{
    struct lookout_checks out = {0};
    struct arena a = {0};
    const struct health h = health_of(s, facts, &a);
    for (size_t i = 0; i < h.n; i++) {
        const struct finding *f = &h.finding[i];
        if (is_bad(f))
            tell_finding(s, f, now_ms, ret);
        else
            out.fine |= 1u << f->check;
        out.is_at_stand |= f->level == HEALTH_WRONG && (f->check == HEALTH_WORK || f->check == HEALTH_REPORTS);
    }
    arena_done(&a);
    return out;
}

/* ---- the end ---- */

static const char *say_end(const struct memory *s, const char *failure, struct arena *a)
{
    if (failure) return arena_printf(a, "it has ended, and cannot go on: %s", failure);
    switch (s->phase) {
    case STUDY_COMPLETE: return arena_printf(a, "it is complete. %s", headline_of(s, a));
    case STUDY_FAILED: return arena_printf(a, "it cannot go on: %s", s->failure ? s->failure : "nobody knows why");
    case STUDY_STOPPED:
    case STUDY_PAUSED:
    case STUDY_OPEN: return arena_printf(a, "it was stopped, by request. So far: %s", headline_of(s, a));
    }
    return "it has ended";
}

static const char *then_what(const struct memory *s, const char *failure, struct arena *a)
{
    if (failure) return arena_printf(a, "mend that; then 'nocturne run %s' goes on", s->study->path);
    switch (s->phase) {
    case STUDY_COMPLETE: return arena_printf(a, "'nocturne report %s' has the whole story", s->study->name);
    case STUDY_FAILED: return arena_printf(a, "mend it; then 'nocturne run %s' goes on", s->study->path);
    case STUDY_STOPPED:
    case STUDY_PAUSED:
    case STUDY_OPEN: return arena_printf(a, "'nocturne run %s' goes on", s->study->path);
    }
    return NULL;
}

static size_t count_final(const struct memory *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) n += trial_state_final(s->trial[i]->state);
    return n;
}

/* What is about one kind of its own is told as that, to whom it is told; the rest goes with the end. */
static void tell_rest(const struct memory *s, const struct health *h, struct notice *end, struct news_list *list)
{
    struct notice_part *more = arena_array(&list->arena, HEALTH_CHECKS_ALL, sizeof *more);
    for (size_t i = 0; i < h->n; i++) {
        const struct finding *f = &h->finding[i];
        if (!is_bad(f) || f->check == HEALTH_WORK) continue; /* that is the end itself */
        if (kind_of(f->check) != NOTICE_HEALTH)
            tell_finding(s, f, end->at_ms, list);
        else
            more[end->n_more++] = part(list, f->sentence, f->action);
        if (f->level == HEALTH_WRONG) end->level = NOTICE_WRONG;
    }
    end->more = more;
}

void lookout_end(const struct memory *s, const struct health_facts *facts, const char *failure, int64_t now_ms,
                 struct news_list *ret)
{
    struct arena *a = &ret->arena;
    const struct health h = health_of(s, facts, a);
    if (s->phase == STUDY_FAILED) failure = NULL; /* the log has it */
    struct notice *end = add(ret, s, NOTICE_END, now_ms);
    bool bad = failure || s->phase == STUDY_FAILED;
    end->level = bad ? NOTICE_WRONG : NOTICE_FINE;
    end->key = failure ? arena_printf(a, "end/given up/%lld", (long long)now_ms)
                       : arena_printf(a, "end/%s/%zu", study_phase_name(s->phase), count_final(s));
    end->is = part(ret, say_end(s, failure, a), then_what(s, failure, a));
    tell_rest(s, &h, end, ret);
}
