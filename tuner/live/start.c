#include "tuner/live/live.h"

#include "tuner/live/record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct starting {
    const struct live_wish *wish;
    int64_t now_ms;
    struct record *r;
    unsigned char champion[STORE_HASH_BYTES];
    char salt[ASSIGNMENT_SALT_MAX + 1];
};

/* ---- what cannot be ---- */

static enum status check_wish(const struct live_wish *w, struct error *err)
{
    if (w->n == 0 || w->n > LIVE_CHALLENGERS_MAX)
        return error_set(err, STATUS_INVALID, "an experiment has 1 to %d challengers, not %zu", LIVE_CHALLENGERS_MAX,
                         w->n);
    if (w->salt && (!*w->salt || strlen(w->salt) > ASSIGNMENT_SALT_MAX || strchr(w->salt, ':')))
        return error_set(err, STATUS_INVALID, "a salt has 1 to %d bytes and no colon", ASSIGNMENT_SALT_MAX);
    return STATUS_OK;
}

static enum status check_different(const struct starting *x, struct error *err)
{
    const struct live_wish *w = x->wish;
    for (size_t i = 0; i < w->n; i++) {
        bool same = memcmp(w->challenger[i].hash, x->champion, STORE_HASH_BYTES) == 0;
        if (same)
            return error_set(err, STATUS_INVALID, "a challenger is the champion's own configuration; choose another");
        for (size_t k = 0; k < i; k++)
            if (memcmp(w->challenger[i].hash, w->challenger[k].hash, STORE_HASH_BYTES) == 0)
                return error_set(err, STATUS_INVALID, "two challengers are the same configuration");
    }
    return STATUS_OK;
}

static enum status check_overrides(const struct experiment *e, struct error *err)
{
    for (size_t i = 0; i < e->plan->n_overrides; i++)
        if (experiment_arm(e, e->plan->override[i].variant) < 0)
            return error_set(err, STATUS_INVALID, "overrides: there is no variant '%.48s'",
                             e->plan->override[i].variant);
    return STATUS_OK;
}

/* Variance at its largest, where nothing is known yet: who is refused could not decide it in the best case either. */
static enum status check_units(const struct live_plan *p, size_t n_challengers, struct error *err)
{
    double both, share = live_plan_last_share(p, n_challengers, &both);
    for (size_t i = 0; p->units > 0 && i < p->n_metrics; i++) {
        const struct live_metric *m = &p->metric[i];
        if (m->proof != PROOF_NOT_WORSE) continue;
        double variance = 0.05, effect = m->effect / (m->high - m->low); /* EM of 0.95 */
        double needed = exposure_fixed(variance, share, effect) / both;
        if (needed > p->units)
            return error_set(err, STATUS_INVALID,
                             "units: %.0f cannot decide a difference of %g in %s: even where 19 of 20 answers are right "
                             "it takes %.0f; plan more units, a larger effect, or fewer challengers",
                             p->units, m->effect, m->name, ceil(needed));
    }
    return STATUS_OK;
}

/* ---- the salt ---- */

static bool are_same_arms(const struct starting *x)
{
    const struct record *r = x->r;
    bool same = r->row.id && r->n_hashes == x->wish->n + 1 && memcmp(r->hash[0], x->champion, STORE_HASH_BYTES) == 0;
    for (size_t i = 0; same && i < x->wish->n; i++)
        same = memcmp(r->hash[i + 1], x->wish->challenger[i].hash, STORE_HASH_BYTES) == 0;
    return same;
}

static enum status choose_salt(struct starting *x, struct error *err)
{
    struct store_experiment other;
    bool again = are_same_arms(x);
    const char *salt = x->wish->salt;
    if (salt)
        snprintf(x->salt, sizeof x->salt, "%s", salt);
    else if (again)
        snprintf(x->salt, sizeof x->salt, "%s", x->r->row.salt);
    else
        snprintf(x->salt, sizeof x->salt, "%.100s-%ld", x->wish->rollout, x->r->row.number + 1);
    enum status s = store_experiment_salted(x->r->store, x->salt, &x->r->arena, &other, err);
    if (s == STATUS_NOT_FOUND) return STATUS_OK;
    if (s || (again && other.id == x->r->row.id)) return s;
    return error_set(err, STATUS_INVALID,
                     "salt '%s' was used by another experiment: the same units would be its challengers' again, and what "
                     "they still feel of it would be counted; choose another",
                     x->salt);
}

/* ---- into the store ---- */

static enum status put_configurations(const struct starting *x, struct error *err)
{
    const struct live_wish *w = x->wish;
    enum status s =
        w->champion ? store_configuration_put(x->r->store, w->champion->hash, w->champion->body, err) : STATUS_OK;
    for (size_t i = 0; !s && i < w->n; i++)
        s = store_configuration_put(x->r->store, w->challenger[i].hash, w->challenger[i].body, err);
    return s;
}

static enum status found_rollout(struct starting *x, struct error *err)
{
    struct store_rollout *ro = &x->r->rollout;
    if (!x->wish->champion)
        return error_set(err, STATUS_INVALID,
                         "rollout '%s' is new: say what is served now, with a champion (a trial, or a file of parameters)",
                         x->wish->rollout);
    *ro = (struct store_rollout){
        .name = x->wish->rollout, .study = x->wish->study, .since_ms = x->now_ms, .state = "{}"};
    memcpy(ro->champion, x->wish->champion->hash, STORE_HASH_BYTES);
    return store_rollout_insert(x->r->store, ro, &ro->id, err);
}

static enum status settle_champion(struct starting *x, struct error *err)
{
    struct store_rollout *ro = &x->r->rollout;
    const struct configuration *c = x->wish->champion;
    if (record_is_open(x->r))
        return error_set(err, STATUS_CONFLICT,
                         "experiment %ld of rollout '%s' is %s; promote, roll back or stop it first", x->r->row.number,
                         ro->name, live_phase_name(x->r->experiment.phase));
    if (c && memcmp(c->hash, ro->champion, STORE_HASH_BYTES) != 0) record_serve(x->r, c->hash, x->now_ms);
    memcpy(x->champion, ro->champion, STORE_HASH_BYTES);
    return STATUS_OK;
}

static json_t *hashes_json(const struct starting *x)
{
    char hex[DIGEST_HEX];
    json_t *out = json_array();
    json_array_append_new(out, json_string(digest_hex(x->champion, hex)));
    for (size_t i = 0; i < x->wish->n; i++)
        json_array_append_new(out, json_string(digest_hex(x->wish->challenger[i].hash, hex)));
    return out;
}

static enum status insert_experiment(struct starting *x, const struct live_plan *plan, struct error *err)
{
    struct record *r = x->r;
    struct store_experiment row = {.rollout = r->rollout.id,
                                   .number = r->row.number + 1,
                                   .salt = x->salt,
                                   .plan = x->wish->plan,
                                   .created_ms = x->now_ms};
    r->plan = *plan;
    experiment_begin(&r->experiment, &r->plan, x->wish->n, x->now_ms, &r->arena);
    findings_init(&r->findings, &r->plan, x->wish->n, &r->arena);
    enum status s = check_overrides(&r->experiment, err);
    if (!s && plan->learn == 0) s = findings_begin(&r->findings, err);
    if (s) return s;
    json_t *variants = hashes_json(x), *state = experiment_json(&r->experiment), *kept = findings_json(&r->findings);
    char *text[] = {json_tight(variants), json_tight(state), json_tight(kept)};
    row.variants = text[0], row.state = text[1], row.evidence = text[2];
    s = store_experiment_insert(r->store, &row, &row.id, err);
    r->row = row;
    if (!s)
        s = record_say(
            r, "started",
            json_pack("{s:s, s:o, s:s}", "by", x->wish->by, "variants", json_incref(variants), "salt", x->salt),
            x->now_ms, err);
    if (!s) s = record_keep(r, err);
    for (size_t i = 0; i < 3; i++) free(text[i]);
    json_decref(variants);
    json_decref(state);
    json_decref(kept);
    return s;
}

static enum status start(struct store *store, void *data, struct error *err)
{
    struct starting *x = data;
    struct live_plan plan;
    enum status s = record_open(x->r, store, x->wish->rollout, RECORD_WHOLE, err);
    bool is_new = s == STATUS_NOT_FOUND;
    if (s && !is_new) return s;
    s = live_plan_read(x->wish->plan_name, x->wish->plan, &x->r->arena, &plan, err);
    if (!s) s = check_units(&plan, x->wish->n, err);
    if (!s) s = put_configurations(x, err);
    if (!s && is_new) s = found_rollout(x, err);
    if (!s) s = settle_champion(x, err);
    if (!s) s = check_different(x, err);
    if (!s) s = choose_salt(x, err);
    return s ? s : insert_experiment(x, &plan, err);
}

enum status live_start(struct store *store, const struct live_wish *wish, int64_t now_ms, struct error *err)
{
    struct record r = {.store = store};
    struct starting x = {.wish = wish, .now_ms = now_ms, .r = &r};
    enum status s = record_check_name(wish->rollout, err);
    if (!s) s = check_wish(wish, err);
    if (!s) s = store_live(store, start, &x, err);
    record_done(&r);
    return s;
}
