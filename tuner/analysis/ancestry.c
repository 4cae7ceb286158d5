#include "tuner/analysis/ancestry.h"

#include "tuner/base/json.h"

#include <stdlib.h>

/* ---- who stands on what ---- */

static int by_place(const void *a, const void *b)
{
    const struct product *const *x = a, *const *y = b;
    return (*x > *y) - (*x < *y);
}

struct ancestry_users ancestry_users_of(const struct memory *s, struct arena *arena)
{
    size_t stages = s->study->pipeline.n;
    struct ancestry_users out = {.at = arena_array(arena, s->n * stages + 1, sizeof *out.at)};
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; s->trial[i]->left && k < stages; k++)
            if (s->trial[i]->left[k]) out.at[out.n++] = s->trial[i]->left[k];
    qsort(out.at, out.n, sizeof *out.at, by_place);
    return out;
}

/* The first of those that are not before it, or with `beyond` of those that are after it. */
static size_t find(const struct ancestry_users *users, const struct product *p, bool beyond)
{
    size_t low = 0, high = users->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (users->at[middle] < p || (beyond && users->at[middle] == p))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t count_users(const struct memory *s, size_t stage, const struct product *p,
                          const struct ancestry_users *users)
{
    if (users) return find(users, p, true) - find(users, p, false);
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) n += s->trial[i]->left && s->trial[i]->left[stage] == p;
    return n;
}

/* ---- one trial ---- */

bool ancestry_begun(const struct memory *s, const struct trial *t)
{
    for (size_t k = 0; t->left && k < s->study->pipeline.n; k++)
        if (t->left[k]) return true;
    return false;
}

static struct ancestor ancestor_of(const struct memory *s, const struct trial *t, size_t stage,
                                   const struct ancestry_users *users, struct arena *arena)
{
    const struct product *p = t->left[stage];
    double *config = arena_array(arena, s->study->space.n, sizeof *config);
    stage_config(s->study, stage, t->config, config);
    return (struct ancestor){.stage = p->stage,
                             .config = config,
                             .digest = p->digest,
                             .bytes = p->bytes,
                             .kept = p->digest && !p->gone,
                             .trial = p->trial,
                             .attempt = p->attempt,
                             .cost = p->cost,
                             .ms = p->ms,
                             .users = count_users(s, stage, p, users)};
}

/* `place`: of each stage in the list. */
static void find_sources(const struct memory *s, const struct trial *t, size_t stage, const size_t *place,
                         struct ancestor *x)
{
    const struct stage *of = &s->study->pipeline.stage[stage];
    for (size_t i = 0; i < of->n_inputs; i++) {
        int from = stage_source(s->study, of->input[i], t->config);
        if (from >= 0 && t->left[from]) x->from[x->n_from++] = place[from];
    }
}

struct ancestry ancestry_of(const struct memory *s, const struct trial *t, struct arena *arena)
{
    return ancestry_among(s, t, NULL, arena);
}

struct ancestry ancestry_among(const struct memory *s, const struct trial *t, const struct ancestry_users *users,
                               struct arena *arena)
{
    size_t n = s->study->pipeline.n, place[STAGES_MAX];
    struct ancestor *list = arena_array(arena, n + 1, sizeof *list);
    struct ancestry out = {.stage = list, .charged = t->effort.tokens};
    for (size_t k = 0; t->left && k < n; k++) {
        if (!t->left[k]) continue;
        place[k] = out.n;
        list[out.n] = ancestor_of(s, t, k, users, arena);
        find_sources(s, t, k, place, &list[out.n]);
        out.whole += list[out.n].cost;
        out.share += list[out.n].cost / (double)list[out.n].users;
        out.n++;
    }
    return out;
}

/* ---- JSON ---- */

json_t *ancestry_stage_json(const struct study *study, const struct ancestry *x, size_t stage)
{
    const struct ancestor *a = &x->stage[stage];
    json_t *from = json_array(), *params = space_to_json(&study->space, a->config);
    for (size_t k = 0; k < a->n_from; k++) json_array_append_new(from, json_string(x->stage[a->from[k]].stage));
    return json_pack("{s:s, s:o, s:s*, s:I, s:b, s:I, s:I, s:o, s:o, s:I, s:o}", "stage", a->stage, "params", params,
                     "digest", a->digest, "bytes", (json_int_t)a->bytes, "kept", a->kept, "trial", (json_int_t)a->trial,
                     "attempt", (json_int_t)a->attempt, "cost", json_amount(a->cost), "took_ms", json_amount(a->ms),
                     "users", (json_int_t)a->users, "from", from);
}

json_t *ancestry_json(const struct study *study, const struct ancestry *x)
{
    json_t *out = json_array();
    for (size_t i = 0; i < x->n; i++) json_array_append_new(out, ancestry_stage_json(study, x, i));
    return out;
}
