#include "tuner/policy/stage.h"

#include <stdlib.h>
#include <string.h>

/* Where it has to begin so that this stage can run: there, or further up, where a checkpoint is not kept any more. */
static size_t begin_of(const struct memory *s, const struct trial *t, size_t stage)
{
    const struct stage *x = &s->study->pipeline.stage[stage];
    for (size_t i = 0; i < x->n_inputs; i++) {
        int from = stage_source(s->study, x->input[i], t->config);
        const struct product *p = from >= 0 ? t->left[from] : NULL;
        if (from >= 0 && (!p || !p->digest || p->gone)) return begin_of(s, t, (size_t)from);
    }
    return stage;
}

static bool is_being_run(const struct memory *s, const struct trial *t, const char *key)
{
    for (size_t i = 0; i < s->n_open; i++) {
        const struct trial *other = s->open[i];
        bool runs = other->state == TRIAL_LEASED || other->state == TRIAL_RUNNING;
        if (other != t && runs && other->attempt.key && strcmp(other->attempt.key, key) == 0) return true;
    }
    return false;
}

/* Nothing is left to do: what its stages said is its result. */
static void finish(struct history *h, const struct trial *t)
{
    json_t *metrics = product_metrics(history_memory(h), t);
    struct error err;
    struct ending end = {.state = TRIAL_COMPLETE, .metrics = metrics};
    if (history_finish(h, t, &end, &err)) {
        end = (struct ending){.state = TRIAL_FAILED, .reason = err.text};
        if (history_finish(h, t, &end, &err)) abort(); /* a queued trial may end */
    }
    json_decref(metrics);
}

enum stage_step stage_step(struct history *h, const struct trial *t, struct stage_order *ret)
{
    const struct memory *s = history_memory(h);
    for (;;) {
        size_t k = product_next(s, t);
        const struct product *p;
        struct error err;
        if (k == s->study->pipeline.n) {
            finish(h, t);
            return STAGE_OVER;
        }
        bool known = product_key(s, t, k, ret->key);
        if (known && !s->study->pipeline.anew && (p = product_find(s, ret->key)) &&
            history_take(h, t, p, &err) == STATUS_OK)
            continue;
        ret->stage = begin_of(s, t, k);
        product_key(s, t, ret->stage, ret->key);
        return !s->study->pipeline.anew && is_being_run(s, t, ret->key) ? STAGE_WAITS : STAGE_RUNS;
    }
}

void stage_inputs(const struct memory *s, const struct trial *t, size_t stage, const char *depot, struct arena *arena,
                  struct stage_run *ret)
{
    const struct stage *x = &s->study->pipeline.stage[stage];
    *ret = (struct stage_run){.name = x->name, .n_inputs = x->n_inputs};
    for (size_t i = 0; i < x->n_inputs; i++) {
        int from = stage_source(s->study, x->input[i], t->config);
        const struct product *p = from >= 0 ? t->left[from] : NULL;
        ret->input[i].stage = s->study->pipeline.stage[x->input[i]].name;
        if (p && p->digest) ret->input[i].path = arena_printf(arena, "%s/%s", depot, p->digest);
    }
}

/* ---- what is kept ---- */

static bool is_needed(const struct memory *s, const struct trial *t, const char *digest)
{
    for (size_t k = 0; t && t->left && k < s->study->pipeline.n; k++)
        if (t->left[k] && t->left[k]->digest && strcmp(t->left[k]->digest, digest) == 0) return true;
    return false;
}

static bool is_pinned(const struct memory *s, const char *digest)
{
    bool pinned = is_needed(s, s->best.trial, digest);
    for (size_t i = 0; !pinned && i < s->n_open; i++) pinned = is_needed(s, s->open[i], digest);
    return pinned;
}

/* The last of any that have its digest. */
static int64_t used_last(const struct memory *s, const struct product *p)
{
    int64_t used = 0;
    for (size_t i = 0; i < s->products.n; i++) {
        const struct product *q = s->products.product[i];
        if (q->digest && strcmp(q->digest, p->digest) == 0 && q->used > used) used = q->used;
    }
    return used;
}

const char *stage_surplus(const struct memory *s)
{
    const struct product *oldest = NULL;
    int64_t when = 0;
    if (s->study->pipeline.keep <= 0 || (double)s->products.bytes <= s->study->pipeline.keep) return NULL;
    for (size_t i = 0; i < s->products.n; i++) {
        const struct product *p = s->products.product[i];
        if (!p->digest || p->gone || is_pinned(s, p->digest)) continue;
        int64_t used = used_last(s, p);
        if (!oldest || used < when) oldest = p, when = used;
    }
    return oldest ? oldest->digest : NULL;
}
