#include "tuner/analysis/ancestry.h"

#include "tuner/base/json.h"

static size_t count_users(const struct memory *s, size_t stage, const struct product *p)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) n += s->trial[i]->left && s->trial[i]->left[stage] == p;
    return n;
}

static struct ancestor ancestor_of(const struct memory *s, const struct trial *t, size_t stage, struct arena *arena)
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
                             .users = count_users(s, stage, p)};
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
    size_t n = s->study->pipeline.n, place[STAGES_MAX];
    struct ancestor *list = arena_array(arena, n + 1, sizeof *list);
    struct ancestry out = {.stage = list, .charged = t->effort.tokens};
    for (size_t k = 0; t->left && k < n; k++) {
        if (!t->left[k]) continue;
        place[k] = out.n;
        list[out.n] = ancestor_of(s, t, k, arena);
        find_sources(s, t, k, place, &list[out.n]);
        out.whole += list[out.n].cost;
        out.share += list[out.n].cost / (double)list[out.n].users;
        out.n++;
    }
    return out;
}

json_t *ancestry_json(const struct study *study, const struct ancestry *x)
{
    json_t *out = json_array();
    for (size_t i = 0; i < x->n; i++) {
        const struct ancestor *a = &x->stage[i];
        json_t *from = json_array(), *params = space_to_json(&study->space, a->config);
        for (size_t k = 0; k < a->n_from; k++) json_array_append_new(from, json_string(x->stage[a->from[k]].stage));
        json_array_append_new(out, json_pack("{s:s, s:o, s:s*, s:I, s:b, s:I, s:I, s:o, s:o, s:I, s:o}", "stage",
                                             a->stage, "params", params, "digest", a->digest, "bytes",
                                             (json_int_t)a->bytes, "kept", a->kept, "trial", (json_int_t)a->trial,
                                             "attempt", (json_int_t)a->attempt, "cost", json_amount(a->cost), "took_ms",
                                             json_amount(a->ms), "users", (json_int_t)a->users, "from", from));
    }
    return out;
}
