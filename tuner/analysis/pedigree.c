#include "tuner/analysis/pedigree.h"

#include "tuner/analysis/ancestry.h"

#include "tuner/base/json.h"

#include <stdlib.h>

/* A stage as it was left once, and its place in the document. */
struct known {
    const struct product *product;
    json_int_t place;
};

struct pedigree {
    const struct memory *s;
    struct arena arena;
    struct ancestry_users users;
    struct known *known; /* a table by address, of which half is free */
    size_t room;
    json_t *stages, *trials;
};

/* Its row in the table, or the free one that it is to have. */
static struct known *find(const struct pedigree *l, const struct product *p)
{
    size_t at = ((size_t)p >> 4) * 0x9e3779b97f4a7c15u % l->room;
    while (l->known[at].product && l->known[at].product != p) at = (at + 1) % l->room;
    return &l->known[at];
}

static json_int_t place_of(struct pedigree *l, const struct product *p, const struct ancestry *x, size_t stage)
{
    struct known *k = find(l, p);
    if (k->product) return k->place;
    *k = (struct known){p, (json_int_t)json_array_size(l->stages)};
    json_array_append_new(l->stages, ancestry_stage_json(l->s->study, x, stage));
    return k->place;
}

static void add(struct pedigree *l, const struct trial *t)
{
    struct arena arena = {0};
    const struct ancestry x = ancestry_among(l->s, t, &l->users, &arena);
    json_t *places = json_array();
    for (size_t k = 0, n = 0; k < l->s->study->pipeline.n; k++)
        if (t->left[k]) json_array_append_new(places, json_integer(place_of(l, t->left[k], &x, n++)));
    json_array_append_new(l->trials,
                          json_pack("{s:I, s:s, s:o, s:o, s:o, s:o}", "trial", (json_int_t)t->number, "state",
                                    trial_state_name(t->state), "stages", places, "cost", json_amount(x.whole),
                                    "charged", json_amount(x.charged), "share", json_amount(x.share)));
    arena_done(&arena);
}

/* Where the last `most` before `end` begin. */
static size_t begin_of(const struct memory *s, size_t end, size_t most)
{
    size_t i = end;
    for (size_t n = 0; i > 0 && n < most; i--) n += ancestry_begun(s, s->trial[i - 1]);
    return i;
}

json_t *pedigree_json(const struct memory *s, long before, size_t most)
{
    size_t end = before < 0 || (size_t)before > s->n ? s->n : (size_t)before, total = 0, earlier = 0;
    size_t first = begin_of(s, end, most);
    struct pedigree l = {.s = s, .stages = json_array(), .trials = json_array()};
    l.users = ancestry_users_of(s, &l.arena);
    l.room = 2 * (end - first) * s->study->pipeline.n + 1;
    l.known = must_alloc(l.room, sizeof *l.known);
    for (size_t i = 0; i < s->n; i++) {
        if (!ancestry_begun(s, s->trial[i])) continue;
        total++;
        earlier += i < first;
        if (i >= first && i < end) add(&l, s->trial[i]);
    }
    json_t *out = json_pack("{s:s, s:o, s:o, s:I}", "study", s->study->name, "stages", l.stages, "trials", l.trials,
                            "total", (json_int_t)total);
    if (earlier) json_object_set_new(out, "next_before", json_integer((json_int_t)first));
    free(l.known);
    arena_done(&l.arena);
    return out;
}
