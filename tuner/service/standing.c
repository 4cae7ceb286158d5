#include "tuner/service/standing.h"

#include "tuner/service/folded.h"

#include "tuner/base/digest.h"

#include "tuner/analysis/analysis.h"

#include <string.h>

/* What only the loop knows of a study at work. */
struct fact {
    const char *study, *mark; /* mark: of what it is now, besides the log */
    struct document_host host;
};

struct standing_now {
    struct fact *fact;
    size_t n;
    unsigned status; /* of the answer to come */
};

static struct fact fact_of(struct request *r, const struct active_study *as)
{
    const struct coordinator *at = as->active->coordinator;
    const struct document_host host = {.hosted = true,
                                       .step = coordinator_phase(at),
                                       .paused = arena_strdup(&r->arena, coordinator_pause_reason(at)),
                                       .busy = coordinator_busy(at)};
    uint64_t mark = digest_quick(digest_quick(DIGEST_QUICK_SEED, host.step), host.paused);
    return (struct fact){.study = arena_strdup(&r->arena, as->study->name),
                         .mark = arena_printf(&r->arena, "%llx.%zu.%.17g", (unsigned long long)mark, host.busy,
                                              ledger_tokens(as->active->memory)),
                         .host = host};
}

static struct standing_now *take(struct request *r, const char *study)
{
    struct standing_now *all = arena_alloc(&r->arena, sizeof *all);
    size_t n = 0;
    for (const struct active_study *as = r->service->active; as; as = as->next) n++;
    all->fact = arena_array(&r->arena, n + 1, sizeof *all->fact);
    for (const struct active_study *as = r->service->active; as; as = as->next) {
        if (as->over || (study && strcmp(as->study->name, study) != 0)) continue;
        all->fact[all->n++] = fact_of(r, as);
    }
    return all;
}

static const struct document_host *find_host(const struct standing_now *all, const char *study)
{
    static const struct document_host elsewhere = {.hosted = false};
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->fact[i].study, study) == 0) return &all->fact[i].host;
    return &elsewhere;
}

const struct standing_now *standing_take(struct request *r, const char *study)
{
    return take(r, study);
}

enum status standing_find(struct request *r, const struct standing_now *x, const char *name, json_t **ret,
                          struct error *err)
{
    return folded_state(r->service->folded[r->beside.work.kind], r->store, name, find_host(x, name), ret, err);
}

json_t *standing_fresh(struct request *r, const struct active_study *as)
{
    struct arena a = {0};
    const struct document d = document_of(as->active->memory, &a);
    json_t *out = document_kept_json(&d);
    document_show(out, true, find_host(take(r, as->study->name), as->study->name));
    arena_done(&a);
    return out;
}

/* ---- answers ---- */

void standing_fail(struct request *r, const struct error *err)
{
    if (err->status == STATUS_NOT_FOUND)
        request_problem(r, 404, "there is no study '%s'", r->param[0]);
    else
        request_fail(r, err);
}

void standing_fail_opening(struct request *r, const char *study, const struct error *err)
{
    if (err->status == STATUS_BUSY && store_hold_taken(r->store, study))
        request_problem(r, 503, "%s", err->text);
    else
        standing_fail(r, err);
}

/* Of a study that another process runs only that one knows whether there is something new. */
static bool is_news(struct request *r)
{
    const struct standing_now *x = r->state;
    if (x->n == 0 && store_hold_taken(r->store, r->param[0])) return true;
    return request_is_news(r, x->n ? x->fact[0].mark : NULL);
}

void standing_show(struct request *r)
{
    const struct standing_now *x = r->state;
    struct error err;
    json_t *one;
    if (standing_find(r, x, r->param[0], &one, &err))
        standing_fail(r, &err);
    else
        request_answer(r, x->status, one);
}

void standing_show_news(struct request *r)
{
    if (is_news(r)) standing_show(r);
}

void standing_answer(struct request *r, unsigned status, void (*run)(struct request *r))
{
    struct standing_now *x = r->state = take(r, r->param[0]);
    x->status = status;
    request_work(r, run, NULL);
}
