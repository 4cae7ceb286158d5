#include "tuner/cli/evaluation.h"

#include "tuner/cli/cli.h"

#include "tuner/base/rng.h"
#include "tuner/base/yaml_flow.h"
#include "tuner/live/live.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *evaluation_study(const char *study, struct arena *arena)
{
    return arena_printf(arena, "%s-watch", study);
}

/* ---- the study in which it is run ---- */

static struct yaml_node *text_node(struct arena *a, const char *text)
{
    struct yaml_node *out = arena_alloc(a, sizeof *out);
    *out = (struct yaml_node){.kind = YAML_TEXT, .text = text, .quoted = true};
    return out;
}

static struct yaml_node *command_node(const struct evaluation *e, struct arena *a)
{
    struct yaml_node *out = arena_alloc(a, sizeof *out);
    *out = (struct yaml_node){.kind = YAML_LIST, .n = e->n_command};
    out->value = arena_array(a, e->n_command, sizeof *out->value);
    for (size_t i = 0; i < e->n_command; i++) out->value[i] = text_node(a, e->command[i]);
    return out;
}

/* The base's limits of a trial, with the other command. */
static const char *trial_text(const struct evaluation *e, const struct yaml_node *root, struct arena *a)
{
    static const struct yaml_node none = {.kind = YAML_MAP};
    const struct yaml_node *was = yaml_get(root, "trial");
    if (!was || was->kind != YAML_MAP) was = &none;
    struct yaml_node out = {.kind = YAML_MAP};
    out.key = arena_array(a, was->n + 1, sizeof *out.key), out.value = arena_array(a, was->n + 1, sizeof *out.value);
    out.key[out.n] = text_node(a, "command"), out.value[out.n++] = command_node(e, a);
    for (size_t i = 0; i < was->n; i++)
        if (strcmp(was->key[i]->text, "command") != 0) out.key[out.n] = was->key[i], out.value[out.n++] = was->value[i];
    return yaml_flow(&out, a);
}

/* One metric of its objective: a study must ask for something, and this one is not searched. */
static const char *objective_text(const struct objective *o, struct arena *a)
{
    size_t i = 0;
    while (i + 1 < o->n_metrics && !objective_uses(o, i)) i++;
    return arena_printf(a, "{%s: \"%s\"}", o->metric[i].goal == GOAL_MAXIMIZE ? "maximize" : "minimize",
                        o->metric[i].name);
}

static enum status make_study(const struct evaluation *e, struct arena *a, struct study **ret, struct error *err)
{
    enum { KEYS = 13 };
    const struct study *base = e->base;
    struct yaml_node *root = NULL;
    const char *text = NULL;
    enum status s = yaml_read(base->path, base->text, strlen(base->text), a, &root, err);
    if (s) return s;
    struct derived_key key[KEYS + 2] = {{"study", e->name},     {"objective", objective_text(&base->objective, a)},
                                        {"constraints", NULL},  {"baseline", NULL},
                                        {"references", NULL},   {"warm_start", NULL},
                                        {"budget", NULL},       {"stopping", NULL},
                                        {"schedule", NULL},     {"executor", NULL},
                                        {"search", NULL},       {"checkpoints", "{reuse: false}"},
                                        {"confirm", "{top: 0, seeds: 0}"}};
    size_t n = KEYS;
    if (e->command) {
        key[n++] = (struct derived_key){"trial", trial_text(e, root, a)};
        key[n++] = (struct derived_key){"stages", NULL};
    }
    if (base->pipeline.n == 0 || e->command) key[11].value = NULL; /* without stages there is nothing to reuse */
    s = study_derive(base->path, base->text, &(struct derived_keys){n, key}, a, &text, err);
    return s ? s : study_parse(base->path, text, strlen(text), ret, err);
}

/* ---- its trials ---- */

struct evaluating {
    struct evaluation *e;
    struct arena *arena;
};

static uint64_t seed_of(const struct memory *s, const struct evaluation *e, size_t k)
{
    struct rng rng = rng_derive(s->seed, e->tag, k);
    return rng_bits(&rng) >> 33;
}

static bool is_same(const struct memory *s, const double *a, const double *b)
{
    for (size_t i = 0; i < s->study->space.n; i++)
        if (a[i] != b[i] && !(isnan(a[i]) && isnan(b[i]))) return false;
    return true;
}

static const struct trial *find(const struct memory *s, const struct evaluation *e, size_t i, size_t k)
{
    uint64_t seed = seed_of(s, e, k);
    for (size_t t = s->n; t-- > 0;) {
        const struct trial *x = s->trial[t];
        if (x->seed == seed && !x->outside && strcmp(x->source, e->tag) == 0 && is_same(s, x->config, e->config[i]))
            return x;
    }
    return NULL;
}

static enum status add(struct history *h, void *data, struct error *err)
{
    const struct evaluation *e = ((struct evaluating *)data)->e;
    const struct memory *s = history_memory(h);
    (void)err;
    for (size_t k = 0; k < e->seeds; k++)
        for (size_t i = 0; i < e->n; i++)
            if (!find(s, e, i, k))
                history_add(h, &(struct addition){.role = ROLE_ENQUEUED,
                                                  .config = e->config[i],
                                                  .source = e->tag,
                                                  .seed = seed_of(s, e, k)});
    return STATUS_OK;
}

static void measure(const struct evaluating *x, const struct memory *s, size_t i)
{
    struct evaluation *e = x->e;
    size_t n_metrics = s->study->objective.n_metrics;
    for (size_t m = 0; m < n_metrics; m++) {
        double *value = arena_array(x->arena, e->seeds, sizeof *value), *each = arena_array(x->arena, e->seeds, sizeof *each);
        e->value[i][m] = (struct measured){.value = value};
        e->on_seed[i][m] = each;
        for (size_t k = 0; k < e->seeds; k++) {
            const struct trial *t = find(s, e, i, k);
            each[k] = t && t->state == TRIAL_COMPLETE && isfinite(t->value[m]) ? t->value[m] : NAN;
            if (!isnan(each[k])) value[e->value[i][m].n++] = each[k];
        }
    }
}

static void note_failure(const struct evaluating *x, const struct memory *s, size_t i)
{
    for (size_t k = 0; k < x->e->seeds; k++) {
        const struct trial *t = find(s, x->e, i, k);
        if (*x->e->failure || !t || t->state == TRIAL_COMPLETE) continue;
        x->e->failure = arena_printf(x->arena, "trial %ld of study %s: %s", t->number, s->study->name,
                                     t->reason ? t->reason : trial_state_name(t->state));
    }
}

static int over(struct history *h, void *data)
{
    const struct evaluating *x = data;
    const struct memory *s = history_memory(h);
    x->e->value = arena_array(x->arena, x->e->n, sizeof *x->e->value);
    x->e->on_seed = arena_array(x->arena, x->e->n, sizeof *x->e->on_seed);
    for (size_t i = 0; i < x->e->n; i++) {
        measure(x, s, i);
        note_failure(x, s, i);
    }
    return EXIT_OK;
}

int evaluation_run(struct evaluation *e, struct arena *arena)
{
    struct arena a = {0};
    struct study *study = NULL;
    struct error err = {.text = ""};
    struct evaluating x = {e, arena};
    const struct run_errand errand = {add, over, &x};
    e->failure = "";
    enum status s = make_study(e, &a, &study, &err);
    int code = s ? cli_fail(&err)
                 : run_study(study, &(struct run_options){.budget = {.until_minutes = -1},
                                                          .seed = -1,
                                                          .quiet = true,
                                                          .db = e->db,
                                                          .errand = &errand,
                                                          .err = &err});
    if (*err.text) e->failure = arena_strdup(arena, err.text);
    study_free(study);
    arena_done(&a);
    return code;
}

/* ---- one seed after the other ---- */

struct heat {
    struct evaluation *e;      /* of all */
    struct evaluation now;     /* of those that are left */
    size_t *place;             /* theirs in `e` */
    struct contest *contest;   /* n of `e` */
    size_t *seeds;             /* the same */
    struct arena *arena;
};

/* What this round says stays, also of who goes now. */
static void keep_values(struct heat *h)
{
    for (size_t i = 0; i < h->now.n; i++) {
        memcpy(h->e->value[h->place[i]], h->now.value[i], sizeof *h->now.value);
        memcpy(h->e->on_seed[h->place[i]], h->now.on_seed[i], sizeof *h->now.on_seed);
        h->seeds[h->place[i]] = h->now.seeds;
    }
}

static bool is_worse(struct heat *h, size_t i, size_t seed)
{
    double value[METRICS_MAX];
    for (size_t m = 0; m < h->e->base->objective.n_metrics; m++) value[m] = h->now.on_seed[i][m][seed];
    return contest_see(&h->contest[h->place[i]], seed, value);
}

static int run_heat(struct heat *h, size_t seed)
{
    const double **config = arena_array(h->arena, h->e->n, sizeof *config);
    for (size_t i = 0; i < h->now.n; i++) config[i] = h->e->config[h->place[i]];
    h->now.config = config;
    h->now.seeds = seed + 1;
    int code = evaluation_run(&h->now, h->arena);
    if (*h->now.failure && !*h->e->failure) h->e->failure = h->now.failure;
    if (code != EXIT_OK || !h->now.value) return code;
    keep_values(h);
    size_t left = 0;
    for (size_t i = 0; i < h->now.n; i++)
        if (!is_worse(h, i, seed)) h->place[left++] = h->place[i];
    h->now.n = left;
    return code;
}

int evaluation_race(struct evaluation *e, size_t **ret_seeds, struct arena *arena)
{
    struct evaluation first = *e;
    first.n = 1;
    int code = evaluation_run(&first, arena);
    e->failure = first.failure;
    if (code != EXIT_OK || !first.value) return code;
    struct heat h = {.e = e, .now = *e, .arena = arena};
    e->value = arena_array(arena, e->n, sizeof *e->value);
    e->on_seed = arena_array(arena, e->n, sizeof *e->on_seed);
    memcpy(e->value[0], first.value[0], sizeof *e->value);
    memcpy(e->on_seed[0], first.on_seed[0], sizeof *e->on_seed);
    h.place = arena_array(arena, e->n, sizeof *h.place);
    h.contest = arena_array(arena, e->n, sizeof *h.contest);
    *ret_seeds = h.seeds = arena_array(arena, e->n, sizeof *h.seeds);
    h.seeds[0] = e->seeds;
    h.now.n = e->n - 1;
    for (size_t i = 1; i < e->n; i++) {
        h.place[i - 1] = i;
        contest_begin(&h.contest[i], &e->base->objective, e->on_seed[0], e->seeds);
    }
    for (size_t k = 0; code == EXIT_OK && h.now.n > 0 && k < e->seeds; k++) code = run_heat(&h, k);
    return code;
}
