#include "tuner/coordinator/background.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double NEED_COVERAGE = 0.8; /* central interval whose upper end nine of ten stay under */

/* Owns its snapshot. */
struct thinking {
    uv_work_t work;
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

static void on_work(uv_work_t *work)
{
    struct thinking *t = work->data;
    struct thought *x = &t->thought;
    struct prediction p[METRICS_MAX];
    int tokens = objective_token_metric(&t->study->objective);
    x->status = search_suggest(t->search, &t->history, t->number, &x->suggestion, &x->err);
    if (x->status || tokens < 0 || x->suggestion.kind != SUGGESTION_MODEL) return;
    if (search_predict(t->search, &t->history, x->suggestion.config, NEED_COVERAGE, p, NULL) == STATUS_OK)
        x->tokens = p[tokens].high;
}

static void on_done(uv_work_t *work, int cancelled)
{
    struct thinking *t = work->data;
    lending_end(t->lender);
    t->done(t->data, cancelled ? NULL : &t->thought);
    arena_done(&t->arena);
    free(t);
}

void background_suggest(uv_loop_t *loop, struct history *history, struct search *search,
                        void (*done)(void *data, const struct thought *thought), void *data)
{
    const struct memory *s = history_memory(history);
    struct thinking *t = must_alloc(1, sizeof *t);
    t->work.data = t;
    t->study = s->study;
    t->search = search;
    t->lender = history;
    t->history = history_snapshot(history, &t->arena);
    t->number = (long)s->n;
    t->thought.known = s->seq;
    t->thought.tokens = NAN;
    t->done = done;
    t->data = data;
    uv_queue_work(loop, &t->work, on_work, on_done);
}

/* ---- judging ---- */

struct judging {
    uv_work_t work;
    struct forecaster *forecaster;
    struct question *question;
    void (*done)(void *data, struct question *question);
    void *data;
};

static void on_judge(uv_work_t *work)
{
    struct judging *j = work->data;
    monitor_think(j->forecaster, j->question);
}

static void on_judged(uv_work_t *work, int cancelled)
{
    struct judging *j = work->data;
    (void)cancelled; /* nothing cancels it */
    j->done(j->data, j->question);
    free(j);
}

void background_judge(uv_loop_t *loop, struct forecaster *forecaster, struct question *question,
                      void (*done)(void *data, struct question *question), void *data)
{
    struct judging *j = must_alloc(1, sizeof *j);
    *j = (struct judging){.forecaster = forecaster, .question = question, .done = done, .data = data};
    j->work.data = j;
    uv_queue_work(loop, &j->work, on_judge, on_judged);
}

/* ---- looking again ---- */

struct looking {
    uv_work_t work;
    struct forecaster *forecaster;
    struct second_look *look;
    void (*done)(void *data, struct second_look *look);
    void *data;
};

static void on_look(uv_work_t *work)
{
    struct looking *l = work->data;
    second_look_think(l->forecaster, l->look);
}

static void on_looked(uv_work_t *work, int cancelled)
{
    struct looking *l = work->data;
    (void)cancelled; /* nothing cancels it */
    l->done(l->data, l->look);
    free(l);
}

void background_look(uv_loop_t *loop, struct forecaster *forecaster, struct second_look *look,
                     void (*done)(void *data, struct second_look *look), void *data)
{
    struct looking *l = must_alloc(1, sizeof *l);
    *l = (struct looking){.forecaster = forecaster, .look = look, .done = done, .data = data};
    l->work.data = l;
    uv_queue_work(loop, &l->work, on_look, on_looked);
}
