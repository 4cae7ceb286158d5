#include "tuner/cli/evaluation.h"

#include "tuner/cli/cli.h"

#include "tuner/base/json.h"
#include "tuner/base/rng.h"
#include "tuner/base/yaml_flow.h"

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
    const struct memory *memory; /* of the study in which it is run */
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

static bool is_on(const struct memory *s, const struct evaluation *e, const struct trial *t, size_t k)
{
    return t->seed == seed_of(s, e, k) && !t->outside && strcmp(t->source, e->tag) == 0;
}

/* Is it that of configuration i on seed k? */
static bool is_of(const struct memory *s, const struct evaluation *e, const struct trial *t, size_t i, size_t k)
{
    return is_on(s, e, t, k) && is_same(s, t->config, e->config[i]);
}

static const struct trial *find(const struct memory *s, const struct evaluation *e, size_t i, size_t k)
{
    for (size_t t = s->n; t-- > 0;)
        if (is_of(s, e, s->trial[t], i, k)) return s->trial[t];
    return NULL;
}

static enum status add(struct history *h, void *data, struct error *err)
{
    struct evaluating *x = data;
    const struct evaluation *e = x->e;
    const struct memory *s = x->memory = history_memory(h);
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
        if (*x->e->failure || !t || t->state == TRIAL_COMPLETE || t->state == TRIAL_PRUNED) continue;
        x->e->failure = arena_printf(x->arena, "trial %ld of study %s: %s", t->number, s->study->name,
                                     t->reason ? t->reason : trial_state_name(t->state));
    }
}

static void note_stop(const struct evaluating *x, const struct memory *s, size_t i)
{
    for (size_t k = 0; k < x->e->seeds; k++) {
        const struct trial *t = find(s, x->e, i, k);
        if (t && t->state == TRIAL_PRUNED) x->e->stopped[i] = arena_strdup(x->arena, t->reason ? t->reason : "");
    }
}

/* ---- what they say of items ---- */

static void values_of(const struct objective *o, const struct store_item *item, double *ret)
{
    for (size_t m = 0; m < o->n_metrics; m++) ret[m] = NAN;
    for (size_t i = 0; i < item->n; i++) {
        int m = objective_find_metric(o, item->name[i]);
        if (m >= 0) ret[m] = item->value[i];
    }
}

struct recalling {
    const struct objective *objective;
    struct answers *said;
};

static void on_item(void *data, const struct store_item *item)
{
    const struct recalling *x = data;
    double value[METRICS_MAX];
    values_of(x->objective, item, value);
    answers_add(x->said, item->id, value);
}

/* Those that cannot be read are none: then seeds are compared. */
static void recall_items(const struct evaluating *x, const struct memory *s)
{
    const struct objective *o = &s->study->objective;
    for (size_t k = 0; k < x->e->seeds; k++) {
        const struct trial *t = find(s, x->e, 0, k);
        struct recalling r = {o, &x->e->said[k]};
        answers_begin(r.said, o->n_metrics, x->arena);
        if (t && t->state == TRIAL_COMPLETE && history_items(s, t, on_item, &r, NULL))
            answers_begin(r.said, o->n_metrics, x->arena);
    }
}

static const char *weigh(void *data, const struct trial *t, const char *id, const json_t *metrics)
{
    const struct evaluating *x = data;
    const struct objective *o = &x->memory->study->objective;
    double value[METRICS_MAX];
    for (size_t m = 0; m < o->n_metrics; m++) value[m] = json_number_at(metrics, o->metric[m].name);
    for (size_t k = 0; k < x->e->seeds; k++)
        for (size_t i = 0; i < x->e->n && is_on(x->memory, x->e, t, k); i++)
            if (is_same(x->memory, t->config, x->e->config[i])) return x->e->weigh(x->e->data, i, k, id, value);
    return NULL;
}

static int over(struct history *h, void *data)
{
    const struct evaluating *x = data;
    const struct memory *s = history_memory(h);
    x->e->value = arena_array(x->arena, x->e->n, sizeof *x->e->value);
    x->e->on_seed = arena_array(x->arena, x->e->n, sizeof *x->e->on_seed);
    x->e->stopped = arena_array(x->arena, x->e->n, sizeof *x->e->stopped);
    for (size_t i = 0; i < x->e->n; i++) {
        measure(x, s, i);
        note_failure(x, s, i);
        note_stop(x, s, i);
    }
    if (x->e->said) recall_items(x, s);
    return EXIT_OK;
}

int evaluation_run(struct evaluation *e, struct arena *arena)
{
    struct arena a = {0};
    struct study *study = NULL;
    struct error err = {.text = ""};
    struct evaluating x = {e, arena, NULL};
    const struct run_errand errand = {add, over, e->weigh ? weigh : NULL, &x};
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

static bool is_over(const struct memory *s, const struct evaluation *e)
{
    for (size_t k = 0; k < e->seeds; k++)
        for (size_t i = 0; i < e->n; i++) {
            const struct trial *t = find(s, e, i, k);
            if (!t || !trial_state_final(t->state)) return false;
        }
    return true;
}

bool evaluation_recall(struct evaluation *e, struct arena *arena)
{
    struct store *store = NULL;
    struct study *study = NULL;
    struct history *history = NULL;
    struct evaluating x = {e, arena, NULL};
    bool found = false;
    if (store_open(e->db, STORE_EXISTING, &store, NULL)) return false;
    if (history_load(store, e->name, clock_real(), &study, &history, NULL) == STATUS_OK) {
        found = is_over(history_memory(history), e);
        e->failure = "";
        if (found) over(history, &x);
    }
    history_free(history);
    study_free(study);
    store_close(store);
    return found;
}
