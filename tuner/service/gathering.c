#include "tuner/service/gathering.h"

#include "tuner/base/json.h"
#include "tuner/live/live.h"

#include <stdlib.h>
#include <string.h>

enum {
    WAITING_BYTES = 32 << 20, /* of bodies of all rollouts */
    WAITING_MAX = 20000,      /* requests of a rollout */
    BATCH_BYTES = 2 << 20,    /* in one transaction, and one body more … */
    BATCH_MAX = 2000,         /* … or so many bodies */
    MARKS_MAX = 300000,       /* of a body: 10,000 outcomes with all that one can have */
};

/* A body on its way. */
struct parcel {
    struct parcel *next;
    struct request *r; /* NULL: nobody waits for an answer */
    char *body;
    size_t n;
    json_t *json;   /* the body, read; NULL: it cannot be */
    unsigned fault; /* why: its status; 0: it is asked of the store */
    struct live_batch batch;
    char *answer;
};

struct parcels {
    struct parcel *first, **last;
    size_t n, bytes;
};

struct gathering { /* of one rollout, while a work is on its way */
    struct gathering *next;
    struct service *service;
    char *name;
    struct parcels come, taken; /* taken: in the transaction that is on its way */
    struct work work;
    struct error err; /* of it */
};

/* ---- parcels ---- */

static void put(struct parcels *all, struct parcel *p)
{
    if (!all->first) all->last = &all->first;
    p->next = NULL;
    *all->last = p;
    all->last = &p->next;
    all->n++;
    all->bytes += p->n;
}

static struct parcel *take_first(struct parcels *all)
{
    struct parcel *p = all->first;
    if (!p) return NULL;
    all->first = p->next;
    all->n--;
    all->bytes -= p->n;
    return p;
}

static void parcel_free(struct parcel *p)
{
    json_decref(p->json);
    free(p->answer);
    free(p->body);
    free(p);
}

/* ---- beside the loop ---- */

static enum status parse(struct parcel *p)
{
    struct error *err = &p->batch.err;
    p->fault = 400;
    if (json_marks(p->body, p->n) > MARKS_MAX)
        return error_set(err, STATUS_INVALID, "this JSON has more than %d commas, colons and brackets; send less at once",
                         MARKS_MAX);
    if (json_parse_object(p->body, p->n, &p->json, err) && !salvage_outcomes(p->body, p->n, &p->json))
        return err->status;
    p->fault = 422;
    enum status s = json_only(p->json, err, "outcomes", NULL);
    if (!s) p->fault = 0;
    return s;
}

/* Whoever made no sense is left out of the transaction. */
static enum status take(struct gathering *g, struct store *store)
{
    struct live_batch *all = must_alloc(g->taken.n + 1, sizeof *all);
    size_t n = 0, k = 0;
    for (struct parcel *p = g->taken.first; p; p = p->next) {
        if (!p->json && !p->fault) parse(p);
        if (!p->fault) all[n++] = (struct live_batch){.body = p->json};
    }
    enum status s = n ? live_take(store, g->name, all, n, clock_wall_ms(g->service->clock), &g->err) : STATUS_OK;
    for (struct parcel *p = g->taken.first; p; p = p->next)
        if (!p->fault) p->batch = all[k++];
    free(all);
    return s;
}

static void write_answer(struct parcel *p)
{
    if (p->batch.answer) p->answer = json_text(p->batch.answer);
    json_decref(p->batch.answer);
    json_decref(p->json);
    p->batch.answer = p->json = NULL;
}

static bool run(struct work *w, struct store *store)
{
    struct gathering *g = w->data;
    g->err.status = STATUS_OK;
    if (take(g, store) == STATUS_BUSY && !w->last) return true;
    for (struct parcel *p = g->taken.first; p; p = p->next) write_answer(p);
    return false;
}

/* ---- on the loop ---- */

static void answer(const struct gathering *g, struct parcel *p)
{
    struct request *r = p->r;
    if (!r) return;
    if (g->work.unable)
        request_problem(r, 503, g->service->closing ? "the service is stopping" : "the database cannot be opened now");
    else if (p->fault)
        request_problem(r, p->fault, "%s", p->batch.err.text);
    else if (p->answer)
        request_text(r, 200, "application/json", p->answer, strlen(p->answer));
    else
        request_fail(r, &p->batch.err);
}

static void begin(struct gathering *g);

static void end(struct gathering *g)
{
    struct gathering **at = &g->service->live.gathering;
    while (*at != g) at = &(*at)->next;
    *at = g->next;
    free(g->name);
    free(g);
}

static void done(struct work *w)
{
    struct gathering *g = w->data;
    g->service->live.bytes -= g->taken.bytes;
    for (struct parcel *p; (p = take_first(&g->taken));) {
        answer(g, p);
        parcel_free(p);
    }
    if (g->come.n)
        begin(g);
    else
        end(g);
}

static void begin(struct gathering *g)
{
    while (g->come.n && g->taken.n < BATCH_MAX && g->taken.bytes < BATCH_BYTES) put(&g->taken, take_first(&g->come));
    g->work = (struct work){.who = "outcomes", .kind = WORK_LIVE, .data = g, .run = run, .done = done};
    works_add(g->service->works, &g->work);
}

static struct gathering *find(const struct service *s, const char *rollout)
{
    struct gathering *g = s->live.gathering;
    while (g && strcmp(g->name, rollout) != 0) g = g->next;
    return g;
}

static struct gathering *create(struct service *s, const char *rollout)
{
    struct gathering *g = must_alloc(1, sizeof *g);
    *g = (struct gathering){.next = s->live.gathering, .service = s, .name = must_strdup(rollout)};
    return s->live.gathering = g;
}

static struct parcel *wrap(struct request *r)
{
    struct parcel *p = must_alloc(1, sizeof *p);
    *p = (struct parcel){.r = r, .body = must_alloc(r->http->n + 1, 1), .n = r->http->n};
    memcpy(p->body, r->http->body, p->n);
    return p;
}

static void on_cancel(struct request *r)
{
    ((struct parcel *)r->state)->r = NULL;
}

void gathering_add(struct request *r)
{
    struct service *s = r->service;
    struct gathering *g = find(s, r->param[0]);
    bool idle = g == NULL;
    if (s->live.bytes + r->http->n > WAITING_BYTES || (g && g->come.n >= WAITING_MAX)) {
        request_problem(r, 429, "too many outcomes are waiting; try again, or send more of them in one request");
        return;
    }
    struct parcel *p = r->state = wrap(r);
    if (idle) g = create(s, r->param[0]);
    put(&g->come, p);
    s->live.bytes += p->n;
    request_wait(r, &s->live.waiting, on_cancel);
    if (idle) begin(g);
}
