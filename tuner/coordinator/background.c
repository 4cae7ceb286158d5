#include "tuner/coordinator/background.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double NEED_COVERAGE = 0.8; /* central interval whose upper end nine of ten stay under */

struct work {
    uv_work_t handle;
    void (*think)(void *data);
    void (*done)(void *data);
    void *data;
};

static void on_work(uv_work_t *handle)
{
    struct work *w = handle->data;
    w->think(w->data);
}

static void on_done(uv_work_t *handle, int cancelled)
{
    struct work *w = handle->data;
    (void)cancelled; /* nothing cancels it */
    w->done(w->data);
    free(w);
}

void background_think(uv_loop_t *loop, void (*think)(void *data), void (*done)(void *data), void *data)
{
    struct work *w = must_alloc(1, sizeof *w);
    *w = (struct work){.think = think, .done = done, .data = data};
    w->handle.data = w;
    uv_queue_work(loop, &w->handle, on_work, on_done);
}

/* ---- suggestions ---- */

/* Owns its snapshot. */
struct thinking {
    const struct study *study;
    struct search *search;
    struct history *lender;
    struct arena arena;
    struct search_history history;
    long number;
    struct thought thought;
    void (*done)(void *data, const struct thought *thought);
    void *data;
};

static void suggest(void *data)
{
    struct thinking *t = data;
    struct thought *x = &t->thought;
    struct prediction p[METRICS_MAX];
    int tokens = objective_token_metric(&t->study->objective);
    x->status = search_suggest(t->search, &t->history, t->number, &x->suggestion, &x->err);
    x->tokens = tokens >= 0 && !x->status ? x->suggestion.cost : NAN;
    if (isfinite(x->tokens) || x->status || tokens < 0 || x->suggestion.kind != SUGGESTION_MODEL) return;
    if (search_predict(t->search, &t->history, x->suggestion.config, NEED_COVERAGE, p, NULL) == STATUS_OK)
        x->tokens = p[tokens].high;
}

static void on_suggested(void *data)
{
    struct thinking *t = data;
    lending_end(t->lender);
    t->done(t->data, &t->thought);
    arena_done(&t->arena);
    free(t);
}

void background_suggest(uv_loop_t *loop, struct history *history, struct search *search,
                        void (*done)(void *data, const struct thought *thought), void *data)
{
    const struct memory *s = history_memory(history);
    struct thinking *t = must_alloc(1, sizeof *t);
    t->study = s->study;
    t->search = search;
    t->lender = history;
    t->history = history_snapshot(history, &t->arena);
    t->number = (long)s->n;
    t->thought.known = s->seq;
    t->thought.tokens = NAN;
    t->done = done;
    t->data = data;
    background_think(loop, suggest, on_suggested, t);
}
