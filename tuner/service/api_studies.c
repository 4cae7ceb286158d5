/* /api/v1/studies: which there are, and how they stand */
#include "tuner/service/standing.h"
#include "tuner/service/waking.h"


#include <string.h>

/* ---- all ---- */

struct listing {
    const struct standing_now *now;
    long offset, limit;
};

/* One that was deleted meanwhile is left out; of one that cannot be read it is said. */
static enum status add_study(struct request *r, const char *name, json_t *all, struct error *err)
{
    const struct listing *l = r->state;
    json_t *one = NULL;
    enum status st = standing_find(r, l->now, name, &one, err);
    if (st == STATUS_BUSY) return st;
    if (st && st != STATUS_NOT_FOUND) one = json_pack("{s:s, s:s}", "study", name, "problem", err->text);
    if (one) json_array_append_new(all, one);
    return STATUS_OK;
}

static size_t keep_visible(const struct request *r, const char **name, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (request_may_see(r, name[i])) name[kept++] = name[i];
    return kept;
}

static void list_studies(struct request *r)
{
    const struct listing *l = r->state;
    struct error err;
    const char **name;
    size_t n;
    enum status st = store_study_names(r->store, &r->arena, &name, &n, &err);
    json_t *all = json_array();
    if (!st) n = keep_visible(r, name, n);
    for (size_t i = (size_t)l->offset; !st && i < n && i < (size_t)(l->offset + l->limit); i++)
        st = add_study(r, name[i], all, &err);
    if (st) {
        json_decref(all);
        request_fail(r, &err);
    } else
        request_answer(r, 200, json_pack("{s:o, s:I}", "studies", all, "total", (json_int_t)n));
}

static void on_list_studies(struct request *r)
{
    struct listing *l = r->state = arena_alloc(&r->arena, sizeof *l);
    if (!request_number(r, "offset", 0, 0, 1000000000, &l->offset) ||
        !request_number(r, "limit", 100, 1, 1000, &l->limit))
        return;
    l->now = standing_take(r, NULL);
    request_work(r, list_studies, NULL);
}

/* ---- one ---- */

static void on_get_study(struct request *r)
{
    if (!waking_waits(r, r->param[0])) standing_answer(r, 200, standing_show_news);
}

static void show_budgets(struct request *r)
{
    struct error err;
    json_t *one;
    if (standing_find(r, r->state, r->param[0], &one, &err)) {
        standing_fail(r, &err);
        return;
    }
    request_answer(r, 200, json_pack("{s:s, s:O*}", "study", r->param[0], "budgets", json_object_get(one, "budgets")));
    json_decref(one);
}

static void on_get_budgets(struct request *r)
{
    standing_answer(r, 200, show_budgets);
}

const struct route api_studies_routes[] = {
    {"GET", "/api/v1/studies", GRANT_VIEW, on_list_studies, 0, BODY_NONE, false},
    {"GET", ROUTE_STUDY, GRANT_VIEW, on_get_study, 0, BODY_NONE, false},
    {"GET", ROUTE_STUDY "/budgets", GRANT_VIEW, on_get_budgets, 0, BODY_NONE, false},
    {0},
};
