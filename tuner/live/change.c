#include "tuner/live/change.h"

#include "tuner/base/digest.h"

#include <string.h>

json_t *change_body(const char *why, const char *by)
{
    return json_pack("{s:s, s:s}", "why", why ? why : "", "by", by ? by : "nocturne");
}

enum status change_phase(struct record *r, enum live_phase phase, json_t *body, int64_t now_ms, struct error *err)
{
    const char *why = json_string_value(json_object_get(body, "why"));
    enum status s = experiment_enter(&r->experiment, phase, why ? why : "", now_ms, err);
    if (s)
        json_decref(body);
    else
        s = record_say(r, live_phase_name(phase), body, now_ms, err);
    return s;
}

enum status change_promote(struct record *r, size_t challenger, json_t *body, int64_t now_ms, struct error *err)
{
    char name[32], hex[DIGEST_HEX];
    const unsigned char *hash = r->hash[challenger + 1];
    r->experiment.winner = (int)challenger;
    json_object_set_new(body, "variant",
                        json_string(experiment_variant(&r->experiment, challenger + 1, name, sizeof name)));
    json_object_set_new(body, "champion", json_string(digest_hex(hash, hex)));
    enum status s = change_phase(r, LIVE_PROMOTED, body, now_ms, err);
    if (s) return s;
    record_serve(r, hash, now_ms);
    return s;
}

enum status change_step(struct record *r, size_t step, json_t *body, int64_t now_ms, struct error *err)
{
    r->experiment.step = step;
    r->experiment.step_from = findings_exposed(&r->findings);
    experiment_share(&r->experiment, now_ms);
    json_object_set_new(body, "share", json_number(r->plan.step[step]));
    return record_say(r, "ramped", body, now_ms, err);
}

enum status change_drop(struct record *r, size_t challenger, json_t *body, int64_t now_ms, struct error *err)
{
    struct experiment *e = &r->experiment;
    char name[32];
    double left = 0;
    e->dropped[challenger] = true;
    e->weight[challenger] = 0;
    for (size_t i = 0; i < e->n_challengers; i++) left += e->weight[i];
    for (size_t i = 0; i < e->n_challengers; i++) e->weight[i] /= left;
    experiment_share(e, now_ms);
    json_object_set_new(body, "variant", json_string(experiment_variant(e, challenger + 1, name, sizeof name)));
    return record_say(r, "dropped", body, now_ms, err);
}

enum status change_share(struct record *r, const struct preferred *preferred, json_t *body, int64_t now_ms,
                         struct error *err)
{
    struct experiment *e = &r->experiment;
    experiment_prefer(e, preferred->weight, preferred->part, now_ms);
    json_object_set_new(body, "shares", json_numbers(experiment_now(e)->share, e->n_challengers + 1));
    return record_say(r, "shared", body, now_ms, err);
}
