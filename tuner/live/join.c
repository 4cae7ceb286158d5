#include "tuner/live/join.h"

#include "tuner/base/bounded.h"
#include "tuner/live/lookup.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum key {
    KEY_PART,     /* any, by id */
    KEY_TRACE,    /* groups */
    KEY_UNIT,     /* flags */
    KEY_WHO,      /* scores and usages, by each name of their unit */
    KEY_RESPONSE, /* usages, the first of each */
    KEY_JUDGED,   /* scores without a trace, by response */
};

enum settling { SETTLING_BARE, SETTLING_ENDED, SETTLING_OPEN, SETTLING_CLOSING, SETTLING_DONE, SETTLING_SPOILED };

struct held {
    struct part part; /* texts behind it */
    struct group *group;
    struct held *next; /* of the group's flags, or of its others */
    size_t bytes;
    struct lookup_link id, response, who[WHOS]; /* who[0] of a flag: its unit */
};

/* The parts of one trace, or one part without a trace. */
struct group {
    struct lookup_link trace;
    struct held *flags, *others; /* the newest first */
    size_t n, n_flags;
    enum settling settling;
    int64_t heard_ms; /* last */
    size_t asked;     /* number of the asking in which its tokens were looked at last */
    TAILQ_ENTRY(group) aging, waiting;
};

TAILQ_HEAD(groups, group);

struct join {
    struct join_options options;
    struct lookup lookup;
    struct groups all, open, closing; /* each in the order in which they were heard of last */
    int64_t now_ms;
    size_t askings;
    struct join_counts counts;
};

struct join *join_create(const struct join_options *options)
{
    struct join *j = must_alloc(1, sizeof *j);
    j->options = *options;
    j->now_ms = INT64_MIN;
    lookup_init(&j->lookup, 2 * options->limits.parts);
    TAILQ_INIT(&j->all);
    TAILQ_INIT(&j->open);
    TAILQ_INIT(&j->closing);
    return j;
}

struct join_counts join_counts(const struct join *j)
{
    return j->counts;
}

/* ---- holding ---- */

static struct held *copy(const struct part *p)
{
    struct part own = *p;
    const char **text[PART_TEXTS];
    size_t bytes = sizeof(struct held);
    part_texts(&own, text);
    for (size_t i = 0; i < PART_TEXTS; i++) bytes += strlen(*text[i]) + 1;
    struct held *h = must_alloc(1, bytes);
    char *at = (char *)(h + 1);
    for (size_t i = 0; i < PART_TEXTS; i++) {
        size_t n = strlen(*text[i]) + 1;
        *text[i] = memcpy(at, *text[i], n);
        at += n;
    }
    h->part = own;
    h->bytes = bytes;
    return h;
}

/* A user may be a session, too: found once is enough. */
static bool is_said_before(const struct part *p, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(p->who[k], p->who[i]) == 0) return true;
    return false;
}

static void link_all(struct join *j, struct held *h)
{
    const struct part *p = &h->part;
    struct lookup *l = &j->lookup;
    lookup_put(l, &h->id, KEY_PART, p->id, h);
    if (p->kind == PART_FLAG) lookup_put(l, &h->who[0], KEY_UNIT, p->unit, h);
    for (size_t i = 0; i < WHOS; i++)
        if (*p->who[i] && !is_said_before(p, i)) lookup_put(l, &h->who[i], KEY_WHO, p->who[i], h);
    if (*p->response && p->kind == PART_USAGE && !lookup_first(l, KEY_RESPONSE, p->response))
        lookup_put(l, &h->response, KEY_RESPONSE, p->response, h); /* a later one would make what was told another's */
    if (*p->response && p->kind == PART_SCORE && !*p->trace) lookup_put(l, &h->response, KEY_JUDGED, p->response, h);
}

static void let_go(struct join *j, struct held *h)
{
    lookup_remove(&h->id);
    lookup_remove(&h->response);
    for (size_t i = 0; i < WHOS; i++) lookup_remove(&h->who[i]);
    j->counts.parts--;
    j->counts.bytes -= h->bytes;
    free(h);
}

static struct group *find_group(const struct join *j, const char *trace)
{
    struct lookup_link *link = *trace ? lookup_first(&j->lookup, KEY_TRACE, trace) : NULL;
    return link ? link->owner : NULL;
}

static struct groups *queue_of(struct join *j, const struct group *g)
{
    if (g->settling == SETTLING_OPEN) return &j->open;
    return g->settling == SETTLING_CLOSING ? &j->closing : NULL;
}

static void leave_queue(struct join *j, struct group *g)
{
    struct groups *queue = queue_of(j, g);
    if (queue) TAILQ_REMOVE(queue, g, waiting);
}

static void drop_all(struct join *j, struct held *first)
{
    for (struct held *h = first, *next; h; h = next) {
        next = h->next;
        if (j->options.hooks.drop) j->options.hooks.drop(j->options.hooks.data, h->part.id);
        let_go(j, h);
    }
}

static void drop_group(struct join *j, struct group *g, size_t *count)
{
    *count += g->n;
    leave_queue(j, g);
    TAILQ_REMOVE(&j->all, g, aging);
    lookup_remove(&g->trace);
    drop_all(j, g->flags);
    drop_all(j, g->others);
    j->counts.bytes -= sizeof *g;
    free(g);
}

void join_free(struct join *j)
{
    size_t count = 0;
    if (!j) return;
    j->options.hooks.drop = NULL; /* they stay where they are stored */
    while (!TAILQ_EMPTY(&j->all)) drop_group(j, TAILQ_FIRST(&j->all), &count);
    lookup_done(&j->lookup);
    free(j);
}

static enum settling next_settling(enum settling s, enum part_kind kind)
{
    if (kind == PART_SPOILED || s == SETTLING_SPOILED) return SETTLING_SPOILED;
    if (kind == PART_SETTLED) return SETTLING_DONE;
    if (kind == PART_ROOT && s == SETTLING_BARE) return SETTLING_ENDED;
    if (kind == PART_ROOT && s == SETTLING_OPEN) return SETTLING_CLOSING;
    if (kind == PART_USAGE && s == SETTLING_BARE) return SETTLING_OPEN;
    if (kind == PART_USAGE && s == SETTLING_ENDED) return SETTLING_CLOSING;
    return s;
}

static struct group *make_group(struct join *j)
{
    struct group *g = must_alloc(1, sizeof *g);
    j->counts.bytes += sizeof *g;
    TAILQ_INSERT_TAIL(&j->all, g, aging);
    return g;
}

static void join_group(struct group *g, struct held *h)
{
    struct held **list = h->part.kind == PART_FLAG ? &g->flags : &g->others;
    h->group = g;
    h->next = *list;
    *list = h;
    g->n++;
    g->n_flags += h->part.kind == PART_FLAG;
}

/* It goes to the ends of the queues that it is in now. */
static void hear(struct join *j, struct group *g, enum part_kind kind)
{
    g->heard_ms = j->now_ms;
    leave_queue(j, g);
    g->settling = next_settling(g->settling, kind);
    if (queue_of(j, g)) TAILQ_INSERT_TAIL(queue_of(j, g), g, waiting);
    TAILQ_REMOVE(&j->all, g, aging);
    TAILQ_INSERT_TAIL(&j->all, g, aging);
}

static struct held *hold(struct join *j, const struct part *p)
{
    struct held *h = copy(p);
    struct group *g = find_group(j, p->trace);
    if (!g) g = make_group(j);
    join_group(g, h);
    if (g->n == 1 && *h->part.trace) lookup_put(&j->lookup, &g->trace, KEY_TRACE, h->part.trace, g);
    hear(j, g, p->kind);
    link_all(j, h);
    j->counts.parts++;
    j->counts.bytes += h->bytes;
    return h;
}

/* ---- whose it is ---- */

/* Why an outcome is thought to be a unit's, the surest last. */
enum { RANK_WHO = 0 /* to WHOS − 1 */, RANK_TRACE = WHOS, RANK_NAMED };

struct claim { /* of a unit, in one rollout */
    const struct held *flag;
    int rank;
    bool torn;
    bool counted; /* a flag that was counted has been seen, be it this one or one that is not as near */
};

enum { CLAIMS_MAX = 16 };

struct claims {
    size_t n;
    struct claim each[CLAIMS_MAX];
};

/* An outcome, and the span that has its gen_ai.response.id (NULL: none, or it says its trace itself). */
struct asked {
    const struct held *h, *via;
};

static const struct claim *find_claim(const struct claims *c, const char *rollout)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->each[i].flag->part.rollout, rollout) == 0) return &c->each[i];
    return NULL;
}

static bool names(const struct held *h, const char *unit)
{
    for (size_t i = 0; h && i < WHOS; i++)
        if (strcmp(h->part.who[i], unit) == 0) return true;
    return false;
}

/* Is flag `a` nearer to what happened than `b`? In a trace the first; else the last one before it, else the first. */
static bool is_nearer(const struct claim *c, const struct held *a, int64_t at_ms)
{
    int64_t x = a->part.at_ms, y = c->flag->part.at_ms;
    if (c->rank >= RANK_TRACE) return x < y;
    return x <= at_ms ? y > at_ms || x > y : y > at_ms && x < y;
}

static void consider(struct claims *c, const struct asked *a, const struct held *flag, int rank)
{
    const char *context = a->h->part.who[WHO_CONTEXT], *unit = flag->part.unit;
    struct claim *one = (struct claim *)find_claim(c, flag->part.rollout);
    if (*context && strcmp(context, unit) != 0) return;
    if (!one && c->n == CLAIMS_MAX) return;
    if (!one) one = &c->each[c->n++], *one = (struct claim){flag, -1, false, false};
    one->counted = one->counted || flag->part.counted;
    if (rank < one->rank) return;
    if (rank == one->rank && strcmp(unit, one->flag->part.unit) != 0) {
        one->torn = true;
        return;
    }
    if (rank > one->rank || is_nearer(one, flag, a->h->part.at_ms)) one->flag = flag;
    if (rank > one->rank) one->torn = false;
    one->rank = rank;
}

/* The units that `of` names, the surest first; `but`: a flag that is left out. */
static void consider_names(const struct join *j, struct claims *c, const struct asked *a, const struct held *of,
                           const struct held *but)
{
    for (int w = 0; of && w < WHOS; w++) {
        if (!*of->part.who[w]) continue;
        struct lookup_link *x = lookup_first(&j->lookup, KEY_UNIT, of->part.who[w]);
        for (int k = 0; x && k < JOIN_LOOK_MAX; k++, x = lookup_next(x))
            if (x->owner != but) consider(c, a, x->owner, RANK_WHO + WHOS - 1 - w);
    }
}

static void decide(const struct join *j, const struct asked *a, const struct held *but, struct claims *ret)
{
    const struct held *home = *a->h->part.trace ? a->h : a->via;
    ret->n = 0;
    for (const struct held *f = home ? home->group->flags : NULL; f; f = f->next) {
        bool named = names(a->h, f->part.unit) || names(a->via, f->part.unit);
        if (f != but) consider(ret, a, f, named ? RANK_NAMED : RANK_TRACE);
    }
    consider_names(j, ret, a, a->h, but);
    consider_names(j, ret, a, a->via, but);
}

/* ---- telling ---- */

static void tell(struct join *j, const struct part *flag, const char *id, int64_t at_ms, struct join_item *item)
{
    item->rollout = flag->rollout;
    item->unit = flag->unit;
    item->variant = flag->variant;
    item->id = id;
    item->at_ms = at_ms;
    if (flag->counted) j->options.hooks.item(j->options.hooks.data, item);
}

/* When it happened: with the flag, if that was in its trace; a judge may speak hours later. */
static int64_t when(const struct claim *c, const struct held *h)
{
    return c->rank >= RANK_TRACE ? c->flag->part.at_ms : h->part.at_ms;
}

static void tell_score(struct join *j, const struct held *h, const struct claim *c)
{
    struct join_item item = {.n = 1, .each = {{h->part.name, h->part.value}}};
    tell(j, &c->flag->part, h->part.id, when(c, h), &item);
}

/* Whose an outcome is that was nobody's before: claims of `now` in rollouts in which nothing can have been told. */
static const struct claim *next_news(const struct claims *now, const struct claims *was, size_t *i)
{
    while (*i < now->n) {
        const struct claim *c = &now->each[(*i)++], *old = find_claim(was, c->flag->part.rollout);
        if (!old || !old->counted) return c;
    }
    return NULL;
}

static void tell_scores(struct join *j, const struct held *h, const struct claims *now, const struct claims *was)
{
    size_t i = 0;
    for (const struct claim *c; (c = next_news(now, was, &i));) {
        j->counts.torn += c->torn;
        if (!c->torn) tell_score(j, h, c);
    }
}

/* The span that answers for a score without a trace. */
static const struct held *span_of(const struct join *j, const struct held *h)
{
    if (*h->part.trace || !*h->part.response) return NULL;
    struct lookup_link *x = lookup_first(&j->lookup, KEY_RESPONSE, h->part.response);
    return x ? x->owner : NULL;
}

/* ---- tokens ---- */

struct sum {
    struct claim claim;
    int64_t at_ms;
    double amount[AMOUNTS]; /* NaN: nobody said */
};

struct sums {
    size_t n;
    struct sum each[JOIN_FLAGS_MAX];
};

static struct sum *sum_for(struct sums *all, const struct claim *c)
{
    const struct part *f = &c->flag->part;
    for (size_t i = 0; i < all->n; i++) {
        const struct part *g = &all->each[i].claim.flag->part;
        if (strcmp(f->rollout, g->rollout) == 0 && strcmp(f->unit, g->unit) == 0) return &all->each[i];
    }
    if (all->n == JOIN_FLAGS_MAX) return NULL;
    all->each[all->n] = (struct sum){*c, INT64_MAX, {NAN, NAN, NAN}};
    return &all->each[all->n++];
}

static void add_up(struct sums *all, const struct held *h, const struct claim *c)
{
    struct sum *s = sum_for(all, c);
    if (!s) return;
    if (when(c, h) < s->at_ms) s->at_ms = when(c, h);
    for (size_t i = 0; i < AMOUNTS; i++) {
        double v = h->part.amount[i];
        if (!isnan(v)) s->amount[i] = isnan(s->amount[i]) ? v : bounded_sum(s->amount[i], v);
    }
}

static void put(struct join_item *item, const char *name, double v)
{
    if (!isnan(v)) item->each[item->n++] = (struct measurement){name, v};
}

static void tell_sum(struct join *j, const struct group *g, const struct sum *s)
{
    char id[PART_ID_MAX];
    struct join_item item = {.n = 0};
    double in = s->amount[AMOUNT_INPUT], out = s->amount[AMOUNT_OUTPUT];
    bool both = !isnan(in) && !isnan(out);
    put(&item, MEASURED_TOKENS, both ? bounded_sum(in, out) : isnan(in) ? out : in);
    put(&item, MEASURED_INPUT, in);
    put(&item, MEASURED_OUTPUT, out);
    put(&item, MEASURED_REASONING, s->amount[AMOUNT_REASONING]);
    snprintf(id, sizeof id, "%s/usage", g->trace.text);
    tell(j, &s->claim.flag->part, id, s->at_ms, &item);
}

static void add_span(struct join *j, const struct held *h, const struct held *but, struct sums *all)
{
    struct asked a = {h, NULL};
    struct claims now, was = {.n = 0};
    size_t i = 0;
    decide(j, &a, NULL, &now);
    if (but) decide(j, &a, but, &was);
    for (const struct claim *c; (c = next_news(&now, &was, &i));) {
        j->counts.torn += c->torn;
        if (!c->torn) add_up(all, h, c);
    }
}

/* Whose a span is, by this flag: one of another trace says something only to those that name its unit. */
static bool may_change(const struct held *h, const struct held *flag)
{
    return !flag || flag->group == h->group || names(h, flag->part.unit);
}

/* What the trace spent, to those whose it has become since the flag `but` came (NULL: to all). Of one whose parts were
 * too many to be held the sum would be too small, and look like a saving. */
static void tell_tokens(struct join *j, const struct group *g, const struct held *but)
{
    struct sums sums = {.n = 0};
    if (g->n >= JOIN_TRACE_MAX) return;
    for (const struct held *h = g->others; h; h = h->next)
        if (h->part.kind == PART_USAGE && may_change(h, but)) add_span(j, h, but, &sums);
    for (size_t i = 0; i < sums.n; i++) tell_sum(j, g, &sums.each[i]);
}

static void settle(struct join *j, struct group *g)
{
    struct arena arena = {0};
    struct part p;
    part_init(&p, PART_SETTLED, g->trace.text, j->now_ms);
    part_name(&p, "", &arena);
    struct held *h = hold(j, &p);
    j->options.hooks.keep(j->options.hooks.data, &h->part);
    tell_tokens(j, g, NULL);
    arena_done(&arena);
}

/* ---- what is new ---- */

static void ask_again(struct join *j, const struct held *h, const struct held *flag)
{
    struct asked a = {h, span_of(j, h)};
    struct claims now, was;
    decide(j, &a, NULL, &now);
    const struct claim *c = find_claim(&now, flag->part.rollout);
    if (!c || c->flag != flag) return; /* nothing has changed */
    decide(j, &a, flag, &was);
    tell_scores(j, h, &now, &was);
}

/* A score that points to this span by its gen_ai.response.id; lookup_next finds the others. */
static struct lookup_link *first_judge(const struct join *j, const struct held *span)
{
    return span->response.here ? lookup_first(&j->lookup, KEY_JUDGED, span->part.response) : NULL;
}

/* But for those that name the unit: they are found by that. */
static void ask_judges(struct join *j, const struct held *span, const struct held *flag)
{
    struct lookup_link *x = first_judge(j, span);
    for (int k = 0; x && k < JOIN_LOOK_MAX; k++, x = lookup_next(x)) {
        const struct held *h = x->owner;
        if (span_of(j, h) == span && !names(h, flag->part.unit)) ask_again(j, h, flag);
    }
}

static void ask_trace(struct join *j, const struct held *flag)
{
    const struct group *g = flag->group;
    for (const struct held *h = g->others; h; h = h->next) {
        if (h->part.kind == PART_SCORE) ask_again(j, h, flag);
        if (h->part.kind == PART_USAGE) ask_judges(j, h, flag);
    }
    if (g->settling == SETTLING_DONE) tell_tokens(j, g, flag);
}

/* If not, whoever names this unit was told. */
static bool is_first_of_unit(const struct join *j, const struct held *flag)
{
    struct lookup_link *x = lookup_first(&j->lookup, KEY_UNIT, flag->part.unit);
    for (int k = 0; x && k < JOIN_LOOK_MAX; k++, x = lookup_next(x)) {
        const struct held *other = x->owner;
        if (other != flag && other->part.counted && strcmp(other->part.rollout, flag->part.rollout) == 0) return false;
    }
    return true;
}

/* Outside of its trace. */
static void ask_unit(struct join *j, const struct held *flag)
{
    size_t asking = ++j->askings;
    struct lookup_link *x = lookup_first(&j->lookup, KEY_WHO, flag->part.unit);
    for (int k = 0; x && k < JOIN_LOOK_MAX; k++, x = lookup_next(x)) {
        const struct held *h = x->owner;
        if (h->group == flag->group) continue;
        if (h->part.kind == PART_SCORE) ask_again(j, h, flag);
        if (h->part.kind == PART_USAGE) ask_judges(j, h, flag);
        if (h->part.kind == PART_USAGE && h->group->settling == SETTLING_DONE && h->group->asked != asking) {
            h->group->asked = asking;
            tell_tokens(j, h->group, flag);
        }
    }
}

static void on_flag(struct join *j, const struct held *flag)
{
    struct join_item served = {.n = 0};
    if (!flag->part.counted) return;
    tell(j, &flag->part, "", flag->part.at_ms, &served);
    ask_trace(j, flag);
    if (is_first_of_unit(j, flag)) ask_unit(j, flag);
}

static void on_score(struct join *j, const struct held *h)
{
    struct claims now, none = {.n = 0};
    decide(j, &(struct asked){h, span_of(j, h)}, NULL, &now);
    tell_scores(j, h, &now, &none);
}

static void on_usage(struct join *j, const struct held *span)
{
    struct claims now, was;
    struct lookup_link *x = first_judge(j, span);
    for (int k = 0; x && k < JOIN_LOOK_MAX; k++, x = lookup_next(x)) {
        const struct held *h = x->owner;
        decide(j, &(struct asked){h, span}, NULL, &now);
        decide(j, &(struct asked){h, NULL}, NULL, &was);
        tell_scores(j, h, &now, &was);
    }
}

/* ---- time and room ---- */

static void pass(struct join *j, int64_t now_ms)
{
    const struct join_limits *l = &j->options.limits;
    struct group *g;
    if (now_ms > j->now_ms) j->now_ms = now_ms;
    while ((g = TAILQ_FIRST(&j->closing)) && j->now_ms - g->heard_ms >= l->settle_ms) settle(j, g);
    while ((g = TAILQ_FIRST(&j->open)) && j->now_ms - g->heard_ms >= l->quiet_ms) settle(j, g);
    while ((g = TAILQ_FIRST(&j->all)) && j->now_ms - g->heard_ms >= l->age_ms) drop_group(j, g, &j->counts.aged);
}

static void make_room(struct join *j)
{
    const struct join_limits *l = &j->options.limits;
    while (!TAILQ_EMPTY(&j->all) && (j->counts.parts > l->parts || j->counts.bytes > l->bytes))
        drop_group(j, TAILQ_FIRST(&j->all), &j->counts.pushed);
}

void join_tick(struct join *j, int64_t now_ms)
{
    pass(j, now_ms);
    make_room(j);
}

static int64_t due(const struct groups *queue, int64_t after_ms, int64_t than)
{
    const struct group *g = TAILQ_FIRST(queue);
    return g && g->heard_ms + after_ms < than ? g->heard_ms + after_ms : than;
}

int64_t join_next_ms(const struct join *j)
{
    const struct join_limits *l = &j->options.limits;
    return due(&j->closing, l->settle_ms, due(&j->open, l->quiet_ms, due(&j->all, l->age_ms, INT64_MAX)));
}

/* ---- taking ---- */

static bool is_full(const struct group *g, enum part_kind kind)
{
    return g->n >= JOIN_TRACE_MAX || (kind == PART_FLAG && g->n_flags >= JOIN_FLAGS_MAX);
}

static enum join_verdict judge(const struct join *j, const struct part *p)
{
    const struct group *g = find_group(j, p->trace);
    if (lookup_first(&j->lookup, KEY_PART, p->id)) return JOIN_REPEATED;
    if (!g) return p->kind == PART_ROOT ? JOIN_ALONE : JOIN_TAKEN;
    if (p->kind == PART_USAGE && g->settling == SETTLING_DONE) return JOIN_LATE;
    return is_full(g, p->kind) ? JOIN_CROWDED : JOIN_TAKEN;
}

enum join_verdict join_take(struct join *j, const struct part *part, int64_t now_ms)
{
    pass(j, now_ms);
    enum join_verdict verdict = judge(j, part);
    j->counts.repeated += verdict == JOIN_REPEATED;
    j->counts.late += verdict == JOIN_LATE;
    j->counts.crowded += verdict == JOIN_CROWDED;
    if (verdict != JOIN_TAKEN) return verdict;
    struct held *h = hold(j, part);
    j->options.hooks.keep(j->options.hooks.data, &h->part);
    if (part->kind == PART_FLAG) on_flag(j, h);
    if (part->kind == PART_SCORE) on_score(j, h);
    if (part->kind == PART_USAGE) on_usage(j, h);
    make_room(j);
    return verdict;
}

void join_restore(struct join *j, const struct part *part, int64_t kept_ms)
{
    if (kept_ms > j->now_ms) j->now_ms = kept_ms;
    if (!lookup_first(&j->lookup, KEY_PART, part->id)) hold(j, part);
}
