#include "tuner/history/product.h"

#include "tuner/history/internal.h"
#include "tuner/history/segment.h"

#include "tuner/base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the table ---- */

static size_t slot_of(const struct product_table *x, const char *key)
{
    size_t at = (size_t)digest_quick(DIGEST_QUICK_SEED, key) & (x->slots - 1);
    while (x->slot[at] && strcmp(x->slot[at]->key, key) != 0) at = (at + 1) & (x->slots - 1);
    return at;
}

static void put(struct product_table *x, struct product *p)
{
    x->slot[slot_of(x, p->key)] = p;
}

static void widen(struct product_table *x)
{
    if (2 * (x->n + 1) <= x->slots) return;
    free(x->slot);
    x->slots = x->slots ? 2 * x->slots : 64;
    x->slot = must_alloc(x->slots, sizeof(struct product *));
    for (size_t i = 0; i < x->n; i++) put(x, x->all[i]);
}

/* Does another one have this checkpoint, too, in the depot? */
static bool is_kept(const struct product_table *x, const char *digest)
{
    for (size_t i = 0; i < x->n; i++)
        if (x->all[i]->digest && !x->all[i]->gone && strcmp(x->all[i]->digest, digest) == 0) return true;
    return false;
}

bool product_has(const struct memory *s, const char *digest)
{
    return is_kept(&((const struct history *)s)->products, digest);
}

void product_add(struct history *s, struct product *p)
{
    struct product_table *x = &s->products;
    if (p->digest && !is_kept(x, p->digest)) {
        for (size_t i = 0; i < x->n; i++)
            if (x->all[i]->digest && strcmp(x->all[i]->digest, p->digest) == 0) x->all[i]->gone = false;
        s->m.products.bytes += p->bytes;
    }
    x->all = must_reserve(x->all, x->n + 1, &x->capacity, sizeof(struct product *));
    x->all[x->n++] = p;
    widen(x);
    put(x, p);
}

void product_evict(struct history *s, const char *digest)
{
    bool kept = is_kept(&s->products, digest);
    for (size_t i = 0; i < s->products.n; i++) {
        struct product *p = s->products.all[i];
        if (!p->digest || strcmp(p->digest, digest) != 0) continue;
        if (kept) s->m.products.bytes -= p->bytes;
        kept = false;
        p->gone = true;
    }
}

const struct product *product_find(const struct memory *s, const char *key)
{
    const struct product_table *x = &((const struct history *)s)->products; /* its first member */
    return x->slots ? x->slot[slot_of(x, key)] : NULL;
}

/* ---- keys ---- */

static void put_params(FILE *out, const struct memory *s, const struct trial *t, size_t stage)
{
    const struct space *space = &s->study->space;
    double config[SPACE_PARAMS_MAX];
    char buf[SPACE_TEXT_MAX];
    stage_config(s->study, stage, t->config, config);
    for (size_t i = 0; i < space->n; i++)
        if (!isnan(config[i]))
            fprintf(out, "param %s %s\n", space->param[i].name, param_text(&space->param[i], config[i], buf));
}

/* A part of a training that goes on from another's checkpoint is no one else's. */
static void put_segment(FILE *out, const struct memory *s, const struct trial *t, size_t stage)
{
    const struct schedule *x = &s->study->schedule;
    bool scheduled = false;
    for (size_t i = 0; i < x->n; i++) scheduled |= s->study->pipeline.stage[stage].names[x->param[i]];
    if (scheduled && segment_is_part(t)) fprintf(out, "segment of trial %ld\n", t->number);
}

static bool put_inputs(FILE *out, const struct memory *s, const struct trial *t, size_t stage)
{
    const struct stage *x = &s->study->pipeline.stage[stage];
    for (size_t i = 0; i < x->n_inputs; i++) {
        int from = stage_source(s->study, x->input[i], t->config);
        const struct product *p = from >= 0 ? t->left[from] : NULL;
        if (from >= 0 && (!p || !p->digest)) return false;
        if (p) fprintf(out, "input %s %s\n", s->study->pipeline.stage[x->input[i]].name, p->digest);
    }
    return true;
}

bool product_key(const struct memory *s, const struct trial *t, size_t stage, char ret[DIGEST_HEX])
{
    unsigned char sum[DIGEST_BYTES];
    char *text = NULL;
    size_t n = 0;
    if (!s->products.print[stage]) return false;
    FILE *out = open_memstream(&text, &n);
    if (!out) abort();
    fprintf(out, "stage %s\nseed %llu\n", s->products.print[stage], (unsigned long long)t->seed);
    put_params(out, s, t, stage);
    put_segment(out, s, t, stage);
    bool ok = put_inputs(out, s, t, stage);
    fclose(out);
    digest(text, n, sum);
    digest_hex(sum, ret);
    free(text);
    return ok;
}

/* ---- a trial's stages ---- */

bool product_is_kept(const struct memory *s, const struct trial *t, size_t stage)
{
    const struct stage *x = &s->study->pipeline.stage[stage];
    const struct product *p = t->left ? t->left[stage] : NULL;
    if (!p || p->gone || s->study->pipeline.anew || p->made < s->products.since[stage] ||
        t->seed != memory_search_seed(s, t->number))
        return false;
    for (size_t i = 0; i < x->n_inputs; i++) {
        int from = stage_source(s->study, x->input[i], t->config);
        if (from >= 0 && !product_is_kept(s, t, (size_t)from)) return false;
    }
    return true;
}

size_t product_next(const struct memory *s, const struct trial *t)
{
    size_t k = stage_next(s->study, 0, t->config);
    while (k < s->study->pipeline.n && t->left[k]) k = stage_next(s->study, k + 1, t->config);
    return k;
}

size_t product_takes(const struct memory *s, const struct trial *t, size_t stage, const struct product **ret)
{
    const struct stage *x = &s->study->pipeline.stage[stage];
    size_t n = 0;
    for (size_t i = 0; i < x->n_inputs; i++) {
        int from = stage_source(s->study, x->input[i], t->config);
        if (from >= 0 && t->left[from]) ret[n++] = t->left[from];
    }
    return n;
}

double product_cost(const struct memory *s, const struct trial *t)
{
    double cost = 0;
    for (size_t k = 0; t->left && k < s->study->pipeline.n; k++)
        if (t->left[k]) cost += t->left[k]->cost;
    return cost;
}

static const char *token_name(const struct memory *s)
{
    int tokens = objective_token_metric(&s->study->objective);
    return tokens < 0 ? NULL : s->study->objective.metric[tokens].name;
}

json_t *product_metrics(const struct memory *s, const struct trial *t)
{
    json_t *all = json_object();
    const char *tokens = token_name(s);
    double cost = product_cost(s, t);
    for (size_t k = 0; t->left && k < s->study->pipeline.n; k++) {
        json_t *own = NULL;
        const char *text = t->left[k] ? t->left[k]->metrics : "";
        if (*text && json_parse_object(text, strlen(text), &own, NULL) == STATUS_OK) json_object_update(all, own);
        json_decref(own);
    }
    if (tokens && (cost > 0 || json_object_get(all, tokens))) json_object_set_new(all, tokens, json_amount(cost));
    return all;
}

json_t *product_whole(const struct memory *s, const struct trial *t, const json_t *metrics)
{
    json_t *out = metrics ? json_copy((json_t *)metrics) : json_object();
    const char *tokens = token_name(s);
    double own = tokens ? json_number_at(out, tokens) : NAN;
    if (isfinite(own)) json_object_set_new(out, tokens, json_amount(own + product_cost(s, t)));
    return out;
}
