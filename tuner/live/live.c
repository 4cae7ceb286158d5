#include "tuner/live/live.h"

#include "tuner/live/record.h"

struct taking {
    const char *rollout;
    struct live_batch *batch;
    size_t n;
    int64_t now_ms;
    struct record r;
};

static json_t *answer_json(const struct intake_answer *a)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:o}", "taken", (json_int_t)a->n[INTAKE_TAKEN], "repeated",
                     (json_int_t)a->n[INTAKE_REPEATED], "late", (json_int_t)a->n[INTAKE_LATE], "left_out",
                     (json_int_t)a->n[INTAKE_LEFT_OUT], "refused", a->refused);
}

/* The list; NULL: why it is none is in the batch. */
static const json_t *list_of(struct live_batch *b)
{
    const json_t *list = json_object_get(b->body, "outcomes");
    if (!json_is_array(list))
        error_set(&b->err, STATUS_INVALID, "\"outcomes\" must be a list, such as {\"outcomes\": [{\"unit\": …}]}");
    else if (json_array_size(list) > INTAKE_ITEMS_MAX)
        error_set(&b->err, STATUS_INVALID, "%zu outcomes at once; at most %d", json_array_size(list), INTAKE_ITEMS_MAX);
    else
        return list;
    return NULL;
}

static enum status take(struct store *store, void *data, struct error *err)
{
    struct taking *t = data;
    struct lane lane;
    enum status s = record_open(&t->r, store, t->rollout, RECORD_STATE, err);
    if (!s) t->now_ms = record_time(&t->r, t->now_ms);
    for (size_t i = 0; !s && i < t->n; i++) {
        struct intake_answer a = {.refused = NULL};
        const json_t *list = list_of(&t->batch[i]);
        if (!list) continue;
        s = intake_take(record_lane(&t->r, &lane) ? &lane : NULL, list, t->now_ms, &a, err);
        if (s)
            json_decref(a.refused);
        else
            t->batch[i].answer = answer_json(&a);
    }
    return s ? s : record_keep(&t->r, err);
}

enum status live_take(struct store *store, const char *rollout, struct live_batch *batch, size_t n, int64_t now_ms,
                      struct error *err)
{
    struct taking t = {.rollout = rollout, .batch = batch, .n = n, .now_ms = now_ms};
    enum status s = store_live(store, take, &t, err);
    for (size_t i = 0; s && i < n; i++) {
        json_decref(batch[i].answer);
        batch[i].answer = NULL;
        batch[i].err = *err;
    }
    record_done(&t.r);
    return s;
}

enum status live_ruleset(struct store *store, const char *rollout, struct ruleset **ret, struct error *err)
{
    struct record r;
    struct ruleset *x = NULL;
    enum status s = record_open(&r, store, rollout, RECORD_STATE, err);
    if (!s && !(x = ruleset_create(&r, err))) s = err->status;
    if (!s) *ret = x;
    record_done(&r);
    return s;
}
